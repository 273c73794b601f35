"""Batches for loops inside loops: one for all rounds of the outer loop, where that is possible."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.batching.conditions import bounded, keyed
from hephaestus_codemods.kit.batching.effects import obstacle_in
from hephaestus_codemods.kit.batching.items import items_of
from hephaestus_codemods.kit.batching.keys import Inner, key_of
from hephaestus_codemods.kit.expressions import flat_text_of
from hephaestus_codemods.kit.loops import changed_in, is_readable, loop_around, runs_first
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.kit.batching.plans import Plan
    from hephaestus_codemods.kit.loops import Loop


def lifted(plan: Plan, whole: ast.expr, parts: tuple[ast.AST, ...]) -> Plan | None:
    """Return *plan* as it is before the loop around its loop; None where it has to stay inside.

    *whole* asks in the inner loop, *parts* are all that does.
    """
    inner = plan.loop
    outer = loop_around(inner.module, inner.node)
    if outer is None or plan.items.setup or not is_readable(inner.iterable):
        return None
    reached = key_of(inner.iterable, inner.iterable, outer)
    if isinstance(reached, Refusal) or not _is_the_same(plan, outer, whole, parts):
        return None
    items = items_of(outer)
    if isinstance(items, Refusal) or not runs_first(outer):
        return None
    obstacle = obstacle_in(outer, parts, plan.shape)
    if isinstance(obstacle, Refusal):
        return None
    over = Inner(
        inner.module.source.segment(inner.target),
        flat_text_of(inner.module, reached.node),
        plan.key.guards,
    )
    key = replace(plan.key, guards=reached.guards, inner=over)
    known = (keyed(plan.shape), obstacle, bounded(items), *plan.preconditions[3:])
    return replace(plan, loop=outer, key=key, items=items, preconditions=known)


def _is_the_same(plan: Plan, outer: Loop, whole: ast.expr, parts: tuple[ast.AST, ...]) -> bool:
    """Say whether the key depends on items alone, and the rest of the question on nothing."""
    inner = plan.loop
    if changed_in(outer, plan.key.node) is not None:
        return False
    late = outer.bound - outer.targets - inner.targets
    used = {one.id for one in ast.walk(plan.key.node) if isinstance(one, ast.Name)}
    for guard in plan.key.guards:
        used |= {one.id for one in ast.walk(ast.parse(guard)) if isinstance(one, ast.Name)}
    if used & late:
        return False
    of_key = {id(one) for one in ast.walk(plan.key.given)}
    names = [one for part in (whole, *parts) for one in ast.walk(part) if isinstance(one, ast.Name)]
    own = {one.id for one in names if isinstance(one.ctx, ast.Store)}
    return not any(
        one.id in outer.bound - own
        for one in names
        if id(one) not in of_key and isinstance(one.ctx, ast.Load)
    )
