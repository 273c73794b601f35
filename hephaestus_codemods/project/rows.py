"""What the variables of a loop over rows hold: ``for user_id, name in session.query(…)``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.queries import Gives, query_of
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.variables import only_binding

if TYPE_CHECKING:
    from hephaestus_codemods.project.models import Column
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query

RUNS: Final = frozenset({BindingKind.FOR, BindingKind.COMPREHENSION})


def column_in_row(module: Module, node: ast.expr) -> Column | None:
    """Return the column that *node* is of a row that a loop runs over.

    *node* is ``row.id``, a variable that a row is unpacked into, or one that runs over the values
    of one column.
    """
    name = node.value if isinstance(node, ast.Attribute) else node
    found = module.scopes.lookup(name.id, name) if isinstance(name, ast.Name) else None
    binding = found[1][0] if found is not None and len(found[1]) == 1 else None
    if binding is None or binding.kind not in RUNS or binding.value is None:
        return None
    query = _query_behind(module, binding.value)
    if query is None or query.selected is None or not _is_of_one_table(query):
        return None
    if isinstance(node, ast.Attribute):
        columns = [one.column for one in query.selected if one.column is not None]
        named = [one for one in columns if one.attribute == node.attr]
        return named[0] if query.rows and binding.path == () and len(named) == 1 else None
    wanted = (0,) if not query.rows and len(query.selected) == 1 else None
    path = binding.path if query.rows else wanted if binding.path == () else None
    if path is None or len(path) != 1 or not -1 < path[0] < len(query.selected):
        return None
    return query.selected[path[0]].column


def _is_of_one_table(query: Query) -> bool:
    """Say whether each row is one of a table: joined ones come again, or hold NULLs."""
    models = [one.model for one in query.selected or ()]
    return all(one == models[0] for one in models) and not any("join" in n for n in query.names)


def _query_behind(module: Module, node: ast.expr) -> Query | None:
    """Return the query whose rows *node* gives one by one, perhaps out of a variable."""
    if isinstance(node, ast.Name):
        binding = only_binding(module, node)
        if binding is None or binding.value is None:
            return None
        node = binding.value
    query = query_of(module, node)
    return query if query is not None and query.gives in (Gives.LIST, Gives.RESULT) else None
