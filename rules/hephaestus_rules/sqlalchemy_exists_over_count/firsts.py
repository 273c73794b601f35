"""Lists of rows of which only the first are used."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.expressions import is_pure
from hephaestus_codemods.kit.layout import line_start
from hephaestus_codemods.project.variables import binding_of, reads_of
from hephaestus_codemods.rule import CannotEdit, Change, Edit
from hephaestus_rules.sqlalchemy_exists_over_count.bound import length_of
from hephaestus_rules.sqlalchemy_exists_over_count.edits import dot_of, is_lined, keep_comments
from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch, Gives
from hephaestus_rules.sqlalchemy_exists_over_count.uses import truth_of_list, truth_of_number

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


@dataclass(frozen=True, slots=True)
class Firsts:
    """How many of the first rows are used.

    *number* is None where a variable, *text*, says it. *sliced* is the slice that the limit makes
    needless.
    """

    text: str
    number: int | None
    sliced: ast.Subscript | None = None


def firsts_of(module: Module, fetch: Fetch) -> Firsts | None:
    """Return how many rows of the list are used at most; None when all may be."""
    if fetch.gives is not Gives.LIST:
        return None
    found = _of_subscript(module, fetch.node)
    if found is None:
        number = _most(module, _reads(module, fetch.node))
        return Firsts(str(number), number) if number else None
    sliced = found.sliced
    if sliced is not None and all(_is_truth(module, one) for one in _reads(module, sliced)):
        return None  # Whether there are rows is another question.
    return found


def _reads(module: Module, node: ast.expr) -> tuple[ast.expr, ...]:
    """Return where *node* is read: through a variable, or where it stands."""
    binding = binding_of(module, node)
    reads = reads_of(module, binding) if binding is not None else None
    return reads or (node,)


def _of_subscript(module: Module, node: ast.expr) -> Firsts | None:
    place = module.parents.get(node)
    if not isinstance(place, ast.Subscript) or place.value is not node:
        return None
    if not isinstance(place.ctx, ast.Load):
        return None
    index = _index(place)
    if index is not None:
        return Firsts(str(index + 1), index + 1)
    match place.slice:
        case ast.Slice(lower=None | ast.Constant(value=0), upper=ast.expr() as upper, step=None):
            number = _natural(upper)
            if number != 0 and (number is not None or _is_variable(module, upper)):
                return Firsts(module.source.segment(upper), number, place)
    return None


def _is_variable(module: Module, node: ast.expr) -> bool:
    return not isinstance(node, ast.Constant | ast.UnaryOp) and is_pure(module, node)


def _most(module: Module, reads: tuple[ast.expr, ...]) -> int:
    """Return how many rows the *reads* of a list use: 0 when that cannot be seen, or none."""
    most = 0
    for read in reads:
        place = module.parents.get(read)
        index = _index(place) if isinstance(place, ast.Subscript) else None
        if index is not None:
            most = max(most, index + 1)
        elif not _is_truth(module, read):
            return 0
    return most


def _is_truth(module: Module, read: ast.expr) -> bool:
    length = length_of(module, read)
    if length is not None:
        return truth_of_number(module, length) is not None
    return truth_of_list(module, read) is not None


def _index(place: ast.Subscript) -> int | None:
    return _natural(place.slice) if isinstance(place.ctx, ast.Load) else None


def _natural(node: ast.expr) -> int | None:
    """Return the number that is written as *node*."""
    is_number = isinstance(node, ast.Constant) and type(node.value) is int
    return node.value if is_number else None  # type: ignore[attr-defined]  # it is a constant


def limited(module: Module, fetch: Fetch, firsts: Firsts) -> Change:
    """Put ``.limit(n)`` at the end of the query, and take away the slice."""
    at = dot_of(module, fetch) if fetch.send is None else module.source.span(fetch.query)[1]
    edits = [Edit(at, at, _limit(module, fetch, at, firsts.text))]
    if firsts.sliced is not None:
        end, stop = module.source.span(fetch.node)[1], module.source.span(firsts.sliced)[1]
        keep_comments(module, (end, stop))
        if not module.source.text[end:stop].lstrip().startswith("["):
            raise CannotEdit("the list stands in brackets of its own")
        edits.append(Edit(end, stop, ""))
    return Change(tuple(edits))


def _limit(module: Module, fetch: Fetch, at: int, number: str) -> str:
    """Return the call of ``limit`` to stand *at*, on a line of its own where the others do."""
    source = module.source
    lead = source.text[line_start(source, at) : at]
    if fetch.send is None:
        return f".limit({number}){'' if lead.strip() else source.newline(at) + lead}"
    lined = is_lined(module, fetch.query)
    before = source.newline(at) + lead[: len(lead) - len(lead.lstrip())] if lined else ""
    return f"{before}.limit({number})"
