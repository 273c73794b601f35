"""Queries of which the answer is one number, or one bit: counts, sums, and whether rows exist."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.queries import (
    TRANSPARENT,
    Gives,
    Link,
    Query,
    Selected,
    built_at,
    conditions_of,
    model_at,
    selected_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.project.models import Column, Model
    from hephaestus_codemods.project.module import Module

FUNCTIONS: Final = frozenset({"count", "sum", "max", "min", "avg"})
FUNC: Final = frozenset({"sqlalchemy.func", "sqlmodel.func", "sqlalchemy.sql.func"})
EXISTS: Final = frozenset({"sqlalchemy.exists", "sqlmodel.exists", "sqlalchemy.sql.exists"})
#: Only this ``select`` lets ``session.exec`` give the one thing that is selected.
SQLMODEL_SELECT: Final = "sqlmodel.select"
#: Methods that name the table of an aggregate, and say nothing else.
NAMING: Final = frozenset({"select_from"})
JOINING: Final = frozenset({"join", "outerjoin"})
#: What computes something of columns, and nothing else.
COMPUTING: Final = ("sqlalchemy.", "sqlmodel.")
#: Methods of a column that give another expression of it.
OF_COLUMN: Final = frozenset(
    "distinct is_ is_not isnot in_ not_in notin_ between cast label filter op like ilike".split()
)


class Kind(StrEnum):
    """What is asked of the rows."""

    COUNT = "count"
    """How many there are."""

    VALUE = "value"
    """Their sum, their largest or smallest value, their mean: NULL for no rows."""

    EXISTS = "exists"
    """Whether there is one."""


@dataclass(frozen=True)
class Aggregate:
    """What *query* computes of the rows of *table*; ``query.whole`` is the number or the bit.

    *call* is the function as it is written, with ``coalesce`` around it; None for ``query.count()``
    and for existence. *columns* are those that it reads; *is_plain* says that it reads the one
    column as it is. *default* is what a sum of no rows is replaced by, in ``coalesce``. *is_named*
    says that the table is told by more than its conditions. *parts* are what a row holds of which
    the values go to the variables *names*.
    """

    query: Query
    kind: Kind
    table: Selected
    call: ast.expr | None = None
    name: str = "count"
    columns: tuple[Column, ...] = ()
    is_plain: bool = False
    default: ast.expr | None = None
    is_named: bool = True
    parts: tuple[Aggregate, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def column(self) -> Column | None:
        """The one column whose values are computed, if it is read as it is."""
        return self.columns[0] if self.is_plain else None


def aggregate_of(query: Query) -> Aggregate | None:
    """Return what *query* computes, or None when it reads rows."""
    if query.gives is Gives.NUMBER:
        return _counted(query)
    if not isinstance(query.source, ast.Call) or not query.source.args:
        return None
    if query.gives not in (Gives.ONE, Gives.ONE_OR_NONE):
        return None
    if len(query.source.args) > 1:
        return _row(query, query.source.args)
    query = _first_of_row(query)
    return _existence(query, query.source.args[0]) or _computed(query, query.source.args[0])  # type: ignore[attr-defined]  # the same source


def counts(query: Query) -> bool:
    """Say whether *query* computes a number, or a bit, and reads no rows."""
    return query.gives is Gives.NUMBER or aggregate_of(query) is not None


def _counted(query: Query) -> Aggregate | None:
    """Return ``session.query(M).filter(…).count()``, also of some columns of one class."""
    selected = query.selected or ()
    model = selected[0].model if selected else None
    if model is None or any(one.model != model for one in selected):
        return None
    return Aggregate(replace(query, rows=False), Kind.COUNT, replace(selected[0], column=None))


def _first_of_row(query: Query) -> Query:
    """Return *query* as the one thing in its row, where that is what is taken of it."""
    if not query.rows:
        return query
    assert isinstance(query.source, ast.Call)
    if query.exec and query.module.qualified_name(query.source.func) == SQLMODEL_SELECT:
        return replace(query, rows=False)
    match query.module.parents.get(query.whole):
        case ast.Subscript(value=value, slice=ast.Constant(value=0)) as taken:
            if value is query.whole and isinstance(taken.ctx, ast.Load):
                return replace(query, whole=taken, rows=False)
    return query


def _row(query: Query, nodes: list[ast.expr]) -> Aggregate | None:
    """Return ``first, second = session.query(func.count(…), func.max(…)).one()``."""
    found = [_computed(query, node) for node in nodes]
    parts = tuple(one for one in found if one is not None)
    if len(parts) < len(found) or any(one.table.model != parts[0].table.model for one in parts):
        return None
    match query.module.parents.get(query.whole):
        case ast.Assign(targets=[ast.Tuple(elts=targets)]) if len(targets) == len(parts):
            names = tuple(one.id for one in targets if isinstance(one, ast.Name))
        case _:
            names = ()
    is_taken = len(names) == len(parts) and query.rows
    return replace(
        parts[0],
        query=replace(parts[0].query, rows=not is_taken),
        kind=Kind.VALUE,
        name="row",
        columns=(),
        is_plain=False,
        default=None,
        parts=parts,
        names=names,
    )


# --- func.count(), func.sum() ---


def _computed(query: Query, node: ast.expr) -> Aggregate | None:
    module, written = query.module, _unlabelled(node)
    node, default = _uncoalesced(module, written)
    function, condition = _unfiltered(node)
    name, argument = _function(module, function), _argument(function)
    if condition is not None:
        argument = ast.Tuple([*([argument] if argument is not None else []), condition], ast.Load())
    if name not in FUNCTIONS:
        return None
    columns = columns_of(module, argument) if argument is not None else {}
    if columns is None:
        return None
    given = next((selected for selected, _ in columns.values()), None)
    is_joined = any(one.name in JOINING for one in query.chain)
    named = _named_table(query)
    table = (given or named) if is_joined else (named or given or _of_conditions(query))
    if table is None or table.model is None:
        return None
    if any(one.model != table.model for one, _ in columns.values()):
        return None
    kind = Kind.COUNT if name == "count" else Kind.VALUE
    return Aggregate(
        _about(query, table),
        kind,
        replace(table, column=None),
        node if kind is Kind.COUNT else written,
        name,
        tuple(column for _, column in columns.values()),
        is_plain=argument is not None and selected_at(module, argument) is not None,
        default=default if kind is Kind.VALUE else None,  # a count is never NULL
        is_named=(named or given) is not None,
    )


def _about(query: Query, table: Selected) -> Query:
    """Return *query* with its conditions read as those of *table*, which need not be named."""
    found = conditions_of(query.module, query.chain, (replace(table, column=None),))
    is_joined = any(one.name in JOINING for one in query.chain)
    needless = frozenset() if is_joined else NAMING
    return replace(
        query,
        equals=found.equals,
        others=found.others,
        links=tuple(one for one in found.links if one.name not in needless),
        chain=tuple(one for one in query.chain if one.name not in needless),
    )


def _unlabelled(node: ast.expr) -> ast.expr:
    while (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "label"
    ):
        node = node.func.value
    return node


def _uncoalesced(module: Module, node: ast.expr) -> tuple[ast.expr, ast.expr | None]:
    if isinstance(node, ast.Call) and _function(module, node) == "coalesce" and len(node.args) == 2:
        return node.args[0], node.args[1]
    return node, None


def function_in(module: Module, node: ast.expr) -> ast.expr:
    """Return the function inside of ``coalesce`` and ``filter``."""
    return _unfiltered(_uncoalesced(module, node)[0])[0]


def _unfiltered(node: ast.expr) -> tuple[ast.expr, ast.expr | None]:
    """Return the function in ``func.count().filter(condition)``, and the condition if any."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="filter"), args=args, keywords=[]):
            return inner, ast.Tuple(args, ast.Load())
    return node, None


def _function(module: Module, node: ast.expr) -> str | None:
    """Return the name of an SQL function: ``func.sum(…)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.keywords:
        return None
    owner = module.qualified_name(node.func.value)
    return node.func.attr if owner in FUNC else None


def _argument(node: ast.expr) -> ast.expr | None:
    """Return what an SQL function is given; None for nothing, and for ``count("*")``."""
    given = node.args if isinstance(node, ast.Call) else []
    if not given or (isinstance(given[0], ast.Constant) and len(given) == 1):
        return None
    return given[0] if len(given) == 1 else ast.Tuple(given, ast.Load())


def columns_of(module: Module, node: ast.expr) -> dict[str, tuple[Selected, Column]] | None:
    """Return the columns that the expression *node* computes with; None when it does more.

    A mapped class alone stands for its primary key.
    """
    found: dict[str, tuple[Selected, Column]] = {}
    stack: list[ast.AST] = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, ast.Name | ast.Attribute):
            selected = selected_at(module, one)
            if selected is not None:
                key = selected.model.primary_key if selected.model is not None else ()
                column = selected.column or (key[0] if len(key) == 1 else None)
                if column is None:
                    return None
                found[ast.unparse(one)] = selected, column
                continue
            if isinstance(one, ast.Attribute) and model_at(module, one.value) is not None:
                return None  # a relationship, or a property
            if isinstance(one, ast.Attribute):
                stack.append(one.value)
            continue
        if isinstance(one, ast.Call) and not _is_computing(module, one):
            return None
        stack += ast.iter_child_nodes(one)
    return found or None


def _is_computing(module: Module, node: ast.Call) -> bool:
    name = module.qualified_name(node.func) or ""
    if name in TRANSPARENT or name.startswith(COMPUTING):
        return True
    return isinstance(node.func, ast.Attribute) and node.func.attr in OF_COLUMN


def _named_table(query: Query) -> Selected | None:
    """Return the table that ``select_from`` names."""
    for link in query.chain:
        if link.name in NAMING and len(link.call.args) == 1:
            model = model_at(query.module, link.call.args[0])
            return Selected(link.call.args[0], model) if model is not None else None
    return None


def _of_conditions(query: Query) -> Selected | None:
    """Return the table that all conditions name, for ``select(func.count()).where(…)``."""
    found = {one.model.name: Selected(one.owner, one.model) for one in query.equals}
    models = {one.name for one in _models_in(query.module, query.others)}
    return next(iter(found.values())) if len(found) == 1 and models <= found.keys() else None


def _models_in(module: Module, nodes: Iterable[ast.expr]) -> Iterator[Model]:
    for node in nodes:
        for one in ast.walk(node):
            found = model_at(module, one.value) if isinstance(one, ast.Attribute) else None
            if found is not None:
                yield found


# --- exists() ---


def _existence(query: Query, node: ast.expr) -> Aggregate | None:
    """Return ``select(exists().where(…))``, ``session.query(query.exists()).scalar()``."""
    if query.chain or query.rows:
        return None
    module = query.module
    node = _unlabelled(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        built = built_at(module, node.func.value) if node.func.attr == "exists" else None
        if built is not None and not node.args and not node.keywords:
            return _of_built(query, built.selected, built.chain, built.steps)
    links: list[Link] = []
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if module.qualified_name(node.func) in EXISTS:
            break
        links.append(Link(node.func.attr, node))
        node = node.func.value
    if not isinstance(node, ast.Call) or module.qualified_name(node.func) not in EXISTS:
        return None
    if node.keywords or len(node.args) > 1:
        return None
    links.reverse()
    built = built_at(module, node.args[0]) if node.args else None
    if built is not None:
        chain = (*built.chain, *links)
        return _of_built(query, built.selected, chain, built.steps)
    named = selected_at(module, node.args[0]) if node.args else None
    if node.args and named is None and not isinstance(node.args[0], ast.Constant):
        return None
    return _of_built(query, (named,) if named is not None else None, tuple(links), ())


def _of_built(
    query: Query,
    selected: tuple[Selected, ...] | None,
    chain: tuple[Link, ...],
    steps: tuple[ast.stmt, ...],
) -> Aggregate | None:
    """Return the question whether the query has rows that stands inside *query*."""
    named = selected[0] if selected else None
    found = conditions_of(query.module, chain, (named,) if named is not None else None)
    inner = replace(
        query,
        equals=found.equals,
        others=found.others,
        links=found.links,
        chain=chain,
        steps=(*steps, *query.steps),
    )
    if selected and any(one.model != selected[0].model for one in selected):
        return None
    told = _named_table(inner) or named
    table = told or _of_conditions(inner)
    if table is None or table.model is None:
        return None
    return Aggregate(
        _about(inner, table),
        Kind.EXISTS,
        replace(table, column=None),
        name="exists",
        is_named=told is not None,
    )
