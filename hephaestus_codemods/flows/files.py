"""Reading the target from the disk, and keeping what scans found between runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import git
from hephaestus_codemods.errors import is_exhaustion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

#: Locks are data, and may be larger than any file that is parsed.
MOST_BYTES = 20_000_000
#: More than this is read again and again rather than held by every process.
MOST_KEPT = 64_000_000
#: Never through a link, and never waiting for somebody to write into a pipe.
SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Folders without a git repository around them are walked; these hold nothing of the project.
FOREIGN = frozenset({".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__"})


@dataclass
class DiskFiles:
    """The files below *root*, of which only those in *paths* are ever opened.

    What was read is *kept* while there is *room*: a command sees each file in one state, and
    workers inherit what their parent has read.
    """

    root: Path
    paths: Collection[str]
    kept: dict[str, bytes] = field(default_factory=dict)
    room: int = MOST_KEPT

    def read(self, path: str) -> bytes | None:
        """Return the bytes of *path*, or None when it is not there or not ours to read."""
        raw = self.kept.get(path)
        if raw is None and path in self.paths:
            raw = self._read(path)
            if raw is not None and len(raw) <= self.room:
                self.room -= len(raw)
                self.kept[path] = raw
        return raw

    def _read(self, path: str) -> bytes | None:
        try:
            handle = os.open(f"{self.root}/{path}", os.O_RDONLY | SAFELY)
        except ValueError:
            return None
        except OSError as error:
            if is_exhaustion(error):  # it may well be there: to say no would be a lie
                raise
            return None
        with os.fdopen(handle, "rb", buffering=0) as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return None
            return file.read(min(found.st_size + 1, MOST_BYTES))


def all_paths(root: Path, listed: Sequence[str] | None = None) -> frozenset[str]:
    """Return the paths of all files that facts may be read from: code, manifests, containers.

    *listed* is what git lists in *root*, if it was asked already: nothing without a work tree,
    and nothing of a folder that it ignores.
    """
    known = git.list_files(root) if listed is None else listed
    return frozenset(known or _walked(root))


def _walked(root: Path) -> Iterator[str]:
    stack = [""]
    while stack:
        folder = stack.pop()
        try:
            entries = list(os.scandir(f"{root}/{folder}"))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in FOREIGN:
                    stack.append(f"{folder}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                yield f"{folder}{entry.name}"


def cache_file(root: Path, rules: Iterable[str]) -> Path:
    """Return where the findings of *rules* in *root* are kept: with the user, not the target.

    Each choice of rules has its own file, so that a commit hook with one rule and a scan with all
    do not forget each other's findings.
    """
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    key = os.fsencode("\0".join((str(root), *sorted(rules))))
    return Path(home) / "hcodemod" / f"{hashlib.sha256(key).hexdigest()[:24]}.json"


def kept(path: Path) -> bytes | None:
    """Return what an earlier command kept in *path*; None when there is nothing."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def keep(path: Path, content: bytes) -> None:
    """Keep *content* in *path* for later commands; that it cannot be kept is no failure."""
    from hephaestus_codemods.patch import fsops, journal  # noqa: PLC0415  # when there is news

    with contextlib.suppress(OSError), fsops.make_path(path.parent) as folder:
        journal.replace(folder, path.name, journal.temporary_name(), content, 0o600)
