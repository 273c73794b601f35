"""What the imports of a module bind its names to, and whether they have run at a place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.project.names import only_for_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding, Scopes


@dataclass(frozen=True, eq=False, slots=True)
class Bindings:
    """The names of one module, as far as imports bind them."""

    module: Module
    scopes: Scopes

    @property
    def top(self) -> dict[str, list[Binding]]:
        """The names bound at module level."""
        return self.scopes.bound(self.module.tree)

    def visible(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the scopes around *node*, the innermost first."""
        scope: ast.AST | None = self.scopes.scope(node)
        while scope is not None:
            yield scope
            scope = self.scopes.outer(scope)

    def lookup(self, name: str, node: ast.AST) -> list[Binding]:
        """Return what binds *name* in the scope where a read at *node* finds it."""
        found = self.scopes.lookup(name, node)
        return found[1] if found else []

    def reads(self, name: str) -> list[ast.Name]:
        """Return the places that read *name*, in any scope."""
        return [
            node
            for node in self.module.nodes
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        ]

    def free_reads(self, name: str) -> list[ast.Name]:
        """Return the reads of *name* that reach the module's globals or the builtins."""
        return [node for node in self.reads(name) if self.is_global(name, node)]

    def is_global(self, name: str, node: ast.AST) -> bool:
        """Say whether *name*, read at *node*, is looked up in the module's globals."""
        found = self.scopes.lookup(name, node)
        return found is None or found[0] is self.module.tree

    def target(self, bound: Binding) -> str | None:
        """Return the dotted name that *bound* imports; None when it is no import."""
        if bound.alias is None:
            return None
        if isinstance(bound.node, ast.ImportFrom):
            source = absolute(self.module, bound.node)
            return f"{source}.{bound.alias.name}" if source else None
        return bound.alias.name if bound.alias.asname else bound.name

    def loads(self, bound: Binding) -> str | None:
        """Return the module that ``import`` surely loaded: ``a.b`` for ``import a.b``."""
        return bound.alias.name if bound.alias and isinstance(bound.node, ast.Import) else None


def bindings(module: Module) -> Bindings:
    """Return what *module* binds where."""
    return Bindings(module, module.scopes)


def absolute(module: Module, node: ast.ImportFrom) -> str | None:
    """Return the absolute name of the module that *node* imports from."""
    if not node.level:
        return node.module
    package = module.name.split(".")
    drop = node.level - module.is_package
    if drop >= len(package):
        return None
    parts = package[: len(package) - drop] + ([node.module] if node.module else [])
    return ".".join(parts) or None


def bound_name(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    """Return the name that *alias* binds."""
    if alias.asname:
        return alias.asname
    return alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name


def is_optional(module: Module, package: str) -> bool:
    """Say whether the file can live without *package*: it imports it inside ``try`` only."""
    found = [
        node
        for node in module.nodes
        if isinstance(node, ast.Import | ast.ImportFrom) and _brings(module, node, package)
    ]
    runtime = [node for node in found if not only_for_types(module, node)]
    return bool(runtime) and all(_may_fail(module, node) for node in runtime)


def _brings(module: Module, node: ast.Import | ast.ImportFrom, package: str) -> bool:
    if isinstance(node, ast.ImportFrom):
        names = [absolute(module, node) or ""]
    else:
        names = [alias.name for alias in node.names]
    return any(name.partition(".")[0] == package for name in names)


def _may_fail(module: Module, node: ast.AST) -> bool:
    """Say whether an ``except`` around *node* catches its failure."""
    inner = node
    for around in module.ancestors(node):
        if isinstance(around, ast.Try) and around.handlers and inner not in around.finalbody:
            return True
        inner = around
    return False


def always_before(module: Module, node: ast.AST, at: ast.AST) -> bool:
    """Say whether statement *node* has surely run when *at* is reached."""
    block = block_of(module, node)
    if block is None:
        return False
    path = [at, *module.ancestors(at)]
    after = next((one for one in path if one in block), None)
    return after is not None and block.index(node) < block.index(after)  # type: ignore[arg-type]


def block_of(module: Module, node: ast.AST) -> list[ast.stmt] | None:
    """Return the list of statements in which *node* stands."""
    parent = module.parents.get(node)
    for _, value in ast.iter_fields(parent) if parent is not None else ():
        if isinstance(value, list) and any(one is node for one in value):
            return value
    return None
