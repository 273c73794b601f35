"""A glance at the bytes of a file: whether less than all may be used of what it fetches.

It errs on one side only: a file that is passed over keeps its code as it is.
"""

from __future__ import annotations

import re
from typing import Final

from hephaestus_codemods.project.glance import USES_SQLALCHEMY

#: Calls that end a fetch.
ENDS: Final = re.compile(
    rb"\.(?:count|all|first|fetchall|fetchone|one|one_or_none|scalar_one|scalar_one_or_none|scalar)"
    rb"\(\s*\)|\.scalar\("
)
#: What asks, in front of a fetch or of the variable that holds it, for its truth or its length.
BEFORE: Final = re.compile(rb"\b(?:if|elif|while|not|and|or|assert|len|bool)\b")
#: What asks it behind a fetch.
BEHIND: Final = re.compile(rb"(?:[\s)]|#[^\n]*\n)*(?:\[|==|!=|<|>|(?:is|in|and|or)\b)")
ASSIGNED: Final = re.compile(rb"[ \t]*(\w+)[ \t]*=[^=]")
SETS: Final = re.compile(rb"\n[ \t]*(\w+)[ \t]*=[^=]")
#: What asks for the truth or the length of a variable.
ASKS: Final = re.compile(
    rb"\b(?:if|elif|while|not|and|or|assert)\s+\(*(?=(\w+))|\b(?:len|bool)\(\s*(\w+)\s*\)"
    rb"|\b(\w+)\s*(?=\[|==|!=|<|>|(?:is|and|or)\b)"
)
#: What uses more of it. Names stand in messages too: only what cannot be prose counts.
USES: Final = re.compile(
    rb"(?<![\w.\"'])(\w+)\.\w|(?<!\blen)(?<!\bbool)\(\s*(\w+)\s*[,)]|=\s*(\w+)\s*[,)\n]"
    rb"|\n[ \t]*return (\w+)[ \t]*(?=\n)|\bfor\b[^\n]*\bin (\w+)\b"
)
NEXT_FUNCTION: Final = re.compile(rb"\n[ \t]*(?:async[ \t]+)?def[ \t]")
#: The end of a line behind which a statement goes on.
OPEN: Final = (b"(", b"[", b"{", b",", b"\\", b"=", b" and", b" or", b" not", b" in", b" await")
#: What a line begins with that goes on with a statement.
GOES_ON: Final = (b".", b")", b"]", b"}", b"and ", b"or ", b"==", b"is ", b"<", b">")
MOST_LINES: Final = 60
MOST_BYTES: Final = 4_000


def may_ask_less(raw: bytes, names: frozenset[bytes]) -> bool:
    """Say whether some fetch in *raw* may be asked only whether, or how many, rows there are."""
    if USES_SQLALCHEMY not in names:
        return False
    return any(_is_asked(raw, found) for found in ENDS.finditer(raw))


def _is_asked(raw: bytes, found: re.Match[bytes]) -> bool:
    end = found.end() if found[0].endswith(b")") else _closed(raw, found.end())
    if BEHIND.match(raw, end):
        return True
    head = raw[_start(raw, found.start()) : found.start()]
    if BEFORE.search(head):
        return True
    assigned = ASSIGNED.match(head)
    if assigned is None:
        return False
    function = NEXT_FUNCTION.search(raw, end)
    rest = raw[end : function.start() if function is not None else len(raw)]
    name = assigned[1]
    rest = rest[: _set_again(rest, name)]
    return _names(ASKS, rest, name) and not _names(USES, rest, name)


def _names(pattern: re.Pattern[bytes], text: bytes, name: bytes) -> bool:
    return any(name in found.groups() for found in pattern.finditer(text))


def _set_again(text: bytes, name: bytes) -> int:
    """Return where the variable *name* gets another value."""
    places = (found.start() for found in SETS.finditer(text) if found[1] == name)
    return next(places, len(text))


def _closed(raw: bytes, at: int) -> int:
    """Return where the bracket that was opened before *at* is closed, strings not looked into."""
    depth = 1
    for place in range(at, min(len(raw), at + MOST_BYTES)):
        byte = raw[place]
        if byte in b"([{":
            depth += 1
        elif byte in b")]}":
            depth -= 1
            if not depth:
                return place + 1
    return at


def _start(raw: bytes, at: int) -> int:
    """Return where the statement begins that *at* belongs to."""
    start = raw.rfind(b"\n", 0, at) + 1
    text = raw[start : at + 1]  # with the dot of the method, which may begin the line
    depth = _closing(text)
    for _ in range(MOST_LINES):
        if start == 0:
            break
        above = raw.rfind(b"\n", 0, start - 1) + 1
        line = raw[above : start - 1].rstrip()
        if depth <= 0 and not text.lstrip().startswith(GOES_ON) and not line.endswith(OPEN):
            break
        depth += _closing(line)
        start, text = above, line
    return start


def _closing(text: bytes) -> int:
    """Return how many more brackets *text* closes than it opens."""
    closed = text.count(b")") + text.count(b"]") + text.count(b"}")
    return closed - text.count(b"(") - text.count(b"[") - text.count(b"{")
