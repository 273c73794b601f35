"""Run git, and only here: hardened so that nothing a repository configures is executed.

A hostile checkout owns ``.git/config`` and every attribute. ``git status``, ``diff`` and ``add``
run its filters, so none of them is used: whether a file is dirty is found by hashing its bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import TargetError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LIMIT_S = 60.0
#: With more paths than this the whole index is listed: a command line has a limit too.
NAMED_PATHS = 400
#: ``git merge-file`` answers with the number of conflicts, up to this; more is an error.
MOST_CONFLICTS = 127

_SWITCHES = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.quotePath=off"),
    *("-c", "core.alternateRefsCommand="),
    *("-c", "diff.external="),
    *("-c", "commit.gpgSign=false"),
    *("-c", "credential.helper="),
    *("-c", "merge.conflictStyle=merge"),
)
_SETTINGS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    # A partial clone would fetch a missing object, with the commands its config names.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
_REGULAR, _EXECUTABLE, _SUBMODULE = "100644", "100755", "160000"
_INDEX_TIME = re.compile(rb"mtime: (\d+):(\d+)\n.*size: (\d+)\t", re.DOTALL)


def toplevel(path: Path) -> Path | None:
    """Return the root of the work tree that holds *path*; None outside of one or without git."""
    top = _line("rev-parse", "--show-toplevel", cwd=path)
    # core.worktree of a hostile configuration may point anywhere; a root is above its content.
    if top is None or not path.resolve().is_relative_to(top.resolve()):
        return None
    return top


def git_dir(path: Path) -> Path | None:
    """Return the absolute git directory of the work tree that holds *path*, if there is one."""
    return _line("rev-parse", "--absolute-git-dir", cwd=path) if toplevel(path) else None


def list_files(root: Path) -> list[str] | None:
    """List what is tracked, or untracked and not ignored, under *root*; no submodules.

    Paths are relative to *root*; bytes that are no UTF-8 are kept by surrogate escapes. None
    means that git cannot say.
    """
    index = _index(root, ())
    if index is None:
        return None
    others = _run("ls-files", "--others", "--exclude-standard", "-z", cwd=root)
    if others is None:
        return None
    tracked = {path for path, entry in index.items() if entry.mode != _SUBMODULE}
    # A repository inside this one that is no submodule is listed as `folder/`.
    untracked = {name for name in _names(others) if not name.endswith("/")}
    return sorted(tracked | untracked)


def dirty_paths(root: Path, paths: Iterable[str]) -> set[str]:
    """Return those of *paths* that hold work which no commit has; empty outside a repository.

    A file is clean when index and HEAD agree and its bytes, as they are or with CRLF turned to
    LF, hash to that blob. Behind a ``filter`` attribute bytes say nothing: there the file is clean
    when its size and time are those of the index. A path that is nowhere is clean.
    """
    wanted = sorted(set(paths))
    if not wanted or git_dir(root) is None:
        return set()
    named = wanted if len(wanted) <= NAMED_PATHS else ()
    index, head = _index(root, named), _head(root, named)
    if index is None:
        return set(wanted)
    unsettled = {path for path in wanted if not _is_clean(root, path, index, head)}
    committed = {p for p in unsettled if p in index and index[p] == head.get(p)}
    return unsettled - _unchanged_behind_filter(root, committed)


def merge_file(ours: bytes, base: bytes, theirs: bytes) -> tuple[bytes, int]:
    """Merge two descendants of *base*; return the text and the number of conflicts in it."""
    import tempfile  # noqa: PLC0415  # only for a revert of what somebody edited since

    with tempfile.TemporaryDirectory(prefix="hcodemod-merge-") as folder:
        for name, content in (("now", ours), ("base", base), ("reverted", theirs)):
            Path(folder, name).write_bytes(content)
        done = _git("merge-file", "-p", "now", "base", "reverted", cwd=Path(folder), alone=True)
    if done is None:
        raise TargetError("a 3-way merge needs git on PATH, and it is not there")
    if not 0 <= done.returncode <= MOST_CONFLICTS:
        reason = os.fsdecode(done.stderr).strip()
        raise TargetError(f"git cannot merge this file: {reason}")
    return done.stdout, done.returncode


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file as the index or a commit has it; a conflicted one has no blob."""

    mode: str
    blob: str


def _git(
    *args: str, cwd: Path, stdin: bytes = b"", alone: bool = False
) -> subprocess.CompletedProcess[bytes] | None:
    """Run git in *cwd*; *alone* makes it look for no repository and no user configuration."""
    import subprocess  # noqa: PLC0415  # only where there is a repository

    program = _program()
    if program is None:
        return None
    environment = _environment(os.environ)
    if alone:
        environment |= {"GIT_CEILING_DIRECTORIES": str(cwd), "GIT_CONFIG_GLOBAL": os.devnull}
    try:
        return subprocess.run(
            [program, *_SWITCHES, *args],
            cwd=cwd,
            input=stdin,
            capture_output=True,
            env=environment,
            timeout=LIMIT_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None


def _run(*args: str, cwd: Path, stdin: bytes = b"") -> bytes | None:
    if not _is_in_repository(cwd):
        return None
    done = _git(*args, cwd=cwd, stdin=stdin)
    return done.stdout if done is not None and done.returncode == 0 else None


def _is_in_repository(folder: Path) -> bool:
    """Say, without a process, whether git would find a work tree around *folder*."""
    place = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(place, ".git")):
        above = os.path.dirname(place)
        if above == place:
            return False
        place = above
    return True


def _program() -> str | None:
    """Find git on PATH; entries relative to the working folder could lead into a target."""
    import shutil  # noqa: PLC0415  # only where there is a repository

    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which("git", path=os.pathsep.join(f for f in folders if os.path.isabs(f)))


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in given.items() if not k.startswith("GIT_")} | _SETTINGS


def _line(*args: str, cwd: Path) -> Path | None:
    """Return the path that git prints; its own newline is cut, one in the name stays."""
    folder = cwd if cwd.is_dir() else cwd.parent
    out = _run(*args, cwd=folder)
    return Path(os.fsdecode(out.removesuffix(b"\n"))) if out else None


def _names(out: bytes) -> list[str]:
    return [os.fsdecode(name) for name in out.split(b"\0") if name]


def _index(root: Path, paths: Sequence[str]) -> dict[str, _Entry] | None:
    out = _run("ls-files", "-s", "-z", "--", *paths, cwd=root)
    if out is None:
        return None
    return {
        path: _Entry(mode, blob if stage == "0" else "") for mode, blob, stage, path in _rows(out)
    }


def _head(root: Path, paths: Sequence[str]) -> dict[str, _Entry]:
    """List the commit that HEAD names; before the first commit there is nothing."""
    out = _run("ls-tree", "-r", "-z", "HEAD", "--", *paths, cwd=root)
    return {path: _Entry(mode, blob) for mode, _, blob, path in _rows(out or b"")}


def _rows(out: bytes) -> Iterator[tuple[str, str, str, str]]:
    for row in _names(out):
        fields, _, path = row.partition("\t")
        one, two, three = fields.split(" ")
        yield one, two, three, path


def _is_clean(
    root: Path, path: str, index: Mapping[str, _Entry], head: Mapping[str, _Entry]
) -> bool:
    content = _content(root / path)
    entry = index.get(path)
    if entry is None:
        return content is None and path not in head and not os.path.lexists(root / path)
    if content is None or entry != head.get(path):
        return False
    return entry.mode in (_REGULAR, _EXECUTABLE) and _is_blob(content, entry.blob)


def _is_blob(content: bytes, blob: str) -> bool:
    if blob_id(content, blob) == blob:
        return True
    return b"\r\n" in content and blob_id(content.replace(b"\r\n", b"\n"), blob) == blob


def blob_id(content: bytes, like: str = "") -> str:
    """Return the id that git gives to *content*; SHA-256 when *like* is such an id."""
    # Git's name for a content, no protection of anything.
    new = hashlib.sha256 if len(like) == 64 else _sha1
    return new(b"blob %d\0%s" % (len(content), content)).hexdigest()


def _sha1(content: bytes) -> hashlib._Hash:
    return hashlib.sha1(content, usedforsecurity=False)


def _content(path: Path) -> bytes | None:
    """Read a regular file and nothing else: a pipe would never end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(handle).st_mode) else None


def _unchanged_behind_filter(root: Path, paths: set[str]) -> set[str]:
    """Return those of *paths* that have a filter and, by size and time, were not touched."""
    filtered = _filtered(root, paths)
    folder = git_dir(root) if filtered else None
    if folder is None:
        return set()
    try:
        written = (folder / "index").stat().st_mtime_ns
    except OSError:
        return set()
    return {path for path in filtered if _is_as_indexed(root, path, written)}


def _filtered(root: Path, paths: set[str]) -> set[str]:
    listed = b"".join(os.fsencode(path) + b"\0" for path in sorted(paths))
    out = _run("check-attr", "-z", "--stdin", "filter", cwd=root, stdin=listed) if paths else b""
    fields = [os.fsdecode(field) for field in (out or b"").split(b"\0")]
    triples = zip(fields[::3], fields[2::3], strict=False)
    return {path for path, value in triples if value not in ("unspecified", "unset")}


def _is_as_indexed(root: Path, path: str, index_written: int) -> bool:
    """Compare with what the index noted; a file as young as the index itself proves nothing."""
    out = _run("ls-files", "--debug", "-z", "--", path, cwd=root)
    noted = _INDEX_TIME.search(out or b"")
    if noted is None:
        return False
    seconds, nanoseconds, size = (int(number) for number in noted.groups())
    found = (root / path).lstat()
    modified = seconds * 10**9 + nanoseconds
    return (found.st_mtime_ns, found.st_size) == (modified, size) and modified < index_written
