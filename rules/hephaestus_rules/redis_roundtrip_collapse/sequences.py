"""What runs right after a statement, and under which condition."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.project.kinds import lineage
from hephaestus_codemods.rule import CannotEdit
from hephaestus_rules.redis_roundtrip_collapse.commands import needed
from hephaestus_rules.redis_roundtrip_collapse.keys import is_repeatable, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Edit

LOGGERS: Final = frozenset({"logging.Logger", "structlog.BoundLogger"})
LEVELS: Final = frozenset("debug info warning error exception critical log".split())


class Guard(StrEnum):
    """What a condition asks of an expression."""

    TRUTHY = "truthy"
    """``if x:``, or what follows ``if not x: return``."""

    NOT_NONE = "not-none"
    """``if x is not None:``, or what follows ``if x is None: return``."""


@dataclass(frozen=True)
class Condition:
    """What has to hold: *guard* of *of*; *negated* is how the test is written."""

    of: ast.expr
    guard: Guard
    negated: bool


@dataclass(frozen=True)
class Next:
    """A statement that runs right after another, if *condition* holds.

    *holder* is the ``if`` whose block it opens; *bound* are names that were bound in between.
    """

    statement: ast.stmt
    condition: Condition | None = None
    holder: ast.If | None = None
    bound: frozenset[str] = frozenset()


def blocks(module: Module) -> Iterator[list[ast.stmt]]:
    """Yield every list of statements of the module, outer before inner."""
    for node in module.nodes:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def condition_of(test: ast.expr) -> Condition:
    """Return what *test* asks."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Condition(operand, Guard.TRUTHY, negated=True)
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=None)]):
            if isinstance(op, ast.Is | ast.IsNot):
                return Condition(left, Guard.NOT_NONE, negated=isinstance(op, ast.Is))
    return Condition(test, Guard.TRUTHY, negated=False)


def after(module: Module, block: Sequence[ast.stmt], at: int) -> Next | None:
    """Return what runs after the statement number *at*; lines that only log are stepped over."""
    index, bound = beyond_quiet(module, block, at + 1)
    if index == len(block):
        return None
    follower = block[index]
    if not isinstance(follower, ast.If):
        return Next(follower, bound=bound)
    condition = condition_of(follower.test)
    if not condition.negated:
        first, inside = beyond_quiet(module, follower.body, 0)
        if first == len(follower.body):
            return None
        return Next(follower.body[first], condition, follower, bound | inside)
    if not ends(follower.body) or follower.orelse:
        return None
    index, later = beyond_quiet(module, block, index + 1)
    return Next(block[index], condition, None, bound | later) if index < len(block) else None


def ends(body: Sequence[ast.stmt]) -> bool:
    """Say whether nothing behind the block runs after it."""
    return isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def beyond_quiet(
    module: Module, block: Sequence[ast.stmt], start: int
) -> tuple[int, frozenset[str]]:
    """Return where the first statement is that does more than to log or to name something.

    The names that are bound on the way come with it.
    """
    bound: frozenset[str] = frozenset()
    for index in range(start, len(block)):
        names = _quiet(module, block[index])
        if names is None:
            return index, bound
        bound |= names
    return len(block), bound


def _quiet(module: Module, statement: ast.stmt) -> frozenset[str] | None:
    """Return the names that a statement binds which takes no time and asks nobody; else None."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return frozenset({name}) if is_repeatable(module, value) else None
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr=attr)) as call):
            kind = module.kind(owner)
            is_logger = kind is not None and not LOGGERS.isdisjoint(lineage(kind))
            given = (*call.args, *(one.value for one in call.keywords))
            if is_logger and attr in LEVELS and all(is_repeatable(module, one) for one in given):
                return frozenset()
    return None


def taken_away(module: Module, follower: Next) -> tuple[Edit, ...]:
    """Return the deletion of the statement, with its ``if`` when nothing else stands in there."""
    holder = follower.holder
    if holder is None or holder.body != [follower.statement]:
        return needed(delete_statement(module, follower.statement))
    if holder.orelse or module.source.segment(holder).startswith("elif"):
        raise CannotEdit("nothing would be left in a block of an if that others follow")
    return needed(delete_statement(module, holder))


def is_about(condition: Condition, name: str | None) -> bool:
    """Say whether the condition asks for the variable *name*."""
    return isinstance(condition.of, ast.Name) and condition.of.id == name


def depends(follower: Next, *nodes: ast.AST) -> bool:
    """Say whether *nodes* read what was bound between the two statements."""
    return not follower.bound.isdisjoint(names_in(*nodes))
