"""Whether a variable is read where the key is missing: there it is None from now on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.redis_roundtrip_collapse.commands import Held

LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)


def is_seen_when_missing(module: Module, test: ast.If, read: Held) -> bool:
    """Say whether the name of ``v = get(k)`` may be read where the key is missing.

    *test* asks whether the key exists; *read* opens its block, or follows an ``if not exists``
    that leaves the block.
    """
    name = read.name
    assert name is not None
    scope = module.function(test) or module.tree
    if scope is module.tree or _is_shared(scope, name):
        return True
    if _is_none_above(module, test, name) or _is_bound_first(module, test, name):
        return False
    with_key = _runs_with_key(module, test, read)
    in_loop = any(isinstance(one, LOOPS) for one in module.ancestors(test))
    return any(
        isinstance(node.ctx, ast.Load)
        and id(node) not in with_key
        and (in_loop or not _is_above(node, test) or module.function(node) is not scope)
        for node in _names(scope, name)
    )


def _is_above(node: ast.expr, test: ast.If) -> bool:
    return (node.lineno, node.col_offset) < (test.lineno, test.col_offset)


def _is_shared(scope: ast.AST, name: str) -> bool:
    """Say whether others may see the variable: a parameter, or a ``global``."""
    return any(
        (isinstance(node, ast.Global | ast.Nonlocal) and name in node.names)
        or (isinstance(node, ast.arg) and node.arg == name)
        for node in ast.walk(scope)
    )


def _is_none_above(module: Module, test: ast.If, name: str) -> bool:
    """Say whether ``name = None`` stands above *test* in its block, and nothing binds it since."""
    for one in reversed(_above(module, test)):
        match one:
            case ast.Assign(targets=[ast.Name(id=bound)], value=ast.Constant(value=None)):
                if bound == name:
                    return True
        if any(True for _ in _names(one, name)):
            return False
    return False


def _above(module: Module, test: ast.If) -> Sequence[ast.stmt]:
    block = _block(module, test)
    return block[: block.index(test)]


def _block(module: Module, statement: ast.stmt) -> list[ast.stmt]:
    parent = module.parents[statement]
    for field in ("body", "orelse", "finalbody"):
        block = getattr(parent, field, None)
        if isinstance(block, list) and any(one is statement for one in block):
            return block
    return [statement]


def _runs_with_key(module: Module, test: ast.If, read: Held) -> set[int]:
    """Return the nodes that run only when the key was there, the ``get`` itself included."""
    if any(one is read.statement for one in test.body):
        inside: Sequence[ast.stmt] = test.body
    else:
        block = _block(module, test)
        inside = block[block.index(read.statement) :]
    return {id(node) for one in inside for node in ast.walk(one)}


def _is_bound_first(module: Module, test: ast.If, name: str) -> bool:
    """Say whether the ``else`` binds *name* before it can be read, or leaves the function."""
    for one in test.orelse:
        names = list(_names(one, name))
        if not names:
            continue
        match one:
            case ast.Assign(targets=[ast.Name() as target]):
                return names == [target]
        return False
    is_tried = any(isinstance(one, ast.Try) for one in module.ancestors(test))
    leaves = bool(test.orelse) and isinstance(test.orelse[-1], ast.Return | ast.Raise)
    return leaves and not is_tried


def _names(root: ast.AST, name: str) -> Iterator[ast.Name]:
    return (one for one in ast.walk(root) if isinstance(one, ast.Name) and one.id == name)
