"""What requirements allow: whether one implies another, contradicts it, and what both allow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A part of a version number that is larger than any real one.
LARGE: Final = 99_999
LOWER: Final = frozenset({">", ">="})


def allowed(specifiers: SpecifierSet, version: Version) -> bool:
    """Say whether *specifiers* allow *version*."""
    return specifiers.contains(version, prereleases=True)


def implies(given: Iterable[SpecifierSet], wanted: SpecifierSet) -> bool:
    """Say whether every version that all of *given* allow is allowed by *wanted*."""
    given = list(given)
    return all(
        allowed(wanted, one)
        for one in _probes([*given, wanted])
        if all(allowed(each, one) for each in given)
    )


def agree(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Say whether some version is allowed by both."""
    return any(allowed(one, v) and allowed(other, v) for v in _probes([one, other]))


def both(given: SpecifierSet, wanted: SpecifierSet) -> SpecifierSet:
    """Return specifiers for what both allow, without those that another one makes needless."""
    new = [one for one in wanted if not implies([given], SpecifierSet(str(one)))]
    kept = [one for one in given if not _is_covered(one, SpecifierSet(",".join(map(str, new))))]
    return SpecifierSet(",".join(map(str, [*kept, *new])))


def _is_covered(one: Specifier, by: SpecifierSet) -> bool:
    return one.operator in LOWER and implies([by], SpecifierSet(str(one)))


def written(specifiers: SpecifierSet) -> str:
    """Write specifiers as people do: the lower bound first."""
    order = {">=": 0, ">": 0, "==": 1, "~=": 1, "===": 1, "!=": 2, "<": 3, "<=": 3}
    return ",".join(map(str, sorted(specifiers, key=lambda one: (order[one.operator], str(one)))))


def _probes(sets: Iterable[SpecifierSet]) -> list[Version]:
    """Return versions at and between all bounds: what holds for these holds for all."""
    releases: set[tuple[int, ...]] = {(0,), (LARGE,)}
    exact: list[Version] = []
    for one in (specifier for each in sets for specifier in each):
        try:
            version = Version(one.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        exact.append(version)
        releases |= _around(version.release)
    return sorted({*exact, *(Version(".".join(map(str, one))) for one in releases)})


def _around(release: tuple[int, ...]) -> set[tuple[int, ...]]:
    found = {release, (*release, 0, 1), (*release, LARGE)}
    for depth in range(len(release)):
        head, number = release[:depth], release[depth]
        found.add((*head, number + 1))
        if number:
            found.add((*head, number - 1, LARGE))
    return found


def parsed(text: str) -> Requirement | None:
    """Read a PEP 508 requirement; None when it is none."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def poetry_specifiers(constraint: str) -> SpecifierSet | None:
    """Read a constraint of Poetry or Pipenv; None when it cannot be said in specifiers."""
    parts = [part.strip() for part in constraint.split(",")]
    found = [_poetry_part(part) for part in parts]
    if any(part is None for part in found):
        return None
    try:
        return SpecifierSet(",".join(part for part in found if part))
    except InvalidSpecifier:
        return None


def _poetry_part(part: str) -> str | None:
    if part in ("*", ""):
        return ""
    if match := re.fullmatch(r"([\^~])\s*(\d+(?:\.\d+)*)", part):
        release = [int(one) for one in match[2].split(".")]
        return f">={match[2]},<{_caret(release) if match[1] == '^' else _tilde(release)}"
    if re.fullmatch(r"\d[\w.]*(\.\*)?", part):
        return f"=={part}"
    return part.replace(" ", "") if re.match(r"[<>=!~]", part) else None


def _caret(release: list[int]) -> str:
    """The first part that is not 0 may not grow."""
    first = next((n for n, one in enumerate(release) if one), len(release) - 1)
    return ".".join(map(str, [*release[:first], release[first] + 1]))


def _tilde(release: list[int]) -> str:
    last = min(1, len(release) - 1)
    return ".".join(map(str, [*release[:last], release[last] + 1]))
