"""Change the files of a root in one transaction: all of them, or what can go without the rest.

Order: survey what is there → journal → every new content beside its file → one rename each, with
a last look right before it → commit. What fails before the commit is undone. Between the last
look and the rename lie a few microseconds in which an edit of someone else can still be lost.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import TargetError
from hephaestus_codemods.patch import fsops, journal, paths, ulid
from hephaestus_codemods.patch.journal import Plan, Planned, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hephaestus_codemods.patch.fsops import Folder
    from hephaestus_codemods.patch.ground import Ground
    from hephaestus_codemods.patch.model import FileChange
    from hephaestus_codemods.patch.paths import Found

#: Folders that we make are as open as the user's umask lets them be.
OPEN_FOLDER = 0o777


class Skip(StrEnum):
    """Why a file was left alone; the guard of paths adds its own reasons."""

    CHANGED = "changed-during-run"
    """It is not, or no longer, what the change was made for."""

    GROUP = "incomplete-group"
    """Sites in it need another file that was left alone."""

    SYSTEM = "system-error"
    """The system did not let us read it."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left alone, and why."""

    path: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction; without *id* nothing of the target has changed.

    *lost* are the sites whose change was not written. *pending* says that rolling back failed as
    well: the files are whole, old or new, and ``hcodemod recover`` takes it from there.
    """

    id: str | None = None
    written: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    lost: frozenset[str] = frozenset()
    failure: str | None = None
    interrupted: bool = False
    pending: bool = False
    warnings: tuple[str, ...] = ()


class _StoppedError(Exception):
    """The user asked us to stop."""


@dataclass(slots=True)
class _Run:
    """A transaction under way."""

    ground: Ground
    changes: Sequence[FileChange]
    found: Mapping[str, Found]
    skipped: dict[str, Skipped]
    plan: Plan
    record: Callable[[Folder, Outcome], None]
    should_stop: Callable[[], bool]
    written: list[Planned] = field(default_factory=list)


def never() -> bool:
    """Never stop."""
    return False


def transact(
    ground: Ground,
    kind: str,
    changes: Sequence[FileChange],
    record: Callable[[Folder, Outcome], None],
    *,
    last: str | None = None,
    emptied: Iterable[str] = (),
    should_stop: Callable[[], bool] = never,
    whole: bool = False,
) -> Outcome:
    """Write *changes*, and a record of it that *record* fills in.

    *whole* allows no skipped file, and leaves a record even when nothing had to be written.
    *last* is the newest id so far. *emptied* names folders to remove afterwards if nothing is
    left in them.
    """
    found, skipped = _survey(ground.root, changes)
    skipped = spread(changes, skipped)
    todo = _in_order(changes, skipped)
    if skipped if whole else not todo:
        return _outcome(changes, skipped)
    plan = replace(
        _plan(ground.root, todo, found), id=ulid.new(last), kind=kind, emptied=tuple(emptied)
    )
    run = _Run(ground, changes, found, skipped, plan, record, should_stop)
    return _carry_out(run, todo, whole=whole)


def _carry_out(run: _Run, todo: Sequence[FileChange], *, whole: bool) -> Outcome:
    """Do what the plan says; whatever gets in the way before the commit undoes it."""
    try:
        journal.begin(run.ground, run.plan, [c.before for c in todo if c.before is not None])
        _stage(run, todo)
        _swap(run, todo)
        if run.skipped if whole else not run.written:
            return _undo(run)
        journal.commit(run.ground, run.plan)
    except _StoppedError:
        return replace(_undo(run), interrupted=True)
    except (OSError, TargetError) as error:
        return _undo(run, str(error))
    except BaseException:
        _undo(run)
        raise
    done = _finished(run)
    return replace(done, warnings=_settle(run))


def _settle(run: _Run) -> tuple[str, ...]:
    """Tidy up after the commit; what fails here, the next command does again."""
    try:
        journal.finish(run.ground, run.plan)
    except OSError as error:
        return (f"the run is complete, its journal is not closed yet: {error}",)
    return ()


def _undo(run: _Run, failure: str | None = None) -> Outcome:
    """Take back what was done so far, and say what could not be."""
    outcome = replace(_outcome(run.changes, run.skipped), failure=failure)
    try:
        conflicts = _roll_back(run)
    except FileNotFoundError:  # not even the journal's folder was made
        return outcome
    except (OSError, TargetError) as error:
        return replace(outcome, pending=True, failure=f"{failure or 'stopped'}; then: {error}")
    return replace(outcome, warnings=tuple(f"{p} was edited: left as it is" for p in conflicts))


def _roll_back(run: _Run) -> tuple[str, ...]:
    if journal.reopen(run.ground, run.plan):
        return journal.roll_back(run.ground, run.plan, run.skipped)
    with run.ground.state.enter(journal.JOURNAL) as folder:
        journal.discard(folder, run.plan.id)
    return ()


def _outcome(changes: Sequence[FileChange], skipped: Mapping[str, Skipped]) -> Outcome:
    return Outcome(skipped=tuple(skipped.values()), lost=_lost(changes, skipped))


def _finished(run: _Run) -> Outcome:
    return replace(
        _outcome(run.changes, run.skipped),
        id=run.plan.id,
        written=tuple(sorted(file.path for file in run.written)),
    )


def _survey(
    root: Folder, changes: Iterable[FileChange]
) -> tuple[dict[str, Found], dict[str, Skipped]]:
    """Look at every file; say which ones are there, and which are not to be touched."""
    found: dict[str, Found] = {}
    skipped: dict[str, Skipped] = {}
    for change in changes:
        try:
            there = paths.look(root, change.path)
            if there is not None and change.writes:
                paths.refuse_foreign(there, change.path)
                found[change.path] = there
        except paths.PathRefusedError as error:
            skipped[change.path] = Skipped(change.path, error.why, str(error))
            continue
        except OSError as error:
            skipped[change.path] = Skipped(
                change.path, Skip.SYSTEM, journal.say(error, change.path)
            )
            continue
        if (there.content if there else None) != change.before:
            skipped[change.path] = _changed(change)
    return found, skipped


def _changed(change: FileChange) -> Skipped:
    what = "there is such a file now" if change.before is None else "it changed meanwhile"
    return Skipped(change.path, Skip.CHANGED, f"{change.path} is left alone: {what}")


def spread(changes: Iterable[FileChange], skipped: Mapping[str, Skipped]) -> dict[str, Skipped]:
    """Add the files that cannot be written without the skipped ones.

    A site whose change is not complete is lost. A file stays if each of its edits still has a
    site that needs it; a file none of whose sites is left is not needed.
    """
    result = dict(skipped)
    rest = [change for change in changes if change.path not in result]
    while result:
        lost = _lost(changes, result)
        hit = [change for change in rest if not _stands_without(change, lost)]
        if not hit:
            break
        for change in hit:
            message = f"{change.path} is left alone: its change needs a file that was left alone"
            result[change.path] = Skipped(change.path, Skip.GROUP, message)
        rest = [change for change in rest if change.path not in result]
    return result


def _lost(changes: Iterable[FileChange], skipped: Mapping[str, Skipped]) -> frozenset[str]:
    return frozenset().union(*(c.all_owners() for c in changes if c.path in skipped))


def _stands_without(change: FileChange, lost: frozenset[str]) -> bool:
    edits = [edit.owners for step in change.steps for edit in step.edits]
    needed = [*edits, change.owners] if change.owners else edits
    return all(set(owners) - lost for owners in needed)


def _in_order(changes: Iterable[FileChange], skipped: Mapping[str, Skipped]) -> list[FileChange]:
    """Put new files first, so that nothing imports what is not there yet, and deletions last."""
    todo = [change for change in changes if change.writes and change.path not in skipped]
    return sorted(todo, key=lambda c: (c.after is None, c.before is not None, c.path))


def _plan(root: Folder, todo: Sequence[FileChange], found: Mapping[str, Found]) -> Plan:
    files = tuple(_planned(change, found.get(change.path)) for change in todo)
    new = [change.path for change in todo if change.before is None]
    made = dict.fromkeys(folder for path in new for folder in missing(root, path))
    return Plan("", "", files, tuple(made))


def _planned(change: FileChange, found: Found | None) -> Planned:
    mode = found.mode if found else change.mode
    names = journal.temporary_name(), journal.temporary_name()
    return Planned(change.path, digest(change.before), digest(change.after), mode, *names)


def missing(root: Folder, path: str) -> list[str]:
    """List the folders that *path* needs and that are not there, outermost first."""
    parts = paths.check(path)[:-1]
    return [
        folder
        for folder in ("/".join(parts[: n + 1]) for n in range(len(parts)))
        if not _is_there(root, folder)
    ]


def _is_there(root: Folder, path: str) -> bool:
    try:
        with paths.parent(root, path) as (folder, name):
            return folder.stat(name) is not None
    except FileNotFoundError:
        return False


def _stage(run: _Run, todo: Sequence[FileChange]) -> None:
    """Put every new content and the record on the disk: a full one shows before any rename."""
    for path in run.plan.made:
        with paths.parent(run.ground.root, path) as (folder, name):
            fsops.make_folder(folder, name, OPEN_FOLDER)
    for change, file in zip(todo, run.plan.files, strict=True):
        _stop_if_asked(run)
        if change.after is None:
            continue
        with _naming(file.path), paths.parent(run.ground.root, file.path) as (folder, name):
            journal.write_beside(folder, name, file.temporary, change.after, file.mode)
    _write_record(run, run.plan.files)


def _write_record(run: _Run, files: Sequence[Planned]) -> None:
    """Fill in the record as if *files* were written; it counts only once the plan is done."""
    expected = replace(_finished(run), written=tuple(sorted(file.path for file in files)))
    with (
        _naming("the run's record"),
        journal.opened(run.ground, run.plan) as (_, transaction),
        transaction.enter(journal.RECORD) as record,
    ):
        for name in record.names():
            if name != journal.BLOBS:
                fsops.remove_tree(record, name)
        run.record(record, expected)


def _swap(run: _Run, todo: Sequence[FileChange]) -> None:
    """Let each new content take its name; whoever changed a file meanwhile keeps it."""
    known = dict(run.skipped)
    for change, file in zip(todo, run.plan.files, strict=True):
        _stop_if_asked(run)
        if change.path in run.skipped:
            continue
        with _naming(file.path):
            late = _swap_one(run, change, file)
        if late is None:
            run.written.append(file)
            continue
        run.skipped = spread(run.changes, {**run.skipped, change.path: late})
        _take_back_skipped(run)
    if run.skipped != known and run.written:
        journal.drop_temporaries(run.ground, (f for f in run.plan.files if f not in run.written))
        journal.remove_empty(run.ground, run.plan.made)
        _write_record(run, run.written)


def _swap_one(run: _Run, change: FileChange, file: Planned) -> Skipped | None:
    """Rename into place, right after a last look at what is there."""
    with paths.parent(run.ground.root, file.path) as (folder, name):
        try:
            there = paths.look_in(folder, name, file.path)
        except paths.PathRefusedError as error:
            return Skipped(file.path, error.why, str(error))
        if not _is_same(there, run.found.get(file.path)):
            return _changed(change)
        if change.after is None:
            fsops.unlink(folder, name)
            fsops.sync(folder)
        else:
            fsops.rename(folder, file.temporary, folder, name)
    return None


def _is_same(now: Found | None, then: Found | None) -> bool:
    if now is None or then is None:
        return now is then
    one, other = now.stat, then.stat
    return now.content == then.content and (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _take_back_skipped(run: _Run) -> None:
    """Undo files that were written already and now belong to an incomplete group."""
    for file in [file for file in run.written if file.path in run.skipped]:
        if not journal.put_back(run.ground, run.plan, file):
            raise TargetError(f"{file.path} changed while it was put back")
        run.written.remove(file)


def _stop_if_asked(run: _Run) -> None:
    if run.should_stop():
        raise _StoppedError


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Let an error of the system say which file it was about."""
    try:
        yield
    except OSError as error:
        raise TargetError(f"cannot write {journal.say(error, path)}") from error
