"""Deprecated spellings of what ``set`` and ``hset`` do: ``setex``, ``psetex`` and ``hmset``."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import argument, has_unpacking
from hephaestus_codemods.kit.expressions import comments_in, text_of
from hephaestus_codemods.rule import Change, Edit, Established, Finding, Precondition, refuse
from hephaestus_rules.redis_roundtrip_collapse.commands import Command, called, rename
from hephaestus_rules.redis_roundtrip_collapse.keys import is_repeatable
from hephaestus_rules.redis_roundtrip_collapse.lifetimes import known_length

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

#: The command, the name of its second argument, and the keyword of ``set`` that says the same.
TIMED: Final = {"setex": ("time", "ex"), "psetex": ("time_ms", "px")}
SAME: Final = Precondition("the value, the TTL and the result are the same", Established.PROVED)
UNUSED: Final = Precondition("the result is not used", Established.PROVED)


def find_spellings(module: Module, call: ast.Call) -> Iterator[Finding]:
    """Yield *call* when it is one of the deprecated commands."""
    command = called(module, call, *TIMED, "hmset")
    if command is None or command.key is None or has_unpacking(call):
        return
    if command.method == "hmset":
        yield from _hash(module, command)
    else:
        yield from _timed(module, command)


def _timed(module: Module, command: Command) -> Iterator[Finding]:
    name, option = TIMED[command.method]
    time, value = argument(command.call, 1, name), argument(command.call, 2, "value")
    if time is None or value is None or command.size != 3:
        return
    length = known_length(module, time)
    if length is not None and length <= 0:
        return  # an error today, and not ours to reword
    yield Finding(
        command.call,
        f"{command.method} is deprecated; set(..., {option}=...) is the same command. "
        "This saves no round trip",
        preconditions=(SAME, _accepted(length)),
        change=partial(_as_set, module, command, time, value),
    )


def _accepted(length: float | None) -> Precondition:
    name = "the TTL is a whole number or a timedelta"
    if length is not None:
        return Precondition(name, Established.PROVED, f"{length:g}")
    return Precondition(
        name, Established.ASSUMED, "set sends no TTL for None, where setex refuses it"
    )


def _as_set(module: Module, command: Command, time: ast.expr, value: ast.expr) -> Change:
    call = command.call
    name, option = TIMED[command.method]
    renamed = rename(module, command, "set")
    spans = {node: module.source.span(node) for node in (time, value)}
    if time not in call.args:
        given = next(one for one in call.keywords if one.arg == name)
        start = module.source.span(given)[0]
        return Change((renamed, Edit(start, start + len(name), option)))
    inside = module.source.span(call)
    if value not in call.args or comments_in(module, *inside) or not is_repeatable(module, time):
        named = (Edit(spans[value][0], spans[value][0], "value="),) if value in call.args else ()
        return Change((renamed, Edit(spans[time][0], spans[time][0], f"{option}="), *named))
    return Change(
        (
            renamed,
            Edit(*spans[time], text_of(module, value)),
            Edit(*spans[value], f"{option}={text_of(module, time)}"),
        )
    )


def _hash(module: Module, command: Command) -> Iterator[Finding]:
    mapping = argument(command.call, 1, "mapping")
    if mapping is None or command.size != 2:
        return
    if not isinstance(module.parents.get(command.whole), ast.Expr):
        message = "hmset gives True, hset the number of new fields, and the result is used"
        yield refuse(command.call, "result-used", message)
        return
    yield Finding(
        command.call,
        "hmset is deprecated; hset takes the mapping. This saves no round trip",
        preconditions=(UNUSED,),
        change=partial(_as_hset, module, command, mapping),
    )


def _as_hset(module: Module, command: Command, mapping: ast.expr) -> Change:
    start = module.source.span(mapping)[0]
    named = (Edit(start, start, "mapping="),) if mapping in command.call.args else ()
    return Change((rename(module, command, "hset"), *named))
