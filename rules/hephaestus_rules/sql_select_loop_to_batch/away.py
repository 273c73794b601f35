"""Queries one call away: the loop calls a function of the project that asks for one key.

The function gets a sibling that asks for many; the loop calls it once, before the first round.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.batching.plans import Batch
from hephaestus_codemods.kit.batching.shapes import shape_of
from hephaestus_codemods.kit.batching.siblings import (
    Asked,
    Sibling,
    arguments_of,
    called_by,
    given_to,
    passed_to,
    with_await,
)
from hephaestus_codemods.kit.batching.writing import answered, before_loop, collected
from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import comments_in, text_of
from hephaestus_codemods.kit.loops import Loop, calls_in_loops
from hephaestus_codemods.kit.names import fresh_name
from hephaestus_codemods.project.aggregates import counts
from hephaestus_codemods.project.askers import asker_of, may_ask
from hephaestus_codemods.project.callgraph import resolve
from hephaestus_codemods.project.queries import query_of
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import CannotEdit, Change, Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.kit.batching.plans import Plan
    from hephaestus_codemods.kit.batching.shapes import Shape
    from hephaestus_codemods.project.module import Module


def asked_in_loops(module: Module) -> list[tuple[Asked, Loop]]:
    """Return the calls in loops, given something that changes, of functions that only ask."""
    found: list[tuple[Asked, Loop]] = []
    for call, loop in calls_in_loops(module):
        if not isinstance(call, ast.Call) or not may_ask(module, call):
            continue
        if not any(loop.varies(one) for one in given_to(call)):
            continue
        if query_of(module, call) is not None:
            continue
        function = resolve(module, call).function
        asker = asker_of(function.module, function.node) if function is not None else None
        if function is None or asker is None or counts(asker.query):
            continue
        arguments = arguments_of(call, asker)
        if arguments is not None:
            found.append((Asked(call, with_await(module, call), asker, arguments), loop))
    return found


def shape_asked(asked: Asked, loop: Loop) -> tuple[Shape, str] | Refusal:
    """Return the question behind a call, and the parameter that is its key."""
    varying = [name for name, node in asked.arguments.items() if loop.varies(node)]
    name = asked.asker.node.name
    if len(varying) != 1:
        message = f"{' and '.join(varying)} of {name}() change together"
        return Refusal("composite-key", message)
    awaited = asked.whole is not asked.call
    if awaited is not isinstance(asked.asker.node, ast.AsyncFunctionDef):
        return Refusal("not-awaited", f"{name}() is started here, and awaited elsewhere")
    parameter = varying[0]
    shape = shape_of(asked.asker.query, lambda node: asked.asker.mentions(node, parameter))
    if isinstance(shape, Refusal):
        return Refusal(shape.code, f"{name}(): {shape.message}")
    if not isinstance(shape.key.value, ast.Name):
        return Refusal("computed-key", f"{name}() computes the key from {parameter}")
    return shape, parameter


def rewritten_away(plan: Plan, asked: Asked, parameter: str) -> Change:
    """Return the change: a new function beside the one that is called, and one call of it."""
    loop, module = plan.loop, plan.loop.module
    if comments_in(module, *module.source.span(asked.whole)):
        raise CannotEdit("a comment stands inside the call")
    sibling = Sibling(plan, asked, parameter)
    addition = sibling.addition()
    name = fresh_name(module, sibling.answer, loop.place)
    wait = "await " if asked.whole is not asked.call else ""
    called, imports = called_by(asked, module, addition.name)
    keys = collected(loop, plan.key, plan.items)
    value = f"{wait}{called}({', '.join(passed_to(module, asked, parameter, keys))})"
    column = len(module.source.indent(module.source.span(loop.place)[0]))
    width = line_length(module.project, module.path)
    text = f"{name} = {broken(value, column, len(name) + 3, width)}"
    key = text_of(module, plan.key.given)
    found = f"{name}[{key}]" if plan.batch is Batch.GROUPS else f"{name}.get({key})"
    before = before_loop(loop, plan.items, text)
    edits = answered(loop, before, asked.whole, found, plan.items, width)
    return Change(tuple(edits), imports, additions=(addition,))
