"""Compares the routes that we found with those that a framework reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.project.callgraph import label
from hephaestus_codemods.project.web.routes import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.web.depends import Dependency

#: Path, methods, handler, and what runs before it.
Row = tuple[str, tuple[str, ...], str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many routes *both* know, which ones are *missing* here, and which we *invented*.

    A route that depends on a condition may be there or not.
    """

    both: int
    missing: tuple[Row, ...]
    invented: tuple[Row, ...]


def found_routes(project: Project) -> dict[Row, bool]:
    """Return the routes of *project* in the form that is compared, and which are conditional.

    Those of mounted applications count once.
    """
    return {
        (
            route.path,
            _without_head(route.methods),
            route.endpoint,
            tuple(_name(one) for one in route.dependencies),
        ): route.conditional
        for application in project.web.applications
        if not application.is_mounted
        for route in application.routes
    }


def _name(dependency: Dependency) -> str:
    function = dependency.function
    if function is None:
        return dependency.name if dependency.is_known else UNKNOWN
    return f"{function.module.name}.{label(function)}".removesuffix(".__init__")


def compared(found: Mapping[Row, bool], reported: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare what we *found* with what was *reported*, the framework's own pages aside.

    A part of a path or a dependency that we do not know agrees with any. What libraries define
    counts by its last name: they import their own objects from several places.
    """
    packages = {row[2].partition(".")[0] for row in found}
    said = [
        _shortened((one["path"], _without_head(one["methods"]), one["endpoint"], names), packages)
        for one in reported
        if one["endpoint"].partition(".")[0] in packages
        for names in [tuple(one["dependencies"])]
    ]
    left = {_shortened(row, packages): maybe for row, maybe in found.items()}
    both, missing = 0, []
    for row in said:
        same = next((one for one in left if _is_same(one, row)), None)
        if same is None:
            missing.append(row)
        else:
            both += 1
            del left[same]
    invented = sorted(row for row, maybe in left.items() if not maybe)
    return Comparison(both, tuple(sorted(set(missing))), tuple(invented))


def _is_same(found: Row, said: Row) -> bool:
    if found[1:3] != said[1:3] or len(found[3]) != len(said[3]):
        return False
    if any(one not in (other, UNKNOWN) for one, other in zip(found[3], said[3], strict=True)):
        return False
    pattern = ".*".join(re.escape(part) for part in found[0].split(UNKNOWN))
    return re.fullmatch(pattern, said[0]) is not None


def _shortened(row: Row, packages: set[str]) -> Row:
    path, methods, endpoint, names = row
    short = tuple(
        name if name.partition(".")[0] in packages else name.rpartition(".")[2] for name in names
    )
    return path, methods, endpoint, short


def _without_head(methods: Iterable[str]) -> tuple[str, ...]:
    return tuple(one for one in methods if one != "HEAD")
