"""Chooses the form of a batch: filling the session, or a dictionary of answers by key."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.conditions import (
    MISMATCH,
    bounded,
    comparable,
    given_family,
    keyed,
    never_null,
)
from hephaestus_codemods.kit.batching.plans import Batch, Plan
from hephaestus_codemods.kit.batching.types import (
    UNCHANGING,
    family_of,
)
from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.project.queries import Form, Gives
from hephaestus_codemods.project.variables import only_binding, reads_of
from hephaestus_codemods.rule import Precondition, Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.kit.batching.items import Items
    from hephaestus_codemods.kit.batching.keys import Key
    from hephaestus_codemods.kit.batching.shapes import Shape
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.module import Module


#: Functions that run over what they are given, once.
RUNNING_OVER: Final = frozenset(
    f"builtins.{name}"
    for name in ("list", "tuple", "set", "frozenset", "sorted", "sum", "min", "max", "any", "all")
)


def plan_of(
    loop: Loop, shape: Shape, key: Key, items: Items, unwritten: Precondition, whole: ast.expr
) -> Plan | Refusal:
    """Return the plan of a batch, or why no form of it is right; in the loop *whole* asks."""
    batch = _batch(loop, shape, key)
    if isinstance(batch, Refusal):
        return batch
    if shape.query.gives is Gives.RESULT and not is_run_over_once(loop.module, whole):
        return Refusal("result-used", "its result is used in other ways than in a loop")
    given = never_null(loop, shape, key)
    if isinstance(given, Refusal):
        return given
    known = [keyed(shape), unwritten, bounded(items)]
    agreed = comparable(loop, shape, key)
    if batch is not Batch.PREFETCH:
        if isinstance(agreed, Refusal):
            return agreed
        known.append(agreed)
    elif isinstance(agreed, Refusal) and agreed.code == MISMATCH:
        return agreed
    return Plan(loop, shape, given, items, batch, tuple(known))


def _batch(loop: Loop, shape: Shape, key: Key) -> Batch | Refusal:
    query = shape.query
    column = shape.selected.column
    if column is not None and column.type_name not in UNCHANGING:
        message = f"values of {column.attribute} can be changed: two rounds would share one"
        return Refusal("shared-values", message)
    if query.gives in (Gives.LIST, Gives.RESULT):
        return Batch.GROUPS
    if not shape.unique:
        message = f"several rows may have one {shape.key.column.attribute}: which is the first?"
        return Refusal("first-of-many", message)
    proved = family_of(shape.query.module, shape.key.column)
    same = proved is not None and proved == given_family(loop, shape, key)
    is_here = any(one is query.whole for one in ast.walk(loop.node))
    if query.gives is Gives.ONE:
        message = "it raises when there is no row: that has to happen in the loop, as today"
        return Batch.PREFETCH if is_here else Refusal("must-raise", message)
    if not is_here:  # one call away: what that function does stays as it is
        return Batch.BY_KEY
    if shape.is_whole and shape.is_by_primary_key and (query.form is Form.GET or not same):
        return Batch.PREFETCH
    return Batch.BY_KEY


def is_run_over_once(module: Module, node: ast.expr) -> bool:
    """Say whether *node* is only run over, so that a list can take its place."""
    parent = module.parents.get(node)
    match parent:
        case ast.For(iter=given) | ast.comprehension(iter=given):
            return given is node
        case ast.Call(func=ast.Name() as func):
            return module.qualified_name(func) in RUNNING_OVER
        case ast.Call(func=ast.Attribute(attr="extend" | "join" | "update")):
            return True
        case ast.Starred():
            return True
        case ast.Assign(targets=[ast.Name() as target]):
            binding = only_binding(module, target)
            reads = reads_of(module, binding) if binding is not None else None
            if reads is None or len(reads) != 1:
                return False
            block = block_of(module, module.statement(reads[0]))
            return block == block_of(module, parent) and is_run_over_once(module, reads[0])
    return False
