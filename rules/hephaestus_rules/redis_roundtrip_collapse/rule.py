"""redis-roundtrip-collapse: let one atomic command do what two commands do."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Rule, Safety, Task, refuse
from hephaestus_rules.redis_roundtrip_collapse.commands import about_the_same, blocks, bound
from hephaestus_rules.redis_roundtrip_collapse.expiry import (
    expiry_of,
    find_conditional,
    find_pairs,
)
from hephaestus_rules.redis_roundtrip_collapse.presence import find_presence
from hephaestus_rules.redis_roundtrip_collapse.taking import find_hmset, find_taking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Finding, Options


def find(module: Module, options: Options) -> Iterator[Finding]:  # it has none
    """Yield every pair of commands that one command can replace."""
    for block in blocks(module):
        followers = [*block[1:], None]
        for first, second in zip(block, followers, strict=True):
            yield from find_hmset(module, first)
            if isinstance(first, ast.If):
                yield from find_conditional(module, first, second)
                yield from find_presence(module, first, second)
        for first, second in pairwise(block):
            yield from find_pairs(module, first, second)
            yield from find_taking(module, first, second)
            yield from _find_counter(module, first, second)


def _find_counter(module: Module, first: ast.stmt, second: ast.stmt) -> Iterator[Finding]:
    """Refuse ``n = incr(k)`` with ``if n == 1: expire(k, t)``, and say why."""
    counted = bound(module, first, "incr", "incrby")
    if counted is None or not isinstance(second, ast.If):
        return
    expiry = expiry_of(module, second.body[0])
    if expiry is None or not about_the_same(counted[1], expiry.command):
        return
    match second.test:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq()]) if name == counted[0]:
            yield refuse(
                counted[1].call,
                "counter-with-ttl",
                "all calls but the first are one round trip already; a crash between the two "
                "leaves a counter without a TTL, which only a Lua script or a transaction cures",
            )


RULE = Rule(
    __name__,
    summary="Let one Redis command do what two do",
    find=find,
    needles=(
        (b"redis",),
        (b".expire(", b".pexpire(", b".exists(", b".delete(", b".unlink(", b".hmset("),
    ),
    tasks=(Task.CACHE,),
    safety=Safety.SAFE,
)
