"""Gather what is known about a project; nothing of the target is written or executed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hephaestus_codemods import registry
from hephaestus_codemods.config.discovery import discover
from hephaestus_codemods.engine.workers import Limits, supervise
from hephaestus_codemods.errors import TargetError
from hephaestus_codemods.flows.files import DiskFiles, all_paths
from hephaestus_codemods.flows.place import root_of
from hephaestus_codemods.flows.survey import settings_for
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.report import facts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hephaestus_codemods.flows.survey import Request

#: Facts about a large project are one piece of work.
LIMITS: Final = Limits(seconds=600.0, memory_bytes=4 << 30)


@dataclass(frozen=True)
class Kept:
    """Files of which each is read once; some may be left out."""

    below: DiskFiles
    left_out: frozenset[str] = frozenset()
    read_before: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def paths(self) -> Collection[str]:
        """The paths of all files."""
        paths = self.below.paths
        return frozenset(paths) - self.left_out if self.left_out else paths

    def read(self, path: str) -> bytes | None:
        """Return the bytes of *path*, or None when it is not there or left out."""
        if path in self.left_out:
            return None
        if path not in self.read_before:
            self.read_before[path] = self.below.read(path)
        return self.read_before[path]


@dataclass(frozen=True)
class Gathered:
    """The facts, and the files that could not be read with the reason."""

    facts: facts.Body
    unreadable: tuple[tuple[str, str], ...]


def gather(request: Request, *, effects: bool) -> Gathered:
    """Return the facts about the project of *request*, for its paths."""
    root = root_of(request.paths[0] if request.paths else ".")
    settings = settings_for(root, request, registry.find_rules())
    discovery = discover(
        root,
        request.paths or (".",),
        settings,
        cwd=Path.cwd(),
        force_exclude=request.force_exclude,
    )
    wanted = frozenset(discovery.candidates)
    view = Kept(DiskFiles(root, all_paths(root)))
    found, cause = _worked_out(view, root, wanted, effects=effects)
    poison: dict[str, str] = {}
    if found is None:
        # Some file ended the process: find it, leave it out, and say so.
        poison = _poisonous(view, wanted)
        view = replace(view, left_out=frozenset(poison))
        found, cause = _worked_out(view, root, wanted, effects=effects)
    if found is None:
        raise TargetError(f"the facts about {root} cannot be worked out: {cause}")
    unreadable = [(one["path"], one["message"]) for one in found["unreadable"]]
    found["unreadable"] += [
        {"path": path, "code": "crashed", "message": why} for path, why in sorted(poison.items())
    ]
    return Gathered(found, (*unreadable, *sorted(poison.items())))


def _worked_out(
    view: Kept, root: Path, wanted: frozenset[str], *, effects: bool
) -> tuple[facts.Body | None, str]:
    """Work the facts out in a process that can be killed; return why, when it was."""
    causes: list[str] = []

    def work(task: str) -> facts.Body:
        return facts.body(Project(view), task, wanted.__contains__, effects=effects)

    def lost(_: str, cause: str) -> list[str]:
        causes.append(cause)
        return []

    answers = list(supervise([str(root)], work, lost, limits=LIMITS))
    return (answers[0], "") if answers else (None, "; ".join(causes))


def _poisonous(view: Kept, wanted: Iterable[str]) -> dict[str, str]:
    """Return the files that end a process that parses them, and how they do it."""
    found: dict[str, str] = {}
    project = Project(view)

    def work(path: str) -> str:
        project.readable(path)
        return path

    def lost(path: str, cause: str) -> list[str]:
        found[path] = cause
        return []

    list(supervise(sorted(wanted), work, lost))
    return found
