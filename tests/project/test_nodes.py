"""The fast walk sees what ``ast.walk`` sees, but for contexts, operators and the like."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from hephaestus_codemods.project.nodes import walk

LIB = Path(ast.__file__).parent
MARKS = ast.expr_context | ast.boolop | ast.operator | ast.unaryop | ast.cmpop
#: Nodes that are only a name, or that only hold some.
NAMES = ast.alias | ast.TypeIgnore

MATCHES = """
match x:
    case True | None | 1 | -1 | 'a' | {'k': 1, **rest} | [1, *others] | C(1, y=2) as z:
        pass
"""
NEWER = "class A[T: int]: ...\ntype X[*Ts, **P] = list[T]\n"
TEXTS = {"matches": MATCHES} | ({"type parameters": NEWER} if sys.version_info >= (3, 12) else {})


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_odd_nodes_are_walked(text: str) -> None:
    same_nodes(text)


@pytest.mark.parametrize("name", ["ast", "asyncio/base_events", "typing", "dataclasses"])
def test_real_modules_are_walked(name: str) -> None:
    same_nodes((LIB / f"{name}.py").read_text(encoding="utf-8"))


def same_nodes(text: str) -> None:
    tree = ast.parse(text)
    found, parents = walk(tree)
    usual = {node for node in ast.walk(tree) if not isinstance(node, MARKS | NAMES)}
    assert {node for node in found if not isinstance(node, NAMES)} == usual
    for node in usual:
        for child in ast.iter_child_nodes(node):
            assert isinstance(child, MARKS | NAMES) or parents[child] is node
