"""Where the support package of an application lies, and how its modules are imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    passed over when a real package follows. Without any package it lies beside the file.
    """
    layout = project.layout
    root, name = layout.root(path), layout.name(path)
    packages = name.split(".") if path.endswith("/__init__.py") else name.split(".")[:-1]
    folders = ["/".join([root, *packages[:n]]).lstrip("/") for n in range(1, len(packages) + 1)]
    real = (n for n, folder in enumerate(folders) if f"{folder}/__init__.py" in layout.files)
    depth = next(real, 0) + 1 if packages else 0
    folder = folders[depth - 1] if depth else root
    return Place(f"{folder}/{PACKAGE}".lstrip("/"), ".".join([*packages[:depth], PACKAGE]))


def support_module(module: Module, name: str) -> str:
    """Return the dotted name under which *module* imports the support module *name*."""
    return f"{support_place(module.project, module.path).package}.{name}"
