"""What an expression can evaluate to, as far as rules care: classes, functions and instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ast

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.nodes import Function as FunctionNode


@dataclass(frozen=True, slots=True)
class Library:
    """An object of a library, by its one name: a module, class, function or constant."""

    name: str


@dataclass(frozen=True, slots=True)
class ProjectModule:
    """A module of the project."""

    module: Module


@dataclass(frozen=True, slots=True)
class Class:
    """A class that the project defines."""

    module: Module
    node: ast.ClassDef

    @property
    def name(self) -> str:
        """The full dotted name."""
        return f"{self.module.name}.{self.module.qualified_path(self.node)}"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the project defines; *owner* is what it was read from, when bound."""

    module: Module
    node: FunctionNode
    owner: Value | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of class *of*; *args* are what it holds, yields or makes."""

    of: Library | Class
    args: tuple[Value | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a library class, read from *owner*."""

    owner: Value
    name: str


@dataclass(frozen=True, slots=True)
class Circular:
    """A value that is being worked out: it agrees with every other."""


Value = Library | ProjectModule | Class | Function | Instance | Method | Circular
CIRCULAR: Final = Circular()


def instance(name: str, *args: Value | None) -> Instance:
    """Return an instance of the library class *name*."""
    return Instance(Library(name), args)


def is_instance(value: Value | None, *names: str) -> bool:
    """Say whether *value* is an instance of one of the library classes *names*."""
    return isinstance(value, Instance) and isinstance(value.of, Library) and value.of.name in names
