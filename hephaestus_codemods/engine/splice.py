"""Edits as an algebra: choosing ones that do not meet, applying them, following positions."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from hephaestus_codemods.patch.model import ByteEdit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hephaestus_codemods.project.source import Source
    from hephaestus_codemods.rule import Edit


def meet(one: Edit, other: Edit) -> bool:
    """Say whether two edits cannot be spliced together: they overlap, or insert at one point."""
    if one.start == other.start:
        return True
    first, second = sorted((one, other))
    return second.start < first.end


def fits(edits: Iterable[Edit], taken: Iterable[Edit]) -> bool:
    """Say whether none of *edits* meets one of *taken*."""
    taken = tuple(taken)
    return not any(meet(edit, other) for edit in edits for other in taken)


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
    prefix = len(source.encode(""))

    def at(offset: int) -> int:
        return len(source.text[:offset].encode(source.encoding)) + prefix

    return at(start), at(end)


def to_bytes(source: Source, owned: Iterable[tuple[Edit, tuple[str, ...]]]) -> tuple[ByteEdit, ...]:
    """Turn edits in characters of *source* into edits in its bytes."""
    return tuple(
        ByteEdit(
            *to_byte_span(source, edit.start, edit.end), edit.text.encode(source.encoding), owners
        )
        for edit, owners in sorted(owned)
    )
