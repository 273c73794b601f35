"""Queries of which the answer is one number, or one bit: counts, sums, and whether rows exist."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.queries import (
    Gives,
    Link,
    Query,
    Selected,
    conditions_of,
    model_at,
    selected_at,
)

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

FUNCTIONS: Final = frozenset({"count", "sum", "max", "min", "avg"})
EXISTS: Final = frozenset({"sqlalchemy.exists", "sqlmodel.exists"})
#: Methods that name the table of an aggregate, and say nothing else.
NAMING: Final = frozenset({"select_from"})


class Kind(StrEnum):
    """What is asked of the rows."""

    COUNT = "count"
    """How many there are."""

    VALUE = "value"
    """Their sum, their largest or smallest value, their mean: NULL for no rows."""

    EXISTS = "exists"
    """Whether there is one."""


@dataclass(frozen=True)
class Aggregate:
    """What *query* computes of the rows of *table*.

    *call* is the function as it is written, ``func.sum(Item.price)``; None for ``query.count()``
    and for existence. *default* is what a sum of no rows is replaced by, in ``coalesce``.
    """

    query: Query
    kind: Kind
    table: Selected
    call: ast.Call | None = None
    name: str = "count"
    column: str | None = None
    default: ast.expr | None = None


def aggregate_of(query: Query) -> Aggregate | None:
    """Return what *query* computes, or None when it reads rows."""
    if query.gives is Gives.NUMBER:
        entity = query.entity
        return Aggregate(query, Kind.COUNT, entity) if entity is not None else None
    if not isinstance(query.source, ast.Call) or len(query.source.args) != 1:
        return None
    if query.gives not in (Gives.ONE, Gives.ONE_OR_NONE):
        return None
    return _existence(query, query.source.args[0]) or _computed(query, query.source.args[0])


# --- func.count(), func.sum() ---


def _computed(query: Query, node: ast.expr) -> Aggregate | None:
    module = query.module
    node, default = _uncoalesced(module, _unlabelled(node))
    name = _function(module, node)
    if name not in FUNCTIONS or not isinstance(node, ast.Call) or len(node.args) > 1:
        return None
    given = selected_at(module, node.args[0]) if node.args else None
    if node.args and given is None:
        return None
    table = _named_table(query) or given or _of_conditions(query)
    if table is None or (given is not None and given.model != table.model):
        return None
    column = given.column.attribute if given is not None and given.column is not None else None
    kind = Kind.COUNT if name == "count" else Kind.VALUE
    if kind is Kind.COUNT and default is not None:
        default = None  # a count is never NULL
    return Aggregate(
        _without_naming(query), kind, replace(table, column=None), node, name, column, default
    )


def _unlabelled(node: ast.expr) -> ast.expr:
    while (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "label"
    ):
        node = node.func.value
    return node


def _uncoalesced(module: Module, node: ast.expr) -> tuple[ast.expr, ast.expr | None]:
    if isinstance(node, ast.Call) and _function(module, node) == "coalesce" and len(node.args) == 2:
        return node.args[0], node.args[1]
    return node, None


def _function(module: Module, node: ast.expr) -> str | None:
    """Return the name of an SQL function: ``func.sum(…)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.keywords:
        return None
    owner = module.qualified_name(node.func.value)
    return node.func.attr if owner in ("sqlalchemy.func", "sqlmodel.func") else None


def _named_table(query: Query) -> Selected | None:
    for link in query.links:
        if link.name in NAMING and len(link.call.args) == 1:
            model = model_at(query.module, link.call.args[0])
            return Selected(link.call.args[0], model) if model is not None else None
    return None


def _of_conditions(query: Query) -> Selected | None:
    """Return the table that a condition names, for ``select(func.count()).where(…)``."""
    found = {one.model.name: Selected(one.owner, one.model) for one in query.equals}
    return next(iter(found.values())) if len(found) == 1 and not query.others else None


def _without_naming(query: Query) -> Query:
    return replace(
        query,
        links=tuple(one for one in query.links if one.name not in NAMING),
        chain=tuple(one for one in query.chain if one.name not in NAMING),
    )


# --- exists() ---


def _existence(query: Query, node: ast.expr) -> Aggregate | None:
    """Return ``select(exists().where(…))`` and ``session.query(exists().where(…)).scalar()``."""
    if query.chain:
        return None
    module = query.module
    links: list[Link] = []
    node = _unlabelled(node)
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if module.qualified_name(node.func) in EXISTS:
            break
        links.append(Link(node.func.attr, node))
        node = node.func.value
    if not isinstance(node, ast.Call) or module.qualified_name(node.func) not in EXISTS:
        return None
    if node.keywords or len(node.args) > 1:
        return None
    links.reverse()
    named = selected_at(module, node.args[0]) if node.args else None
    found = conditions_of(module, links, (named,) if named is not None else None)
    inner = replace(
        query,
        equals=found.equals,
        others=found.others,
        links=found.links,
        chain=tuple(links),
    )
    table = named or _named_table(inner) or _of_conditions(inner)
    if table is None:
        return None
    return Aggregate(
        _without_naming(inner), Kind.EXISTS, replace(table, column=None), name="exists"
    )
