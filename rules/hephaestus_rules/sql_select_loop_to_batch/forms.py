"""Chooses the form of a batch: filling the session, or a dictionary of answers by key."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.project.queries import Form, Gives
from hephaestus_codemods.project.variables import only_binding, reads_of
from hephaestus_codemods.rule import Established, Precondition, Refusal
from hephaestus_rules.sql_select_loop_to_batch.types import (
    UNCHANGING,
    Family,
    compares_exactly,
    family_of,
    key_family,
    may_be_none,
)

if TYPE_CHECKING:
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sql_select_loop_to_batch.items import Items
    from hephaestus_rules.sql_select_loop_to_batch.keys import Key
    from hephaestus_rules.sql_select_loop_to_batch.shapes import Shape


#: The code of keys and columns whose types are known to differ.
MISMATCH: Final = "other-type"


#: Functions that run over what they are given, once.
RUNNING_OVER: Final = frozenset(
    f"builtins.{name}"
    for name in ("list", "tuple", "set", "frozenset", "sorted", "sum", "min", "max", "any", "all")
)


class Batch(StrEnum):
    """What stands before the loop."""

    PREFETCH = "prefetch"
    """The objects are loaded into the session, where ``session.get`` finds them."""

    BY_KEY = "by key"
    """A dictionary from key to object, or value."""

    GROUPS = "groups"
    """A dictionary from key to the list of its rows."""


@dataclass(frozen=True)
class Plan:
    """All that the rewrite of a site needs."""

    loop: Loop
    shape: Shape
    key: Key
    items: Items
    batch: Batch
    preconditions: tuple[Precondition, ...]


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
    same = proved is not None and proved == _given_family(loop, shape, key)
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


def never_null(loop: Loop, shape: Shape, key: Key) -> Key | Refusal:
    """Return *key*, asked for only where it is no None.

    ``column == None`` finds the rows without a value, which no list of keys does.
    """
    if key.is_surely_given(loop):
        return key
    optional = may_be_none(loop.module, key.node)
    if optional is not False and shape.key.column.nullable is not False:
        column = shape.key.column.attribute
        message = f"{ast.unparse(key.node)} may be None: that finds the rows without {column}"
        return Refusal("null-key", message)
    return key.if_given(loop) if optional else key


def _given_family(loop: Loop, shape: Shape, key: Key) -> Family | None:
    """Return the family of the keys: as the loop has them, or as the function declares them."""
    here = key_family(loop.module, key.node)
    return here or key_family(shape.query.module, shape.key.value)


def keyed(shape: Shape) -> Precondition:
    """Say by which key each round asks."""
    column = f"{shape.key.model.name.rpartition('.')[2]}.{shape.key.column.attribute}"
    detail = f"{column} is unique" if shape.unique else f"all rows of one {column} are read"
    return Precondition("each item asks for one key", Established.PROVED, detail)


def bounded(items: Items) -> Precondition:
    """Say whether all keys fit into one statement."""
    name = "the database accepts all keys in one statement"
    if items.most is not None:
        return Precondition(name, Established.PROVED, f"there are {items.most} at the most")
    detail = "drivers allow 32,766 or more; how many items there are cannot be seen"
    return Precondition(name, Established.ASSUMED, detail)


def comparable(loop: Loop, shape: Shape, key: Key) -> Precondition | Refusal:
    """Say whether keys that are equal in the database are equal in Python."""
    name = "a key finds in the dictionary what it finds in the table"
    column = shape.key.column
    family = family_of(shape.query.module, column)
    given = _given_family(loop, shape, key)
    if family is None:
        message = f"{column.attribute} has a type whose values may be equal in other ways"
        return Refusal("key-type", message)
    if given is None and family is Family.TEXT and compares_exactly(loop.module) is not False:
        detail = f"{ast.unparse(key.node)} is likely to be text: it is of unknown type"
        return Precondition(name, Established.ASSUMED, detail)
    if given is None:
        message = f"the type of {ast.unparse(key.node)} is not known: 5 and '5' are one key there"
        return Refusal("key-type", message)
    if given is not family:
        return Refusal(MISMATCH, f"{column.attribute} holds {family}, and is asked for {given}")
    if family is not Family.TEXT:
        return Precondition(name, Established.PROVED, f"both are {family}")
    exact = compares_exactly(loop.module)
    if exact is False:
        return Refusal("caseless", "the database takes text as equal whatever its case")
    how = Established.PROVED if exact else Established.ASSUMED
    return Precondition(name, how, "both are text, compared case by case")
