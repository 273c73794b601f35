"""A value and its TTL in one command: ``set``, ``setnx`` or ``get`` with an ``expire``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import add_keywords, argument
from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.rule import (
    CannotEdit,
    Change,
    Edit,
    Established,
    Finding,
    Precondition,
    Refusal,
    Safety,
    refuse,
)
from hephaestus_rules.redis_roundtrip_collapse.commands import (
    Command,
    about_the_same,
    bound,
    command_of,
    is_repeatable,
    stated,
)
from hephaestus_rules.redis_roundtrip_collapse.lifetimes import lifetime
from hephaestus_rules.redis_roundtrip_collapse.servers import since

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

#: The command that sets a TTL, and the keyword that says the same.
EXPIRES: Final = {"expire": "ex", "pexpire": "px"}
SET_OPTIONS: Final = frozenset({"ex", "px", "exat", "pxat", "keepttl", "nx", "xx", "get", "ifeq"})
SAME_KEY = Precondition(
    "both commands have the same client and key", Established.PROVED, "written alike, no call in it"
)
UNUSED = Precondition("the result of expire is not used", Established.PROVED)
ADJACENT = Precondition("nothing runs between the commands", Established.PROVED)


@dataclass(frozen=True)
class Expiry:
    """A statement ``client.expire(key, ttl)``, and the keyword that takes its place."""

    statement: ast.stmt
    command: Command
    option: str
    ttl: ast.expr


def expiry_of(module: Module, statement: ast.stmt) -> Expiry | None:
    """Return *statement* as one that sets a TTL without conditions, or None."""
    found = stated(module, statement, *EXPIRES)
    if found is None:
        return None
    ttl = argument(found.call, 1, "time")
    if (
        ttl is None
        or len(found.call.args) > 2
        or len(found.call.args) + len(found.call.keywords) != 2
    ):
        return None
    return Expiry(statement, found, EXPIRES[found.method], ttl)


def find_pairs(module: Module, first: ast.stmt, second: ast.stmt) -> Iterator[Finding]:
    """Yield what *first* and *second*, which follow one another, can become together."""
    expiry = expiry_of(module, second)
    if expiry is None:
        return
    command = stated(module, first, "set", "setnx", "get") or _bound(module, first)
    if command is None or not about_the_same(command, expiry.command):
        return
    yield _pair(module, first, command, expiry)


def _bound(module: Module, statement: ast.stmt) -> Command | None:
    found = bound(module, statement, "set", "get")
    return found[1] if found else None


def _pair(module: Module, first: ast.stmt, command: Command, expiry: Expiry) -> Finding:
    ttl = lifetime(module, expiry.ttl)
    refusal = _refusal(module, command) or (ttl if isinstance(ttl, Refusal) else None)
    if refusal is not None:
        return refuse(command.call, refusal.code, refusal.message)
    assert isinstance(ttl, Precondition)
    known = (SAME_KEY, ADJACENT, UNUSED, ttl)
    change = partial(_joined, module, command, expiry)
    match command.method:
        case "set":
            message = f"{expiry.command.method} can go into set: one round trip less"
            return Finding(command.call, message, preconditions=known, change=change)
        case "get":
            server = since(module, "6.2", "GETEX")
            message = f"get and {expiry.command.method} are one command, getex: one round trip less"
            return Finding(command.call, message, preconditions=(*known, server), change=change)
    rearmed = Precondition(
        "the TTL is not meant to start again with every call",
        Established.ASSUMED,
        "expire runs even when the key was there already: a sliding TTL would become a fixed one",
    )
    message = "setnx and expire can be one set(nx=True): is the TTL meant to start again each time?"
    return Finding(
        command.call, message, Safety.REVIEW, preconditions=(*known, rearmed), change=change
    )


def _refusal(module: Module, command: Command) -> Refusal | None:
    assert command.key is not None
    if not is_repeatable(module, command.key) or not is_repeatable(module, command.client):
        message = "the key is computed by a call: it may differ between the two commands"
        return Refusal("key-not-repeatable", message)
    most = 1 if command.method == "get" else 2
    given = {one.arg for one in command.call.keywords}
    if len(command.call.args) > most or given & SET_OPTIONS:
        message = (
            f"{command.method} has options already: what they mean together is the author's choice"
        )
        return Refusal("set-has-options", message)
    if command.method == "get" and given - {"name"}:
        return Refusal("set-has-options", "get has options that are not known")
    return None


def _joined(module: Module, command: Command, expiry: Expiry) -> Change:
    options = {expiry.option: module.source.segment(expiry.ttl)}
    renamed: tuple[Edit, ...] = ()
    if command.method == "setnx":
        options = {"nx": "True", **options}
        renamed = (rename(module, command, "set"),)
    if command.method == "get":
        renamed = (rename(module, command, "getex"),)
    added = add_keywords(module, command.call, options)
    gone = delete_statement(module, expiry.statement)
    return Change((*renamed, *needed(added), *needed(gone)))


def find_conditional(module: Module, test: ast.If, after: ast.stmt | None) -> Iterator[Finding]:
    """Yield ``if setnx: expire``, and ``if not setnx: return`` with an ``expire`` behind it."""
    if isinstance(test.test, ast.UnaryOp) and isinstance(test.test.op, ast.Not):
        command = command_of(module, test.test.operand, "setnx")
        expiry = expiry_of(module, after) if after is not None and ends(test.body) else None
    else:
        command = command_of(module, test.test, "setnx")
        expiry = expiry_of(module, test.body[0])
    if command is None or expiry is None or not about_the_same(command, expiry.command):
        return
    ttl = lifetime(module, expiry.ttl)
    refusal = _refusal(module, command) or (ttl if isinstance(ttl, Refusal) else None)
    if refusal is not None:
        yield refuse(command.call, refusal.code, refusal.message)
        return
    assert isinstance(ttl, Precondition)
    message = "setnx and expire can be one set(nx=True): no key is left without a TTL between them"
    truth = Precondition("the result is used as a truth value only", Established.PROVED)
    yield Finding(
        command.call,
        message,
        Safety.REVIEW if ttl.established is Established.PROVED else Safety.SAFE,
        (SAME_KEY, truth, UNUSED, ttl),
        change=partial(_conditional, module, test, command, expiry),
    )


def _conditional(module: Module, test: ast.If, command: Command, expiry: Expiry) -> Change:
    options = {"nx": "True", expiry.option: module.source.segment(expiry.ttl)}
    edits = (rename(module, command, "set"), *needed(add_keywords(module, command.call, options)))
    if test.body == [expiry.statement] and not test.orelse and _is_plain(module, test):
        # Nothing is left to do under the condition: the command stands alone.
        start, end = module.source.span(test)[0], module.source.span(test)[1]
        head, tail = module.source.span(command.whole)
        return Change((*edits, Edit(start, head, ""), Edit(tail, end, "")))
    return Change((*edits, *needed(delete_statement(module, expiry.statement))))


def _is_plain(module: Module, test: ast.If) -> bool:
    text = module.source.segment(test)
    return not text.startswith("elif") and "#" not in text and test.test is not None


def ends(body: list[ast.stmt]) -> bool:
    """Say whether nothing behind the block runs after it."""
    return isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def rename(module: Module, command: Command, method: str) -> Edit:
    """Return the edit that gives the command another name."""
    end = module.source.span(command.call.func)[1]
    return Edit(end - len(command.method), end, method)


def needed(edits: tuple[Edit, ...] | None) -> tuple[Edit, ...]:
    """Return *edits*, or say that there can be none."""
    if edits is None:
        raise CannotEdit("a comment or an unusual layout stands in the way")
    return edits
