"""Which aggregates have an answer for many keys at once."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.shapes import Shape, shape_of
from hephaestus_codemods.project.aggregates import JOINING, NAMING, Aggregate, Kind
from hephaestus_codemods.project.callgraph import resolve
from hephaestus_codemods.project.infer import class_named, lineage
from hephaestus_codemods.project.queries import Gives, model_at
from hephaestus_codemods.project.values import Class
from hephaestus_codemods.rule import Refusal
from hephaestus_rules.sqlalchemy_eager_load_relationship.relations import target_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Link, Query, Selected

#: Methods that make no difference to how many rows there are, nor to whether there is one.
ORDER: Final = frozenset({"order_by"})
#: What else makes none: options load what belongs to an object, and none is loaded any more.
OF_OBJECTS: Final = frozenset({"options"})


@dataclass(frozen=True)
class Question:
    """What *aggregate* asks for each key: *shape* is about the rows behind it.

    *tables* are all classes whose rows it looks at. *joined* says that the key stands in a table
    that is joined to the one that is counted, or the other way round.
    """

    aggregate: Aggregate
    shape: Shape
    tables: tuple[Model, ...]
    joined: bool = False


def question_of(aggregate: Aggregate, varies: Callable[[ast.AST], bool]) -> Question | Refusal:
    """Return the question about the rows behind *aggregate*, or why it has none.

    *varies* says of a part of it whether it changes from round to round.
    """
    query, table = aggregate.query, aggregate.table
    assert table.model is not None
    if query.rows:
        return Refusal("rows-wanted", "its result is a row, of which the number is taken later")
    calls = [one.call for one in (aggregate, *aggregate.parts) if one.call is not None]
    if any(varies(one) for one in calls):
        return Refusal("varying-query", "what is computed changes from item to item")
    if not aggregate.is_named and _has_parent_table(query.module, table.model):
        message = f"{ast.unparse(table.node)} has columns of a parent table, which is asked alone"
        return Refusal("inheritance", message)
    unlike = _unlike(aggregate)
    if unlike is not None:
        return unlike
    joins = tuple(link for link in query.chain if link.name in JOINING)
    tables = _joined(query, table, joins)
    if isinstance(tables, Refusal):
        return tables
    read, others = table, query.others
    if joins:
        key = next((one for one in query.equals if varies(one.value)), None)
        if key is None or key.model not in tables:
            return Refusal("foreign-key", "the condition is about another table than what is read")
        read, others = replace(table, node=key.owner, model=key.model), ()
        unclear = _unclear(query, tables, varies)
        if unclear is not None:
            return unclear
    shape = shape_of(_about_rows(aggregate, read, joins, others), varies)
    if isinstance(shape, Refusal):
        return shape
    return Question(aggregate, shape, tables, joined=bool(joins))


def _has_parent_table(module: Module, model: Model) -> bool:
    """Say whether the rows of *model* are spread over its own table and that of a base class."""
    cls = class_named(module.project, model.name, module.path)
    classes = [one for one in lineage(cls) if isinstance(one, Class)] if cls is not None else []
    tables = (one for one in classes if "__tablename__" in one.module.scopes.bound(one.node))
    return len([*tables]) > 1


def _about_rows(
    aggregate: Aggregate, read: Selected, joins: tuple[Link, ...], others: tuple[ast.expr, ...]
) -> Query:
    """Return the query for the rows that *aggregate* looks at, in no order."""
    query = aggregate.query
    left_out = tuple(link for link in query.links if _is_left_out(aggregate, link))
    return replace(
        query,
        selected=(read,),
        gives=Gives.LIST,
        others=others,
        links=tuple(
            one
            for one in query.links
            if one not in (*left_out, *joins) and not (joins and one.name in NAMING)
        ),
        chain=tuple(one for one in query.chain if one not in left_out),
        strict=False,
        unique=False,
    )


def _is_left_out(aggregate: Aggregate, link: Link) -> bool:
    if link.name in ORDER:
        return True
    if aggregate.call is not None:
        return False
    if link.name in OF_OBJECTS:
        return True
    if aggregate.kind is not Kind.EXISTS:
        return False
    return link.name == "distinct" or (link.name == "limit" and _is_positive(link.call))


def _is_positive(call: ast.Call) -> bool:
    given = call.args[0] if len(call.args) == 1 else None
    return isinstance(given, ast.Constant) and isinstance(given.value, int) and given.value > 0


def _unlike(aggregate: Aggregate) -> Refusal | None:
    """Return why ``query.count()`` counts other rows than those of the table."""
    if aggregate.kind is not Kind.COUNT or aggregate.call is not None:
        return None
    left = [one.name for one in aggregate.query.links if not _is_left_out(aggregate, one)]
    others = [name for name in left if name not in JOINING and name != "filter_by"]
    if not others:
        return None
    message = f"{', '.join(others)}: query.count() counts the rows of a subquery with it"
    return Refusal("counts-subquery", message)


def _joined(query: Query, table: Selected, joins: tuple[Link, ...]) -> tuple[Model, ...] | Refusal:
    """Return all classes whose rows are looked at."""
    assert table.model is not None
    found = [table.model]
    if joins and any(link.name == "filter_by" for link in query.chain):
        return Refusal("query-has-filter-by", "filter_by() speaks of the table that is joined last")
    if joins:
        named = (link for link in query.chain if link.name in NAMING)
        joins = (*joins, *named)
    for link in joins:
        target = _target(query, link.call.args[0]) if link.call.args else None
        if target is None:
            message = f"{link.name}(): which table is joined cannot be seen"
            return Refusal(f"query-has-{link.name}", message)
        found.append(target)
    return tuple(found)


def _target(query: Query, node: ast.expr) -> Model | None:
    """Return the class that is joined: itself, or through a relationship."""
    found = model_at(query.module, node)
    owner = model_at(query.module, node.value) if isinstance(node, ast.Attribute) else None
    if found is not None or owner is None or not isinstance(node, ast.Attribute):
        return found
    related = next((one for one in owner.relationships if one.attribute == node.attr), None)
    return target_of(query.module, owner, related) if related is not None else None


def _unclear(
    query: Query, tables: tuple[Model, ...], varies: Callable[[ast.AST], bool]
) -> Refusal | None:
    """Return why a condition may be about other tables, or change from round to round."""
    for condition in query.others:
        if varies(condition):
            message = "a condition other than key == value changes from item to item"
            return Refusal("varying-condition", message)
        for node in ast.walk(condition):
            if isinstance(node, ast.Attribute):
                found = model_at(query.module, node.value)
                if found is not None and found not in tables:
                    message = f"{ast.unparse(node)} in a condition belongs to another table"
                    return Refusal("foreign-key", message)
            if isinstance(node, ast.Call) and resolve(query.module, node).functions:
                message = f"{ast.unparse(node.func)}() in a condition may give something else"
                return Refusal("varying-condition", message)
    if any(one.model not in tables for one in query.equals):
        return Refusal("foreign-key", "a condition is about a table that is not joined")
    return None
