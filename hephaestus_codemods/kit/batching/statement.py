"""The statement that asks for all keys at once, as the statement for one key is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.expressions import Where, flat_text_of, text_of
from hephaestus_codemods.kit.names import fresh_name, name_for
from hephaestus_codemods.kit.words import singular, snake
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.queries import Form
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import CannotEdit, Import

if TYPE_CHECKING:
    from hephaestus_codemods.kit.batching.shapes import Shape
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query

SQLMODELS: Final = frozenset({kinds.SQLMODEL_SESSION, kinds.SQLMODEL_ASYNC_SESSION})


@dataclass
class Statement:
    """Writes the batch of *shape*, with the text *keys* for all keys, at *place* of its module.

    *imports* are what the text needs; they grow as it is written.
    """

    shape: Shape
    keys: str
    place: ast.stmt
    imports: set[Import] = field(default_factory=set)

    @property
    def query(self) -> Query:
        """The query for one key."""
        return self.shape.query

    @property
    def module(self) -> Module:
        """The module that the query, and the batch, stand in."""
        return self.query.module

    @property
    def entity(self) -> str:
        """The class that is read, as it is written."""
        return self.module.source.segment(self.shape.selected.node)

    @property
    def key(self) -> str:
        """The column of the key, as it is written."""
        key = self.shape.key
        if key.model == self.shape.selected.model:
            return f"{self.entity}.{key.column.attribute}"
        return f"{self.module.source.segment(key.owner)}.{key.column.attribute}"

    @property
    def noun(self) -> str:
        """A name for one object that is read."""
        return singular(snake(self.entity.rpartition(".")[2]))

    @property
    def session(self) -> str:
        """The session that asks."""
        assert self.query.session is not None
        return text_of(self.module, self.query.session, Where.OPERAND)

    @property
    def is_query(self) -> bool:
        """Whether the file writes ``session.query(…)`` where it asks."""
        if self.query.form is Form.LEGACY or self.query.session is None:
            return True
        if self.query.form is Form.SELECT or self.query.is_async or self._is_sqlmodel:
            return False
        return b".query(" in self.module.source.raw

    @property
    def _is_sqlmodel(self) -> bool:
        return self.query.session is not None and self.module.kind(self.query.session) in SQLMODELS

    @property
    def width(self) -> int:
        """How long a line may be here."""
        return line_length(self.module.project, self.module.path)

    def named(self, qualified: str) -> str:
        """Return how *qualified* is written here."""
        found = name_for(self.module, qualified, self.place)
        if found is None:
            raise CannotEdit(f"{qualified} cannot be imported here")
        if found[1] is not None:
            self.imports.add(found[1])
        return found[0]

    def fresh(self, name: str) -> str:
        """Return *name*, or one like it that means nothing here yet."""
        return fresh_name(self.module, name, self.place)

    def sent(self, columns: str | None = None, then: str = "", *, rows: bool = True) -> str:
        """Return the expression that asks and gives the rows; *columns* is what it reads.

        *then* is called on the query at its end. Without *rows*, one column gives plain values.
        """
        statement = self._statement(columns or self.entity) + then
        if self.is_query:
            return statement
        rows = rows and columns is not None
        verb = "exec" if self._is_sqlmodel and (self.query.exec or not rows) else None
        verb = verb or ("execute" if rows else "scalars")
        wait = "await " if self.query.is_async else ""
        unique = ".unique()" if self.query.unique else ""
        sent = f"{wait}{self.session}.{verb}({statement})"
        return f"({sent}){unique}" if unique and wait else f"{sent}{unique}"

    def _statement(self, read: str) -> str:
        """Return the query with all keys in the place of one."""
        shape = self.shape
        key = self.key
        wanted = f"{self._column(key)}.in_({self.keys})"
        condition = "filter" if self.is_query else "where"
        text = self._start(read)
        placed = False
        for link in self.query.chain:
            if shape.is_dropped(link):
                continue
            arguments = [flat_text_of(self.module, one) for one in link.call.args]
            if link.name in ("filter", "where") and self._holds_key(link.call):
                arguments = [self._with_keys(one, wanted) for one in link.call.args]
                placed = True
            elif link.name == "filter_by":
                kept = [one for one in link.call.keywords if one is not shape.key.node]
                arguments = [flat_text_of(self.module, one) for one in kept]
                if len(kept) < len(link.call.keywords):
                    text += f".{condition}({wanted})"
                    placed = True
                    if not arguments:
                        continue
            else:
                arguments += [flat_text_of(self.module, one) for one in link.call.keywords]
            text += f".{link.name}({', '.join(arguments)})"
        return text if placed else f"{text}.{condition}({wanted})"

    def _start(self, read: str) -> str:
        if not self.is_query:
            return f"{self._select}({read})"
        if self.query.session is None:  # M.query of a scoped session
            return f"{self.entity}.query"
        return f"{self.session}.query({read})"

    def _holds_key(self, call: ast.Call) -> bool:
        return any(one is self.shape.key.node for arg in call.args for one in ast.walk(arg))

    def _with_keys(self, condition: ast.expr, wanted: str) -> str:
        """Return *condition* with *wanted* in the place of the comparison with the key."""
        key, text = self.shape.key.node, flat_text_of(self.module, condition)
        if not any(one is key for one in ast.walk(condition)):
            return text
        old = flat_text_of(self.module, key)
        if text.count(old) != 1:
            raise CannotEdit("the key stands inside a condition that is not understood")
        return text.replace(old, wanted)

    @property
    def _select(self) -> str:
        source = self.query.source
        if self.query.form is Form.SELECT and isinstance(source, ast.Call):
            return self.module.source.segment(source.func)
        session = self.query.session
        if isinstance(session, ast.Attribute) and self._is_flask(session.value):
            return f"{self.module.source.segment(session.value)}.select"
        return self.named("sqlmodel.select" if self._is_sqlmodel else "sqlalchemy.select")

    def _is_flask(self, node: ast.expr) -> bool:
        return kinds.FLASK_SQLALCHEMY in kinds.lineage(self.module.kind(node) or "")

    def _column(self, key: str) -> str:
        return f"{self.named('sqlmodel.col')}({key})" if self._is_sqlmodel else key
