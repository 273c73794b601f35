"""Loops over objects of a query, and the query that gave them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.loops import Comprehension
from hephaestus_codemods.project.queries import Gives, query_of
from hephaestus_codemods.project.variables import only_binding

if TYPE_CHECKING:
    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query

Run = ast.For | Comprehension | ast.GeneratorExp


@dataclass
class Loaded:
    """Objects of *model* that *query* loads, and the loops *runs* over them by their variable."""

    module: Module
    query: Query
    model: Model
    runs: list[tuple[Run, str]]


def loops_over_objects(module: Module) -> list[Loaded]:
    """Return the queries of whole objects over which loops of the same function run."""
    found: dict[ast.expr, Loaded] = {}
    for node in module.nodes:
        for run, target, iterable in _runs(node):
            query = _query_behind(module, iterable)
            entity = query.entity if query is not None else None
            if query is None or entity is None or entity.model is None or query.rows:
                continue
            loaded = found.setdefault(query.whole, Loaded(module, query, entity.model, []))
            loaded.runs.append((run, target))
    return list(found.values())


def _runs(node: ast.AST) -> list[tuple[Run, str, ast.expr]]:
    """Return the loops that *node* is, with the name of their item and what they run over."""
    match node:
        case ast.For(target=ast.Name(id=name), iter=iterable):
            return [(node, name, iterable)]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            first = node.generators[0]
            if isinstance(first.target, ast.Name) and not first.is_async:
                return [(node, first.target.id, first.iter)]
    return []


def _query_behind(module: Module, iterable: ast.expr) -> Query | None:
    node: ast.expr | None = iterable
    if isinstance(iterable, ast.Name):
        binding = only_binding(module, iterable)
        node = binding.value if binding is not None else None
    query = query_of(module, node) if node is not None else None
    if query is None or query.gives not in (Gives.LIST, Gives.RESULT):
        return None
    return query
