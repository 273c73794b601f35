"""``get`` and ``delete`` of one key: ``getdel``. And ``hmset``, which is ``hset(mapping=…)``."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.calls import argument, has_unpacking
from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.rule import (
    Change,
    Edit,
    Established,
    Finding,
    Precondition,
    Safety,
    refuse,
)
from hephaestus_rules.redis_roundtrip_collapse.commands import (
    Command,
    about_the_same,
    bound,
    is_repeatable,
    stated,
)
from hephaestus_rules.redis_roundtrip_collapse.expiry import ADJACENT, SAME_KEY, needed, rename
from hephaestus_rules.redis_roundtrip_collapse.servers import since

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module


def find_taking(module: Module, first: ast.stmt, second: ast.stmt) -> Iterator[Finding]:
    """Yield ``v = get(k)`` followed by ``delete(k)``."""
    read, gone = bound(module, first, "get"), stated(module, second, "delete", "unlink")
    if read is None or gone is None:
        return
    command = read[1]
    one_key = len(gone.call.args) == 1 and not gone.call.keywords and not has_unpacking(gone.call)
    if not one_key or gone.key is None:
        return
    # delete takes *names: its first argument is the key.
    if not about_the_same(command, gone):
        return
    assert command.key is not None
    if not is_repeatable(module, command.key) or not is_repeatable(module, command.client):
        message = "the key is computed by a call: it may differ between the two commands"
        yield refuse(command.call, "key-not-repeatable", message)
        return
    if any(isinstance(n, ast.Name) and n.id == read[0] for n in ast.walk(gone.call)):
        yield refuse(command.call, "key-rebound", f"{read[0]} is part of the key")
        return
    server = since(module, "6.2", "GETDEL")
    yield Finding(
        command.call,
        "get and delete are one command, getdel: nobody else can read the value in between",
        Safety.REVIEW if server.established is Established.PROVED else Safety.SAFE,
        (SAME_KEY, ADJACENT, server),
        change=partial(_taken, module, command, second),
    )


def _taken(module: Module, command: Command, gone: ast.stmt) -> Change:
    return Change((rename(module, command, "getdel"), *needed(delete_statement(module, gone))))


def find_hmset(module: Module, statement: ast.stmt) -> Iterator[Finding]:
    """Yield ``hmset(k, mapping)``, which redis-py has deprecated."""
    command = stated(module, statement, "hmset")
    if command is None or command.key is None or len(command.call.args) > 2:
        return
    mapping = argument(command.call, 1, "mapping")
    if mapping is None or len(command.call.args) + len(command.call.keywords) != 2:
        return
    yield Finding(
        command.call,
        "hmset is deprecated; hset takes the mapping. This saves no round trip",
        preconditions=(Precondition("the result is not used", Established.PROVED),),
        change=partial(_mapped, module, command, mapping),
    )


def _mapped(module: Module, command: Command, mapping: ast.expr) -> Change:
    start = module.source.span(mapping)[0]
    named = () if mapping not in command.call.args else (Edit(start, start, "mapping="),)
    return Change((rename(module, command, "hset"), *named))
