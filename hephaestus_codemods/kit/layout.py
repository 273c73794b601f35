"""How the text of a file is laid out around its statements: lines, comments, what shares a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.project.source import LINE_END

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from hephaestus_codemods.project.source import Source

COMMENT = re.compile(r"#[^\r\n]*")
UNESCAPED_END = re.compile(r"(?<!\\)(?:\r\n|\n|\r)")


@dataclass(frozen=True, slots=True)
class Lines:
    """The whole lines *start:end* that a statement stands on; *end* is after the line ending.

    *shared* says that another statement, or the head of its block, stands on one of them too.
    *closed* says that the last line has a line ending.
    """

    start: int
    end: int
    shared: bool
    closed: bool


def start_of(source: Source, node: ast.stmt) -> int:
    """Return where the statement starts, its decorators included."""
    decorators = getattr(node, "decorator_list", ())
    if not decorators:
        return source.span(node)[0]
    return source.text.rindex("@", 0, source.span(decorators[0])[0])


def line_start(source: Source, offset: int) -> int:
    """Return where the line of *offset* starts."""
    return source.line_starts[source.position(offset)[0] - 1]


def line_stop(source: Source, offset: int) -> int:
    """Return where the line of *offset* ends, before its line ending."""
    found = LINE_END.search(source.text, offset)
    return found.start() if found else len(source.text)


def after_line(source: Source, offset: int) -> int:
    """Return where the line after the one of *offset* starts, or the end of the text."""
    found = LINE_END.search(source.text, offset)
    return found.end() if found else len(source.text)


def lines_of(source: Source, node: ast.stmt, block: Sequence[ast.stmt]) -> Lines:
    """Return the lines of *node*, with those of all statements of *block* that share them."""
    first = last = next(number for number, one in enumerate(block) if one is node)
    while first and not _apart(source, block[first - 1], block[first]):
        first -= 1
    while last + 1 < len(block) and not _apart(source, block[last], block[last + 1]):
        last += 1
    begin, stop = start_of(source, block[first]), source.span(block[last])[1]
    start, end = line_start(source, begin), after_line(source, stop)
    shared = first != last or bool(source.text[start:begin].strip())
    return Lines(start, end, shared, source.text[end - 1 : end] in ("\n", "\r"))


def _apart(source: Source, one: ast.stmt, other: ast.stmt) -> bool:
    between = source.text[source.span(one)[1] : start_of(source, other)]
    return UNESCAPED_END.search(COMMENT.sub("", between)) is not None


def comment_above(source: Source, offset: int) -> int:
    """Return where the whole comment lines directly above the line of *offset* start."""
    line = source.position(offset)[0] - 1
    while line and _line(source, line - 1).startswith("#"):
        line -= 1
    return source.line_starts[line]


def _line(source: Source, number: int) -> str:
    start = source.line_starts[number]
    return source.text[start : line_stop(source, start)].strip(" \t\f")


def is_blank_line(source: Source, start: int) -> bool:
    """Say whether the line that starts at *start* holds white space only (or is the end)."""
    return not source.text[start : line_stop(source, start)].strip()
