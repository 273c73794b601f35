"""What a function does with everything it calls, by a fix-point over the call graph."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.callgraph import (
    How,
    argument_for,
    callees,
    first_parameter,
    is_method,
    label,
    passed_function,
    plain,
)
from hephaestus_codemods.project.effects import exceptions, mutations, own
from hephaestus_codemods.project.effects.model import Effect, EffectKind, Root, Summary
from hephaestus_codemods.project.scopes import BindingKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.callgraph import Callee
    from hephaestus_codemods.project.values import Function

Key = tuple[EffectKind, str, Root | None]
Found = dict[Key, Effect]

#: More that is unknown is not listed: one is enough to know that not all is known.
MOST_UNKNOWN: Final = 8
#: One step of a way such as ``.orders[].name``.
STEP: Final = re.compile(r"\[\]|\.\.\.|\.[^.\[]+")


def summary_of(function: Function) -> Summary:
    """Return what a call of *function*, as its decorators leave it, may do."""
    memo = function.module.project.memo.summaries
    start = plain(function)
    if start.node not in memo:
        for group in _groups(start, memo.keys()):
            _settle(group, memo)
    return memo[start.node]


def _groups(start: Function, known: object) -> Iterator[list[Function]]:
    """Yield the functions that *start* reaches, those that call each other together.

    A group comes after all groups that it calls (Tarjan's algorithm, without recursion).
    """
    index: dict[ast.AST, int] = {}
    low: dict[ast.AST, int] = {}
    waiting: list[Function] = []
    on_stack: set[ast.AST] = set()
    work: list[tuple[Function, Iterator[Function]]] = []

    def enter(function: Function) -> None:
        index[function.node] = low[function.node] = len(index)
        waiting.append(function)
        on_stack.add(function.node)
        work.append((function, iter(_called_by(function))))

    enter(start)
    while work:
        function, rest = work[-1]
        following = next(rest, None)
        if following is None:
            work.pop()
            if work:
                below = work[-1][0].node
                low[below] = min(low[below], low[function.node])
            if low[function.node] == index[function.node]:
                yield _taken(waiting, on_stack, function)
        elif following.node in index:
            if following.node in on_stack:
                low[function.node] = min(low[function.node], index[following.node])
        elif following.node not in function.module.project.memo.summaries:
            enter(following)


def _taken(waiting: list[Function], on_stack: set[ast.AST], last: Function) -> list[Function]:
    group: list[Function] = []
    while True:
        one = waiting.pop()
        on_stack.discard(one.node)
        group.append(one)
        if one.node is last.node:
            return group


def _called_by(function: Function) -> list[Function]:
    return [
        one
        for callee in callees(function.module, function.node)
        if callee.how is not How.SPAWN
        for one in callee.functions
    ]


def _settle(group: list[Function], memo: dict[ast.AST, Summary]) -> None:
    """Find what the functions of *group* do, given all that they call outside of it."""
    found: dict[ast.AST, Found] = {one.node: _own(one) for one in group}
    changed = True
    while changed:
        changed = False
        for one in group:
            changed |= _merge_calls(one, found, memo)
    for one in group:
        effects = sorted(found[one.node].values(), key=lambda e: (e.kind, e.far, e.what, e.place))
        unknown = [e for e in effects if e.kind is EffectKind.UNKNOWN]
        rest = [e for e in effects if e.kind is not EffectKind.UNKNOWN]
        kept = (*rest, *unknown[:MOST_UNKNOWN])
        cut = len(unknown) > MOST_UNKNOWN or _calls_cut_short(one, memo)
        memo[one.node] = Summary(kept, cut)


def _calls_cut_short(function: Function, memo: dict[ast.AST, Summary]) -> bool:
    return any(memo[one.node].cut_short for one in _called_by(function) if one.node in memo)


def _own(function: Function) -> Found:
    module, node = function.module, function.node
    found: Found = {}
    for effect in own.statements(module, node):
        _add(found, effect)
    for callee in callees(module, node):
        for effect in own.of_callee(module, callee):
            _add(found, effect)
    return found


def _add(found: Found, effect: Effect) -> bool:
    """Keep the shortest way to an effect; say whether there is anything new."""
    key = effect.key
    before = found.get(key)
    if before is not None and before.far <= effect.far:
        return False
    found[key] = effect
    return before is None


def _merge_calls(
    function: Function, found: dict[ast.AST, Found], memo: dict[ast.AST, Summary]
) -> bool:
    here = found[function.node]
    new = False
    for callee in callees(function.module, function.node):
        if callee.how is How.SPAWN or not callee.functions:
            continue
        caught = exceptions.catching(function.module, callee.node)
        for one in callee.functions:
            known = memo.get(one.node)
            effects = known.effects if known is not None else tuple(found[one.node].values())
            if effects:
                new |= _merge(function, here, Site(callee, one, caught), effects)
    return new


@dataclass(frozen=True, slots=True)
class Site:
    """A place that runs *inner*, and what is *caught* around it; *targets* are remembered."""

    callee: Callee
    inner: Function
    caught: tuple[frozenset[str], ...]
    targets: dict[str, mutations.Target | None] = field(default_factory=dict)


def _merge(function: Function, here: Found, site: Site, effects: tuple[Effect, ...]) -> bool:
    name = label(site.inner)
    new = False
    for effect in effects:
        passed = _passed_on(function, site, effect)
        if passed is None:
            continue
        what, root = passed
        chain, far = (name, effect.chain), effect.far + 1
        new |= _add(here, Effect(effect.kind, what, effect.runs, effect.place, chain, far, root))
    return new


#: What an effect is about for a caller, and the variable behind it.
Passed = tuple[str, Root | None] | None


def _passed_on(function: Function, site: Site, effect: Effect) -> Passed:
    """Return what *effect* is about for *function*, which calls it; None when it stays inside."""
    project = function.module.project
    match effect.kind:
        case EffectKind.YIELDS:
            # A generator gives its values to whoever runs over it.
            return None
        case EffectKind.RAISES:
            escapes = exceptions.escapes(project, effect.what, site.caught)
            return (effect.what, None) if escapes else None
        case EffectKind.MUTATES | EffectKind.UNKNOWN if effect.root is not None:
            return _translated(function, site, effect, effect.root)
    return effect.what, effect.root


def _translated(function: Function, site: Site, effect: Effect, root: Root) -> Passed:
    if root == mutations.LOADED.root:
        return mutations.LOADED.text, root
    if root.scope is site.inner.node:
        return _for_argument(function, site, effect, root)
    if root.scope is function.node:
        return _for_own_variable(function, effect, root)
    if site.callee.how is How.WRAP and effect.kind is EffectKind.UNKNOWN:
        # The wrapper calls what it was put around.
        return None
    return effect.what, root


def _for_own_variable(function: Function, effect: Effect, root: Root) -> Passed:
    """A function inside changes or calls a variable of *function*: a parameter, or its own."""
    args = function.node.args
    given = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return (effect.what, root) if any(one.arg == root.name for one in given) else None


def _for_argument(function: Function, site: Site, effect: Effect, root: Root) -> Passed:
    """A parameter is changed or called: find what stands for it in *function*."""
    if effect.kind is EffectKind.UNKNOWN:
        return _called_argument(function, site, effect, root)
    if root.name not in site.targets:
        site.targets[root.name] = _target(function, site, root)
    target = site.targets[root.name]
    if target is None:
        return None
    if target.root == mutations.LOADED.root:
        return mutations.LOADED.text, target.root
    text = target.text
    for part in STEP.findall(effect.what.removeprefix(root.name)):
        text = mutations.joined(text, part)
    return text, target.root


def _target(function: Function, site: Site, root: Root) -> mutations.Target | None:
    node, inner = site.callee.node, site.inner
    given = argument_for(function.module, inner, root.name, node)
    if given is not None:
        return mutations.target_of(function.module, given)
    if is_method(inner) and first_parameter(inner) == root.name:
        return mutations.receiver(function, inner, node)
    return None


def _called_argument(function: Function, site: Site, effect: Effect, root: Root) -> Passed:
    """A parameter is called: what was passed for it may be known here."""
    module = function.module
    given = argument_for(module, site.inner, root.name, site.callee.node)
    if given is None:
        return effect.what, None
    if passed_function(module, given) is not None:
        return None  # it counts as a callback of this call
    if isinstance(given, ast.Name):
        found = module.scopes.lookup(given.id, given)
        if found is not None and any(one.kind is BindingKind.PARAMETER for one in found[1]):
            return effect.what, Root(found[0], given.id)
    return effect.what, None
