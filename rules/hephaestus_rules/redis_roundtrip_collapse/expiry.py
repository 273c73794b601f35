"""A value and its TTL in one command: ``set`` or ``setnx`` with an ``expire``."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import add_keywords, argument, has_unpacking, keyword
from hephaestus_codemods.kit.expressions import Where, same_expression, text_of
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
    command_of,
    held,
    key_refusal,
    needed,
    rename,
)
from hephaestus_rules.redis_roundtrip_collapse.keys import names_in
from hephaestus_rules.redis_roundtrip_collapse.lifetimes import lifetime
from hephaestus_rules.redis_roundtrip_collapse.sequences import (
    Guard,
    Next,
    after,
    condition_of,
    depends,
    ends,
    is_about,
    taken_away,
)
from hephaestus_rules.redis_roundtrip_collapse.truth import as_bool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module

#: The command that sets a TTL, and the keyword that says the same.
EXPIRES: Final = {"expire": "ex", "pexpire": "px"}
#: What ``set`` may already be told; of these only ``xx`` leaves the meaning of a TTL as it is.
HARMLESS_OPTIONS: Final = frozenset({"name", "value", "xx"})
ONE_COMMAND: Final = "set takes the TTL too: one round trip less, and never a key without a TTL"
UNUSED: Final = Precondition("the result of expire is not used", Established.PROVED)
TRUTH: Final = Precondition("expire runs only when the key was set", Established.PROVED)
REARMED: Final = Precondition(
    "the TTL is not meant to start again with every call",
    Established.ASSUMED,
    "expire runs even when the key was there already: a sliding TTL would become a fixed one",
)


@dataclass(frozen=True)
class Expiry:
    """``client.expire(key, ttl)`` as a statement, and the keyword that takes its place."""

    command: Command
    option: str
    ttl: ast.expr


def expiry_of(module: Module, statement: ast.stmt) -> Expiry | Refusal | None:
    """Return *statement* as one that sets a TTL; a refusal when it is more than that."""
    found = held(module, statement, *EXPIRES)
    if found is None:
        return None
    command = found.command
    ttl = argument(command.call, 1, "time")
    if ttl is None or command.key is None:
        return None
    if found.name is not None:
        return Refusal("result-used", f"the result of {command.method} is used")
    if command.size != 2:
        return Refusal("expire-has-options", f"{command.method} has options of its own")
    return Expiry(command, EXPIRES[command.method], ttl)


def find_expiry(module: Module, block: Sequence[ast.stmt], at: int) -> Iterator[Finding]:
    """Yield ``set`` and ``setnx`` with the ``expire`` that follows, and why some stay."""
    first = held(module, block[at], "set", "setnx")
    if first is not None:
        yield from _after_command(module, first, block, at)
    test = block[at]
    if isinstance(test, ast.If):
        yield from _in_condition(module, test, block, at)


def _after_command(
    module: Module, first: Held, block: Sequence[ast.stmt], at: int
) -> Iterator[Finding]:
    follower = after(module, block, at)
    if follower is None:
        return
    command = first.command
    expiry = _second(module, command, follower.statement)
    if expiry is None:
        yield from _apart(module, command, follower.statement)
        return
    condition = follower.condition
    is_conditional = condition is not None and is_about(condition, first.name)
    if condition is not None and not is_conditional and not _asks_for_ttl(follower, expiry):
        return
    if isinstance(expiry, Refusal):
        yield refuse(command.call, expiry.code, expiry.message)
        return
    if depends(follower, command.call, expiry.command.call):
        yield refuse(command.call, "code-between", "the key or the TTL is bound in between")
        return
    if first.name in names_in(expiry.command.call):
        message = f"{first.name} decides the key or the TTL"
        yield refuse(command.call, "depends-on-value", message)
        return
    conditional = is_conditional and _sets_only_new(command)
    if is_conditional and condition is not None and condition.guard is Guard.NOT_NONE:
        return
    yield _finding(module, first, expiry, follower, conditional=conditional)


def _second(module: Module, command: Command, statement: ast.stmt) -> Expiry | Refusal | None:
    """Return the ``expire`` of the same key that *statement* is, if it is one."""
    found = held(module, statement, *EXPIRES)
    if found is None or not about_the_same(command, found.command):
        return None
    return expiry_of(module, statement)


def _apart(module: Module, command: Command, statement: ast.stmt) -> Iterator[Finding]:
    """Refuse an ``expire`` that follows in a ``try`` or a ``with`` of its own, or is returned."""
    match statement:
        case ast.Try(body=[inner, *_]) | ast.With(body=[inner, *_]):
            if _second(module, command, inner) is not None:
                message = "expire stands in a block of its own: its failure is handled apart"
                yield refuse(command.call, "handled-apart", message)
        case ast.Return(value=value):
            found = command_of(module, value, *EXPIRES)
            if found is not None and about_the_same(command, found):
                yield refuse(command.call, "result-used", f"the result of {found.method} is used")


def _asks_for_ttl(follower: Next, expiry: Expiry | Refusal) -> bool:
    """Say whether the condition asks for the TTL itself: ``if ttl: expire(key, ttl)``."""
    assert follower.condition is not None
    is_known = isinstance(expiry, Expiry) and not isinstance(expiry.ttl, ast.Constant)
    return is_known and same_expression(follower.condition.of, expiry.ttl)  # type: ignore[union-attr]


def _sets_only_new(command: Command) -> bool:
    """Say whether the command leaves a key alone that is there already."""
    given = keyword(command.call, "nx")
    is_true = isinstance(given, ast.Constant) and given.value is True
    return command.method == "setnx" or is_true


def _finding(
    module: Module, first: Held, expiry: Expiry, follower: Next, *, conditional: bool
) -> Finding:
    command = first.command
    ttl = lifetime(module, expiry.ttl)
    refusal = _refusal(module, command) or (ttl if isinstance(ttl, Refusal) else None)
    if refusal is not None:
        return refuse(command.call, refusal.code, refusal.message)
    assert isinstance(ttl, Precondition)
    known = (SAME_KEY, ADJACENT, UNUSED, ttl)
    change = partial(_joined, module, first, expiry, follower)
    if conditional:
        return Finding(command.call, ONE_COMMAND, _of_lock(ttl), (*known, TRUTH), change=change)
    if _sets_only_new(command):
        message = f"{ONE_COMMAND}. Is the TTL meant to start again with each call, as now?"
        return Finding(command.call, message, Safety.REVIEW, (*known, REARMED), change=change)
    return Finding(command.call, ONE_COMMAND, preconditions=known, change=change)


def _of_lock(ttl: Precondition) -> Safety:
    """Return the base class for a key that is set once: a lock deserves a look, whatever its TTL.

    Review when the TTL is proved, and an assumed TTL alone makes it no worse.
    """
    return Safety.REVIEW if ttl.established is Established.PROVED else Safety.SAFE


def _refusal(module: Module, command: Command) -> Refusal | None:
    given = {one.arg for one in command.call.keywords}
    allowed = HARMLESS_OPTIONS | ({"nx"} if _sets_only_new(command) else set())
    if len(command.call.args) > 2 or given - allowed or has_unpacking(command.call):
        message = f"{command.method} has options already: what they mean together is not clear"
        return Refusal("set-has-options", message)
    return key_refusal(module, command)


def _joined(module: Module, first: Held, expiry: Expiry, follower: Next) -> Change:
    """Tell the first command the TTL, and take the second away."""
    ttl = text_of(module, expiry.ttl)
    condition = follower.condition
    if (
        condition is not None
        and condition.guard is Guard.TRUTHY
        and _asks_for_ttl(follower, expiry)
    ):
        ttl = f"{text_of(module, expiry.ttl, Where.OPERAND)} or None"
    gone = taken_away(module, follower)
    return Change((*_with_ttl(module, first, expiry.option, ttl), *gone))


def _with_ttl(module: Module, first: Held, option: str, ttl: str) -> tuple[Edit, ...]:
    command, options = first.command, {option: ttl}
    edits: tuple[Edit, ...] = ()
    if command.method == "setnx":
        options = {"nx": "True", **options}
        edits = (rename(module, command, "set"), *as_bool(module, first))
    return (*edits, *needed(add_keywords(module, command.call, options)))


def _in_condition(
    module: Module, test: ast.If, block: Sequence[ast.stmt], at: int
) -> Iterator[Finding]:
    """Yield ``if setnx: expire``, and ``if not setnx: return`` with an ``expire`` behind it."""
    condition = condition_of(test.test)
    command = command_of(module, condition.of, "setnx", "set")
    if command is None or condition.guard is not Guard.TRUTHY:
        return
    if not condition.negated:
        follower: Next | None = Next(test.body[0], condition, test)
    elif ends(test.body) and not test.orelse:
        follower = after(module, block, at)
    else:
        return
    if follower is None or (condition.negated and follower.condition is not None):
        return
    expiry = _second(module, command, follower.statement)
    if isinstance(expiry, Refusal):
        yield refuse(command.call, expiry.code, expiry.message)
    elif expiry is not None and depends(follower, command.call, expiry.command.call):
        yield refuse(command.call, "code-between", "the key or the TTL is bound in between")
    elif expiry is not None and _is_alone(module, follower):
        found = _finding(module, Held(test, command), expiry, follower, conditional=True)
        change = partial(_unconditional, module, command, expiry, test)
        yield (
            found
            if found.refusal is not None
            else Finding(found.node, found.message, found.base, found.preconditions, change=change)
        )
    elif expiry is not None:
        yield _finding(module, Held(test, command), expiry, follower, conditional=True)


def _is_alone(module: Module, follower: Next) -> bool:
    """Say whether nothing is left to do under the condition once ``expire`` is gone."""
    holder = follower.holder
    return (
        holder is not None
        and holder.body == [follower.statement]
        and not holder.orelse
        and not module.source.segment(holder).startswith("elif")
        and "#" not in module.source.segment(holder)
    )


def _unconditional(module: Module, command: Command, expiry: Expiry, test: ast.If) -> Change:
    """Leave only the command of the ``if``, as a statement."""
    start, end = module.source.span(test)
    head, tail = module.source.span(command.whole)
    ttl = text_of(module, expiry.ttl)
    edits = _with_ttl(module, Held(test, command), expiry.option, ttl)
    return Change((*edits, Edit(start, head, ""), Edit(tail, end, "")))
