"""What a command works on: the root, its settings, the rules that were chosen, the files to search."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import __version__, registry
from hephaestus_codemods.config.discovery import Discovery, discover, parse_places
from hephaestus_codemods.config.settings import Settings, load_settings
from hephaestus_codemods.engine import cache as caching
from hephaestus_codemods.engine.model import FileResult, Selection
from hephaestus_codemods.engine.run import Job, in_workers, jobs_for
from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.files import DiskFiles, keep_cache, load_cache
from hephaestus_codemods.flows.place import root_of
from hephaestus_codemods.rule import Rule, Safety, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hephaestus_codemods.registry import Catalogue


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
        return DiskFiles(self.root, frozenset(self.discovery.all_paths))

    @property
    def jobs(self) -> int:
        """How many workers search and rewrite."""
        return self.request.jobs or self.settings.jobs or os.cpu_count() or 1


def open_target(request: Request, *, everything: bool = False) -> Target:
    """Find the root, read the settings, choose rules and list files.

    With *everything* all rules run when none is chosen; otherwise that is a usage error.
    """
    first = request.paths[0] if request.paths else "."
    root = root_of(first if os.path.exists(first) else ".")
    catalogue = registry.find_rules()
    settings = load_settings(root, request, catalogue)
    rules, ceiling = _chosen_rules(request, settings, catalogue, everything=everything)
    discovery = discover(root, request.paths, settings)
    selection = Selection(
        ceiling=ceiling,
        lines=discovery.lines,
        options=settings.options(rules),
        oldest_minor=settings.oldest_minor,
    )
    notes = tuple(catalogue.broken.values())
    return Target(request, root, settings, catalogue, rules, discovery, selection, notes)


def _chosen_rules(
    request: Request, settings: Settings, catalogue: Catalogue, *, everything: bool
) -> tuple[tuple[Rule, ...], dict[str, Safety]]:
    """Return the rules in their order, and the least safe class that each may write."""
    named = {one for pattern in request.rules for one in _named(catalogue, pattern, request.packs)}
    reachable = {
        name: registry.load(one) for name, one in catalogue.reachable(request.packs).items()
    }
    by_set = _by_set(request, settings, reachable, everything=everything and not named)
    if not named and not by_set:
        raise UsageError(
            "no rule is chosen: give --rule RULE, --task TASK or --all; the rules are "
            + ", ".join(sorted(catalogue.rules))
        )
    left_out = {
        one for pattern in request.ignore for one in catalogue.matching(pattern, request.packs)
    }
    left_out |= set(settings.ignore) - named
    rules = {name: registry.load(catalogue.named(name)) for name in (named | by_set) - left_out}
    ceiling = {name: _ceiling(request, settings, name in named) for name in rules}
    return registry.ordered(rules.values()), ceiling


def _named(catalogue: Catalogue, pattern: str, packs: Sequence[str]) -> tuple[str, ...]:
    if registry.is_pattern(pattern):
        return catalogue.matching(pattern, packs)
    return (catalogue.named(pattern).name,)


def _by_set(
    request: Request, settings: Settings, reachable: Mapping[str, Rule], *, everything: bool
) -> set[str]:
    tasks = [_task(name) for name in request.tasks]
    if request.all_rules or everything:
        return set(reachable)
    chosen = {name for name, rule in reachable.items() if any(t in rule.tasks for t in tasks)}
    return chosen | (
        set(settings.select) & set(reachable) if not request.rules and not tasks else set()
    )


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
    found = [file for file in target.discovery.files if not file.reason]
    tests = frozenset(file.path for file in found if file.is_test)
    jobs = jobs_for(target.view, (file.path for file in found), tests, target.rules)
    ignored = target.settings.ignored_rules
    return [one for job in jobs if (one := _without(job, ignored(job.path))).rules]


def _without(job: Job, ignored: frozenset[str]) -> Job:
    return replace(job, rules=tuple(name for name in job.rules if name not in ignored))


def searched(target: Target, *, cache: bool) -> tuple[FileResult, ...]:
    """Search the files of the target; what did not change since the last scan is remembered."""
    jobs = jobs_of(target)
    nothing = replace(target.selection, only=frozenset())
    if not cache:
        return tuple(in_workers(target.view, jobs, target.rules, nothing, workers=target.jobs))
    known = load_cache(target.root, _signature(target))
    results = {job.path: known.result(job, target.view.digest) for job in jobs}
    missing = [job for job in jobs if results[job.path] is None]
    by_path = {job.path: job for job in missing}
    for result in in_workers(target.view, missing, target.rules, nothing, workers=target.jobs):
        results[result.path] = result
        known.keep(by_path[result.path], result)
    if missing:
        keep_cache(target.root, known)
    return tuple(result for result in results.values() if result is not None)


def _signature(target: Target) -> str:
    prints = [registry.fingerprint(target.catalogue.named(rule.name)) for rule in target.rules]
    options = {name: dict(values) for name, values in target.selection.options.items()}
    paths = sorted(target.view.paths)
    return caching.signature([__version__, prints, options, paths])


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
