"""Redis commands as statements hold them: on which client, for which key, and in which place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import argument, has_unpacking
from hephaestus_codemods.kit.expressions import same_expression
from hephaestus_codemods.project.kinds import ASYNC_REDIS_KINDS, SYNC_REDIS
from hephaestus_codemods.rule import CannotEdit, Edit, Established, Precondition, Refusal
from hephaestus_rules.redis_roundtrip_collapse.keys import is_repeatable, may_be_stored

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

#: Pipelines are clients too, but answer with themselves and send nothing yet: they are not here.
CLIENTS: Final = SYNC_REDIS | ASYNC_REDIS_KINDS
SAME_KEY: Final = Precondition(
    "both commands have the same client and key",
    Established.PROVED,
    "written alike, and evaluated without effects",
)
ADJACENT: Final = Precondition("nothing of consequence runs in between", Established.PROVED)


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

    @property
    def size(self) -> int:
        """The number of arguments."""
        return len(self.call.args) + len(self.call.keywords)


@dataclass(frozen=True)
class Held:
    """A command that is a statement of its own; *name* is the variable that takes its result."""

    statement: ast.stmt
    command: Command
    name: str | None = None


def command_of(module: Module, node: ast.expr | None, *methods: str) -> Command | None:
    """Return *node* as one of *methods* on a Redis client, or None.

    A command of an asyncio client counts only when it is awaited on the spot.
    """
    call = node.value if isinstance(node, ast.Await) else node
    if node is None or not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    if call.func.attr not in methods:
        return None
    wanted = ASYNC_REDIS_KINDS if isinstance(node, ast.Await) else SYNC_REDIS
    if module.kind(call.func.value) not in wanted:
        return None
    return Command(call, node, call.func.value, call.func.attr)


def called(module: Module, call: ast.Call, *methods: str) -> Command | None:
    """Return *call*, wherever it stands, as one of *methods* on a Redis client, or None."""
    parent = module.parents.get(call)
    return command_of(module, parent if isinstance(parent, ast.Await) else call, *methods)


def held(module: Module, statement: ast.stmt, *methods: str) -> Held | None:
    """Return the command that *statement* is, its result thrown away or bound to a name."""
    match statement:
        case ast.Expr(value=value):
            name = None
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            pass
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value, simple=1):
            pass
        case _:
            return None
    found = command_of(module, value, *methods)
    return Held(statement, found, name) if found is not None else None


def about_the_same(one: Command, other: Command) -> bool:
    """Say whether two commands have the same client and key, written alike."""
    return (
        same_expression(one.client, other.client)
        and isinstance(one.whole, ast.Await) == isinstance(other.whole, ast.Await)
        and one.key is not None
        and other.key is not None
        and same_expression(one.key, other.key)
    )


def key_refusal(module: Module, command: Command) -> Refusal | None:
    """Say why the key may be another one when it is evaluated again, if it may."""
    assert command.key is not None
    if not is_repeatable(module, command.key) or not is_repeatable(module, command.client):
        message = "the key is computed by a call: it may differ between the two commands"
        return Refusal("key-not-repeatable", message)
    if any(isinstance(one, ast.NamedExpr) for one in ast.walk(command.call)):
        return Refusal("key-not-repeatable", "the first command binds a name itself")
    if may_be_stored(module, command.key):
        message = "the key is an attribute that this file changes: it may differ in between"
        return Refusal("key-not-repeatable", message)
    return None


def rename(module: Module, command: Command, method: str) -> Edit:
    """Return the edit that gives the command another name."""
    end = module.source.span(command.call.func)[1]
    return Edit(end - len(command.method), end, method)


def needed(edits: tuple[Edit, ...] | None) -> tuple[Edit, ...]:
    """Return *edits*, or say that there can be none."""
    if edits is None:
        raise CannotEdit("a comment or an unusual layout stands in the way")
    return edits
