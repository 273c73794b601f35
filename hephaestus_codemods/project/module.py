"""A parsed file of the target, and the questions that rules ask of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from hephaestus_codemods.project.source import Source

if TYPE_CHECKING:
    from hephaestus_codemods.project.project import Project

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Module:
    """A file that parses, seen from the project it belongs to.

    *name* is the dotted name under which the target imports it, for example ``app.db.session``.
    """

    def __init__(self, source: Source, tree: ast.Module, name: str, project: Project) -> None:
        self.source = source
        self.tree = tree
        self.name = name
        self.project = project

    @property
    def path(self) -> str:
        """The path relative to the root, with forward slashes."""
        return self.source.path

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes, parents before children, in source order."""
        found: list[ast.AST] = []
        stack: list[ast.AST] = [self.tree]
        while stack:
            node = stack.pop()
            found.append(node)
            stack.extend(reversed(list(ast.iter_child_nodes(node))))
        return tuple(found)

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """All calls, outer before inner, in source order."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that holds each node."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around *node*, the nearest first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the statement that *node* stands in (a statement is its own)."""
        if isinstance(node, ast.stmt):
            return node
        return next(parent for parent in self.ancestors(node) if isinstance(parent, ast.stmt))

    def function(self, node: ast.AST) -> Function | None:
        """Return the innermost function around *node*, or None at module or class level."""
        return next((n for n in self.ancestors(node) if isinstance(n, Function)), None)

    def qualified_name(self, node: ast.expr) -> str | None:
        """Return the full dotted name that *node* refers to, or None when it cannot be proved.

        Names resolve through scopes, aliases, function-local and try/except imports and
        re-exports of the project's own modules: ``sa.create_engine`` → ``sqlalchemy.create_engine``.
        A name of the project itself comes back with its module: ``app.db.SessionLocal``. A local
        variable, a parameter, a rebound or a shadowed name is None.
        """
        raise NotImplementedError

    def kind(self, node: ast.expr) -> str | None:
        """Return the canonical class of the value of *node* (R4, R5), or None when unknown.

        Canonical names are those of ``project/kinds.py``: ``sqlalchemy.orm.Session``,
        ``redis.asyncio.Redis``; classes of the project come back with their module.
        """
        raise NotImplementedError
