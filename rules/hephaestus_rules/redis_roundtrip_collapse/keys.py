"""Keys and other arguments: what gives the same when it is evaluated once instead of twice."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.kinds import STR
from hephaestus_codemods.project.values import Function
from hephaestus_codemods.project.variables import only_binding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.project.module import Module

#: Classes that only turn a value into another.
CONVERSIONS: Final = frozenset({"builtins.str", "builtins.int"})
#: Methods of text that give text.
TEXT_METHODS: Final = frozenset(
    "lower upper strip lstrip rstrip replace format encode decode removeprefix removesuffix".split()
)


def is_repeatable(module: Module, node: ast.expr) -> bool:
    """Say whether evaluating *node* once or twice in a row gives the same.

    Names, constants, attributes and items reached from a name, and text made of these:
    ``f"user:{uid}"``, ``PREFIX + str(uid)``. A call of the project counts when all that it does is
    to return such text.
    """
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Attribute(value=owner):
            return is_repeatable(module, owner)
        case ast.Subscript(value=owner, slice=index):
            return is_repeatable(module, owner) and is_repeatable(module, index)
        case ast.JoinedStr(values=parts) | ast.Tuple(elts=parts):
            return _are_repeatable(module, parts)
        case ast.FormattedValue(value=inner, format_spec=spec):
            return is_repeatable(module, inner) and (spec is None or is_repeatable(module, spec))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return _are_repeatable(module, (left, right))
        case ast.Call():
            given = (*node.args, *(one.value for one in node.keywords))
            return _are_repeatable(module, given) and _only_computes(module, node)
    return False


def _are_repeatable(module: Module, nodes: Iterable[ast.expr]) -> bool:
    return all(is_repeatable(module, one) for one in nodes)


def _only_computes(module: Module, call: ast.Call) -> bool:
    """Say whether a call with repeatable arguments does nothing but to return text."""
    if module.qualified_name(call.func) in CONVERSIONS:
        return True
    if isinstance(call.func, ast.Attribute) and call.func.attr in TEXT_METHODS:
        owner = call.func.value
        return module.kind(owner) == STR and is_repeatable(module, owner)
    called = value(module, call.func)
    if not isinstance(called, Function) or not isinstance(called.node, ast.FunctionDef):
        return False
    known = {"builtins.staticmethod", "builtins.classmethod"}
    if any(called.module.qualified_name(d) not in known for d in called.node.decorator_list):
        return False
    match [one for one in called.node.body if not _is_docstring(one)]:
        case [ast.Return(value=ast.expr() as returned)]:
            return not isinstance(returned, ast.Call) and is_repeatable(called.module, returned)
    return False


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def names_in(*nodes: ast.AST) -> frozenset[str]:
    """Return the names that *nodes* read or bind."""
    return frozenset(
        one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name)
    )


def may_be_stored(module: Module, node: ast.expr) -> bool:
    """Say whether this file assigns to an attribute in *node* elsewhere than where it is made."""
    found = (one for one in ast.walk(node) if isinstance(one, ast.Attribute))
    return any(
        getattr(module.function(store), "name", None) != "__init__"
        for one in found
        for store in module.stored_attributes.get(one.attr, ())
    )


def skeleton(module: Module, node: ast.expr) -> str | None:
    """Return the text of a key with ``*`` for what varies; None when nothing of it is known."""
    text = _skeleton(module, node)
    return text if text.strip("*") else None


def _skeleton(module: Module, node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_skeleton(module, part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _skeleton(module, left) + _skeleton(module, right)
        case ast.Name():
            binding = only_binding(module, node)
            if binding is not None and binding.value is not None:
                return _skeleton(module, binding.value)
            name = module.qualified_name(node)
            return "*" if name is None else f"<{name}>"
        case ast.Attribute() if module.qualified_name(node) is not None:
            return f"<{module.qualified_name(node)}>"
        case ast.Call(func=function):
            called = value(module, function)
            if isinstance(called, Function):
                return f"<{called.module.name}.{called.module.qualified_path(called.node)}>"
    return "*"
