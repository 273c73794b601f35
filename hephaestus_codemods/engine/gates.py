"""What must hold of a rewritten text before anyone may write it.

Each gate returns None, or the sentence that says which promise the edit would break.
"""

from __future__ import annotations

import ast
import io
import tokenize
from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.splice import Trail
from hephaestus_codemods.patch.replay import replay
from hephaestus_codemods.project.parse import parse
from hephaestus_codemods.project.source import UnreadableSource, decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hephaestus_codemods.patch.model import Step
    from hephaestus_codemods.project.parse import Parsed
    from hephaestus_codemods.project.source import Source
    from hephaestus_codemods.rule import Edit

#: The text before an edit is asked about by every gate, and again when a part of a batch is tried.
KEPT_TEXTS = 4


def broken_promise(
    before: Source, after: Source, edits: Sequence[Edit], minor: int | None
) -> str | None:
    """Return what the step from *before* to *after* breaks, or None.

    *minor* is the oldest Python 3 minor version the target supports, when it is known.
    """
    return (
        does_not_parse(after, minor)
        or comment_lost(before, after)
        or statement_changed(before, after, edits)
    )


def does_not_parse(after: Source, minor: int | None) -> str | None:
    """The text must be Python for the target's oldest version, not just for ours."""
    try:
        found = parsed(after)
        if minor is not None and not found.masked:
            ast.parse(after.text, feature_version=(3, max(minor, 4)))
    except (UnreadableSource, SyntaxError, RecursionError, MemoryError, ValueError) as error:
        return f"the rewritten file is not valid Python for the target: {error}"
    return None


@lru_cache(maxsize=KEPT_TEXTS)
def parsed(source: Source) -> Parsed:
    """Parse *source*, or raise UnreadableSource."""
    return parse(source)


@lru_cache(maxsize=KEPT_TEXTS)
def comments(source: Source) -> Counter[str]:
    """Count the comments of a text, as the tokenizer sees them."""
    found: Counter[str] = Counter()
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text, newline="").readline):
            if token.type == tokenize.COMMENT:
                found[token.string.rstrip()] += 1
    except (tokenize.TokenError, IndentationError, SyntaxError):
        # Newer syntax may stop our tokenizer: then only whole comment lines can be counted.
        found = Counter(
            line.strip() for line in source.text.splitlines() if line.strip()[:1] == "#"
        )
    return found


def comment_lost(before: Source, after: Source) -> str | None:
    """No comment of the author may go."""
    lost = comments(before) - comments(after)
    return f"a comment would be lost: {next(iter(lost))}" if lost else None


def masked_touched(before: Source, edits: Iterable[Edit]) -> str | None:
    """Syntax that our interpreter cannot read is never edited: no fault, the site is refused."""
    for start, end in parsed(before).masked:
        for edit in edits:
            if edit.start < end and start < edit.end:
                return "the edit touches syntax newer than the Python that runs hcodemod"
    return None


def statement_changed(before: Source, after: Source, edits: Sequence[Edit]) -> str | None:
    """Statements that no edit touches must mean what they meant."""
    trail = Trail.of(edits)
    new = {
        (trail.back(after.span(node)[0]), type(node)): node
        for node in ast.walk(parsed(after).tree)
        if isinstance(node, ast.stmt)
    }
    for node in _untouched(parsed(before).tree, before, sorted(edits)):
        twin = new.get((before.span(node)[0], type(node)))
        if twin is None or ast.dump(twin) != ast.dump(node):
            return f"a statement outside the edits would change: line {node.lineno}"
    return None


def _untouched(tree: ast.AST, source: Source, edits: Sequence[Edit]) -> Iterable[ast.stmt]:
    """Yield the outermost statements that no edit touches; *edits* are in their order."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.stmt):
            yield from _untouched(node, source, edits)
            continue
        start, end = source.span(node)
        decorators = getattr(node, "decorator_list", None) or [node]
        start = min(start, source.span(decorators[0])[0])
        if _touches(edits, start, end) or _grows(edits, source, node):
            yield from _untouched(node, source, edits)
        else:
            yield node


def _touches(edits: Sequence[Edit], start: int, end: int) -> bool:
    """Say whether one of *edits*, which do not meet, reaches ``start:end`` or its borders."""
    at = bisect_right(edits, end, key=lambda edit: edit.start)
    return at > 0 and start <= edits[at - 1].end


def _grows(edits: Sequence[Edit], source: Source, node: ast.stmt) -> bool:
    """Say whether new lines below the block *node* are indented like lines of it."""
    if not isinstance(getattr(node, "body", None), list):
        return False
    start, end = source.span(node)
    at = bisect_right(edits, end, key=lambda edit: edit.start)
    below = edits[at] if at < len(edits) else None
    if below is None or below.start != below.end or source.text[end : below.start].strip("\r\n"):
        return False
    lines = (line for line in below.text.splitlines() if line.strip())
    inside = len(source.indent(start))
    return all(len(line) - len(line.lstrip()) > inside for line in lines)


def bytes_differ(before: bytes, after: bytes, steps: Sequence[Step]) -> str | None:
    """The recorded steps must lead from the old bytes to the new ones, and back."""
    if replay(before, steps) != after:
        return "the recorded edits do not lead to the rewritten bytes"
    owners = {owner for step in steps for edit in step.edits for owner in edit.owners}
    if replay(before, steps, frozenset(owners)) != before:
        return "the recorded edits cannot be taken back"
    return None


def reread(source: Source, text: str) -> Source:
    """Return *text* as a file in the place of *source*, through its bytes."""
    return decode(source.path, source.encode(text))
