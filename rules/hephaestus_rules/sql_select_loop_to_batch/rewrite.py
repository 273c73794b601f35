"""Writes a batch as a colleague would: a few lines before the loop, and a look-up inside it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.expressions import Where, comments_in, text_of
from hephaestus_codemods.kit.names import fresh_name, name_for
from hephaestus_codemods.kit.statements import delete_statement, insert_before
from hephaestus_codemods.kit.words import plural, snake
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.queries import Form, Query
from hephaestus_codemods.rule import CannotEdit, Change, Edit, Import
from hephaestus_rules.sql_select_loop_to_batch.forms import Batch, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.kit.loops import Loop

#: Longer lines are broken, as formatters do.
WIDTH: Final = 88
SQLMODELS: Final = frozenset({kinds.SQLMODEL_SESSION, kinds.SQLMODEL_ASYNC_SESSION})


def rewritten(plan: Plan) -> Change:
    """Return the change that makes *plan* true."""
    return _Writer(plan).change()


class _Writer:
    """The parts of one rewrite, and the imports they need."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop: Loop = plan.loop
        self.module = plan.loop.module
        self.query: Query = plan.shape.query
        self.imports: set[Import] = set()
        self.indent = len(self.module.source.indent(self.module.source.span(plan.loop.place)[0]))

    def change(self) -> Change:
        """Return all edits of the rewrite."""
        module, query = self.module, self.query
        for part in (query.whole, *query.steps):
            if comments_in(module, *module.source.span(part)):
                raise CannotEdit("a comment stands inside the query")
        before, found = self._batch()
        lines = [self.plan.items.setup, before] if self.plan.items.setup else [before]
        edits = [
            *_needed(insert_before(module, self.loop.place, "\n".join(lines))),
            *self._iterable(),
        ]
        if found is not None:
            edits.append(Edit(*module.source.span(query.whole), found))
            for step in query.steps:
                edits += _needed(delete_statement(module, step))
        return Change(tuple(edits), tuple(sorted(self.imports)))

    def _iterable(self) -> Iterable[Edit]:
        if self.plan.items.renamed:
            yield Edit(*self.module.source.span(self.loop.iterable), self.plan.items.text)

    def _batch(self) -> tuple[str, str | None]:
        """Return the statement before the loop, and what takes the place of the query."""
        match self.plan.batch:
            case Batch.PREFETCH:
                return self._prefetch()
            case Batch.BY_KEY:
                return self._by_key()
            case Batch.GROUPS:
                return self._groups()

    # --- The three forms ---

    def _prefetch(self) -> tuple[str, str | None]:
        name = self._fresh(f"_{plural(self._noun())}")
        sent = self._sent(self._statement())
        if not self._is_query:
            sent = f"({sent})" if self.query.is_async else sent
        text = self._assigned(name, f"{sent}.all()")
        comment = "# They stay in the session, where the loop finds them by their keys."
        found = None if self.query.form is Form.GET else self._got()
        return f"{comment}\n{text}", found

    def _got(self) -> str:
        assert self.query.session is not None
        wait = "await " if self.query.is_async else ""
        key = text_of(self.module, self.plan.key.given)
        text = f"{wait}{self._session}.get({self._entity}, {key})"
        return f"({text})" if wait and self._is_operand() else text

    def _by_key(self) -> tuple[str, str | None]:
        shape = self.plan.shape
        noun, column = self._noun(), shape.key.column.attribute
        if shape.selected.column is not None:
            value = shape.selected.column.attribute
            name = self._fresh(f"{plural(value)}_by_{column}")
            pair = f"{self._entity}.{column}, {self._entity}.{value}"
            sent = self._sent(self._statement(pair), rows=True)
            sent = f"({sent})" if self.query.is_async else sent
            return self._assigned(name, f"dict({sent}.all())"), self._looked_up(name)
        name = self._fresh(f"{plural(noun)}_by_{column}")
        sent = self._sent(self._statement())
        one = f"{name} = {{{noun}.{column}: {noun} for {noun} in {sent}}}"
        if self.indent + len(one) > WIDTH:
            head = f"    for {noun} in "
            sent = self._broken(sent, 4, len(head))
            one = f"{name} = {{\n    {noun}.{column}: {noun}\n{head}{sent}\n}}"
        return one, self._looked_up(name)

    def _looked_up(self, name: str) -> str:
        return f"{name}.get({text_of(self.module, self.plan.key.given)})"

    def _groups(self) -> tuple[str, str | None]:
        noun, column = self._noun(), self.plan.shape.key.column.attribute
        name = self._fresh(f"{plural(noun)}_by_{column}")
        made = self._named("collections.defaultdict")
        head = f"for {noun} in "
        sent = self._broken(self._sent(self._statement()), 0, len(head) + 1)
        text = f"{name} = {made}(list)\n{head}{sent}:\n    {name}[{noun}.{column}].append({noun})"
        return text, f"{name}[{text_of(self.module, self.plan.key.given)}]"

    # --- Their parts ---

    def _statement(self, columns: str | None = None) -> str:
        """Return the query with all keys in the place of one; *columns* is what it reads."""
        shape, query = self.plan.shape, self.query
        entity = self._entity
        key = f"{entity}.{shape.key.column.attribute}"
        wanted = f"{self._column(key)}.in_({self._keys()})"
        condition = "filter" if self._is_query else "where"
        text = self._start(columns or entity)
        placed = False
        for link in query.chain:
            arguments = [text_of(self.module, one) for one in link.call.args]
            if link.name in ("filter", "where") and self._holds_key(link.call):
                arguments = [
                    wanted if one is shape.key.node else text_of(self.module, one)
                    for one in link.call.args
                ]
                if wanted not in arguments:
                    raise CannotEdit("the key stands inside another condition")
                placed = True
            elif link.name == "filter_by":
                kept = [one for one in link.call.keywords if one is not shape.key.node]
                arguments = [self.module.source.segment(one) for one in kept]
                if len(kept) < len(link.call.keywords):
                    text += f".{condition}({wanted})"
                    placed = True
                    if not arguments:
                        continue
            else:
                arguments += [self.module.source.segment(one) for one in link.call.keywords]
            text += f".{link.name}({', '.join(arguments)})"
        return text if placed else f"{text}.{condition}({wanted})"

    def _holds_key(self, call: ast.Call) -> bool:
        return any(one is self.plan.shape.key.node for one in ast.walk(call))

    def _start(self, read: str) -> str:
        if self._is_query:
            return f"{self._session}.query({read})"
        return f"{self._select}({read})"

    @property
    def _is_query(self) -> bool:
        """Whether the file writes ``session.query(…)`` where it asks."""
        if self.query.form is Form.LEGACY:
            return True
        if self.query.form is Form.SELECT or self.query.is_async or self._is_sqlmodel:
            return False
        return b".query(" in self.module.source.raw

    @property
    def _is_sqlmodel(self) -> bool:
        return self.query.session is not None and self.module.kind(self.query.session) in SQLMODELS

    @property
    def _select(self) -> str:
        source = self.query.source
        if self.query.form is Form.SELECT and isinstance(source, ast.Call):
            return self.module.source.segment(source.func)
        return self._named("sqlmodel.select" if self._is_sqlmodel else "sqlalchemy.select")

    @property
    def _session(self) -> str:
        assert self.query.session is not None
        return text_of(self.module, self.query.session, Where.OPERAND)

    @property
    def _entity(self) -> str:
        return self.module.source.segment(self.plan.shape.selected.node)

    def _column(self, key: str) -> str:
        return f"{self._named('sqlmodel.col')}({key})" if self._is_sqlmodel else key

    def _sent(self, statement: str, *, rows: bool = False) -> str:
        """Return the expression that sends *statement* and gives its rows."""
        if self._is_query:
            return statement
        verb = "exec" if self._is_sqlmodel and (self.query.exec or not rows) else None
        verb = verb or ("execute" if rows else "scalars")
        wait = "await " if self.query.is_async else ""
        unique = ".unique()" if self.query.unique else ""
        sent = f"{wait}{self._session}.{verb}({statement})"
        return f"({sent}){unique}" if unique and wait else f"{sent}{unique}"

    def _keys(self) -> str:
        key, items = self.plan.key, self.plan.items
        if key.is_item(self.loop) and not items.renamed and items.known:
            kind = self.module.kind(self.loop.iterable)
            if kind in ("builtins.list", "builtins.tuple", "builtins.set"):
                return items.text
        if key.is_item(self.loop):
            return items.text if items.setup else f"list({items.text})"
        target = self.module.source.segment(self.loop.target)
        guards = "".join(f" if {one}" for one in key.guards)
        wanted = self.module.source.segment(key.node)
        return f"{{{wanted} for {target} in {items.text}{guards}}}"

    def _named(self, qualified: str) -> str:
        found = name_for(self.module, qualified, self.loop.place)
        if found is None:
            raise CannotEdit(f"{qualified} cannot be imported here")
        if found[1] is not None:
            self.imports.add(found[1])
        return found[0]

    def _noun(self) -> str:
        return snake(self._entity.rpartition(".")[2])

    def _fresh(self, name: str) -> str:
        return fresh_name(self.module, name, self.loop.place)

    def _is_operand(self) -> bool:
        parent = self.module.parents.get(self.query.whole)
        return isinstance(
            parent, ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.Compare
        )

    # --- Lines that would be too long ---

    def _assigned(self, name: str, value: str) -> str:
        return f"{name} = {self._broken(value, 0, len(name) + 3)}"

    def _broken(self, text: str, deep: int, used: int) -> str:
        """Break *text* at its outermost brackets when it does not fit after *used* characters."""
        if self.indent + deep + used + len(text) <= WIDTH:
            return text
        opening = _outer_bracket(text)
        if opening is None:
            return text
        closing = _closing(text, opening)
        pad = " " * (deep + 4)
        inner = self._broken(text[opening + 1 : closing], deep + 4, 0)
        return f"{text[: opening + 1]}\n{pad}{inner}\n{' ' * deep}{text[closing:]}"


def _outer_bracket(text: str) -> int | None:
    """Return where the longest outermost pair of brackets opens."""
    pairs = []
    at = 0
    while at < len(text):
        if text[at] in "([{":
            end = _closing(text, at)
            pairs.append((end - at, at))
            at = end
        at += 1
    size, start = max(pairs, default=(0, 0))
    return start if size > 1 else None


def _closing(text: str, opening: int) -> int:
    """Return where the bracket at *opening* closes, strings aside."""
    depth, quote = 0, ""
    for at in range(opening, len(text)):
        one = text[at]
        if quote:
            quote = "" if one == quote and text[at - 1] != "\\" else quote
        elif one in "'\"":
            quote = one
        elif one in "([{":
            depth += 1
        elif one in ")]}":
            depth -= 1
            if not depth:
                return at
    raise CannotEdit("the brackets of the new statement are not understood")


def _needed(edits: tuple[Edit, ...] | None) -> tuple[Edit, ...]:
    if edits is None:
        raise CannotEdit("no statement can be added or taken away there")
    return edits
