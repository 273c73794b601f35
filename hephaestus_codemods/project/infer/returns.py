"""What a function of the project gives, and what awaiting, entering and iterating make of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import calls, expressions, hints, members
from hephaestus_codemods.project.infer.combine import agreed, is_none_literal, settle
from hephaestus_codemods.project.nodes import children
from hephaestus_codemods.project.values import (
    Circular,
    Class,
    Function,
    Instance,
    Library,
    Method,
    Value,
    instance,
    is_instance,
)

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


#: Decorators of functions that leave what a call gives as it is.
TRANSPARENT: Final = frozenset(
    """functools.lru_cache functools.cache builtins.staticmethod builtins.classmethod
    typing.no_type_check typing.final typing.override abc.abstractmethod functools.wraps
    typing.overload celery.shared_task fastapi_utils.tasks.repeat_every
    async_lru.alru_cache flask.stream_with_context""".split()
)
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


def returned(function: Function) -> Value | None:
    """Return what a call of *function* gives, as its decorators leave it."""
    return settle(function.module, ("returned", function), lambda: _returned(function))


def _returned(function: Function) -> Value | None:
    node, module = function.node, function.module
    if isinstance(node, ast.Lambda):
        return expressions.value(module, node.body)
    found = _undecorated(function)
    for decorator in reversed(node.decorator_list):
        found = _decorated(module, decorator, found)
    return found


def _decorated(module: Module, decorator: ast.expr, found: Value | None) -> Value | None:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = expressions.name_of(module, target)
    if name in TRANSPARENT or name in members.PROPERTIES:
        return found
    if name in CONTEXT_MANAGERS:
        yielded = found.args[0] if isinstance(found, Instance) and found.args else None
        return instance(CONTEXT_MANAGERS[name], yielded)
    if not isinstance(target, ast.Attribute) or target.attr not in REGISTERING:
        return None
    return found if isinstance(expressions.value(module, target.value), Instance) else None


def _undecorated(function: Function) -> Value | None:
    node, module = function.node, function.module
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    own = function_parts(module, node)
    is_async = isinstance(node, ast.AsyncFunctionDef)
    if node.returns is not None:
        found = _own_type(function, node.returns) or hints.annotated(module, node.returns)
        if found is not None and own.yields:
            # `def get_db() -> Session: yield db` means what it yields.
            is_whole = is_instance(found, *hints.GENERATORS)
            return found if is_whole else instance(_generator(is_async), found)
        if found is not None:
            return instance(kinds.COROUTINE, found) if is_async else found
    if own.yields:
        given = [one.value for one in own.yields if one.value is not None]
        if any(isinstance(one, ast.YieldFrom) for one in own.yields):
            return None
        return instance(
            _generator(is_async), agreed(expressions.value(module, one) for one in given)
        )
    given = [one.value for one in own.returns if one.value is not None]
    found = agreed(expressions.value(module, one) for one in given if not is_none_literal(one))
    return instance(kinds.COROUTINE, found) if is_async else found


def _generator(is_async: bool) -> str:
    return "typing.AsyncGenerator" if is_async else "typing.Generator"


def _own_type(function: Function, annotation: ast.expr) -> Value | None:
    """Understand ``-> Self``."""
    if expressions.name_of(function.module, annotation) != "typing.Self":
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
        return calls.typed(gives, found, None, None) if gives else None
    inner = members.of_class(found.of, name, found)
    if isinstance(inner, Function):
        return returned(inner)
    if isinstance(inner, Method) and isinstance(inner.owner, Instance):
        gives = kinds.method(inner.owner.of.name, name)
        return calls.typed(gives, found, None, None) if gives else None
    return None
