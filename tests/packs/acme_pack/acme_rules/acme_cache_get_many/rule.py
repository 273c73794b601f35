"""acme-cache-get-many: ask Acme's cache for all keys at once."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Change, Edit, Finding, Options, Rule, Safety, Task, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

SLOW, FAST = "acme.cache.get_each", "get_many"


def find(module: Module, options: Options) -> Iterator[Finding]:
    """Yield every call of the function that asks for one key after the other."""
    for call in module.calls:
        if module.qualified_name(call.func) != SLOW:
            continue
        if not isinstance(call.func, ast.Attribute):
            yield refuse(call, "imported-by-name", "import acme.cache and call it from there")
            continue
        end = module.source.span(call.func)[1]
        change = Change((Edit(end - len("get_each"), end, FAST),))
        yield Finding(call, "get_many asks once", Safety.SAFE, change=lambda made=change: made)


RULE = Rule(
    __name__,
    summary="Ask Acme's cache for all keys at once",
    find=find,
    needles=((b"get_each",),),
    tasks=(Task.CACHE,),
    safety=Safety.SAFE,
)
