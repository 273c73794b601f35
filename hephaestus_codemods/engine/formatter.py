"""Lays out what an edit has changed as black would, where the code around it is laid out so.

The text of a statement that black would have left alone, before the edit, is again one that black
leaves alone after it. Any other code keeps the layout that the rule gave it. ``ruff format``
agrees with black on nearly all code.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.engine.gates import parsed, reread
from hephaestus_codemods.rule import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hephaestus_codemods.project.source import Source

    #: An edit and the ids of the sites that need it.
    Owned = tuple[Edit, tuple[str, ...]]
    #: The first and the last of some lines, counted from 1.
    Lines = tuple[int, int]

TOKENS: Final = re.compile(r"\w+|[^\S\n]+|\n|.", re.DOTALL)
LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
#: What makes a file with Windows' line ends one with several kinds, or with form feeds.
ODD: Final = re.compile(r"\f|\r(?!\n)|(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of text: the old text from *start* on, or put in there by *ids* (None)."""

    text: str
    start: int | None
    ids: tuple[str, ...] = ()

    def part(self, first: int, last: int) -> _Piece:
        """Return the characters from *first* to *last* of the stretch."""
        first, last = max(first, 0), max(last, 0)
        start = None if self.start is None else self.start + first
        return _Piece(self.text[first:last], start, self.ids)


def laid_out(old: Source, new: Source, owned: Sequence[Owned], width: int) -> list[Owned] | None:
    """Return edits of *old* that say what *owned* says, laid out as black does it.

    *new* is what *owned* makes of *old*. None means that the layout stays as it is: it is black's,
    or the author has no use for black, or black cannot read the file.
    """
    if parsed(old).masked or parsed(new).masked:
        return None
    if "\r" not in old.text:
        return _laid_out(old, new, owned, width) if "\f" not in old.text else None
    if any(ODD.search(one.text) for one in (old, new)):
        return None
    plain = [reread(one, one.text.replace("\r\n", "\n")) for one in (old, new)]
    shorter = [(_without_returns(old.text, edit), ids) for edit, ids in owned]
    found = _laid_out(plain[0], plain[1], shorter, width)
    if found is None:
        return None
    return [(_with_returns(plain[0].text, edit), ids) for edit, ids in found]


def _without_returns(text: str, edit: Edit) -> Edit:
    """Return *edit*, of a text with Windows' line ends, as one of the same text with our own."""
    start, end = (at - text.count("\r", 0, at) for at in (edit.start, edit.end))
    return Edit(start, end, edit.text.replace("\r\n", "\n"))


def _with_returns(text: str, edit: Edit) -> Edit:
    start, end = (at + text.count("\n", 0, at) for at in (edit.start, edit.end))
    return Edit(start, end, edit.text.replace("\n", "\r\n"))


def _laid_out(old: Source, new: Source, owned: Sequence[Owned], width: int) -> list[Owned] | None:
    edits = sorted(owned)
    before = _ranges(old, ((one.start, one.end) for one, _ in edits))
    spans = _new_spans([one for one, _ in edits])
    after = _ranges(new, spans)
    if not before or not after or _changed(old, before, width) != []:
        return None
    moves: list[Owned] = []
    for start, end, text in _changed(new, after, width) or ():
        touching = zip(spans, edits, strict=True)
        owners = {ids for (first, last), (_, ids) in touching if first <= end and start <= last}
        if len(owners) == 1:  # in a statement of two sites, each must be able to go alone
            ids = owners.pop()
            moves += [(move, ids) for move in _tokens(new.text[start:end], text, start)]
    return _composed(old.text, edits, moves) if moves else None


def _changed(
    source: Source, ranges: Sequence[Lines], width: int
) -> list[tuple[int, int, str]] | None:
    """Return the spans of the statements in *ranges* that black would write otherwise, and how.

    None when black cannot read the text, or would make another program of it.
    """
    tree = parsed(source).tree
    text = _formatted(source.text, ranges, width)
    try:
        other = ast.parse(text) if text is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if text is None or other is None or ast.dump(other) != ast.dump(tree):
        return None
    ours, theirs = _starts(source.text), _starts(text)
    found: list[tuple[int, int, str]] = []
    done = 0
    # The same program has the same statements in the same order.
    for (first, last), (begin, end) in sorted(
        zip(_statements(tree), _statements(other), strict=True)
    ):
        if (first, last) in ranges and first > done:
            done = last
            start, stop = ours[first - 1], ours[last]
            new = text[theirs[begin - 1] : theirs[end]]
            if source.text[start:stop] != new:
                found.append((start, stop, new))
    return found


def _formatted(text: str, ranges: Sequence[Lines], width: int) -> str | None:
    """Return *text* with the statements in *ranges* as black writes them."""
    import black  # noqa: PLC0415  # only for files that change

    mode = black.Mode(line_length=width, string_normalization=False)
    try:
        return black.format_str(text, mode=mode, lines=ranges)
    except Exception:  # whatever it is that black cannot do, our edit is good without it
        return None


def _new_spans(edits: Sequence[Edit]) -> list[tuple[int, int]]:
    """Return where the text of each edit stands in the text that all of them make."""
    spans, shift = [], 0
    for one in edits:
        spans.append((one.start + shift, one.start + shift + len(one.text)))
        shift += len(one.text) - (one.end - one.start)
    return spans


def _ranges(source: Source, spans: Iterable[tuple[int, int]]) -> list[Lines]:
    """Return the lines of the statements, or heads of blocks, that *spans* touch or come after."""
    known = sorted(_statements(parsed(source).tree))
    found: set[Lines] = set()
    for start, end in spans:
        first, last = source.position(start)[0], source.position(max(start, end - 1))[0]
        touched = [one for one in known if one[0] <= last and first <= one[1]]
        found.update(touched or [one for one in known if one[1] < first][-1:])
    return sorted(found)


def _statements(tree: ast.Module) -> Iterator[Lines]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        last = node.end_lineno or node.lineno
        if isinstance(body, list) and body:
            last = max(node.lineno, min(one.lineno for one in body) - 1)
        yield node.lineno, last


def _starts(text: str) -> list[int]:
    """Return where each line starts, and where the last one ends."""
    return [0, *(one.end() for one in LINE.finditer(text))]


def _tokens(old: str, new: str, at: int) -> Iterator[Edit]:
    """Yield the edits, by words and blanks, that turn *old*, which stands at *at*, into *new*."""
    ours, theirs = TOKENS.findall(old), TOKENS.findall(new)
    places = [at]
    for one in ours:
        places.append(places[-1] + len(one))
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    for kind, first, last, other, end in matcher.get_opcodes():
        if kind != "equal":
            yield Edit(places[first], places[last], "".join(theirs[other:end]))


def _composed(old: str, edits: Sequence[Owned], moves: Sequence[Owned]) -> list[Owned] | None:
    """Return the edits of *old* that do what *edits* do, and then *moves* in the new text."""
    pieces: list[_Piece] = []
    at = 0
    for one, ids in edits:
        pieces += (_Piece(old[at : one.start], at), _Piece(one.text, None, ids))
        at = one.end
    pieces.append(_Piece(old[at:], at))
    for move, ids in sorted(moves, reverse=True):  # from the end: earlier offsets stay true
        pieces = [*_with_move(pieces, move, ids)]
    found: list[Owned] = []
    text, at = "", 0
    owners: set[tuple[str, ...]] = set()
    end = _Piece("", len(old))
    for piece in (*pieces, end):
        if piece.start is None:
            text += piece.text
            owners.add(piece.ids)
        elif piece.text or piece is end:
            if len(owners) > 1:
                return None
            found += [(Edit(at, piece.start, text), ids) for ids in owners]
            text, at, owners = "", piece.start + len(piece.text), set()
    return found


def _with_move(pieces: Iterable[_Piece], move: Edit, ids: tuple[str, ...]) -> Iterator[_Piece]:
    """Yield *pieces* with *move* made, which is an edit of the text that they are together."""
    at, is_placed = 0, False
    for piece in pieces:
        end = at + len(piece.text)
        if end < move.start or move.end < at or not piece.text:
            yield piece
        else:
            yield piece.part(0, move.start - at)
            if not is_placed:
                yield _Piece(move.text, None, ids)
                is_placed = True
            yield piece.part(move.end - at, len(piece.text))
        at = end
