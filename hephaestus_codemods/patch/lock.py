"""Let one run at a time work on a root; the lock is on the folder itself and leaves no file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import LockedError
from hephaestus_codemods.patch.fsops import Folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCKS = Path("/proc/locks")
_held: set[int] = set()


@contextlib.contextmanager
def locked(root: Path) -> Iterator[Folder]:
    """Hold the lock of *root* and give its handle; raise at once when another run has it.

    The system lets the lock go when the process dies, however it dies.
    """
    with Folder.open(root.resolve()) as folder:
        try:
            fcntl.flock(folder.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(
                f"another run works on {root}{_holder(folder.handle)}: wait for it, or end it"
            ) from error
        _held.add(folder.handle)
        try:
            yield folder
        finally:
            _held.discard(folder.handle)
            fcntl.flock(folder.handle, fcntl.LOCK_UN)  # also for copies in forked children


def _holder(handle: int) -> str:
    """Name the process that has the lock, where the system tells."""
    try:
        rows = [line.split() for line in _LOCKS.read_text().splitlines()]
    except OSError:
        return ""
    inode = str(os.fstat(handle).st_ino)
    pids = [row[4] for row in rows if row[1] == "FLOCK" and row[5].rpartition(":")[2] == inode]
    return f" (process {pids[0]} on {platform.node()})" if pids else ""


def _forget() -> None:
    """Let go of the lock in a forked child: it must not outlive the run that took it."""
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for handle in _held:
        os.dup2(nothing, handle, inheritable=False)
    os.close(nothing)
    _held.clear()


os.register_at_fork(after_in_child=_forget)
