"""sql-select-loop-to-batch: ask once for all rows that a loop asks for one by one."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.kit.loops import Loop, loop_around, runs_first
from hephaestus_codemods.project.queries import Form, Gives, Query, query_of, selected_at
from hephaestus_codemods.rule import Finding, Refusal, Rule, Safety, Task, refuse
from hephaestus_rules.sql_select_loop_to_batch.effects import obstacle_in
from hephaestus_rules.sql_select_loop_to_batch.forms import Plan, plan_of
from hephaestus_rules.sql_select_loop_to_batch.items import items_of
from hephaestus_rules.sql_select_loop_to_batch.keys import key_of
from hephaestus_rules.sql_select_loop_to_batch.rewrite import rewritten
from hephaestus_rules.sql_select_loop_to_batch.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options

MESSAGE = "one statement for each item: ask for all of them before the loop"


def find(module: Module, options: Options) -> Iterator[Finding]:  # it has none
    """Yield every query that a loop sends for each item: with its batch, or why it has none."""
    for query, loop in queries_in_loops(module):
        if is_prefetched(query, loop):
            continue
        planned = planned_for(query, loop)
        if isinstance(planned, Refusal):
            yield refuse(query.whole, planned.code, planned.message)
        else:
            yield Finding(
                query.whole,
                MESSAGE,
                Safety.SAFE,
                planned.preconditions,
                change=partial(rewritten, planned),
            )


def queries_in_loops(module: Module) -> list[tuple[Query, Loop]]:
    """Yield the queries that stand in a loop, each with the innermost loop around it."""
    found: list[tuple[Query, Loop]] = []
    inner: set[ast.AST] = set()
    for node in module.nodes:
        if not isinstance(node, ast.Await | ast.Call) or node in inner:
            continue
        loop = loop_around(module, node)
        query = query_of(module, node) if loop is not None else None
        if loop is None or query is None or query.gives is Gives.NUMBER:
            continue
        for part in (node, *query.steps):
            inner.update(one for one in ast.walk(part) if one is not node)
        found.append((query, loop))
    return [one for one in found if one[0].whole not in inner]


def is_prefetched(query: Query, loop: Loop) -> bool:
    """Say whether the objects that ``session.get`` looks up were loaded just before the loop."""
    block = block_of(loop.module, loop.place)
    if query.form is not Form.GET or block is None:
        return False
    key = query.equals[0]
    before = block[: next(n for n, one in enumerate(block) if one is loop.place)]
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "in_"
        and (found := selected_at(loop.module, node.value)) is not None
        and (found.model, found.column) == (key.model, key.column)
        for statement in before
        for node in ast.walk(statement)
    )


def planned_for(query: Query, loop: Loop) -> Plan | Refusal:
    """Return how *query* is asked once for all rounds of *loop*, or why it cannot be."""
    shape = shape_of(query, loop)
    if isinstance(shape, Refusal):
        return shape
    key = key_of(query, loop, shape)
    if isinstance(key, Refusal):
        return key
    items = items_of(loop)
    if isinstance(items, Refusal):
        return items
    if not runs_first(loop):
        message = "the comprehension runs after other code of its statement, or not always"
        return Refusal("not-first", message)
    obstacle = obstacle_in(loop, query, shape)
    if isinstance(obstacle, Refusal):
        return obstacle
    return plan_of(loop, shape, key, items, obstacle)


RULE = Rule(
    __name__,
    "Ask once for all rows that a loop asks for one by one",
    find,
    needles=(
        (b"for ",),
        (b".get(", b".first(", b"one_or_none(", b".all(", b".scalar", b".execute(", b".exec("),
    ),
    tasks=(Task.API, Task.REPORT, Task.CHAT),
)
