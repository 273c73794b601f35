"""Where an object was made, and which literal parts an expression has.

A kind says what an object is; its origin says which one: the call that made it, found through
names, imports, attributes, factories, loops over literal lists, and parameters (by their callers).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.callgraph import argument_for, callers
from hephaestus_codemods.project.infer import (
    definition,
    function_parts,
    global_definition,
    lineage,
    value,
)
from hephaestus_codemods.project.infer.members import self_stores
from hephaestus_codemods.project.names import IMPORTS
from hephaestus_codemods.project.nodes import Function as FunctionNode
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.values import Class, Function, Instance, ProjectModule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding

MAX_DEPTH: Final = 25
#: Attributes that are as good as the object itself: the router of an application.
SAME: Final = frozenset({"router"})


@dataclass(frozen=True, slots=True)
class Place:
    """An expression and the module in which it is evaluated."""

    module: Module
    node: ast.expr


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The call in *module* that made an object."""

    module: Module
    call: ast.Call

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and other.call is self.call

    def __hash__(self) -> int:
        return hash(self.call)


#: What variables of loops are in one round.
Round = Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Path:
    """What was *seen* on the way, so that nobody walks in circles, and the round of a loop."""

    round: Round
    seen: set[ast.AST]


def origins(module: Module, node: ast.expr, round_: Round | None = None) -> tuple[Origin, ...]:
    """Return the calls that may have made the object *node*; nothing when that is unknown."""
    found: dict[Origin, None] = {}
    for place in sources(module, node, round_):
        if isinstance(place.node, ast.Call):
            found[Origin(place.module, place.node)] = None
    return tuple(found)


def sources(module: Module, node: ast.expr, round_: Round | None = None) -> list[Place]:
    """Return the expressions that *node* stands for, followed as far as they can be.

    *round_* says what variables of loops are, where that is wanted for one round only.
    """
    return list(_sources(module, node, Path(round_ or {}, set()), 0))


def rounds(module: Module, node: ast.AST) -> list[Round]:
    """Return the rounds of the loops around *node*, when they run over literal lists."""
    found: list[dict[str, Place]] = [{}]
    for around in module.ancestors(node):
        if isinstance(around, FunctionNode):
            break
        if isinstance(around, ast.For):
            given = elements(module, around.iter)
            made = [dict(_targets(around.target, one)) for one in given]
            found = [{**one, **other} for one in made for other in found] or found
    return [*found]


def _targets(target: ast.expr, place: Place) -> Iterator[tuple[str, Place]]:
    match target:
        case ast.Name(id=name):
            yield name, place
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for number, part in enumerate(parts):
                for inner in _parts(place, (number,)):
                    yield from _targets(part, inner)


def _sources(module: Module, node: ast.expr, path: Path, depth: int) -> Iterator[Place]:
    if depth > MAX_DEPTH or node in path.seen:
        return
    path.seen.add(node)
    match node:
        case ast.Name():
            yield from _of_name(module, node, path, depth)
        case ast.Attribute():
            yield from _of_attribute(module, node, path, depth)
        case ast.Call():
            yield from _of_call(module, node, path, depth)
        case ast.Await(value=inner) | ast.NamedExpr(value=inner):
            yield from _sources(module, inner, path, depth + 1)
        case ast.IfExp(body=one, orelse=other):
            yield from _sources(module, one, path, depth + 1)
            yield from _sources(module, other, path, depth + 1)
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from _sources(module, part, path, depth + 1)
        case _:
            yield Place(module, node)


def _of_name(module: Module, node: ast.Name, path: Path, depth: int) -> Iterator[Place]:
    item = path.round.get(node.id)
    if item is not None and depth == 0:
        yield from _sources(item.module, item.node, path, depth + 1)
        return
    found = module.scopes.lookup(node.id, node)
    source, bindings = module, found[1] if found is not None else []
    if not bindings or any(one.kind in IMPORTS for one in bindings):
        place = definition(module, node)
        if place is None:
            yield Place(module, node)
            return
        source, bindings = place[0], [place[1]]
    for binding in bindings:
        if binding.kind in (BindingKind.FUNCTION, BindingKind.CLASS):
            yield Place(module, node)
        else:
            yield from _of_binding(source, binding, path, depth)


def _of_binding(module: Module, binding: Binding, path: Path, depth: int) -> Iterator[Place]:
    match binding.kind:
        case BindingKind.PARAMETER:
            yield from _of_parameter(module, binding, path, depth)
        case BindingKind.FOR | BindingKind.COMPREHENSION if binding.value is not None:
            for part in elements(module, binding.value):
                for inner in _parts(part, binding.path or ()):
                    yield from _sources(inner.module, inner.node, path, depth + 1)
        case _ if binding.value is not None and binding.path is not None:
            for inner in _parts(Place(module, binding.value), binding.path):
                yield from _sources(inner.module, inner.node, path, depth + 1)


def _parts(place: Place, path: tuple[int, ...]) -> Iterator[Place]:
    """Yield the part of a literal tuple that an unpacking takes."""
    node = place.node
    for number in path:
        if not isinstance(node, ast.Tuple | ast.List) or number >= len(node.elts):
            return
        node = node.elts[number]
    yield Place(place.module, node)


def _of_parameter(module: Module, binding: Binding, path: Path, depth: int) -> Iterator[Place]:
    function = module.parents[module.parents[binding.node]]
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    called = Function(module, function)
    for use in callers(called):
        call = use.module.parents.get(use.node)
        if use.is_call and isinstance(call, ast.Call):
            given = argument_for(use.module, called, binding.name, call)
            if given is not None:
                yield from _sources(use.module, given, path, depth + 1)


def _of_attribute(module: Module, node: ast.Attribute, path: Path, depth: int) -> Iterator[Place]:
    owner = value(module, node.value)
    if isinstance(owner, Instance | Class):
        cls = owner.of if isinstance(owner, Instance) else owner
        if isinstance(cls, Class):
            yield from _of_member(cls, node.attr, path, depth)
        if node.attr in SAME:
            yield from _sources(module, node.value, path, depth + 1)
        return
    for place in [Place(module, node.value)] if owner is not None else _loops(module, node, path):
        found = value(place.module, place.node)
        if isinstance(found, ProjectModule):
            yield from _of_global(found.module, node.attr, path, depth)


def _loops(module: Module, node: ast.Attribute, path: Path) -> list[Place]:
    """Return the modules that a loop such as ``for module in (users, orders)`` runs over."""
    owner = node.value
    if not isinstance(owner, ast.Name):
        return []
    if owner.id in path.round:
        return [path.round[owner.id]]
    found = module.scopes.lookup(owner.id, owner)
    return [
        inner
        for binding in (found[1] if found is not None else ())
        if binding.kind is BindingKind.FOR and binding.value is not None
        for part in elements(module, binding.value)
        for inner in _parts(part, binding.path or ())
    ]


def _of_global(module: Module, name: str, path: Path, depth: int) -> Iterator[Place]:
    place = global_definition(module, name)
    if place is not None:
        yield from _of_binding(*place, path, depth + 1)


def _of_member(cls: Class, attr: str, path: Path, depth: int) -> Iterator[Place]:
    for one in lineage(cls):
        if not isinstance(one, Class):
            continue
        module = one.module
        bindings = [b for b in module.scopes.bound(one.node).get(attr, ()) if b.value is not None]
        stores = self_stores(one, attr)
        for binding in bindings:
            assert binding.value is not None
            yield from _sources(module, binding.value, path, depth + 1)
        for store in stores:
            match module.parents[store]:
                case ast.Assign(value=given) | ast.AnnAssign(value=ast.expr() as given):
                    yield from _sources(module, given, path, depth + 1)
        if bindings or stores:
            return


def _of_call(module: Module, node: ast.Call, path: Path, depth: int) -> Iterator[Place]:
    made = value(module, node.func)
    if not isinstance(made, Function) or isinstance(made.node, ast.Lambda):
        yield Place(module, node)
        return
    parts = function_parts(made.module, made.node)
    for one in (*parts.returns, *parts.yields):
        if one.value is not None:
            yield from _sources(made.module, one.value, path, depth + 1)


def elements(module: Module, node: ast.expr | None, depth: int = 0) -> list[Place]:
    """Return the items of a list or tuple that is written out, also through names and ``+``."""
    if node is None or depth > MAX_DEPTH:
        return []
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            found: list[Place] = []
            for part in parts:
                if isinstance(part, ast.Starred):
                    found += elements(module, part.value, depth + 1)
                else:
                    found.append(Place(module, part))
            return found
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return elements(module, left, depth + 1) + elements(module, right, depth + 1)
        case ast.Name() | ast.Attribute():
            return [
                inner
                for place in sources(module, node)
                if isinstance(place.node, ast.List | ast.Tuple | ast.Set | ast.BinOp)
                for inner in elements(place.module, place.node, depth + 1)
            ]
    return []


def text_of(
    module: Module, node: ast.expr | None, round_: Round | None = None, depth: int = 0
) -> str | None:
    """Return the text that *node* surely is, by default values of settings; None when unknown."""
    if node is None or depth > MAX_DEPTH:
        return None
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return _joined([_formatted(module, part, round_, depth) for part in parts])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([text_of(module, one, round_, depth + 1) for one in (left, right)])
        case ast.Name() | ast.Attribute():
            found = {_literal(place, depth) for place in sources(module, node, round_)}
            return next(iter(found)) if len(found) == 1 else None
        case ast.Call(func=ast.Attribute(value=owner, attr="format")) if not node.args:
            return _filled(module, owner, node, depth)
    return None


def _literal(place: Place, depth: int) -> str | None:
    if isinstance(place.node, ast.Name | ast.Attribute):
        return None
    return text_of(place.module, place.node, None, depth + 1)


def _formatted(module: Module, part: ast.expr, round_: Round | None, depth: int) -> str | None:
    if isinstance(part, ast.FormattedValue):
        plain = part.conversion == -1 and part.format_spec is None
        return text_of(module, part.value, round_, depth + 1) if plain else None
    return text_of(module, part, round_, depth + 1)


def _filled(module: Module, owner: ast.expr, call: ast.Call, depth: int) -> str | None:
    template = text_of(module, owner, None, depth + 1)
    given = {one.arg: text_of(module, one.value, None, depth + 1) for one in call.keywords}
    if template is None or None in given or None in given.values():
        return None
    try:
        return template.format(**{str(name): text for name, text in given.items()})
    except (KeyError, IndexError, ValueError, AttributeError):
        return None


def _joined(parts: list[str | None]) -> str | None:
    return None if None in parts else "".join(part for part in parts if part is not None)


def _may_have_returned(module: Module, function: ast.AST, node: ast.AST) -> bool:
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    line = getattr(node, "lineno", 0)
    return any(one.lineno < line for one in function_parts(module, function).returns)


def is_conditional(module: Module, node: ast.AST) -> bool:
    """Say whether *node* stands in an ``if`` or ``try`` of its function, or behind a ``return``."""
    child = node
    for around in module.ancestors(node):
        decorated = child in getattr(around, "decorator_list", ())
        if isinstance(around, FunctionNode | ast.ClassDef) and not decorated:
            return _may_have_returned(module, around, node)
        if isinstance(around, ast.If | ast.While | ast.Try | ast.TryStar | ast.Match):
            return True
        child = around
    return False
