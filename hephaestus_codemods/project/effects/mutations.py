"""Which objects a function changes that others can see, and through which variable."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.callgraph import (
    LOOPS,
    STRAIGHT,
    first_parameter,
    is_made_by,
    resolve,
)
from hephaestus_codemods.project.effects.model import Root
from hephaestus_codemods.project.infer import name_of, value
from hephaestus_codemods.project.nodes import Function as FunctionNode
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.values import Class, ProjectModule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding
    from hephaestus_codemods.project.values import Function

MUTATORS: Final = frozenset(
    """append extend insert remove pop clear sort reverse update setdefault popitem add discard
    appendleft popleft extendleft rotate move_to_end subtract intersection_update
    difference_update symmetric_difference_update __setitem__ __delitem__""".split()
)
CONTAINERS: Final = frozenset(
    """builtins.list builtins.dict builtins.set builtins.bytearray collections.deque
    collections.defaultdict collections.OrderedDict collections.Counter
    typing.MutableMapping""".split()
)
SETTERS: Final = frozenset({"builtins.setattr", "builtins.delattr", "builtins.object.__setattr__"})
FRESH: Final = (
    ast.List,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.DictComp,
    ast.SetComp,
    ast.GeneratorExp,
    ast.Tuple,
    ast.Constant,
    ast.JoinedStr,
    ast.BinOp,
    ast.Compare,
    ast.Lambda,
)
#: Longer paths into an object are cut here, so that recursion comes to an end.
MAX_PARTS: Final = 3
MAX_STEPS: Final = 20
LOADED_ROOT: Final = "()"


@dataclass(frozen=True, slots=True)
class Target:
    """What is changed: the variable behind it and the way from there, ``user.orders``."""

    root: Root
    text: str


#: What callers are told of an object that came out of a call inside: they cannot name it.
LOADED: Final = Target(Root(None, LOADED_ROOT), "an object that it loads")


def changes(module: Module, node: ast.AST, outer: frozenset[str]) -> Iterator[Target]:
    """Yield what the node itself changes, of objects that did not start with this call.

    *outer* are the names that the function declares ``global`` or ``nonlocal``.
    """
    for target in _changed(module, node, outer):
        found = target_of(module, target)
        if found is not None:
            yield found


def _changed(module: Module, node: ast.AST, outer: frozenset[str]) -> Iterator[ast.expr]:
    match node:
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del())
        ):
            yield node
        case ast.Name(ctx=ast.Store() | ast.Del(), id=name) if name in outer:
            yield node
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in MUTATORS:
            found = resolve(module, node)
            unknown = found.unknown is not None and not found.functions
            if unknown or any(one.rpartition(".")[0] in CONTAINERS for one in found.libraries):
                yield ast.copy_location(_element(owner), owner)
        case ast.Call(args=[target, *_]) if any(
            one in SETTERS for one in resolve(module, node).libraries
        ):
            yield ast.Attribute(target, "*", ast.Store())


def _element(owner: ast.expr) -> ast.expr:
    """Return a node that stands for what is inside *owner*."""
    return ast.Subscript(owner, ast.Constant(None), ast.Store())


def target_of(module: Module, node: ast.expr, steps: int = 0) -> Target | None:
    """Return the variable behind *node*; None for an object that this function made."""
    if steps > MAX_STEPS:
        return None
    match node:
        case ast.Attribute(value=owner, attr=attr):
            found = target_of(module, owner, steps + 1)
            return Target(found.root, joined(found.text, f".{attr}")) if found else None
        case ast.Subscript(value=owner):
            found = target_of(module, owner, steps + 1)
            return Target(found.root, joined(found.text, "[]")) if found else None
        case ast.Name():
            return _of_name(module, node, steps)
        case ast.Call():
            return _of_call(module, node, steps)
        case ast.Await(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            return target_of(module, inner, steps + 1)
        case ast.IfExp(body=one, orelse=other):
            return target_of(module, one, steps + 1) or target_of(module, other, steps + 1)
        case ast.BoolOp(values=parts):
            found_parts = (target_of(module, one, steps + 1) for one in parts)
            return next((one for one in found_parts if one is not None), None)
    return None


def joined(text: str, part: str) -> str:
    """Return the way *text* with one more *part*, cut where it becomes too long."""
    if text.endswith("..."):
        return text
    if text.count(".") + text.count("[") >= MAX_PARTS:
        return f"{text}..."
    return text + part


def _of_name(module: Module, node: ast.Name, steps: int) -> Target | None:
    found = module.scopes.lookup(node.id, node)
    if found is None:
        return None
    scope, bindings = found
    if scope is module.tree:
        return _of_global(module, node)
    if any(one.kind is BindingKind.PARAMETER for one in bindings):
        return Target(Root(scope, node.id), node.id)
    here = module.scopes.scope(node)
    if (
        scope is not here
        and isinstance(scope, FunctionNode)
        and not _is_within(module, here, scope)
    ):
        return Target(Root(scope, node.id), node.id)
    if len(bindings) != 1:
        return _of_many(module, node, bindings, steps)
    return _of_binding(module, bindings[0], steps)


def _is_within(module: Module, scope: ast.AST, owner: ast.AST) -> bool:
    """Say whether *scope* is a comprehension of the function *owner*, not a function in it."""
    around: ast.AST | None = scope
    while around is not None and around is not owner:
        if isinstance(around, FunctionNode):
            return False
        around = module.scopes.outer(around)
    return True


def _of_global(module: Module, node: ast.Name) -> Target:
    found = value(module, node)
    if isinstance(found, ProjectModule):
        return Target(Root(None, found.module.name), found.module.name)
    if isinstance(found, Class):
        return Target(Root(None, found.name), found.name)
    name = module.qualified_name(node) or f"{module.name}.{node.id}"
    return Target(Root(None, name), name)


def _of_many(module: Module, node: ast.Name, bindings: list[Binding], steps: int) -> Target | None:
    targets = [_of_binding(module, one, steps) for one in bindings]
    return next((one for one in targets if one is not None), None)


def _of_binding(module: Module, binding: Binding, steps: int) -> Target | None:
    if binding.value is None or isinstance(binding.value, FRESH):
        return None
    if binding.kind not in (*STRAIGHT, *LOOPS, BindingKind.ANNOTATED):
        return None
    found = target_of(module, binding.value, steps + 1)
    if found is not None and (binding.kind in LOOPS or binding.path):
        return Target(found.root, joined(found.text, "[]"))
    return found


def _of_call(module: Module, node: ast.Call, steps: int) -> Target | None:
    """Return the object that a call gives: what a class makes is new, the rest may be shared."""
    if isinstance(value(module, node.func), Class):
        return None
    found = resolve(module, node)
    if found.libraries and all(one.startswith("builtins.") for one in found.libraries):
        func = node.func
        keeps = isinstance(func, ast.Attribute) and func.attr in ("get", "setdefault", "values")
        if keeps and isinstance(func, ast.Attribute):
            owner = target_of(module, func.value, steps + 1)
            return Target(owner.root, joined(owner.text, "[]")) if owner else None
        return None
    if found.library is not None and not found.library.startswith(("sqlalchemy.", "sqlmodel.")):
        return None
    text = " ".join(ast.unparse(node.func).split())
    name = text if len(text) <= 40 else f"{text[:37]}..."
    return Target(LOADED.root, f"what {name}() gives")


def receiver(around: Function, function: Function, node: ast.AST) -> Target | None:
    """Return the object that the method *function* works on at *node*; None for a new one."""
    module = around.module
    if is_made_by(function, node):
        return None
    if not isinstance(node, ast.Call):
        owner = node.value if isinstance(node, ast.Attribute) else node
        return target_of(module, owner) if isinstance(owner, ast.expr) else None
    if not isinstance(node.func, ast.Attribute):
        return target_of(module, node.func)
    owner = node.func.value
    if isinstance(owner, ast.Call) and name_of(module, owner.func) == "builtins.super":
        first = first_parameter(around)
        return Target(Root(around.node, first), first) if first is not None else None
    return target_of(module, owner)
