"""Where a value is used only as a truth value or only as a number."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.project.variables import binding_of, reads_of

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


@dataclass(frozen=True, slots=True)
class Truth:
    """An expression that says whether there are rows, or, when *negated*, that there are none."""

    node: ast.expr
    negated: bool


def may_be_asked(module: Module, call: ast.Call) -> bool:
    """Say, by the code around it alone, whether less than all that *call* gives may be used."""
    parent = module.parents.get(call)
    node = parent if isinstance(parent, ast.Await) else call
    binding = binding_of(module, node)
    reads = reads_of(module, binding) if binding is not None else (node,)
    return bool(reads) and all(_may_ask(module, one) for one in reads or ())


def _may_ask(module: Module, node: ast.expr) -> bool:
    match module.parents.get(node):
        case ast.Call(func=ast.Name(id=name)):
            return name in ("len", "bool")
        case ast.Subscript(value=value):
            return value is node
        case ast.Compare():
            return True
    return is_condition(module, node)


def truth_of_number(module: Module, node: ast.expr) -> Truth | None:
    """Return the expression that asks no more of the number *node* than whether it is zero."""
    parent = module.parents.get(node)
    if isinstance(parent, ast.Compare):
        negated = _is_zero(parent, node)
        return None if negated is None else Truth(parent, negated)
    return truth_of_list(module, node)


def truth_of_list(module: Module, node: ast.expr) -> Truth | None:
    """Return the expression that asks no more of the list *node* than whether it is empty."""
    parent = module.parents.get(node)
    if isinstance(parent, ast.Call) and module.qualified_name(parent.func) == "builtins.bool":
        return Truth(parent, negated=False) if parent.args == [node] else None
    return Truth(node, negated=False) if is_condition(module, node) else None


def truth_of_first(module: Module, node: ast.expr) -> Truth | None:
    """Return the comparison of *node* with None."""
    parent = module.parents.get(node)
    if not isinstance(parent, ast.Compare) or len(parent.ops) != 1 or parent.left is not node:
        return None
    other = parent.comparators[0]
    if not (isinstance(other, ast.Constant) and other.value is None):
        return None
    if isinstance(parent.ops[0], ast.Is):
        return Truth(parent, negated=True)
    return Truth(parent, negated=False) if isinstance(parent.ops[0], ast.IsNot) else None


def is_condition(module: Module, node: ast.expr) -> bool:
    """Say whether only the truth of *node* matters at its place."""
    parent = module.parents.get(node)
    match parent:
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            return parent.test is node
        case ast.comprehension():
            return any(one is node for one in parent.ifs)
        case ast.match_case():
            return parent.guard is node
        case ast.BoolOp():
            return is_condition(module, parent)
    return False


def is_in_f_string(module: Module, node: ast.AST) -> bool:
    """Say whether *node* stands in an f-string, where older interpreters give no positions."""
    return any(isinstance(one, ast.JoinedStr) for one in module.ancestors(node))


def _is_zero(compare: ast.Compare, node: ast.expr) -> bool | None:
    """Say whether *compare* is true for zero and false for more; None when it is neither."""
    if len(compare.ops) != 1:
        return None
    other, op = compare.comparators[0], type(compare.ops[0])
    if other is node:
        other, op = compare.left, _MIRRORED.get(op, op)
    if not isinstance(other, ast.Constant) or type(other.value) is not int:
        return None
    return _ZERO.get((op, other.value))


_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}
_ZERO: dict[tuple[type[ast.cmpop], int], bool] = {
    (ast.Gt, 0): False,
    (ast.NotEq, 0): False,
    (ast.GtE, 1): False,
    (ast.Eq, 0): True,
    (ast.LtE, 0): True,
    (ast.Lt, 1): True,
}
