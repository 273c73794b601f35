"""sql-aggregate-loop-to-group-by: let one GROUP BY count what a loop counts for each item."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.apart import apart
from hephaestus_codemods.kit.batching.conditions import bounded, comparable, keyed, never_null
from hephaestus_codemods.kit.batching.effects import obstacle_in
from hephaestus_codemods.kit.batching.items import items_of
from hephaestus_codemods.kit.batching.keys import key_of
from hephaestus_codemods.kit.loops import Loop, calls_in_loops, runs_first
from hephaestus_codemods.project.aggregates import Aggregate, Kind
from hephaestus_codemods.project.glance import names_that_ask
from hephaestus_codemods.project.queries import query_of
from hephaestus_codemods.rule import Finding, Refusal, Rule, Safety, Task, refuse
from hephaestus_rules.sql_aggregate_loop_to_group_by.away import (
    Counted,
    counted_in_loops,
    question_asked,
    rewritten_away,
    same_values,
)
from hephaestus_rules.sql_aggregate_loop_to_group_by.defaults import (
    Number,
    default_of,
    number_of,
)
from hephaestus_rules.sql_aggregate_loop_to_group_by.glance import may_count_in_a_loop
from hephaestus_rules.sql_aggregate_loop_to_group_by.related import (
    Related,
    preconditions_of,
    related_in_loops,
    rewritten_related,
)
from hephaestus_rules.sql_aggregate_loop_to_group_by.rewrite import Plan, rewritten
from hephaestus_rules.sql_aggregate_loop_to_group_by.shapes import Question, question_of
from hephaestus_rules.sql_aggregate_loop_to_group_by.uses import Use, use_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Change, Options, Precondition

#: Aggregates that add numbers: where those are floats, the order of the rows shows.
ADDING: Final = frozenset({"sum", "avg"})
MESSAGES: Final = {
    Kind.COUNT: "one COUNT for each item: let one GROUP BY count them all",
    Kind.VALUE: "one aggregate for each item: let one GROUP BY compute them all",
    Kind.EXISTS: "one question for each item whether rows exist: ask once which have some",
}


def find(module: Module, options: Options) -> Iterator[Finding]:  # it has none
    """Yield every aggregate that a loop asks for each item, or why it has to."""
    found = [(_here(use, loop), loop) for use, loop in uses_in_loops(module)]
    found += [(_away(counted, loop), loop) for counted, loop in counted_in_loops(module)]
    found += [(_related(node, one), loop) for node, loop, one in related_in_loops(module)]
    for finding, loop in found:
        around = set(module.ancestors(loop.node))
        outer = [one.change for one, other in found if other.node in around and one.change]
        if finding.change is None or not outer:
            yield finding
        else:
            yield replace(finding, change=partial(apart, finding.change, loop, outer))


def _here(use: Use, loop: Loop) -> Finding:
    planned = planned_here(use, loop)
    if isinstance(planned, Refusal):
        return refuse(use.node, planned.code, planned.message)
    return _finding(planned, partial(rewritten, planned))


def _away(counted: Counted, loop: Loop) -> Finding:
    asked, found = counted.asked, question_asked(counted, loop)
    if isinstance(found, Refusal):
        return refuse(asked.whole, found.code, found.message)
    question, parameter, attribute = found
    given, parts = asked.arguments[parameter], (asked.whole,)
    planned = planned_for(counted.use, question, loop, asked.whole, given, parts, attribute)
    if isinstance(planned, Refusal):
        return refuse(asked.whole, planned.code, planned.message)
    return _finding(planned, partial(rewritten_away, planned, asked, parameter))


def _related(node: ast.expr, found: Related | Refusal) -> Finding:
    known = preconditions_of(found) if isinstance(found, Related) else found
    if isinstance(found, Refusal) or isinstance(known, Refusal):
        refusal = found if isinstance(found, Refusal) else known
        assert isinstance(refusal, Refusal)
        return refuse(node, refusal.code, refusal.message)
    items, preconditions = known
    change = partial(rewritten_related, found, items)
    return Finding(node, MESSAGES[found.kind], Safety.SAFE, preconditions, change=change)


def _finding(plan: Plan, change: Callable[[], Change]) -> Finding:
    aggregate = plan.use.aggregate
    message, base = MESSAGES[aggregate.kind], _class_of(aggregate)
    return Finding(plan.node, message, base, plan.preconditions, change=change)


def _class_of(aggregate: Aggregate) -> Safety:
    """Sums of floats may differ in their last digits when rows come in another order."""
    if aggregate.parts:
        return max(map(_class_of, aggregate.parts), key=lambda one: one.rank)
    if aggregate.name not in ADDING or number_of(aggregate) in (Number.INT, Number.DECIMAL):
        return Safety.SAFE
    return Safety.REVIEW


def uses_in_loops(module: Module) -> list[tuple[Use, Loop]]:
    """Return the aggregates that stand in a loop, each with the innermost loop around it."""
    found: list[tuple[Use, Loop]] = []
    inner: set[ast.AST] = set()
    for node, loop in calls_in_loops(module):
        query = query_of(module, node) if node not in inner else None
        use = use_of(query) if query is not None else None
        if query is None or use is None:
            continue
        for part in (node, *query.steps):
            inner.update(one for one in ast.walk(part) if one is not node)
        found.append((use, loop))
    return [one for one in found if one[0].aggregate.query.whole not in inner]


def planned_here(use: Use, loop: Loop) -> Plan | Refusal:
    """Return how *use* is answered once for all rounds of *loop*, or why it cannot be."""
    question = question_of(use.aggregate, loop.varies)
    if isinstance(question, Refusal):
        return question
    query, given = use.aggregate.query, question.shape.key.value
    return planned_for(use, question, loop, use.node, given, (query.whole, *query.steps))


def planned_for(
    use: Use,
    question: Question,
    loop: Loop,
    node: ast.expr,
    given: ast.expr,
    parts: tuple[ast.AST, ...],
    attribute: str = "",
) -> Plan | Refusal:
    """Return how *question* is answered once; in the loop *node* asks it for the key *given*.

    *parts* are the statements and expressions that do so. *attribute* is what is read of *given*.
    """
    module, shape = loop.module, question.shape
    if any(isinstance(one, ast.JoinedStr) for one in module.ancestors(node)):
        message = "the query stands in an f-string: give its result a name first"
        return Refusal("in-f-string", message)
    key = key_of(parts[0], given, loop)  # type: ignore[arg-type]  # the expression comes first
    if isinstance(key, Refusal):
        return key
    key = never_null(loop, shape, key) if not attribute else key
    if isinstance(key, Refusal):
        return key
    items = items_of(loop)
    if isinstance(items, Refusal):
        return items
    if not runs_first(loop):
        message = "the comprehension runs after other code of its statement, or not always"
        return Refusal("not-first", message)
    obstacle = _obstacle(loop, question, parts)
    if isinstance(obstacle, Refusal):
        return obstacle
    parts_of_row = use.aggregate.parts or (use.aggregate,)
    found = [default_of(one) if one.default is not None else None for one in parts_of_row]
    unclear = next((one for one in found if isinstance(one, Refusal)), None)
    if unclear is not None:
        return unclear
    defaults = tuple(one for one in found if not isinstance(one, Refusal))
    plan = Plan(loop, use, node, question, key, items, defaults, (), attribute)
    agreed = same_values(plan) if attribute else comparable(loop, shape, key)
    if isinstance(agreed, Refusal):
        return agreed
    known = [keyed(shape), obstacle, bounded(items), agreed]
    known += [one.known for one in defaults if one is not None]
    return replace(plan, preconditions=tuple(known))


def _obstacle(loop: Loop, question: Question, parts: tuple[ast.AST, ...]) -> Refusal | Precondition:
    """Return why the rows of some table must be looked at in each round, or that they need not."""
    shape = question.shape
    found: Refusal | Precondition = obstacle_in(loop, parts, shape)
    for model in question.tables:
        if isinstance(found, Refusal) or model == shape.key.model:
            continue
        found = obstacle_in(loop, parts, replace(shape, key=replace(shape.key, model=model)))
    return found


RULE = Rule(
    __name__,
    "Let one GROUP BY answer what a loop counts, sums or looks for by item",
    find,
    needles=((b"for ",),),  # the query may stand in another file
    tell=names_that_ask,
    worth=may_count_in_a_loop,
    tasks=(Task.API, Task.REPORT),
    after=("sql-select-loop-to-batch",),
)
