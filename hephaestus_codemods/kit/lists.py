"""Edits of literal lists that keep their layout: one item per line, hanging, or in a row."""

from __future__ import annotations

import tokenize
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.expressions import tokens_in
from hephaestus_codemods.kit.layout import after_line, comment_above, line_start
from hephaestus_codemods.rule import Edit

if TYPE_CHECKING:
    import ast

    from hephaestus_codemods.project.module import Module


def insert_item(module: Module, node: ast.List, item: str, index: int) -> tuple[Edit, ...] | None:
    """Return the insertions that put *item* before the item number *index*, or at the end.

    None when the list's text is not understood.
    """
    if not node.elts:
        return _into_empty(module, node, item)
    if index < len(node.elts):
        return (_before(module, node, item, index),)
    return _at_end(module, node, item)


def _into_empty(module: Module, node: ast.List, item: str) -> tuple[Edit, ...]:
    source = module.source
    start, end = source.span(node)
    if source.position(start)[0] == source.position(end)[0]:
        return (Edit(start + 1, start + 1, item),)
    text = f"{source.newline(start)}{source.indent(start)}    {item},"
    return (Edit(start + 1, start + 1, text),)


def _lead(module: Module, offset: int) -> str | None:
    """Return the white space before *offset* when it opens its line."""
    lead = module.source.text[line_start(module.source, offset) : offset]
    return lead if not lead.strip() else None


def _before(module: Module, node: ast.List, item: str, index: int) -> Edit:
    source = module.source
    start = source.span(node.elts[index])[0]
    lead = _lead(module, start)
    if lead is None:
        return Edit(start, start, f"{item}, ")
    if index == 0 and source.position(start)[0] == source.position(source.span(node)[0])[0]:
        return Edit(start, start, f"{item},{source.newline(start)}{lead}")
    at = comment_above(source, start)
    return Edit(at, at, f"{lead}{item},{source.newline(start)}")


def _at_end(module: Module, node: ast.List, item: str) -> tuple[Edit, ...] | None:
    source = module.source
    first, end = source.span(node.elts[0])[0], source.span(node.elts[-1])[1]
    start, closing = source.span(node.elts[-1])[0], source.span(node)[1] - 1
    tokens = tokens_in(module, first, closing)
    if tokens is None:
        return None
    rest = [one for one in tokens if one.start >= end and one.type != tokenize.COMMENT]
    if any(one.text != "," for one in rest):
        return None
    lead, own_close = _lead(module, start), _lead(module, closing) is not None
    if lead is None:
        return (Edit(end, end, f", {item}"),)
    eol = source.newline(start)
    if not own_close:
        return (Edit(end, end, f",{eol}{lead}{item}"),)
    at = after_line(source, end)
    if rest:
        return (Edit(at, at, f"{lead}{item},{eol}"),)
    return Edit(end, end, ","), Edit(at, at, f"{lead}{item}{eol}")


def replace_item(module: Module, node: ast.List, item: str, index: int) -> tuple[Edit, ...]:
    """Return the edit that puts *item* in the place of the item number *index*."""
    return (Edit(*module.source.span(node.elts[index]), item),)
