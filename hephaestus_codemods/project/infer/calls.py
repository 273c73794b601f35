"""What calls of functions, classes and methods give, those of libraries included."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import expressions, hints, members, returns
from hephaestus_codemods.project.infer.combine import keyword
from hephaestus_codemods.project.values import (
    Circular,
    Class,
    Function,
    Instance,
    Library,
    Method,
    Value,
    instance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.project.module import Module


def of_call(module: Module, node: ast.Call) -> Value | None:
    """Return what the call *node* gives."""
    return called(module, expressions.value(module, node.func), node)


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
            return returns.returned(function)
        case Method(owner=owner, name=name):
            return _of_method_call(module, owner, name, node)
        case Instance(of=Library(name=name)):
            gives = "0" if name == "typing.Callable" else kinds.method(name, "__call__")
            return typed(gives, function, module, node) if gives else None
        case Instance(of=Class() as cls):
            call = members.of_class(cls, "__call__", function)
            return returns.returned(call) if isinstance(call, Function) else None
    return None


def _made(cls: Class) -> Value | None:
    return None if "__new__" in cls.module.scopes.bound(cls.node) else Instance(cls)


def _of_library_call(module: Module, name: str, node: ast.Call | None) -> Value | None:
    gives = kinds.CALLS.get(name)
    if gives is not None:
        return typed(gives, Library(name), module, node)
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
    return typed(gives, owner, module, node) if gives else None


def typed(text: str, owner: Value, module: Module | None, node: ast.Call | None) -> Value | None:
    """Return the value that a type of ``kinds.py`` stands for."""
    for prefix, wrapper in (
        ("await ", kinds.COROUTINE),
        ("enter ", kinds.ENTERS),
        ("aenter ", kinds.AENTERS),
    ):
        if text.startswith(prefix):
            return instance(wrapper, typed(text.removeprefix(prefix), owner, module, node))
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
            return (
                expressions.value(module, node.args[0]) if module and node and node.args else None
            )
    name, bracket, inner = text.partition("[")
    if not bracket:
        return instance(name)
    arg = typed(inner.removesuffix("]"), owner, module, node)
    return instance(name, arg) if arg is not None else instance(name)


def _entity(module: Module, node: ast.Call) -> Value | None:
    """Return the instance that ``query(User)``, ``get(User, 1)`` or ``select(User)`` gives."""
    if not node.args:
        return None
    first = expressions.value(module, node.args[0])
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
        cls = expressions.value(module, given)
        return instance(maker, Instance(cls) if isinstance(cls, Class | Library) else None)

    return made


def _scoped(maker: str) -> Callable[[Module, ast.Call], Value | None]:
    def made(module: Module, node: ast.Call) -> Value | None:
        given = node.args[0] if node.args else keyword(node, "session_factory")
        factory = expressions.value(module, given) if given is not None else None
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
    return hints.annotated(module, node.args[0]) if len(node.args) == 2 else None


def _first_argument(module: Module, node: ast.Call) -> Value | None:
    return expressions.value(module, node.args[0]) if node.args else None


def _next(module: Module, node: ast.Call) -> Value | None:
    found = expressions.value(module, node.args[0]) if len(node.args) == 1 else None
    return returns.element(module, found, is_async=False)


def _anext(module: Module, node: ast.Call) -> Value | None:
    found = expressions.value(module, node.args[0]) if len(node.args) == 1 else None
    return instance(kinds.COROUTINE, returns.element(module, found, is_async=True))


def _run(module: Module, node: ast.Call) -> Value | None:
    return returns.awaited(_first_argument(module, node))


def _in_thread(module: Module, node: ast.Call) -> Value | None:
    return instance(kinds.COROUTINE, called(module, _first_argument(module, node), None))


def _closing(module: Module, node: ast.Call) -> Value | None:
    return instance(kinds.ENTERS, _first_argument(module, node))


def _aclosing(module: Module, node: ast.Call) -> Value | None:
    return instance(kinds.AENTERS, _first_argument(module, node))


def _collected(name: str) -> Callable[[Module, ast.Call], Value | None]:
    """Understand ``list(x)``: a collection of what *x* gives."""

    def made(module: Module, node: ast.Call) -> Value | None:
        one = _elements(module, node)
        return instance(name, one[0]) if len(one) == 1 and one[0] is not None else instance(name)

    return made


def _enumerated(module: Module, node: ast.Call) -> Value | None:
    found = _elements(module, node)[:1]
    return instance("typing.Iterator", instance("builtins.tuple", instance("builtins.int"), *found))


def _zipped(module: Module, node: ast.Call) -> Value | None:
    return instance("typing.Iterator", instance("builtins.tuple", *_elements(module, node)))


def _elements(module: Module, node: ast.Call) -> list[Value | None]:
    """Return what a loop over each argument would give."""
    if any(isinstance(one, ast.Starred) for one in node.args):
        return []
    found = (expressions.value(module, one) for one in node.args)
    return [returns.element(module, one, is_async=False) for one in found]


SPECIAL: Final[dict[str, Callable[[Module, ast.Call], Value | None]]] = {
    "builtins.list": _collected(kinds.LIST),
    "builtins.sorted": _collected(kinds.LIST),
    "builtins.set": _collected(kinds.SET),
    "builtins.tuple": _collected("typing.Sequence"),
    "builtins.frozenset": _collected(kinds.SET),
    "builtins.reversed": _collected("typing.Iterator"),
    "builtins.enumerate": _enumerated,
    "builtins.zip": _zipped,
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
    "functools.partial": _first_argument,
    "asyncio.to_thread": _in_thread,
    "starlette.concurrency.run_in_threadpool": _in_thread,
    "fastapi.concurrency.run_in_threadpool": _in_thread,
    "anyio.to_thread.run_sync": _in_thread,
}


def _stack_enter(module: Module, node: ast.Call, _: Instance) -> Value | None:
    return returns.entered(module, _first_argument(module, node), is_async=False)


def _stack_aenter(module: Module, node: ast.Call, _: Instance) -> Value | None:
    found = returns.entered(module, _first_argument(module, node), is_async=True)
    return instance(kinds.COROUTINE, found)


def _master(client: str) -> Callable[[Module, ast.Call, Instance], Value | None]:
    def made(module: Module, node: ast.Call, _: Instance) -> Value | None:
        return instance(client) if keyword(node, "redis_class") is None else None

    return made


def _part_of_dict(number: int) -> Callable[[Module, ast.Call, Instance], Value | None]:
    def made(_module: Module, _node: ast.Call, owner: Instance) -> Value | None:
        found = owner.args[number] if len(owner.args) == 2 else None
        return instance("typing.Iterable", found) if found is not None else None

    return made


def _items_of_dict(_module: Module, _node: ast.Call, owner: Instance) -> Value | None:
    if len(owner.args) != 2:
        return None
    return instance("typing.Iterable", instance("builtins.tuple", *owner.args))


SPECIAL_METHODS: Final[
    dict[tuple[str, str], Callable[[Module, ast.Call, Instance], Value | None]]
] = {
    ("contextlib.ExitStack", "enter_context"): _stack_enter,
    ("contextlib.AsyncExitStack", "enter_context"): _stack_enter,
    ("contextlib.AsyncExitStack", "enter_async_context"): _stack_aenter,
    (kinds.DICT, "keys"): _part_of_dict(0),
    (kinds.DICT, "values"): _part_of_dict(1),
    (kinds.DICT, "items"): _items_of_dict,
    ("redis.Sentinel", "master_for"): _master(kinds.REDIS),
    ("redis.Sentinel", "slave_for"): _master(kinds.REDIS),
    ("redis.asyncio.Sentinel", "master_for"): _master(kinds.ASYNC_REDIS),
    ("redis.asyncio.Sentinel", "slave_for"): _master(kinds.ASYNC_REDIS),
}
