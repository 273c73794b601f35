"""Compares the routes that we found with those that a framework reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.project.callgraph import label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.web.depends import Dependency

#: Path, methods, handler, and what runs before it.
Row = tuple[str, tuple[str, ...], str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many routes *both* know, which ones are *missing* here, and which we *invented*."""

    both: int
    missing: tuple[Row, ...]
    invented: tuple[Row, ...]


def found_routes(project: Project) -> set[Row]:
    """Return the routes of *project* in the form that is compared; mounted ones count once."""
    return {
        (
            route.path,
            tuple(method for method in route.methods if method != "HEAD"),
            route.endpoint,
            tuple(_name(one) for one in route.dependencies),
        )
        for application in project.web.applications
        if not application.is_mounted
        for route in application.routes
    }


def _name(dependency: Dependency) -> str:
    function = dependency.function
    if function is None:
        return dependency.name
    return f"{function.module.name}.{label(function)}".removesuffix(".__init__")


def compared(found: set[Row], reported: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare what we *found* with what was *reported*, the framework's own pages aside.

    What we found may belong to applications that were not asked.
    """
    said = {
        (one["path"], tuple(one["methods"]), one["endpoint"], tuple(one["dependencies"]))
        for one in reported
    }
    packages = {row[2].partition(".")[0] for row in found}
    said = {row for row in said if row[2].partition(".")[0] in packages}
    said = {_without_head(row) for row in said}
    missing, invented = said - found, found - said
    return Comparison(len(said & found), tuple(sorted(missing)), tuple(sorted(invented)))


def _without_head(row: Row) -> Row:
    path, methods, endpoint, dependencies = row
    return path, tuple(one for one in methods if one != "HEAD"), endpoint, dependencies
