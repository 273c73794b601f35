"""Which keywords an engine call gets, also through ``**kwargs``."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import argument
from hephaestus_codemods.kit.expressions import Where, text_of
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_rules.sqlalchemy_engine_pool_options.origins import (
    FunctionDef,
    Origin,
    class_of,
    members,
    origins,
)
from hephaestus_rules.sqlalchemy_engine_pool_options.places import calls_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.project.module import Module

#: A literal from which ``**`` takes keywords: ``{"echo": True}`` or ``dict(echo=True)``.
Literal = ast.Dict | ast.Call
#: With one of these the author has decided about the pool.
CHOSEN_BY_AUTHOR: Final = (
    "pool_size",
    "max_overflow",
    "poolclass",
    "pool",
    "creator",
    "async_creator",
    "strategy",
)
DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class Arguments:
    """The keywords of a call with their values, where a person can see them.

    *unseen* says why some keywords cannot be seen, and *chosen* that some of those decide about
    the pool all the same. *literal* is the one dict to which more can be added instead of the
    call.
    """

    given: dict[str, ast.expr] = field(default_factory=dict)
    unseen: str | None = None
    literal: Literal | None = None
    chosen: str | None = None


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
            return replace(inner, given=given)
        given |= inner.given
        literal = inner.literal or literal
    return Arguments(given, None, literal)


def entries_of(module: Module, value: ast.expr) -> dict[str, ast.expr]:
    """Return what a dict is seen to hold, also what is added to it; there may be more."""
    literal = _entries(module, value)
    if literal is not None or not isinstance(value, ast.Name):
        return literal or {}
    grown = _grown(module, value)
    return grown.entries if grown is not None else {}


def _unpacked(module: Module, call: ast.Call, value: ast.expr) -> Arguments:
    entries = _entries(module, value)
    if entries is not None:
        return Arguments(entries)
    text = text_of(module, value, Where.OPERAND)
    hint = _choice(Origin(module, value))
    source = text_of(module, value.func if isinstance(value, ast.Call) else value, Where.VALUE)
    chosen = f"`{hint}` stands in `{source}`" if hint is not None else None
    unseen = Arguments(
        unseen=f"`**{text}` may hold pool settings that cannot be seen here", chosen=chosen
    )
    if not isinstance(value, ast.Name):
        return unseen
    found = module.scopes.lookup(value.id, value)
    if found is not None and len(found[1]) == 1 and found[1][0].kind is BindingKind.PARAMETER:
        return _forwarded(module, found[1][0].node, call) or unseen
    grown = _grown(module, value)
    if grown is None or not grown.closed:
        return unseen
    own = grown.scope is module.scopes.scope(call) and grown.reads == 1
    return Arguments(grown.entries, literal=grown.literal if own else None)


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


# --- Dicts that grow ---


@dataclass(frozen=True, slots=True)
class Grown:
    """A dict that a variable of *scope* holds: all that it may hold at any time.

    *literal* is where it begins, *reads* how often the variable is read. It is not *closed* when
    somebody may add more that is not seen.
    """

    scope: ast.AST
    entries: dict[str, ast.expr]
    literal: Literal
    reads: int
    closed: bool


def _grown(module: Module, name: ast.Name) -> Grown | None:
    found = module.scopes.lookup(name.id, name)
    if found is None or len(found[1]) != 1:
        return None
    scope, (binding,) = found
    if binding.path != () or binding.value is None:
        return None
    entries = _entries(module, binding.value)
    if entries is None:
        return None
    reads = [one for one in _reads(module, name.id) if _scope_of(module, one) is scope]
    added = [_added(module, one) for one in reads]
    for more in added:
        entries = {**(more or {}), **entries}
    assert isinstance(binding.value, ast.Dict | ast.Call)
    return Grown(scope, entries, binding.value, len(reads), closed=None not in added)


def _scope_of(module: Module, name: ast.Name) -> ast.AST | None:
    found = module.scopes.lookup(name.id, name)
    return found[0] if found is not None else None


def _added(module: Module, name: ast.Name) -> dict[str, ast.expr] | None:
    """Return what the use *name* of a dict adds to it; None when somebody else may add more."""
    around = module.parents.get(name)
    match around:
        case ast.keyword(arg=None):
            return {}
        case ast.Subscript(slice=ast.Constant(value=str(key)), ctx=ast.Store()):
            statement = module.statement(name)
            plain = isinstance(statement, ast.Assign) and statement.targets == [around]
            return {key: statement.value if plain else around}  # type: ignore[attr-defined]
        case ast.Subscript(value=value, ctx=ast.Load()) if value is name:
            return {}
        case ast.Attribute(attr="update"):
            return _updated(module, module.parents.get(around))
    return None


def _updated(module: Module, call: ast.AST | None) -> dict[str, ast.expr] | None:
    """Return what ``update()`` adds."""
    if not isinstance(call, ast.Call):
        return None
    found = {one.arg: one.value for one in call.keywords if one.arg is not None}
    if len(found) != len(call.keywords):
        return None
    for one in call.args:
        entries = _entries(module, one)
        if entries is None:
            return None
        found |= entries
    return found


def _reads(module: Module, name: str) -> list[ast.Name]:
    return [
        one
        for one in module.nodes
        if isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
    ]


# --- Keywords that somebody passes on ---


def _forwarded(module: Module, parameter: ast.AST, call: ast.Call) -> Arguments | None:
    """Return what the callers of a wrapper pass on through its ``**kwargs``."""
    function = module.function(call)
    if not isinstance(function, FunctionDef) or function.args.kwarg is not parameter:
        return None
    assert function.args.kwarg is not None
    if len(_reads(module, function.args.kwarg.arg)) != 1 or module.function(function) is not None:
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


# --- What can be seen of the rest ---


def _choice(origin: Origin, depth: int = 0) -> str | None:
    """Return a setting of the pool that stands where the value of *origin* is made."""
    module, node = origin.module, origin.node
    if depth > DEPTH:
        return None
    found = next((one for one in map(_chosen_key, ast.walk(node)) if one is not None), None)
    if found is not None:
        return found
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)]
    inner = (one for name in names for one in _origins(module, name))
    return next((one for part in inner if (one := _choice(part, depth + 1)) is not None), None)


def _origins(module: Module, name: ast.Name | ast.Attribute) -> Iterator[Origin]:
    found = origins(module, name)
    if not found and isinstance(name, ast.Attribute):
        owner = class_of(module, name.value)
        found = members(owner, name.attr) if owner is not None else ()
    yield from (one for one in found if not isinstance(one.node, ast.ClassDef))
    if isinstance(name, ast.Name):
        scope = _scope_of(module, name)
        stores = (one for one in _reads(module, name.id) if _added(module, one))
        same = (one for one in stores if _scope_of(module, one) is scope)
        yield from (Origin(module, module.statement(one)) for one in same)
        yield from _given(module, name)


def _given(module: Module, name: ast.Name) -> Iterator[Origin]:
    """Yield what the callers of a function give for its parameter *name*."""
    found = module.scopes.lookup(name.id, name)
    if found is None or not isinstance(found[0], FunctionDef):
        return
    function, parameters = found[0], [one.arg for one in found[0].args.args]
    if not any(one.kind is BindingKind.PARAMETER for one in found[1]):
        return
    place = parameters.index(name.id) if name.id in parameters else len(parameters)
    for call in calls_of(Origin(module, function), f"{module.name}.{function.name}"):
        assert isinstance(call.node, ast.Call)
        value = argument(call.node, place, name.id)
        if value is not None:
            yield Origin(call.module, value)


def _chosen_key(node: ast.AST) -> str | None:
    match node:
        case ast.Dict(keys=keys):
            names = [key.value for key in keys if isinstance(key, ast.Constant)]
        case ast.Subscript(slice=ast.Constant(value=value), ctx=ast.Store()):
            names = [value]
        case ast.keyword(arg=arg):
            names = [arg]
        case _:
            return None
    return next((one for one in CHOSEN_BY_AUTHOR if one in names), None)
