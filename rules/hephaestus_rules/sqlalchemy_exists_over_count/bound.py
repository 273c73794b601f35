"""Fetched rows in a variable of which only the truth, or the number, is asked later."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.names import is_free
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.variables import binding_of, reads_of
from hephaestus_codemods.rule import CannotEdit, Edit
from hephaestus_rules.sqlalchemy_exists_over_count.edits import keep_comments
from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch, Gives
from hephaestus_rules.sqlalchemy_exists_over_count.uses import (
    Truth,
    is_in_f_string,
    truth_of_first,
    truth_of_list,
    truth_of_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module


@dataclass(frozen=True, slots=True)
class Bound:
    """How a variable is used: each read asks for the truth, or some ask for the number.

    *target* is what the fetch is assigned to. *lengths* are the calls of ``len`` whose number is
    used.
    """

    target: ast.Name
    truths: tuple[tuple[ast.Name, Truth], ...]
    lengths: tuple[tuple[ast.Name, ast.Call], ...]


def bound_of(module: Module, fetch: Fetch, *, plain: bool) -> Bound | None:
    """Return how the variable that *fetch* is put into is used; None when its rows are.

    *plain* says that what ``first()`` gives is true whenever it is not None.
    """
    binding = binding_of(module, fetch.node)
    reads = reads_of(module, binding) if binding is not None else None
    if binding is None or not reads:
        return None
    truths: list[tuple[ast.Name, Truth]] = []
    lengths: list[tuple[ast.Name, ast.Call]] = []
    for read in reads:
        if is_in_f_string(module, read):
            return None
        length = length_of(module, read) if fetch.gives is Gives.LIST else None
        truth = _truth(module, fetch, length or read, plain=plain)
        if truth is not None:
            truths.append((read, truth))
        elif length is not None:
            lengths.append((read, length))
        else:
            return None
    assert isinstance(binding.node, ast.Assign)
    (target,) = binding.node.targets
    assert isinstance(target, ast.Name)
    return Bound(target, tuple(truths), tuple(lengths))


def length_of(module: Module, node: ast.expr) -> ast.Call | None:
    """Return the ``len(...)`` around *node*."""
    parent = module.parents.get(node)
    if not isinstance(parent, ast.Call) or parent.keywords or parent.args != [node]:
        return None
    return parent if module.qualified_name(parent.func) == "builtins.len" else None


def _truth(module: Module, fetch: Fetch, node: ast.expr, *, plain: bool) -> Truth | None:
    if fetch.gives is Gives.NUMBER or isinstance(node, ast.Call):
        return truth_of_number(module, node)
    if fetch.gives is Gives.LIST:
        return truth_of_list(module, node)
    return truth_of_first(module, node) or (truth_of_list(module, node) if plain else None)


def truth_reads(module: Module, bound: Bound) -> Iterator[Edit]:
    """Yield the edits of the variable, now that it says whether there are rows."""
    name = _name(module, bound)
    if name != bound.target.id:
        yield Edit(*module.source.span(bound.target), name)
    for node, read, negated in _merged(module, bound):
        start, end = module.source.span(node)
        first, last = module.source.span(read)
        keep_comments(module, (start, first), (last, end))
        text = f"{'not ' * negated}{name}"
        if text != module.source.text[start:end]:
            yield Edit(start, end, text)


def _merged(module: Module, bound: Bound) -> Iterator[tuple[ast.expr, ast.Name, bool]]:
    """Yield what asks for the truth; ``x and x > 0`` asks once."""
    asked = {node: negated for node, _, negated in _asking(module, bound)}
    done: set[ast.AST] = set()
    for node, read, negated in _asking(module, bound):
        around = module.parents[node]
        if isinstance(around, ast.BoolOp) and all(
            asked.get(one) is negated for one in around.values
        ):
            if around not in done:
                done.add(around)
                yield around, read, negated
        else:
            yield node, read, negated


def _asking(module: Module, bound: Bound) -> Iterator[tuple[ast.expr, ast.Name, bool]]:
    """Yield the truths, with the ``not`` around them."""
    for read, truth in bound.truths:
        around = module.parents[truth.node]
        if isinstance(around, ast.UnaryOp) and isinstance(around.op, ast.Not):
            yield around, read, not truth.negated
        else:
            yield truth.node, read, truth.negated


#: Words in the name of a variable that say that it holds a number.
NUMBERS: Final = frozenset(
    {"count", "counts", "cnt", "num", "number", "total", "amount", "len", "length", "size"}
)


def _name(module: Module, bound: Bound) -> str:
    """Return the name of the variable: one that speaks of a number would be wrong from now on."""
    words = bound.target.id.split("_")
    rest = [one for one in words if one not in NUMBERS and one != "of"]
    if len(rest) == len(words):
        return bound.target.id
    many = "_".join((*rest[:-1], plural(rest[-1].removesuffix("s")))) if rest else "any"
    places = (bound.target, *(read for read, _ in bound.truths))
    for name in (f"has_{many}", "found"):
        if all(is_free(module, name, at) for at in places):
            return name
    return bound.target.id


def number_reads(module: Module, bound: Bound) -> Iterator[Edit]:
    """Yield the edits of the reads, now that the variable is the number of rows."""
    for read in (*(read for read, _ in bound.truths), *(read for read, _ in bound.lengths)):
        length = length_of(module, read)
        if length is None:
            continue
        start, end = module.source.span(length)
        first, last = module.source.span(read)
        keep_comments(module, (start, first), (last, end))
        if "\n" in module.source.text[start:end]:
            raise CannotEdit("the call of len stands on several lines")
        yield Edit(start, end, read.id)
