"""Puts every assigned or returned value into a call of a function that has to be imported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Change, Edit, Finding, Import, Rule, Safety

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options

NAME = "hc_toy_wrapped"
IMPORT = Import("hc_toy_module", NAME)


def find(module: Module, options: Options) -> Iterator[Finding]:
    for node in module.nodes:
        if not isinstance(node, ast.Assign | ast.Return) or node.value is None:
            continue
        if isinstance(node.value, ast.Call) and NAME in module.source.segment(node.value.func):
            continue
        start, end = module.source.span(node.value)
        edits = Edit(start, start, f"{NAME}(("), Edit(end, end, "))")
        change = Change(edits, imports=(IMPORT,))
        yield Finding(node, "a value is bare", change=lambda change=change: change)


RULE = Rule(__name__, "Wrap every value", find, needles=(), safety=Safety.SAFE, in_tests=True)
