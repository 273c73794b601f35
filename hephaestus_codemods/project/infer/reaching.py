"""Finds the assignment that surely gave a local name the value it has at some place."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.project.names import is_none
from hephaestus_codemods.project.scopes import Binding, BindingKind

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


def reaching(
    module: Module, node: ast.AST, scope: ast.AST, bindings: list[Binding]
) -> Binding | None:
    """Return the binding that surely gave the name its value at *node*, or None when unclear.

    It stands before *node* in a block around it, and nothing between them or in a loop around
    them binds the name again.
    """
    if len(bindings) < 2 or module.scopes.scope(node) is not scope:
        return None
    places = {one.node: one for one in bindings}
    parents = module.parents
    child: ast.AST = node
    while child is not scope:
        parent = parents[child]
        if isinstance(child, ast.stmt):
            found = _before(module, parent, child, places)
            if found is not None:
                return found if isinstance(found, Binding) else None
        if isinstance(parent, ast.For | ast.AsyncFor) and child is parent.iter:
            if parent in places:
                return None
            child = parent
            continue
        if isinstance(parent, ast.For | ast.AsyncFor) and parent in places:
            return places[parent] if _is_fresh(module, node, parent, child, places) else None
        if isinstance(parent, ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar):
            return None
        if isinstance(parent, ast.With | ast.AsyncWith) and parent in places:
            bound = places[parent]
            if isinstance(child, ast.stmt) and not _binds_before(
                parent.body, child, places, module
            ):
                return bound
        child = parent
    return None


def _is_fresh(
    module: Module,
    node: ast.AST,
    loop: ast.For | ast.AsyncFor,
    child: ast.AST,
    places: dict[ast.AST, Binding],
) -> bool:
    """Say whether nothing in a round of *loop* can bind its target again before *node*."""
    if child not in loop.body:
        return False
    statement = module.statement(node)
    return all(
        place is loop
        or place is statement
        or not _is_inside(place, loop, module)
        or getattr(place, "lineno", 0) > getattr(statement, "end_lineno", 0)
        for place in places
    )


def _before(
    module: Module, parent: ast.AST, child: ast.AST, places: dict[ast.AST, Binding]
) -> Binding | bool | None:
    """Return the last statement before *child* that binds; False when one only may."""
    block = next(
        (
            block
            for name in ("body", "orelse", "finalbody")
            if isinstance(block := getattr(parent, name, None), list) and child in block
        ),
        None,
    )
    if block is None:
        return False
    for statement in reversed(block[: block.index(child)]):
        if statement in places:
            found = places[statement]
            straight = found.kind in (BindingKind.ASSIGN, BindingKind.ANNOTATED)
            return found if straight and not is_none(found) else False
        if any(_is_inside(place, statement, module) for place in places):
            return False
    return None


def _binds_before(
    body: list[ast.stmt], child: ast.AST, places: dict[ast.AST, Binding], module: Module
) -> bool:
    for statement in body:
        if statement is child:
            return False
        if any(place is statement or _is_inside(place, statement, module) for place in places):
            return True
    return True


def _is_inside(node: ast.AST, around: ast.AST, module: Module) -> bool:
    return any(one is around for one in module.ancestors(node))
