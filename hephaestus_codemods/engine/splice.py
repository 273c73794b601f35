"""Edits as an algebra: choosing ones that do not meet, applying them, following positions."""

from __future__ import annotations

import keyword
import re
from bisect import bisect_right, insort
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from hephaestus_codemods.patch.model import ByteEdit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hephaestus_codemods.project.source import Source
    from hephaestus_codemods.rule import Edit

KEYWORDS = frozenset((*keyword.kwlist, *keyword.softkwlist)) - {"_"}
#: One more than any keyword has: a longer word is none.
LONGEST_WORD = max(map(len, KEYWORDS)) + 1
WORD_BEFORE, WORD_AFTER = re.compile(r"\w+\Z"), re.compile(r"\w+")


def meet(one: Edit, other: Edit) -> bool:
    """Say whether two edits cannot be spliced together: they overlap, or insert at one point."""
    if one.start == other.start:
        return True
    first, second = sorted((one, other))
    return second.start < first.end


@dataclass
class Taken:
    """Edits that do not meet, in their order; a file may hold tens of thousands."""

    edits: list[Edit] = field(default_factory=list)

    def fits(self, edits: Iterable[Edit]) -> bool:
        """Say whether none of *edits* meets one that is taken: only its neighbours can."""
        return not any(meet(edit, other) for edit in edits for other in self._beside(edit))

    def take(self, edits: Iterable[Edit]) -> None:
        """Add *edits*, which fit."""
        for edit in edits:
            insort(self.edits, edit)

    def _beside(self, edit: Edit) -> Sequence[Edit]:
        at = bisect_right(self.edits, edit)
        return self.edits[max(at - 1, 0) : at + 1]


def apart(text: str, edit: Edit) -> Edit:
    """Return *edit* with a blank where its text would run into a keyword beside it.

    ``return[a]`` is Python; with a name before the bracket it would become another one's name.
    """
    before = WORD_BEFORE.search(text, max(edit.start - LONGEST_WORD, 0), edit.start)
    after = WORD_AFTER.match(text, edit.end, edit.end + LONGEST_WORD)
    left = right = ""
    if before and before.group() in KEYWORDS and not WORD_AFTER.match(text, edit.start):
        left = " " if WORD_AFTER.match(edit.text) else ""
    if (
        after
        and after.group() in KEYWORDS
        and not WORD_BEFORE.search(text, max(edit.end - 1, 0), edit.end)
    ):
        right = " " if WORD_BEFORE.search(edit.text) else ""
    return replace(edit, text=f"{left}{edit.text}{right}")


def splice(text: str, edits: Iterable[Edit]) -> str:
    """Return *text* with all *edits* made; they must not meet."""
    ordered = sorted(edits)
    assert not any(meet(a, b) for a, b in pairwise(ordered)), "edits overlap"
    parts: list[str] = []
    at = 0
    for edit in ordered:
        parts += (text[at : edit.start], edit.text)
        at = edit.end
    return "".join((*parts, text[at:]))


@dataclass(frozen=True)
class Trail:
    """Where the characters of a text came from in the text it was made of.

    Positions inside new text belong to the place where it was put in.
    """

    starts: tuple[int, ...]
    origins: tuple[int, ...]
    kept: tuple[bool, ...]

    @classmethod
    def of(cls, edits: Iterable[Edit]) -> Trail:
        """Return the trail of a text that was made by splicing in *edits*."""
        starts, origins, kept = [0], [0], [True]
        shift = 0
        for edit in sorted(edits):
            starts += (edit.start + shift, edit.start + shift + len(edit.text))
            origins += (edit.start, edit.end)
            kept += (False, True)
            shift += len(edit.text) - (edit.end - edit.start)
        return cls(tuple(starts), tuple(origins), tuple(kept))

    def back(self, offset: int) -> int:
        """Return the offset in the earlier text that *offset* stands for."""
        piece = bisect_right(self.starts, offset) - 1
        return self.origins[piece] + (offset - self.starts[piece] if self.kept[piece] else 0)

    def back_end(self, offset: int) -> int:
        """Return the earlier offset of an *end*: what was put in just before it does not count."""
        return self.back(offset - 1) + 1 if self._is_kept(offset - 1) else self.back(offset)

    def _is_kept(self, offset: int) -> bool:
        return offset >= 0 and self.kept[bisect_right(self.starts, offset) - 1]


def origin(trails: Sequence[Trail], start: int, end: int) -> tuple[int, int]:
    """Follow a span back through *trails*, the latest last, to the original text."""
    for trail in reversed(trails):
        start, end = trail.back(start), trail.back_end(end)
    return start, max(start, end)


def to_byte_span(source: Source, start: int, end: int) -> tuple[int, int]:
    """Turn a span in characters of *source* into one in its bytes."""
    first, last = _in_bytes(source, (start, end))
    return first, last


def _in_bytes(source: Source, offsets: Iterable[int]) -> Iterator[int]:
    """Turn offsets in characters, in their order, into offsets in bytes."""
    done, size = 0, len(source.encode(""))
    for offset in offsets:
        size += len(source.text[done:offset].encode(source.encoding))
        done = offset
        yield size


def to_bytes(source: Source, owned: Iterable[tuple[Edit, tuple[str, ...]]]) -> tuple[ByteEdit, ...]:
    """Turn edits in characters of *source*, which do not meet, into edits in its bytes."""
    ordered = sorted(owned)
    places = _in_bytes(source, (at for edit, _ in ordered for at in (edit.start, edit.end)))
    return tuple(
        ByteEdit(start, end, edit.text.encode(source.encoding), owners)
        for (edit, owners), start, end in zip(ordered, places, places, strict=True)
    )
