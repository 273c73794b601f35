"""Every operation that changes a disk, and no other place has one: tests watch each of them.

Folders are handles, not names: what a name leads to can be swapped between check and use.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KNOWN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: What only we read; files of the target get the mode they had.
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


class Do(StrEnum):
    """A kind of operation; the watcher is told before each."""

    CREATE = "create"
    """A new, empty file."""

    WRITE = "write"
    """Half of a file's content."""

    OWNER = "owner"
    """Owner and group of a file."""

    MODE = "mode"
    """Permission bits of a file."""

    XATTR = "xattr"
    """An extended attribute of a file."""

    SYNC = "sync"
    """The content of a file reaches the disk."""

    RENAME = "rename"
    """A file or folder takes a name, replacing what had it."""

    LINK = "link"
    """A file takes a second name, unless that is taken."""

    UNLINK = "unlink"
    """A file's name goes."""

    MAKE_FOLDER = "make-folder"
    """A new folder."""

    REMOVE_FOLDER = "remove-folder"
    """An empty folder goes."""

    SYNC_FOLDER = "sync-folder"
    """The names in a folder reach the disk."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What is about to happen, for the one who watches; *to* is the new name of a rename."""

    do: Do
    path: Path
    to: Path | None = None
    content: bytes = b""


_watchers: list[Callable[[Operation], None]] = []


@contextlib.contextmanager
def watched(watcher: Callable[[Operation], None]) -> Iterator[None]:
    """Tell *watcher* about each operation before it happens; it may raise, or end the process."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def _tell(do: Do, path: Path, to: Path | None = None, content: bytes = b"") -> None:
    for watcher in tuple(_watchers):
        watcher(Operation(do, path, to, content))


@dataclass(frozen=True, slots=True)
class Folder:
    """An open folder; *path* is for messages, *handle* for everything else."""

    handle: int
    path: Path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a folder that is no symlink itself."""
        return cls(os.open(path, _FOLDER), path)

    def enter(self, name: str) -> Folder:
        """Open a folder in this one, never through a symlink."""
        return Folder(os.open(name, _FOLDER, dir_fd=self.handle), self.path / name)

    def again(self) -> Folder:
        """Return a second handle of the same folder."""
        return Folder(os.dup(self.handle), self.path)

    def close(self) -> None:
        """Let the handle go."""
        os.close(self.handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def names(self) -> list[str]:
        """List what is in the folder, sorted."""
        return sorted(os.listdir(self.handle))

    def stat(self, name: str) -> os.stat_result | None:
        """Look at *name* itself, not at what it points to; None when there is no such name."""
        try:
            return os.stat(name, dir_fd=self.handle, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes:
        """Return the content of a regular file."""
        with os.fdopen(open_file(self, name), "rb") as file:
            return file.read()


def open_file(folder: Folder, name: str) -> int:
    """Open a regular file for reading, without following a link or waiting for a pipe."""
    return os.open(name, _KNOWN_FILE, dir_fd=folder.handle)


def create(
    folder: Folder, name: str, content: bytes, mode: int = PRIVATE_FILE, like: int | None = None
) -> None:
    """Make the new file *name*, whole and on the disk; it takes after the open file *like*.

    The content goes out in two halves, so that a test can stop between them.
    """
    path = folder.path / name
    _tell(Do.CREATE, path)
    handle = os.open(name, _NEW_FILE, PRIVATE_FILE, dir_fd=folder.handle)
    try:
        half = len(content) // 2
        _write(handle, path, content[:half])
        _write(handle, path, content[half:])
        if like is not None:
            _take_owner(handle, path, os.fstat(like))
        _tell(Do.MODE, path)
        os.fchmod(handle, stat.S_IMODE(mode))
        if like is not None:
            _take_attributes(handle, path, like)
        _tell(Do.SYNC, path)
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(handle: int, path: Path, content: bytes) -> None:
    """Write all of *content*: with a file size limit the system writes less and says nothing."""
    _tell(Do.WRITE, path, content=content)
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _take_owner(handle: int, path: Path, like: os.stat_result) -> None:
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        _tell(Do.OWNER, path)
        os.fchown(handle, like.st_uid, like.st_gid)


def _take_attributes(handle: int, path: Path, like: int) -> None:
    """Copy what the file system lets us copy; labels of the system are its own business."""
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(like):
            _tell(Do.XATTR, path)
            with contextlib.suppress(OSError):
                os.setxattr(handle, name, os.getxattr(like, name))


def rename(source: Folder, name: str, target: Folder, to: str) -> None:
    """Give the file *name* its final name, replacing what has it, and note it on the disk."""
    _tell(Do.RENAME, source.path / name, target.path / to)
    os.rename(name, to, src_dir_fd=source.handle, dst_dir_fd=target.handle)
    sync(target)
    if source.path != target.path:
        sync(source)


def link(folder: Folder, name: str, to: str) -> None:
    """Give the file *name* a second name that nothing has yet."""
    _tell(Do.LINK, folder.path / name, folder.path / to)
    os.link(name, to, src_dir_fd=folder.handle, dst_dir_fd=folder.handle, follow_symlinks=False)


def sync(folder: Folder) -> None:
    """See to it that the names in *folder* are on the disk."""
    _tell(Do.SYNC_FOLDER, folder.path)
    os.fsync(folder.handle)


def unlink(folder: Folder, name: str) -> None:
    """Remove the file *name*; a file that is gone already is fine."""
    _tell(Do.UNLINK, folder.path / name)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder.handle)


def make_folder(folder: Folder, name: str, mode: int = PRIVATE_FOLDER) -> None:
    """Make the new folder *name* and note it on the disk."""
    _tell(Do.MAKE_FOLDER, folder.path / name)
    os.mkdir(name, mode, dir_fd=folder.handle)
    sync(folder)


def remove_folder(folder: Folder, name: str) -> None:
    """Remove the folder *name*, which must be empty."""
    _tell(Do.REMOVE_FOLDER, folder.path / name)
    os.rmdir(name, dir_fd=folder.handle)


def remove_tree(folder: Folder, name: str) -> None:
    """Remove *name* and all below it, without following any link."""
    found = folder.stat(name)
    if found is None:
        return
    if not stat.S_ISDIR(found.st_mode):
        unlink(folder, name)
        return
    with folder.enter(name) as inner:
        for child in inner.names():
            remove_tree(inner, child)
    remove_folder(folder, name)


def make_path(path: Path) -> Folder:
    """Open the folder *path* of the user's own; make what is missing of it."""
    if not path.is_dir():
        with make_path(path.parent) as parent, contextlib.suppress(FileExistsError):
            make_folder(parent, path.name)
    return Folder(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)
