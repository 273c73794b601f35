"""Which exceptions a place raises, and which of them the ``try`` statements around it catch."""

from __future__ import annotations

import ast
import builtins
from functools import cache
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.infer import class_named, lineage, name_of, value
from hephaestus_codemods.project.values import Class, Instance, Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

#: Something is raised, and it is not known what.
ANYTHING: Final = "?"
#: What libraries' exceptions derive from, where it matters for ``except``.
PARENTS: Final = {
    "fastapi.HTTPException": "starlette.exceptions.HTTPException",
    "fastapi.exceptions.HTTPException": "starlette.exceptions.HTTPException",
    "sqlalchemy.exc.IntegrityError": "sqlalchemy.exc.DBAPIError",
    "sqlalchemy.exc.OperationalError": "sqlalchemy.exc.DBAPIError",
    "sqlalchemy.exc.DBAPIError": "sqlalchemy.exc.SQLAlchemyError",
    "sqlalchemy.exc.NoResultFound": "sqlalchemy.exc.SQLAlchemyError",
}
UNCAUGHT: Final = frozenset({"builtins.SystemExit", "builtins.KeyboardInterrupt"})


def raised(module: Module, node: ast.Raise) -> tuple[str, ...]:
    """Return the classes that a ``raise`` statement raises."""
    if node.exc is None:
        return _again(module, node)
    target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    found = _class_name(module, target)
    if found is not None:
        return (found,)
    if isinstance(node.exc, ast.Name):
        handler = _handler(module, node)
        if handler is not None and handler.name == node.exc.id:
            return _caught_names(module, handler)
    made = value(module, node.exc)
    return (made.of.name,) if isinstance(made, Instance) else (ANYTHING,)


def _again(module: Module, node: ast.AST) -> tuple[str, ...]:
    handler = _handler(module, node)
    return _caught_names(module, handler) if handler is not None else (ANYTHING,)


def _handler(module: Module, node: ast.AST) -> ast.ExceptHandler | None:
    for around in module.ancestors(node):
        if isinstance(around, ast.ExceptHandler):
            return around
        if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
    return None


def _caught_names(module: Module, handler: ast.ExceptHandler) -> tuple[str, ...]:
    if handler.type is None:
        return (ANYTHING,)
    parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return tuple(_class_name(module, one) or ANYTHING for one in parts)


def _class_name(module: Module, node: ast.expr) -> str | None:
    found = value(module, node)
    if isinstance(found, Class | Library):
        return found.name
    return name_of(module, node)


def catching(module: Module, node: ast.AST) -> tuple[frozenset[str], ...]:
    """Return the sets of classes that are caught around *node*, in its function."""
    found: list[frozenset[str]] = []
    child = node
    for around in module.ancestors(node):
        if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            break
        if isinstance(around, ast.Try | ast.TryStar) and child in around.body:
            found.append(frozenset(_kept(module, around)))
        elif isinstance(around, ast.With | ast.AsyncWith) and child in around.body:
            found.append(frozenset(_suppressed(module, around)))
        child = around
    return tuple(one for one in found if one)


def _kept(module: Module, node: ast.Try | ast.TryStar) -> Iterator[str]:
    for handler in node.handlers:
        if handler.type is None:
            yield "builtins.BaseException"
        else:
            yield from _caught_names(module, handler)


def _suppressed(module: Module, node: ast.With | ast.AsyncWith) -> Iterator[str]:
    for item in node.items:
        given = item.context_expr
        if isinstance(given, ast.Call) and name_of(module, given.func) == "contextlib.suppress":
            for one in given.args:
                yield _class_name(module, one) or ANYTHING


def escapes(project: Project, name: str, caught: tuple[frozenset[str], ...]) -> bool:
    """Say whether an exception of class *name* may leave the statements that catch *caught*."""
    if not caught:
        return True
    line = ancestry(project, name)
    return not any(line & one for one in caught)


def ancestry(project: Project, name: str) -> frozenset[str]:
    """Return the names of the class *name* and of all that it derives from, as far as known."""
    memo = project.memo.ancestries
    if name not in memo:
        memo[name] = frozenset(_ancestry(project, name))
    return memo[name]


def _ancestry(project: Project, name: str) -> Iterator[str]:
    yield "builtins.BaseException"
    if name == ANYTHING:
        return
    cls = class_named(project, name, None)
    names = [one.name for one in lineage(cls) if one is not None] if cls is not None else [name]
    for one in names:
        yield from _of_library(one)


@cache
def _of_library(name: str) -> tuple[str, ...]:
    found = [name]
    while (parent := PARENTS.get(found[-1])) is not None:
        found.append(parent)
    builtin = getattr(builtins, name.removeprefix("builtins."), None)
    if isinstance(builtin, type):
        found += [f"builtins.{one.__name__}" for one in builtin.__mro__]
    elif name not in UNCAUGHT:
        found.append("builtins.Exception")
    return tuple(found)
