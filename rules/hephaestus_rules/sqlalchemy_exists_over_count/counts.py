"""Which rows ``func.count(...)`` counts, and what reads a row for each of them instead."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.rule import Refusal
from hephaestus_rules.sqlalchemy_exists_over_count.chains import (
    Entity,
    column_at,
    count_in,
    is_outer,
    may_be_table,
    model_at,
)

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Link
    from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch

UNCLEAR: Final = Refusal(
    "unclear-entity", "which rows are counted cannot be seen: no mapped class stands in the query"
)
NULLS: Final = Refusal(
    "null-value", "count() leaves out NULL: it can be zero although there are rows"
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted: a row of *entity* each; *origin* is the ``select_from`` that names it."""

    entity: Entity
    origin: Link | None = None


def counted_of(module: Module, fetch: Fetch) -> Counted | Refusal:
    """Return the rows that the count of *fetch* counts."""
    call = count_in(module, fetch.count) if fetch.count is not None else None
    if call is None or call.keywords or len(call.args) > 1:
        return UNCLEAR
    argument = _without_distinct(module, call.args[0]) if call.args else None
    if argument is None or (isinstance(argument, ast.Constant) and argument.value is not None):
        return _of_origin(module, fetch)
    column = column_at(module, argument)
    if column is None:
        return UNCLEAR
    if column[1].nullable is not False or any(is_outer(one) for one in fetch.links):
        return NULLS
    return Counted(Entity(argument, column[0], column=True))


def _without_distinct(module: Module, node: ast.expr) -> ast.expr:
    """Return the column of ``distinct(column)``: it has a value where the column has one."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="distinct"), args=[], keywords=[]):
            return inner
        case ast.Call(func=function, args=[inner], keywords=[]) if (
            module.qualified_name(function) == "sqlalchemy.distinct"
        ):
            return inner
    return node


def _of_origin(module: Module, fetch: Fetch) -> Counted | Refusal:
    """Return what ``select_from`` names, else the one class that the conditions name."""
    links = [one for one in fetch.links if one.name == "select_from"]
    if not links:
        return _of_conditions(module, fetch)
    if len(links) != 1 or len(links[0].call.args) != 1:
        return UNCLEAR
    node = links[0].call.args[0]
    model = model_at(module, node)
    return UNCLEAR if model is None else Counted(Entity(node, model, column=False), links[0])


def _of_conditions(module: Module, fetch: Fetch) -> Counted | Refusal:
    if not fetch.names <= {"where", "filter"}:
        return UNCLEAR
    given = [one for link in fetch.links for one in link.call.args]
    parts = [part for one in given for part in ast.walk(one)]
    if any(may_be_table(module, part) for part in parts):
        return UNCLEAR
    named = [
        (one, model_at(module, one)) for one in parts if isinstance(one, ast.Name | ast.Attribute)
    ]
    found = {model.name: (one, model) for one, model in reversed(named) if model is not None}
    visible = all(_names_column(module, one) for one in given)
    if len(found) != 1 or not visible:
        return UNCLEAR
    ((node, model),) = found.values()
    return Counted(Entity(node, model, column=False))


def _names_column(module: Module, node: ast.expr) -> bool:
    """Say whether *node* is a condition that is built where it stands."""
    return not isinstance(node, ast.Name | ast.Starred) and any(
        column_at(module, one) is not None for one in ast.walk(node) if isinstance(one, ast.expr)
    )
