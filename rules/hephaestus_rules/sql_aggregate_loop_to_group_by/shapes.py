"""Which aggregates have an answer for many keys at once."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from hephaestus_codemods.project.aggregates import Aggregate, Kind
from hephaestus_codemods.project.queries import Gives
from hephaestus_codemods.rule import Refusal
from hephaestus_rules.sql_select_loop_to_batch.shapes import Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query


def shape_of_aggregate(aggregate: Aggregate, varies: Callable[[ast.AST], bool]) -> Shape | Refusal:
    """Return the question about the rows behind *aggregate*, or why it has none."""
    rows = replace(
        aggregate.query, selected=(aggregate.table,), gives=Gives.LIST, rows=False, strict=False
    )
    shape = shape_of(rows, varies)
    if isinstance(shape, Refusal):
        return shape
    if aggregate.kind is Kind.COUNT and aggregate.call is None and shape.query.links:
        names = ", ".join(link.name for link in shape.query.links)
        message = f"{names}: query.count() counts the rows of a subquery with it"
        return Refusal("counts-subquery", message)
    return shape


def answered(query: Query) -> Aggregate | None:
    """Return the question whether rows exist that ``first()`` stands for, by how it is used."""
    entity = query.selected[0] if query.selected and len(query.selected) == 1 else None
    if query.gives is not Gives.ONE_OR_NONE or entity is None or entity.model is None:
        return None
    if entity.model.is_unique(*(one.column.attribute for one in query.equals)):
        return None  # at most one row: it can be looked up
    if not _is_compared_with_none(query.module, query.whole):
        return None
    return Aggregate(query, Kind.EXISTS, replace(entity, column=None), name="first")


def _is_compared_with_none(module: Module, node: ast.expr) -> bool:
    match module.parents.get(node):
        case ast.Compare(
            left=left, ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]
        ):
            return left is node
    return False
