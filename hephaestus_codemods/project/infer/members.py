"""What attributes of objects, classes, modules and of an application's state are."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import calls, expressions, hints, returns
from hephaestus_codemods.project.infer.combine import agreed, is_none_literal, settle
from hephaestus_codemods.project.known import home
from hephaestus_codemods.project.names import is_none, is_patched
from hephaestus_codemods.project.scopes import Binding, BindingKind
from hephaestus_codemods.project.values import (
    Circular,
    Class,
    Function,
    Instance,
    Library,
    Method,
    ProjectModule,
    Value,
    instance,
    is_instance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module


PROPERTIES: Final = frozenset(
    """builtins.property functools.cached_property abc.abstractproperty
    django.utils.functional.cached_property werkzeug.utils.cached_property
    sqlalchemy.util.memoized_property""".split()
)
#: Bases after which the search for an attribute may go on: they define few names.
ROOTS: Final = frozenset(
    {kinds.DECLARATIVE_BASE, kinds.MADE_BASE, kinds.FLASK_MODEL, "abc.ABC", "typing.Protocol"}
)
MODEL_BASES: Final = frozenset({kinds.DECLARATIVE_BASE, kinds.MADE_BASE, kinds.FLASK_MODEL})


def of_attribute(module: Module, node: ast.Attribute) -> Value | None:
    """Return the value of ``owner.attr``."""
    owner = expressions.value(module, node.value)
    if isinstance(owner, Instance) and is_instance(owner, kinds.STATE):
        key = ("state", owner, node.attr)
        return settle(module, key, lambda: agreed(_state_values(module, owner, node.attr)))
    is_own = isinstance(owner, Instance) and isinstance(owner.of, Class)
    if not is_own and is_patched(module, node):
        return _of_stores(module, node, owner)
    return member(module, owner, node.attr)


def _state_values(module: Module, state: Instance, attr: str) -> Iterator[Value | None]:
    """Yield what the project's files assign to ``app.state.x`` or ``request.state.x``."""
    for source in module.project.modules_with(b".state." + attr.encode()):
        for store in source.stored_attributes.get(attr, ()):
            if (
                isinstance(store.value, ast.Attribute)
                and store.value.attr == "state"
                and _may_be(source, store.value, state)
                and not _stores_none(source, store)
            ):
                yield given_value(source, store)


def _may_be(module: Module, node: ast.Attribute, state: Instance) -> bool:
    """Say whether *node*, some ``x.state``, may be the state of the same kind of object."""
    owner = expressions.value(module, node)
    if owner is not None:
        return owner == state
    name = node.value.attr if isinstance(node.value, ast.Attribute) else ast.unparse(node.value)
    belongs = {"app": kinds.APPLICATION, "application": kinds.APPLICATION}
    belongs |= {"request": kinds.CONNECTED, "websocket": kinds.CONNECTED}
    return belongs.get(name) is None or state.args == (instance(belongs[name]),)


def _of_stores(module: Module, node: ast.Attribute, owner: Value | None) -> Value | None:
    """Return what all assignments of this file to ``a.b`` agree on, and its own value."""
    text = ast.dump(node.value)
    stores = [s for s in module.stored_attributes[node.attr] if ast.dump(s.value) == text]
    key = ("stored", module, text, node.attr)
    own = member(module, owner, node.attr)
    found = settle(module, key, lambda: agreed(given_value(module, one) for one in stores))
    return agreed((own, found)) if own is not None else None


def given_value(module: Module, target: ast.Attribute) -> Value | None:
    """Return what the assignment to *target* gives it."""
    match module.parents[target]:
        case ast.Assign(targets=targets, value=given) if target in targets:
            return expressions.value(module, given)
        case ast.AnnAssign(value=ast.expr() as given):
            return expressions.value(module, given)
        case ast.withitem(context_expr=given) as item:
            is_async = isinstance(module.parents[item], ast.AsyncWith)
            return returns.entered(module, expressions.value(module, given), is_async=is_async)
    return None


def member(module: Module, owner: Value | None, attr: str) -> Value | None:
    """Return the value of ``owner.attr``."""
    match owner:
        case Circular():
            return owner
        case Library(name=name):
            return expressions.library(module, f"{name}.{attr}")
        case ProjectModule(module=source):
            return expressions.global_value(source, attr)
        case Class():
            return of_class(owner, attr, owner)
        case Instance(of=Class() as cls):
            return of_class(cls, attr, owner)
        case Instance(of=Library(name=name)):
            gives = kinds.attribute(name, attr)
            if gives is not None:
                return calls.typed(gives, owner, None, None)
            if name == kinds.FLASK_SQLALCHEMY:
                found = home(attr, "sqlalchemy", "sqlalchemy.orm")
                return Library(found) if found else None
            return Method(owner, attr)
    return None


def of_class(cls: Class, attr: str, owner: Value) -> Value | None:
    """Return an attribute of an instance of *cls* (or of the class itself), bases included."""
    for one in lineage(cls):
        if one is None:
            return None
        if isinstance(one, Library):
            found = _of_library_base(cls, one, attr, owner)
            if found is not None or one.name not in ROOTS:
                return found
        elif has_member(one, attr):
            found = own_member(one, attr, owner)
            return _queried(cls) if is_instance(found, kinds.QUERY_PROPERTY) else found
    return None


def _of_library_base(cls: Class, base: Library, attr: str, owner: Value) -> Value | None:
    if attr == "query" and base.name in MODEL_BASES:
        return _queried(cls) if _has_query(cls, base) else None
    if not isinstance(owner, Instance):
        return None
    gives = kinds.attribute(base.name, attr)
    if gives is not None:
        return calls.typed(gives, Instance(base), None, None)
    return Method(Instance(base), attr) if kinds.method(base.name, attr) is not None else None


def _queried(cls: Class) -> Value:
    return instance(kinds.QUERY, Instance(cls))


def _has_query(cls: Class, base: Library) -> bool:
    """Say whether models on *base* have ``Model.query``: Flask's have, others by an assignment."""
    if base.name == kinds.FLASK_MODEL:
        return True
    stores = [
        given_value(source, store)
        for source in cls.module.project.modules_with(b"query_property")
        for store in source.stored_attributes.get("query", ())
        if expressions.value(source, store.value) == base
    ]
    return bool(stores) and all(is_instance(one, kinds.QUERY_PROPERTY) for one in stores)


def has_member(cls: Class, attr: str) -> bool:
    """Say whether *cls* itself defines *attr*, in its body or through ``self.attr = ...``."""
    if attr in cls.module.scopes.bound(cls.node):
        return True
    return bool(self_stores(cls, attr))


def self_stores(cls: Class, attr: str) -> list[ast.Attribute]:
    """Return the assignments to ``self.attr`` in the methods of *cls*."""
    return [
        store
        for store in cls.module.stored_attributes.get(attr, ())
        if isinstance(store.value, ast.Name) and _owner_of(cls.module, store.value) is cls.node
    ]


def _owner_of(module: Module, node: ast.Name) -> ast.ClassDef | None:
    """Return the class whose method's first parameter *node* is."""
    found = module.scopes.lookup(node.id, node)
    if found is None or len(found[1]) != 1 or found[1][0].kind is not BindingKind.PARAMETER:
        return None
    function, binding = found[0], found[1][0]
    owner = module.scopes.outer(function)
    if isinstance(owner, ast.ClassDef) and hints.is_first(function, binding.node):
        return owner
    return None


def own_member(cls: Class, attr: str, owner: Value) -> Value | None:
    """Return what *cls* itself defines as *attr*, read from *owner*."""
    bindings = cls.module.scopes.bound(cls.node).get(attr, [])
    functions = [one for one in bindings if one.kind is BindingKind.FUNCTION]
    if functions and len(functions) == len(bindings):
        return _of_method(cls, functions, owner)
    key = ("attribute", cls, attr)
    return settle(cls.module, key, lambda: _assigned(cls, attr, bindings))


def _assigned(cls: Class, attr: str, bindings: list[Binding]) -> Value | None:
    module = cls.module
    stores = self_stores(cls, attr)
    notes = [one.annotation for one in bindings if one.annotation is not None]
    notes += [p.annotation for s in stores if isinstance(p := module.parents[s], ast.AnnAssign)]
    own = [one for one in bindings if not is_none(one)]
    given = [
        expressions.bound_by(module, one)
        for one in own
        if one.value is not None or not one.annotation
    ]
    given += [given_value(module, one) for one in stores if not _stores_none(module, one)]
    if not notes:
        return agreed(given)
    return hints.refined(agreed(hints.annotated(module, note) for note in notes), given)


def _stores_none(module: Module, target: ast.Attribute) -> bool:
    parent = module.parents[target]
    if isinstance(parent, ast.AnnAssign):
        return parent.value is None or is_none_literal(parent.value)
    return isinstance(parent, ast.Assign) and is_none_literal(parent.value)


def _of_method(cls: Class, functions: list[Binding], owner: Value) -> Value | None:
    node = functions[-1].node
    if len(functions) > 1:
        # A property and its setter, or overloads: the getter comes first, the body last.
        marks = {one.node: set(hints.decorators(cls.module, one.node)) for one in functions}
        getters = [one for one in functions if PROPERTIES & marks[one.node]]
        node = getters[0].node if getters else node
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    function = Function(cls.module, node, owner)
    if isinstance(owner, Instance) and PROPERTIES & set(hints.decorators(cls.module, node)):
        return returns.returned(function)
    return function


def lineage(cls: Class) -> Iterator[Class | Library | None]:
    """Yield *cls* and its bases, depth first; None stands for a base that is unknown."""
    seen: set[ast.ClassDef] = set()
    stack: list[Class | Library | None] = [cls]
    while stack:
        one = stack.pop()
        if isinstance(one, Class):
            if one.node in seen:
                continue
            seen.add(one.node)
            stack += reversed(list(_bases(one)))
        elif isinstance(one, Library) and one.name in ("typing.Generic", "builtins.object"):
            continue
        yield one


def _bases(cls: Class) -> Iterator[Class | Library | None]:
    for base in cls.node.bases:
        node = base.value if isinstance(base, ast.Subscript) else base
        found = expressions.value(cls.module, node)
        yield found if isinstance(found, Class | Library) else None
