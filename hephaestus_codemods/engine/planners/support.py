"""Writes the support package of an application: only what is needed, never over an edit."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from hephaestus_codemods.kit.support import PACKAGE, Place, support_place
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hephaestus_codemods.project.project import Project

HEADER = re.compile(r"# hephaestus_support (?P<version>\S+), sha256 (?P<digest>[0-9a-f]{64})\n")
#: The target's linters and formatters have settings that ours has not; an edit would bar updates.
HANDS_OFF: Final = "# flake8: noqa\n# fmt: off\n"
SIBLING = re.compile(r"^from \.(\w+) import ", re.MULTILINE)
#: Modules that several rules need; each rule brings the rest.
COMMON: Final = ("__init__", "lifespan")


@dataclass(frozen=True, slots=True)
class Stored:
    """A support file as it lies in the target: who wrote it, and whether it is still as written."""

    version: str
    body: str
    edited: bool


def common_source(name: str) -> str:
    """Return the text of a support module that belongs to no single rule."""
    return (files(__package__) / "inject" / f"{name}.py").read_text("utf-8")


def plan_support(
    project: Project, app_path: str, modules: Mapping[str, str], tool_version: str
) -> Mapping[str, bytes] | Refusal:
    """Return the support files to write for the code in *app_path*: path → contents.

    *modules* maps names of support modules to their texts. The package itself, and common modules
    that they import, come with them. A file that is the same, or newer than we are, is left; one
    that was edited by hand refuses the whole plan.
    """
    place = support_place(project, app_path)
    refusal = _unpackaged(project, place, app_path)
    if refusal is not None:
        return refusal
    plan: dict[str, bytes] = {}
    for name, source in sorted(_with_common(modules).items()):
        path, text = f"{place.folder}/{name}.py", HANDS_OFF + source
        refusal = _refusal(project, path, text)
        if refusal is not None:
            return refusal
        if _is_due(project, path, text, tool_version):
            plan[path] = (_header(text, tool_version) + text).encode()
    return plan


def support_paths(project: Project, app_path: str, modules: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of all support files that *modules* stand on, there already or not."""
    folder = support_place(project, app_path).folder
    return tuple(f"{folder}/{name}.py" for name in sorted(_with_common(modules)))


def stored(raw: bytes) -> Stored | None:
    """Read a support file; None when it has no header of ours.

    Line endings do not count: git may have changed them on the way into the work tree.
    """
    text = LINE_END.sub("\n", raw.decode("utf-8", "replace"))
    match = HEADER.match(text)
    if match is None:
        return None
    body = text[match.end() :]
    return Stored(match["version"], body, _digest(body) != match["digest"])


def _with_common(modules: Mapping[str, str]) -> dict[str, str]:
    found = {"__init__": common_source("__init__"), **modules}
    needed = {name for text in modules.values() for name in SIBLING.findall(text)}
    return {**{name: common_source(name) for name in needed & {*COMMON}}, **found}


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _header(body: str, version: str) -> str:
    return f"# hephaestus_support {version}, sha256 {_digest(body)}\n"


def _refusal(project: Project, path: str, text: str) -> Refusal | None:
    raw = project.read(path)
    if raw is None:
        return None
    found = stored(raw)
    if found is None and LINE_END.sub("\n", raw.decode("utf-8", "replace")) != text:
        message = f"{path} is not one of our support files: move it away, or skip these sites"
        return Refusal("support-foreign", message)
    if found is not None and found.edited and found.body != text:
        message = f"{path} was edited by hand: delete it to get ours back, or skip these sites"
        return Refusal("support-edited", message)
    return None


def _is_due(project: Project, path: str, text: str, version: str) -> bool:
    raw = project.read(path)
    found = stored(raw) if raw is not None else None
    if found is None:
        return raw is None
    return found.body != text and not _is_newer(found.version, version)


def _is_newer(one: str, other: str) -> bool:
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return False


def _unpackaged(project: Project, place: Place, app_path: str) -> Refusal | None:
    """Refuse when the distribution lists its packages one by one: ours would not be shipped.

    A list without the package that asks is not how that is shipped either.
    """
    listed = _listed(project, place)
    holder = place.package.removesuffix(PACKAGE)
    within = app_path[len(place.folder.removesuffix(PACKAGE)) :].rpartition("/")[0]
    asking = f"{holder}{within.replace('/', '.')}".rstrip(".")
    if place.package in listed or asking not in listed:
        return None
    message = (
        f"pyproject.toml lists its packages: add {place.package!r} to tool.setuptools.packages"
    )
    return Refusal("support-not-packaged", message)


def _listed(project: Project, place: Place) -> frozenset[str]:
    """Return the packages that setuptools is told to ship, when they are listed."""
    folder = place.folder
    while folder:
        folder = folder.rpartition("/")[0]
        raw = project.read(f"{folder}/pyproject.toml".lstrip("/"))
        if raw is not None:
            return _setuptools_packages(raw)
    return frozenset()


def _setuptools_packages(raw: bytes) -> frozenset[str]:
    try:
        tables = tomllib.loads(raw.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return frozenset()
    listed = tables.get("tool", {}).get("setuptools", {}).get("packages")
    return (
        frozenset(one for one in listed if isinstance(one, str))
        if isinstance(listed, list)
        else frozenset()
    )
