"""Whether a query can find more than one row."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_rules.sqlalchemy_exists_over_count.chains import (
    CONDITIONS,
    column_at,
    may_be_table,
    model_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Link
    from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch


def at_most_one(module: Module, fetch: Fetch, model: Model | None) -> bool:
    """Say whether *fetch* finds one row at most: by its limit, or by a unique key of *model*.

    A column that may be NULL proves nothing: a comparison with None finds every row without one.
    """
    limits = [one for one in fetch.links if one.name == "limit"]
    if limits:
        return all(_is_one(link) for link in limits)
    if model is None or not fetch.names <= CONDITIONS | {"order_by", "options"}:
        return False
    known = (name for link in fetch.links for name in _fixed(module, link, model))
    fixed = [name for name in known if (c := model.column(name)) and c.nullable is False]
    return model.is_unique(*fixed)


def _is_one(link: Link) -> bool:
    match link.call.args:
        case [ast.Constant(value=1)]:
            return not link.call.keywords
    return False


def _fixed(module: Module, link: Link, model: Model) -> Iterator[str]:
    """Yield the columns of *model* that a condition compares with one value."""
    if link.name == "filter_by":
        values = {one.arg: one.value for one in link.call.keywords if one.arg is not None}
        yield from (name for name, one in values.items() if _is_value(module, one))
    if link.name not in ("filter", "where"):
        return
    for condition in link.call.args:
        match condition:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                found = column_at(module, left)
                if found is not None and found[0].name == model.name and _is_value(module, right):
                    yield found[1].attribute


def _is_value(module: Module, node: ast.expr) -> bool:
    """Say whether *node* is one value for all rows, no column that has one in each."""
    parts = [one for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)]
    return not any(model_at(module, one) or may_be_table(module, one) for one in parts)
