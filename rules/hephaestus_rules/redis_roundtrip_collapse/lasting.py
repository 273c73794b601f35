"""Keys that live too long: values of a cache without a TTL, and collections freed at once."""

from __future__ import annotations

import ast
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import add_keywords, argument
from hephaestus_codemods.project.kinds import PIPELINES
from hephaestus_codemods.rule import Change, Established, Finding, Precondition, Safety
from hephaestus_rules.redis_roundtrip_collapse.commands import (
    CLIENTS,
    Command,
    called,
    needed,
    rename,
)
from hephaestus_rules.redis_roundtrip_collapse.keys import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

#: A key that calls itself a cache; what is counted, locked or remembered on purpose is none.
CACHE: Final = re.compile(r"(?:^|[^a-z])(?:cache|cached|caches)(?:$|[^a-z])")
NO_CACHE: Final = re.compile(
    r"lock|mutex|session|token|count|config|setting|version|generation|dedup|seen|queue|flag|stat"
)
#: Commands that give a key a TTL, or count on its value staying.
KEEPERS: Final = (
    *("expire", "pexpire", "expireat", "pexpireat", "persist", "getex", "setnx", "incr", "incrby"),
    *("decr", "decrby", "append", "setbit", "setrange"),
)
#: Commands that make a key a collection: freeing one takes as long as it is large.
COLLECTIONS: Final = (
    *("hset", "hmset", "sadd", "zadd", "lpush", "rpush", "xadd", "pfadd", "hincrby", "zincrby"),
)


def find_endless(module: Module, call: ast.Call, ttl: int) -> Iterator[Finding]:
    """Yield ``set(k, v)`` of a key that calls itself a cache and never gets a TTL."""
    command = called(module, call, "set")
    if command is None or command.key is None or command.size != 2:
        return
    key = skeleton(module, command.key)
    if key is None or not CACHE.search(key.lower()) or NO_CACHE.search(key.lower()):
        return
    if _is_used_by(module, key, *KEEPERS):
        return
    chosen = Precondition(
        "the value may be computed anew after the TTL",
        Established.ASSUMED,
        f"the key says cache; {ttl} seconds are this rule's option ttl",
    )
    yield Finding(
        call,
        "a value of a cache without a TTL stays for ever",
        Safety.SUGGEST,
        (chosen,),
        change=partial(_limited, module, call, ttl),
    )


def _limited(module: Module, call: ast.Call, ttl: int) -> Change:
    return Change(needed(add_keywords(module, call, {"ex": str(ttl)})))


def find_freeing(module: Module, call: ast.Call) -> Iterator[Finding]:
    """Yield ``delete(k)`` of a key that the same file fills as a collection."""
    command = called(module, call, "delete")
    if command is None or command.key is None or command.size != 1:
        return
    key = skeleton(module, command.key)
    if key is None or not _is_used_by(module, key, *COLLECTIONS):
        return
    yield Finding(
        call,
        "unlink frees a large collection in the background; delete stops the server meanwhile",
        preconditions=(
            Precondition(
                "the server knows UNLINK (Redis 4.0)", Established.PROVED, "as old as redis-py 3"
            ),
        ),
        change=partial(_unlinked, module, command),
    )


def _unlinked(module: Module, command: Command) -> Change:
    return Change((rename(module, command, "unlink"),))


def _is_used_by(module: Module, key: str, *methods: str) -> bool:
    """Say whether a command of *methods* in this file has a key of the same form."""
    for call in module.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in methods:
            first = argument(call, 0, "name")
            is_meant = module.kind(call.func.value) in CLIENTS | PIPELINES
            if is_meant and first is not None and skeleton(module, first) == key:
                return True
    return False
