"""sql-select-loop-to-batch: ask once for all rows that a loop asks for one by one."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.batching.apart import apart
from hephaestus_codemods.kit.batching.effects import obstacle_in
from hephaestus_codemods.kit.batching.items import items_of
from hephaestus_codemods.kit.batching.keys import key_of
from hephaestus_codemods.kit.batching.shapes import Shape, shape_of
from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.kit.expressions import same_expression
from hephaestus_codemods.kit.loops import Loop, calls_in_loops, runs_first
from hephaestus_codemods.project.aggregates import counts
from hephaestus_codemods.project.glance import may_ask_in_a_loop, names_that_ask
from hephaestus_codemods.project.nodes import Function
from hephaestus_codemods.project.queries import Form, Query, query_of, selected_at
from hephaestus_codemods.rule import Finding, Refusal, Rule, Safety, Task, refuse
from hephaestus_rules.sql_select_loop_to_batch.away import (
    asked_in_loops,
    rewritten_away,
    shape_asked,
)
from hephaestus_rules.sql_select_loop_to_batch.forms import plan_of
from hephaestus_rules.sql_select_loop_to_batch.lifting import lifted
from hephaestus_rules.sql_select_loop_to_batch.rewrite import rewritten
from hephaestus_rules.sql_select_loop_to_batch.texts import texts_in_loops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.kit.batching.plans import Plan
    from hephaestus_codemods.kit.batching.siblings import Asked
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options

MESSAGE = "one statement for each item: ask for all of them before the loop"


def find(module: Module, options: Options) -> Iterator[Finding]:  # it has none
    """Yield every query that a loop sends for each item: with its batch, or why it has none."""
    found = [
        (_here(query, loop), loop)
        for query, loop in queries_in_loops(module)
        if not is_prefetched(query, loop)
    ]
    found += [(_away(asked, loop), loop) for asked, loop in asked_in_loops(module)]
    for finding, loop in found:
        around = set(module.ancestors(loop.node))
        outer = [one.change for one, other in found if other.node in around and one.change]
        if finding.change is None or not outer:
            yield finding
        else:
            yield replace(finding, change=partial(apart, finding.change, loop, outer))
    for call, why in texts_in_loops(module):
        yield refuse(call, why.code, why.message)


def _here(query: Query, loop: Loop) -> Finding:
    planned = planned_here(query, loop)
    if isinstance(planned, Refusal):
        return refuse(query.whole, planned.code, planned.message)
    change = partial(rewritten, planned)
    return Finding(query.whole, MESSAGE, Safety.SAFE, planned.preconditions, change=change)


def _away(asked: Asked, loop: Loop) -> Finding:
    found = shape_asked(asked, loop)
    if isinstance(found, Refusal):
        return refuse(asked.whole, found.code, found.message)
    shape, parameter = found
    planned = planned_for(shape, loop, asked.whole, asked.arguments[parameter], (asked.whole,))
    if isinstance(planned, Refusal):
        return refuse(asked.whole, planned.code, planned.message)
    change = partial(rewritten_away, planned, asked, parameter)
    return Finding(asked.whole, MESSAGE, Safety.SAFE, planned.preconditions, change=change)


def queries_in_loops(module: Module) -> list[tuple[Query, Loop]]:
    """Yield the queries that stand in a loop, each with the innermost loop around it."""
    found: list[tuple[Query, Loop]] = []
    inner: set[ast.AST] = set()
    for node, loop in calls_in_loops(module):
        query = query_of(module, node) if node not in inner else None
        if query is None or counts(query):
            continue
        for part in (node, *query.steps):
            inner.update(one for one in ast.walk(part) if one is not node)
        found.append((query, loop))
    return [one for one in found if one[0].whole not in inner]


def is_prefetched(query: Query, loop: Loop) -> bool:
    """Say whether the objects that ``session.get`` looks up were loaded just before the loop."""
    if query.form is not Form.GET:
        return False
    key, module = query.equals[0], loop.module
    wanted = key_of(query.whole, key.value, loop)
    if isinstance(wanted, Refusal):
        return False
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "in_"
        and (found := selected_at(module, node.func.value)) is not None
        and (found.model, found.column) == (key.model, key.column)
        and any(_holds(one, wanted.node, loop) for one in node.args)
        for statement in _before(module, loop.place)
        for node in ast.walk(statement)
    )


def _holds(keys: ast.expr, key: ast.expr, loop: Loop) -> bool:
    """Say whether *keys* are those that *key* takes in *loop*."""
    if any(same_expression(one, key) for one in ast.walk(keys)):
        return True
    if not isinstance(key, ast.Name) or key.id not in loop.targets:
        return False
    names = {one.id for one in ast.walk(loop.iterable) if isinstance(one, ast.Name)}
    read = {one.id for one in ast.walk(keys) if isinstance(one, ast.Name)}
    return bool(read & names) or same_expression(keys, loop.iterable)


def _before(module: Module, place: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the statements before *place* in its block, and in the loops around it."""
    for around in (place, *module.ancestors(place)):
        if isinstance(around, Function):
            return
        block = block_of(module, around) if isinstance(around, ast.stmt) else None
        if block is not None and (around is place or isinstance(around, ast.For)):
            yield from block[: next(n for n, one in enumerate(block) if one is around)]


def planned_here(query: Query, loop: Loop) -> Plan | Refusal:
    """Return how *query* is asked once for all rounds of *loop*, or why it cannot be."""
    shape = shape_of(query, loop.varies)
    if isinstance(shape, Refusal):
        return shape
    return planned_for(shape, loop, query.whole, shape.key.value, (query.whole, *query.steps))


def planned_for(
    shape: Shape, loop: Loop, whole: ast.expr, given: ast.expr, parts: tuple[ast.AST, ...]
) -> Plan | Refusal:
    """Return how *shape* is asked once; in the loop *whole* asks it for the key *given*.

    *parts* are the statements and expressions that do so.
    """
    key = key_of(whole, given, loop)
    if isinstance(key, Refusal):
        return key
    obstacle = obstacle_in(loop, parts, shape)
    if isinstance(obstacle, Refusal):
        return obstacle
    items = items_of(loop)
    if isinstance(items, Refusal):
        return items
    if not runs_first(loop):
        message = "the comprehension runs after other code of its statement, or not always"
        return Refusal("not-first", message)
    plan = plan_of(loop, shape, key, items, obstacle, whole)
    return plan if isinstance(plan, Refusal) else lifted(plan, whole, parts) or plan


RULE = Rule(
    __name__,
    "Ask once for all rows that a loop asks for one by one",
    find,
    needles=((b"for ",),),
    tell=names_that_ask,
    worth=may_ask_in_a_loop,
    tasks=(Task.API, Task.REPORT, Task.CHAT),
)
