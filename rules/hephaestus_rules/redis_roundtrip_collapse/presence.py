"""``exists`` before ``get``: one ``get`` answers both questions."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.names import fresh_name
from hephaestus_codemods.kit.statements import delete_statement, insert_before
from hephaestus_codemods.rule import (
    Change,
    Edit,
    Established,
    Finding,
    Precondition,
    refuse,
)
from hephaestus_rules.redis_roundtrip_collapse.commands import (
    Command,
    about_the_same,
    bound,
    command_of,
    is_repeatable,
)
from hephaestus_rules.redis_roundtrip_collapse.expiry import SAME_KEY, ends, needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

MESSAGE = "get answers None for a missing key: exists is a round trip that can go"
TYPE = Precondition(
    "a key of another type fails in get, as before", Established.PROVED, "get is kept"
)


def find_presence(module: Module, test: ast.If, after: ast.stmt | None) -> Iterator[Finding]:
    """Yield ``if exists: get`` and ``if not exists: return`` with a ``get`` behind it."""
    asked = test.test
    negated = isinstance(asked, ast.UnaryOp) and isinstance(asked.op, ast.Not)
    if isinstance(asked, ast.UnaryOp) and negated:
        asked = asked.operand
    command = command_of(module, asked, "exists")
    if command is None or len(command.call.args) + len(command.call.keywords) != 1:
        return
    if negated:
        read = bound(module, after, "get") if after is not None and ends(test.body) else None
        if read is not None and about_the_same(command, read[1]):
            yield _finding(module, test, command, after, read[0])
        return
    first = test.body[0]
    read = bound(module, first, "get")
    if read is not None and about_the_same(command, read[1]):
        yield _finding(module, test, command, first, read[0])
        return
    inside = _only_get(module, first, command)
    if inside is not None:
        yield _inline(module, test, command, inside)


def _finding(
    module: Module, test: ast.If, command: Command, read: ast.stmt | None, name: str
) -> Finding:
    assert read is not None
    problem = _problem(module, test, command)
    if problem is None and _is_seen_elsewhere(module, test, read, name):
        problem = (
            "name-used-elsewhere",
            f"{name} would be None where it is unbound, or keeps an earlier value, today",
        )
    if problem is not None:
        return refuse(command.call, *problem)
    unseen = Precondition(f"{name} is not read where the key is missing", Established.PROVED)
    change = partial(_hoisted, module, test, command, read, name)
    return Finding(command.call, MESSAGE, preconditions=(SAME_KEY, TYPE, unseen), change=change)


def _problem(module: Module, test: ast.If, command: Command) -> tuple[str, str] | None:
    if module.source.segment(test).startswith("elif"):
        return "elif", "the get would have to run before the conditions above"
    assert command.key is not None
    if not is_repeatable(module, command.key) or not is_repeatable(module, command.client):
        message = "the key is computed by a call: it may differ between the two commands"
        return "key-not-repeatable", message
    return None


def _is_seen_elsewhere(module: Module, test: ast.If, read: ast.stmt, name: str) -> bool:
    """Say whether *name* may be read where the key is missing, or was bound before."""
    scope = module.function(test) or module.tree
    inside = {id(node) for one in test.body for node in ast.walk(one)}
    behind = read not in test.body
    for node in ast.walk(scope):
        if isinstance(node, ast.Global | ast.Nonlocal) and name in node.names:
            return True
        if isinstance(node, ast.arg) and node.arg == name:
            return True
        if not isinstance(node, ast.Name) or node.id != name or _stands_in(node, read):
            continue
        if behind:
            # The block above ends the function: only what it reads itself sees the difference.
            if id(node) in inside or (node.lineno, node.col_offset) < (test.lineno, 0):
                return True
        elif id(node) not in inside:
            return True
    return behind and _is_in_loop(module, test)


def _is_in_loop(module: Module, node: ast.AST) -> bool:
    return any(
        isinstance(one, ast.For | ast.While | ast.AsyncFor) for one in module.ancestors(node)
    )


def _stands_in(node: ast.AST, statement: ast.stmt) -> bool:
    return any(one is node for one in ast.walk(statement))


def _hoisted(module: Module, test: ast.If, command: Command, read: ast.stmt, name: str) -> Change:
    comparison = "is None" if isinstance(test.test, ast.UnaryOp) else "is not None"
    start, end = module.source.span(test.test)
    text = module.source.segment(read)
    return Change(
        (
            *needed(insert_before(module, test, text)),
            Edit(start, end, f"{name} {comparison}"),
            *needed(delete_statement(module, read)),
        )
    )


def _only_get(module: Module, statement: ast.stmt, command: Command) -> Command | None:
    """Return the one ``get`` of the key in a simple statement that surely evaluates it."""
    if not isinstance(statement, ast.Return | ast.Assign | ast.Expr):
        return None
    found = []
    for node in ast.walk(statement):
        if isinstance(
            node, ast.BoolOp | ast.IfExp | ast.Lambda | ast.comprehension | ast.NamedExpr
        ):
            return None
        get = command_of(module, node, "get") if isinstance(node, ast.expr) else None
        if get is not None and about_the_same(command, get):
            found.append(get)
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Await | ast.Yield)]
    awaits = sum(isinstance(one.whole, ast.Await) for one in found)
    return found[0] if len(found) == 1 and len(calls) == awaits else None


def _inline(module: Module, test: ast.If, command: Command, get: Command) -> Finding:
    problem = _problem(module, test, command)
    if problem is not None:
        return refuse(command.call, *problem)
    name = fresh_name(module, "cached", test)
    change = partial(_named, module, test, get, name)
    return Finding(command.call, MESSAGE, preconditions=(SAME_KEY, TYPE), change=change)


def _named(module: Module, test: ast.If, get: Command, name: str) -> Change:
    text = f"{name} = {module.source.segment(get.whole)}"
    return Change(
        (
            *needed(insert_before(module, test, text)),
            Edit(*module.source.span(test.test), f"{name} is not None"),
            Edit(*module.source.span(get.whole), name),
        )
    )
