"""Local variables: what binds them, who reads them, and what was put into one."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.infer.reaching import reaching
from hephaestus_codemods.project.nodes import Function, walk
from hephaestus_codemods.project.scopes import BindingKind

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding

#: Calls that see the variables of a function by name.
PEEKING: Final = frozenset({"locals", "vars", "eval", "exec"})
LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
_LAZY: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.GeneratorExp)


def bindings_of(module: Module, node: ast.Name) -> tuple[Binding, ...] | None:
    """Return what may have bound the local variable *node* when it is read here."""
    found = module.scopes.lookup(node.id, node)
    if found is None or not isinstance(found[0], Function):
        return None
    scope, bindings = found
    if module.scopes.scope(node) is not scope or _is_in_loop(module, node):
        return tuple(bindings)
    return tuple(one for one in bindings if getattr(one.node, "lineno", 0) <= node.lineno)


def _is_in_loop(module: Module, node: ast.AST) -> bool:
    for around in module.ancestors(node):
        if isinstance(around, LOOPS):
            return True
        if isinstance(around, Function):
            return False
    return False


def only_binding(module: Module, node: ast.Name) -> Binding | None:
    """Return the one assignment of the local variable *node*, of the same function."""
    found = module.scopes.lookup(node.id, node)
    return binding_at(module, node) if found is not None and len(found[1]) == 1 else None


def binding_at(module: Module, node: ast.Name) -> Binding | None:
    """Return the assignment that surely gave the local variable *node* its value.

    It is one of the same function, and every binding of the variable is ``x = value``.
    """
    found = module.scopes.lookup(node.id, node)
    if found is None or not isinstance(found[0], Function):
        return None
    scope, bindings = found
    if module.scopes.scope(node) is not scope or not all(map(_is_plain, bindings)):
        return None
    return bindings[0] if len(bindings) == 1 else reaching(module, node, scope, bindings)


def _is_plain(binding: Binding) -> bool:
    """Say whether *binding* is ``x = value``."""
    is_assigned = binding.kind is BindingKind.ASSIGN and binding.path == ()
    return is_assigned and isinstance(binding.node, ast.Assign)


def binding_of(module: Module, value: ast.expr) -> Binding | None:
    """Return the assignment of *value* to a local variable that is only ever assigned so."""
    parent = module.parents.get(value)
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return None
    target = parent.targets[0]
    found = module.scopes.lookup(target.id, target) if isinstance(target, ast.Name) else None
    if found is None or not isinstance(found[0], Function) or not all(map(_is_plain, found[1])):
        return None
    return next((one for one in found[1] if one.node is parent), None)


def reads_of(module: Module, binding: Binding) -> tuple[ast.Name, ...] | None:
    """Return the reads that see *binding*; None when others may, or run later than it seems."""
    scope = module.scopes.scope(binding.node)
    if not isinstance(scope, Function):
        return None
    names = _names(scope)
    if not PEEKING.isdisjoint(names):
        return None
    reads: list[ast.Name] = []
    for node in names.get(binding.name, ()):
        found = module.scopes.lookup(binding.name, node)
        if found is None or binding not in found[1]:
            continue
        if module.scopes.scope(node) is not scope and _is_delayed(module, node, scope):
            return None
        if not isinstance(node.ctx, ast.Load):
            continue
        seen = binding if len(found[1]) == 1 else binding_at(module, node)
        if seen is None:
            return None
        if seen is binding:
            reads.append(node)
    return tuple(reads)


def _is_delayed(module: Module, node: ast.AST, scope: ast.AST) -> bool:
    """Say whether *node* stands in a function inside *scope*, or in a lazy comprehension."""
    for around in module.ancestors(node):
        if around is scope:
            return False
        if isinstance(around, (*_LAZY, ast.ClassDef)):
            return True
    return True


def held_by_one_read(module: Module, node: ast.Name) -> ast.Assign | None:
    """Return the assignment ``node = value`` when this is the one read of what it holds."""
    binding = binding_at(module, node)
    if binding is None or reads_of(module, binding) != (node,):
        return None
    return binding.node if isinstance(binding.node, ast.Assign) else None


@lru_cache(maxsize=256)  # a function with many variables is asked about each of them
def _names(scope: ast.AST) -> dict[str, list[ast.Name]]:
    """Return every use of a name in *scope*, by the name."""
    found: dict[str, list[ast.Name]] = {}
    for node in walk(scope)[0]:
        if isinstance(node, ast.Name):
            found.setdefault(node.id, []).append(node)
    return found
