"""What the query's own options load already, and what forbids one more."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.project.queries import Link

#: Methods that decide themselves what is loaded, or with which one option more would not go.
OTHERS: Final = {
    "yield_per": "its objects come in portions",
    "from_statement": "its statement is written out",
    "with_entities": "what it reads is changed on the way",
    "with_only_columns": "what it reads is changed on the way",
    "add_columns": "what it reads is changed on the way",
    "add_entity": "what it reads is changed on the way",
    "from_self": "what it reads is changed on the way",
    "union": "it joins several queries",
    "union_all": "it joins several queries",
    "intersect": "it joins several queries",
    "except_": "it joins several queries",
    "populate_existing": "it overwrites loaded objects",
    "enable_eagerloads": "it decides whether relationships are loaded",
    "values": "it reads columns",
    "subquery": "it is a part of another query",
    "cte": "it is a part of another query",
}
#: Execution options with which objects come in portions, or are overwritten.
EXECUTION: Final = frozenset({"yield_per", "stream_results", "populate_existing"})
#: Options that load a relationship with its objects.
LOADING: Final = frozenset({"joinedload", "selectinload", "subqueryload", "immediateload"})
#: The relationships that an option leads to, in order, each with the option's name.
Loading = tuple[tuple[str, str], ...]
#: Options that say nothing about relationships, or only lead to one.
OTHER_OPTIONS: Final = frozenset(
    """load_only defer undefer undefer_group defaultload with_loader_criteria with_expression Load
    selectin_polymorphic joinedload_all""".split()
)


def options_in(links: Iterable[Link]) -> Iterator[ast.expr]:
    """Yield the options that the methods *links* give a query."""
    for link in links:
        if link.name == "options":
            yield from link.call.args


def loaded_by(option: ast.expr) -> Iterator[Loading]:
    """Yield the ways that *option* names, with all options that stand in its ``options(…)``."""
    if not isinstance(option, ast.Call):
        yield ()
        return
    func = option.func
    before = [*loaded_by(func.value)] if isinstance(func, ast.Attribute) else [()]
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    if name == "options":
        yield from before
        for inner in option.args:
            yield from ((*before[0], *way) for way in loaded_by(inner))
        return
    found: list[tuple[str, str]] = []
    for given in option.args:
        match given:
            case ast.Attribute(attr=attr):
                found.append((name, attr))
            case ast.Constant(value=str(text)):
                found += [(name, part) for part in text.split(".")]
    for way in before:
        yield (*way, *found)


def eager_in(options: Iterable[ast.expr]) -> set[tuple[str, ...]]:
    """Return the relationships, by the attributes on the way, that *options* load already."""
    found: set[tuple[str, ...]] = set()
    for option in options:
        for loaded in loaded_by(option):
            for end, (name, _) in enumerate(loaded, 1):
                if name in LOADING:
                    found.add(tuple(attribute for _, attribute in loaded[:end]))
    return found


def refusal_of(links: Iterable[Link], options: Iterable[ast.expr]) -> Refusal | None:
    """Return why no option is added to a query on which *links* are called."""
    for link in links:
        if link.name in OTHERS:
            return Refusal(f"query-has-{link.name.strip('_').replace('_', '-')}", OTHERS[link.name])
        if link.name == "execution_options" and any(
            one.arg is None or one.arg in EXECUTION for one in link.call.keywords
        ):
            return Refusal("query-has-execution-options", "its objects come in portions, or again")
    if not all(map(_is_known, options)):
        return Refusal("query-has-options", "its options decide how relationships are loaded")
    return None


def _is_known(option: ast.expr) -> bool:
    """Say whether *option* is written out, and leaves room for another one."""
    if not isinstance(option, ast.Call):
        return False
    func = option.func
    if isinstance(func, ast.Attribute):
        inner = func.value
        is_before = not isinstance(inner, ast.Call) or _is_known(inner)
        if func.attr == "options":
            return is_before and all(map(_is_known, option.args))
        return is_before and func.attr in LOADING | OTHER_OPTIONS
    return isinstance(func, ast.Name) and func.id in LOADING | OTHER_OPTIONS
