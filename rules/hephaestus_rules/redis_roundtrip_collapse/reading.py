"""``get`` with what follows it: ``getex`` for an ``expire``, ``getdel`` for a ``delete``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import add_keywords, has_unpacking
from hephaestus_codemods.kit.expressions import text_of
from hephaestus_codemods.rule import (
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
    ADJACENT,
    SAME_KEY,
    Command,
    Held,
    about_the_same,
    held,
    key_refusal,
    needed,
    rename,
)
from hephaestus_rules.redis_roundtrip_collapse.expiry import EXPIRES, UNUSED, expiry_of
from hephaestus_rules.redis_roundtrip_collapse.keys import names_in
from hephaestus_rules.redis_roundtrip_collapse.lifetimes import lifetime
from hephaestus_rules.redis_roundtrip_collapse.sequences import (
    Guard,
    Next,
    after,
    depends,
    is_about,
    taken_away,
)
from hephaestus_rules.redis_roundtrip_collapse.servers import knows

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module

DELETES: Final = ("delete", "unlink")
NEVER_EMPTY: Final = Precondition(
    "the value is never an empty string",
    Established.ASSUMED,
    "an empty value is not true: today it is treated like a missing one",
)


def find_reading(module: Module, block: Sequence[ast.stmt], at: int) -> Iterator[Finding]:
    """Yield ``v = get(k)`` with the ``expire(k)`` or ``delete(k)`` that follows."""
    first = held(module, block[at], "get")
    follower = after(module, block, at) if first is not None and first.name is not None else None
    if first is None or follower is None or first.command.size != 1:
        return
    second = held(module, follower.statement, *EXPIRES, *DELETES)
    if second is None or not about_the_same(first.command, second.command):
        return
    if follower.condition is not None and not is_about(follower.condition, first.name):
        return
    refusal = _refusal(module, first, second, follower)
    if refusal is not None:
        yield refuse(first.command.call, refusal.code, refusal.message)
    elif second.command.method in DELETES:
        yield _taken(module, first.command, follower)
    else:
        yield _kept(module, first.command, follower)


def _refusal(module: Module, first: Held, second: Held, follower: Next) -> Refusal | None:
    call = second.command.call
    if second.command.method in DELETES and second.command.size > 1:
        return Refusal("several-keys", "more keys than this one are deleted")
    if second.name is not None:
        return Refusal("result-used", f"the result of {second.command.method} is used")
    if has_unpacking(call):
        return Refusal("several-keys", "which keys are meant cannot be seen")
    if first.name in names_in(call):
        return Refusal("depends-on-value", f"{first.name} decides what happens to the key")
    if first.name in follower.bound or depends(follower, first.command.call, call):
        return Refusal("code-between", "the key, the value or the TTL is bound in between")
    return key_refusal(module, first.command)


def _guards(follower: Next) -> tuple[Precondition, ...]:
    """Return what the condition leaves open: it may ask for more than whether there is a key."""
    condition = follower.condition
    asks_more = condition is not None and condition.guard is Guard.TRUTHY
    return (NEVER_EMPTY,) if asks_more else ()


def _taken(module: Module, command: Command, follower: Next) -> Finding:
    server = knows(module, command.client, "GETDEL")
    if isinstance(server, Refusal):
        return refuse(command.call, server.code, server.message)

    def change() -> Change:
        return Change((rename(module, command, "getdel"), *taken_away(module, follower)))

    return Finding(
        command.call,
        "get and delete are one command, getdel: nobody else can read the value in between",
        Safety.REVIEW,
        (SAME_KEY, ADJACENT, *_guards(follower), server),
        change=change,
    )


def _kept(module: Module, command: Command, follower: Next) -> Finding:
    expiry = expiry_of(module, follower.statement)
    server = knows(module, command.client, "GETEX")
    problem = next((one for one in (expiry, server) if isinstance(one, Refusal)), None)
    if expiry is None or isinstance(expiry, Refusal) or isinstance(server, Refusal):
        assert problem is not None
        return refuse(command.call, problem.code, problem.message)
    ttl = lifetime(module, expiry.ttl)
    if isinstance(ttl, Refusal):
        return refuse(command.call, ttl.code, ttl.message)
    options = {expiry.option: text_of(module, expiry.ttl)}
    return Finding(
        command.call,
        f"get and {expiry.command.method} are one command, getex: one round trip less",
        preconditions=(SAME_KEY, ADJACENT, UNUSED, ttl, *_guards(follower), server),
        change=partial(_extended, module, command, options, follower),
    )


def _extended(module: Module, command: Command, options: dict[str, str], follower: Next) -> Change:
    edits: tuple[Edit, ...] = needed(add_keywords(module, command.call, options))
    return Change((rename(module, command, "getex"), *edits, *taken_away(module, follower)))
