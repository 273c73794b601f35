"""Chains of method calls, and what a query reads before its rows are fetched."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds

if TYPE_CHECKING:
    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module

QUERIES: Final = frozenset({kinds.QUERY, "flask_sqlalchemy.Query", "flask_sqlalchemy.BaseQuery"})
SELECTS: Final = frozenset({"sqlalchemy.select", "sqlmodel.select"})
SESSIONS: Final = kinds.SESSIONS | kinds.ASYNC_SESSIONS
#: Loading strategies: they change how much is read of an entity, not how many there are.
LOADERS: Final = frozenset(
    f"sqlalchemy.orm.{name}"
    for name in (
        *("selectinload", "subqueryload", "joinedload", "lazyload", "immediateload", "noload"),
        *("raiseload", "load_only", "defer", "undefer", "undefer_group"),
    )
)


@dataclass(frozen=True, slots=True)
class Link:
    """One call of a method in a chain."""

    name: str
    call: ast.Call


@dataclass(frozen=True, slots=True)
class Entity:
    """What a query returns a row for.

    *node* is the expression; *model* is the mapped class behind it, None when it cannot be seen;
    *column* says that it is one column of the class.
    """

    node: ast.expr
    model: Model | None
    column: bool


def entity_of(module: Module, source: ast.expr) -> Entity | None:
    """Return the one thing that ``query(...)``, ``select(...)`` or ``M.query`` reads.

    None when there are several, or when it is computed: an aggregate gives a row for no rows.
    """
    if isinstance(source, ast.Attribute):
        return Entity(source.value, model_at(module, source.value), column=False)
    if not isinstance(source, ast.Call) or len(source.args) != 1 or source.keywords:
        return None
    node = source.args[0]
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    model = model_at(module, node)
    if model is not None:
        return Entity(node, model, column=False)
    owner = model_at(module, node.value) if isinstance(node, ast.Attribute) else None
    if owner is None or not isinstance(node, ast.Attribute):
        return Entity(node, None, column=False)
    return Entity(node, owner, column=True) if owner.column(node.attr) else None


def model_at(module: Module, node: ast.expr) -> Model | None:
    """Return the mapped class that *node* names."""
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    name = module.qualified_name(node)
    return module.project.model(name, module.path) if name else None


def only_loads(module: Module, call: ast.Call) -> bool:
    """Say whether ``options(...)`` holds nothing but loading strategies."""
    return bool(call.args) and all(_is_loader(module, one) for one in call.args)


def _is_loader(module: Module, node: ast.expr) -> bool:
    while isinstance(node, ast.Call):
        if module.qualified_name(node.func) in LOADERS:
            return True
        if not isinstance(node.func, ast.Attribute):
            return False
        node = node.func.value
    return False
