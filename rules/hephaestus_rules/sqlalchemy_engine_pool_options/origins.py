"""Where a value comes from: the expressions, classes and functions of the project behind a name."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.names import absolute
from hephaestus_codemods.project.scopes import BindingKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding

FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef
VALUES: Final = (BindingKind.ASSIGN, BindingKind.ANNOTATED, BindingKind.WALRUS)
DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Origin:
    """An expression or definition, and the module that it stands in."""

    module: Module
    node: ast.AST


def origins(module: Module, node: ast.expr) -> tuple[Origin, ...]:
    """Return every value that the name *node* may have; none when one of them cannot be seen."""
    if isinstance(node, ast.Name):
        found = module.scopes.lookup(node.id, node)
        return _of_bindings(module, found[1]) if found is not None else ()
    holder, _, last = (module.qualified_name(node) or "").rpartition(".")
    source = module.project.module(holder, near=module.path) if holder else None
    return _at_top(source, last) if source is not None else ()


def _at_top(module: Module, name: str, depth: int = 0) -> tuple[Origin, ...]:
    return _of_bindings(module, module.scopes.bound(module.tree).get(name, ()), depth)


def _of_bindings(module: Module, found: Sequence[Binding], depth: int = 0) -> tuple[Origin, ...]:
    values: list[Origin] = []
    for one in found:
        if one.kind in (BindingKind.FUNCTION, BindingKind.CLASS):
            values.append(Origin(module, one.node))
        elif one.kind in VALUES and one.path == ():
            values += [Origin(module, one.value)] if one.value is not None else []
        elif one.kind is BindingKind.FROM_IMPORT and depth <= DEPTH:
            there = _imported(module, one, depth)
            if not there:
                return ()
            values += there
        else:
            return ()
    return tuple(values)


def _imported(module: Module, binding: Binding, depth: int) -> tuple[Origin, ...]:
    assert isinstance(binding.node, ast.ImportFrom)
    assert binding.alias is not None
    target = absolute(module, binding.node)
    source = module.project.module(target, near=module.path) if target else None
    return _at_top(source, binding.alias.name, depth + 1) if source is not None else ()


def class_of(module: Module, node: ast.expr, depth: int = 0) -> Origin | None:
    """Return the class of the project that *node* is, or is an object of."""
    if depth > DEPTH:
        return None
    if isinstance(node, ast.Name) and node.id in ("self", "cls"):
        return _class_around(module, node)
    if isinstance(node, ast.Call):
        return _class_made(module, node, depth)
    found = origins(module, node)
    if len(found) != 1:
        return None
    value = found[0]
    if isinstance(value.node, ast.expr):
        return class_of(value.module, value.node, depth + 1)
    return value if isinstance(value.node, ast.ClassDef) else None


def _class_around(module: Module, node: ast.AST) -> Origin | None:
    around = (one for one in module.ancestors(node) if isinstance(one, ast.ClassDef))
    found = next(around, None)
    return Origin(module, found) if found is not None else None


def _class_made(module: Module, call: ast.Call, depth: int) -> Origin | None:
    """Return the class that ``Settings()`` or ``get_settings()`` gives an object of."""
    called = origins(module, call.func)
    if len(called) != 1:
        return None
    if isinstance(called[0].node, ast.ClassDef):
        return called[0]
    found = returns(module, call) or ()
    classes = [
        class_of(one.module, one.node, depth + 1) for one in found if isinstance(one.node, ast.expr)
    ]
    return classes[0] if len(classes) == 1 else None


def members(owner: Origin, name: str, depth: int = 0) -> tuple[Origin, ...]:
    """Return the statements of a class, or of the project's classes above it, that bind *name*."""
    assert isinstance(owner.node, ast.ClassDef)
    found = tuple(Origin(owner.module, one) for one in owner.node.body if name in _bound_by(one))
    if found or depth > DEPTH:
        return found
    for base in owner.node.bases:
        above = class_of(owner.module, base, depth + 1)
        found = members(above, name, depth + 1) if above is not None else ()
        if found:
            return found
    return ()


def _bound_by(statement: ast.stmt) -> tuple[str, ...]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return (name,)
        case ast.Assign(targets=targets):
            return tuple(one.id for one in targets if isinstance(one, ast.Name))
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return (name,)
    return ()


def returns(module: Module, node: ast.Call | FunctionDef) -> tuple[Origin, ...] | None:
    """Return what a function of the project returns; None when it is none, or yields."""
    if isinstance(node, ast.Call):
        called = origins(module, node.func) or _method(module, node.func)
        if len(called) != 1 or not isinstance(called[0].node, FunctionDef):
            return None
        return returns(called[0].module, called[0].node)
    found: list[Origin] = []
    for one in own_nodes(node):
        if isinstance(one, ast.Yield | ast.YieldFrom):
            return None
        if isinstance(one, ast.Return) and one.value is not None:
            found.append(Origin(module, one.value))
    return tuple(found)


def _method(module: Module, func: ast.expr) -> tuple[Origin, ...]:
    if not isinstance(func, ast.Attribute):
        return ()
    owner = class_of(module, func.value)
    return members(owner, func.attr) if owner is not None else ()


def own_nodes(function: FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body, without those of functions and classes inside it."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, FunctionDef | ast.ClassDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)
