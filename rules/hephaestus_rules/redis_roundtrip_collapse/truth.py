"""Where only the truth of a value matters, and how to say so where more does."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.expressions import wrap
from hephaestus_codemods.project.variables import reads_of
from hephaestus_codemods.rule import CannotEdit

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Edit
    from hephaestus_rules.redis_roundtrip_collapse.commands import Held


def is_condition(module: Module, node: ast.expr) -> bool:
    """Say whether only the truth of *node* matters at its place."""
    parent = module.parents.get(node)
    match parent:
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            return parent.test is node
        case ast.BoolOp():
            return is_condition(module, parent)
    return False


def as_bool(module: Module, held: Held) -> tuple[Edit, ...]:
    """Return the edits that keep the result of ``setnx`` a bool, where it is seen as one.

    ``set(nx=True)`` gives None where ``setnx`` gives False.
    """
    if held.name is None or _only_asked(module, held):
        return ()
    if module.scopes.lookup("bool", held.command.whole) is not None:
        raise CannotEdit("the name bool has another meaning here")
    return wrap(module, held.command.whole, "bool(", ")")


def _only_asked(module: Module, held: Held) -> bool:
    """Say whether every read of the variable asks for its truth only."""
    target = getattr(held.statement, "target", None) or held.statement.targets[0]  # type: ignore[attr-defined]
    found = module.scopes.lookup(target.id, target)
    if found is None or len(found[1]) != 1:
        return False
    reads = reads_of(module, found[1][0])
    return reads is not None and all(is_condition(module, one) for one in reads)
