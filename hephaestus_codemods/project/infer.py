"""Works out the value of an expression: from annotations, assignments, calls and dependencies.

Nothing is guessed. ``None`` means unknown, and every rule of combination keeps it unknown: a name
bound twice has a value only if both agree. A value that depends on itself (``q = q.filter(...)``)
is assumed to be what its other bindings say, and checked under that assumption.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.known import canonical, home, is_lookalike
from hephaestus_codemods.project.names import (
    IMPORTS,
    Symbol,
    absolute,
    from_stars,
    is_hidden,
    is_none,
    is_patched,
    symbols,
)
from hephaestus_codemods.project.nodes import children
from hephaestus_codemods.project.scopes import Binding, BindingKind
from hephaestus_codemods.project.values import (
    CIRCULAR,
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
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

#: Decorators of functions that leave what a call gives as it is.
TRANSPARENT: Final = frozenset(
    """functools.lru_cache functools.cache builtins.staticmethod builtins.classmethod
    typing.no_type_check typing.final typing.override abc.abstractmethod functools.wraps
    typing.overload celery.shared_task fastapi_utils.tasks.repeat_every
    async_lru.alru_cache flask.stream_with_context""".split()
)
PROPERTIES: Final = frozenset(
    """builtins.property functools.cached_property abc.abstractproperty
    django.utils.functional.cached_property werkzeug.utils.cached_property
    sqlalchemy.util.memoized_property""".split()
)
#: Annotations that say little: what is assigned says more.
WIDE: Final = (
    "typing.Callable",
    "typing.ContextManager",
    "typing.AsyncContextManager",
    "typing.Iterable",
    "typing.Sequence",
)
#: Bases after which the search for an attribute may go on: they define few names.
ROOTS: Final = frozenset(
    {kinds.DECLARATIVE_BASE, kinds.MADE_BASE, kinds.FLASK_MODEL, "abc.ABC", "typing.Protocol"}
)
MODEL_BASES: Final = frozenset({kinds.DECLARATIVE_BASE, kinds.MADE_BASE, kinds.FLASK_MODEL})
CONTEXT_MANAGERS: Final = {
    "contextlib.contextmanager": kinds.ENTERS,
    "contextlib.asynccontextmanager": kinds.AENTERS,
}
#: Methods of applications and routers that register a function and hand it back.
REGISTERING: Final = frozenset(
    "get post put patch delete head options route api_route websocket on_event exception_handler "
    "middleware before_request after_request teardown_appcontext errorhandler cli command task "
    "context_processor before_first_request teardown_request".split()
)
GENERATORS: Final = frozenset(
    {
        "typing.Generator",
        "typing.Iterator",
        "typing.Iterable",
        "typing.AsyncGenerator",
        "typing.AsyncIterator",
        "typing.AsyncIterable",
    }
)


def settle(module: Module, key: Hashable, work_out: Callable[[], Value | None]) -> Value | None:
    """Answer the question *key* once; an answer that depends on itself must confirm itself."""
    answers = module.project.memo.values
    return answers.settle(key, work_out, CIRCULAR, None, check=True)


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
            return _of_attribute(module, node)
        case ast.Call():
            return _of_call(module, node)
        case ast.Await(value=inner):
            return awaited(value(module, inner))
        case ast.NamedExpr(value=inner):
            return value(module, inner)
        case ast.IfExp(body=one, orelse=other):
            return _agreed(value(module, part) for part in (one, other) if not _is_none(part))
        case ast.BoolOp(values=parts):
            return _agreed(value(module, part) for part in parts if not _is_none(part))
        case ast.Subscript():
            return _of_subscript(module, node)
        case ast.Lambda():
            return Function(module, node)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if parts:
            return instance(kinds.LIST, _agreed(value(module, part) for part in parts))
        case ast.ListComp(elt=element):
            return instance(kinds.LIST, value(module, element))
        case ast.GeneratorExp(elt=element):
            return instance("typing.Iterator", value(module, element))
    return None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _agreed(values: Iterable[Value | None]) -> Value | None:
    """Return the one value that all alternatives have, else None."""
    found: Value | None = None
    circular = False
    for one in values:
        if one is None:
            return None
        if isinstance(one, Circular):
            circular = True
        elif found is None:
            found = one
        elif found != one:
            found = _without_differing_args(found, one)
            if found is None:
                return None
    return CIRCULAR if found is None and circular else found


def _without_differing_args(one: Value, other: Value) -> Value | None:
    """Two lists of different things are still lists."""
    if isinstance(one, Instance) and isinstance(other, Instance) and one.of == other.of:
        return Instance(one.of)
    return None


# Names -------------------------------------------------------------------------------------------


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
    return _agreed(_of_symbol(module, one) for one in found)


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
    telling = [one for one in bindings if not is_none(one)]
    declared = [one for one in bindings if one.kind is BindingKind.ANNOTATED]
    if telling and is_hidden(module, telling):
        return None
    if not declared:
        return _agreed(bound_value(module, one) for one in telling)
    given = [one for one in telling if one.value is not None]
    return refined(
        _agreed(annotated(module, one.annotation) for one in declared if one.annotation),
        [_bound_by(module, one) for one in given],
    )


def _is_declared(bindings: list[Binding]) -> bool:
    return any(one.kind is BindingKind.ANNOTATED for one in bindings)


def _bound_by(module: Module, binding: Binding) -> Value | None:
    """Return what *binding* itself gives, whatever is declared."""
    if binding.kind is BindingKind.ANNOTATED:
        return value(module, binding.value) if binding.value else None
    return bound_value(module, binding)


def refined(declared: Value | None, given: list[Value | None]) -> Value | None:
    """Return what is known of something that is declared as *declared* and given values.

    A declaration is believed where a value is unknown, and tells what values have in common; a
    value of another class makes both doubtful.
    """
    known = [one for one in given if one is not None]
    if declared is None:
        return _agreed(given) if given else None
    if not known:
        return declared
    found = _agreed(known)
    if found is None or isinstance(found, Circular):
        return declared if isinstance(found, Circular) else None
    if isinstance(declared, Instance) and isinstance(found, Instance):
        if declared.of == found.of:
            return declared if declared.args or len(known) < len(given) else found
        if is_instance(declared, *WIDE):
            return found if len(known) == len(given) else None
        return declared if is_subclass(found.of, declared.of) else None
    return found if is_instance(declared, *WIDE) and len(known) == len(given) else None


def is_subclass(one: Library | Class, other: Library | Class) -> bool:
    """Say whether class *one* surely inherits from *other*."""
    if isinstance(one, Library):
        return isinstance(other, Library) and other.name in kinds.lineage(one.name)
    for base in lineage(one):
        if base == other or (isinstance(base, Library) and is_subclass(base, other)):
            return True
    return False


def reaching(
    module: Module, node: ast.AST, scope: ast.AST, bindings: list[Binding]
) -> Binding | None:
    """Return the binding that surely gave the name its value at *node*, or None when unclear.

    It stands before *node* in a block around it, and nothing between them or in a loop around
    them binds the name again.
    """
    if len(bindings) < 2 or module.scopes.scope(node) is not scope:
        return None
    places = {one.node: one for one in bindings}
    parents = module.parents
    child: ast.AST = node
    while child is not scope:
        parent = parents[child]
        if isinstance(parent, ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar):
            return None
        if isinstance(parent, ast.With | ast.AsyncWith) and parent in places:
            bound = places[parent]
            if isinstance(child, ast.stmt) and not _binds_before(
                parent.body, child, places, module
            ):
                return bound
        if isinstance(child, ast.stmt):
            found = _before(module, parent, child, places)
            if found is not None:
                return found if isinstance(found, Binding) else None
        child = parent
    return None


def _before(
    module: Module, parent: ast.AST, child: ast.AST, places: dict[ast.AST, Binding]
) -> Binding | bool | None:
    """Return the last statement before *child* that binds; False when one only may."""
    block = next(
        (
            block
            for name in ("body", "orelse", "finalbody")
            if isinstance(block := getattr(parent, name, None), list) and child in block
        ),
        None,
    )
    if block is None:
        return False
    for statement in reversed(block[: block.index(child)]):
        if statement in places:
            found = places[statement]
            straight = found.kind in (BindingKind.ASSIGN, BindingKind.ANNOTATED)
            return found if straight and not is_none(found) else False
        if any(_is_inside(place, statement, module) for place in places):
            return False
    return None


def _binds_before(
    body: list[ast.stmt], child: ast.AST, places: dict[ast.AST, Binding], module: Module
) -> bool:
    for statement in body:
        if statement is child:
            return False
        if any(place is statement or _is_inside(place, statement, module) for place in places):
            return True
    return True


def _is_inside(node: ast.AST, around: ast.AST, module: Module) -> bool:
    return any(one is around for one in module.ancestors(node))


def bound_value(module: Module, binding: Binding) -> Value | None:
    """Return what *binding* binds its name to."""
    match binding.kind:
        case BindingKind.IMPORT | BindingKind.FROM_IMPORT:
            return _of_import(module, binding)
        case BindingKind.PARAMETER:
            return _of_parameter(module, binding)
        case BindingKind.CLASS:
            assert isinstance(binding.node, ast.ClassDef)
            return Class(module, binding.node)
        case BindingKind.FUNCTION:
            assert isinstance(binding.node, ast.FunctionDef | ast.AsyncFunctionDef)
            return Function(module, binding.node)
        case BindingKind.ANNOTATED:
            assert binding.annotation is not None
            found = annotated(module, binding.annotation)
            return found or (value(module, binding.value) if binding.value else None)
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
            return entered(module, found, is_async=isinstance(binding.node, ast.AsyncWith))
        case BindingKind.FOR:
            return element(module, found, is_async=isinstance(binding.node, ast.AsyncFor))
        case BindingKind.COMPREHENSION:
            assert isinstance(binding.node, ast.comprehension)
            return element(module, found, is_async=bool(binding.node.is_async))
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
        if source is not None:
            return global_value(source, alias.name)
        return _library(module, f"{target}.{alias.name}")
    return _library(module, alias.name if alias.asname else alias.name.partition(".")[0])


def _library(module: Module, name: str) -> Value:
    found = module.project.module(name, near=module.path)
    return ProjectModule(found) if found is not None else Library(canonical(name))


# Parameters and annotations ----------------------------------------------------------------------


def _of_parameter(module: Module, binding: Binding) -> Value | None:
    function = module.parents[module.parents[binding.node]]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    owner = module.scopes.outer(function)
    if isinstance(owner, ast.ClassDef) and _is_first(function, binding.node):
        found = _receiver(module, function, owner)
        if found is not None:
            return found
    if binding.path is None:
        return None
    if binding.annotation is not None:
        found = annotated(module, binding.annotation)
        if found is not None:
            return found
    default = _default(function.args, binding.name)
    return provided(module, default) if default is not None else None


def _is_first(function: ast.AST, node: ast.AST) -> bool:
    args = function.args  # type: ignore[attr-defined]  # every function has them
    positional = [*args.posonlyargs, *args.args]
    return bool(positional) and positional[0] is node


def _receiver(module: Module, function: ast.AST, owner: ast.ClassDef) -> Value | None:
    cls = Class(module, owner)
    marks = _decorators(module, function)
    if "builtins.staticmethod" in marks or isinstance(function, ast.Lambda):
        return None
    if "builtins.classmethod" in marks or getattr(function, "name", "") in (
        "__new__",
        "__init_subclass__",
        "__class_getitem__",
    ):
        return cls
    return Instance(cls)


def _decorators(module: Module, function: ast.AST) -> list[str | None]:
    return [
        name_of(module, one.func if isinstance(one, ast.Call) else one)
        for one in getattr(function, "decorator_list", ())
    ]


def name_of(module: Module, node: ast.expr) -> str | None:
    """Return the one full name that *node* surely has."""
    found = names_of(module, node)
    return next(iter(found)) if len(found) == 1 else None


def _default(args: ast.arguments, name: str) -> ast.expr | None:
    positional = [*args.posonlyargs, *args.args]
    first = len(positional) - len(args.defaults)
    for number, one in enumerate(positional):
        if one.arg == name:
            return args.defaults[number - first] if number >= first else None
    for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if one.arg == name:
            return default
    return None


def provided(module: Module, node: ast.expr) -> Value | None:
    """Return what FastAPI passes for a parameter whose default is ``Depends(provider)``."""
    if not isinstance(node, ast.Call) or name_of(module, node.func) not in (
        "fastapi.Depends",
        "fastapi.Security",
    ):
        return None
    given = node.args[0] if node.args else keyword(node, "dependency")
    if given is None:
        return None
    made = called(module, value(module, given), None)
    if isinstance(made, Instance) and isinstance(made.of, Library):
        if made.of.name in GENERATORS:
            return made.args[0] if made.args else None
        if made.of.name == kinds.COROUTINE:
            return awaited(made)
    return made


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of the keyword *name* of a call, if it is given."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def annotated(module: Module, node: ast.expr) -> Value | None:
    """Return the value of something annotated with *node*, or None when that says nothing."""
    match node:
        case ast.Constant(value=str(text)):
            return _from_string(module, node, text)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union(module, (left, right))
        case ast.Subscript():
            return _of_generic(module, node)
        case ast.Name() | ast.Attribute():
            return _as_annotation(module, node, value(module, node))
    return None


def _union(module: Module, parts: Iterable[ast.expr]) -> Value | None:
    return _agreed(annotated(module, part) for part in parts if not _is_none(part))


def _from_string(module: Module, node: ast.Constant, text: str) -> Value | None:
    try:
        inner = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    module.adopt(inner, node)
    return annotated(module, inner)


def _as_annotation(module: Module, node: ast.expr, found: Value | None) -> Value | None:
    match found:
        case Library(name=name):
            return None if name in ("typing.Any", "builtins.object") else Instance(found)
        case Class():
            return Instance(found)
        case Circular():
            return found
        case Instance() | None:
            return _alias(module, node)
    return None


def _alias(module: Module, node: ast.expr) -> Value | None:
    """Follow ``SessionDep = Annotated[Session, ...]`` and ``T = TypeVar("T", bound=Session)``."""
    place = definition(module, node)
    if place is None:
        return None
    source, binding = place
    if binding.value is None or binding.path != ():
        return None
    key = ("alias", source, binding)
    return settle(source, key, lambda: _aliased(source, binding.value))  # type: ignore[arg-type]


def _aliased(module: Module, node: ast.expr) -> Value | None:
    if isinstance(node, ast.Call):
        name = name_of(module, node.func)
        bound = keyword(node, "bound")
        if name == "typing.TypeVar" and bound is not None:
            return annotated(module, bound)
        if name == "typing.NewType" and len(node.args) == 2:
            return annotated(module, node.args[1])
        return None
    return annotated(module, node)


def definition(module: Module, node: ast.expr) -> tuple[Module, Binding] | None:
    """Return the one binding that a global name, here or in another module, has."""
    found = None
    if isinstance(node, ast.Name):
        place = module.scopes.lookup(node.id, node)
        found = (module, place[1]) if place is not None else _starred(module, node.id)
    elif isinstance(node, ast.Attribute):
        owner = value(module, node.value)
        if isinstance(owner, ProjectModule):
            bound = owner.module.scopes.bound(owner.module.tree)
            found = (owner.module, bound.get(node.attr, []))
    for _ in range(20):
        if found is None or len(found[1]) != 1:
            return None
        source, binding = found[0], found[1][0]
        if binding.kind not in IMPORTS:
            return source, binding
        found = _imported_from(source, binding)
    return None


def _starred(module: Module, name: str) -> tuple[Module, list[Binding]] | None:
    names = from_stars(module, name) if module.scopes.stars else None
    return _global_of(module, names) if names else None


def _imported_from(module: Module, binding: Binding) -> tuple[Module, list[Binding]] | None:
    if not isinstance(binding.node, ast.ImportFrom) or binding.alias is None:
        return None
    target = absolute(module, binding.node)
    source = module.project.module(target, near=module.path) if target else None
    if source is None:
        return None
    bound = source.scopes.bound(source.tree).get(binding.alias.name)
    return (source, bound) if bound else _starred(source, binding.alias.name)


def _global_of(module: Module, names: Iterable[Symbol]) -> tuple[Module, list[Binding]] | None:
    for symbol in names:
        owner, _, name = symbol.name.rpartition(".")
        source = module.project.module(owner, near=module.path)
        if source is not None and name in source.scopes.bound(source.tree):
            return source, source.scopes.bound(source.tree)[name]
    return None


def _of_generic(module: Module, node: ast.Subscript) -> Value | None:
    owner = value(module, node.value)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if isinstance(owner, Class):
        return Instance(owner)
    if not isinstance(owner, Library):
        return _alias(module, node.value)
    match owner.name:
        case "typing.Optional" | "typing.Union":
            return _union(module, parts)
        case "typing.Annotated":
            found = annotated(module, parts[0])
            given = (provided(module, part) for part in parts[1:])
            return found or next((one for one in given if one is not None), None)
        case "typing.Final" | "typing.ClassVar" | "sqlalchemy.orm.Mapped" | "typing.Required":
            return annotated(module, parts[0])
        case "typing.Type" | "builtins.type":
            found = annotated(module, parts[0])
            return found.of if isinstance(found, Instance) else None
        case "typing.Callable" if len(parts) == 2:
            return instance("typing.Callable", annotated(module, parts[1]))
        case "typing.Literal" | "typing.TypeVar" | "typing.Callable":
            return None
        case "typing.Coroutine":
            return instance(kinds.COROUTINE, annotated(module, parts[-1]))
        case "typing.List" | "builtins.list":
            return instance(kinds.LIST, annotated(module, parts[0]))
    return Instance(owner, tuple(annotated(module, part) for part in parts))


# Attributes --------------------------------------------------------------------------------------


def _of_attribute(module: Module, node: ast.Attribute) -> Value | None:
    owner = value(module, node.value)
    if isinstance(owner, Instance) and is_instance(owner, kinds.STATE):
        key = ("state", owner, node.attr)
        return settle(module, key, lambda: _agreed(_state_values(module, owner, node.attr)))
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
    owner = value(module, node)
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
    found = settle(module, key, lambda: _agreed(given_value(module, one) for one in stores))
    return _agreed((own, found)) if own is not None else None


def given_value(module: Module, target: ast.Attribute) -> Value | None:
    """Return what the assignment to *target* gives it."""
    match module.parents[target]:
        case ast.Assign(targets=targets, value=given) if target in targets:
            return value(module, given)
        case ast.AnnAssign(value=ast.expr() as given):
            return value(module, given)
        case ast.withitem(context_expr=given) as item:
            is_async = isinstance(module.parents[item], ast.AsyncWith)
            return entered(module, value(module, given), is_async=is_async)
    return None


def member(module: Module, owner: Value | None, attr: str) -> Value | None:
    """Return the value of ``owner.attr``."""
    match owner:
        case Circular():
            return owner
        case Library(name=name):
            return _library(module, f"{name}.{attr}")
        case ProjectModule(module=source):
            return global_value(source, attr)
        case Class():
            return _of_class(owner, attr, owner)
        case Instance(of=Class() as cls):
            return _of_class(cls, attr, owner)
        case Instance(of=Library(name=name)):
            gives = kinds.attribute(name, attr)
            if gives is not None:
                return _typed(gives, owner, None, None)
            if name == kinds.FLASK_SQLALCHEMY:
                found = home(attr, "sqlalchemy", "sqlalchemy.orm")
                return Library(found) if found else None
            return Method(owner, attr)
    return None


def _of_class(cls: Class, attr: str, owner: Value) -> Value | None:
    """Return an attribute of an instance of *cls* (or of the class itself), bases included."""
    for one in lineage(cls):
        if one is None:
            return None
        if isinstance(one, Library):
            found = _of_library_base(cls, one, attr, owner)
            if found is not None or one.name not in ROOTS:
                return found
        elif has_member(one, attr):
            found = _own_member(one, attr, owner)
            return _queried(cls) if is_instance(found, kinds.QUERY_PROPERTY) else found
    return None


def _of_library_base(cls: Class, base: Library, attr: str, owner: Value) -> Value | None:
    if attr == "query" and base.name in MODEL_BASES:
        return _queried(cls) if _has_query(cls, base) else None
    if not isinstance(owner, Instance):
        return None
    gives = kinds.attribute(base.name, attr)
    if gives is not None:
        return _typed(gives, Instance(base), None, None)
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
        if value(source, store.value) == base
    ]
    return bool(stores) and all(is_instance(one, kinds.QUERY_PROPERTY) for one in stores)


def has_member(cls: Class, attr: str) -> bool:
    """Say whether *cls* itself defines *attr*, in its body or through ``self.attr = ...``."""
    if attr in cls.module.scopes.bound(cls.node):
        return True
    return bool(_self_stores(cls, attr))


def _self_stores(cls: Class, attr: str) -> list[ast.Attribute]:
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
    if isinstance(owner, ast.ClassDef) and _is_first(function, binding.node):
        return owner
    return None


def _own_member(cls: Class, attr: str, owner: Value) -> Value | None:
    bindings = cls.module.scopes.bound(cls.node).get(attr, [])
    functions = [one for one in bindings if one.kind is BindingKind.FUNCTION]
    if functions and len(functions) == len(bindings):
        return _of_method(cls, functions, owner)
    key = ("attribute", cls, attr)
    return settle(cls.module, key, lambda: _assigned(cls, attr, bindings))


def _assigned(cls: Class, attr: str, bindings: list[Binding]) -> Value | None:
    module = cls.module
    stores = _self_stores(cls, attr)
    notes = [one.annotation for one in bindings if one.annotation is not None]
    notes += [p.annotation for s in stores if isinstance(p := module.parents[s], ast.AnnAssign)]
    own = [one for one in bindings if not is_none(one)]
    given = [_bound_by(module, one) for one in own if one.value is not None or not one.annotation]
    given += [given_value(module, one) for one in stores if not _stores_none(module, one)]
    if not notes:
        return _agreed(given)
    return refined(_agreed(annotated(module, note) for note in notes), given)


def _stores_none(module: Module, target: ast.Attribute) -> bool:
    parent = module.parents[target]
    if isinstance(parent, ast.AnnAssign):
        return parent.value is None or _is_none(parent.value)
    return isinstance(parent, ast.Assign) and _is_none(parent.value)


def _of_method(cls: Class, functions: list[Binding], owner: Value) -> Value | None:
    node = functions[-1].node
    if len(functions) > 1:
        # A property and its setter, or overloads: the getter comes first, the body last.
        getters = [f for f in functions if PROPERTIES & set(_decorators(cls.module, f.node))]
        node = getters[0].node if getters else node
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    function = Function(cls.module, node, owner)
    if isinstance(owner, Instance) and PROPERTIES & set(_decorators(cls.module, node)):
        return returned(function)
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
        found = value(cls.module, node)
        yield found if isinstance(found, Class | Library) else None


# Calls -------------------------------------------------------------------------------------------


def _of_call(module: Module, node: ast.Call) -> Value | None:
    return called(module, value(module, node.func), node)


def called(module: Module, function: Value | None, node: ast.Call | None) -> Value | None:
    """Return what a call of *function* gives; *node* is the call in *module*, when there is one."""
    match function:
        case Circular():
            return function
        case Library(name=name):
            return _of_library_call(module, name, node)
        case Class():
            return _made(function)
        case Function():
            return returned(function)
        case Method(owner=owner, name=name):
            return _of_method_call(module, owner, name, node)
        case Instance(of=Library(name=name)):
            gives = "0" if name == "typing.Callable" else kinds.method(name, "__call__")
            return _typed(gives, function, module, node) if gives else None
        case Instance(of=Class() as cls):
            call = _of_class(cls, "__call__", function)
            return returned(call) if isinstance(call, Function) else None
    return None


def _made(cls: Class) -> Value | None:
    return None if "__new__" in cls.module.scopes.bound(cls.node) else Instance(cls)


def _of_library_call(module: Module, name: str, node: ast.Call | None) -> Value | None:
    gives = kinds.CALLS.get(name)
    if gives is not None:
        return _typed(gives, Library(name), module, node)
    special = SPECIAL.get(name)
    if special is not None and node is not None:
        return special(module, node)
    if name in kinds.CLASSES:
        return instance(name)
    owner, _, method = name.rpartition(".")
    if owner in kinds.CLASSES and kinds.method(owner, method) == "self":
        return instance(owner)
    return None


def _of_method_call(module: Module, owner: Value, name: str, node: ast.Call | None) -> Value | None:
    if not isinstance(owner, Instance) or not isinstance(owner.of, Library):
        return None
    special = SPECIAL_METHODS.get((owner.of.name, name))
    if special is not None and node is not None:
        return special(module, node, owner)
    gives = kinds.method(owner.of.name, name)
    return _typed(gives, owner, module, node) if gives else None


def _typed(text: str, owner: Value, module: Module | None, node: ast.Call | None) -> Value | None:
    """Return the value that a type of ``kinds.py`` stands for."""
    for prefix, wrapper in (
        ("await ", kinds.COROUTINE),
        ("enter ", kinds.ENTERS),
        ("aenter ", kinds.AENTERS),
    ):
        if text.startswith(prefix):
            return instance(wrapper, _typed(text.removeprefix(prefix), owner, module, node))
    if text.startswith("class "):
        return Library(text.removeprefix("class "))
    match text:
        case "self":
            return owner
        case "0":
            return owner.args[0] if isinstance(owner, Instance) and owner.args else None
        case "entity":
            return _entity(module, node) if module is not None and node is not None else None
        case "argument":
            return value(module, node.args[0]) if module and node and node.args else None
    name, bracket, inner = text.partition("[")
    if not bracket:
        return instance(name)
    arg = _typed(inner.removesuffix("]"), owner, module, node)
    return instance(name, arg) if arg is not None else instance(name)


def _entity(module: Module, node: ast.Call) -> Value | None:
    """Return the instance that ``query(User)``, ``get(User, 1)`` or ``select(User)`` gives."""
    if not node.args:
        return None
    first = value(module, node.args[0])
    if isinstance(first, Class):
        return Instance(first) if len(node.args) == 1 or _takes_key(node) else None
    if isinstance(first, Instance) and first.args:
        return first.args[0]
    return None


def _takes_key(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "get_one")


def _sessionmaker(default: str, maker: str) -> Callable[[Module, ast.Call], Value | None]:
    def made(module: Module, node: ast.Call) -> Value | None:
        given = keyword(node, "class_")
        if given is None:
            unknown = any(one.arg is None for one in node.keywords)
            return instance(maker, None if unknown else instance(default))
        cls = value(module, given)
        return instance(maker, Instance(cls) if isinstance(cls, Class | Library) else None)

    return made


def _scoped(maker: str) -> Callable[[Module, ast.Call], Value | None]:
    def made(module: Module, node: ast.Call) -> Value | None:
        given = node.args[0] if node.args else keyword(node, "session_factory")
        factory = value(module, given) if given is not None else None
        session = called(module, factory, None)
        if isinstance(session, Instance) and _is_session(session, maker):
            return instance(maker, session)
        return None

    return made


def _is_session(session: Instance, maker: str) -> bool:
    allowed = kinds.SESSIONS if maker == kinds.SCOPED_SESSION else kinds.ASYNC_SESSIONS
    return isinstance(session.of, Library) and session.of.name in allowed


def _select(name: str) -> Callable[[Module, ast.Call], Value | None]:
    def made(module: Module, node: ast.Call) -> Value | None:
        entity = _entity(module, node) if len(node.args) == 1 else None
        return instance(name, entity) if entity is not None else instance(name)

    return made


def _cast(module: Module, node: ast.Call) -> Value | None:
    return annotated(module, node.args[0]) if len(node.args) == 2 else None


def _first_argument(module: Module, node: ast.Call) -> Value | None:
    return value(module, node.args[0]) if node.args else None


def _next(module: Module, node: ast.Call) -> Value | None:
    found = value(module, node.args[0]) if len(node.args) == 1 else None
    return element(module, found, is_async=False)


def _anext(module: Module, node: ast.Call) -> Value | None:
    found = value(module, node.args[0]) if len(node.args) == 1 else None
    return instance(kinds.COROUTINE, element(module, found, is_async=True))


def _run(module: Module, node: ast.Call) -> Value | None:
    return awaited(_first_argument(module, node))


def _closing(module: Module, node: ast.Call) -> Value | None:
    return instance(kinds.ENTERS, _first_argument(module, node))


def _aclosing(module: Module, node: ast.Call) -> Value | None:
    return instance(kinds.AENTERS, _first_argument(module, node))


SPECIAL: Final[dict[str, Callable[[Module, ast.Call], Value | None]]] = {
    kinds.SESSIONMAKER: _sessionmaker(kinds.SESSION, kinds.SESSIONMAKER),
    kinds.ASYNC_SESSIONMAKER: _sessionmaker(kinds.ASYNC_SESSION, kinds.ASYNC_SESSIONMAKER),
    kinds.SCOPED_SESSION: _scoped(kinds.SCOPED_SESSION),
    kinds.ASYNC_SCOPED_SESSION: _scoped(kinds.ASYNC_SCOPED_SESSION),
    "sqlalchemy.select": _select(kinds.SELECT),
    "sqlmodel.select": _select(kinds.SQLMODEL_SELECT),
    "typing.cast": _cast,
    "builtins.next": _next,
    "builtins.anext": _anext,
    "asyncio.run": _run,
    "asyncio.wait_for": _first_argument,
    "asyncio.shield": _first_argument,
    "contextlib.closing": _closing,
    "contextlib.aclosing": _aclosing,
    "contextlib.nullcontext": _closing,
}


def _stack_enter(module: Module, node: ast.Call, _: Instance) -> Value | None:
    return entered(module, _first_argument(module, node), is_async=False)


def _stack_aenter(module: Module, node: ast.Call, _: Instance) -> Value | None:
    found = entered(module, _first_argument(module, node), is_async=True)
    return instance(kinds.COROUTINE, found)


def _master(client: str) -> Callable[[Module, ast.Call, Instance], Value | None]:
    def made(module: Module, node: ast.Call, _: Instance) -> Value | None:
        return instance(client) if keyword(node, "redis_class") is None else None

    return made


SPECIAL_METHODS: Final[
    dict[tuple[str, str], Callable[[Module, ast.Call, Instance], Value | None]]
] = {
    ("contextlib.ExitStack", "enter_context"): _stack_enter,
    ("contextlib.AsyncExitStack", "enter_context"): _stack_enter,
    ("contextlib.AsyncExitStack", "enter_async_context"): _stack_aenter,
    ("redis.Sentinel", "master_for"): _master(kinds.REDIS),
    ("redis.Sentinel", "slave_for"): _master(kinds.REDIS),
    ("redis.asyncio.Sentinel", "master_for"): _master(kinds.ASYNC_REDIS),
    ("redis.asyncio.Sentinel", "slave_for"): _master(kinds.ASYNC_REDIS),
}


def returned(function: Function) -> Value | None:
    """Return what a call of *function* gives, as its decorators leave it."""
    return settle(function.module, ("returned", function), lambda: _returned(function))


def _returned(function: Function) -> Value | None:
    node, module = function.node, function.module
    if isinstance(node, ast.Lambda):
        return value(module, node.body)
    found = _undecorated(function)
    for decorator in reversed(node.decorator_list):
        found = _decorated(module, decorator, found)
    return found


def _decorated(module: Module, decorator: ast.expr, found: Value | None) -> Value | None:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = name_of(module, target)
    if name in TRANSPARENT or name in PROPERTIES:
        return found
    if name in CONTEXT_MANAGERS:
        yielded = found.args[0] if isinstance(found, Instance) and found.args else None
        return instance(CONTEXT_MANAGERS[name], yielded)
    if not isinstance(target, ast.Attribute) or target.attr not in REGISTERING:
        return None
    return found if isinstance(value(module, target.value), Instance) else None


def _undecorated(function: Function) -> Value | None:
    node, module = function.node, function.module
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    own = function_parts(module, node)
    is_async = isinstance(node, ast.AsyncFunctionDef)
    if node.returns is not None:
        found = _own_type(function, node.returns) or annotated(module, node.returns)
        if found is not None and own.yields:
            # `def get_db() -> Session: yield db` means what it yields.
            return (
                found if is_instance(found, *GENERATORS) else instance(_generator(is_async), found)
            )
        if found is not None:
            return instance(kinds.COROUTINE, found) if is_async else found
    if own.yields:
        given = [one.value for one in own.yields if one.value is not None]
        if any(isinstance(one, ast.YieldFrom) for one in own.yields):
            return None
        return instance(_generator(is_async), _agreed(value(module, one) for one in given))
    given = [one.value for one in own.returns if one.value is not None]
    found = _agreed(value(module, one) for one in given if not _is_none(one))
    return instance(kinds.COROUTINE, found) if is_async else found


def _generator(is_async: bool) -> str:
    return "typing.AsyncGenerator" if is_async else "typing.Generator"


def _own_type(function: Function, annotation: ast.expr) -> Value | None:
    """Understand ``-> Self``."""
    if name_of(function.module, annotation) != "typing.Self":
        return None
    owner = function.owner
    return Instance(owner) if isinstance(owner, Class) else owner


@dataclass(frozen=True, slots=True)
class Parts:
    """The statements of a function that decide what a call gives."""

    returns: tuple[ast.Return, ...]
    yields: tuple[ast.Yield | ast.YieldFrom, ...]


def function_parts(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Parts:
    """Return the ``return`` and ``yield`` of *node* itself, not of functions inside it."""
    returns: list[ast.Return] = []
    yields: list[ast.Yield | ast.YieldFrom] = []
    stack: list[ast.AST] = list(reversed(node.body))
    while stack:
        one = stack.pop()
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(one, ast.Return):
            returns.append(one)
        elif isinstance(one, ast.Yield | ast.YieldFrom):
            yields.append(one)
        stack.extend(reversed(children(one)))
    return Parts(tuple(returns), tuple(yields))


# Awaiting, entering, running over ----------------------------------------------------------------


def awaited(found: Value | None) -> Value | None:
    """Return what ``await`` makes of a value."""
    if isinstance(found, Circular):
        return found
    return _protocol(found, "__await__")


def entered(module: Module, found: Value | None, *, is_async: bool) -> Value | None:
    """Return what a ``with`` or ``async with`` statement binds."""
    if isinstance(found, Circular):
        return found
    name = "__aenter__" if is_async else "__enter__"
    result = _protocol(found, name)
    return awaited(result) if is_async and _is_own_coroutine(found) else result


def _is_own_coroutine(found: Value | None) -> bool:
    return isinstance(found, Instance) and isinstance(found.of, Class)


def element(module: Module, found: Value | None, *, is_async: bool) -> Value | None:
    """Return what a loop over a value gives in each round."""
    if isinstance(found, Circular):
        return found
    return _protocol(found, "__aiter__" if is_async else "__iter__")


def _protocol(found: Value | None, name: str) -> Value | None:
    if not isinstance(found, Instance):
        return None
    if isinstance(found.of, Library):
        gives = kinds.method(found.of.name, name)
        return _typed(gives, found, None, None) if gives else None
    inner = _of_class(found.of, name, found)
    if isinstance(inner, Function):
        return returned(inner)
    if isinstance(inner, Method) and isinstance(inner.owner, Instance):
        gives = kinds.method(inner.owner.of.name, name)
        return _typed(gives, found, None, None) if gives else None
    return None


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
    found = _own_member(outer, last, outer) if outer is not None else None
    return found if isinstance(found, Class) else None


def names_of(module: Module, node: ast.expr) -> frozenset[str]:
    """Return the full names that *node* may have; ``db.select`` of Flask is SQLAlchemy's."""
    found = symbols(module, node)
    if isinstance(node, ast.Attribute) and not any(one.library for one in found):
        same = home(node.attr, "sqlalchemy", "sqlalchemy.orm")
        if same and is_instance(value(module, node.value), kinds.FLASK_SQLALCHEMY):
            return frozenset({same})
    if any(is_lookalike(one.name) for one in found if not one.library):
        return frozenset()
    return frozenset(one.name for one in found)


def kind(found: Value | None) -> str | None:
    """Return the canonical class of a value that is an instance."""
    if not isinstance(found, Instance):
        return None
    if isinstance(found.of, Class) and is_lookalike(found.of.name):
        return None
    return found.of.name
