"""Which installed distributions name an entry point of a group.

``importlib.metadata`` answers this too, but to import it (mail, zip files, CSV) takes longer than
to look at every distribution of an environment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution, and what it names in the group that was asked for."""

    name: str
    version: str
    values: tuple[str, ...]


def naming(group: str, path: Iterable[str]) -> Iterator[Distribution]:
    """Yield the distributions in the folders of *path* that have entry points in *group*."""
    for folder in path:
        for name in _listed(folder):
            kind = METADATA.get(os.path.splitext(name)[1])
            place = os.path.join(folder, name)
            values = tuple(_values(_text(f"{place}/entry_points.txt"), group)) if kind else ()
            if kind and values:
                said = _headers(_text(f"{place}/{kind}"))
                if said.get("name"):
                    yield Distribution(said["name"], said.get("version", ""), values)


def _listed(folder: str) -> list[str]:
    """List *folder*; entries of a path that are not there, or zip files, hold no rule pack."""
    try:
        return os.listdir(folder or os.curdir)
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _values(text: str, group: str) -> Iterator[str]:
    """Yield what the entry points of *group* refer to."""
    inside = False
    for line in map(str.strip, text.splitlines() if group in text else ()):
        if line.startswith("["):
            inside = line == f"[{group}]"
        elif inside and not line.startswith("#"):
            _, equals, value = line.partition("=")
            if equals:
                yield value.strip()


def _headers(text: str) -> dict[str, str]:
    """Return the headers of metadata by their names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line:
            break
        name, _, value = line.partition(":")
        found.setdefault(name.strip().lower(), value.strip())
    return found
