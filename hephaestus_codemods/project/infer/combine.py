"""How values of alternatives are combined: all must agree, and unknown stays unknown."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.project.values import CIRCULAR, Circular, Instance, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from hephaestus_codemods.project.module import Module


def settle(module: Module, key: Hashable, work_out: Callable[[], Value | None]) -> Value | None:
    """Answer the question *key* once; an answer that depends on itself must confirm itself."""
    answers = module.project.memo.values
    return answers.settle(key, work_out, CIRCULAR, None, check=True)


def is_none_literal(node: ast.expr) -> bool:
    """Say whether *node* is ``None`` as it is written."""
    return isinstance(node, ast.Constant) and node.value is None


def agreed(values: Iterable[Value | None]) -> Value | None:
    """Return the one value that all alternatives have, else None."""
    found: Value | None = None
    circular = False
    for one in values:
        if one is None:
            return None
        if isinstance(one, Circular):
            circular = True
        elif found is None:
            found = one
        elif found != one:
            found = _without_differing_args(found, one)
            if found is None:
                return None
    return CIRCULAR if found is None and circular else found


def _without_differing_args(one: Value, other: Value) -> Value | None:
    """Two lists of different things are still lists."""
    if isinstance(one, Instance) and isinstance(other, Instance) and one.of == other.of:
        return Instance(one.of)
    return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of the keyword *name* of a call, if it is given."""
    return next((one.value for one in call.keywords if one.arg == name), None)
