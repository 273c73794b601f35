"""What a project declares that it needs: the files, and the lines in them as people write them."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from hephaestus_codemods.engine.planners.versions import parsed, written
from hephaestus_codemods.project.source import LINE_END

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Table = Mapping[str, object]


class Kind(StrEnum):
    """The formats, in the order in which one is chosen."""

    PEP621 = "PEP 621"
    """``[project] dependencies`` of pyproject.toml."""

    POETRY = "poetry"
    """``[tool.poetry.dependencies]`` of pyproject.toml."""

    SETUP_CFG = "setup.cfg"
    """``install_requires`` of ``[options]``."""

    SETUP_PY = "setup.py"
    """``install_requires``, when it is a literal list."""

    REQUIREMENTS = "requirements"
    """A requirements file of pip: ``.in`` before ``.txt``."""

    PIPFILE = "Pipfile"
    """``[packages]`` of a Pipfile."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A declared package. *requirement* is None when its versions cannot be told (a URL)."""

    path: str
    name: str
    text: str
    requirement: Requirement | None


class NotUnderstood(Exception):
    """The file does not have the form that its kind promises; the message says where."""


@dataclass(frozen=True, slots=True)
class Declaring:
    """A file that declares requirements."""

    kind: Kind
    path: str
    raw: bytes


def decoded(store: Declaring) -> tuple[str, bool]:
    """Return the text without its mark, and whether it had one."""
    bom = store.raw.startswith(codecs.BOM_UTF8)
    try:
        return store.raw.removeprefix(codecs.BOM_UTF8).decode(), bom
    except UnicodeDecodeError as error:
        raise NotUnderstood(f"{store.path} is not UTF-8") from error


def encoded(text: str, bom: bool) -> bytes:
    """Return the bytes of *text*, with its mark if it had one."""
    return codecs.BOM_UTF8 * bom + text.encode()


@dataclass(slots=True)
class Text:
    """The lines of a file and what ends each of them; the last line has no end."""

    lines: list[str]
    ends: list[str]
    bom: bool

    def insert(self, at: int, line: str) -> None:
        """Put a new line before the line number *at*."""
        eol = self.ends[0] if self.ends else "\n"
        self.lines.insert(at, line)
        self.ends.insert(min(at, len(self.ends)), eol)

    def raw(self) -> bytes:
        """Return the bytes of the file."""
        pairs = zip(self.lines, [*self.ends, ""], strict=True)
        return encoded("".join(line + end for line, end in pairs), self.bom)


def text_of(store: Declaring) -> Text:
    """Return the lines of a file."""
    text, bom = decoded(store)
    return Text(LINE_END.split(text), LINE_END.findall(text), bom)


def spelled(requirement: Requirement, like: str = "") -> str:
    """Write *requirement* with the spaces and quotes that *like* has."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    versions, like = written(requirement.specifier), like.partition(";")[0]
    if re.search(r"[\w\]]\s+[<>=!~]", like) and versions:
        versions = f" {versions}"
    if re.search(r"[<>=!~]=?\s+\d", like):
        versions = re.sub(r"([<>=!~]=?=?)", r"\1 ", versions).replace(",", ", ")
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{requirement.name}{extras}{versions}{marker}"


def entry_of(path: str, text: str) -> Entry | None:
    """Read a PEP 508 line; a URL has no versions."""
    found = parsed(text)
    if found is None:
        return None
    return Entry(path, canonicalize_name(found.name), text, None if found.url else found)


def place_for(names: Sequence[str], name: str) -> int:
    """Return where *name* goes: in order when the names are, else at the end."""
    keys = [canonicalize_name(one) for one in names]
    if len(keys) < 2 or any(one > other for one, other in pairwise(keys)):
        return len(keys)
    return sum(one <= canonicalize_name(name) for one in keys)


def tables_of(store: Declaring) -> Table:
    """Return the tables of a TOML file."""
    try:
        return tomllib.loads(decoded(store)[0])
    except tomllib.TOMLDecodeError as error:
        raise NotUnderstood(f"{store.path} is not TOML: {error}") from error


def table(tables: Table, *keys: str) -> Table:
    """Return the table under *keys*, empty when there is none."""
    for key in keys:
        found = tables.get(key)
        tables = found if isinstance(found, dict) else {}
    return tables
