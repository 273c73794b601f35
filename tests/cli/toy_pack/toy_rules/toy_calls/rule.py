"""toy-calls: ``slow.safe()`` becomes ``fast.safe()``; the attribute names the class."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import (
    Change,
    Edit,
    Established,
    Finding,
    Option,
    Options,
    Precondition,
    Rule,
    Safety,
    Task,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

PROVED = Precondition("the call is slow", Established.PROVED, "it says so")
ASSUMED = Precondition("nobody minds", Established.ASSUMED)


def find(module: Module, options: Options) -> Iterator[Finding]:
    """Yield a finding for each ``slow.CLASS()``."""
    for call in module.calls:
        match call.func:
            case ast.Attribute(ast.Name("slow") as name, kind):
                yield _finding(module, call, name, kind, str(options.get("new", "fast")))


def _finding(module: Module, call: ast.Call, name: ast.Name, kind: str, new: str) -> Finding:
    if kind == "kept":
        return refuse(call, "not-today", "it is not the day for it", [PROVED])
    change = Change((Edit(*module.source.span(name), new),))
    assumed = (PROVED, ASSUMED) if kind == "likely" else (PROVED,)
    base = Safety.SAFE if kind == "likely" else Safety(kind)
    return Finding(call, "fast is faster", base, assumed, change=lambda: change)


RULE = Rule(
    __name__,
    summary="Call what is fast",
    find=find,
    needles=((b"slow.",),),
    tasks=(Task.CACHE,),
    options=(Option("new", "fast", "What is called instead."),),
)
