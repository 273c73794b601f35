"""Which scope binds a name, and how: Python's own rules, computed scope by scope when asked."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, get_args

from hephaestus_codemods.project.nodes import Comprehension, Function, Scope, children, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Block = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try
Mover = ast.Global | ast.Nonlocal
SCOPES = frozenset(get_args(Definition | ast.Lambda | Comprehension))


class BindingKind(StrEnum):
    """What kind of statement or expression binds a name."""

    IMPORT = "import"
    """``import a.b`` or ``import a.b as c``; the binding's *alias* says which."""

    FROM_IMPORT = "from-import"
    """``from a import b as c``."""

    ASSIGN = "assign"
    """``x = value``; in ``x, y = value`` the binding's *path* says which part is *x*."""

    ANNOTATED = "annotated"
    """``x: T = value`` or ``x: T``."""

    AUGMENTED = "augmented"
    """``x += value``."""

    PARAMETER = "parameter"
    """A parameter of the function that is the scope."""

    FUNCTION = "function"
    """``def x()``."""

    CLASS = "class"
    """``class x``."""

    FOR = "for"
    """The target of a ``for`` statement; *value* is what it runs over."""

    COMPREHENSION = "comprehension"
    """The target of a ``for`` clause in a comprehension."""

    WITH = "with"
    """The target of ``with value as x``."""

    EXCEPT = "except"
    """``except value as x``."""

    WALRUS = "walrus"
    """``x := value``."""

    MATCH = "match"
    """A capture in a ``case`` pattern."""

    DELETE = "delete"
    """``del x``."""

    TYPE_PARAMETER = "type-parameter"
    """``def f[x]`` or ``type x = value``."""


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """A place that binds *name*: *node* is the statement, clause or parameter that does it.

    *value* is the expression bound, run over, or entered; *path* leads through its parts when it
    is unpacked, or is None when the part cannot be named (after a star).
    """

    kind: BindingKind
    name: str
    node: ast.AST
    value: ast.expr | None = None
    annotation: ast.expr | None = None
    alias: ast.alias | None = None
    path: tuple[int, ...] | None = ()


@dataclass(slots=True)
class Table:
    """What the statements of one scope bind, before ``global`` and ``nonlocal`` move it."""

    bound: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    stars: list[ast.ImportFrom] = field(default_factory=list)

    def add(self, binding: Binding) -> None:
        """Note one more place that binds a name."""
        self.bound.setdefault(binding.name, []).append(binding)


class Scopes:
    """The names of one tree; it knows nothing of the project, and is shared between its states."""

    def __init__(self, tree: ast.Module, text: str) -> None:
        self.tree = tree
        self._text = text
        self._raw: dict[ast.AST, Table] = {}
        self._bound: dict[ast.AST, dict[str, list[Binding]]] = {}

    @cached_property
    def walked(self) -> tuple[list[ast.AST], dict[ast.AST, ast.AST]]:
        """All nodes in source order, and the parent of each."""
        return walk(self.tree)

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that holds each node."""
        return self.walked[1]

    @property
    def stars(self) -> Sequence[ast.ImportFrom]:
        """The star imports of the module."""
        return self.raw(self.tree).stars

    def scope(self, node: ast.AST) -> Scope:
        """Return the scope in which *node* is evaluated."""
        parents = self.parents
        child, parent = node, parents.get(node)
        while parent is not None:
            if parent.__class__ not in SCOPES:  # nearly all are none: the longest way of a scan
                pass
            elif isinstance(parent, Definition):
                if isinstance(child, ast.stmt):
                    return parent
            elif isinstance(parent, ast.Lambda):
                if child is parent.body:
                    return parent
            elif isinstance(parent, Comprehension) and not _is_first_iterable(
                parent, child, node, parents
            ):  # only the first iterable is evaluated outside of the comprehension
                return parent
            child, parent = parent, parents.get(parent)
        return self.tree

    def outer(self, scope: ast.AST) -> Scope | None:
        """Return the scope in which *scope* itself is evaluated."""
        return None if scope is self.tree else self.scope(scope)

    def raw(self, scope: ast.AST) -> Table:
        """Return what the statements of *scope* bind themselves."""
        table = self._raw.get(scope)
        if table is None:
            table = self._raw[scope] = _table(scope, self._with_walrus)
        return table

    @cached_property
    def _with_walrus(self) -> frozenset[ast.AST]:
        """The statements whose own expressions hold a ``:=``; few files have any."""
        if ":=" not in self._text:
            return frozenset()
        found = set()
        for node in self.walked[0]:
            if node.__class__ is ast.NamedExpr:
                around: ast.AST = node
                while not isinstance(around, ast.stmt):
                    around = self.parents[around]
                found.add(around)
        return frozenset(found)

    def bound(self, scope: ast.AST) -> dict[str, list[Binding]]:
        """Return the names that live in *scope*, with every place that binds them."""
        found = self._bound.get(scope)
        if found is None:
            table = self.raw(scope)
            moved = table.globals | table.nonlocals if scope is not self.tree else set()
            found = {n: list(b) for n, b in table.bound.items() if n not in moved}
            for name, binding in self._moved_here.get(scope, ()):
                found.setdefault(name, []).append(binding)
            self._bound[scope] = found
        return found

    @cached_property
    def _moved_here(self) -> dict[ast.AST, list[tuple[str, Binding]]]:
        """Bindings that ``global`` and ``nonlocal`` give to another scope, by that scope."""
        moved: dict[ast.AST, list[tuple[str, Binding]]] = {}
        if "global" not in self._text and "nonlocal" not in self._text:
            return moved
        seen: set[tuple[ast.AST, str]] = set()
        for node in self.walked[0]:
            if not isinstance(node, Mover):
                continue
            scope = self.scope(node)
            for name in node.names:
                owner = self.tree if isinstance(node, ast.Global) else self._owner(scope, name)
                if scope is owner or (scope, name) in seen:
                    continue
                seen.add((scope, name))
                bindings = self.raw(scope).bound.get(name, ())
                moved.setdefault(owner, []).extend((name, binding) for binding in bindings)
        return moved

    def _owner(self, scope: ast.AST, name: str) -> ast.AST:
        """Return the function around *scope* that owns its nonlocal *name*."""
        around = self.outer(scope)
        while around is not None and around is not self.tree:
            table = self.raw(around)
            if (
                isinstance(around, Function)
                and name in table.bound
                and name not in table.nonlocals | table.globals
            ):
                return around
            around = self.outer(around)
        return self.tree

    def lookup(self, name: str, node: ast.AST) -> tuple[Scope, list[Binding]] | None:
        """Return the scope where *name*, read at *node*, lives, and what binds it there."""
        scope: Scope | None = self.scope(node)
        first = True
        while scope is not None and scope is not self.tree:
            table = self.raw(scope)
            if name in table.globals:
                break
            if first or not isinstance(scope, ast.ClassDef):
                found = self.bound(scope).get(name)
                if found and isinstance(scope, ast.ClassDef):
                    found = [one for one in found if _is_before(one.node, node)]
                if found:
                    return scope, found
            # A comprehension sees the names of its class only through its first iterable.
            first = False
            scope = self.outer(scope)
        found = self.bound(self.tree).get(name)
        return (self.tree, found) if found else None


def _is_first_iterable(
    parent: Comprehension, child: ast.AST, node: ast.AST, parents: dict[ast.AST, ast.AST]
) -> bool:
    if child is not parent.generators[0]:
        return False
    while node is not child:
        if parents[node] is child:
            return node is parent.generators[0].iter
        node = parents[node]
    return False


def _is_before(binding: ast.AST, node: ast.AST) -> bool:
    """Say whether *binding* is over when *node* is read, in a class body."""
    end = getattr(binding, "end_lineno", None), getattr(binding, "end_col_offset", None)
    start = getattr(node, "lineno", None), getattr(node, "col_offset", None)
    return None in end or None in start or end <= start


def _table(scope: ast.AST, walrus: frozenset[ast.AST]) -> Table:
    table = Table()
    for parameter in getattr(scope, "type_params", ()):
        table.add(Binding(BindingKind.TYPE_PARAMETER, parameter.name, parameter))
    match scope:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            _bind_parameters(table, scope.args)
            _bind_body(table, scope.body, walrus)
        case ast.Lambda():
            _bind_parameters(table, scope.args)
            if walrus:
                _bind_walrus(table, scope.body)
        case ast.Module() | ast.ClassDef():
            _bind_body(table, scope.body, walrus)
        case _ if isinstance(scope, Comprehension):
            for clause in scope.generators:
                _bind_target(table, BindingKind.COMPREHENSION, clause, clause.target, clause.iter)
    return table


def _bind_parameters(table: Table, args: ast.arguments) -> None:
    for one in (*args.posonlyargs, *args.args, *args.kwonlyargs):
        table.add(Binding(BindingKind.PARAMETER, one.arg, one, annotation=one.annotation))
    for one in filter(None, (args.vararg, args.kwarg)):
        # Its value is a tuple or a dict of the annotated class.
        table.add(Binding(BindingKind.PARAMETER, one.arg, one, path=None))


def _bind_body(table: Table, body: Iterable[ast.stmt], walrus: frozenset[ast.AST]) -> None:
    stack = list(body)[::-1]
    while stack:
        statement = stack.pop()
        inner = _bind_statement(table, statement)
        if statement in walrus:
            for child in children(statement):
                if isinstance(child, ast.expr | ast.withitem | ast.arguments | ast.keyword):
                    _bind_walrus(table, child)
                elif isinstance(child, ast.match_case) and child.guard is not None:
                    _bind_walrus(table, child.guard)
        if inner:
            stack += inner[::-1]


def _bind_statement(table: Table, node: ast.stmt) -> list[ast.stmt]:
    """Bind what *node* binds, and return the statements inside it that share its scope."""
    match node:
        case ast.Assign():
            for target in node.targets:
                _bind_target(table, BindingKind.ASSIGN, node, target, node.value)
        case ast.AnnAssign(target=ast.Name(id=name)):
            table.add(Binding(BindingKind.ANNOTATED, name, node, node.value, node.annotation))
        case ast.AugAssign(target=ast.Name(id=name)):
            table.add(Binding(BindingKind.AUGMENTED, name, node, node.value))
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            table.add(Binding(BindingKind.FUNCTION, name, node))
        case ast.ClassDef(name=name):
            table.add(Binding(BindingKind.CLASS, name, node))
        case ast.Import():
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                table.add(Binding(BindingKind.IMPORT, name, node, alias=alias))
        case ast.ImportFrom():
            _bind_from_import(table, node)
        case ast.Global():
            table.globals.update(node.names)
        case ast.Nonlocal():
            table.nonlocals.update(node.names)
        case ast.Delete():
            for target in node.targets:
                _bind_target(table, BindingKind.DELETE, node, target, None)
        case ast.For() | ast.AsyncFor():
            _bind_target(table, BindingKind.FOR, node, node.target, node.iter)
            return [*node.body, *node.orelse]
        case ast.With() | ast.AsyncWith():
            for item in node.items:
                if item.optional_vars is not None:
                    entered = item.context_expr
                    _bind_target(table, BindingKind.WITH, node, item.optional_vars, entered)
            return node.body
        case ast.If() | ast.While():
            return [*node.body, *node.orelse]
        case ast.Try() | ast.TryStar():
            return _bind_try(table, node)
        case ast.Match():
            return _bind_match(table, node)
        case _ if type(node).__name__ == "TypeAlias":
            alias_name: ast.Name = node.name  # type: ignore[attr-defined]  # Python 3.12
            value: ast.expr = node.value  # type: ignore[attr-defined]
            table.add(Binding(BindingKind.TYPE_PARAMETER, alias_name.id, node, value))
    return []


def _bind_from_import(table: Table, node: ast.ImportFrom) -> None:
    for alias in node.names:
        if alias.name == "*":
            table.stars.append(node)
        else:
            name = alias.asname or alias.name
            table.add(Binding(BindingKind.FROM_IMPORT, name, node, alias=alias))


def _bind_try(table: Table, node: ast.Try | ast.TryStar) -> list[ast.stmt]:
    inner = list(node.body)
    for handler in node.handlers:
        if handler.name is not None:
            table.add(Binding(BindingKind.EXCEPT, handler.name, handler, handler.type))
        inner += handler.body
    return [*inner, *node.orelse, *node.finalbody]


def _bind_match(table: Table, node: ast.Match) -> list[ast.stmt]:
    inner: list[ast.stmt] = []
    for case in node.cases:
        for pattern in ast.walk(case.pattern):
            name = getattr(pattern, "name", None) or getattr(pattern, "rest", None)
            if isinstance(pattern, ast.pattern) and isinstance(name, str):
                table.add(Binding(BindingKind.MATCH, name, pattern))
        inner += case.body
    return inner


def _bind_target(
    table: Table,
    kind: BindingKind,
    node: ast.AST,
    target: ast.expr,
    value: ast.expr | None,
    path: tuple[int, ...] | None = (),
) -> None:
    match target:
        case ast.Name(id=name):
            table.add(Binding(kind, name, node, value, path=path))
        case ast.Starred(value=inner):
            _bind_target(table, kind, node, inner, value, None)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            _bind_parts(table, kind, node, parts, value, path)


def _bind_parts(
    table: Table,
    kind: BindingKind,
    node: ast.AST,
    parts: list[ast.expr],
    value: ast.expr | None,
    path: tuple[int, ...] | None,
) -> None:
    starred = any(isinstance(part, ast.Starred) for part in parts)
    values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    literal = kind is BindingKind.ASSIGN and path == () and len(values) == len(parts)
    if literal and not starred and not any(isinstance(one, ast.Starred) for one in values):
        for part, one in zip(parts, values, strict=True):
            _bind_target(table, kind, node, part, one)
        return
    for number, part in enumerate(parts):
        inner = None if starred or path is None else (*path, number)
        _bind_target(table, kind, node, part, value, inner)


def _bind_walrus(table: Table, root: ast.AST) -> None:
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.NamedExpr):
            table.add(Binding(BindingKind.WALRUS, node.target.id, node, node.value))
        if isinstance(node, ast.Lambda):
            stack += children(node.args)
        elif not isinstance(node, ast.stmt):
            stack += children(node)
