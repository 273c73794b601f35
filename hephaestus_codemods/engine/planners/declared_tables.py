"""Requirements as keys of a TOML table: Poetry and Pipenv."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from hephaestus_codemods.engine.planners.declared import (
    Declaring,
    Entry,
    Kind,
    NotUnderstood,
    place_for,
    table,
    tables_of,
    text_of,
)
from hephaestus_codemods.engine.planners.versions import parsed, poetry_specifiers, written

if TYPE_CHECKING:
    from packaging.requirements import Requirement

TABLES: Final = {Kind.POETRY: ("tool", "poetry", "dependencies"), Kind.PIPFILE: ("packages",)}


def keyed(store: Declaring) -> list[Entry]:
    """Return the packages of the table."""
    found = table(tables_of(store), *TABLES[store.kind])
    return [_keyed_entry(store.path, name, v) for name, v in found.items() if name != "python"]


def _keyed_entry(path: str, name: str, value: object) -> Entry:
    versions, extras, unknown = value, [], False
    if isinstance(value, dict):
        versions, extras = value.get("version", "*"), value.get("extras", [])
        unknown = bool(value.keys() - {"version", "extras", "index", "source"})
    found = poetry_specifiers(versions) if isinstance(versions, str) and not unknown else None
    text = f"{name} = {json.dumps(value, default=str)}"
    if found is None:
        return Entry(path, canonicalize_name(name), text, None)
    requirement = parsed(f"{name}[{','.join(extras)}]{found}" if extras else f"{name}{found}")
    return Entry(path, canonicalize_name(name), text, requirement)


def keyed_add(store: Declaring, requirement: Requirement) -> bytes:
    """Give the table one line more."""
    return _keyed_edit(store, requirement.name, requirement)


def keyed_change(store: Declaring, entry: Entry, requirement: Requirement) -> bytes:
    """Change the line of *entry*."""
    return _keyed_edit(store, entry.text.partition(" = ")[0], requirement)


def _keyed_edit(store: Declaring, key: str, requirement: Requirement) -> bytes:
    """Edit one line of the table; a table of its own for the package is not edited."""
    text = text_of(store)
    span = _lines_of_table(store, text.lines)
    at = next((n for n in span if _key(text.lines[n]) == key), None)
    if at is not None:
        text.lines[at] = _keyed_line(text.lines[at], key, requirement)
        return text.raw()
    packages = [n for n in span if _is_key(text.lines[n]) and _key(text.lines[n]) != "python"]
    index = place_for([_key(text.lines[n]) for n in packages], requirement.name)
    if packages:
        at = packages[index - 1] + 1 if index else packages[0]
    else:
        at = max((n for n in span if _is_key(text.lines[n])), default=span.start - 1) + 1
    text.insert(at, _keyed_line("", requirement.name, requirement))
    return text.raw()


def _lines_of_table(store: Declaring, lines: list[str]) -> range:
    """Return the numbers of the lines below the header of the table."""
    header = f"[{'.'.join(TABLES[store.kind])}]"
    first = next((n for n, one in enumerate(lines) if one.split("#")[0].strip() == header), None)
    if first is None:
        raise NotUnderstood(f"{store.path} has no table {header}")
    after = (n for n, one in enumerate(lines) if n > first and one.lstrip().startswith("["))
    return range(first + 1, next(after, len(lines)))


def _is_key(line: str) -> bool:
    return re.match(r"\s*[\w\"'.-]+\s*=", line) is not None


def _key(line: str) -> str:
    return line.partition("=")[0].strip().strip("\"'")


def _keyed_line(line: str, key: str, requirement: Requirement) -> str:
    versions = written(requirement.specifier) or "*"
    extras = ", ".join(json.dumps(one) for one in sorted(requirement.extras))
    value = f'{{version = "{versions}", extras = [{extras}]}}' if extras else f'"{versions}"'
    if not line:
        return f"{key} = {value}"
    match = re.match(r"(\s*[\w\"'.-]+\s*=\s*)(\"[^\"]*\"|'[^']*'|\{[^}]*\})(.*)", line)
    if match is None:
        raise NotUnderstood(f"the line of {key} is not understood")
    if not extras and match[2].startswith("'"):
        value = f"'{versions}'"
    return match[1] + value + match[3]
