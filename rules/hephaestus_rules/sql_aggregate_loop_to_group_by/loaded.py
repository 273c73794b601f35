"""Loops over objects of a query, and the query that gave them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.loops import Comprehension
from hephaestus_codemods.project.queries import Gives, query_of
from hephaestus_codemods.project.variables import only_binding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query

Run = ast.For | Comprehension | ast.GeneratorExp


@dataclass(frozen=True)
class Loaded:
    """Objects of *model* that *query* loads."""

    module: Module
    query: Query
    model: Model


def runs_in(module: Module) -> Iterator[tuple[Run, str, ast.expr]]:
    """Yield the loops, each with the name of its item and what it runs over."""
    for node in module.nodes:
        if isinstance(node, ast.For):
            if isinstance(node.target, ast.Name):
                yield node, node.target.id, node.iter
        elif isinstance(node, Comprehension):
            first = node.generators[0]
            if isinstance(first.target, ast.Name) and not first.is_async:
                yield node, first.target.id, first.iter


def loaded_by(module: Module, iterable: ast.expr) -> Loaded | None:
    """Return the whole objects that a loop over *iterable* goes through, asked in its function."""
    query = _query_behind(module, iterable)
    entity = query.entity if query is not None else None
    if query is None or entity is None or entity.model is None or query.rows:
        return None
    return Loaded(module, query, entity.model)


def _query_behind(module: Module, iterable: ast.expr) -> Query | None:
    node: ast.expr | None = iterable
    if isinstance(iterable, ast.Name):
        binding = only_binding(module, iterable)
        node = binding.value if binding is not None else None
    query = query_of(module, node) if node is not None else None
    if query is None or query.gives not in (Gives.LIST, Gives.RESULT):
        return None
    return query
