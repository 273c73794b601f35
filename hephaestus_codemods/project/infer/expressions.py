"""Works out the value of an expression: from annotations, assignments, calls and dependencies.

Nothing is guessed. ``None`` means unknown, and every rule of combination keeps it unknown: a name
bound twice has a value only if both agree. A value that depends on itself (``q = q.filter(...)``)
is assumed to be what its other bindings say, and checked under that assumption.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import calls, hints, members, returns
from hephaestus_codemods.project.infer.combine import agreed, is_none_literal, settle
from hephaestus_codemods.project.infer.reaching import reaching
from hephaestus_codemods.project.known import canonical, home, is_lookalike
from hephaestus_codemods.project.names import (
    Symbol,
    absolute,
    from_stars,
    is_hidden,
    is_none,
    only_for_types,
    own_submodule,
    symbols,
)
from hephaestus_codemods.project.scopes import Binding, BindingKind
from hephaestus_codemods.project.values import (
    Class,
    Function,
    Instance,
    Library,
    ProjectModule,
    Value,
    instance,
    is_instance,
)

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project


def value(module: Module, node: ast.expr) -> Value | None:
    """Return the value of *node*, or None when it is unknown."""
    answers = module.project.memo.values
    if not answers.enter():
        return answers.cut_short(None)
    try:
        return _value(module, node)
    finally:
        answers.leave()


def _value(module: Module, node: ast.expr) -> Value | None:
    match node:
        case ast.Name():
            return _of_name(module, node)
        case ast.Attribute():
            return members.of_attribute(module, node)
        case ast.Call():
            return calls.of_call(module, node)
        case ast.Await(value=inner):
            return returns.awaited(value(module, inner))
        case ast.NamedExpr(value=inner):
            return value(module, inner)
        case ast.IfExp(body=one, orelse=other):
            return agreed(value(module, part) for part in (one, other) if not is_none_literal(part))
        case ast.BoolOp(values=parts):
            return agreed(value(module, part) for part in parts if not is_none_literal(part))
        case ast.Subscript():
            return _of_subscript(module, node)
        case ast.Lambda():
            return Function(module, node)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if parts:
            return instance(kinds.LIST, agreed(value(module, part) for part in parts))
        case ast.ListComp(elt=element):
            return instance(kinds.LIST, value(module, element))
        case ast.GeneratorExp(elt=element):
            return instance("typing.Iterator", value(module, element))
        case ast.Dict() | ast.DictComp():
            return instance(kinds.DICT)
        case ast.Set() | ast.SetComp():
            return instance(kinds.SET)
        case ast.BinOp(left=left, op=ast.Div()):
            found = value(module, left)
            return found if is_instance(found, "pathlib.Path") else None
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            found = value(module, left)
            return found if is_instance(found, kinds.STR) else None
        case ast.JoinedStr() | ast.Constant(value=str()):
            return instance(kinds.STR)
        case ast.List():
            return instance(kinds.LIST)
    return None


def _of_name(module: Module, node: ast.Name) -> Value | None:
    found = module.scopes.lookup(node.id, node)
    if found is None:
        star = from_stars(module, node.id) if module.scopes.stars else None
        if star is not None:
            return _of_symbols(module, star)
        names = symbols(module, node)
        return _of_symbols(module, names) if names else None
    scope, bindings = found
    if scope is not module.tree:
        near = reaching(module, node, scope, bindings)
        if near is not None:
            found_near = settle(module, ("bound", near), lambda: bound_value(module, near))
            if found_near is not None or not _is_declared(bindings):
                return found_near
    return variable(module, scope, node.id, bindings)


def _of_symbols(module: Module, found: frozenset[Symbol]) -> Value | None:
    return agreed(_of_symbol(module, one) for one in found)


def _of_symbol(module: Module, symbol: Symbol) -> Value | None:
    if symbol.module is not None:
        return ProjectModule(symbol.module)
    if symbol.library:
        return Library(symbol.name)
    owner, _, name = symbol.name.rpartition(".")
    source = module.project.module(owner, near=module.path)
    return global_value(source, name) if source is not None else None


def global_value(module: Module, name: str) -> Value | None:
    """Return the value of the global *name* of *module*."""
    bindings = module.scopes.bound(module.tree).get(name)
    if bindings:
        return variable(module, module.tree, name, bindings)
    if module.is_package:
        inner = module.project.module(f"{module.name}.{name}", near=module.path)
        if inner is not None:
            return ProjectModule(inner)
    found = from_stars(module, name) if module.scopes.stars else None
    return _of_symbols(module, found) if found else None


def variable(module: Module, scope: ast.AST, name: str, bindings: list[Binding]) -> Value | None:
    """Return the value that all places binding a name agree on."""
    key = ("variable", module, scope, name)
    return settle(module, key, lambda: _of_bindings(module, bindings))


def _of_bindings(module: Module, bindings: list[Binding]) -> Value | None:
    found = _combined(module, bindings)
    if found is not None or len(bindings) < 2:
        return found
    real = [one for one in bindings if not only_for_types(module, one.node)]
    return _combined(module, real) if 0 < len(real) < len(bindings) else None


def _combined(module: Module, bindings: list[Binding]) -> Value | None:
    telling = [one for one in bindings if not is_none(one)]
    declared = [one for one in bindings if one.kind is BindingKind.ANNOTATED]
    if telling and is_hidden(module, telling):
        return None
    if not declared:
        return agreed(bound_value(module, one) for one in telling)
    given = [one for one in telling if one.value is not None]
    return hints.refined(
        agreed(hints.annotated(module, one.annotation) for one in declared if one.annotation),
        [bound_by(module, one) for one in given],
    )


def _is_declared(bindings: list[Binding]) -> bool:
    return any(one.kind is BindingKind.ANNOTATED for one in bindings)


def bound_by(module: Module, binding: Binding) -> Value | None:
    """Return what *binding* itself gives, whatever is declared."""
    if binding.kind is BindingKind.ANNOTATED:
        return value(module, binding.value) if binding.value else None
    return bound_value(module, binding)


def bound_value(module: Module, binding: Binding) -> Value | None:
    """Return what *binding* binds its name to."""
    match binding.kind:
        case BindingKind.IMPORT | BindingKind.FROM_IMPORT:
            return _of_import(module, binding)
        case BindingKind.PARAMETER:
            return hints.of_parameter(module, binding)
        case BindingKind.CLASS:
            assert isinstance(binding.node, ast.ClassDef)
            return Class(module, binding.node)
        case BindingKind.FUNCTION:
            assert isinstance(binding.node, ast.FunctionDef | ast.AsyncFunctionDef)
            return Function(module, binding.node)
        case BindingKind.ANNOTATED:
            assert binding.annotation is not None
            found = hints.annotated(module, binding.annotation)
            return found or (value(module, binding.value) if binding.value else None)
        case BindingKind.EXCEPT if binding.value is not None:
            caught = value(module, binding.value)
            return Instance(caught) if isinstance(caught, Class | Library) else None
    if binding.value is None or binding.path is None:
        return None
    return _part(_given(module, binding), binding.path)


def _given(module: Module, binding: Binding) -> Value | None:
    assert binding.value is not None
    found = value(module, binding.value)
    match binding.kind:
        case BindingKind.ASSIGN | BindingKind.WALRUS:
            return found
        case BindingKind.WITH:
            return returns.entered(module, found, is_async=isinstance(binding.node, ast.AsyncWith))
        case BindingKind.FOR:
            return returns.element(module, found, is_async=isinstance(binding.node, ast.AsyncFor))
        case BindingKind.COMPREHENSION:
            assert isinstance(binding.node, ast.comprehension)
            return returns.element(module, found, is_async=bool(binding.node.is_async))
    return None


def _part(found: Value | None, path: tuple[int, ...]) -> Value | None:
    for number in path:
        if not is_instance(found, "builtins.tuple"):
            return None
        assert isinstance(found, Instance)
        found = found.args[number] if number < len(found.args) else None
    return found


def _of_import(module: Module, binding: Binding) -> Value | None:
    alias = binding.alias
    assert alias is not None
    if isinstance(binding.node, ast.ImportFrom):
        target = absolute(module, binding.node)
        if target is None:
            return None
        source = module.project.module(target, near=module.path)
        inner = own_submodule(module, source, alias.name)
        if inner is not None:
            return ProjectModule(inner)
        if source is not None:
            return global_value(source, alias.name)
        return library(module, f"{target}.{alias.name}")
    return library(module, alias.name if alias.asname else alias.name.partition(".")[0])


def library(module: Module, name: str) -> Value:
    """Return the module of the project with the full name *name*, else what a library has there."""
    found = module.project.module(name, near=module.path)
    return ProjectModule(found) if found is not None else Library(canonical(name))


def name_of(module: Module, node: ast.expr) -> str | None:
    """Return the one full name that *node* surely has."""
    found = names_of(module, node)
    return next(iter(found)) if len(found) == 1 else None


def _of_subscript(module: Module, node: ast.Subscript) -> Value | None:
    owner = value(module, node.value)
    if is_instance(owner, kinds.LIST, "builtins.tuple", "typing.Sequence"):
        assert isinstance(owner, Instance)
        if isinstance(node.slice, ast.Slice):
            return owner
        return owner.args[0] if owner.args else None
    if isinstance(owner, Class) or (isinstance(owner, Library) and owner.name in kinds.CLASSES):
        return owner  # sessionmaker[Session](...)
    return None


def class_named(project: Project, name: str, near: str | None) -> Class | None:
    """Return the class of the project with the full name *name*, also one inside a class."""
    owner, _, last = name.rpartition(".")
    if not owner:
        return None
    module = project.module(owner, near=near)
    if module is not None:
        found = global_value(module, last)
        return found if isinstance(found, Class) else None
    outer = class_named(project, owner, near)
    found = members.own_member(outer, last, outer) if outer is not None else None
    return found if isinstance(found, Class) else None


def names_of(module: Module, node: ast.expr) -> frozenset[str]:
    """Return the full names that *node* may have; ``db.select`` of Flask is SQLAlchemy's."""
    found = symbols(module, node)
    if isinstance(node, ast.Attribute) and not any(one.library for one in found):
        same = home(node.attr, "sqlalchemy", "sqlalchemy.orm")
        if same and _offers(value(module, node.value), node.attr):
            return frozenset({same})
    if any(is_lookalike(one.name) for one in found if not one.library):
        return frozenset()
    return frozenset(one.name for one in found)


def _offers(found: Value | None, name: str) -> bool:
    """Say whether *found* is Flask's extension, which has the names of SQLAlchemy."""
    if not isinstance(found, Instance):
        return False
    extension = Library(kinds.FLASK_SQLALCHEMY)
    if isinstance(found.of, Library):
        return found.of == extension
    own = [one for one in members.lineage(found.of) if isinstance(one, Class)]
    replaced = any(members.has_member(one, name) for one in own)
    return hints.is_subclass(found.of, extension) and not replaced


def kind(found: Value | None) -> str | None:
    """Return the canonical class of a value that is an instance."""
    if not isinstance(found, Instance):
        return None
    if isinstance(found.of, Class) and is_lookalike(found.of.name):
        return None
    return found.of.name
