"""What has to hold of the keys before any loop is batched."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.types import (
    Family,
    compares_exactly,
    family_of,
    key_family,
    may_be_none,
)
from hephaestus_codemods.rule import Established, Precondition, Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.kit.batching.items import Items
    from hephaestus_codemods.kit.batching.keys import Key
    from hephaestus_codemods.kit.batching.shapes import Shape
    from hephaestus_codemods.kit.loops import Loop


#: The code of keys and columns whose types are known to differ.
MISMATCH: Final = "other-type"


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


def given_family(loop: Loop, shape: Shape, key: Key) -> Family | None:
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
    given = given_family(loop, shape, key)
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
