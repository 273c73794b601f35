"""Writes the GROUP BY before the loop, and the look-up of its answer inside."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import comments_in, text_of
from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.aggregates import Kind
from hephaestus_codemods.rule import CannotEdit, Change, Edit
from hephaestus_rules.sql_select_loop_to_batch.rewrite import before_loop, collected, needed
from hephaestus_rules.sql_select_loop_to_batch.statement import Statement

if TYPE_CHECKING:
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.aggregates import Aggregate
    from hephaestus_codemods.rule import Precondition
    from hephaestus_rules.sql_select_loop_to_batch.items import Items
    from hephaestus_rules.sql_select_loop_to_batch.keys import Key
    from hephaestus_rules.sql_select_loop_to_batch.shapes import Shape

#: Names of what an aggregate gives.
NOUNS = {"count": "count", "sum": "total", "max": "latest", "min": "earliest", "avg": "average"}
LOOSE = (ast.Compare, ast.UnaryOp, ast.BinOp, ast.Attribute, ast.Subscript, ast.Await)


@dataclass(frozen=True)
class Plan:
    """All that the rewrite of a site needs."""

    loop: Loop
    aggregate: Aggregate
    shape: Shape
    key: Key
    items: Items
    preconditions: tuple[Precondition, ...]


def rewritten(plan: Plan) -> Change:
    """Return the change that makes *plan* true."""
    module, query = plan.loop.module, plan.aggregate.query
    for part in (query.whole, *query.steps):
        if comments_in(module, *module.source.span(part)):
            raise CannotEdit("a comment stands inside the query")
    asked = Statement(plan.shape, collected(plan.loop, plan.key, plan.items), plan.loop.place)
    name, value = _grouped(plan, asked)
    column = len(module.source.indent(module.source.span(plan.loop.place)[0]))
    text = f"{name} = {broken(value, column, len(name) + 3)}"
    edits = [*before_loop(plan.loop, plan.items, text), *_looked_up(plan, name)]
    for step in query.steps:
        edits += needed(delete_statement(module, step))
    return Change(tuple(edits), tuple(sorted(asked.imports)))


def _grouped(plan: Plan, asked: Statement) -> tuple[str, str]:
    """Return the name and the text of the answers by key."""
    column, noun = plan.shape.key.column.attribute, asked.noun
    key = f"{asked.entity}.{column}"
    if plan.aggregate.kind is Kind.EXISTS:
        name = asked.fresh(f"{plural(column)}_with_{plural(noun)}")
        sent = asked.sent(key, ".distinct()", rows=False)
        if asked.is_query:
            return name, f"{{{column} for ({column},) in {sent}}}"
        return name, f"set(({sent}).all())" if asked.query.is_async else f"set({sent})"
    is_count = plan.aggregate.kind is Kind.COUNT
    what = noun if is_count else plan.aggregate.column or noun
    name = asked.fresh(f"{what}_{plural(NOUNS[plan.aggregate.name])}_by_{column}")
    sent = asked.sent(f"{key}, {_computed(plan, asked)}", f".group_by({key})")
    sent = f"({sent})" if asked.query.is_async else sent
    return name, f"dict({sent}.all())"


def _computed(plan: Plan, asked: Statement) -> str:
    """Return the aggregate as it is written, or ``func.count()``."""
    source = plan.aggregate.query.source
    if plan.aggregate.call is None or not isinstance(source, ast.Call):
        return f"{asked.named('sqlalchemy.func')}.count()"
    return text_of(asked.module, source.args[0])


def _looked_up(plan: Plan, name: str) -> list[Edit]:
    module, whole = plan.loop.module, plan.aggregate.query.whole
    key = text_of(module, plan.key.given)
    start, end = module.source.span(whole)
    match plan.aggregate.kind:
        case Kind.COUNT:
            return [Edit(start, end, f"{name}.get({key}, 0)")]
        case Kind.VALUE:
            default = plan.aggregate.default
            other = f", {text_of(module, default)}" if default is not None else ""
            return [Edit(start, end, f"{name}.get({key}{other})")]
        case Kind.EXISTS:
            return [_membership(plan, name, key)]


def _membership(plan: Plan, name: str, key: str) -> Edit:
    """Return the edit that asks the set; ``first() is None`` goes whole."""
    module, whole = plan.loop.module, plan.aggregate.query.whole
    node: ast.expr = whole
    operator = "in"
    parent = module.parents.get(whole)
    if plan.aggregate.name == "first":
        assert isinstance(parent, ast.Compare)
        node, operator = parent, "not in" if isinstance(parent.ops[0], ast.Is) else "in"
    text = f"{key} {operator} {name}"
    around = module.parents.get(node)
    return Edit(*module.source.span(node), f"({text})" if isinstance(around, LOOSE) else text)
