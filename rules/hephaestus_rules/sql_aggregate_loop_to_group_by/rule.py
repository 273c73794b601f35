"""sql-aggregate-loop-to-group-by: let one GROUP BY count what a loop counts for each item."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.loops import Loop, loop_around, runs_first
from hephaestus_codemods.project.aggregates import Aggregate, Kind, aggregate_of
from hephaestus_codemods.project.queries import query_of
from hephaestus_codemods.rule import Finding, Refusal, Rule, Safety, Task, refuse
from hephaestus_rules.sql_aggregate_loop_to_group_by.rewrite import Plan, rewritten
from hephaestus_rules.sql_aggregate_loop_to_group_by.shapes import answered, shape_of_aggregate
from hephaestus_rules.sql_select_loop_to_batch.effects import obstacle_in
from hephaestus_rules.sql_select_loop_to_batch.forms import bounded, comparable, keyed, never_null
from hephaestus_rules.sql_select_loop_to_batch.items import items_of
from hephaestus_rules.sql_select_loop_to_batch.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options

#: Aggregates that are the same in whatever order rows come.
EXACT = frozenset({"count", "exists", "first", "max", "min"})
EXACT_TYPES = frozenset(
    """builtins.int decimal.Decimal sqlalchemy.Integer sqlalchemy.BigInteger sqlalchemy.SmallInteger
    sqlalchemy.Numeric sqlalchemy.DECIMAL""".split()
)
MESSAGES = {
    Kind.COUNT: "one COUNT for each item: let one GROUP BY count them all",
    Kind.VALUE: "one aggregate for each item: let one GROUP BY compute them all",
    Kind.EXISTS: "one question for each item whether rows exist: ask once which have some",
}


def find(module: Module, options: Options) -> Iterator[Finding]:  # it has none
    """Yield every aggregate that a loop asks for each item, or why it has to."""
    for aggregate, loop in aggregates_in_loops(module):
        planned = planned_for(aggregate, loop)
        node, base = aggregate.query.whole, _class_of(aggregate)
        if isinstance(planned, Refusal):
            yield refuse(node, planned.code, planned.message)
        else:
            yield Finding(
                node,
                MESSAGES[aggregate.kind],
                base,
                planned.preconditions,
                change=partial(rewritten, planned),
            )


def _class_of(aggregate: Aggregate) -> Safety:
    """Sums of floats may differ in their last digits when rows come in another order."""
    model, name = aggregate.table.model, aggregate.column
    column = model.column(name) if model is not None and name is not None else None
    is_exact = aggregate.name in EXACT or (column is not None and column.type_name in EXACT_TYPES)
    return Safety.SAFE if is_exact else Safety.REVIEW


def aggregates_in_loops(module: Module) -> list[tuple[Aggregate, Loop]]:
    """Return the aggregates that stand in a loop, each with the innermost loop around it."""
    found: list[tuple[Aggregate, Loop]] = []
    inner: set[ast.AST] = set()
    for node in module.nodes:
        if not isinstance(node, ast.Await | ast.Call) or node in inner:
            continue
        loop = loop_around(module, node)
        query = query_of(module, node) if loop is not None else None
        if loop is None or query is None:
            continue
        aggregate = aggregate_of(query) or answered(query)
        if aggregate is None:
            continue
        for part in (node, *query.steps):
            inner.update(one for one in ast.walk(part) if one is not node)
        found.append((aggregate, loop))
    return [one for one in found if one[0].query.whole not in inner]


def planned_for(aggregate: Aggregate, loop: Loop) -> Plan | Refusal:
    """Return how *aggregate* is asked once for all rounds of *loop*, or why it cannot be."""
    shape = shape_of_aggregate(aggregate, loop.varies)
    if isinstance(shape, Refusal):
        return shape
    query = aggregate.query
    key = key_of(query.whole, shape.key.value, loop)
    if isinstance(key, Refusal):
        return key
    given = never_null(loop, shape, key)
    if isinstance(given, Refusal):
        return given
    items = items_of(loop)
    if isinstance(items, Refusal):
        return items
    if not runs_first(loop):
        message = "the comprehension runs after other code of its statement, or not always"
        return Refusal("not-first", message)
    obstacle = obstacle_in(loop, (query.whole, *query.steps), shape)
    if isinstance(obstacle, Refusal):
        return obstacle
    agreed = comparable(loop, shape, given)
    if isinstance(agreed, Refusal):
        return agreed
    known = (keyed(shape), obstacle, bounded(items), agreed)
    return Plan(loop, aggregate, shape, given, items, known)


RULE = Rule(
    __name__,
    "Let one GROUP BY answer what a loop counts, sums or looks for by item",
    find,
    needles=((b"for ",), (b"count", b"exists", b"func.", b".first(")),
    tasks=(Task.API, Task.REPORT),
    after=("sql-select-loop-to-batch",),
)
