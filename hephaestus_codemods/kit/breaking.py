"""Breaking a line that is too long at its brackets, as formatters do."""

from __future__ import annotations

from typing import Final

from hephaestus_codemods.rule import CannotEdit

#: Longer lines are broken.
WIDTH: Final = 88


def broken(text: str, column: int, used: int, width: int = WIDTH) -> str:
    """Return the expression *text*, on several lines when it does not fit on one.

    *column* is the indentation of its statement and *used* what stands before it on the line.
    The lines after the first are indented relative to the statement.
    """
    return _broken(text, column, 0, used, width)


def _broken(text: str, column: int, deep: int, used: int, width: int) -> str:
    if column + deep + used + len(text) <= width:
        return text
    opening = _outer_bracket(text)
    if opening is None:
        return text
    closing = _closing(text, opening)
    pad = " " * (deep + 4)
    inner = _broken(text[opening + 1 : closing], column, deep + 4, 0, width)
    return f"{text[: opening + 1]}\n{pad}{inner}\n{' ' * deep}{text[closing:]}"


def _outer_bracket(text: str) -> int | None:
    """Return where the longest outermost pair of brackets opens."""
    pairs = []
    at = 0
    while at < len(text):
        if text[at] in "([{":
            end = _closing(text, at)
            pairs.append((end - at, at))
            at = end
        at += 1
    size, start = max(pairs, default=(0, 0))
    return start if size > 1 else None


def _closing(text: str, opening: int) -> int:
    """Return where the bracket at *opening* closes, strings aside."""
    depth, quote = 0, ""
    for at in range(opening, len(text)):
        one = text[at]
        if quote:
            quote = "" if one == quote and text[at - 1] != "\\" else quote
        elif one in "'\"":
            quote = one
        elif one in "([{":
            depth += 1
        elif one in ")]}":
            depth -= 1
            if not depth:
                return at
    raise CannotEdit("the brackets of the new statement are not understood")
