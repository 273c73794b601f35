"""Writes the GROUP BY before the loop, and the look-up of its answer inside."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.statement import Statement
from hephaestus_codemods.kit.batching.writing import answered, before_loop, collected, needed
from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import Where, comments_in, flat_text_of
from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.kit.names import fresh_name, is_free, name_for
from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.kit.words import plural, snake
from hephaestus_codemods.project.aggregates import Aggregate, Kind
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import CannotEdit, Change, Edit, Import
from hephaestus_rules.sql_aggregate_loop_to_group_by.defaults import Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.kit.batching.items import Items
    from hephaestus_codemods.kit.batching.keys import Key
    from hephaestus_codemods.kit.batching.shapes import Shape
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Precondition
    from hephaestus_rules.sql_aggregate_loop_to_group_by.defaults import Default
    from hephaestus_rules.sql_aggregate_loop_to_group_by.shapes import Question
    from hephaestus_rules.sql_aggregate_loop_to_group_by.uses import Use

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
    """All that the rewrite of a site needs; *node* is what the loop holds of it.

    *attribute* is what a function reads of the key that it is given, where that is an object.
    """

    loop: Loop
    use: Use
    node: ast.expr
    question: Question
    key: Key
    items: Items
    defaults: tuple[Default | None, ...]
    preconditions: tuple[Precondition, ...]
    attribute: str = ""

    @property
    def shape(self) -> Shape:
        """The question about the rows."""
        return self.question.shape


def rewritten(plan: Plan) -> Change:
    """Return the change that makes *plan* true."""
    module, query = plan.loop.module, plan.use.aggregate.query
    for part in (plan.node, query.whole, *query.steps):
        if comments_in(module, *module.source.span(part)):
            raise CannotEdit("a comment stands inside the query")
    batch = Batch.of(plan.question, keys_of(plan), plan.loop.place)
    value = batch.value()
    name = named(plan, batch.name(word_for(plan)))
    edits, imports = asked_once(plan, name, value)
    for step in query.steps:
        edits += needed(delete_statement(module, step))
    return Change(tuple(edits), tuple(sorted({*batch.asked.imports, *imports})))


def keys_of(plan: Plan) -> str:
    """Return the text of all keys."""
    loop, text = plan.loop, collected(plan.loop, plan.key, plan.items)
    if not plan.attribute:
        return text
    given = flat_text_of(loop.module, plan.key.node, Where.OPERAND)
    rest = text.removeprefix(f"{{{given} for ")
    if rest == text:
        rest = f"{loop.module.source.segment(loop.target)} in {plan.items.text}}}"
    return f"{{{given}.{plan.attribute} for {rest}"


def asked_once(plan: Plan, name: str, value: str) -> tuple[list[Edit], set[Import]]:
    """Return the edits that put *value* into *name* before the loop, and look answers up in it."""
    before = written_before(plan.loop, plan.items, name, value)
    lookup = LookUp(plan, name)
    node, found = lookup.found()
    edits = put_in_loop(plan.loop, before, node, found, plan.items)
    return [*edits, *lookup.reads()], lookup.imports


def put_in_loop(
    loop: Loop, before: tuple[Edit, ...], node: ast.expr, text: str, items: Items
) -> list[Edit]:
    """Return the edits *before* the loop, and those that put *text* in the place of *node*."""
    width = line_length(loop.module.project, loop.module.path)
    edits = answered(loop, before, node, text, items, width)
    return [_fitting(loop, _without_brackets(loop.module, node, edit), width) for edit in edits]


def _fitting(loop: Loop, edit: Edit, width: int) -> Edit:
    """Return *edit*, or where a comprehension gets too long for its line, one that breaks it."""
    source = loop.module.source
    start, end = source.span(loop.node)
    first, last = line_start(source, start), line_stop(source, end)
    is_inside = start <= edit.start < edit.end <= end
    is_long = last - first + len(edit.text) - (edit.end - edit.start) > width >= last - first
    if isinstance(loop.node, ast.For) or not is_inside or not is_long:
        return edit
    text = source.text[start : edit.start] + edit.text + source.text[edit.end : end]
    if LINE_END.search(text):
        return edit
    indent = source.indent(first)
    lines = broken(text, len(indent), start - first - len(indent), width, last - end)
    return Edit(start, end, lines.replace("\n", source.newline(start) + indent))


def written_before(loop: Loop, items: Items, name: str, value: str) -> tuple[Edit, ...]:
    """Return the edits that put *value* into *name* before the loop."""
    module, source = loop.module, loop.module.source
    column = len(source.indent(source.span(loop.place)[0]))
    width = line_length(module.project, module.path)
    text = f"{name} = {broken(value, column, len(name) + 3, width)}"
    return before_loop(loop, items, text)


def _without_brackets(module: Module, node: ast.expr, edit: Edit) -> Edit:
    """Return *edit*, which replaces an ``await``, with the brackets around it."""
    text, around = module.source.text, (edit.start - 1, edit.end + 1)
    is_given = isinstance(module.parents.get(node), ast.Call)
    if (
        not isinstance(node, ast.Await)
        or is_given
        or module.source.span(node) != (edit.start, edit.end)
    ):
        return edit
    if text[around[0]] != "(" or text[edit.end : around[1]] != ")":
        return edit
    return replace(edit, start=around[0], end=around[1])


# --- Names ---


def named(plan: Plan, wanted: str) -> str:
    """Return *wanted*, or where that is taken a name with the word that the loop has."""
    module, place = plan.loop.module, plan.loop.place
    word = word_for(plan)
    other = f"{word}_by_{plan.question.shape.key.column.attribute}"
    if word and not is_free(module, wanted, place) and is_free(module, other, place):
        return other
    return fresh_name(module, wanted, place)


def word_for(plan: Plan) -> str:
    """Return the variable, keyword or key of a dictionary that the answer is given to."""
    node, parent = plan.node, plan.loop.module.parents.get(plan.node)
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


# --- What asks for all keys ---


@dataclass
class Batch:
    """Writes the expression that gives the answers by key, as *asked* would ask for the rows."""

    question: Question
    asked: Grouped

    @classmethod
    def of(cls, question: Question, keys: str, place: ast.stmt) -> Batch:
        """Return the batch for *keys*, which is to stand at *place*."""
        batch = cls(question, Grouped(question.shape, keys, place))
        batch.asked.table = batch._table()
        return batch

    def _table(self) -> str:
        """Return the table from which others are joined, where what is read says it today."""
        chain = self.question.shape.query.chain
        if not self.question.joined or any(link.name == "select_from" for link in chain):
            return ""
        return self.asked.module.source.segment(self.aggregate.table.node)

    @property
    def aggregate(self) -> Aggregate:
        """What is computed."""
        return self.question.aggregate

    @property
    def key(self) -> str:
        """The column by which answers are found."""
        return self.question.shape.key.column.attribute

    @property
    def told_key(self) -> str:
        """The key as a name tells it: ``id`` of a table that is joined says of which."""
        key = self.question.shape.key
        if not self.question.joined or not key.column.primary_key or "_" in self.key:
            return self.key
        owner = self.asked.module.source.segment(key.owner)
        return f"{snake(owner.rpartition('.')[2])}_{self.key}"

    @property
    def noun(self) -> str:
        """A name for one row of those that are counted."""
        table = self.asked.module.source.segment(self.aggregate.table.node)
        return snake(table.rpartition(".")[2])

    def value(self) -> str:
        """Return the expression: a dictionary, or for existence a set."""
        if self.aggregate.kind is Kind.EXISTS:
            return self.asked.distinct()
        if self.aggregate.parts:
            key = fresh_name(self.asked.module, self.key, self.asked.place)
            return self.asked.rows(self._computed(), key, self.aggregate.names)
        return self.asked.grouped(self._computed())

    def _computed(self) -> str:
        """Return the aggregate as it is written, or ``func.count()``."""
        calls = [one.call for one in self.aggregate.parts or (self.aggregate,)]
        given = [flat_text_of(self.asked.module, one) for one in calls if one is not None]
        return ", ".join(given) or f"{self.asked.named('sqlalchemy.func')}.count()"

    def name(self, word: str = "") -> str:
        """Return a name for the answers; *word* is one for what is computed of several columns."""
        aggregate, columns = self.aggregate, self.aggregate.columns
        told = columns[0] if len(columns) == 1 else None
        if aggregate.kind is Kind.EXISTS:
            return f"{plural(self.told_key)}_with_{plural(self.noun)}"
        if aggregate.parts:
            return f"{self.noun}_stats_by_{self.told_key}"
        if aggregate.kind is Kind.COUNT:
            is_row = told is None or told.primary_key or (aggregate.is_plain and not told.nullable)
            what = self.noun if told is None or is_row else told.attribute
            return f"{what}_counts_by_{self.told_key}"
        if aggregate.column is None and word:
            return f"{word}_by_{self.told_key}"
        what = told.attribute if told is not None else self.noun
        return NAMES[aggregate.name].format(what=what, key=self.told_key)


@dataclass
class Grouped(Statement):
    """A statement that reads a key and what is computed, of the rows of *table* and others.

    *named_entity* is the class that has the key, where the query for one key does not name it.
    """

    table: str = ""
    named_entity: str = ""

    @property
    def entity(self) -> str:
        """The class that has the key, as it is written."""
        return self.named_entity or super().entity

    @property
    def column(self) -> str:
        """The column of the key, as it is written."""
        return f"{self.entity}.{self.shape.key.column.attribute}"

    def grouped(self, computed: str) -> str:
        """Return a dictionary from key to what is *computed* of its rows."""
        sent = self.sent(f"{self.column}, {computed}", f".group_by({self.column})")
        return f"dict({f'({sent})' if self.query.is_async else sent}.all())"

    def rows(self, computed: str, key: str, names: tuple[str, ...]) -> str:
        """Return a dictionary from *key* to all that is *computed*, by the *names* it has."""
        sent = self.sent(f"{self.column}, {computed}", f".group_by({self.column})")
        told = ", ".join(names)
        return f"{{{key}: ({told}) for {key}, {told} in {sent}}}"

    def distinct(self) -> str:
        """Return the set of the keys that have rows."""
        sent, name = (
            self.sent(self.column, ".distinct()", rows=False),
            self.shape.key.column.attribute,
        )
        return f"{{{name} for ({name},) in {sent}}}" if self.is_query else f"set({sent})"

    def _start(self, read: str) -> str:
        start = super()._start(read)
        if self.is_query and self.query.session is None:  # M.query reads whole objects
            start += f".with_entities({read})"
        return f"{start}.select_from({self.table})" if self.table else start


# --- What asks in the loop ---


class LookUp:
    """The look-up of an answer in *name*, in the place of what asked for it."""

    def __init__(self, plan: Plan, name: str) -> None:
        self.plan = plan
        self.module = plan.loop.module
        self.name = name
        self.imports: set[Import] = set()

    def found(self) -> tuple[ast.expr, str]:
        """Return what asks, and the text that takes its place."""
        plan = self.plan
        where = Where.OPERAND if plan.attribute else Where.ARGUMENT
        is_bit = plan.use.aggregate.kind is Kind.EXISTS
        key = flat_text_of(self.module, plan.key.given, Where.OPERAND if is_bit else where)
        key = f"{key}.{plan.attribute}" if plan.attribute else key
        if is_bit:
            return membership(self.module, plan.node, key, self.name, negated=plan.use.negated)
        return plan.node, f"{self.name}.get({key}{self._default()})"

    def _default(self) -> str:
        """Return what follows the key where no rows give something else than None."""
        aggregate = self.plan.use.aggregate
        pairs = zip(aggregate.parts or (aggregate,), self.plan.defaults, strict=True)
        each = [self._of_none(one.kind, default) for one, default in pairs]
        if aggregate.parts:
            return f", ({', '.join(each)})"
        return f", {each[0]}" if each[0] != "None" else ""

    def _of_none(self, kind: Kind, default: Default | None) -> str:
        """Return what one aggregate gives for no rows."""
        if kind is Kind.COUNT:
            return "0"
        if default is None:
            return "None"
        match default.number:
            case Number.INT:
                return "0"
            case Number.FLOAT:
                return "0.0"
            case Number.DECIMAL:
                return f"{self._named('decimal.Decimal')}(0)"

    def _named(self, qualified: str) -> str:
        found = name_for(self.module, qualified, self.plan.loop.place)
        if found is None:
            raise CannotEdit(f"{qualified} cannot be imported here")
        if found[1] is not None:
            self.imports.add(found[1])
        return found[0]

    def reads(self) -> Iterator[Edit]:
        """Yield the edits of comparisons with None of what is a truth value now."""
        for truth in self.plan.use.reads:
            if isinstance(truth.node, ast.Compare):
                variable = flat_text_of(self.module, truth.node.left)
                text = f"not {variable}" if truth.negated else variable
                around = self.module.parents.get(truth.node)
                is_loose = truth.negated and isinstance(around, LOOSE)
                yield Edit(*self.module.source.span(truth.node), f"({text})" if is_loose else text)


def membership(
    module: Module, node: ast.expr, key: str, name: str, *, negated: bool
) -> tuple[ast.expr, str]:
    """Return what asks whether there are rows, with a ``not`` before it, and what does now."""
    parent = module.parents.get(node)
    if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
        node, negated, parent = parent, not negated, module.parents.get(parent)
    text = f"{key} {'not in' if negated else 'in'} {name}"
    return node, f"({text})" if isinstance(parent, LOOSE) else text
