"""Writes a batch as a colleague would: a few lines before the loop, and a look-up inside it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.breaking import WIDTH, broken
from hephaestus_codemods.kit.expressions import comments_in, text_of
from hephaestus_codemods.kit.statements import delete_statement, insert_before
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.queries import Form
from hephaestus_codemods.rule import CannotEdit, Change, Edit
from hephaestus_rules.sql_select_loop_to_batch.forms import Batch, Plan
from hephaestus_rules.sql_select_loop_to_batch.statement import Statement

if TYPE_CHECKING:
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_rules.sql_select_loop_to_batch.items import Items
    from hephaestus_rules.sql_select_loop_to_batch.keys import Key

#: Kinds of collections that ``in_`` takes as they are.
PLAIN_COLLECTIONS: Final = frozenset({"builtins.list", "builtins.tuple", "builtins.set"})


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
            edits.append(Edit(*module.source.span(query.whole), found))
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
        key = text_of(self.module, self.plan.key.given)
        text = f"{wait}{self.asked.session}.get({self.asked.entity}, {key})"
        return f"({text})" if wait and self._is_operand() else text

    def _by_key(self) -> tuple[str, str | None]:
        asked, shape = self.asked, self.plan.shape
        noun, column = asked.noun, shape.key.column.attribute
        if shape.selected.column is not None:
            value = shape.selected.column.attribute
            name = asked.fresh(f"{plural(value)}_by_{column}")
            sent = asked.sent(f"{asked.entity}.{column}, {asked.entity}.{value}")
            sent = f"({sent})" if self.query.is_async else sent
            return self._assigned(name, f"dict({sent}.all())"), self._looked_up(name)
        name = asked.fresh(f"{plural(noun)}_by_{column}")
        return by_key(name, noun, column, asked.sent(), self.column), self._looked_up(name)

    def _looked_up(self, name: str) -> str:
        return f"{name}.get({text_of(self.module, self.plan.key.given)})"

    def _groups(self) -> tuple[str, str | None]:
        noun, column = self.asked.noun, self.plan.shape.key.column.attribute
        name = self.asked.fresh(f"{plural(noun)}_by_{column}")
        text = groups(self.asked, name, self.column)
        return text, f"{name}[{text_of(self.module, self.plan.key.given)}]"

    def _is_operand(self) -> bool:
        parent = self.module.parents.get(self.query.whole)
        return isinstance(
            parent, ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.Compare
        )

    def _assigned(self, name: str, value: str) -> str:
        return f"{name} = {broken(value, self.column, len(name) + 3)}"


def by_key(name: str, noun: str, column: str, sent: str, indent: int) -> str:
    """Return the statement that makes a dictionary from key to object."""
    one = f"{name} = {{{noun}.{column}: {noun} for {noun} in {sent}}}"
    if indent + len(one) <= WIDTH:
        return one
    head = f"    for {noun} in "
    lines = broken(sent, indent + 4, len(head) - 4).replace("\n", "\n    ")
    return f"{name} = {{\n    {noun}.{column}: {noun}\n{head}{lines}\n}}"


def groups(asked: Statement, name: str, indent: int) -> str:
    """Return the statements that make a dictionary from key to the list of its objects."""
    noun, column = asked.noun, asked.shape.key.column.attribute
    made = asked.named("collections.defaultdict")
    head = f"for {noun} in "
    sent = broken(asked.sent(), indent, len(head) + 1)
    return f"{name} = {made}(list)\n{head}{sent}:\n    {name}[{noun}.{column}].append({noun})"


def collected(loop: Loop, key: Key, items: Items) -> str:
    """Return the text of all keys."""
    if key.is_item(loop):
        is_plain = loop.module.kind(loop.iterable) in PLAIN_COLLECTIONS
        return items.text if items.setup or is_plain else f"list({items.text})"
    target = loop.module.source.segment(loop.target)
    guards = "".join(f" if {one}" for one in key.guards)
    wanted = loop.module.source.segment(key.node)
    return f"{{{wanted} for {target} in {items.text}{guards}}}"


def before_loop(loop: Loop, items: Items, text: str) -> tuple[Edit, ...]:
    """Return the edits that put *text* before the loop, and let it run over collected items."""
    lines = f"{items.setup}\n{text}" if items.setup else text
    edits = needed(insert_before(loop.module, loop.place, lines))
    if not items.renamed:
        return edits
    return (*edits, Edit(*loop.module.source.span(loop.iterable), items.text))


def needed(edits: tuple[Edit, ...] | None) -> tuple[Edit, ...]:
    """Return *edits*, or say that there can be none."""
    if edits is None:
        raise CannotEdit("no statement can be added or taken away there")
    return edits
