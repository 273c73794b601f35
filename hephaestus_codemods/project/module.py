"""A parsed file of the target, and the questions that rules ask of it."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.project.infer import kind, names_of, value
from hephaestus_codemods.project.nodes import Function, walk
from hephaestus_codemods.project.scopes import Definition, Scopes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.source import Source


class Module:
    """A file that parses, seen from the project it belongs to.

    *name* is the dotted name under which the target imports it, for example ``app.db.session``.
    """

    def __init__(
        self,
        source: Source,
        tree: ast.Module,
        name: str,
        project: Project,
        scopes: Scopes | None = None,
        masked: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.source = source
        self.tree = tree
        self.name = name
        self.project = project
        self.scopes = scopes or Scopes(tree, source.text)
        #: What was worked out about the file before, by who asked what.
        self.memo: dict[object, Any] = {}
        #: Spans of syntax that our interpreter cannot read; nothing there may be edited.
        self.masked = masked

    @property
    def path(self) -> str:
        """The path relative to the root, with forward slashes."""
        return self.source.path

    @property
    def is_package(self) -> bool:
        """Whether the file is the ``__init__.py`` of a package."""
        return self.path.rpartition("/")[2] == "__init__.py"

    @property
    def nodes(self) -> Sequence[ast.AST]:
        """All nodes, parents before children, in source order; no contexts and no operators."""
        return self.scopes.walked[0]

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """All calls, outer before inner, in source order."""
        return tuple(node for node in self.nodes if node.__class__ is ast.Call)

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that holds each node."""
        return self.scopes.parents

    @cached_property
    def stored_attributes(self) -> dict[str, list[ast.Attribute]]:
        """The attributes that this file assigns to or deletes, by their last name."""
        found: dict[str, list[ast.Attribute]] = {}
        for node in self.nodes:
            if node.__class__ is ast.Attribute and not isinstance(node.ctx, ast.Load):
                found.setdefault(node.attr, []).append(node)
        return found

    @cached_property
    def mentions(self) -> dict[str, list[ast.expr]]:
        """The places that read a name, an attribute, or hold a word in a string, by that word."""
        found: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            match node:
                case ast.Name(ctx=ast.Load(), id=name) | ast.Attribute(ctx=ast.Load(), attr=name):
                    found.setdefault(name, []).append(node)
                case ast.Constant(value=str(text)) if text.isidentifier():
                    found.setdefault(text, []).append(node)
        return found

    @cached_property
    def renamed(self) -> dict[str, set[str]]:
        """The names that ``from`` imports give to something, by its own name."""
        found: dict[str, set[str]] = {}
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                for one in node.names:
                    if one.asname:
                        found.setdefault(one.name, set()).add(one.asname)
        return found

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
        re-exports of the project's own modules: ``sa.create_engine`` is
        ``sqlalchemy.create_engine``.
        A name of the project itself comes back with its module: ``app.db.SessionLocal``; one of
        Python as ``builtins.len``. A local variable, a parameter, a rebound or a shadowed name is
        None.
        """
        names = self.qualified_names(node)
        return next(iter(names)) if len(names) == 1 else None

    def qualified_names(self, node: ast.expr) -> frozenset[str]:
        """Return every name that *node* may refer to (try/except imports); none when unknown."""
        try:
            return names_of(self, node)
        except RecursionError:
            return frozenset()

    def kind(self, node: ast.expr) -> str | None:
        """Return the canonical class of the value of *node* (R4, R5), or None when unknown.

        Canonical names are those of ``project/kinds.py``: ``sqlalchemy.orm.Session``,
        ``redis.asyncio.Redis``; classes of the project come back with their module.
        """
        try:
            return kind(value(self, node))
        except RecursionError:
            return None

    def qualified_path(self, node: ast.AST) -> str:
        """Return the names of the classes and functions around *node*, and its own, with dots."""
        names = [n.name for n in (node, *self.ancestors(node)) if isinstance(n, Definition)]
        return ".".join(reversed(names))

    def adopt(self, inner: ast.expr, place: ast.expr) -> None:
        """Let *inner*, parsed from a string, stand in the tree at *place*: names resolve there."""
        parents = self.scopes.parents
        nodes, inside = walk(inner)
        for node in nodes:
            ast.copy_location(node, place)
        parents.update(inside)
        parents[inner] = parents[place]
