"""Where settings come from: files found and read as plain TOML, and the command line.

Whatever lies in a target is data of somebody we do not know: it is read with a size limit, never
through a link that leaves the root, and each key says who may set it.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import git
from hephaestus_codemods.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A configuration larger than this is none.
MAX_BYTES = 1_000_000
SECTION = ("tool", "hcodemod")
ROOT_MARKS = ("hcodemod.toml", "pyproject.toml", "setup.cfg", "setup.py", ".hg")
TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
#: A dotted key that long costs tomllib memory with the square of its length: gigabytes.
DOTTED = re.compile(
    r"""(?<![\w\-"'.])(?:(?:[\w\-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}"""
)


class Who(StrEnum):
    """Who speaks in a layer; a target may say less than a user."""

    USER = "user"
    """The user's own configuration file."""

    TARGET = "target"
    """A file in the tree that we work on."""

    COMMAND = "command line"
    """This call, and what it names."""


@dataclass(frozen=True)
class Layer:
    """The settings of one place. *inside* is the folder it speaks of, relative to the root."""

    who: Who
    origin: str
    table: Mapping[str, object]
    inside: str = ""
    text: str = ""
    section: tuple[str, ...] = ()

    def sets(self, *keys: str) -> bool:
        """Say whether the layer gives a value to the key."""
        value: object = self.table
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return True

    def where(self, *keys: str) -> str:
        """Return the place of a key for a message: file, line and full name."""
        name = ".".join(key if re.fullmatch(r"[\w-]+", key) else f'"{key}"' for key in keys)
        if not self.text:
            return f"{self.origin}: {name}"
        line = line_of(self.text, (*self.section, *keys))
        full = ".".join((*self.section, name))
        return f"{self.origin}:{line}: {full}" if line else f"{self.origin}: {full}"


def find_root(start: Path, here: Path | None = None) -> Path:
    """Return the root of the project around *start*: its work tree, else where its files begin.

    Without any sign of that it is *here*, where the user stands, if that is around *start*.
    """
    folder = Path(os.path.realpath(start if start.is_dir() else start.parent))
    top = git.toplevel(folder)
    # An ignored folder (an unpacked archive, say) is no part of the repository around it.
    if top is not None and (top == folder or git.list_files(folder)):
        return top
    for place in (folder, *folder.parents):
        if place == top:
            break
        if any(place.joinpath(mark).is_file() for mark in ROOT_MARKS):
            return place
    return here if here is not None and folder.is_relative_to(here) else folder


def user_file(environ: Mapping[str, str]) -> Path | None:
    """Return the path of the user's own configuration, if the environment says where that is."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the specification ignores relative paths
        home = environ.get("HOME", "")
        base = os.path.join(home, ".config") if os.path.isabs(home) else ""
    return Path(base, "hcodemod", "config.toml") if base else None


def user_layer(environ: Mapping[str, str]) -> Layer | None:
    """Read the user's own configuration."""
    path = user_file(environ)
    if path is None or not path.exists():
        return None
    text = _read(path, str(path))
    return Layer(Who.USER, str(path), parsed(text, str(path)), text=text)


def named_layer(path: Path) -> Layer:
    """Read the configuration file that the command line names; it speaks as the command line."""
    if not path.is_file():
        raise UsageError(f"the configuration {path} is not there")
    text = _read(path, str(path))
    table = parsed(text, str(path))
    if path.name == "pyproject.toml":
        return Layer(Who.COMMAND, str(path), _section(table, str(path)) or {}, text=text)
    return Layer(Who.COMMAND, str(path), table, text=text)


def target_layer(root: Path, start: Path) -> tuple[Layer | None, tuple[str, ...]]:
    """Return the settings of the folder nearest to *start*, not above *root*; and notes."""
    notes: list[str] = []
    top = Path(os.path.realpath(root))
    for folder in _upwards(Path(os.path.realpath(start)), top):
        found = [layer for layer in _in_folder(folder, top, notes) if layer is not None]
        if len(found) > 1:
            raise UsageError(
                f"{found[0].origin} and [tool.hcodemod] of {found[1].origin} both hold settings: "
                "keep one of them"
            )
        if found:
            return found[0], tuple(notes)
    return None, tuple(notes)


def _upwards(start: Path, top: Path) -> Iterator[Path]:
    folder = start if start.is_dir() else start.parent
    if not folder.is_relative_to(top):
        folder = top
    while True:
        yield folder
        if folder == top:
            return
        folder = folder.parent


def _in_folder(folder: Path, top: Path, notes: list[str]) -> Iterator[Layer | None]:
    inside = "" if folder == top else folder.relative_to(top).as_posix()
    for name, section in (("hcodemod.toml", ()), ("pyproject.toml", SECTION)):
        path = folder / name
        if not os.path.lexists(path):
            continue
        origin = f"{inside}/{name}" if inside else name
        if not Path(os.path.realpath(path)).is_relative_to(top):
            notes.append(f"{origin} is a link that leaves {top}: its settings are ignored")
            continue
        if b"hcodemod" not in (raw := _bytes(path, origin)) and section:
            continue  # the manifest of a project that says nothing to us, valid or not
        text = _decoded(raw, origin)
        table: Mapping[str, object] | None = parsed(text, origin)
        table = _section(table or {}, origin) if section else table
        if table is not None:
            yield Layer(Who.TARGET, origin, table, inside, text, section)


def _section(table: Mapping[str, object], origin: str) -> Mapping[str, object] | None:
    tool = table.get("tool")
    if not isinstance(tool, dict) or "hcodemod" not in tool:
        return None
    section = tool["hcodemod"]
    if not isinstance(section, dict):
        raise UsageError(f"{origin}: tool.hcodemod must be a table")
    return section


def _read(path: Path, origin: str) -> str:
    return _decoded(_bytes(path, origin), origin)


def _bytes(path: Path, origin: str) -> bytes:
    """Read a regular file of moderate size: a pipe or a device would never end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise UsageError(f"{origin} is no regular file, so it cannot hold settings")
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{origin} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{origin} is larger than {MAX_BYTES:,} bytes; settings are smaller")
    return content


def _decoded(content: bytes, origin: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{origin}:{line}: TOML is UTF-8, and this line is not") from error


def parsed(text: str, origin: str) -> dict[str, object]:
    """Parse TOML; raise UsageError with file and line where it is none."""
    import tomllib  # noqa: PLC0415  # only where somebody configured us

    if deep := DOTTED.search(text):
        line = text.count("\n", 0, deep.start()) + 1
        raise UsageError(f"{origin}:{line}: no setting has a name of so many parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = TOML_PLACE.search(message)
        last = text.count("\n") + 1
        where = f"{origin}:{place[1] if place and place[1] else last}"
        raise UsageError(f"{where}: {TOML_PLACE.sub('', message)}") from error
    except (RecursionError, ValueError) as error:  # nesting, and numbers beyond all use
        raise UsageError(f"{origin}: no settings are nested or long like this") from error


def line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """Return the line of TOML that sets or opens *keys*, or what is around it, for a message."""
    best, matched = None, 0
    header: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            header = found = _names(stripped.strip("[] \t"))
        elif "=" in stripped and not stripped.startswith("#"):
            found = (*header, *_names(stripped.partition("=")[0]))
        else:
            continue
        shared = found[: len(keys)]  # `a.b.c = 1` opens a.b too
        if len(shared) > matched and shared == keys[: len(shared)]:
            best, matched = number, len(shared)
    return best


def _names(dotted: str) -> tuple[str, ...]:
    quoted = re.findall(r'"([^"]*)"|\'([^\']*)\'|([\w-]+)', dotted.partition("]")[0])
    return tuple(double or single or bare for double, single, bare in quoted)
