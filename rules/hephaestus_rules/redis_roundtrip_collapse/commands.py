"""Redis commands as statements hold them: on which client, for which key, and in which place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import argument, has_unpacking
from hephaestus_codemods.kit.expressions import same_expression
from hephaestus_codemods.project.kinds import ASYNC_REDIS_KINDS, SYNC_REDIS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

#: Pipelines are clients too, but answer with themselves and send nothing yet: they are not here.
CLIENTS: Final = SYNC_REDIS | ASYNC_REDIS_KINDS


@dataclass(frozen=True)
class Command:
    """A command on a known client; *whole* is the call with its ``await``."""

    call: ast.Call
    whole: ast.expr
    client: ast.expr
    method: str

    @property
    def key(self) -> ast.expr | None:
        """The key that the command is about, when it is seen."""
        return None if has_unpacking(self.call) else argument(self.call, 0, "name")


def command_of(module: Module, node: ast.expr | None, *methods: str) -> Command | None:
    """Return *node* as one of *methods* on a Redis client, or None.

    A command of an asyncio client counts only when it is awaited on the spot.
    """
    call = node.value if isinstance(node, ast.Await) else node
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    if call.func.attr not in methods:
        return None
    kind = module.kind(call.func.value)
    wanted = ASYNC_REDIS_KINDS if isinstance(node, ast.Await) else SYNC_REDIS
    if kind not in wanted:
        return None
    assert node is not None
    return Command(call, node, call.func.value, call.func.attr)


def stated(module: Module, statement: ast.stmt, *methods: str) -> Command | None:
    """Return the command that *statement* is, with its result thrown away, or None."""
    if not isinstance(statement, ast.Expr):
        return None
    return command_of(module, statement.value, *methods)


def bound(module: Module, statement: ast.stmt, *methods: str) -> tuple[str, Command] | None:
    """Return the name and the command of ``name = command``, or None."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            found = command_of(module, value, *methods)
        case ast.AnnAssign(target=ast.Name(id=name), value=value, simple=1):
            found = command_of(module, value, *methods)
        case _:
            return None
    return (name, found) if found else None


def about_the_same(one: Command, other: Command) -> bool:
    """Say whether two commands have the same client and key, written alike."""
    return (
        same_expression(one.client, other.client)
        and isinstance(one.whole, ast.Await) == isinstance(other.whole, ast.Await)
        and one.key is not None
        and other.key is not None
        and same_expression(one.key, other.key)
    )


def blocks(module: Module) -> Iterator[list[ast.stmt]]:
    """Yield every list of statements of the module, outer before inner."""
    for node in module.nodes:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def is_repeatable(module: Module, node: ast.expr) -> bool:
    """Say whether evaluating *node* once or twice in a row gives the same.

    Names, constants, attributes reached from a name, and text made of these: ``f"user:{uid}"``,
    ``PREFIX + str(uid)``. A call of the project counts when all that it does is return such text.
    """
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Attribute(value=value):
            return is_repeatable(module, value)
        case ast.JoinedStr(values=values):
            return all(is_repeatable(module, one) for one in values)
        case ast.FormattedValue(value=value, format_spec=spec):
            return is_repeatable(module, value) and (spec is None or is_repeatable(module, spec))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return is_repeatable(module, left) and is_repeatable(module, right)
        case ast.Tuple(elts=items):
            return all(is_repeatable(module, item) for item in items)
        case ast.Call(func=ast.Name() as func, args=[one], keywords=[]):
            if module.qualified_name(func) in ("builtins.str", "builtins.int"):
                return is_repeatable(module, one)
            return _only_returns(module, node)
        case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant()), args=args):
            return not node.keywords and all(is_repeatable(module, one) for one in args)
        case ast.Call():
            return _only_returns(module, node)
    return False


def _only_returns(module: Module, call: ast.Call) -> bool:
    """Say whether a call of a project function does nothing but return repeatable text."""
    name = module.qualified_name(call.func)
    if name is None or call.keywords:
        return False
    holder, _, plain = name.rpartition(".")
    home = module if holder == module.name else module.project.module(holder, module.path)
    if home is None or not all(is_repeatable(module, one) for one in call.args):
        return False
    made = [n for n in home.tree.body if isinstance(n, ast.FunctionDef) and n.name == plain]
    if len(made) != 1 or made[0].decorator_list:
        return False
    body = [n for n in made[0].body if not _is_docstring(n)]
    match body:
        case [ast.Return(value=ast.expr() as value)]:
            return not isinstance(value, ast.Call) and is_repeatable(home, value)
    return False


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
