"""What a command works on, before a rule is imported: the root, its settings, names and files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import git, registry
from hephaestus_codemods.config import ignore
from hephaestus_codemods.config.arguments import without_lines
from hephaestus_codemods.config.discovery import Discovery, discover
from hephaestus_codemods.config.settings import Said, Settings, load_settings
from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.files import DiskFiles, all_paths
from hephaestus_codemods.flows.place import root_of
from hephaestus_codemods.safety import Safety

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
class Survey:
    """What is known before a rule is imported.

    *ceiling* is the least safe class that each chosen rule may write; *view* are the files of the
    target as they are on the disk.
    """

    request: Request
    root: Path
    settings: Settings
    catalogue: Catalogue
    ceiling: Mapping[str, Safety]
    discovery: Discovery
    view: DiskFiles

    @property
    def listed(self) -> tuple[Listed, ...]:
        """The chosen rules as they are installed, by name."""
        return tuple(self.catalogue.named(name) for name in sorted(self.ceiling))

    @property
    def jobs(self) -> int:
        """How many workers search and rewrite."""
        return self.request.jobs or self.settings.jobs or os.cpu_count() or 1


def survey(request: Request, *, everything: bool = False) -> Survey:
    """Find the root, read the settings, choose rules and list files.

    With *everything* all rules run when none is chosen; otherwise that is a usage error.
    """
    root = root_of(request.paths[0] if request.paths else ".")
    catalogue = registry.find_rules()
    settings = settings_for(root, request, catalogue)
    ceiling = _chosen(request, settings, catalogue, everything=everything)
    listed = git.list_files(root) or ()
    discovery = discover(
        root,
        request.paths or (".",),
        settings,
        cwd=Path.cwd(),
        force_exclude=request.force_exclude,
        listed=listed,
    )
    # Somebody may have named files that git ignores.
    paths = all_paths(root, listed).union(file.path for file in discovery.files)
    view = DiskFiles(root, paths)
    return Survey(request, root, settings, catalogue, ceiling, discovery, view)


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


def _chosen(
    request: Request, settings: Settings, catalogue: Catalogue, *, everything: bool
) -> dict[str, Safety]:
    """Return the chosen rules, with the least safe class that each may write."""
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
    names = sorted((named | by_set) - left_out)
    return {name: _ceiling(request, settings, name in named) for name in names}


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
    if request.all_rules or everything:
        _check_tasks(request)
        return set(reachable)
    chosen = _of_tasks(request, reachable)
    configured = set(settings.select) if not request.rules and not request.tasks else set()
    return chosen | configured


def _check_tasks(request: Request) -> None:
    if request.tasks:
        _of_tasks(request, {})


def _of_tasks(request: Request, reachable: Mapping[str, Listed]) -> set[str]:
    """Return the rules of the tasks that were named; only the rules themselves know theirs."""
    if not request.tasks:
        return set()
    from hephaestus_codemods.rule import Task  # noqa: PLC0415  # a scan of all rules needs none

    for name in request.tasks:
        if name not in set(Task):
            raise UsageError(f"there is no task {name!r}; the tasks are {', '.join(Task)}")
    rules = {name: registry.load(one) for name, one in reachable.items()}
    return {name for name, rule in rules.items() if not set(request.tasks).isdisjoint(rule.tasks)}


def _ceiling(request: Request, settings: Settings, named: bool) -> Safety:
    """Choose the class: the command line's, else by how the rule was chosen.

    Class suggest is never reached without the rule's name.
    """
    if request.safety is None:
        return Safety.REVIEW if named else settings.safety
    asked = Safety(request.safety)
    return Safety.REVIEW if asked is Safety.SUGGEST and not named else asked
