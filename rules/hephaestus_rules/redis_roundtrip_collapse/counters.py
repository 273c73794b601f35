"""``incr`` with an ``expire``: one transaction, or a reason why the two stay two."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.expressions import comments_in
from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.rule import (
    Change,
    Edit,
    Finding,
    Refusal,
    Safety,
    refuse,
)
from hephaestus_rules.redis_roundtrip_collapse.commands import (
    ADJACENT,
    SAME_KEY,
    Held,
    about_the_same,
    command_of,
    held,
    key_refusal,
    needed,
)
from hephaestus_rules.redis_roundtrip_collapse.expiry import Expiry, expiry_of
from hephaestus_rules.redis_roundtrip_collapse.keys import is_repeatable, names_in
from hephaestus_rules.redis_roundtrip_collapse.sequences import Next, after, depends, taken_away

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module

#: A chain that would make its line longer than this is broken.
WIDTH: Final = 100
COUNTS: Final = ("incr", "incrby", "decr", "decrby", "incrbyfloat")
REASON: Final = (
    "every call but the first is one round trip already, and a transaction would make each of them "
    "dearer; what remains is that a crash in between leaves a counter without a TTL"
)


def find_counter(module: Module, block: Sequence[ast.stmt], at: int) -> Iterator[Finding]:
    """Yield ``n = incr(k)`` with the ``expire(k)`` that follows."""
    first = _counted(module, block[at])
    follower = after(module, block, at) if first is not None else None
    if first is None or follower is None:
        return
    expiry = expiry_of(module, follower.statement)
    second = held(module, follower.statement, "expire", "pexpire")
    if expiry is None or second is None or not about_the_same(first.command, second.command):
        return
    if follower.condition is not None:
        yield from _on_first(module, first, follower)
        return
    if isinstance(expiry, Refusal):
        yield refuse(first.command.call, expiry.code, expiry.message)
        return
    refusal = _refusal(module, first, expiry, follower)
    if refusal is not None:
        yield refuse(first.command.call, refusal.code, refusal.message)
        return

    def change() -> Change:
        return _piped(module, first, expiry, follower)

    yield Finding(
        first.command.call,
        f"{first.command.method} and expire can share a transaction: one round trip less",
        Safety.REVIEW,
        (SAME_KEY, ADJACENT),
        change=change,
    )


def _counted(module: Module, statement: ast.stmt) -> Held | None:
    """Return the counting command in ``incr(k)``, ``n = incr(k)`` or ``n = int(incr(k))``."""
    found = held(module, statement, *COUNTS)
    if found is not None:
        return found
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.Call(func=ast.Name() as function, args=[inner], keywords=[]),
        ):
            command = command_of(module, inner, *COUNTS)
            if command is not None and module.qualified_name(function) == "builtins.int":
                return Held(statement, command, name)
    return None


def _on_first(module: Module, first: Held, follower: Next) -> Iterator[Finding]:
    """Refuse ``if n == 1: expire``: the transaction would cost more than it saves."""
    assert follower.condition is not None
    if first.name is not None and first.name in names_in(follower.condition.of):
        yield refuse(first.command.call, "counter-with-ttl", REASON)


def _refusal(module: Module, first: Held, expiry: Expiry, follower: Next) -> Refusal | None:
    call = expiry.command.call
    if first.name in names_in(call):
        return Refusal("depends-on-value", f"{first.name} decides what happens to the key")
    if depends(follower, first.command.call, call):
        return Refusal("code-between", "the key or the TTL is bound in between")
    if not is_repeatable(module, expiry.ttl):
        message = "the TTL is computed by a call that would now run before the first command"
        return Refusal("ttl-computed", message)
    return key_refusal(module, first.command)


def _piped(module: Module, first: Held, expiry: Expiry, follower: Next) -> Change:
    """Put both commands into a pipeline; the first of its answers is what the name gets."""
    command, other, source = first.command, expiry.command, module.source
    start, end = source.span(command.whole)
    if comments_in(module, start, end) or comments_in(module, *source.span(other.call)):
        needed(None)
    links = (
        f"{source.segment(command.client)}.pipeline()",
        source.text[source.span(command.client)[1] : source.span(command.call)[1]],
        source.text[source.span(other.client)[1] : source.span(other.call)[1]],
        ".execute()",
    )
    text = _chained(module, first, links)
    return Change((Edit(start, end, text), *taken_away(module, follower)))


def _chained(module: Module, first: Held, links: tuple[str, ...]) -> str:
    """Return the chain of calls, each on its line when they do not fit on one."""
    source = module.source
    start, end = source.span(first.command.whole)
    wait = "await " if isinstance(first.command.whole, ast.Await) else ""
    answer = "" if first.name is None else "[0]"
    chain = wait + "".join(links)
    line = f"({chain}){answer}" if wait and answer else chain + answer
    length = line_stop(source, end) - line_start(source, start) - (end - start) + len(line)
    if length <= WIDTH:
        return line
    outer = source.newline(start) + source.indent(start)
    inner = outer + ("\t" if outer.endswith("\t") else "    ")
    return f"({inner}{wait}{inner.join(links)}{outer}){answer}"
