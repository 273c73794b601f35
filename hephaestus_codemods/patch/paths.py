"""Keep every path that we write inside its root: the one guard of apply, revert and recover."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import TargetError
from hephaestus_codemods.patch import fsops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.patch.fsops import Folder

#: Characters that HFS+ ignores in names: ``.g\u200cit`` is ``.git`` there.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
#: ``.git`` as NTFS reads it: any case, a short name, a stream, trailing dots and spaces.
_GIT = re.compile(r"(\.git|git~\d+)[. ]*(:.*)?", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[a-z]:", re.IGNORECASE)


class Why(StrEnum):
    """Why a path is not written."""

    OUTSIDE = "outside"
    """It leads out of the root, or could on some system."""

    GIT = "git-directory"
    """It is git's own, in some spelling."""

    LINK = "link"
    """It is a symlink, or behind one."""

    HARD_LINK = "hard-link"
    """The file has another name elsewhere, which would be cut off."""

    SPECIAL = "not-regular"
    """It is a folder, a pipe or a device."""

    MOUNT = "other-mount"
    """It is behind a mount point."""

    READ_ONLY = "read-only"
    """Its owner may not write it."""

    OWNER = "other-owner"
    """It belongs to someone else, and replacing it would make it ours."""


class PathRefusedError(TargetError):
    """A path that we do not write, and why."""

    def __init__(self, why: Why, path: str, reason: str) -> None:
        super().__init__(f"{path!r} is left alone: {reason}")
        self.why = why
        self.path = path


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file with one name, as it was read."""

    content: bytes
    stat: os.stat_result

    @property
    def mode(self) -> int:
        """The permission bits."""
        return stat.S_IMODE(self.stat.st_mode)


def check(path: str) -> tuple[str, ...]:
    """Return the parts of a relative path, or refuse it by its spelling alone."""
    if not path or "\0" in path:
        raise PathRefusedError(Why.OUTSIDE, path, "it is empty or holds a null byte")
    if path.startswith(("/", "\\")) or _DRIVE.match(path):
        raise PathRefusedError(Why.OUTSIDE, path, "it is absolute")
    # A backslash separates folders on NTFS; such names are judged in both readings.
    for part in (*path.split("/"), *re.split(r"[/\\]", path)):
        if part in ("", ".", ".."):
            raise PathRefusedError(Why.OUTSIDE, path, f"{part!r} cannot be part of a path")
        if _GIT.fullmatch(_IGNORED.sub("", part)):
            raise PathRefusedError(Why.GIT, path, f"{part!r} is git's own")
    return tuple(path.split("/"))


@contextlib.contextmanager
def parent(root: Folder, path: str) -> Iterator[tuple[Folder, str]]:
    """Walk to the folder of *path*, handle by handle; give it and the last part of the name."""
    *folders, name = check(path)
    device = os.fstat(root.handle).st_dev
    here = root.again()
    try:
        for part in folders:
            inner = _step(here, part, path)
            here.close()
            here = inner
            if os.fstat(here.handle).st_dev != device:
                raise PathRefusedError(Why.MOUNT, path, f"{part!r} is another file system")
        yield here, name
    finally:
        here.close()


def _step(here: Folder, part: str, path: str) -> Folder:
    try:
        return here.enter(part)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise PathRefusedError(Why.LINK, path, f"{part!r} is a symlink or no folder") from error


def look(root: Folder, path: str) -> Found | None:
    """Read *path* if it is a plain file of the root; None when it, or its folder, is missing."""
    try:
        with parent(root, path) as (folder, name):
            return look_in(folder, name, path)
    except FileNotFoundError:
        return None


def look_in(folder: Folder, name: str, path: str) -> Found | None:
    """Read the plain file *name* of an open folder; *path* is for messages."""
    found = folder.stat(name)
    if found is None:
        return None
    _refuse_odd(found, path)
    handle = fsops.open_file(folder, name)
    with os.fdopen(handle, "rb") as file:
        opened = os.fstat(handle)
        _refuse_odd(opened, path)
        return Found(file.read(), opened)


def _refuse_odd(found: os.stat_result, path: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise PathRefusedError(Why.LINK, path, "it is a symlink")
    if not stat.S_ISREG(found.st_mode):
        raise PathRefusedError(Why.SPECIAL, path, "it is not a regular file")
    if found.st_nlink > 1:
        raise PathRefusedError(Why.HARD_LINK, path, f"it has {found.st_nlink} names (hard links)")


def refuse_foreign(found: Found, path: str) -> None:
    """Refuse a file that its owner made read-only, or whose owner would change with our rename."""
    if not found.mode & stat.S_IWUSR:
        raise PathRefusedError(Why.READ_ONLY, path, "it is read-only; chmod u+w it to rewrite it")
    if os.geteuid() not in (0, found.stat.st_uid):
        raise PathRefusedError(Why.OWNER, path, f"it belongs to user {found.stat.st_uid}")
