"""How the target's own formatters are told to lay out its code."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final

from hephaestus_codemods.project.layout import above, parent

if TYPE_CHECKING:
    from hephaestus_codemods.project.project import Project

#: What black and ruff take where nothing is said.
USUAL: Final = 88
#: Files that say how long lines may be, and the tables in which they do, the nearest first.
TABLES: Final = {
    "ruff.toml": ((),),
    ".ruff.toml": ((),),
    "pyproject.toml": (("tool", "black"), ("tool", "ruff")),
}


def line_length(project: Project, path: str) -> int:
    """Return how long the lines of the file *path* may be."""
    folder = parent(path)
    for one in (folder, *above(folder)):
        for name, tables in TABLES.items():
            said = _table(project, f"{one}/{name}" if one else name)
            for table in tables:
                found = _within(said, table).get("line-length")
                if isinstance(found, int):
                    return found
    return USUAL


def _table(project: Project, path: str) -> dict[str, Any]:
    raw = project.read(path) if path in project.files else None
    try:
        return tomllib.loads(raw.decode()) if raw is not None else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _within(said: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    for name in names:
        inner = said.get(name)
        said = inner if isinstance(inner, dict) else {}
    return said
