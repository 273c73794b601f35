"""What a command works on: the root, its settings, the chosen rules, the files to search."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import __version__, registry
from hephaestus_codemods.config import ignore
from hephaestus_codemods.config.arguments import without_lines
from hephaestus_codemods.config.discovery import Discovery, discover
from hephaestus_codemods.config.settings import Said, Settings, load_settings
from hephaestus_codemods.engine import cache as caching
from hephaestus_codemods.engine.model import FileResult, Selection
from hephaestus_codemods.engine.run import Job, in_workers, jobs_for
from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.files import (
    DiskFiles,
    all_paths,
    cache_file,
    keep_cache,
    load_cache,
)
from hephaestus_codemods.flows.place import root_of
from hephaestus_codemods.project.project import Digests
from hephaestus_codemods.rule import Rule, Safety, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hephaestus_codemods.registry import Catalogue, Listed


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    paths: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    all_rules: bool = False
    ignore: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    safety: str | None = None
    sets: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    config: str | None = None
    isolated: bool = False
    allow_dirty: bool = False
    jobs: int | None = None
    cache: bool = True


@dataclass(frozen=True)
class Target:
    """Everything that is known before the first file is searched."""

    request: Request
    root: Path
    settings: Settings
    catalogue: Catalogue
    rules: tuple[Rule, ...]
    discovery: Discovery
    selection: Selection
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """The ranges of lines that the command line narrows paths to."""
        return self.selection.lines

    @cached_property
    def view(self) -> DiskFiles:
        """The files of the target as they are on the disk."""
        # Somebody may have named files that git ignores.
        found = (file.path for file in self.discovery.files)
        return DiskFiles(self.root, all_paths(self.root).union(found))

    @property
    def jobs(self) -> int:
        """How many workers search and rewrite."""
        return self.request.jobs or self.settings.jobs or os.cpu_count() or 1


def open_target(request: Request, *, everything: bool = False) -> Target:
    """Find the root, read the settings, choose rules and list files.

    With *everything* all rules run when none is chosen; otherwise that is a usage error.
    """
    root = root_of(request.paths[0] if request.paths else ".")
    catalogue = registry.find_rules()
    settings = settings_for(root, request, catalogue)
    rules, ceiling = _chosen_rules(request, settings, catalogue, everything=everything)
    discovery = discover(
        root,
        request.paths or (".",),
        settings,
        cwd=Path.cwd(),
        force_exclude=request.force_exclude,
    )
    selection = Selection(
        ceiling=ceiling,
        lines=discovery.lines,
        options=settings.options(rules),
        oldest_minor=settings.oldest_minor,
        known=frozenset(catalogue.rules),
    )
    notes = (*catalogue.broken.values(), *settings.notes)
    return Target(request, root, settings, catalogue, rules, discovery, selection, notes)


def settings_for(root: Path, request: Request, catalogue: Catalogue) -> Settings:
    """Return the settings that hold for *request* in *root*."""
    said = Said(
        Path(request.config) if request.config is not None else None,
        request.isolated,
        tuple(_from_here(root, one) for one in request.exclude),
        request.sets,
        request.packs,
    )
    start = Path(without_lines(request.paths[0])) if request.paths else Path.cwd()
    return load_settings(root, start, said, catalogue, os.environ)


def _from_here(root: Path, glob: str) -> str:
    """Let a pattern with a folder in it start where the user stands; a bare name means any."""
    here = Path(os.path.realpath(os.curdir))
    inside = here.relative_to(root).as_posix() if here.is_relative_to(root) else "."
    return glob if inside == "." or "/" not in glob.rstrip("/") else ignore.below(inside, glob)


def _chosen_rules(
    request: Request, settings: Settings, catalogue: Catalogue, *, everything: bool
) -> tuple[tuple[Rule, ...], dict[str, Safety]]:
    """Return the rules in their order, and the least safe class that each may write."""
    packs = (*settings.packs, *_installed(request.packs, catalogue))
    named = {one for pattern in request.rules for one in _named(catalogue, pattern, packs)}
    by_set = _by_set(
        request, settings, catalogue.reachable(packs), everything=everything and not named
    )
    if not named and not by_set:
        why = "no rule is chosen: give --rule RULE, --task TASK or --all"
        if request.tasks:
            why = f"no rule within reach belongs to {' or '.join(request.tasks)}"
        raise UsageError(f"{why}; the rules are {', '.join(sorted(catalogue.rules))}")
    left_out = {one for pattern in request.ignore for one in catalogue.matching(pattern, packs)}
    left_out |= set(settings.ignore) - named
    rules = {name: registry.load(catalogue.named(name)) for name in (named | by_set) - left_out}
    ceiling = {name: _ceiling(request, settings, name in named) for name in rules}
    return registry.ordered(rules.values()), ceiling


def _installed(packs: Sequence[str], catalogue: Catalogue) -> Sequence[str]:
    """Return *packs*; raise UsageError for one that is not installed."""
    known = {rule.pack.name for rule in catalogue.rules.values()} | set(catalogue.broken)
    for pack in packs:
        if registry.canonical(pack) not in known:
            others = ", ".join(sorted(known))
            raise UsageError(f"no rule pack {pack!r} is installed; the packs are {others}")
    return packs


def _named(catalogue: Catalogue, pattern: str, packs: Sequence[str]) -> tuple[str, ...]:
    if registry.is_pattern(pattern):
        return catalogue.matching(pattern, packs)
    return (catalogue.named(pattern).name,)


def _by_set(
    request: Request, settings: Settings, reachable: Mapping[str, Listed], *, everything: bool
) -> set[str]:
    tasks = [_task(name) for name in request.tasks]
    if request.all_rules or everything:
        return set(reachable)
    rules = {name: registry.load(one) for name, one in reachable.items()} if tasks else {}
    chosen = {name for name, rule in rules.items() if any(t in rule.tasks for t in tasks)}
    configured = set(settings.select) if not request.rules and not tasks else set()
    return chosen | configured


def _task(name: str) -> Task:
    try:
        return Task(name)
    except ValueError:
        raise UsageError(f"there is no task {name!r}; the tasks are {', '.join(Task)}") from None


def _ceiling(request: Request, settings: Settings, named: bool) -> Safety:
    """Choose the class: the command line's, else by how the rule was chosen.

    Class suggest is never reached without the rule's name.
    """
    if request.safety is None:
        return Safety.REVIEW if named else settings.safety
    asked = Safety(request.safety)
    return Safety.REVIEW if asked is Safety.SUGGEST and not named else asked


def jobs_of(target: Target) -> list[Job]:
    """Return the files that have to be parsed, and the rules for each."""
    found = target.discovery
    jobs = jobs_for(target.view, found.candidates, found.tests, target.rules)
    return [one for job in jobs if (one := _without_ignored(target.settings, job)).rules]


def _without_ignored(settings: Settings, job: Job) -> Job:
    ignored = settings.ignored_rules(job.path, job.rules)
    return replace(job, rules=tuple(name for name in job.rules if name not in ignored))


def searched(target: Target, *, cache: bool) -> tuple[FileResult, ...]:
    """Search the files of the target; what did not change since the last scan is remembered."""
    jobs = jobs_of(target)
    nothing = replace(target.selection, only=frozenset())
    if not cache:
        return tuple(in_workers(target.view, jobs, target.rules, nothing, workers=target.jobs))
    kept = cache_file(target.root, (rule.name for rule in target.rules))
    known = load_cache(kept, _signature(target))
    digests = Digests(target.view)
    results = {job.path: known.result(job, digests.of) for job in jobs}
    missing = [job for job in jobs if results[job.path] is None]
    by_path = {job.path: job for job in missing}
    for result in in_workers(target.view, missing, target.rules, nothing, workers=target.jobs):
        results[result.path] = result
        known.keep(by_path[result.path], result)
    if missing:
        keep_cache(kept, known)
    return tuple(result for result in results.values() if result is not None)


def _signature(target: Target) -> str:
    listed = [target.catalogue.named(rule.name) for rule in target.rules]
    prints = [(one.pack.name, one.pack.version, registry.fingerprint(one)) for one in listed]
    options = {name: dict(values) for name, values in target.selection.options.items()}
    paths = sorted(target.view.paths)
    known = sorted(target.selection.known)
    return caching.signature([__version__, sys.version, prints, options, paths, known])


def sources(rules: Iterable[Rule]) -> dict[str, str]:
    """Return the texts of the support modules that *rules* bring, by name."""
    found = {}
    for rule in rules:
        folder = files(rule.package) / "inject"
        if folder.is_dir():
            for file in folder.iterdir():
                if file.name.endswith(".py") and file.name != "__init__.py":
                    found[file.name.removesuffix(".py")] = file.read_text(encoding="utf-8")
    return found
