"""Loops that run over items one by one, and what in them depends on the item."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from hephaestus_codemods.project.nodes import Function, walk
from hephaestus_codemods.project.variables import only_binding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp
#: What a call may stand in that runs another number of times, or at another time, than a loop.
Apart = Function | ast.ClassDef | ast.AsyncFor | ast.While | ast.GeneratorExp


@dataclass(frozen=True)
class Loop:
    """A ``for`` statement, or a comprehension with one ``for`` clause that runs at once.

    *place* is the statement before which code that runs once can stand.
    """

    module: Module
    node: ast.For | Comprehension
    target: ast.expr
    iterable: ast.expr
    place: ast.stmt

    @cached_property
    def targets(self) -> frozenset[str]:
        """The names that stand for the item."""
        return frozenset(n.id for n in ast.walk(self.target) if isinstance(n, ast.Name))

    @cached_property
    def bound(self) -> frozenset[str]:
        """The names that may change from round to round: targets, and what the body binds."""
        return self.targets.union(*map(stored_in, self.inside))

    @property
    def body(self) -> list[ast.stmt]:
        """The statements of a ``for``; none in a comprehension."""
        return self.node.body if isinstance(self.node, ast.For) else []

    @property
    def inside(self) -> list[ast.AST]:
        """All that runs once for each item."""
        match self.node:
            case ast.For(body=body):
                return [*body]
            case ast.DictComp(key=key, value=value):
                return [key, value, *self.guards]
            case ast.ListComp(elt=element) | ast.SetComp(elt=element):
                return [element, *self.guards]

    @property
    def guards(self) -> list[ast.expr]:
        """The ``if`` clauses of a comprehension."""
        return [] if isinstance(self.node, ast.For) else self.node.generators[0].ifs

    def nodes(self) -> Iterator[ast.AST]:
        """Yield everything inside, functions that are only defined there left out."""
        stack: list[ast.AST] = [*self.inside]
        while stack:
            node = stack.pop()
            yield node
            if not isinstance(node, Function):
                stack += ast.iter_child_nodes(node)

    def varies(self, node: ast.AST) -> bool:
        """Say whether *node* reads a name that changes from round to round."""
        return any(isinstance(one, ast.Name) and one.id in self.bound for one in ast.walk(node))


@lru_cache(maxsize=1024)  # asked for every call in a loop; a node is only equal to itself
def stored_in(node: ast.AST) -> frozenset[str]:
    """Return the names that the code in *node* binds or deletes."""
    return frozenset(
        one.id
        for one in walk(node)[0]
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    )


def loop_around(module: Module, node: ast.AST) -> Loop | None:
    """Return the innermost loop whose body holds *node*, within its function."""
    child = node
    for around in module.ancestors(node):
        if isinstance(around, Apart):
            return None
        if isinstance(around, ast.For) and child in around.body:
            return Loop(module, around, around.target, around.iter, around)
        if isinstance(around, Comprehension) and not _is_run_over(around, node):
            if len(around.generators) != 1 or around.generators[0].is_async:
                return None
            clause = around.generators[0]
            return Loop(module, around, clause.target, clause.iter, module.statement(around))
        child = around
    return None


def _is_run_over(around: Comprehension, node: ast.AST) -> bool:
    """Say whether *node* belongs to the first iterable, which is evaluated once."""
    return any(one is node for one in ast.walk(around.generators[0].iter))


def runs_first(loop: Loop) -> bool:
    """Say whether nothing of its statement runs before the comprehension *loop*, or instead of it.

    Then code in front of the statement runs just before it.
    """
    if isinstance(loop.node, ast.For):
        return True
    module, node = loop.module, loop.node
    start = module.source.span(node)[0]
    child: ast.AST = node
    for around in module.ancestors(node):
        if isinstance(around, ast.IfExp | ast.BoolOp | ast.comprehension | Comprehension):
            return False
        if isinstance(around, ast.stmt):
            if isinstance(around, ast.While) or (
                isinstance(around, ast.If) and module.source.segment(around).startswith("elif")
            ):
                return False
            break
        child = around
    statement = module.statement(child)
    return not any(
        isinstance(one, ast.Call | ast.Await | ast.Yield | ast.YieldFrom)
        and module.source.span(one)[1] <= start
        for one in ast.walk(statement)
    )


def assigned_in(loop: Loop, node: ast.Name) -> ast.Assign | None:
    """Return the one assignment of *node*, when it is a statement of the loop's own body."""
    binding = only_binding(loop.module, node)
    if binding is None or not isinstance(binding.node, ast.Assign):
        return None
    return binding.node if binding.node in loop.body else None


def is_readable(node: ast.expr) -> bool:
    """Say whether *node* only looks at names, attributes, items and constants."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Attribute(value=value):
            return is_readable(value)
        case ast.Subscript(value=value, slice=index):
            return is_readable(value) and is_readable(index)
    return False


def is_condition(node: ast.expr) -> bool:
    """Say whether *node* compares and combines what can be read."""
    match node:
        case ast.BoolOp(values=values):
            return all(is_condition(one) for one in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return is_condition(operand)
        case ast.Compare(left=left, comparators=others):
            return all(is_readable(one) for one in (left, *others))
    return is_readable(node)
