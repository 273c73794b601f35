"""Glances at the bytes of a file, to see whether its loops are worth parsing it.

Everything here errs on one side only: a file that is passed over keeps its code as it is.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOR: Final = re.compile(rb"\bfor\b[^\n#]*?\bin\b")
#: How far a comprehension may reach before and behind its ``for``.
BEFORE, BEHIND = 1_200, 400
BRACKETS: Final = re.compile(rb"[()\[\]{}]")
#: What follows, in a comprehension, on what it runs over.
MORE_CLAUSES: Final = re.compile(rb"\s(?:if|for|async)\s")
#: Calls by which SQLAlchemy is asked; ``get`` of a session names a class first.
ASKS: Final = re.compile(
    rb"\.(?:execute|scalars?|exec|query|first|all|count|one_or_none|scalar_one\w*)\b"
    rb"|\.get\(\s*(?:\w+\.)*[A-Z]\w*\s*,"
)
DEFINES: Final = re.compile(rb"^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)", re.MULTILINE)
CALLED: Final = re.compile(rb"(\w+)\(")
READ: Final = re.compile(rb"\.(\w+)")
#: A function that does nothing but ask is short.
MOST_BYTES: Final = 1_500
#: Names that collections have too: a call of one counts only when it is given a session.
COMMON: Final = frozenset(
    b"get all first count list find filter search pop update items keys values one".split()
)
WITH_SESSION: Final = re.compile(
    rb"\.(\w+)\(\s*(?:self\.)?\w*(?:db|session|conn)\w*\b", re.IGNORECASE
)
RELATES: Final = re.compile(
    rb"^[ \t]*(\w+)[ \t]*[:=][^\n]*elationship\("
    rb"|\b(?:backref|back_populates)\s*=\s*(?:(?:\w+\.)*backref\(\s*)?[\"'](\w+)",
    re.MULTILINE,
)


#: Told when some file imports SQLAlchemy, or what is built on it.
USES_SQLALCHEMY: Final = b"import sqlalchemy"
ON_SQLALCHEMY: Final = ("sqlalchemy", "sqlmodel", "flask_sqlalchemy", "flask_appbuilder")


def imports(*modules: str) -> Callable[[bytes], Iterator[bytes]]:
    """Return what tells which of *modules* a file imports."""
    words = tuple(one.encode() for one in modules)
    any_of = "|".join(modules).encode()
    statement = re.compile(
        rb"^(?:\xef\xbb\xbf)?[ \t]*(?:import|from)[ \t]+(" + any_of + rb")\b", re.MULTILINE
    )

    def told(raw: bytes) -> Iterator[bytes]:
        if any(word in raw for word in words):  # many times faster than to look at each line
            for found in statement.finditer(raw):
                yield found[1]

    return told


_on_sqlalchemy: Final = imports(*ON_SQLALCHEMY)


def sqlalchemy_used(raw: bytes) -> Iterator[bytes]:
    """Tell whether the file imports SQLAlchemy, or what is built on it."""
    if b"sql" in raw and next(_on_sqlalchemy(raw), None) is not None:
        yield USES_SQLALCHEMY


def is_told(raw: bytes, names: frozenset[bytes]) -> bool:
    """Say whether some file told anything: any file is worth it then."""
    return bool(names)


@cache
def _end_of_block(indent: int) -> re.Pattern[bytes]:
    """Return what ends a block whose header is indented by *indent*."""
    return re.compile(rb"\n(?=[ \t]{0,%d}[^\s#)\]}])" % indent)


def loops(raw: bytes) -> Iterator[bytes]:
    """Yield the text of each loop: a ``for`` with its block, and what is around a comprehension."""
    at = 0
    while (found := FOR.search(raw, at)) is not None:
        start = raw.rfind(b"\n", 0, found.start()) + 1
        head = raw[start : found.start()]
        at = found.end()
        if b"#" in head:
            continue
        line = raw.find(b"\n", at)
        if head.strip() in (b"", b"async") and b":" in raw[at:line]:
            end = _end_of_block(len(head)).search(raw, at)
            is_block = raw[at:line].rstrip().endswith(b":")
            at = end.start() if end is not None else len(raw)
            yield raw[line if is_block else start : at]  # what it runs over is asked once
        else:  # a comprehension, or a head of several lines
            yield _comprehension(raw, found.start(), at)


def _comprehension(raw: bytes, at: int, behind: int) -> bytes:
    """Return what a comprehension does for each item; its first ``for … in`` is between the two.

    Where no bracket is open, the ``for`` is the head of a block on several lines.
    """
    depth, first = 0, max(0, at - BEFORE)
    for found in reversed([*BRACKETS.finditer(raw, first, at)]):
        depth += 1 if found[0] in b"([{" else -1
        if depth > 0:
            first = found.end()
            break
    else:
        return raw[max(0, at - BEFORE) : behind + BEHIND]
    depth, last = 0, behind + BEHIND
    for found in BRACKETS.finditer(raw, behind, last):
        depth += 1 if found[0] in b"([{" else -1
        if depth < 0:
            last = found.start()
            break
    more = MORE_CLAUSES.search(raw, behind, last)
    return raw[first:at] + (raw[more.start() : last] if more is not None else b"")


def names_that_ask(raw: bytes) -> Iterator[bytes]:
    """Tell the names of short functions in which something is asked, and that SQLAlchemy is."""
    yield from sqlalchemy_used(raw)
    if ASKS.search(raw) is None:
        return
    starts = [*DEFINES.finditer(raw)]
    ends = [*(one.start() for one in starts[1:]), len(raw)]
    for one, end in zip(starts, ends, strict=False):
        text = raw[one.start() : end]
        if len(text) < MOST_BYTES and b"return" in text and ASKS.search(text):
            yield one[1]


@lru_cache(maxsize=2)  # several rules ask it of one file, one after the other
def may_ask_in_a_loop(raw: bytes, names: frozenset[bytes]) -> bool:
    """Say whether a loop may ask, by itself or through one of the functions *names*."""
    if USES_SQLALCHEMY not in names:
        return False
    plain, common = names - COMMON, names & COMMON
    for text in loops(raw):
        if ASKS.search(text) or not plain.isdisjoint(CALLED.findall(text)):
            return True
        if common and not common.isdisjoint(WITH_SESSION.findall(text)):
            return True
    return False


def relationships(raw: bytes) -> Iterator[bytes]:
    """Tell the names of relationships that models define."""
    if b"elationship(" in raw:
        for found in RELATES.finditer(raw):
            yield found[1] or found[2]


def may_touch(raw: bytes, names: frozenset[bytes]) -> bool:
    """Say whether relationships of *names* may be touched of what is asked here.

    A function that is called in a loop may touch them, and another file what a function returns.
    """
    if not names or ASKS.search(raw) is None:
        return False
    if not names.isdisjoint(READ.findall(raw)):
        return True
    if any(name != USES_SQLALCHEMY for name in names_that_ask(raw)):
        return True
    return any(CALLED.search(text) for text in loops(raw))
