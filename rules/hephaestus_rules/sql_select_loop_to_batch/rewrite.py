"""Writes a batch as a colleague would: a few lines before the loop, and a look-up inside it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.plans import Batch, Plan
from hephaestus_codemods.kit.batching.statement import Statement
from hephaestus_codemods.kit.batching.types import column_at
from hephaestus_codemods.kit.batching.writing import (
    answered,
    before_loop,
    collected,
    groups,
    needed,
)
from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import comments_in, flat_text_of
from hephaestus_codemods.kit.names import is_free
from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.queries import Form, Gives
from hephaestus_codemods.project.variables import only_binding, reads_of
from hephaestus_codemods.rule import CannotEdit, Change

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


def rewritten(plan: Plan) -> Change:
    """Return the change that makes *plan* true."""
    return _Writer(plan).change()


class _Writer:
    """The parts of one rewrite, and the imports they need."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = plan.loop
        self.module = plan.loop.module
        self.query = plan.shape.query
        self.asked = Statement(
            plan.shape, collected(plan.loop, plan.key, plan.items), plan.loop.place
        )
        self.column = len(self.module.source.indent(self.module.source.span(plan.loop.place)[0]))

    def change(self) -> Change:
        """Return all edits of the rewrite."""
        module, query = self.module, self.query
        for part in (query.whole, *query.steps):
            if comments_in(module, *module.source.span(part)):
                raise CannotEdit("a comment stands inside the query")
        before, found = self._batch()
        edits = [*before_loop(self.loop, self.plan.items, before)]
        if found is not None:
            width = self.asked.width
            edits = answered(self.loop, edits, query.whole, found, self.plan.items, width)
            for step in query.steps:
                edits += needed(delete_statement(module, step))
        return Change(tuple(edits), tuple(sorted(self.asked.imports)))

    def _batch(self) -> tuple[str, str | None]:
        """Return the statement before the loop, and what takes the place of the query."""
        match self.plan.batch:
            case Batch.PREFETCH:
                return self._prefetch()
            case Batch.BY_KEY:
                return self._by_key()
            case Batch.GROUPS:
                return self._groups()

    def _prefetch(self) -> tuple[str, str | None]:
        name = self.asked.fresh(f"_{plural(self.asked.noun)}")
        sent = self.asked.sent()
        sent = f"({sent})" if self.query.is_async else sent
        comment = "# They stay in the session, where the loop finds them by their keys."
        found = None if self.query.form is Form.GET else self._got()
        return f"{comment}\n{self._assigned(name, f'{sent}.all()')}", found

    def _got(self) -> str:
        wait = "await " if self.query.is_async else ""
        key = flat_text_of(self.module, self.plan.key.given)
        if self.query.session is None:
            return f"{self.asked.entity}.query.get({key})"
        get = "get_one" if self.query.gives is Gives.ONE else "get"
        text = f"{wait}{self.asked.session}.{get}({self.asked.entity}, {key})"
        return f"({text})" if wait and self._is_operand() else text

    def _by_key(self) -> tuple[str, str | None]:
        asked, shape = self.asked, self.plan.shape
        noun, column = asked.noun, shape.key.column.attribute
        if shape.selected.column is not None:
            value = shape.selected.column.attribute
            name = self._answer(value)
            sent = asked.sent(f"{asked.entity}.{column}, {asked.entity}.{value}")
            sent = f"({sent})" if self.query.is_async else sent
            return self._assigned(name, f"dict({sent}.all())"), self._looked_up(name)
        name = self._answer(noun)
        text = by_key(name, noun, column, asked.sent(), self.column, asked.width)
        return text, self._looked_up(name)

    def _answer(self, noun: str) -> str:
        """Return a name for the dictionary; where it is taken, one that says whose keys it has."""
        column = self.plan.shape.key.column.attribute
        key = self.plan.key.node
        role = key.attr.removesuffix("_id") if isinstance(key, ast.Attribute) else ""
        role = "" if role == getattr(key, "attr", "") else role
        wanted, other = f"{plural(noun)}_by_{column}", f"{plural(role)}_by_{column}"
        place = self.loop.place
        if role and not is_free(self.module, wanted, place) and is_free(self.module, other, place):
            return other
        return self.asked.fresh(wanted)

    def _looked_up(self, name: str) -> str:
        return f"{name}.get({flat_text_of(self.module, self.plan.key.given)})"

    def _groups(self) -> tuple[str, str | None]:
        shape = self.plan.shape
        column = shape.selected.column
        noun = column.attribute if column is not None else self.asked.noun
        name = self._answer(noun)
        text = groups(self.asked, name, self.column)
        found = f"{name}[{flat_text_of(self.module, self.plan.key.given)}]"
        is_shared = not _is_only_read(self.module, self.query.whole) and not self._is_own_key()
        return text, f"list({found})" if is_shared else found

    def _is_own_key(self) -> bool:
        """Say whether each item has a key of its own: that of its table."""
        key = self.plan.key.node
        if not isinstance(key, ast.Attribute) or not isinstance(key.value, ast.Name):
            return False
        column = column_at(self.module, key)
        return column is not None and column.primary_key

    def _is_operand(self) -> bool:
        parent = self.module.parents.get(self.query.whole)
        return isinstance(
            parent, ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.Compare
        )

    def _assigned(self, name: str, value: str) -> str:
        return f"{name} = {broken(value, self.column, len(name) + 3, self.asked.width)}"


def by_key(name: str, noun: str, column: str, sent: str, indent: int, width: int) -> str:
    """Return the statement that makes a dictionary from key to object."""
    made = f"{{{noun}.{column}: {noun} for {noun} in {sent}}}"
    return f"{name} = {broken(made, indent, len(name) + 3, width)}"


#: Functions that only go through what they are given.
GOING_THROUGH: Final = frozenset(
    f"builtins.{name}"
    for name in (
        *("len", "list", "tuple", "set", "frozenset", "sorted", "sum", "min", "max"),
        *("any", "all", "bool", "dict", "enumerate"),
    )
)


def _is_only_read(module: Module, node: ast.expr) -> bool:
    """Say whether the list *node* is gone through and then forgotten."""
    parent = module.parents.get(node)
    match parent:
        case ast.For(iter=given) | ast.comprehension(iter=given):
            return given is node
        case ast.Call(func=ast.Name() as func):
            return module.qualified_name(func) in GOING_THROUGH
        case ast.Call(func=ast.Attribute(attr="extend" | "join" | "update")):
            return True
        case ast.If() | ast.IfExp() | ast.UnaryOp() | ast.Compare() | ast.Starred():
            return not (isinstance(parent, ast.IfExp) and node is not parent.test)
        case ast.Subscript(value=value, ctx=ast.Load()):
            return value is node and not isinstance(parent.slice, ast.Slice)
        case ast.Assign(targets=[ast.Name() as target]):
            binding = only_binding(module, target)
            reads = reads_of(module, binding) if binding is not None else None
            return reads is not None and all(_is_only_read(module, one) for one in reads)
    return False
