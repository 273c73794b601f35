"""Adds loading options to a query."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.names import name_for
from hephaestus_codemods.project.queries import Form
from hephaestus_codemods.rule import CannotEdit, Change, Edit, Import

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sqlalchemy_eager_load_relationship.origins import Loaded
    from hephaestus_rules.sqlalchemy_eager_load_relationship.touched import Path


def with_options(loaded: Loaded, paths: list[Path]) -> Change:
    """Return the change after which the query loads *paths* with its objects."""
    module, query = loaded.module, loaded.query
    imports: set[Import] = set()
    entity = query.entity
    assert entity is not None
    text = ", ".join(_option(loaded, path, imports) for path in _longest(paths))
    given = next((link.call for link in query.links if link.name == "options"), None)
    if given is not None and given.args:
        end = module.source.span(given.args[-1])[1]
        return Change((Edit(end, end, f", {text}"),), tuple(sorted(imports)))
    place = _end_of_query(loaded)
    lead = _lead(module, place)
    return Change((Edit(place, place, f"{lead}.options({text})"),), tuple(sorted(imports)))


def _longest(paths: list[Path]) -> list[Path]:
    """Leave out paths that are the beginning of others."""
    return [
        one
        for one in paths
        if not any(other[: len(one)] == one and other != one for other in paths)
    ]


def _option(loaded: Loaded, path: Path, imports: set[Import]) -> str:
    module = loaded.module
    loader = _named(module, "sqlalchemy.orm.selectinload", loaded, imports)
    text = ""
    for number, step in enumerate(path):
        owner = _owner(loaded, step.owner.name, number, imports)
        text += (
            f".selectinload({owner}.{step.attribute})"
            if text
            else f"{loader}({owner}.{step.attribute})"
        )
    return text


def _owner(loaded: Loaded, name: str, number: int, imports: set[Import]) -> str:
    entity = loaded.query.entity
    assert entity is not None
    if number == 0:
        return loaded.module.source.segment(entity.node)
    return _named(loaded.module, name, loaded, imports)


def _named(module: Module, qualified: str, loaded: Loaded, imports: set[Import]) -> str:
    found = name_for(module, qualified, loaded.query.whole)
    if found is None:
        raise CannotEdit(f"{qualified} cannot be imported here")
    if found[1] is not None:
        imports.add(found[1])
    return found[0]


def _end_of_query(loaded: Loaded) -> int:
    """Return where the query ends, before what fetches its rows."""
    query, source = loaded.query, loaded.module.source
    if query.chain:
        return source.span(query.chain[-1].call)[1]
    if query.form is Form.LEGACY or isinstance(query.source, ast.Call | ast.Attribute):
        return source.span(query.source)[1]
    raise CannotEdit("where the query ends is not seen")


def _lead(module: Module, place: int) -> str:
    """Return the line break that stands before the next call of the chain, if there is one."""
    text = module.source.text
    rest = text[place:]
    stripped = rest.lstrip()
    between = rest[: len(rest) - len(stripped)]
    if stripped.startswith(".") and "\n" in between:
        return between
    line = text[:place].rpartition("\n")[2]
    if line.lstrip().startswith(".") and not line.rstrip().endswith("("):
        return "\n" + line[: len(line) - len(line.lstrip())]
    return ""
