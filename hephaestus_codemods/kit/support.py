"""Where the support package of an application lies, and how its modules are imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.layout import dotted
from hephaestus_codemods.project.roots import import_roots, root_of_imports, writes_relative

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

PACKAGE: Final = "hephaestus_support"


@dataclass(frozen=True, slots=True)
class Place:
    """The *folder* of a support package, and the dotted name that the application imports."""

    folder: str
    package: str


def support_place(project: Project, path: str) -> Place:
    """Return where the code in file *path* finds its support package.

    That is the topmost package on its import path; a namespace has no code of its own, so it is
    passed over when a real package follows. Without any package it lies beside the file. A file
    that is imported from two folders finds it under both names.
    """
    layout, usual = project.layout, project.layout.root(path)
    roots = import_roots(project, path)
    root = max(roots, key=len)
    name = dotted(path, root)
    packages = name.split(".") if path.endswith("/__init__.py") else name.split(".")[:-1]
    folders = ["/".join([root, *packages[:n]]).lstrip("/") for n in range(1, len(packages) + 1)]
    real = (n for n, folder in enumerate(folders) if f"{folder}/__init__.py" in layout.files)
    depth = next(real, 0) + 1 if packages else 0
    folder = f"{folders[depth - 1] if depth else root}/{PACKAGE}".lstrip("/")
    seen_from = root_of_imports(project, path)
    if seen_from is None:
        # A relative import is planned from the name that the layout gives; others work at a root.
        named = depth and (writes_relative(project, path) or len(roots) > 1)
        seen_from = usual if named else roots[0]
    return Place(folder, dotted(folder, seen_from))


def support_module(module: Module, name: str) -> str:
    """Return the dotted name under which *module* imports the support module *name*."""
    return f"{support_place(module.project, module.path).package}.{name}"
