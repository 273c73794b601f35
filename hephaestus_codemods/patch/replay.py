"""Make steps again without some of their edits: a text as pieces that know where they came from.

A piece is visible when the edit that brought it is kept, and every edit that took it is removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import BrokenPromise, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hephaestus_codemods.patch.model import ByteEdit, Step

_ORIGINAL = -1
NOTHING: frozenset[str] = frozenset()


class DependsOn(TargetError):  # it is a state of affairs, not an error of anyone
    """An edit that stays was made inside one that is to go."""

    def __init__(self, kept: Iterable[str], removed: Iterable[str]) -> None:
        self.kept = tuple(sorted(kept))
        self.removed = tuple(sorted(removed))
        super().__init__(
            f"{', '.join(self.kept)} was made inside the change of {', '.join(self.removed)}: "
            "take back both, or neither"
        )


@dataclass(slots=True)
class _Piece:
    text: bytes
    brought: int
    taken: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Made:
    """An edit that was made: who needs it, and which earlier edits it stands on."""

    owners: set[str]
    stands_on: frozenset[int]
    deletes: bool

    def goes(self, without: frozenset[str]) -> bool:
        """Say whether the edit is taken back with the sites in *without*."""
        return self.owners <= without or (self.deletes and not self.owners.isdisjoint(without))


@dataclass(slots=True)
class Weave:
    """A text and all edits ever made to it, each of which can be taken out again."""

    pieces: list[_Piece]
    made: list[_Made] = field(default_factory=list)
    #: The edits whose own text a later one cut in two.
    split: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, text: bytes) -> Weave:
        """Return the weave of a text that nobody has edited."""
        return cls([_Piece(text, _ORIGINAL)])

    def owners(self) -> frozenset[str]:
        """Return every site that owns an edit."""
        return frozenset().union(*(made.owners for made in self.made))

    def apply(self, edits: Sequence[ByteEdit], without: frozenset[str] = NOTHING) -> None:
        """Make *edits*, given in bytes of the text as it is *without* some sites."""
        removed = self._removed(without)
        ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
        _refuse_overlap(ordered, len(self.text(without)))
        for edit in reversed(ordered):  # from the end, so that offsets before it stay right
            self._make(edit, removed)

    def text(self, without: frozenset[str] = NOTHING) -> bytes:
        """Return the text without the edits that only the sites in *without* own."""
        removed = self._removed(without)
        self._refuse_orphans(removed)
        return b"".join(piece.text for piece in self.pieces if _is_visible(piece, removed))

    def _removed(self, without: frozenset[str]) -> frozenset[int]:
        if not without:
            return frozenset()
        return frozenset(i for i, made in enumerate(self.made) if made.goes(without))

    def _refuse_orphans(self, removed: frozenset[int]) -> None:
        for i, made in enumerate(self.made):
            lost = made.stands_on & removed
            if lost and i not in removed:
                gone = frozenset[str]().union(*(self.made[j].owners for j in lost))
                raise DependsOn(made.owners, gone)

    def _make(self, edit: ByteEdit, removed: frozenset[int]) -> None:
        first = self._cut(edit.start, removed)
        last = self._cut(edit.end, removed) if edit.end > edit.start else first
        span = range(first, last)
        covered = [i for i in span if _is_visible(self.pieces[i], removed)]
        if edit.new == b"".join(self.pieces[i].text for i in covered):
            self._claim(edit, covered)
            return
        stands_on = self._inside(span, removed) if covered else self._around(first) - removed
        number = len(self.made)
        self.made.append(_Made(set(edit.owners), stands_on, deletes=not edit.new))
        for i in covered:
            self.pieces[i].taken |= {number}
        if edit.new:
            # After what it replaces; an insertion goes before whatever was taken at this point.
            at = covered[-1] + 1 if covered else first
            self.pieces.insert(at, _Piece(edit.new, number))

    def _cut(self, offset: int, removed: frozenset[int]) -> int:
        """Return the index of the first piece behind *offset*, which becomes a seam."""
        at = 0
        for i, piece in enumerate(self.pieces):
            if at == offset:
                return i
            if not _is_visible(piece, removed):
                continue
            size = len(piece.text)
            if at < offset < at + size:
                rest = _Piece(piece.text[offset - at :], piece.brought, piece.taken)
                self.pieces.insert(i + 1, rest)
                piece.text = piece.text[: offset - at]
                if piece.brought != _ORIGINAL:
                    self.split.add(piece.brought)
                return i + 1
            at += size
        return len(self.pieces)

    def _claim(self, edit: ByteEdit, covered: Iterable[int]) -> None:
        for brought in {self.pieces[i].brought for i in covered} - {_ORIGINAL}:
            self.made[brought].owners |= set(edit.owners)

    def _inside(self, span: range, removed: frozenset[int]) -> frozenset[int]:
        """Return the edits whose text, or whose removed text, lies in what is replaced."""
        pieces = [self.pieces[i] for i in span]
        while pieces and not _is_visible(pieces[0], removed):
            pieces.pop(0)
        while pieces and not _is_visible(pieces[-1], removed):
            pieces.pop()
        found = {piece.brought for piece in pieces if _is_visible(piece, removed)}
        found |= {i for piece in pieces for i in piece.taken}
        return frozenset(found - {_ORIGINAL} - removed)

    def _around(self, at: int) -> frozenset[int]:
        """Return the edits that brought text on both sides of an insertion."""
        if not self.split:
            return frozenset()
        left = {piece.brought for piece in self.pieces[:at]}
        right = {piece.brought for piece in self.pieces[at:]}
        return frozenset(left & right & self.split)


def replay(before: bytes, steps: Iterable[Step], without: frozenset[str] = NOTHING) -> bytes:
    """Return what *steps* make of *before* without the edits that only *without* owns.

    Raises DependsOn, which names both sites, when an edit that stays was made inside one that
    goes.
    """
    weave = Weave.of(before)
    for step in steps:
        weave.apply(step.edits)
    return weave.text(without)


def _is_visible(piece: _Piece, removed: frozenset[int]) -> bool:
    return piece.brought not in removed and piece.taken <= removed


def _refuse_overlap(ordered: Sequence[ByteEdit], size: int) -> None:
    at = 0
    for edit in ordered:
        if not at <= edit.start <= edit.end <= size:
            raise BrokenPromise(f"edits of one step overlap or leave the text at byte {edit.start}")
        at = edit.end
