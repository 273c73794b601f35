"""Requirements on lines of their own: requirements files, and ``install_requires`` of setup.cfg."""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING

import configupdater

from hephaestus_codemods.engine.planners.declared import (
    Declaring,
    Entry,
    Kind,
    NotUnderstood,
    decoded,
    entry_of,
    place_for,
    spelled,
    text_of,
)
from hephaestus_codemods.project.source import LINE_END

if TYPE_CHECKING:
    from packaging.requirements import Requirement

LINE = re.compile(r"(?P<lead>\s*)(?P<text>[^#\s\-](?:[^#]|(?<!\s)#)*?)(?P<tail>\s*(?:\s#.*|\s*))$")


def lines_of(store: Declaring) -> list[Entry]:
    """Return the requirements of the file."""
    return [entry for _, entry in _numbered(store)]


def _numbered(store: Declaring) -> list[tuple[int, Entry]]:
    """Return the requirements of the file with the numbers of their lines."""
    lines = LINE_END.split(decoded(store)[0])
    numbers = range(len(lines)) if store.kind is Kind.REQUIREMENTS else _cfg_lines(store, lines)
    found = []
    for number in numbers:
        match = LINE.match(lines[number])
        bare = match["text"].partition(" --")[0].rstrip("\\ ") if match else ""
        entry = entry_of(store.path, bare)
        if entry is not None:
            found.append((number, entry))
    return found


def _cfg_lines(store: Declaring, lines: list[str]) -> list[int]:
    """Return the numbers of the lines of ``install_requires`` in ``[options]``."""
    try:
        updater = configupdater.ConfigUpdater().read_string("\n".join(lines))
    except configparser.Error as error:
        raise NotUnderstood(f"{store.path}: {error}") from error
    if not updater.has_option("options", "install_requires"):
        raise NotUnderstood(f"{store.path} has no install_requires")
    section = next(n for n, line in enumerate(lines) if line.strip() == "[options]")
    first = next(
        n for n in range(section, len(lines)) if re.match(r"install_requires\s*[=:]", lines[n])
    )
    after = (n for n in range(first + 1, len(lines)) if re.match(r"[^\s#]", lines[n]))
    return list(range(first + 1, next(after, len(lines))))


def lines_add(store: Declaring, requirement: Requirement) -> bytes:
    """Give the file one line more, in order when its lines are."""
    text = text_of(store)
    found = _numbered(store)
    index = place_for([entry.name for _, entry in found], requirement.name)
    if found:
        lead = re.match(r"\s*", text.lines[found[-1][0]]).group()  # type: ignore[union-attr]
        at = found[index - 1][0] + 1 if index else _above_comments(text.lines, found[0][0])
    else:
        lead, at = _first_line(store, text.lines)
    like = found[-1][1].text if found else ""
    text.insert(at, lead + spelled(requirement, like))
    return text.raw()


def _above_comments(lines: list[str], at: int) -> int:
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    return at


def _first_line(store: Declaring, lines: list[str]) -> tuple[str, int]:
    """Return indentation and place of the first requirement of a file without any."""
    if store.kind is Kind.SETUP_CFG:
        numbers = _cfg_lines(store, lines)
        at = numbers[0] if numbers else len(lines)
        if not lines[at - 1].rstrip().endswith(("=", ":")):
            raise NotUnderstood(f"{store.path}: install_requires stands on one line")
        return "    ", at
    return "", len(lines) - (not lines[-1])


def lines_change(store: Declaring, entry: Entry, requirement: Requirement) -> bytes:
    """Change the requirement of a line, and leave its indentation and comment."""
    text = text_of(store)
    number = next(n for n, one in _numbered(store) if one == entry)
    match = LINE.match(text.lines[number])
    if match is None or " --" in match["text"] or match["text"].endswith("\\"):
        raise NotUnderstood(f"{store.path}: the line of {entry.name} has options of its own")
    text.lines[number] = match["lead"] + spelled(requirement, entry.text) + match["tail"]
    return text.raw()
