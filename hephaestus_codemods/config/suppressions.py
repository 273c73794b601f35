"""Suppressions: what owners say to us in comments of their own files.

``# hcodemod: ignore[rule-a, rule-b] reason`` and ``# hcodemod: ignore`` keep the code of their
line, of the statement around it or of the statement below as it is; on the header of a block they
hold for the block. ``# hcodemod: skip-file`` keeps the whole file.
"""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from hephaestus_codemods.project.source import Source

MARK = b"hcodemod:"
DIRECTIVES = ("ignore", "skip-file")
START = re.compile(r"(?=#\s*hcodemod:)")
COMMENT = re.compile(
    r"#\s*hcodemod:\s*(?P<word>[\w-]*)\s*(?:\[(?P<rules>[^\]]*)\])?[\s:\-–—]*(?P<reason>.*)"  # noqa: RUF001
)
#: Tokens that stand for no code of their own.
BETWEEN = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})

Lines = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment: the rules it names (none means all) and the lines that it speaks of.

    *anchors* are the lines of code it belongs to. *headers* are the lines by which it can belong
    to a block: those of its anchors that are no decorator.
    """

    line: int
    text: str
    word: str
    rules: frozenset[str] | None
    reason: str
    anchors: frozenset[int]
    headers: frozenset[int]

    def names(self, rule: str) -> bool:
        """Say whether the comment speaks of *rule*."""
        return self.word == "ignore" and (self.rules is None or rule in self.rules)

    def touches(self, lines: Lines, headers: Iterable[Lines]) -> bool:
        """Say whether it stands on code in *lines*, or on one of the *headers* around it."""
        return _any_in(self.anchors, lines) or any(_any_in(self.headers, h) for h in headers)


@dataclass(frozen=True)
class Suppressions:
    """The comments of one file, and which of them have kept something so far."""

    comments: tuple[Suppression, ...] = ()
    _used: set[Suppression] = field(default_factory=set, compare=False, repr=False)

    @property
    def skip_file(self) -> bool:
        """Say whether the whole file is to stay as it is."""
        return any(one.word == "skip-file" for one in self.comments)

    def covers(
        self, rule: str, line_range: Lines, enclosing_header_lines: Iterable[Lines] = ()
    ) -> Suppression | None:
        """Return the comment that keeps a site of *rule*, if there is one, and note its use.

        *enclosing_header_lines* are the lines of the site's statement and of the headers of the
        blocks around it.
        """
        headers = tuple(enclosing_header_lines)
        found = None
        for one in self.comments:
            if one.names(rule) and one.touches(line_range, headers):
                self._used.add(one)
                found = found or one
        return found

    def unused(
        self, ran: Collection[str], known: Collection[str] | None = None
    ) -> tuple[tuple[int, str], ...]:
        """Return line and text of each comment that kept nothing, although all its rules ran.

        *known* are the names of all installed rules: what a comment without names keeps shows
        only when every one of them ran.
        """
        every = frozenset(known) if known else None
        return tuple(
            (one.line, one.text)
            for one in self.comments
            if one.word == "ignore" and one not in self._used
            if (wanted := every if one.rules is None else one.rules) and wanted <= set(ran)
        )

    def problems(self, known: Collection[str]) -> tuple[tuple[int, str], ...]:
        """Return line and sentence for each comment that says something we do not know.

        *known* are the names of all installed rules.
        """
        return tuple(
            (one.line, sentence) for one in self.comments for sentence in _problems(one, known)
        )


def suppressions(source: Source) -> Suppressions:
    """Read the comments of *source*; a file without our mark costs one search of its bytes."""
    if MARK not in source.raw:
        return Suppressions()
    return Suppressions(tuple(_read(source.text)))


def _any_in(lines: Iterable[int], wanted: Lines) -> bool:
    return any(wanted[0] <= line <= wanted[1] for line in lines)


def _problems(one: Suppression, known: Collection[str]) -> Iterator[str]:
    if one.word not in DIRECTIVES:
        yield f"{one.word!r} is no directive of hcodemod{_guess(one.word, DIRECTIVES)}"
    elif one.word == "ignore" and one.rules is not None:
        if not one.rules:
            yield "the list of rules is empty, so nothing is ignored"
        for rule in sorted(one.rules - set(known)):
            yield f"there is no rule {rule!r}{_guess(rule, known)}"


def _guess(word: str, among: Collection[str]) -> str:
    near = difflib.get_close_matches(word, sorted(among), 1)
    return f". Did you mean {near[0]!r}?" if near else ""


def _read(text: str) -> Iterator[Suppression]:
    # Lone carriage returns end lines for `ast`; tokenize must count as it does.
    lines = io.StringIO(text, newline=None)
    try:
        tokens = list(tokenize.generate_tokens(lines.readline))
    except (tokenize.TokenError, SyntaxError):
        yield from _read_lines(text)
        return
    statements = _logical_lines(tokens)
    for place, token in enumerate(tokens):
        if token.type == tokenize.COMMENT and MARK.decode() in token.string:
            line = token.start[0]
            yield from _spoken(token.string, line, *_anchors(line, place, statements))


def _read_lines(text: str) -> Iterator[Suppression]:
    """Read comments where there are no tokens: rather one too many than one too few."""
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        both = frozenset({number, number + 1})
        yield from _spoken(line.rstrip("\n"), number, both, both)


def _spoken(
    comment: str, line: int, anchors: frozenset[int], headers: frozenset[int]
) -> Iterator[Suppression]:
    """Read what one comment says to us; it may say several things, each with our mark."""
    for part in START.split(comment):
        match = COMMENT.match(part)
        if match is None:
            continue
        listed = match["rules"]
        names = None if listed is None else [name.strip() for name in listed.split(",")]
        rules = None if names is None else frozenset(name for name in names if name)
        word, reason = match["word"], match["reason"].strip()
        yield Suppression(line, part.strip(), word, rules, reason, anchors, headers)


@dataclass(frozen=True, slots=True)
class _Logical:
    """A logical line: its tokens in the list of all tokens, and the line it starts on."""

    first: int
    last: int
    line: int
    is_decorator: bool


def _logical_lines(tokens: Sequence[tokenize.TokenInfo]) -> list[_Logical]:
    found = []
    first = None
    for place, token in enumerate(tokens):
        if first is None and token.type not in BETWEEN:
            first = place
        if first is not None and token.type == tokenize.NEWLINE:
            opening = tokens[first]
            found.append(_Logical(first, place, opening.start[0], opening.string == "@"))
            first = None
    return found


def _anchors(
    line: int, place: int, statements: Sequence[_Logical]
) -> tuple[frozenset[int], frozenset[int]]:
    """Return the lines that a comment speaks of, and those that make it speak of a block."""
    around = next((i for i, one in enumerate(statements) if place <= one.last), None)
    if around is None:
        return frozenset(), frozenset()
    own = statements[around]
    decorated = around
    while statements[decorated].is_decorator and decorated + 1 < len(statements):
        decorated += 1
    header = statements[decorated].line
    if own.is_decorator:
        stands_inside = place > own.first
        return frozenset({line} if stands_inside else {own.line, header}), frozenset({header})
    if place > own.first:
        return frozenset({line}), frozenset({line, own.line})
    return frozenset({own.line}), frozenset({own.line})
