"""Follows a local variable back to what was put into it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.project.infer import reaching
from hephaestus_codemods.project.nodes import Function, walk
from hephaestus_codemods.project.scopes import Binding, BindingKind
from hephaestus_rules.sqlalchemy_exists_over_count.chains import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hephaestus_codemods.project.module import Module

ASSIGNED = (BindingKind.ASSIGN, BindingKind.ANNOTATED)
LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True, slots=True)
class Origin:
    """The call that starts a query, and every method that may have been called on it since."""

    source: ast.expr
    links: tuple[Link, ...]


def origin_of(
    module: Module, node: ast.expr, is_source: Callable[[ast.expr], bool]
) -> Origin | None:
    """Return where the query *node* comes from; None when a part of its way cannot be seen."""
    found = _parts(module, node, is_source, frozenset())
    if found is None:
        return None
    sources, links = found
    return Origin(sources[0], links) if len(sources) == 1 else None


Parts = tuple[tuple[ast.expr, ...], tuple[Link, ...]]


def _parts(
    module: Module,
    node: ast.expr,
    is_source: Callable[[ast.expr], bool],
    seen: frozenset[Binding],
) -> Parts | None:
    links: list[Link] = []
    while isinstance(node, ast.Call):
        if is_source(node):
            return (node,), tuple(reversed(links))
        if not isinstance(node.func, ast.Attribute):
            return None
        links.append(Link(node.func.attr, node))
        node = node.func.value
    if is_source(node):
        return (node,), tuple(reversed(links))
    if not isinstance(node, ast.Name):
        return None
    earlier = _of_variable(module, node, is_source, seen)
    return None if earlier is None else (earlier[0], (*earlier[1], *reversed(links)))


def _of_variable(
    module: Module,
    node: ast.Name,
    is_source: Callable[[ast.expr], bool],
    seen: frozenset[Binding],
) -> Parts | None:
    bindings = bindings_of(module, node)
    if bindings is None:
        return None
    sources: dict[ast.expr, None] = {}
    links: dict[Link, None] = {}
    for one in (binding for binding in bindings if binding not in seen):
        if one.kind not in ASSIGNED or one.path != () or one.value is None:
            return None
        found = _parts(module, one.value, is_source, seen | set(bindings))
        if found is None:
            return None
        sources |= dict.fromkeys(found[0])
        links |= dict.fromkeys(found[1])
    return tuple(sources), tuple(links)


def bindings_of(module: Module, node: ast.Name) -> tuple[Binding, ...] | None:
    """Return what may have bound the local variable *node* when it is read here."""
    found = module.scopes.lookup(node.id, node)
    if found is None or not isinstance(found[0], Function):
        return None
    scope, bindings = found
    if module.scopes.scope(node) is not scope or _is_in_loop(module, node):
        return tuple(bindings)
    return tuple(one for one in bindings if _line(one.node) <= node.lineno)


def _is_in_loop(module: Module, node: ast.AST) -> bool:
    for around in module.ancestors(node):
        if isinstance(around, LOOPS):
            return True
        if isinstance(around, Function):
            return False
    return False


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def binding_at(module: Module, node: ast.Name) -> Binding | None:
    """Return the assignment that surely gave the local variable *node* its value."""
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
    """Return the reads that see *binding*; None when one may, or stands in a closure."""
    scope = module.scopes.scope(binding.node)
    if not isinstance(scope, Function) or _escapes(module, scope):
        return None
    reads: list[ast.Name] = []
    for node in _names(scope, binding.name):
        found = module.scopes.lookup(binding.name, node)
        if found is None or binding not in found[1]:
            continue
        if module.scopes.scope(node) is not scope:
            return None
        if not isinstance(node.ctx, ast.Load):
            continue
        seen = binding_at(module, node)
        if seen is None:
            return None
        if seen is binding:
            reads.append(node)
    return tuple(reads)


def _names(scope: ast.AST, name: str) -> Iterable[ast.Name]:
    return (one for one in walk(scope)[0] if isinstance(one, ast.Name) and one.id == name)


def _escapes(module: Module, scope: ast.AST) -> bool:
    """Say whether ``locals()`` or ``exec()`` may read a variable of the function."""
    return any(
        isinstance(one, ast.Call)
        and isinstance(one.func, ast.Name)
        and one.func.id in ("locals", "vars", "eval", "exec")
        for one in walk(scope)[0]
    )
