"""Keep what a run did: enough to show it, to apply it elsewhere, and to take any part of it back.

A record is a folder ``runs/<ulid>/``: ``manifest.json`` (sealed; it holds the hash of every other
file), ``blobs/`` (old contents, and those of created files), ``changes.patch``,
``rules/NN-<rule>.patch`` and ``report.json``. A revert leaves ``reverts/<ulid>/``.
"""

from __future__ import annotations

import contextlib
import stat
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hephaestus_codemods.errors import BrokenPromise, UsageError
from hephaestus_codemods.patch import diff, fsops, journal, manifest, paths, ulid
from hephaestus_codemods.patch.journal import BLOBS, REVERTS, RUNS, digest
from hephaestus_codemods.patch.manifest import Details, File, Revert, Run
from hephaestus_codemods.patch.model import ByteEdit, FileChange, Step
from hephaestus_codemods.patch.replay import replay
from hephaestus_codemods.patch.stacked import delta, rule_of, stacked
from hephaestus_codemods.patch.state import ForgedError, seal, unseal
from hephaestus_codemods.patch.writer import missing, never, transact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hephaestus_codemods.patch.fsops import Folder
    from hephaestus_codemods.patch.ground import Ground
    from hephaestus_codemods.patch.writer import Outcome

MANIFEST, PATCH, REPORT, RULES = "manifest.json", "changes.patch", "report.json", "rules"
DAY_S = 86_400.0
NO_RUN = "no run is recorded for this project yet; 'hcodemod apply' makes one"
Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class History:
    """All records of a root that are genuine, oldest first; *warnings* name the others."""

    runs: tuple[Run, ...] = ()
    reverts: tuple[Revert, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def newest_id(self) -> str | None:
        """The id that new ones have to sort after."""
        return max((*(r.id for r in self.runs), *(r.id for r in self.reverts)), default=None)

    def reverted(self, run: str) -> frozenset[str]:
        """Return the sites of *run* that have been taken back."""
        return frozenset().union(*(revert.sites.get(run, ()) for revert in self.reverts))

    def find(self, name: str | None) -> Run:
        """Return the run called *name* (a unique beginning is enough), by default the last one.

        The last run is the newest of which something is still there to take back, if any is.
        """
        if name in (None, "last"):
            if not self.runs:
                raise UsageError(NO_RUN)
            open_runs = [run for run in self.runs if run.owners() - self.reverted(run.id)]
            return (open_runs or self.runs)[-1]
        found = [run for run in self.runs if run.id.startswith(str(name).upper())]
        if len(found) != 1:
            what = "no run" if not found else "more than one run"
            raise UsageError(f"{what} is called {name!r}; 'hcodemod runs' lists them")
        return found[0]


def apply(
    ground: Ground,
    changes: Sequence[FileChange],
    details: Details,
    *,
    report: Callable[[Outcome], bytes] | None = None,
    should_stop: Callable[[], bool] = never,
) -> Outcome:
    """Write *changes* into the root and leave the record of a run.

    *report* makes ``report.json`` from what is about to be committed. Each change is checked: its
    steps must lead from its old content to its new one, and every edit must have an owner.
    """
    rules = {site.id: site.rule for site in details.sites}
    whole = [complete(_with_mode(ground.root, change), rules) for change in changes]
    folders = {c.path: _folders(ground.root, c.path) for c in whole if c.before is None}

    def record(folder: Folder, outcome: Outcome) -> None:
        skipped = {file.path for file in outcome.skipped}
        kept = [change for change in whole if change.path not in skipped]
        _write_contents(folder, kept, rules)
        if report is not None:
            fsops.create(folder, REPORT, report(outcome))
        files = tuple(_recorded(c, folders.get(c.path, ()), outcome.lost) for c in kept)
        run = Run(str(outcome.id), details, files, _contents(folder))
        _write_manifest(folder, RUNS, manifest.run_body(run), ground.key)

    last = load(ground).newest_id
    return transact(ground, RUNS, whole, record, last=last, should_stop=should_stop)


def _folders(root: Folder, path: str) -> tuple[str, ...]:
    """Name the folders that are made for *path*; one that is refused is skipped later on."""
    with contextlib.suppress(OSError, paths.PathRefusedError):
        return tuple(missing(root, path))
    return ()


def _with_mode(root: Folder, change: FileChange) -> FileChange:
    """Let the patch say the mode that the file has; what cannot be seen is skipped later on."""
    with (
        contextlib.suppress(OSError, paths.PathRefusedError),
        paths.parent(root, change.path) as at,
    ):
        folder, name = at
        found = folder.stat(name)
        if found is not None and change.before is not None:
            return replace(change, mode=stat.S_IMODE(found.st_mode))
    return change


def complete(change: FileChange, rules: Mapping[str, str]) -> FileChange:
    """Check a change, and give one that has owners instead of steps a step of its own."""
    edits = [edit for step in change.steps for edit in step.edits]
    if not (edits or change.owners) or not all(edit.owners for edit in edits):
        raise BrokenPromise(f"{change.path}: a change that no site owns could not be taken back")
    is_claim = not change.writes and not change.steps
    if change.before is None or change.after is None or is_claim:
        return replace(change, steps=(), owners=tuple(sorted(change.all_owners())))
    if not change.steps:
        edit = whole_edit(change.before, change.after, change.owners)
        steps = (Step(rule_of(change.owners, rules), (edit,)),)
        return FileChange(change.path, change.before, change.after, change.mode, steps)
    if replay(change.before, change.steps) != change.after:
        raise BrokenPromise(f"{change.path}: the steps do not lead to the new content")
    return change


def whole_edit(before: bytes, after: bytes, owners: tuple[str, ...]) -> ByteEdit:
    """Return the one smallest edit between two contents."""
    least = min(len(before), len(after))
    head = next((i for i in range(least) if before[i] != after[i]), least)
    most = least - head
    tail = next((i for i in range(most) if before[-1 - i] != after[-1 - i]), most)
    return ByteEdit(head, len(before) - tail, after[head : len(after) - tail], owners)


def _write_contents(
    record: Folder, changes: Sequence[FileChange], rules: Mapping[str, str]
) -> None:
    """Write the patches, and what created files held: the old contents are there already."""
    with record.enter(BLOBS) as blobs:
        for change in changes:
            if change.before is None and change.after is not None:
                journal.store(blobs, change.after)
        fsops.sync(blobs)
    fsops.create(record, PATCH, diff.emit(delta(change) for change in changes))
    with journal.subfolder(record, RULES) as inner:
        for name, patch in stacked(changes, rules):
            fsops.create(inner, name, patch)
        fsops.sync(inner)


def _write_manifest(record: Folder, kind: str, body: Mapping[str, Any], key: bytes) -> None:
    fsops.create(record, MANIFEST, seal(kind, body, key))
    fsops.sync(record)


def _contents(record: Folder) -> dict[str, str]:
    """Hash every file of the record but its manifest."""
    hashes: dict[str, str | None] = {}
    for name in record.names():
        if name not in (BLOBS, RULES):
            hashes[name] = digest(record.read(name))
            continue
        with record.enter(name) as inner:
            hashes |= {f"{name}/{child}": digest(inner.read(child)) for child in inner.names()}
    return {name: value for name, value in hashes.items() if value is not None}


def _recorded(change: FileChange, folders: tuple[str, ...], lost: frozenset[str]) -> File:
    """Describe a change without the sites whose change was not written."""

    def left(owners: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(owner for owner in owners if owner not in lost)

    steps = tuple(
        Step(step.rule, tuple(replace(edit, owners=left(edit.owners)) for edit in step.edits))
        for step in change.steps
    )
    return File(
        path=change.path,
        before=digest(change.before),
        after=digest(change.after),
        mode=change.mode,
        steps=steps,
        owners=left(change.owners),
        folders=folders,
    )


def write_revert(record: Folder, revert: Revert, key: bytes) -> None:
    """Fill in the record of a revert."""
    _write_manifest(record, REVERTS, manifest.revert_body(revert), key)


def load(ground: Ground) -> History:
    """Read all records of a root; what this user's key did not seal is left out, with a warning."""
    runs, warnings = _read_all(ground, RUNS, manifest.read_run)
    reverts, more = _read_all(ground, REVERTS, manifest.read_revert)
    return History(tuple(runs.values()), tuple(reverts.values()), (*warnings, *more))


def _read_all(
    ground: Ground, kind: str, read: Callable[[Mapping[str, Any]], Entry]
) -> tuple[dict[str, Entry], list[str]]:
    entries: dict[str, Entry] = {}
    warnings: list[str] = []
    if ground.state.stat(kind) is None:
        return entries, warnings
    with ground.state.enter(kind) as folder:
        for name in folder.names():
            try:
                body = _read_manifest(folder, name, kind, ground.key)
                entries[name] = read(body)
            except (ForgedError, OSError) as error:
                warnings.append(f"{folder.path / name} is ignored: {error}")
    return entries, warnings


def _read_manifest(folder: Folder, name: str, kind: str, key: bytes) -> dict[str, Any]:
    with folder.enter(name) as record:
        body = unseal(kind, record.read(MANIFEST), key)
    if body.get("id") != name:
        raise ForgedError("it is the record of another run")
    return body


def content(ground: Ground, run: Run, name: str) -> bytes:
    """Return a file of a record, ``changes.patch`` say; its hash is checked."""
    if name not in run.contents:
        raise UsageError(f"run {run.id} has no {name}; it has {', '.join(sorted(run.contents))}")
    parent, _, child = name.rpartition("/")
    with ground.state.enter(RUNS) as runs, runs.enter(run.id) as record:
        if parent:
            with record.enter(parent) as inner:
                found = inner.read(child)
        else:
            found = record.read(child)
    if digest(found) != run.contents[name]:
        raise ForgedError(f"{name} of run {run.id} was changed after the run: it is not used")
    return found


def blob(ground: Ground, run: Run, name: str) -> bytes:
    """Return the content of a file of the target whose hash is *name*."""
    content(ground, run, f"{BLOBS}/{name}")
    with (
        ground.state.enter(RUNS) as runs,
        runs.enter(run.id) as record,
        record.enter(BLOBS) as blobs,
    ):
        return journal.fetch(blobs, name)


def collect(ground: Ground, *, keep: int = 50, days: float = 90.0) -> tuple[str, ...]:
    """Remove the oldest records: those beyond *keep*, and those older than *days*."""
    history = load(ground)
    horizon = time.time() - days * DAY_S
    spare = max(len(history.runs) - keep, 0)
    runs = [r.id for n, r in enumerate(history.runs) if n < spare or r.made_at < horizon]
    left = {run.id for run in history.runs} - set(runs)
    reverts = [revert.id for revert in history.reverts if not left & revert.sites.keys()]
    for kind, names in ((RUNS, runs), (REVERTS, reverts)):
        for name in names:
            _remove(ground, kind, name)
    return tuple(runs)


def _remove(ground: Ground, kind: str, name: str) -> None:
    """Move a record to the journal first: half a record there is swept up by recovery."""
    with (
        journal.subfolder(ground.state, journal.JOURNAL) as waste,
        ground.state.enter(kind) as kept,
    ):
        place = ulid.new()
        fsops.rename(kept, name, waste, place)
        journal.discard(waste, place)
