"""Path patterns with the meaning that git gives to them in ``.gitignore``.

Patterns are compiled to regular expressions over bytes without any nested backtracking, so that
no pattern of a target costs more than the length of pattern and path.
"""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ASCII: Final = range(128)
#: What ``[[:name:]]`` stands for; git looks at ASCII only.
CLASSES: Final = {
    b"alnum": frozenset(c for c in _ASCII if chr(c).isalnum()),
    b"alpha": frozenset(c for c in _ASCII if chr(c).isalpha()),
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset((*range(32), 127)),
    b"digit": frozenset(b"0123456789"),
    b"graph": frozenset(range(33, 127)),
    b"lower": frozenset(c for c in _ASCII if chr(c).islower()),
    b"print": frozenset(range(32, 127)),
    b"punct": frozenset(c for c in range(33, 127) if not chr(c).isalnum()),
    b"space": frozenset(b" \t\n\v\f\r"),
    b"upper": frozenset(c for c in _ASCII if chr(c).isupper()),
    b"xdigit": frozenset(b"0123456789abcdefABCDEF"),
}
_SLASH: Final = ord("/")
_ANY: Final = b"[^/]"
_LITERAL: Final = re.compile(rb"[^*?\[\\]*")


class _Never(Exception):
    """The pattern is malformed: git lets it match nothing."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file; *by_name* compares the last part of a path only."""

    regex: re.Pattern[bytes]
    by_name: bool
    folders_only: bool = False
    negated: bool = False


def parse(content: bytes) -> tuple[Pattern, ...]:
    """Read the patterns of an ignore file; malformed ones match nothing and are left out."""
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    found = (pattern(line.removesuffix(b"\r")) for line in lines)
    return tuple(one for one in found if one is not None)


def patterns(texts: Iterable[str]) -> tuple[Pattern, ...]:
    """Return the patterns written as *texts*, as in a list of a configuration."""
    found = (pattern(os.fsencode(text)) for text in texts)
    return tuple(one for one in found if one is not None)


@lru_cache(maxsize=4096)
def pattern(line: bytes) -> Pattern | None:
    """Read one line of an ignore file; None when it can match nothing."""
    text = _without_trailing_spaces(line.partition(b"\0")[0])
    if text.startswith(b"#"):
        return None
    negated = text.startswith(b"!")
    text = text[1:] if negated else text
    folders_only = text.endswith(b"/")
    text = text.removesuffix(b"/")
    if not text:
        return None
    by_name = b"/" not in text
    try:
        regex = _part(_parts(text)[0]) if by_name else _path(text.removeprefix(b"/"))
    except _Never:
        return None
    return Pattern(re.compile(regex + rb"\Z", re.DOTALL), by_name, folders_only, negated)


def verdict(rules: Sequence[Pattern], path: bytes, *, is_folder: bool) -> bool | None:
    """Say whether the last of *rules* that matches *path* ignores it; None when none matches.

    *path* is relative to the folder that the rules belong to.
    """
    name = path[path.rfind(b"/") + 1 :]
    for one in reversed(rules):
        if one.folders_only and not is_folder:
            continue
        if one.regex.match(name if one.by_name else path):
            return not one.negated
    return None


def covers(rules: Sequence[Pattern], path: str) -> bool:
    """Say whether *rules* ignore the file *path* or a folder around it."""
    raw = os.fsencode(path)
    slash = raw.find(b"/")
    while slash >= 0:
        if verdict(rules, raw[:slash], is_folder=True):
            return True
        slash = raw.find(b"/", slash + 1)
    return bool(verdict(rules, raw, is_folder=False))


def below(folder: str, text: str) -> str:
    """Return the pattern *text*, written in *folder*, as one that speaks of the root.

    Without a slash before its end a pattern means names at any depth.
    """
    negation = "!" if text.startswith("!") else ""
    body = text.removeprefix("!")
    start = "".join(f"\\{one}" if one in "*?[\\" else one for one in folder)
    deep = "" if "/" in body.rstrip("/") else "**/"
    return f"{negation}/{start}/{deep}{body.removeprefix('/')}"


def _without_trailing_spaces(line: bytes) -> bytes:
    """Cut spaces at the end that no backslash protects."""
    bare = line.rstrip(b" ")
    backslashes = len(bare) - len(bare.rstrip(b"\\"))
    return line[: len(bare) + 1] if backslashes % 2 and bare != line else bare


#: A part of a path is a sequence of regexes for one byte each, and of stars (None).
_Part = list[bytes | None]
#: The part ``**``, which stands for any number of parts.
_DEEP: Final[_Part] = [None, None]


def _parts(text: bytes) -> list[_Part]:
    parts: list[_Part] = [[]]
    at = 0
    while at < len(text):
        byte = text[at : at + 1]
        at += 1
        if byte == b"\\":
            byte = text[at : at + 1]
            at += 1
            if not byte:
                raise _Never
            if byte != b"/":
                parts[-1].append(re.escape(byte))
                continue
        if byte == b"/":
            parts.append([])
        elif byte == b"*":
            at = _star(text, at, parts)
        elif byte == b"?":
            parts[-1].append(_ANY)
        elif byte == b"[":
            one, at = _class(text, at)
            parts[-1].append(one)
        else:
            parts[-1].append(re.escape(byte))
    return parts


def _star(text: bytes, at: int, parts: list[_Part]) -> int:
    """Add the run of stars before *at*; two or more that are a whole part go over slashes."""
    end = at
    while text[end : end + 1] == b"*":
        end += 1
    rest = text[end : end + 2]
    is_long = end > at and not parts[-1]
    if is_long and (not rest or rest[:1] == b"/"):
        parts[-1] = _DEEP
    elif is_long and rest == b"\\/":  # a quirk of git: here they stand for one part at least
        parts[-1] = [None]
        parts.append(_DEEP)
    else:
        parts[-1].append(None)
    return end


def _class(text: bytes, at: int) -> tuple[bytes, int]:
    """Read a bracket expression as git does: regex of one byte, and where it ends."""
    negated = text[at : at + 1] in (b"!", b"^")
    at += negated
    members: set[int] = set()
    before: int | None = None
    first = True
    while first or text[at : at + 1] != b"]":
        first = False
        here = text[at : at + 1]
        if here == b"-" and before is not None and text[at + 1 : at + 2] not in (b"", b"]"):
            last, at = _member(text, at + 1)
            members.update(range(before, last + 1))
            before = None
        elif named := _named_class(text, at):
            members |= CLASSES[named]
            before, at = None, at + len(named) + 4
        else:
            before, at = _member(text, at)
            members.add(before)
    chosen = set(range(256)) - members if negated else members
    chosen.discard(_SLASH)
    if not chosen:
        raise _Never
    return b"[" + b"".join(b"\\x%02x" % member for member in sorted(chosen)) + b"]", at + 1


def _member(text: bytes, at: int) -> tuple[int, int]:
    at += text[at : at + 1] == b"\\"
    if at >= len(text):
        raise _Never
    return text[at], at + 1


def _named_class(text: bytes, at: int) -> bytes | None:
    if text[at : at + 2] != b"[:":
        return None
    end = text.find(b"]", at + 2)
    if end < 0:
        raise _Never
    if end == at + 2 or text[end - 1 : end] != b":":
        return None  # an ordinary set that holds these characters
    name = text[at + 2 : end - 1]
    if name not in CLASSES:
        raise _Never
    return name


def _part(part: _Part) -> bytes:
    """Return the regex of one part: each piece between stars is taken where it first fits."""
    pieces: list[bytes] = [b""]
    for one in part:
        if one is None:
            pieces.append(b"")
        else:
            pieces[-1] += one
    if len(pieces) == 1:
        return pieces[0]
    middle = b"".join(b"(?>[^/]*?" + piece + b")" for piece in pieces[1:-1] if piece)
    return pieces[0] + middle + b"[^/]*" + pieces[-1]


def _path(text: bytes) -> bytes:
    """Return the regex of a whole path: each run of parts between ``**`` where it first fits.

    Git cuts the literal start off before it looks at the rest, so ``a**/b`` means ``a`` and
    then ``**/b``.
    """
    start = _LITERAL.match(text)[0]  # type: ignore[index]  # it matches the empty text too
    first, *more = _runs(_parts(text[len(start) :]))
    regex = re.escape(start) + b"/".join(first)
    if not more:
        return regex
    regex += b"/" if first else b""
    for run in more[:-1]:
        if run:
            regex += b"(?>(?:[^/]*/)*?" + b"/".join(run) + b"/)"
    return regex + (b"(?:[^/]*/)*" + b"/".join(more[-1]) if more[-1] else b".*")


def _runs(parts: Sequence[_Part]) -> list[list[bytes]]:
    """Split *parts* at each ``**``."""
    runs: list[list[bytes]] = [[]]
    for part in parts:
        if part is _DEEP:
            runs.append([])
        else:
            runs[-1].append(_part(part))
    return runs
