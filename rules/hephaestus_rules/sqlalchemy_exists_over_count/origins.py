"""Follows a local variable back to what was put into it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.project.queries import Link
from hephaestus_codemods.project.scopes import Binding, BindingKind
from hephaestus_codemods.project.variables import bindings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.project.module import Module

ASSIGNED = (BindingKind.ASSIGN, BindingKind.ANNOTATED)


@dataclass(frozen=True, slots=True)
class Origin:
    """The call that starts a query, and every method that may have been called on it since."""

    source: ast.expr
    links: tuple[Link, ...]


def origin_of(
    module: Module, node: ast.expr, is_source: Callable[[ast.expr], bool]
) -> Origin | None:
    """Return where the query *node* comes from; None when a part of its way cannot be seen."""
    found = _parts(module, node, is_source, frozenset())
    if found is None:
        return None
    sources, links = found
    return Origin(sources[0], links) if len(sources) == 1 else None


Parts = tuple[tuple[ast.expr, ...], tuple[Link, ...]]


def _parts(
    module: Module,
    node: ast.expr,
    is_source: Callable[[ast.expr], bool],
    seen: frozenset[Binding],
) -> Parts | None:
    links: list[Link] = []
    while isinstance(node, ast.Call):
        if is_source(node):
            return (node,), tuple(reversed(links))
        if not isinstance(node.func, ast.Attribute):
            return None
        links.append(Link(node.func.attr, node))
        node = node.func.value
    if is_source(node):
        return (node,), tuple(reversed(links))
    if not isinstance(node, ast.Name):
        return None
    earlier = _of_variable(module, node, is_source, seen)
    return None if earlier is None else (earlier[0], (*earlier[1], *reversed(links)))


def _of_variable(
    module: Module,
    node: ast.Name,
    is_source: Callable[[ast.expr], bool],
    seen: frozenset[Binding],
) -> Parts | None:
    bindings = bindings_of(module, node)
    if bindings is None:
        return None
    sources: dict[ast.expr, None] = {}
    links: dict[Link, None] = {}
    for one in (binding for binding in bindings if binding not in seen):
        if one.kind not in ASSIGNED or one.path != () or one.value is None:
            return None
        found = _parts(module, one.value, is_source, seen | set(bindings))
        if found is None:
            return None
        sources |= dict.fromkeys(found[0])
        links |= dict.fromkeys(found[1])
    return tuple(sources), tuple(links)
