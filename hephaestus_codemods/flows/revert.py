"""Take back a run, or the part of it that was chosen, and say what that did."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.workers import supervise
from hephaestus_codemods.errors import TargetError
from hephaestus_codemods.flows.place import locked, root_of
from hephaestus_codemods.patch import records
from hephaestus_codemods.patch import revert as reverting
from hephaestus_codemods.patch.diff import emit
from hephaestus_codemods.patch.stacked import delta
from hephaestus_codemods.project.parse import parse
from hephaestus_codemods.project.source import UnreadableSource, decode
from hephaestus_codemods.report.terminal import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Reverted:
    """What a revert did, or would do: files, sites, conflicts, and sentences about the rest."""

    run: str
    files: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    conflicts: tuple[reverting.Conflict, ...] = ()
    marked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    patch: bytes = b""
    written: bool = field(default=True)

    @property
    def exit_code(self) -> int:
        """1 when something stands in the way, or only markers could be written."""
        return int(bool(self.conflicts or self.marked))


def revert(
    run: str | None,
    choice: reverting.Choice,
    *,
    merge: bool = True,
    markers: bool = False,
    check: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Reverted:
    """Take back what *choice* means of *run* (by default the last), in the root around here."""
    root = root_of()
    notes: list[str] = []
    with locked(root, notes) as ground:
        history = records.load(ground)
        notes += history.warnings
        found = history.find(run)
        sites = {found.id: reverting.chosen(found, _from_root(root, choice))}
        manner = reverting.Manner(markers=markers, check=still_python)
        if not merge:
            manner = reverting.Manner(merge=None, markers=markers, check=still_python)
        if check:
            plan, written = reverting.foresee(ground, history, sites, manner), False
        else:
            plan, outcome = reverting.revert(
                ground, history, sites, manner, should_stop=should_stop
            )
            notes += (*outcome.warnings, *(skipped.message for skipped in outcome.skipped))
            if outcome.interrupted:
                raise KeyboardInterrupt
            if outcome.failure or outcome.skipped:
                why = outcome.failure or outcome.skipped[0].message
                raise TargetError(f"nothing was taken back: {why}")
            written = not plan.conflicts
    return Reverted(
        found.id,
        tuple(change.path for change in plan.changes),
        plan.sites.get(found.id, ()),
        plan.conflicts,
        plan.marked,
        (*notes, *plan.notes),
        emit(delta(change) for change in plan.changes if change.writes),
        written,
    )


def _from_root(root: Path, choice: reverting.Choice) -> reverting.Choice:
    """Turn files as the user names them into paths below the root."""
    files = tuple(_below(root, name) for name in choice.files)
    return reverting.Choice(choice.rules, files, choice.sites)


def _below(root: Path, name: str) -> str:
    """Return the path of a file that may be gone, or a link, relative to the root."""
    folder, last = os.path.split(os.path.abspath(name))
    return os.path.relpath(os.path.join(os.path.realpath(folder), last), root)


def still_python(path: str, now: bytes, then: bytes) -> str | None:
    """Refuse a revert that would turn Python into something that is not.

    The target's code is read in a process that can be killed; what kills it is not refused.
    """
    if not path.endswith((".py", ".pyi")):
        return None

    def breaks(_: str) -> bool:
        return _parses(path, now) and not _parses(path, then)

    def lost(_: str, cause: str) -> tuple[str, ...]:
        return ()

    if not any(supervise([path], breaks, lost)):
        return None
    return "what it would become is not valid Python; revert the run's other sites in it as well"


def _parses(path: str, raw: bytes) -> bool:
    try:
        parse(decode(path, raw))
    except UnreadableSource:
        return False
    return True


def summary(done: Reverted) -> Sequence[str]:
    """Say in lines what a revert did."""
    verb = "took back" if done.written else "would take back"
    lines = [f"note: {note}" for note in done.notes]
    for conflict in done.conflicts:
        lines += (f"conflict: {conflict.message}", conflict.diff.decode(errors="replace"))
    if done.conflicts:
        return [*lines, f"nothing of run {done.run} was taken back"]
    if not done.sites:
        return [*lines, f"there is nothing left to take back of run {done.run}"]
    files = ", ".join(done.files)
    sites = counted(len(done.sites), "site")
    return [*lines, f"{verb} {sites} of run {done.run} in {files}"]
