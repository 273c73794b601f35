"""The key that each round asks for, as it reads when all keys are collected before the loop."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.loops import Loop, assigned_in, is_condition, is_readable
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Key:
    """The expression of the key over the items, and the conditions under which it is asked for.

    *given* is the key as the loop writes it, where the query stood.
    """

    node: ast.expr
    given: ast.expr
    guards: tuple[str, ...] = ()

    def is_item(self, loop: Loop) -> bool:
        """Say whether the item itself is the key."""
        if not isinstance(self.node, ast.Name) or not isinstance(loop.target, ast.Name):
            return False
        return self.node.id == loop.target.id and not self.guards


class _Unclear(Exception):
    """What has to be known before the loop is not; the refusal says what."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def key_of(whole: ast.expr, given: ast.expr, loop: Loop) -> Key | Refusal:
    """Return the key *given* to *whole* as an expression of the items, or why it is none.

    *whole* is the expression in the loop whose answer depends on the key.
    """
    try:
        node = _over_items(loop, given)
        guards = tuple(_guards(loop, whole))
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
    if not is_readable(node):
        raise _Unclear(Refusal("computed-key", "the key is computed for each item"))
    _check_names(loop, node)
    return node


def _check_names(loop: Loop, node: ast.expr) -> None:
    changing = loop.bound - loop.targets | _rebound(loop)
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and one.id in changing:
            message = f"{one.id} is not known before the loop, or changes in it"
            raise _Unclear(Refusal("late-key", message))


def _rebound(loop: Loop) -> set[str]:
    """Return the targets that the body binds again."""
    return {
        node.id
        for node in loop.nodes()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    } & loop.targets


def _guards(loop: Loop, whole: ast.expr) -> Iterator[str]:
    """Yield the conditions under which the query is reached, as they read over the items."""
    module = loop.module
    for guard in loop.guards:
        if not any(one is whole for one in ast.walk(guard)):
            yield _condition(loop, guard, negated=False)
    if isinstance(loop.node, ast.For):
        yield from _skipped(loop, whole)
    child: ast.AST = whole
    found: list[tuple[ast.expr, bool]] = []
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
    for test, negated in reversed(found):
        yield _condition(loop, test, negated=negated)


def _skipped(loop: Loop, whole: ast.expr) -> Iterator[str]:
    """Yield the conditions of ``if …: continue`` before the query."""
    top = next(one for one in loop.body if any(inner is whole for inner in ast.walk(one)))
    for statement in loop.body[: loop.body.index(top)]:
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Continue):
            if statement.orelse or (len(statement.body) > 1 and not _is_quiet(statement.body[:-1])):
                continue
            yield _condition(loop, statement.test, negated=True)


def _is_quiet(statements: list[ast.stmt]) -> bool:
    return not any(isinstance(one, ast.Assign | ast.AugAssign) for one in statements)


def _condition(loop: Loop, node: ast.expr, *, negated: bool) -> str:
    if not is_condition(node):
        message = "it is asked only under a condition that is not known before the loop"
        raise _Unclear(Refusal("conditional", message))
    try:
        _check_names(loop, node)
    except _Unclear:
        message = "it is asked only under a condition that is not known before the loop"
        raise _Unclear(Refusal("conditional", message)) from None
    return negation(loop, node) if negated else loop.module.source.segment(node)


def negation(loop: Loop, node: ast.expr) -> str:
    """Return the text of ``not node``, as people write it."""
    text = loop.module.source.segment(node)
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return loop.module.source.segment(operand)
        case ast.Compare(ops=[ast.Is()]):
            return _between(loop, node, "is not")
        case ast.Compare(ops=[ast.IsNot()]):
            return _between(loop, node, "is")
        case ast.BoolOp() | ast.Compare():
            return f"not ({text})"
    return f"not {text}"


def _between(loop: Loop, node: ast.Compare, operator: str) -> str:
    source = loop.module.source
    return f"{source.segment(node.left)} {operator} {source.segment(node.comparators[0])}"
