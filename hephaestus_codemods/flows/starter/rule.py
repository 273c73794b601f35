"""starter: keep the list that sorted() made instead of copying it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import (
    Change,
    Edit,
    Finding,
    Options,
    Rule,
    Safety,
    Task,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module


def find(module: Module, options: Options) -> Iterator[Finding]:
    """Yield every ``list(sorted(…))``: with its change, or the reason why there is none."""
    for call in module.calls:
        if module.qualified_name(call.func) != "builtins.list" or call.keywords:
            continue
        match call.args:
            case [ast.Call() as inner] if module.qualified_name(inner.func) == "builtins.sorted":
                yield judged(module, call, inner)


def judged(module: Module, call: ast.Call, inner: ast.Call) -> Finding:
    """Return the site with its change, unless the text around the inner call has to stay."""
    (start, end), (inner_start, inner_end) = module.source.span(call), module.source.span(inner)
    before, after = module.source.text[start:inner_start], module.source.text[inner_end:end]
    if "\n" in before + after:
        return refuse(call, "spread-over-lines", "a comment may stand between the brackets")
    change = Change((Edit(start, inner_start, ""), Edit(inner_end, end, "")))
    return Finding(call, "sorted() already makes a list", Safety.SAFE, change=lambda: change)


RULE = Rule(
    __name__,
    summary="Keep the list that sorted() made",
    find=find,
    needles=((b"sorted",), (b"list",)),
    tasks=(Task.API,),
    safety=Safety.SAFE,
)
