"""How the answer of an aggregate is used: as a number, or only to know whether there are rows."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.project.aggregates import Aggregate, Kind, aggregate_of
from hephaestus_codemods.project.infer import class_named, has_member
from hephaestus_codemods.project.queries import Gives
from hephaestus_codemods.project.variables import only_binding, reads_of
from hephaestus_rules.sqlalchemy_exists_over_count.uses import (
    Truth,
    truth_of_first,
    truth_of_list,
    truth_of_number,
)

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query, Selected


@dataclass(frozen=True)
class Use:
    """An *aggregate*, and the expression *node* that says no more than its answer.

    *negated* says that *node* is true where there are no rows. *reads* are what else asks for the
    truth of the variable that a row is put into.
    """

    aggregate: Aggregate
    node: ast.expr
    negated: bool = False
    reads: tuple[Truth, ...] = ()


def use_of(query: Query) -> Use | None:
    """Return the aggregate that *query* is, or stands for by the way its answer is used."""
    aggregate = aggregate_of(query)
    if aggregate is None:
        return _of_first(query)
    module, node = query.module, aggregate.query.whole
    if aggregate.kind is Kind.COUNT:
        truth = truth_of_number(module, node)
        if truth is not None and _counts_all(aggregate):
            exists = replace(aggregate, kind=Kind.EXISTS, call=None, name="exists")
            return Use(exists, truth.node, truth.negated)
        return Use(aggregate, _without_zero(module, node))
    return Use(aggregate, node)


def _counts_all(aggregate: Aggregate) -> bool:
    """Say whether no row is left out of a count: it counts no NULLs."""
    return not aggregate.columns or (
        aggregate.is_plain and all(one.nullable is False for one in aggregate.columns)
    )


def _without_zero(module: Module, node: ast.expr) -> ast.expr:
    """Return ``node or 0``, which says the same of a count as *node*."""
    match module.parents.get(node):
        case ast.BoolOp(op=ast.Or(), values=[first, ast.Constant(value=0)]) as either:
            return either if first is node else node
    return node


# --- first() is not None ---


def _of_first(query: Query) -> Use | None:
    """Return the question whether rows exist that ``first()`` stands for, by how it is used."""
    read = query.selected[0] if query.selected else None
    if query.gives is not Gives.ONE_OR_NONE or query.strict or read is None or read.model is None:
        return None
    if any(one.model != read.model for one in query.selected or ()):
        return None
    if query.rows is False and len(query.selected or ()) > 1:
        return None
    if read.model.is_unique(*(one.column.attribute for one in query.equals)):
        return None  # at most one row: it can be looked up
    column = read.column if not query.rows else None
    if column is not None and column.nullable is not False:
        return None  # the first value may be None
    is_plain = query.rows or (column is None and _is_plainly_true(query.module, read))
    aggregate = Aggregate(
        replace(query, rows=False), Kind.EXISTS, replace(read, column=None), name="first"
    )
    truth = _truth(query.module, query.whole, is_plain=is_plain)
    if truth is not None:
        return Use(aggregate, truth.node, truth.negated)
    reads = _reads(query.module, query.whole, is_plain=is_plain)
    return Use(aggregate, query.whole, reads=reads) if reads else None


def _truth(module: Module, node: ast.expr, *, is_plain: bool) -> Truth | None:
    return truth_of_first(module, node) or (truth_of_list(module, node) if is_plain else None)


def _is_plainly_true(module: Module, read: Selected) -> bool:
    """Say whether an object of the class is true, as those of most classes are."""
    assert read.model is not None
    cls = class_named(module.project, read.model.name, module.path)
    if cls is None or not read.model.complete:
        return False
    return not any(has_member(cls, one) for one in ("__bool__", "__len__"))


def _reads(module: Module, node: ast.expr, *, is_plain: bool) -> tuple[Truth, ...] | None:
    """Return how the variable that *node* is put into is read; None when its row is."""
    parent = module.parents.get(node)
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return None
    target = parent.targets[0]
    binding = only_binding(module, target) if isinstance(target, ast.Name) else None
    reads = reads_of(module, binding) if binding is not None else None
    found: list[Truth] = []
    for read in reads or ():
        truth = _truth(module, read, is_plain=is_plain)
        if truth is None:
            return None
        found.append(truth)
    return tuple(found)
