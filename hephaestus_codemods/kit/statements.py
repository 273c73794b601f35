"""Edits of whole statements: delete, insert, replace, with the lines they stand on."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.kit.expressions import comments_in
from hephaestus_codemods.kit.layout import (
    Lines,
    after_line,
    comment_above,
    is_blank_line,
    line_stop,
    lines_of,
    start_of,
)
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.rule import Edit

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


def are_adjacent(module: Module, first: ast.stmt, second: ast.stmt) -> bool:
    """Say whether *second* follows *first* in one block: at most comments stand between."""
    block = block_of(module, first)
    if block is None:
        return False
    at = next(number for number, one in enumerate(block) if one is first)
    return at + 1 < len(block) and block[at + 1] is second


def delete_statement(module: Module, node: ast.stmt) -> tuple[Edit, ...] | None:
    """Return the edit that takes *node* out of its block, its lines included.

    The only statement of a block becomes ``pass``. A comment behind the statement stays. None
    when the statement holds a comment, or is an ``elif``.
    """
    block = block_of(module, node)
    source = module.source
    start, end = start_of(source, node), source.span(node)[1]
    if block is None or comments_in(module, start, end) or _is_elif(module, node):
        return None
    if len(block) == 1 and block is not module.tree.body:
        return (Edit(start, end, "pass"),)
    lines = lines_of(source, node, block)
    if lines.shared:
        return (_out_of_line(module, node, block),)
    if "#" in source.text[end : line_stop(source, end)]:
        return (Edit(start, source.text.index("#", end), ""),)
    if not lines.closed and lines.start:
        before = source.line_starts[source.position(lines.start)[0] - 2]
        return (Edit(line_stop(source, before), lines.end, ""),)
    return (Edit(lines.start, lines.end, ""),)


def _out_of_line(module: Module, node: ast.stmt, block: list[ast.stmt]) -> Edit:
    """Delete a statement that shares its line with others of its block."""
    source = module.source
    at = next(number for number, one in enumerate(block) if one is node)
    end = source.span(node)[1]
    if at + 1 < len(block) and ";" in source.text[end : start_of(source, block[at + 1])]:
        follower = start_of(source, block[at + 1])
        if source.position(follower)[0] == source.position(end)[0]:
            return Edit(start_of(source, node), follower, "")
    return Edit(source.span(block[at - 1])[1] if at else start_of(source, node), end, "")


def insert_before(module: Module, node: ast.stmt, text: str) -> tuple[Edit, ...] | None:
    """Return the insertion of the statements *text* before *node*.

    *text* is written without indentation and with plain line feeds; it gets the indentation and
    the line ending of the place. Comments directly above *node* stay with it. None where no
    statement can stand: before an ``elif``, or a compound one on a line with others.
    """
    block = block_of(module, node)
    if block is None or _is_elif(module, node) or not _can_be_indented(text):
        return None
    source = module.source
    lines, start = lines_of(source, node, block), start_of(source, node)
    if source.text[lines.start : start].strip():
        return (Edit(start, start, f"{text}; "),) if _is_simple(text) else None
    at = _above_comments(module, lines, start)
    eol = source.newline(start)
    return (Edit(at, at, _indented(text, source.indent(start), eol) + eol),)


def insert_after(module: Module, node: ast.stmt, text: str) -> tuple[Edit, ...] | None:
    """Return the insertion of the statements *text* after *node*; see :func:`insert_before`."""
    block = block_of(module, node)
    if block is None or not _can_be_indented(text):
        return None
    source = module.source
    lines, start, end = lines_of(source, node, block), start_of(source, node), source.span(node)[1]
    if lines.shared:
        simple = _is_simple(text) and _is_simple(source.segment(node))
        return (Edit(end, end, f"; {text}"),) if simple else None
    eol, indent = source.newline(start), source.indent(start)
    body = _indented(text, indent, eol)
    at = _below_comments(module, lines, indent)
    closed = source.text[at - 1] in "\r\n"
    return (Edit(at, at, body + eol if closed else eol + body),)


def define_after(module: Module, node: ast.stmt, texts: list[str]) -> tuple[Edit, ...] | None:
    """Return the insertion of the definitions *texts* after *node*, with blank lines around them.

    None where no statement can stand.
    """
    gap = _gap(module, node)
    block = block_of(module, node) or [node]
    end = lines_of(module.source, node, block).end
    touching = end < len(module.source.text) and not is_blank_line(module.source, end)
    edits = insert_after(module, node, gap + f"\n{gap}".join(texts))
    return _with_gap(module, edits, gap if touching and node is not block[-1] else "")


def define_before(module: Module, node: ast.stmt, text: str) -> tuple[Edit, ...] | None:
    """Return the insertion of the definition *text* before *node*; see :func:`define_after`."""
    return _with_gap(module, insert_before(module, node, text), _gap(module, node))


def _gap(module: Module, node: ast.stmt) -> str:
    """Return the blank lines between definitions: two at the top of a file, one inside."""
    return "\n" * (2 if module.scopes.scope(node) is module.tree else 1)


def _with_gap(module: Module, edits: tuple[Edit, ...] | None, gap: str) -> tuple[Edit, ...] | None:
    if not edits:
        return None
    eol = module.source.newline(edits[0].start)
    return tuple(Edit(one.start, one.end, one.text + gap.replace("\n", eol)) for one in edits)


def replace_statement(module: Module, node: ast.stmt, text: str) -> tuple[Edit, ...] | None:
    """Return the edit that puts the statements *text* in the place of *node*.

    None when a comment inside *node* is not in *text* too, or a compound statement would share a
    line.
    """
    block = block_of(module, node)
    if block is None or _is_elif(module, node) or not _can_be_indented(text):
        return None
    source = module.source
    start, end = start_of(source, node), source.span(node)[1]
    lost = Counter(comments_in(module, start, end)) - Counter(_comments(text))
    if lost or (lines_of(source, node, block).shared and not _is_simple(text)):
        return None
    body = _indented(text, source.indent(start), source.newline(start))
    return (Edit(start, end, body.lstrip(" \t\f")),)


def _comments(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line[line.index("#") :] for line in lines if "#" in line]


def _is_elif(module: Module, node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and module.source.segment(node).startswith("elif")


def _is_simple(text: str) -> bool:
    body = ast.parse(text).body
    compound = any(isinstance(getattr(one, "body", None), list) for one in body)
    return not compound and "\n" not in text and not any(isinstance(one, ast.Match) for one in body)


def _can_be_indented(text: str) -> bool:
    """Say whether more indentation leaves the meaning of *text*: no string runs over a line."""
    strings = (
        one
        for one in ast.walk(ast.parse(text))
        if isinstance(one, ast.JoinedStr)
        or (isinstance(one, ast.Constant) and isinstance(one.value, str | bytes))
    )
    return all(one.lineno == one.end_lineno for one in strings)


def _indented(text: str, indent: str, eol: str) -> str:
    lines = LINE_END.split(text.rstrip("\r\n"))
    return eol.join(indent + line if line.strip() else line for line in lines)


def _above_comments(module: Module, lines: Lines, start: int) -> int:
    """Return where the comments above a statement start, of those with its indentation."""
    source = module.source
    at = comment_above(source, lines.start)
    indent = source.indent(start)
    while at < lines.start and source.indent(at) != indent:
        at = after_line(source, at)
    return at


def _below_comments(module: Module, lines: Lines, indent: str) -> int:
    """Return the end of the lines of a statement, with the deeper comments that follow it."""
    source = module.source
    at = lines.end
    while at < len(source.text):
        line = source.text[at : line_stop(source, at)]
        if not line.startswith(indent + " ") and not line.startswith(indent + "\t"):
            break
        if not line.strip().startswith("#"):
            break
        at = after_line(source, at)
    return at
