"""Show what earlier runs did, and forget old ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.place import locked, root_of
from hephaestus_codemods.patch import ground as grounds
from hephaestus_codemods.patch import records
from hephaestus_codemods.report.terminal import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hephaestus_codemods.patch.manifest import Run
    from hephaestus_codemods.patch.records import History


def listed() -> tuple[Sequence[str], Sequence[str]]:
    """Return a line for each run of this root, the newest first, and warnings."""
    with grounds.seen(root_of()) as ground:
        if ground is None:
            return (), ()
        history = records.load(ground)
    lines = [_line(history, run) for run in reversed(history.runs)]
    return lines, history.warnings


def _line(history: History, run: Run) -> str:
    owners = run.owners()
    gone = len(owners & history.reverted(run.id))
    when = datetime.fromtimestamp(run.made_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    state = "reverted" if gone == len(owners) else f"{gone} reverted" if gone else "applied"
    rules = ", ".join(sorted(run.details.rules))
    what = f"{counted(len(owners), 'site')} in {counted(len(run.files), 'file')}"
    return f"{run.id}  {when}  {what}  {state}  {rules}"


def _found(history: History, name: str | None) -> Run:
    """Return the run called *name*, by default the newest one."""
    return history.runs[-1] if name is None and history.runs else history.find(name)


def content(name: str | None, what: str) -> bytes:
    """Return a file of a run's record."""
    with grounds.seen(root_of()) as ground:
        if ground is None:
            raise UsageError(records.NO_RUN)
        return records.content(ground, _found(records.load(ground), name), what)


def shown(name: str | None) -> Sequence[str]:
    """Return lines that describe a run."""
    with grounds.seen(root_of()) as ground:
        if ground is None:
            raise UsageError(records.NO_RUN)
        history = records.load(ground)
        run = _found(history, name)
    gone = history.reverted(run.id)
    lines = [_line(history, run)]
    for site in sorted(run.details.sites, key=lambda one: (one.path, one.line, one.rule)):
        if site.id in run.owners():
            mark = "  (reverted)" if site.id in gone else ""
            lines.append(f"  {site.id}  {site.path}:{site.line}  {site.rule}{mark}")
    lines += (f"  {file.path}" for file in run.files if not file.steps)
    lines += (f"  record: {entry}" for entry in sorted(run.contents) if "/" not in entry)
    return lines


def rule_patch(name: str | None, rule: str) -> bytes:
    """Return what one rule of a run changed, as patches on top of the rules before it."""
    with grounds.seen(root_of()) as ground:
        if ground is None:
            raise UsageError(records.NO_RUN)
        run = _found(records.load(ground), name)
        wanted = [one for one in sorted(run.contents) if one.endswith(f"-{rule}.patch")]
        if not wanted:
            rules = ", ".join(sorted(run.details.rules))
            raise UsageError(f"run {run.id} has no patch of {rule!r}; its rules are {rules}")
        return b"".join(records.content(ground, run, one) for one in wanted)


def collected(keep: int, days: float) -> tuple[Sequence[str], Sequence[str]]:
    """Forget old runs; return their ids, and notes."""
    notes: list[str] = []
    with locked(root_of(), notes) as ground:
        return records.collect(ground, keep=keep, days=days), notes
