"""What parameters and annotations say about values, and what FastAPI provides for them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import calls, expressions, members, returns
from hephaestus_codemods.project.infer.combine import agreed, is_none_literal, keyword, settle
from hephaestus_codemods.project.names import IMPORTS, Symbol, absolute, from_stars
from hephaestus_codemods.project.values import (
    Circular,
    Class,
    Instance,
    Library,
    ProjectModule,
    Value,
    instance,
    is_instance,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding


#: Annotations that say little: what is assigned says more.
WIDE: Final = (
    "typing.Callable",
    "typing.ContextManager",
    "typing.AsyncContextManager",
    "typing.Iterable",
    "typing.Sequence",
)
#: They stand for a session, and are often declared as one.
SCOPED: Final = (kinds.SCOPED_SESSION, kinds.ASYNC_SCOPED_SESSION)
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


def refined(declared: Value | None, given: list[Value | None]) -> Value | None:
    """Return what is known of something that is declared as *declared* and given values.

    A declaration is believed where a value is unknown, and tells what values have in common; a
    value of another class makes both doubtful.
    """
    known = [one for one in given if one is not None]
    if declared is None:
        return agreed(given) if given else None
    if not known:
        return declared
    found = agreed(known)
    if found is None or isinstance(found, Circular):
        return declared if isinstance(found, Circular) else None
    if isinstance(declared, Instance) and isinstance(found, Instance):
        if declared.of == found.of:
            return declared if declared.args or len(known) < len(given) else found
        if is_instance(declared, *WIDE):
            return found if len(known) == len(given) else None
        if is_instance(found, *SCOPED) and found.args == (declared,):
            return found if len(known) == len(given) else None
        return declared if is_subclass(found.of, declared.of) else None
    return found if is_instance(declared, *WIDE) and len(known) == len(given) else None


def is_subclass(one: Library | Class, other: Library | Class) -> bool:
    """Say whether class *one* surely inherits from *other*."""
    if isinstance(one, Library):
        return isinstance(other, Library) and other.name in kinds.lineage(one.name)
    for base in members.lineage(one):
        if base == other or (isinstance(base, Library) and is_subclass(base, other)):
            return True
    return False


def of_parameter(module: Module, binding: Binding) -> Value | None:
    """Return what is passed for a parameter: the receiver, by its annotation or its default."""
    function = module.parents[module.parents[binding.node]]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    owner = module.scopes.outer(function)
    if isinstance(owner, ast.ClassDef) and is_first(function, binding.node):
        found = _receiver(module, function, owner)
        if found is not None:
            return found
    if binding.path is None:
        return instance(kinds.DICT if function.args.kwarg is binding.node else "builtins.tuple")
    if binding.annotation is not None:
        found = annotated(module, binding.annotation)
        if found is not None:
            return found
    default = _default(function.args, binding.name)
    return provided(module, default) if default is not None else None


def is_first(function: ast.AST, node: ast.AST) -> bool:
    """Say whether *node* is the first parameter of *function*."""
    args = function.args  # type: ignore[attr-defined]  # every function has them
    positional = [*args.posonlyargs, *args.args]
    return bool(positional) and positional[0] is node


def _receiver(module: Module, function: ast.AST, owner: ast.ClassDef) -> Value | None:
    cls = Class(module, owner)
    marks = decorators(module, function)
    if "builtins.staticmethod" in marks or isinstance(function, ast.Lambda):
        return None
    if "builtins.classmethod" in marks or getattr(function, "name", "") in (
        "__new__",
        "__init_subclass__",
        "__class_getitem__",
    ):
        return cls
    return Instance(cls)


def decorators(module: Module, function: ast.AST) -> list[str | None]:
    """Return the full names of what decorates *function*; None for those unknown."""
    return [
        expressions.name_of(module, one.func if isinstance(one, ast.Call) else one)
        for one in getattr(function, "decorator_list", ())
    ]


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
    if not isinstance(node, ast.Call) or expressions.name_of(module, node.func) not in (
        "fastapi.Depends",
        "fastapi.Security",
    ):
        return None
    given = node.args[0] if node.args else keyword(node, "dependency")
    if given is None:
        return None
    made = calls.called(module, expressions.value(module, given), None)
    if isinstance(made, Instance) and isinstance(made.of, Library):
        if made.of.name in GENERATORS:
            return made.args[0] if made.args else None
        if made.of.name == kinds.COROUTINE:
            return returns.awaited(made)
    return made


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
            return _as_annotation(module, node, expressions.value(module, node))
    return None


def _union(module: Module, parts: Iterable[ast.expr]) -> Value | None:
    return agreed(annotated(module, part) for part in parts if not is_none_literal(part))


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
        name = expressions.name_of(module, node.func)
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
        owner = expressions.value(module, node.value)
        if isinstance(owner, ProjectModule):
            bound = owner.module.scopes.bound(owner.module.tree)
            found = (owner.module, bound.get(node.attr, []))
    return _followed(found)


def global_definition(module: Module, name: str) -> tuple[Module, Binding] | None:
    """Return the one binding that the global *name* of *module* has, here or in another one."""
    return _followed((module, module.scopes.bound(module.tree).get(name, [])))


def _followed(found: tuple[Module, list[Binding]] | None) -> tuple[Module, Binding] | None:
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
    owner = expressions.value(module, node.value)
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
        case "typing.Dict" | "builtins.dict":
            held = [annotated(module, part) for part in parts]
            return instance(kinds.DICT, *held) if len(held) == 2 else instance(kinds.DICT)
        case "typing.Set" | "builtins.set":
            return instance(kinds.SET, annotated(module, parts[0]))
    return Instance(owner, tuple(annotated(module, part) for part in parts))
