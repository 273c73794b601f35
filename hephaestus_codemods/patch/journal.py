"""Write down what is about to happen before it happens, so that a crash can be undone.

A transaction is a folder ``journal/<id>/`` of the state: ``record/`` is what the run will leave,
with the old contents in it, and ``plan.json`` says which files go from which hash to which. When
all of them have, the plan is renamed to ``done.json``: that is the commit. Before it, recovery
puts the old contents back; after it, recovery only moves the record to its place.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.errors import BrokenPromise, TargetError
from hephaestus_codemods.patch import fsops, paths, ulid
from hephaestus_codemods.patch.state import ForgedError, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from hephaestus_codemods.patch.fsops import Folder
    from hephaestus_codemods.patch.ground import Ground

JOURNAL, RECORD, BLOBS = "journal", "record", "blobs"
PLAN, DONE = "plan.json", "done.json"
#: Transactions that met an edit of the user when they were rolled back: old contents stay here.
KEPT = "kept"
RUNS, REVERTS = "runs", "reverts"
_SEALED_AS = "plan"
#: A link, a pipe or a folder where we put a plain file or a folder.
_NO_FILE_OF_OURS = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)
_TEMPORARY = re.compile(r"\.hcodemod-[0-9a-f]{16}\.tmp")


@dataclass(frozen=True, slots=True)
class Planned:
    """One file of a transaction; a hash of None means that there is no file.

    *temporary* holds the new content until it takes the name, *spare* the old one on the way back.
    """

    path: str
    before: str | None
    after: str | None
    mode: int
    temporary: str
    spare: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A transaction: *made* folders go when it is rolled back, *emptied* ones when it is done."""

    id: str
    kind: str
    files: tuple[Planned, ...]
    made: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovery found and did; conflicts are files that changed after the crash."""

    rolled_back: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def digest(content: bytes | None) -> str | None:
    """Return the SHA-256 of *content*; None stays None."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def temporary_name() -> str:
    """Return a name that nobody could have planted a link for."""
    return f".hcodemod-{secrets.token_hex(8)}.tmp"


def subfolder(folder: Folder, name: str) -> Folder:
    """Open the folder *name*, made on demand."""
    if folder.stat(name) is None:
        fsops.make_folder(folder, name)
    return folder.enter(name)


@contextlib.contextmanager
def opened(ground: Ground, plan: Plan) -> Iterator[tuple[Folder, Folder]]:
    """Open the journal and the folder of *plan* in it."""
    with ground.state.enter(JOURNAL) as journal, journal.enter(plan.id) as folder:
        yield journal, folder


def begin(ground: Ground, plan: Plan, old: Iterable[bytes]) -> None:
    """Put the plan and the *old* contents on the disk; from here on a crash can be undone."""
    with subfolder(ground.state, JOURNAL) as journal:
        fsops.make_folder(journal, plan.id)
        with journal.enter(plan.id) as folder:
            with subfolder(folder, RECORD) as record, subfolder(record, BLOBS) as blobs:
                for content in dict.fromkeys(old):
                    store(blobs, content)
                fsops.sync(blobs)
            fsops.create(folder, "plan.tmp", seal(_SEALED_AS, asdict(plan), ground.key))
            fsops.rename(folder, "plan.tmp", folder, PLAN)


def store(blobs: Folder, content: bytes) -> str:
    """Keep *content* under its hash and return that."""
    name = hashlib.sha256(content).hexdigest()
    if blobs.stat(name) is None:
        fsops.create(blobs, name, zlib.compress(content))
    return name


def fetch(blobs: Folder, name: str) -> bytes:
    """Return the content whose hash is *name*; it is checked."""
    with contextlib.suppress(zlib.error):
        content = zlib.decompress(blobs.read(name))
        if digest(content) == name:
            return content
    raise ForgedError(f"{blobs.path / name} does not hold what its name says")


def commit(ground: Ground, plan: Plan) -> None:
    """Say on the disk that every file of *plan* is as it shall be."""
    with opened(ground, plan) as (_, folder):
        with folder.enter(RECORD) as record:
            fsops.sync(record)
        fsops.rename(folder, PLAN, folder, DONE)


def reopen(ground: Ground, plan: Plan) -> bool:
    """Take a commit back that did not surely reach the disk; False if the plan never was there."""
    with opened(ground, plan) as (_, folder):
        if folder.stat(DONE) is not None:
            fsops.rename(folder, DONE, folder, PLAN)
        return folder.stat(PLAN) is not None


def finish(ground: Ground, plan: Plan) -> None:
    """Move the record of a committed plan to its place and forget the rest."""
    remove_empty(ground, plan.emptied)
    with opened(ground, plan) as (journal, folder):
        if folder.stat(RECORD) is not None:
            with subfolder(ground.state, plan.kind) as records:
                fsops.rename(folder, RECORD, records, plan.id)
        discard(journal, plan.id)


def discard(journal: Folder, name: str) -> None:
    """Remove a transaction that has nothing left to do."""
    fsops.remove_tree(journal, name)
    fsops.sync(journal)


def roll_back(
    ground: Ground, plan: Plan, untouched: Container[str] = frozenset()
) -> tuple[str, ...]:
    """Put every file of *plan* back as it was; return those that someone changed meanwhile.

    Such files are left alone, and the old contents are kept in the state folder. *untouched*
    paths were never written.
    """
    drop_temporaries(ground, (file for file in plan.files if file.path in untouched))
    touched = [file for file in reversed(plan.files) if file.path not in untouched]
    conflicts = tuple(file.path for file in touched if not put_back(ground, plan, file))
    remove_empty(ground, plan.made)
    with opened(ground, plan) as (journal, folder):
        if conflicts:
            with subfolder(ground.state, KEPT) as kept:
                fsops.rename(journal, plan.id, kept, plan.id)
            return conflicts
        fsops.unlink(folder, PLAN)
        fsops.sync(folder)
        discard(journal, plan.id)
    return ()


def put_back(ground: Ground, plan: Plan, file: Planned) -> bool:
    """Undo what was done to one file; False when it holds neither the old nor the new content."""
    try:
        with paths.parent(ground.root, file.path) as (folder, name):
            _remove_temporaries(folder, file)
            return _restore(ground, plan, file, folder, name)
    except FileNotFoundError:
        return file.before is None
    except paths.PathRefusedError:
        return False


def drop_temporaries(ground: Ground, files: Iterable[Planned]) -> None:
    """Remove the new contents of files that will not be written after all."""
    for file in files:
        with (
            contextlib.suppress(FileNotFoundError, paths.PathRefusedError),
            paths.parent(ground.root, file.path) as (folder, _),
        ):
            _remove_temporaries(folder, file)


def _remove_temporaries(folder: Folder, file: Planned) -> None:
    there = [name for name in (file.temporary, file.spare) if folder.stat(name) is not None]
    for name in there:
        if not _TEMPORARY.fullmatch(name):
            raise BrokenPromise(f"{name!r} is no name of a temporary file of ours")
        fsops.unlink(folder, name)
    if there:
        fsops.sync(folder)


def _restore(ground: Ground, plan: Plan, file: Planned, folder: Folder, name: str) -> bool:
    found = paths.look_in(folder, name, file.path)
    now = digest(found.content) if found else None
    if now != file.after:
        return now == file.before
    if file.before is None:
        fsops.unlink(folder, name)
        fsops.sync(folder)
        return True
    with (
        opened(ground, plan) as (_, transaction),
        transaction.enter(RECORD) as record,
        record.enter(BLOBS) as blobs,
    ):
        content = fetch(blobs, file.before)
    replace(folder, name, file.spare, content, file.mode)
    return True


def replace(folder: Folder, name: str, temporary: str, content: bytes, mode: int) -> None:
    """Give *name* a new content in one instant; mode, owner and attributes stay as they are."""
    write_beside(folder, name, temporary, content, mode)
    fsops.rename(folder, temporary, folder, name)


def write_beside(folder: Folder, name: str, temporary: str, content: bytes, mode: int) -> None:
    """Put *content* on the disk under a temporary name, taking after the file *name*."""
    try:
        like = fsops.open_file(folder, name)
    except FileNotFoundError:
        fsops.create(folder, temporary, content, mode)
        return
    try:
        fsops.create(folder, temporary, content, mode, like)
    finally:
        os.close(like)


def remove_empty(ground: Ground, folders: Iterable[str]) -> None:
    """Remove the innermost first, and only what is empty or gone."""
    for path in sorted(folders, reverse=True):
        try:
            with paths.parent(ground.root, path) as (folder, name):
                fsops.remove_folder(folder, name)
                fsops.sync(folder)
        except (FileNotFoundError, paths.PathRefusedError):
            continue
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise


def recover(ground: Ground) -> Recovery:
    """Finish or roll back what a crash left; doing it again does nothing."""
    if ground.state.stat(JOURNAL) is None:
        return Recovery()
    with ground.state.enter(JOURNAL) as journal:
        results = [_recover_one(ground, journal, name) for name in journal.names()]
    return Recovery(
        tuple(path for result in results for path in result.rolled_back),
        tuple(run for result in results for run in result.finished),
        tuple(path for result in results for path in result.conflicts),
        tuple(warning for result in results for warning in result.warnings),
    )


def _recover_one(ground: Ground, journal: Folder, name: str) -> Recovery:
    where = journal.path / name
    try:
        with journal.enter(name) as folder:
            present = [known for known in (PLAN, DONE) if folder.stat(known) is not None]
            plan = _read_plan(folder, present[0], ground.key) if present else None
    except (ForgedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_FILE_OF_OURS:
            raise  # a plan that we could not read is no plan that we may ignore
        return Recovery(warnings=(f"{where} is ignored: {error}",))
    if plan is None:
        return _forget(journal, name)
    if plan.id != name or plan.kind not in (RUNS, REVERTS):
        return Recovery(warnings=(f"{where} is ignored: it is another transaction's plan",))
    if present == [DONE]:
        finish(ground, plan)
        return Recovery(finished=(plan.id,))
    conflicts = roll_back(ground, plan)
    return Recovery(tuple(file.path for file in plan.files), (), conflicts)


def _forget(journal: Folder, name: str) -> Recovery:
    """Remove what a crash left before the plan was on the disk: no file was touched."""
    if not ulid.is_ulid(name):
        return Recovery(warnings=(f"{journal.path / name} is ignored: it is not ours",))
    discard(journal, name)
    return Recovery()


def _read_plan(folder: Folder, name: str, key: bytes) -> Plan:
    body = unseal(_SEALED_AS, folder.read(name), key)
    try:
        return _plan(body)
    except (TypeError, KeyError, ValueError) as error:
        raise ForgedError("it is a plan of another version") from error


def _plan(body: dict[str, Any]) -> Plan:
    files = tuple(Planned(**file) for file in body["files"])
    return Plan(body["id"], body["kind"], files, tuple(body["made"]), tuple(body["emptied"]))


def say(error: OSError | TargetError, path: str) -> str:
    """Return what went wrong with *path*, with the system's name for it."""
    if isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0, "error")
        return f"{path}: {os.strerror(error.errno or 0)} ({code})"
    return str(error)
