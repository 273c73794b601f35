"""Gives every call one keyword more, also where that is not allowed: then the gates have work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Change, Edit, Finding, Rule, Safety

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options

KEYWORD = "hc_toy"
#: What the other toy puts in is its own: two rules at one call would never come to an end.
OTHER = "hc_toy_wrapped"


def find(module: Module, options: Options) -> Iterator[Finding]:
    for call in module.calls:
        if module.source.segment(call.func) == OTHER:
            continue
        if all(one.arg != KEYWORD for one in call.keywords):
            end = module.source.span(call)[1] - 1
            inside = module.source.text[module.source.span(call.func)[1] : end]
            comma = (
                ", " if (call.args or call.keywords) and not inside.rstrip().endswith(",") else ""
            )
            change = Change((Edit(end, end, f"{comma}{KEYWORD}=1"),))
            yield Finding(call, "a keyword is missing", change=lambda change=change: change)


RULE = Rule(
    __name__, "Give every call a keyword", find, needles=(), safety=Safety.SAFE, in_tests=True
)
