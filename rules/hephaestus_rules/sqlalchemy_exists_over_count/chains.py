"""Chains of method calls, and what a query reads before its rows are fetched."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.values import Class

if TYPE_CHECKING:
    from hephaestus_codemods.project.models import Column, Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Link

QUERIES: Final = frozenset({kinds.QUERY, "flask_sqlalchemy.Query", "flask_sqlalchemy.BaseQuery"})
SELECTS: Final = frozenset({"sqlalchemy.select", "sqlmodel.select"})
CONDITIONS: Final = frozenset({"filter", "filter_by", "where"})
JOINS: Final = frozenset({"join", "outerjoin", "join_from", "outerjoin_from"})
SESSIONS: Final = kinds.SESSIONS | kinds.ASYNC_SESSIONS
OUTER: Final = frozenset({"outerjoin", "outerjoin_from"})
#: What makes a join an outer one, or may, when keywords are unpacked.
OUTER_KEYWORDS: Final = frozenset({"isouter", "full", None})
#: What makes something that rows come from.
TABLES: Final = frozenset(
    {"aliased", "alias", "subquery", "cte", "lateral", "table_valued", "with_polymorphic", "Table"}
)
#: Loading strategies: they change how much is read of an entity, not how many there are.
LOADERS: Final = frozenset(
    f"sqlalchemy.orm.{name}"
    for name in (
        *("selectinload", "subqueryload", "joinedload", "lazyload", "immediateload", "noload"),
        *("raiseload", "load_only", "defer", "undefer", "undefer_group"),
    )
)


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
    if not isinstance(node, ast.Attribute):
        return Entity(node, None, column=False)
    owner = model_at(module, node.value)
    if owner is None:
        is_inside = may_be_table(module, node.value) or isinstance(value(module, node.value), Class)
        return Entity(node, None, column=is_inside)
    return Entity(node, owner, column=True) if owner.column(node.attr) else None


def model_at(module: Module, node: ast.expr) -> Model | None:
    """Return the mapped class that *node* names."""
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    name = module.qualified_name(node)
    if name is not None:
        return module.project.model(name, module.path)
    found = value(module, node)
    return module.project.model_of(found) if isinstance(found, Class) else None


def column_at(module: Module, node: ast.expr) -> tuple[Model, Column] | None:
    """Return the column that ``Model.column`` names, with its model."""
    model = model_at(module, node.value) if isinstance(node, ast.Attribute) else None
    column = model.column(node.attr) if model and isinstance(node, ast.Attribute) else None
    return (model, column) if model is not None and column is not None else None


def is_outer(link: Link) -> bool:
    """Say whether *link* joins so that a side of it may have no row."""
    keywords = {one.arg for one in link.call.keywords}
    return link.name in OUTER or (link.name in JOINS and not keywords.isdisjoint(OUTER_KEYWORDS))


def may_be_table(module: Module, node: ast.AST) -> bool:
    """Say whether *node* names something that rows come from and that is no mapped class."""
    if isinstance(node, ast.Attribute):
        return node.attr in ("c", "columns")
    found = module.scopes.lookup(node.id, node) if isinstance(node, ast.Name) else None
    calls = [one.value.func for one in found[1] if isinstance(one.value, ast.Call)] if found else []
    return any(getattr(one, "attr", getattr(one, "id", None)) in TABLES for one in calls)


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


def count_in(module: Module, node: ast.expr) -> ast.Call | None:
    """Return the ``func.count(...)`` that *node* is, perhaps with a label."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr == "label":
        return count_in(module, node.func.value)
    return node if module.qualified_name(node.func) == "sqlalchemy.func.count" else None
