"""The statement that asks for all keys at once, as the statement for one key is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.expressions import Where, text_of
from hephaestus_codemods.kit.names import fresh_name, name_for
from hephaestus_codemods.kit.words import snake
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.queries import Form
from hephaestus_codemods.rule import CannotEdit, Import

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query
    from hephaestus_rules.sql_select_loop_to_batch.shapes import Shape

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
    def noun(self) -> str:
        """A name for one object that is read."""
        return snake(self.entity.rpartition(".")[2])

    @property
    def session(self) -> str:
        """The session that asks."""
        assert self.query.session is not None
        return text_of(self.module, self.query.session, Where.OPERAND)

    @property
    def is_query(self) -> bool:
        """Whether the file writes ``session.query(…)`` where it asks."""
        if self.query.form is Form.LEGACY:
            return True
        if self.query.form is Form.SELECT or self.query.is_async or self._is_sqlmodel:
            return False
        return b".query(" in self.module.source.raw

    @property
    def _is_sqlmodel(self) -> bool:
        return self.query.session is not None and self.module.kind(self.query.session) in SQLMODELS

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

    def sent(self, columns: str | None = None) -> str:
        """Return the expression that asks and gives the rows; *columns* is what it reads."""
        statement = self._statement(columns or self.entity)
        if self.is_query:
            return statement
        rows = columns is not None
        verb = "exec" if self._is_sqlmodel and (self.query.exec or not rows) else None
        verb = verb or ("execute" if rows else "scalars")
        wait = "await " if self.query.is_async else ""
        unique = ".unique()" if self.query.unique else ""
        sent = f"{wait}{self.session}.{verb}({statement})"
        return f"({sent}){unique}" if unique and wait else f"{sent}{unique}"

    def _statement(self, read: str) -> str:
        """Return the query with all keys in the place of one."""
        shape = self.shape
        key = f"{self.entity}.{shape.key.column.attribute}"
        wanted = f"{self._column(key)}.in_({self.keys})"
        condition = "filter" if self.is_query else "where"
        text = f"{self.session}.query({read})" if self.is_query else f"{self._select}({read})"
        placed = False
        for link in self.query.chain:
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
        return any(one is self.shape.key.node for one in ast.walk(call))

    @property
    def _select(self) -> str:
        source = self.query.source
        if self.query.form is Form.SELECT and isinstance(source, ast.Call):
            return self.module.source.segment(source.func)
        return self.named("sqlmodel.select" if self._is_sqlmodel else "sqlalchemy.select")

    def _column(self, key: str) -> str:
        return f"{self.named('sqlmodel.col')}({key})" if self._is_sqlmodel else key
