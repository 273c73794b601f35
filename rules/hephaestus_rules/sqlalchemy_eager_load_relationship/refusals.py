"""Queries to which no loading option is added."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.queries import SESSIONS
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from hephaestus_rules.sqlalchemy_eager_load_relationship.origins import Loaded, Run

#: Methods that decide themselves what is loaded, or with which one option more would not go.
OTHERS: Final = {
    "yield_per": "its objects come in portions",
    "from_statement": "its statement is written out",
    "with_entities": "what it reads is changed on the way",
    "with_only_columns": "what it reads is changed on the way",
    "union": "it joins several queries",
    "union_all": "it joins several queries",
    "populate_existing": "it overwrites loaded objects",
}
ENDING: Final = frozenset({"commit", "rollback", "expire", "expire_all", "refresh", "expunge"})
OPTIONS: Final = frozenset({"raiseload", "noload", "contains_eager", "lazyload"})


def refusal_of(loaded: Loaded) -> Refusal | None:
    """Return why the query of *loaded* stays as it is."""
    for link in loaded.query.links:
        if link.name in OTHERS:
            return Refusal(f"query-has-{link.name.replace('_', '-')}", OTHERS[link.name])
        if link.name == "options" and _decides(link.call):
            return Refusal("query-has-options", "its options decide how relationships are loaded")
    for run, _ in loaded.runs:
        refusal = _in_loop(loaded, run)
        if refusal is not None:
            return refusal
    return None


def _decides(call: ast.Call) -> bool:
    named = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(call)
        if isinstance(node, ast.Call) and node is not call
    }
    return bool(named & OPTIONS) or any(isinstance(one, ast.Starred) for one in call.args)


def _in_loop(loaded: Loaded, run: Run) -> Refusal | None:
    for node in ast.walk(run):
        if isinstance(node, ast.Break | ast.Return):
            message = "the loop may end early: the rest is never touched"
            return Refusal("early-exit", message)
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return Refusal("generator", "the loop hands out its items: its reader may stop")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ENDING
            and loaded.module.kind(node.func.value) in SESSIONS
        ):
            message = f"{node.func.attr}() in the loop: what is loaded has to be read again"
            return Refusal("session-state", message)
    return None
