"""Local variables: what binds them, who reads them, and what was put into one."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.nodes import Function, walk
from hephaestus_codemods.project.scopes import BindingKind

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding

#: Functions that see the variables of another by name.
PEEKING: Final = frozenset({"locals", "vars", "eval", "exec"})


def only_binding(module: Module, node: ast.Name) -> Binding | None:
    """Return the one assignment of the local variable *node*, of the same function."""
    found = module.scopes.lookup(node.id, node)
    if found is None or not isinstance(found[0], Function) or len(found[1]) != 1:
        return None
    binding = found[1][0]
    if module.scopes.scope(node) is not found[0] or binding.kind is not BindingKind.ASSIGN:
        return None
    return binding if binding.path == () and isinstance(binding.node, ast.Assign) else None


def reads_of(module: Module, binding: Binding) -> tuple[ast.Name, ...] | None:
    """Return the reads of a variable by its own function; None when others may read it too."""
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
        if isinstance(node.ctx, ast.Load):
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


_LAZY: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.GeneratorExp)


def held_by_one_read(module: Module, node: ast.Name) -> ast.Assign | None:
    """Return the assignment ``node = value`` when this is the one read of the variable."""
    binding = only_binding(module, node)
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
