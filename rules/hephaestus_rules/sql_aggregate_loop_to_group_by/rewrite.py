"""Writes the GROUP BY before the loop, and the look-up of its answer inside."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import Where, comments_in, flat_text_of
from hephaestus_codemods.kit.names import is_free
from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.kit.words import plural, snake
from hephaestus_codemods.project.aggregates import Kind
from hephaestus_codemods.rule import CannotEdit, Change, Edit
from hephaestus_rules.sql_aggregate_loop_to_group_by.defaults import Number
from hephaestus_rules.sql_select_loop_to_batch.rewrite import before_loop, collected, needed
from hephaestus_rules.sql_select_loop_to_batch.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Precondition
    from hephaestus_rules.sql_aggregate_loop_to_group_by.defaults import Default
    from hephaestus_rules.sql_aggregate_loop_to_group_by.shapes import Question
    from hephaestus_rules.sql_aggregate_loop_to_group_by.uses import Use
    from hephaestus_rules.sql_select_loop_to_batch.items import Items
    from hephaestus_rules.sql_select_loop_to_batch.keys import Key

#: How an answer is named, with what it is computed of and the key by which it is found.
NAMES: Final = {
    "sum": "total_{what}_by_{key}",
    "max": "max_{what}_by_{key}",
    "min": "min_{what}_by_{key}",
    "avg": "average_{what}_by_{key}",
}
#: What a comparison beside these needs brackets for.
LOOSE: Final = (ast.Compare, ast.BinOp, ast.Attribute, ast.Subscript, ast.UnaryOp, ast.Starred)


@dataclass(frozen=True)
class Plan:
    """All that the rewrite of a site needs."""

    loop: Loop
    use: Use
    question: Question
    key: Key
    items: Items
    default: Default | None
    preconditions: tuple[Precondition, ...]


def rewritten(plan: Plan) -> Change:
    """Return the change that makes *plan* true."""
    return _Writer(plan).change()


@dataclass
class _Joined(Statement):
    """A statement that says from which *table* others are joined, where it has to."""

    table: str | None = None

    def _start(self, read: str) -> str:
        start = super()._start(read)
        return f"{start}.select_from({self.table})" if self.table else start


class _Writer:
    """The parts of one rewrite, and the imports they need."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.module = plan.loop.module
        self.aggregate = plan.use.aggregate
        self.shape = plan.question.shape
        keys = collected(plan.loop, plan.key, plan.items)
        self.asked = _Joined(self.shape, keys, plan.loop.place, table=self._table)

    def change(self) -> Change:
        """Return all edits of the rewrite."""
        module, query = self.module, self.aggregate.query
        for part in (self.plan.use.node, query.whole, *query.steps):
            if comments_in(module, *module.source.span(part)):
                raise CannotEdit("a comment stands inside the query")
        name, value = self._answers()
        column = len(module.source.indent(module.source.span(self.plan.loop.place)[0]))
        text = f"{name} = {broken(value, column, len(name) + 3, self.asked.width)}"
        edits = [*before_loop(self.plan.loop, self.plan.items, text), *self._looked_up(name)]
        for step in query.steps:
            edits += needed(delete_statement(module, step))
        return Change(tuple(edits), tuple(sorted(self.asked.imports)))

    # --- Before the loop ---

    def _answers(self) -> tuple[str, str]:
        """Return the name and the text of the answers by key."""
        asked, key = self.asked, f"{self.asked.entity}.{self.key}"
        if self.aggregate.kind is Kind.EXISTS:
            sent = asked.sent(key, ".distinct()", rows=False)
            name = self._named(f"{plural(self.key)}_with_{plural(self.noun)}")
            is_query = asked.is_query
            return (
                name,
                f"{{{self.key} for ({self.key},) in {sent}}}" if is_query else f"set({sent})",
            )
        read = f"{key}, {self._computed()}"
        sent = asked.sent(read, f".group_by({key})")
        sent = f"({sent})" if asked.query.is_async else sent
        return self._named(self._wanted()), f"dict({sent}.all())"

    @property
    def key(self) -> str:
        """The column by which answers are found."""
        return self.shape.key.column.attribute

    @property
    def noun(self) -> str:
        """A name for one row of those that are counted."""
        return snake(self.module.source.segment(self.aggregate.table.node).rpartition(".")[2])

    @property
    def _table(self) -> str | None:
        """The table from which others are joined, where that has to be said."""
        is_named = any(link.name == "select_from" for link in self.shape.query.chain)
        if not self.plan.question.joined or is_named:
            return None
        return self.module.source.segment(self.aggregate.table.node)

    def _computed(self) -> str:
        """Return the aggregate as it is written, or ``func.count()``."""
        if self.aggregate.call is None:
            return f"{self.asked.named('sqlalchemy.func')}.count()"
        return flat_text_of(self.module, self.aggregate.call)

    def _wanted(self) -> str:
        """Return a name for the answers, of what is computed and the key."""
        aggregate, columns = self.aggregate, self.aggregate.columns
        if aggregate.kind is Kind.COUNT:
            told = columns[0] if len(columns) == 1 else None
            is_row = told is None or told.primary_key or (aggregate.is_plain and not told.nullable)
            return f"{self.noun if told is None or is_row else told.attribute}_counts_by_{self.key}"
        if aggregate.column is None and self._word():
            return f"{self._word()}_by_{self.key}"
        what = columns[0].attribute if len(columns) == 1 else self.noun
        return NAMES[aggregate.name].format(what=what, key=self.key)

    def _named(self, wanted: str) -> str:
        """Return *wanted*, or where that is taken a name with the word that the loop has."""
        place = self.plan.loop.place
        word = self._word()
        other = f"{word}_by_{self.key}"
        if not is_free(self.module, wanted, place) and word and is_free(self.module, other, place):
            return other
        return self.asked.fresh(wanted)

    def _word(self) -> str:
        """Return the variable, keyword or key of a dictionary that the answer is given to."""
        node, parent = self.plan.use.node, self.module.parents.get(self.plan.use.node)
        match parent:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.keyword(arg=str(name)):
                return name
            case ast.Assign(targets=[ast.Attribute(attr=name)]):
                return name
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(name)))]):
                return name if name.isidentifier() else ""
            case ast.Dict(keys=keys, values=values):
                key = keys[next(n for n, one in enumerate(values) if one is node)]
                if isinstance(key, ast.Constant) and str(key.value).isidentifier():
                    return str(key.value)
        return ""

    # --- In the loop ---

    def _looked_up(self, name: str) -> Iterator[Edit]:
        key = flat_text_of(self.module, self.plan.key.given)
        start, end = _span(self.module, self.plan.use.node)
        match self.aggregate.kind:
            case Kind.COUNT:
                yield Edit(start, end, f"{name}.get({key}, 0)")
            case Kind.VALUE:
                yield Edit(start, end, f"{name}.get({key}{self._default()})")
            case Kind.EXISTS:
                yield self._membership(name)
                yield from self._reads()

    def _default(self) -> str:
        """Return what follows the key where no rows give something else than None."""
        if self.plan.default is None:
            return ""
        match self.plan.default.number:
            case Number.INT:
                return ", 0"
            case Number.FLOAT:
                return ", 0.0"
            case Number.DECIMAL:
                return f", {self.asked.named('decimal.Decimal')}(0)"

    def _membership(self, name: str) -> Edit:
        """Return the edit that asks the set."""
        node, negated = self.plan.use.node, self.plan.use.negated
        parent = self.module.parents.get(node)
        if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
            node, negated, parent = parent, not negated, self.module.parents.get(parent)
        key = flat_text_of(self.module, self.plan.key.given, Where.OPERAND)
        text = f"{key} {'not in' if negated else 'in'} {name}"
        return Edit(*_span(self.module, node), f"({text})" if isinstance(parent, LOOSE) else text)

    def _reads(self) -> Iterator[Edit]:
        """Yield the edits of comparisons with None of what is a truth value now."""
        for truth in self.plan.use.reads:
            if isinstance(truth.node, ast.Compare):
                variable = flat_text_of(self.module, truth.node.left)
                text = f"not {variable}" if truth.negated else variable
                around = self.module.parents.get(truth.node)
                brackets = truth.negated and isinstance(around, (*LOOSE,))
                yield Edit(*self.module.source.span(truth.node), f"({text})" if brackets else text)


def _span(module: Module, node: ast.expr) -> tuple[int, int]:
    """Return the span of *node* with the brackets around it, which a look-up does not need."""
    start, end = module.source.span(node)
    parent, text = module.parents.get(node), module.source.text
    if isinstance(parent, ast.Call | ast.ClassDef) and node is not getattr(parent, "func", None):
        return start, end  # they may be those of the call
    while True:
        before, after = text[:start].rstrip(), text[end:].lstrip()
        if not before.endswith("(") or not after.startswith(")"):
            return start, end
        start, end = len(before) - 1, len(text) - len(after) + 1
