"""redis-roundtrip-collapse: let one Redis command do what two do."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.glance import imports, is_told
from hephaestus_codemods.rule import Option, Refusal, Rule, Safety, Task, refuse
from hephaestus_rules.redis_roundtrip_collapse.counters import find_counter
from hephaestus_rules.redis_roundtrip_collapse.expiry import find_expiry
from hephaestus_rules.redis_roundtrip_collapse.lasting import find_endless, find_freeing
from hephaestus_rules.redis_roundtrip_collapse.presence import find_choice, find_presence
from hephaestus_rules.redis_roundtrip_collapse.reading import find_reading
from hephaestus_rules.redis_roundtrip_collapse.sequences import blocks
from hephaestus_rules.redis_roundtrip_collapse.servers import library_refusal
from hephaestus_rules.redis_roundtrip_collapse.spellings import find_spellings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Finding, Options

TTL: Final = Option("ttl", 3600, "seconds that a cached value without a TTL may live", minimum=1)
DEPRECATED: Final = Option(
    "deprecated", True, "rewrite setex, psetex and hmset too, which saves no round trip"
)


def find(module: Module, options: Options) -> Iterator[Finding]:
    """Yield every command that another can replace or do the work of."""
    for finding in _found(module, options):
        assert isinstance(finding.node, ast.Call)
        refusal = _refusal(module, finding.node)
        if refusal is None or finding.refusal is not None:
            yield finding
        else:
            yield refuse(finding.node, refusal.code, refusal.message)


def _found(module: Module, options: Options) -> Iterator[Finding]:
    for block in blocks(module):
        for at in range(len(block)):
            yield from find_expiry(module, block, at)
            yield from find_reading(module, block, at)
            yield from find_presence(module, block, at)
            yield from find_counter(module, block, at)
    for node in module.nodes:
        if isinstance(node, ast.Call):
            yield from find_freeing(module, node)
            yield from find_endless(module, node, int(options.get(TTL.name, TTL.default)))
            if options.get(DEPRECATED.name, DEPRECATED.default):
                yield from find_spellings(module, node)
        elif isinstance(node, ast.IfExp):
            yield from find_choice(module, node)


def _refusal(module: Module, call: ast.Call) -> Refusal | None:
    """Refuse what no edit can reach, and clients that speak another dialect."""
    if any(isinstance(one, ast.JoinedStr) for one in module.ancestors(call)):
        return Refusal("in-f-string", "the command stands in an f-string: give it a name first")
    assert isinstance(call.func, ast.Attribute)
    return library_refusal(module, call.func.value)


RULE = Rule(
    __name__,
    summary="Let one Redis command do what two do",
    find=find,
    needles=(
        (b"redis", b"Redis", b"cache", b"Cache", b"client"),
        (b"expire(", b"exists(", b".delete(", b".unlink(", b".set(", b"setex(", b".hmset("),
    ),
    tell=imports("redis", "aioredis", "flask_redis", "django_redis", "fakeredis"),
    worth=is_told,
    tasks=(Task.CACHE,),
    safety=Safety.SAFE,
    options=(TTL, DEPRECATED),
)
