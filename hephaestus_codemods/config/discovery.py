"""Discovery: which files of a project are searched, and for each other one the reason why not.

In a work tree git lists the files; elsewhere we walk and honour ``.gitignore`` ourselves. Nothing
is followed out of the root. What the command line names is searched although it would be left out
as a neighbour: only limits of safety then count.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hephaestus_codemods import git
from hephaestus_codemods.config import ignore
from hephaestus_codemods.config.arguments import Argument, locate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hephaestus_codemods.config.ignore import Pattern
    from hephaestus_codemods.config.settings import Settings

MAX_BYTES: Final = 1_000_000
#: An ignore file or attributes file larger than this is not read.
MAX_RULES: Final = 256_000
HEAD_BYTES: Final = 2_048
HEAD_LINES: Final = 5
SUFFIXES: Final = (".py", ".pyi", ".ipynb")


class Status(StrEnum):
    """Whether rules look at a file."""

    CANDIDATE = "candidate"
    """Rules look at it."""

    SKIPPED = "skipped"
    """It stays as it is, for a reason."""


class Reason(StrEnum):
    """Why a file or folder is not searched; each has a sentence in :data:`SENTENCES`."""

    BUILD = "build"
    """Output of a build."""

    ENVIRONMENT = "environment"
    """Installed packages."""

    EXAMPLE = "example"
    """Code that serves no request."""

    EXCLUDED = "excluded"
    """The configuration says so."""

    GENERATED = "generated"
    """Written by a program, which would write it again."""

    GIT = "git"
    """Git's own files."""

    HARD_LINK = "hard-link"
    """Another name of the file may lie anywhere."""

    HIDDEN = "hidden"
    """Its name starts with a dot."""

    LINK = "link"
    """The file that it leads to is searched by its own name."""

    MIGRATION = "migration"
    """History of a database."""

    MOUNT = "mount"
    """Another file system."""

    NOT_INCLUDED = "not-included"
    """The configuration includes other files only."""

    NOT_REGULAR = "not-regular"
    """A pipe, a device or the like."""

    NOTEBOOK = "notebook"
    """No service runs it."""

    SCRIPT = "script"
    """Started by hand."""

    STUB = "stub"
    """Types only: nothing of it runs."""

    SUBMODULE = "submodule"
    """Another repository."""

    TOO_LARGE = "too-large"
    """Parsing it could take minutes and gigabytes."""

    UNREADABLE = "unreadable"
    """The system does not let us."""

    VENDORED = "vendored"
    """A copy of somebody else's code."""


SENTENCES: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.BUILD: "it is the output of a build, by the name of its folder",
        Reason.ENVIRONMENT: "it belongs to an installed environment",
        Reason.EXAMPLE: "it is an example, by the name of its folder",
        Reason.EXCLUDED: "the configuration excludes it",
        Reason.GENERATED: "it is generated: change what generates it",
        Reason.GIT: "it is one of git's own files",
        Reason.HARD_LINK: "it has other names (hard links), which would not change with it",
        Reason.HIDDEN: "it or its folder is hidden",
        Reason.LINK: "it is a link; the file itself is searched where it lies",
        Reason.MIGRATION: "it is a migration, a part of the database's history",
        Reason.MOUNT: "it lies on another file system",
        Reason.NOT_INCLUDED: "the configuration includes other files only",
        Reason.NOT_REGULAR: "it is no regular file",
        Reason.NOTEBOOK: "it is a notebook",
        Reason.SCRIPT: "it is a script, by the name of its folder",
        Reason.STUB: "it is a stub, of which nothing runs",
        Reason.SUBMODULE: "it belongs to another repository",
        Reason.TOO_LARGE: f"it is larger than {MAX_BYTES:,} bytes",
        Reason.UNREADABLE: "it cannot be read",
        Reason.VENDORED: "it is a copy of other people's code",
    }
)

#: Folders that are left out wherever they lie, by name.
FOLDERS: Final[Mapping[str, Reason]] = MappingProxyType(
    dict.fromkeys(("build", "dist", "buck-out", "__pycache__"), Reason.BUILD)
    | dict.fromkeys(
        ("venv", "virtualenv", "site-packages", "dist-packages", "__pypackages__"),
        Reason.ENVIRONMENT,
    )
    | dict.fromkeys(
        ("vendor", "vendored", "_vendor", "_vendored", "third_party", "thirdparty"),
        Reason.VENDORED,
    )
    | dict.fromkeys(("node_modules", "bower_components"), Reason.VENDORED)
    | dict.fromkeys(("alembic", "migrations"), Reason.MIGRATION)
    | dict.fromkeys(("examples", "example"), Reason.EXAMPLE)
    | {"scripts": Reason.SCRIPT, "notebooks": Reason.NOTEBOOK}
)
#: Folders that we do not even look into: what lies there is not counted, the folder is.
NOT_ENTERED: Final = frozenset(
    {
        Reason.BUILD,
        Reason.ENVIRONMENT,
        Reason.GIT,
        Reason.HIDDEN,
        Reason.LINK,
        Reason.MOUNT,
        Reason.SUBMODULE,
        Reason.VENDORED,
    }
)
#: Reasons that stay also when the command line names the file.
FIRM: Final = frozenset(
    {Reason.GIT, Reason.NOT_REGULAR, Reason.NOTEBOOK, Reason.TOO_LARGE, Reason.UNREADABLE}
)
TEST_FOLDERS: Final = frozenset({"tests", "test"})
TEST_FILE: Final = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py", re.DOTALL)
GENERATED_NAME: Final = re.compile(r".*_pb2(_grpc)?\.pyi?", re.DOTALL)
GENERATED_TEXT: Final = re.compile(
    rb"@generated\b|\bgenerated\b[^\n]{0,200}\bdo not (?:edit|modify)\b", re.IGNORECASE
)
LINGUIST: Final = {
    b"linguist-generated": Reason.GENERATED,
    b"linguist-vendored": Reason.VENDORED,
}


@dataclass(frozen=True, slots=True)
class Discovered:
    """A Python file of the project, or a folder that was not entered (*path* ends with a slash).

    *path* is relative to the root. *is_named* says that the command line names the file itself.
    """

    path: str
    status: Status = Status.CANDIDATE
    reason: Reason | None = None
    detail: str = ""
    is_test: bool = False
    is_named: bool = False

    @property
    def message(self) -> str:
        """Return the reason as a sentence; empty for a candidate."""
        if self.reason is None:
            return ""
        return SENTENCES[self.reason] + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class Discovery:
    """All files that were found, sorted, each with one status.

    *lines* limits files to ranges of lines. *folders* were not entered; nothing in them counts.
    """

    files: tuple[Discovered, ...] = ()
    lines: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    folders: tuple[Discovered, ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """Return the paths that rules look at."""
        return tuple(one.path for one in self.files if one.status is Status.CANDIDATE)

    @property
    def tests(self) -> frozenset[str]:
        """Return the paths of test files."""
        return frozenset(one.path for one in self.files if one.is_test)


def discover(
    root: Path,
    paths: Sequence[str],
    settings: Settings,
    *,
    cwd: Path | None = None,
    force_exclude: bool = False,
    respect_gitignore: bool = True,
    listed: Sequence[str] = (),
) -> Discovery:
    """Find the Python files among *paths* (written in *cwd*) and say of each what becomes of it.

    *force_exclude* treats files that are named like any other: pre-commit names them all.
    *listed* are the files of *root* as git lists them, when that is known.
    """
    top = os.path.realpath(root)
    start = os.path.realpath(cwd or root)
    asked = [locate(top, start, path) for path in paths]
    files: dict[str, Discovered] = {}
    ground = _ground(top, settings)
    for one in sorted({argument.path for argument in asked if argument.is_folder}):
        part = ground if force_exclude else _lifted(ground, one)
        known = () if one else listed
        for path in _listed(part, one, known, respect_gitignore=respect_gitignore):
            if path not in files or files[path].status is Status.SKIPPED:
                found = _judged(part, path)
                if found is not None:
                    files[path] = found
    whole = set(files)
    for argument in asked:
        if not argument.is_folder:
            files[argument.path] = _named(ground, argument, force=force_exclude)
    return Discovery(
        tuple(files[path] for path in sorted(files)),
        _narrowed(asked, whole),
        tuple(ground.left_out[path] for path in sorted(ground.left_out)),
    )


def _narrowed(asked: Iterable[Argument], whole: set[str]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the lines asked for of each file that nobody asked for as a whole."""
    whole = whole | {one.path for one in asked if one.lines is None}
    lines: dict[str, list[tuple[int, int]]] = {}
    for one in asked:
        if one.lines is not None and one.path not in whole:
            lines.setdefault(one.path, []).append(one.lines)
    return {path: tuple(sorted(set(found))) for path, found in lines.items()}


Attributes = tuple[tuple[int, "Pattern", Reason | None], ...]


@dataclass(frozen=True)
class _Ground:
    """The root, the patterns of the configuration, and what is known about folders so far."""

    top: str
    device: int
    include: tuple[Pattern, ...]
    exclude: tuple[Pattern, ...]
    stubs: tuple[Pattern, ...]
    folders: dict[str, Reason | None]
    attributes: dict[str, Attributes]
    left_out: dict[str, Discovered]


def _ground(top: str, settings: Settings) -> _Ground:
    return _Ground(
        top,
        os.stat(top).st_dev,
        ignore.patterns(settings.include),
        ignore.patterns((*settings.exclude, *settings.extend_exclude)),
        ignore.patterns(one for one in settings.include if one.endswith(".pyi")),
        {"": None},
        {},
        {},
    )


def _lifted(ground: _Ground, folder: str) -> _Ground:
    """Return the ground on which *folder*, being named, and the folders around it are clear."""
    known: dict[str, Reason | None] = {"": None}
    while folder and ".git" not in folder.lower().split("/"):
        known[folder] = None
        folder = folder.rpartition("/")[0]
    return _Ground(
        ground.top,
        ground.device,
        ground.include,
        ground.exclude,
        ground.stubs,
        known,
        ground.attributes,
        ground.left_out,
    )


def _listed(
    ground: _Ground, folder: str, known: Sequence[str], *, respect_gitignore: bool
) -> Iterator[str]:
    """Yield the Python files below *folder*."""
    listed = known or (git.list_files(Path(ground.top, folder)) if respect_gitignore else None)
    if not listed:  # no work tree, or a folder that it ignores and that the user named
        yield from _walked(ground, folder, respect_gitignore=respect_gitignore)
        return
    start = f"{folder}/" if folder else ""
    for path in listed:
        if path.endswith(SUFFIXES):
            yield start + path


Chain = tuple[tuple[int, "tuple[Pattern, ...]"], ...]


def _walked(ground: _Ground, folder: str, *, respect_gitignore: bool) -> Iterator[str]:
    """Walk below *folder* without following any link; ignored files do not come up."""
    above = _chain_above(ground, folder) if respect_gitignore else ()
    stack: list[tuple[str, Chain]] = [(folder, above)]
    while stack:
        place, chain = stack.pop()
        try:
            with os.scandir(os.path.join(ground.top, place)) as found:
                entries = list(found)
        except OSError:
            ground.left_out[f"{place}/"] = _left_out(f"{place}/", Reason.UNREADABLE)
            continue
        start = f"{place}/" if place else ""
        if respect_gitignore and any(entry.name == ".gitignore" for entry in entries):
            chain = (*chain, _ignore_file(ground, place))
        for entry in entries:
            path = start + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and not entry.name.endswith(SUFFIXES):
                continue
            if chain and _is_ignored(chain, path, is_folder=is_folder):
                continue
            if not is_folder:
                yield path
            elif _folder_reason(ground, path) not in NOT_ENTERED:
                stack.append((path, chain))


def _chain_above(ground: _Ground, folder: str) -> Chain:
    """Return the ignore files around *folder*; none when they ignore it, for the user named it."""
    chain: Chain = ()
    parts = folder.split("/") if folder else []
    for depth in range(len(parts)):
        chain = (*chain, _ignore_file(ground, "/".join(parts[:depth])))
        if _is_ignored(chain, "/".join(parts[: depth + 1]), is_folder=True):
            return ()
    return chain


def _ignore_file(ground: _Ground, folder: str) -> tuple[int, tuple[Pattern, ...]]:
    """Return where paths below *folder* begin, and the patterns of its ignore file."""
    rules = ignore.parse(_small_file(os.path.join(ground.top, folder, ".gitignore")))
    return len(os.fsencode(f"{folder}/" if folder else "")), rules


def _is_ignored(chain: Chain, path: str, *, is_folder: bool) -> bool:
    raw = os.fsencode(path)
    for cut, rules in reversed(chain):
        said = ignore.verdict(rules, raw[cut:], is_folder=is_folder)
        if said is not None:
            return said
    return False


def _named(ground: _Ground, argument: Argument, *, force: bool) -> Discovered:
    """Judge a file that the command line names: only limits of safety hold."""
    path = argument.path
    found = _judged(ground, path, is_named=True)
    if found is None or force:
        reason = _folder_reason(ground, path.rpartition("/")[0])
        found = found or _skipped(path, reason or Reason.UNREADABLE)
    if force or found.reason in FIRM or ".git" in path.lower().split("/"):
        return _with_name(found)
    return Discovered(path, is_test=_is_test(path), is_named=True)


def _with_name(found: Discovered) -> Discovered:
    return Discovered(
        found.path, found.status, found.reason, found.detail, found.is_test, is_named=True
    )


def _judged(ground: _Ground, path: str, *, is_named: bool = False) -> Discovered | None:
    """Say what becomes of the file at *path*; None when it is not there or does not count."""
    folder, _, name = path.rpartition("/")
    around = _folder_reason(ground, folder)
    if around in NOT_ENTERED and not is_named:
        return None
    full = os.path.join(ground.top, path)
    try:
        found = os.lstat(full)
    except FileNotFoundError:
        return None  # in git's index, and deleted
    except OSError as error:
        return _unreadable(path, error)
    firm = _firm_reason(found, name)
    if firm is not None:
        return _skipped(path, firm)
    reason = around or _file_reason(ground, path, name, found)
    if reason is None:
        try:
            reason = Reason.GENERATED if _is_generated(full) else None
        except OSError as error:
            return _unreadable(path, error)
    if reason is not None:
        return _skipped(path, reason)
    return Discovered(path, is_test=_is_test(path))


def _firm_reason(found: os.stat_result, name: str) -> Reason | None:
    if stat.S_ISLNK(found.st_mode):
        return Reason.LINK
    if not stat.S_ISREG(found.st_mode):
        return Reason.NOT_REGULAR
    if name.endswith(".ipynb"):
        return Reason.NOTEBOOK
    return Reason.TOO_LARGE if found.st_size > MAX_BYTES else None


def _file_reason(ground: _Ground, path: str, name: str, found: os.stat_result) -> Reason | None:
    if found.st_nlink > 1:
        return Reason.HARD_LINK
    if name.startswith("."):
        return Reason.HIDDEN
    raw = os.fsencode(path)
    if name.endswith(".pyi") and not ignore.verdict(ground.stubs, raw, is_folder=False):
        return Reason.STUB
    if GENERATED_NAME.fullmatch(name):
        return Reason.GENERATED
    if ground.exclude and ignore.verdict(ground.exclude, raw, is_folder=False):
        return Reason.EXCLUDED
    if ground.include and not ignore.covers(ground.include, path):
        return Reason.NOT_INCLUDED
    return _attribute(_attributes(ground, path.rpartition("/")[0]), raw)


def _folder_reason(ground: _Ground, folder: str) -> Reason | None:
    """Return why nothing below *folder* is searched; the answer is kept."""
    known = ground.folders
    if folder in known:
        return known[folder]
    above, _, name = folder.rpartition("/")
    reason = _folder_reason(ground, above)
    if reason is None:
        reason = _own_reason(ground, folder, above, name)
        if reason in NOT_ENTERED and reason is not Reason.GIT:
            ground.left_out[f"{folder}/"] = _left_out(f"{folder}/", reason)
    known[folder] = reason
    return reason


def _own_reason(ground: _Ground, folder: str, above: str, name: str) -> Reason | None:
    full = os.path.join(ground.top, folder)
    if name.lower() == ".git":
        return Reason.GIT
    if name.startswith("."):
        return Reason.HIDDEN
    if name in FOLDERS:
        return FOLDERS[name]
    try:
        found = os.lstat(full)
    except OSError:
        return Reason.UNREADABLE
    if stat.S_ISLNK(found.st_mode):
        return Reason.LINK
    if found.st_dev != ground.device:
        return Reason.MOUNT
    if os.path.lexists(f"{full}/.git"):
        return Reason.SUBMODULE
    if os.path.lexists(f"{full}/pyvenv.cfg"):
        return Reason.ENVIRONMENT
    if name == "versions" and _is_alembic(os.path.join(ground.top, above)):
        return Reason.MIGRATION
    if ground.exclude and ignore.verdict(ground.exclude, os.fsencode(folder), is_folder=True):
        return Reason.EXCLUDED
    return None


def _is_alembic(folder: str) -> bool:
    """Say whether *folder* is an Alembic environment, whatever its name."""
    return os.path.lexists(f"{folder}/env.py") and os.path.lexists(f"{folder}/script.py.mako")


def _attributes(ground: _Ground, folder: str) -> Attributes:
    """Return what ``.gitattributes`` of *folder* and above say, read as data."""
    if folder in ground.attributes:
        return ground.attributes[folder]
    above = _attributes(ground, folder.rpartition("/")[0]) if folder else ()
    start = f"{folder}/" if folder else ""
    content = _small_file(os.path.join(ground.top, start, ".gitattributes"))
    own = tuple(_linguist(content, len(os.fsencode(start)))) if b"linguist" in content else ()
    ground.attributes[folder] = above + own
    return above + own


def _linguist(content: bytes, cut: int) -> Iterator[tuple[int, Pattern, Reason | None]]:
    for line in content.splitlines():
        text, *words = line.split() or [b"#"]
        pattern = None if text.startswith((b"#", b"!", b'"')) else ignore.pattern(text)
        for word in words if pattern else ():
            name, _, value = word.lstrip(b"-!").partition(b"=")
            if pattern is not None and name in LINGUIST:
                is_set = not word.startswith((b"-", b"!")) and value not in (b"false", b"0")
                yield cut, pattern, LINGUIST[name] if is_set else None


def _attribute(rules: Attributes, path: bytes) -> Reason | None:
    for cut, pattern, reason in reversed(rules):
        if ignore.verdict((pattern,), path[cut:], is_folder=False):
            return reason
    return None


def _is_generated(full: str) -> bool:
    handle = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        head = os.read(handle, HEAD_BYTES)
    finally:
        os.close(handle)
    if b"enerated" not in head and b"ENERATED" not in head:
        return False
    return bool(GENERATED_TEXT.search(b"\n".join(head.splitlines()[:HEAD_LINES])))


def _small_file(full: str) -> bytes:
    """Return a file of rules; empty when it is not there, no regular file, or far too large."""
    try:
        handle = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_RULES:
            return b""
        return file.read(MAX_RULES)


def _is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return bool(TEST_FILE.fullmatch(name)) or not TEST_FOLDERS.isdisjoint(folders)


def _skipped(path: str, reason: Reason, detail: str = "") -> Discovered:
    return Discovered(path, Status.SKIPPED, reason, detail, _is_test(path))


def _unreadable(path: str, error: OSError) -> Discovered:
    return _skipped(path, Reason.UNREADABLE, error.strerror or str(error))


def _left_out(path: str, reason: Reason) -> Discovered:
    return Discovered(path, Status.SKIPPED, reason)
