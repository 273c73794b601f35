"""Which keywords an engine call gets, also through ``**kwargs``."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.expressions import Where, text_of
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_rules.sqlalchemy_engine_pool_options.origins import FunctionDef, Origin
from hephaestus_rules.sqlalchemy_engine_pool_options.places import calls_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.project.module import Module

#: A literal from which ``**`` takes keywords: ``{"echo": True}`` or ``dict(echo=True)``.
Literal = ast.Dict | ast.Call


@dataclass(frozen=True, slots=True)
class Arguments:
    """The keywords of a call with their values, where a person can see them.

    *unseen* says why some keywords cannot be seen. *literal* is the one dict to which more can be
    added instead of the call.
    """

    given: dict[str, ast.expr] = field(default_factory=dict)
    unseen: str | None = None
    literal: Literal | None = None


def arguments_of(module: Module, call: ast.Call) -> Arguments:
    """Return the keywords that *call* gets."""
    if any(isinstance(one, ast.Starred) for one in call.args):
        return Arguments(unseen="its arguments come from a sequence that cannot be seen here")
    given: dict[str, ast.expr] = {}
    literal: Literal | None = None
    for one in call.keywords:
        if one.arg is not None:
            given[one.arg] = one.value
            continue
        inner = _unpacked(module, call, one.value)
        if inner.unseen is not None:
            return Arguments(given, inner.unseen)
        given |= inner.given
        literal = inner.literal or literal
    return Arguments(given, None, literal)


def _unpacked(module: Module, call: ast.Call, value: ast.expr) -> Arguments:
    entries = _entries(module, value)
    if entries is not None:
        return Arguments(entries)
    text = text_of(module, value, Where.OPERAND)
    unseen = Arguments(unseen=f"`**{text}` may hold pool settings that cannot be seen here")
    if not isinstance(value, ast.Name):
        return unseen
    found = module.scopes.lookup(value.id, value)
    if found is None or len(found[1]) != 1:
        return unseen
    scope, (binding,) = found
    if binding.kind is BindingKind.PARAMETER:
        return _forwarded(module, binding.node, call) or unseen
    if scope is not module.scopes.scope(call) or binding.path != () or binding.value is None:
        return unseen
    entries = _entries(module, binding.value)
    if entries is None:
        return unseen
    if _reads(module, value.id) != 1:
        return Arguments(unseen=f"`{text}` is used elsewhere too, where it may change")
    assert isinstance(binding.value, ast.Dict | ast.Call)
    return Arguments(entries, literal=binding.value)


def _entries(module: Module, value: ast.expr) -> dict[str, ast.expr] | None:
    """Return what a literal dict holds; None when it is none, or has keys that cannot be seen."""
    if isinstance(value, ast.Dict):
        found = {
            key.value: one
            for key, one in zip(value.keys, value.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        return found if len(found) == len(value.keys) else None
    if isinstance(value, ast.Call) and module.qualified_name(value.func) == "builtins.dict":
        pairs = [(one.arg, one.value) for one in value.keywords if one.arg is not None]
        return dict(pairs) if not value.args and len(pairs) == len(value.keywords) else None
    return None


def _reads(module: Module, name: str) -> int:
    return sum(
        isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
        for one in module.nodes
    )


def _forwarded(module: Module, parameter: ast.AST, call: ast.Call) -> Arguments | None:
    """Return what the callers of a wrapper pass on through its ``**kwargs``."""
    function = module.function(call)
    if not isinstance(function, FunctionDef) or function.args.kwarg is not parameter:
        return None
    assert function.args.kwarg is not None
    if _reads(module, function.args.kwarg.arg) != 1 or module.function(function) is not None:
        return None
    if isinstance(module.parents.get(function), ast.ClassDef):
        return None
    own = {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}
    callers = calls_of(Origin(module, function), f"{module.name}.{function.name}")
    return _passed((one.node for one in callers), own)


def _passed(calls: Iterable[ast.AST], own: set[str]) -> Arguments | None:
    given: dict[str, ast.expr] = {}
    for call in calls:
        assert isinstance(call, ast.Call)
        if any(one.arg is None for one in call.keywords):
            return None
        given |= {one.arg: one.value for one in call.keywords if one.arg and one.arg not in own}
    return Arguments(given)
