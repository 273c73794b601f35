"""From which folders a file is imported: what starts the service decides, and its own imports.

A folder with ``__init__.py`` is no sure sign of a package: ``uvicorn app.main:app`` may run inside
``src/``, or ``from db import engine`` inside ``app/``, although an ``__init__.py`` lies there. Some
files have two names, one in the service and one in its tests.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.layout import above, dotted, is_test, parent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.project import Project

RELATIVE: Final = re.compile(rb"^[ \t]*from[ \t]+(\.+)", re.MULTILINE)


def import_roots(project: Project, path: str) -> tuple[str, ...]:
    """Return the folders from which *path* is imported: those of the service before others.

    That is the one of the layout, unless commands or imports speak for one inside of it.
    """
    found = project.memo.roots.get(path)
    if found is None:
        found = project.memo.roots[path] = _import_roots(project, path)
    return found


def _import_roots(project: Project, path: str) -> tuple[str, ...]:
    usual = project.layout.root(path)
    ranked = [
        (rank, root)
        for root in _packages(path, usual, project.layout.files)
        if (rank := _rank(project, path, root)) and not _climbs_out(project, path, root)
    ]
    if not ranked:
        return (usual,)
    ranked.insert(0, (_rank(project, path, usual), usual))
    return tuple(root for rank, root in sorted(ranked, key=lambda one: -one[0]) if rank)


def root_of_imports(project: Project, path: str) -> str | None:
    """Return the one of the import roots that the absolute imports of *path* itself rely on."""
    raw = project.read(path) or b""
    roots = import_roots(project, path)
    return next((one for one in roots if _imports(project, raw, one, path)), None)


def writes_relative(project: Project, path: str) -> bool:
    """Say whether *path* imports relatively."""
    return RELATIVE.search(project.read(path) or b"") is not None


def _packages(path: str, usual: str, files: frozenset[str]) -> Iterator[str]:
    """Yield the packages around *path*, the outermost first."""
    folder = usual
    for name in filter(None, parent(path)[len(usual) :].split("/")):
        folder = f"{folder}/{name}" if folder else name
        if f"{folder}/__init__.py" in files:
            yield folder


def _rank(project: Project, path: str, root: str) -> int:
    """Return 2 when the service imports *path* from *root*, 1 when only its tests do, else 0."""
    if any(_is_run(project, path, root, name) for name in project.deployment.started):
        return 2
    ranks = (
        1 if is_test(other) else 2
        for other, raw in project.sources(tests=True)
        if _imports(project, raw, root, path)
    )
    return max(ranks, default=0)


def _is_run(project: Project, path: str, root: str, name: str) -> bool:
    """Say whether a command that runs the module *name* has to run in *root*."""
    if not _is_only_there(project, path, root, name):
        return False
    top = dotted(path, root).partition(".")[0]
    named = f"/{name}.py"
    alone = sum(f"/{one}".endswith(named) for one in project.layout.files) == 1
    return alone if "." not in name else name.partition(".")[0] == top


def _imports(project: Project, raw: bytes, root: str, path: str) -> bool:
    """Say whether the imports in *raw* find something in the package of *path* from *root*."""
    top, *rest = dotted(path, root).split(".")
    if top.encode() not in raw:
        return False
    folder = f"{root}/{top}" if root else top
    if not rest and f"{folder}.py" == path:
        known = top in sys.stdlib_module_names or project.target.has(top, path)
        pattern = rb"^[ \t]*(?:from|import)[ \t]+%s\b(?!\.)" % top.encode()
        return not known and re.search(pattern, raw, re.MULTILINE) is not None
    pattern = rb"^[ \t]*(?:from|import)[ \t]+%s(?:\.|[ \t]+import[ \t]+\(?\s*)(\w+)" % top.encode()
    names = re.findall(pattern, raw, re.MULTILINE)
    return any(_is_only_there(project, path, root, f"{top}.{name.decode()}") for name in names)


def _is_only_there(project: Project, path: str, root: str, name: str) -> bool:
    """Say whether the module *name* is found in *root*, and in no folder above it."""
    usual = project.layout.root(path)
    outer = (one for one in above(root) if len(one) >= len(usual))
    found = _is_there(project, root, name)
    return found and not any(_is_there(project, one, name) for one in outer)


def _is_there(project: Project, folder: str, name: str) -> bool:
    """Say whether the module *name* is found in *folder*."""
    stem = f"{folder}/{name.replace('.', '/')}".lstrip("/")
    return f"{stem}.py" in project.layout.files or stem in project.layout.folders


def _climbs_out(project: Project, path: str, root: str) -> bool:
    """Say whether relative imports beside *path* need a package above *root*."""
    within = path[len(root) + 1 :].partition("/")[0]
    folder = f"{root}/{within}"
    for other, raw in project.sources(tests=True):
        if other != path and not other.startswith(f"{folder}/"):
            continue
        depth = other[len(root) + 1 :].count("/")
        if any(len(dots) > depth for dots in RELATIVE.findall(raw)):
            return True
    return False
