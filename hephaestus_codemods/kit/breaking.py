"""Breaking a line that is too long, where black and ruff would break it.

They put what is inside the last brackets on lines of its own, and a chain of calls that needs more
than that into brackets, each call on its line.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.rule import CannotEdit, Edit

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

#: Longer lines are broken, where the project says nothing else.
WIDTH: Final = 88
STEP: Final = 4
OPENING, CLOSING, QUOTES = "([{", ")]}", "'\""
#: What stands before brackets that only hold lines together.
NEEDLESS: Final = ("= ", " in ", "return ")
#: Words before which the parts of a comprehension, or of a condition, are taken apart.
CLAUSE: Final = re.compile(r"(?:async )?for\b|if\b")
OPERATOR: Final = re.compile(r"(?:and|or)\b")


def broken(text: str, column: int, used: int, width: int = WIDTH, tail: int = 0) -> str:
    """Return the expression *text*, on several lines when it does not fit on one.

    *column* is the indentation of its statement, *used* what stands before it on the line, and
    *tail* what follows it. The lines after the first are indented relative to the statement.
    """
    if column + used + len(text) + tail <= width:
        return text
    page = _Page(column, width)
    if len(_calls(text)) > 1:
        return f"(\n{page.inside(text, STEP)}\n)"
    return page.at_brackets(text, 0, used)


def broken_inside(text: str, column: int, width: int = WIDTH, tail: int = 0) -> str:
    """Return the expression *text*, which stands on lines of its own inside brackets.

    *column* is its indentation; the lines after the first are indented relative to it.
    """
    return text if column + len(text) + tail <= width else _Page(column, width - tail).line(text, 0)


def put_in_place(module: Module, node: ast.expr, text: str, width: int = WIDTH) -> Edit:
    """Return the edit that puts the short *text* in the place of *node*.

    Brackets that had lines of their own for *node* alone close on the line again, if it fits.
    """
    source = module.source
    start, end = source.span(node)
    opening = len(source.text[:start].rstrip()) - 1
    closing = end + len(source.text[end:]) - len(source.text[end:].lstrip())
    around = source.text[opening : closing + 1]
    is_alone = around.startswith("(") and around.endswith(")")
    gaps = around[: start - opening], around[end - closing - 1 :]
    if not is_alone or not all(LINE_END.search(gap) for gap in gaps):
        return Edit(start, end, text)
    before = source.text[line_start(source, opening) : opening]
    after = source.text[closing + 1 : line_stop(source, closing)]
    inner = text if before.endswith(NEEDLESS) else f"({text})"
    if len(before) + len(inner) + len(after) > width or "#" in after:
        return Edit(start, end, text)
    return Edit(opening, closing + 1, inner)


class _Page:
    """The room that there is: *column* is the indentation of the statement."""

    def __init__(self, column: int, width: int) -> None:
        self.column = column
        self.width = width

    def inside(self, text: str, deep: int) -> str:
        """Return *text*, which stands inside brackets, on its lines, indented by *deep*."""
        pad = " " * deep
        if self.column + deep + len(text) <= self.width:
            return pad + text
        clauses = _before(text, CLAUSE)
        if clauses:
            return "\n".join(self._clause(one, deep) for one in _cut(text, clauses))
        commas = [at + 1 for at, one in _outer(text) if one == ","]
        if commas:
            parts = [one.rstrip(", ") for one in _cut(text, commas)]
            return "\n".join(f"{self.line(one, deep)}," for one in parts if one)
        operators = _before(text, OPERATOR)
        if operators:
            return self._lines(_cut(text, operators), deep)
        return self.line(text, deep)

    def _lines(self, parts: list[str], deep: int) -> str:
        return "\n".join(self.line(one, deep) for one in parts)

    def _clause(self, text: str, deep: int) -> str:
        """Return a clause of a comprehension: a long condition is cut at ``and``."""
        operators = _before(text, OPERATOR)
        if self.column + deep + len(text) <= self.width or not operators:
            return self.line(text, deep)
        return self._lines(_cut(text, operators), deep)

    def line(self, text: str, deep: int) -> str:
        """Return *text* on a line, or a chain of calls with each on its line."""
        if self.column + deep + len(text) <= self.width:
            return " " * deep + text
        calls = _calls(text)
        if len(calls) > 1:
            return self._lines(_cut(text, calls), deep)
        return " " * deep + self.at_brackets(text, deep, 0)

    def at_brackets(self, text: str, deep: int, used: int) -> str:
        """Return *text* with what is inside its last brackets on lines of its own."""
        pairs = [pair for pair in _pairs(text) if pair[1] > pair[0] + 1]
        if not pairs:
            return text
        fitting = [pair for pair in pairs if self.column + deep + used + pair[0] + 1 <= self.width]
        start, end = (fitting or pairs)[-1]
        body = self.inside(text[start + 1 : end], deep + STEP)
        return f"{text[: start + 1]}\n{body}\n{' ' * deep}{text[end:]}"


def _outer(text: str) -> Iterator[tuple[int, str]]:
    """Yield the characters outside of brackets and strings; a pair of brackets is its ends."""
    at = 0
    while at < len(text):
        one = text[at]
        if one in QUOTES:
            at = _string_end(text, at)
        elif one in OPENING:
            yield at, one
            at = _closing(text, at)
            yield at, text[at]
        else:
            yield at, one
        at += 1


def _pairs(text: str) -> list[tuple[int, int]]:
    ends = [at for at, one in _outer(text) if one in OPENING + CLOSING]
    return list(zip(ends[::2], ends[1::2], strict=True))


def _calls(text: str) -> list[int]:
    """Return the dots after a call or an index, where a chain is taken apart."""
    return [at for at, one in _outer(text) if one == "." and at and text[at - 1] in CLOSING]


def _before(text: str, word: re.Pattern[str]) -> list[int]:
    """Return where *word* stands outside of brackets, but for the start of *text*."""
    places = (at for at, _ in _outer(text) if at and text[at - 1] == " ")
    return [at for at in places if word.match(text, at)]


def _cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *places, len(text)]
    return [text[a:b].strip() for a, b in pairwise(edges)]


def _closing(text: str, opening: int) -> int:
    """Return where the bracket at *opening* closes, strings aside."""
    depth, at = 0, opening
    while at < len(text):
        one = text[at]
        if one in QUOTES:
            at = _string_end(text, at)
        elif one in OPENING:
            depth += 1
        elif one in CLOSING:
            depth -= 1
            if not depth:
                return at
        at += 1
    raise CannotEdit("the brackets of the new statement are not understood")


def _string_end(text: str, start: int) -> int:
    """Return where the string that starts at *start* ends."""
    quote = text[start]
    at = start + 1
    while at < len(text) and text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    return at
