"""Turns the text of a file into CPython's tree, or says in a word why it cannot be read.

Syntax that is newer than the interpreter we run on is masked by text of the same length where
that is easy, so that every position stays what it was; edits must keep off the masked spans.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import re
import sys
import tokenize
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.project.source import UnreadableSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.source import Source

MAX_BYTES = 1_000_000
#: What betrays syntax newer than Python 3.11, and the version that brought it.
NEWER = (
    ("3.15", re.compile(r"^\s*lazy\s+(?:import|from)\b", re.MULTILINE)),
    ("3.14", re.compile(r"\b(?:t|rt|tr)(?=[\"'])", re.IGNORECASE)),
    ("3.14", re.compile(r"^\s*except\*?\s+[\w.]+\s*,", re.MULTILINE)),
    ("3.13", re.compile(r"^\s*(?:class|(?:async\s+)?def|type)\s+\w+\[[^\]]*=", re.MULTILINE)),
    ("3.12", re.compile(r"^\s*(?:class|(?:async\s+)?def)\s+\w+\[|^\s*type\s+\w+", re.MULTILINE)),
    ("3.12", re.compile(r"\bf(?=[\"'])|\b(?:rf|fr)(?=[\"'])", re.IGNORECASE)),
)
TEMPLATE_PREFIXES = {"t": "f", "rt": "rf", "tr": "fr"}
OPEN, CLOSE = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree, and the spans (in characters) whose text was replaced so that it could be read."""

    tree: ast.Module
    masked: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Mask:
    """Text of the same length that stands in for newer syntax; *names* may betray Python 2."""

    start: int
    text: str
    names: tuple[str, ...] = ()

    @property
    def span(self) -> tuple[int, int]:
        """The characters that are replaced."""
        return self.start, self.start + len(self.text)


def parse(source: Source) -> Parsed:
    """Parse *source*, or raise UnreadableSource with the reason as its code."""
    if len(source.raw) > MAX_BYTES:
        size = f"{len(source.raw):,} bytes, the limit is {MAX_BYTES:,}"
        raise UnreadableSource("too-large", f"{source.path} has {size}")
    try:
        return Parsed(_tree(source.text))
    except SyntaxError as error:
        return _parse_newer(source, error)
    except (RecursionError, MemoryError) as error:
        raise UnreadableSource("too-deep", f"{source.path} is nested too deeply") from error
    except ValueError as error:
        raise UnreadableSource("syntax", f"{source.path}: {error}") from error


def _tree(text: str) -> ast.Module:
    with warnings.catch_warnings():
        # Invalid escapes in the target are not our news.
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _parse_newer(source: Source, error: SyntaxError) -> Parsed:
    if "too many nested" in str(error) or "too complex" in str(error):
        raise UnreadableSource("too-deep", f"{source.path} is nested too deeply") from error
    masks = tuple(_masks(source))
    if masks:
        try:
            tree = _tree(_apply(source.text, masks))
        except (SyntaxError, RecursionError, MemoryError, ValueError):
            pass
        else:
            if not any(_is_python2(mask, tree) for mask in masks):
                return Parsed(tree, tuple(mask.span for mask in masks))
            raise _syntax(source, error) from error
    if _libcst_reads(source.text):
        needed = _needed(source.text)
        message = f"{source.path}:{error.lineno} uses syntax that {_running()} cannot read"
        raise UnreadableSource("newer-syntax", f"{message}: run hcodemod on {needed}") from error
    raise _syntax(source, error) from error


def _syntax(source: Source, error: SyntaxError) -> UnreadableSource:
    return UnreadableSource("syntax", f"{source.path}:{error.lineno}: {error.msg}")


def _apply(text: str, masks: Sequence[Mask]) -> str:
    for mask in masks:
        start, end = mask.span
        text = text[:start] + mask.text + text[end:]
    return text


def _running() -> str:
    return f"Python {sys.version_info[0]}.{sys.version_info[1]}"


def _needed(text: str) -> str:
    for version, pattern in NEWER:
        if tuple(map(int, version.split("."))) > sys.version_info[:2] and pattern.search(text):
            return f"Python {version} or newer"
    return f"a Python newer than {_running().removeprefix('Python ')}"


def _libcst_reads(text: str) -> bool:
    import libcst  # noqa: PLC0415  # only files that CPython rejects pay for it

    try:
        libcst.parse_module(text)
    except Exception:  # its native parser raises whatever it likes
        return False
    # It also reads Python 2's `except E, e:` as a tuple.
    return not re.search(r"^\s*except\s+[\w.]+\s*,\s*[a-z_]\w*\s*:", text, re.MULTILINE)


def _masks(source: Source) -> Iterator[Mask]:
    tokens = _tokens(source)
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else token
        if token.type != tokenize.NAME:
            continue
        if token.string == "except":
            yield from _except_masks(source, tokens, number + 1)
        elif following.type == tokenize.STRING and following.start == token.end:
            prefix = TEMPLATE_PREFIXES.get(token.string.lower())
            if prefix is not None:
                yield Mask(_offset(source, token.start), prefix)
        elif token.string in ("def", "class") or _is_type_statement(tokens, number):
            yield from _type_masks(source, tokens, number)


def _is_type_statement(tokens: Sequence[tokenize.TokenInfo], number: int) -> bool:
    starts = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT}
    first = number == 0 or tokens[number - 1].type in starts or tokens[number - 1].string == ";"
    after = [token.string for token in tokens[number + 1 : number + 3]]
    return (
        first
        and tokens[number].string == "type"
        and len(after) == 2
        and after[0].isidentifier()
        and after[1] in ("=", "[")
    )


def _type_masks(
    source: Source, tokens: Sequence[tokenize.TokenInfo], number: int
) -> Iterator[Mask]:
    """Blank the type parameters after ``class X``; turn ``type X = Y`` into a double assignment."""
    start = _offset(source, tokens[number].start)
    if tokens[number].string == "type":
        gap = _offset(source, tokens[number + 1].start) - start
        yield Mask(start, "_=".ljust(gap)[:gap])
    at = number + 2
    if at >= len(tokens) or tokens[at].string != "[":
        return
    depth, end = 0, at
    for end in range(at, len(tokens)):
        depth += (tokens[end].string in OPEN) - (tokens[end].string in CLOSE)
        if not depth:
            break
    first, last = _offset(source, tokens[at].start), _offset(source, tokens[end].end)
    yield Mask(first, re.sub(r"[^\r\n]", " ", source.text[first:last]))


def _except_masks(
    source: Source, tokens: Sequence[tokenize.TokenInfo], number: int
) -> Iterator[Mask]:
    """Blank all but the first class of ``except A, B:``, which Python 3.14 brought."""
    depth, comma = 0, None
    names: list[str] = []
    for token in tokens[number:]:
        depth += (token.string in OPEN) - (token.string in CLOSE)
        if depth == 0 and token.string == ",":
            comma = comma or token
        elif depth == 0 and token.string == ":":
            if comma is not None:
                start, end = _offset(source, comma.start), _offset(source, token.start)
                yield Mask(start, re.sub(r"[^\r\n]", " ", source.text[start:end]), (*names,))
            return
        elif token.type == tokenize.NEWLINE or token.string == "as":
            return
        elif comma is not None and depth == 0 and token.type == tokenize.NAME:
            names.append(token.string)


def _is_python2(mask: Mask, tree: ast.Module) -> bool:
    """Say whether ``except E, name:`` binds *name*, as only Python 2 would: nothing defines it."""
    if len(mask.names) != 1 or not mask.names[0][0].islower():
        return False
    known = set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            known.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
    return mask.names[0] not in known and "*" not in known


def _tokens(source: Source) -> list[tokenize.TokenInfo]:
    """Return the tokens up to the first place that the tokenizer cannot read."""
    found: list[tokenize.TokenInfo] = []
    with contextlib.suppress(tokenize.TokenError, SyntaxError, IndentationError):
        found.extend(tokenize.generate_tokens(io.StringIO(source.text, newline="").readline))
    return found


def _offset(source: Source, position: tuple[int, int]) -> int:
    return source.line_starts[position[0] - 1] + position[1]
