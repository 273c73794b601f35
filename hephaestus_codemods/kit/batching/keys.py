"""The key that each round asks for, as it reads when all keys are collected before the loop."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.reach import changed_by
from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.kit.expressions import Where, flat_text_of, same_expression
from hephaestus_codemods.kit.loops import (
    Loop,
    assigned_in,
    changed_in,
    is_computable,
    is_condition,
)
from hephaestus_codemods.project.classes import method
from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.project.values import Class, Instance
from hephaestus_codemods.project.variables import only_binding
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Inner:
    """A loop inside the one that the batch stands before: its target, items and conditions."""

    target: str
    items: str
    guards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Key:
    """The expression of the key over the items, and the conditions under which it is asked for.

    *given* is the key as the loop writes it, where the query stood. *inner* is the loop that asks,
    where the batch stands before one around it; *guards* then are those of the outer loop.
    """

    node: ast.expr
    given: ast.expr
    guards: tuple[str, ...] = ()
    inner: Inner | None = None

    def is_surely_given(self, loop: Loop) -> bool:
        """Say whether a condition lets no None through."""
        text = flat_text_of(loop.module, self.node)
        parts = {part for guard in self.guards for part in guard.split(" and ")}
        return bool(parts & {text, f"{text} is not None"})

    def if_given(self, loop: Loop) -> Key:
        """Return the key, asked for only where it is not None."""
        text = flat_text_of(loop.module, self.node)
        return replace(self, guards=(*self.guards, f"{text} is not None"))


#: Statements after which a round is over.
EXITS: Final = (ast.Continue, ast.Raise, ast.Return, ast.Break)
#: Comparisons whose opposite is written with another operator.
OPPOSITES: Final = {
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Eq: "!=",
    ast.NotEq: "==",
}


class _Unclear(Exception):
    """What has to be known before the loop is not; the refusal says what."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def key_of(whole: ast.expr, given: ast.expr, loop: Loop) -> Key | Refusal:
    """Return the key *given* to *whole* as an expression of the items, or why it is none.

    *whole* is the expression in the loop whose answer depends on the key.
    """
    try:
        _check_rebinding(loop, whole, given)
        node = _over_items(loop, given)
        guards = tuple(dict.fromkeys(_guards(loop, whole, node)))
    except _Unclear as unclear:
        return unclear.refusal
    return Key(node, given, guards)


def _over_items(loop: Loop, node: ast.expr) -> ast.expr:
    """Return *node* with a variable of the body replaced by what was put into it."""
    if isinstance(node, ast.Name) and node.id in loop.bound - loop.targets:
        assigned = assigned_in(loop, node)
        if assigned is None:
            message = f"{node.id} is not known before the loop"
            raise _Unclear(Refusal("late-key", message))
        return _over_items(loop, assigned.value)
    if not is_computable(loop.module, node):
        raise _Unclear(Refusal("computed-key", "the key is computed for each item"))
    _check_names(loop, node)
    _check_attributes(loop, node)
    return node


def _check_attributes(loop: Loop, node: ast.expr) -> None:
    """Make sure that the parts of the key are stored values, and stay as they are."""
    module = loop.module
    changed = _changed(loop, node)
    if changed is not None:
        message = f"the loop changes {changed}, which the key is made of"
        raise _Unclear(Refusal("late-key", message))
    for one in ast.walk(node):
        owner = value(module, one.value) if isinstance(one, ast.Attribute) else None
        if not isinstance(owner, Instance) or not isinstance(owner.of, Class):
            continue
        if isinstance(one, ast.Attribute) and method(owner.of, one.attr).functions:
            message = f"{one.attr} is a property, which computes the key for each item"
            raise _Unclear(Refusal("computed-key", message))


def _changed(loop: Loop, node: ast.expr) -> str | None:
    """Return what the loop, or a function that it calls, changes of *node*."""
    here = changed_in(loop, node)
    if here is not None:
        return ast.unparse(here)
    parts = {ast.unparse(one) for one in ast.walk(node) if isinstance(one, ast.expr)}
    calls = (one for one in loop.nodes() if isinstance(one, ast.Call))
    found = (text for call in calls for text in changed_by(loop.module, call))
    return next((text for text in found if text in parts), None)


def _check_names(loop: Loop, node: ast.expr) -> None:
    changing = loop.bound - loop.targets
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and one.id in changing:
            message = f"{one.id} is not known before the loop, or changes in it"
            raise _Unclear(Refusal("late-key", message))


def _check_rebinding(loop: Loop, whole: ast.expr, given: ast.expr) -> None:
    """Make sure that *given* reads the items, and no variable that takes their names before."""
    source = loop.module.source
    top = loop.module.statement(whole)
    read = {one.id for one in ast.walk(given) if isinstance(one, ast.Name)}
    for node in loop.nodes():
        if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Load):
            continue
        if node.id not in read & loop.targets or loop.module.statement(node) is top:
            continue
        if source.span(node)[0] < source.span(whole)[0]:
            message = f"{node.id} changes in the loop before it is asked for"
            raise _Unclear(Refusal("late-key", message))


def _guards(loop: Loop, whole: ast.expr, given: ast.expr) -> Iterator[str]:
    """Yield the conditions under which *whole* is reached, as they read over the items.

    *given* is the key.
    """
    module = loop.module
    for guard in loop.guards:
        if any(one is whole for one in ast.walk(guard)):
            break
        yield _condition(loop, guard, negated=False)
    child: ast.AST = whole
    found: list[tuple[ast.expr, bool]] = []
    if isinstance(loop.node, ast.For):
        found += ((test, True) for test in _skipped(loop, whole, given))
    for around in module.ancestors(whole):
        if around is loop.node:
            break
        match around:
            case ast.If(test=test, body=body) if child is not test:
                found.append((test, child not in body))
            case ast.IfExp(test=test, body=body) if child is not test:
                found.append((test, child is not body))
            case ast.BoolOp(op=op, values=values) if child is not values[0]:
                before = values[: values.index(child)]  # type: ignore[arg-type]  # it is one of them
                found += [(one, isinstance(op, ast.Or)) for one in before]
            case ast.Try() | ast.TryStar():
                message = "an error of one query is handled for its item alone"
                raise _Unclear(Refusal("inside-try", message))
            case ast.Lambda() | ast.While() | ast.With() | ast.AsyncWith() | ast.Match():
                message = "the query stands in a block of its own inside the loop"
                raise _Unclear(Refusal("inner-block", message))
        child = around
    for test, negated in sorted(found, key=lambda one: module.source.span(one[0])[0]):
        if not _remembers(loop, test, given, negated=negated):
            yield _condition(loop, test, negated=negated)


def _remembers(loop: Loop, test: ast.expr, given: ast.expr, *, negated: bool) -> bool:
    """Say whether *test* only asks if the same key was asked for before: ``if key not in seen``."""
    match test:
        case ast.Compare(left=left, ops=[operator], comparators=[ast.Name() as seen]):
            is_new = isinstance(operator, ast.In if negated else ast.NotIn)
        case _:
            return False
    binding = only_binding(loop.module, seen)
    if not is_new or binding is None or binding.value is None or not _is_empty(binding.value):
        return False
    return same_expression(_over_items(loop, left), given)


def _is_empty(node: ast.expr) -> bool:
    match node:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(func=ast.Name(id="dict" | "set" | "list"), args=[], keywords=[]):
            return True
    return False


def _skipped(loop: Loop, whole: ast.expr, given: ast.expr) -> Iterator[ast.expr]:
    """Yield the tests of ``if …: continue`` and ``if …: raise`` before the query."""
    for statement in _before(loop, whole):
        if not any(isinstance(one, EXITS) for one in ast.walk(statement)):
            continue
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], EXITS):
            if _remembers(loop, statement.test, given, negated=True):
                continue
            is_copied = is_condition(loop.module, statement.test) and not statement.orelse
            if is_copied or not _is_near(loop, given):
                yield statement.test
                continue
            if not isinstance(statement.body[-1], ast.Continue):
                continue  # the row is read in vain, before the error
        elif _is_near(loop, given):
            continue
        message = "it is asked only under a condition that is not known before the loop"
        raise _Unclear(Refusal("conditional", message))


def _before(loop: Loop, whole: ast.expr) -> Iterator[ast.stmt]:
    """Yield the statements of the loop's body that run before *whole* in its round."""
    module = loop.module
    for around in (whole, *module.ancestors(whole)):
        if around is loop.node:
            return
        block = block_of(module, around) if isinstance(around, ast.stmt) else None
        for one in block or ():
            if one is around:
                break
            yield one


def _is_near(loop: Loop, node: ast.expr) -> bool:
    """Say whether the key can be read of every item: it is the item, or lies directly in it."""
    if isinstance(node, ast.Name):
        return True
    owner = node.value if isinstance(node, ast.Attribute | ast.Subscript) else node
    if not isinstance(owner, ast.Name) or owner.id not in loop.targets:
        return False
    return loop.module.kind(owner) is not None or isinstance(node, ast.Subscript)


def _condition(loop: Loop, node: ast.expr, *, negated: bool) -> str:
    """Return *node*, or its opposite, as it reads over the items."""
    try:
        if is_condition(loop.module, node) and _changed(loop, node) is None:
            return _negation(loop, node) if negated else _inlined(loop, node)
    except _Unclear:
        pass
    message = "it is asked only under a condition that is not known before the loop"
    raise _Unclear(Refusal("conditional", message))


def _negation(loop: Loop, node: ast.expr) -> str:
    """Return the text of ``not node``, as people write it."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _inlined(loop, operand)
        case ast.BoolOp(op=ast.Or(), values=values):
            return " and ".join(_negation(loop, one) for one in values)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            opposite = OPPOSITES.get(type(operator))
            if opposite is not None:
                return f"{_inlined(loop, left)} {opposite} {_inlined(loop, right)}"
    text = _inlined(loop, node)
    return f"not ({text})" if isinstance(node, ast.BoolOp | ast.Compare) else f"not {text}"


def _inlined(loop: Loop, node: ast.expr) -> str:
    """Return the text of *node* with variables of the body replaced by what was put into them."""
    local = [
        one
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and one.id in loop.bound - loop.targets
    ]
    if not local:
        _check_names(loop, node)
        return flat_text_of(loop.module, node)
    source = loop.module.source
    start, end = source.span(node)
    text = source.text[start:end]
    for one in sorted(local, key=lambda found: source.span(found)[0], reverse=True):
        first, last = source.span(one)
        value = flat_text_of(loop.module, _over_items(loop, one), Where.OPERAND)
        text = f"{text[: first - start]}{value}{text[last - start :]}"
    if LINE_END.search(text):
        raise _Unclear(Refusal("conditional", "the condition runs over several lines"))
    return text
