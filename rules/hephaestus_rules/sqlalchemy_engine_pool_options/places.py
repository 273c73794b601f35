"""How often an engine is made: once in a process, or again for every request."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.rule import Refusal
from hephaestus_rules.sqlalchemy_engine_pool_options.aside import aside
from hephaestus_rules.sqlalchemy_engine_pool_options.origins import (
    FunctionDef,
    Origin,
    own_nodes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

CACHES: Final = frozenset(
    f"{place}.{name}"
    for place, names in {
        "functools": ("lru_cache", "cache", "cached_property"),
        "cachetools": ("cached",),
        "async_lru": ("alru_cache",),
        "sqlalchemy.util": ("memoized_property",),
        "streamlit": ("cache_resource", "experimental_singleton"),
    }.items()
    for name in names
)
APPLICATIONS: Final = frozenset(
    {
        *("fastapi.FastAPI", "starlette.applications.Starlette", "flask.Flask", "sanic.Sanic"),
        *("litestar.Litestar", "quart.Quart", "aiohttp.web.Application", "robyn.Robyn"),
    }
)
SINGLETONS: Final = frozenset(
    ["dependency_injector.providers.Singleton", "dependency_injector.providers.Resource"]
)
#: Dishka's decorator, and the scopes that live as long as the container.
PROVIDERS: Final = frozenset(["dishka.provide", "dishka.provider.provide"])
KEPT_SCOPES: Final = frozenset(
    f"{place}.{name}"
    for place in ("dishka.Scope", "dishka.entities.scope.Scope")
    for name in ("APP", "RUNTIME")
)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class Place:
    """How many engines a call makes in a process, or the reason why nobody can say.

    *how* is a phrase for the report: "at import", "when the application starts".
    """

    engines: int = 1
    how: str = "at import"
    refusal: Refusal | None = None


def place_of(module: Module, call: ast.Call, depth: int = 0) -> Place:
    """Say how often *call* runs in a process."""
    repeated = _repeated(module, call)
    if repeated is not None:
        return repeated
    function = module.function(call)
    if function is None:
        return Place()
    if isinstance(function, ast.Lambda):
        return _per_call("a lambda")
    if depth > DEPTH:
        return _per_call(f"`{function.name}`")
    return _in_function(module, call, function, depth)


def _repeated(module: Module, call: ast.AST) -> Place | None:
    for around in module.ancestors(call):
        if isinstance(around, (*FunctionDef.__args__, ast.Lambda)):
            return None
        if isinstance(around, (*LOOPS, *COMPREHENSIONS)):
            return _refused(
                "engine-per-item",
                "an engine is made for every item of a loop: how many of them share the server's "
                "connections is not known",
            )
    return None


def _refused(code: str, reason: str) -> Place:
    return Place(refusal=Refusal(code, reason))


def _per_call(what: str) -> Place:
    return _refused(
        "engine-per-call",
        f"{what} makes an engine whenever it runs: make one for the process first, then its pool "
        "is shared",
    )


def _in_function(module: Module, call: ast.Call, function: FunctionDef, depth: int) -> Place:
    if _is_cached(module, function):
        return Place(how=f"once by `{function.name}`, which is cached")
    kept = _kept(module, call, function)
    starts = _is_startup(module, function)
    if kept == "yielded":
        kept = "returned" if starts else "local"
    if kept == "local" and _disposes(function):
        reason = f"`{function.name}` disposes of the engine itself: it lives for one task only"
        return _refused("engine-not-kept", reason)
    if kept == "local" and starts:
        reason = f"the engine is used only inside `{function.name}`: no request shares its pool"
        return _refused("engine-not-kept", reason)
    if kept == "local":
        return _per_call(f"`{function.name}`")
    if kept == "global" or (starts and kept != "object"):
        return Place(how=f"when `{function.name}` runs at the start")
    if kept == "object":
        return _in_object(module, call, function, depth)
    if kept == "attribute":
        return _by_starters(module, function)
    return _by_callers(module, function, depth)


def _is_cached(module: Module, function: FunctionDef) -> bool:
    args = function.args
    given = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    if [one.arg for one in given if one.arg not in ("self", "cls")] or args.vararg or args.kwarg:
        return False
    if any(one.arg == "self" for one in given):
        return False
    return any(_callee(module, one) in CACHES for one in function.decorator_list)


def _callee(module: Module, decorator: ast.expr) -> str | None:
    func = decorator.func if isinstance(decorator, ast.Call) else decorator
    return module.qualified_name(func)


def _is_startup(module: Module, function: FunctionDef) -> bool:
    """Say whether *function* runs when the application starts, or makes the application."""
    for one in function.decorator_list:
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            words = [arg.value for arg in one.args if isinstance(arg, ast.Constant)]
            if one.func.attr in ("on_event", "listener") and words[:1] == ["startup"]:
                return True
    names = (module.qualified_name(n.func) for n in own_nodes(function) if isinstance(n, ast.Call))
    makes_application = any(name in APPLICATIONS for name in names)
    return (
        makes_application or _is_lifespan(module, function) or _is_provided_once(module, function)
    )


def _is_provided_once(module: Module, function: FunctionDef) -> bool:
    """Say whether a container calls *function* once, and keeps the result for all requests."""
    for one in function.decorator_list:
        if isinstance(one, ast.Call) and module.qualified_name(one.func) in PROVIDERS:
            scopes = (word.value for word in one.keywords if word.arg == "scope")
            return any(module.qualified_name(scope) in KEPT_SCOPES for scope in scopes)
    return False


def _is_lifespan(module: Module, function: FunctionDef) -> bool:
    """Say whether *function* is handed over to run when the application or a worker starts."""
    if any(_hands_over(module, node, function.name) for node in module.nodes):
        return True
    named = function.name == "lifespan" and isinstance(function, ast.AsyncFunctionDef)
    return named and any(isinstance(node, ast.Yield) for node in own_nodes(function))


def _hands_over(module: Module, node: ast.AST, name: str) -> bool:
    match node:
        case ast.keyword(arg="lifespan" | "on_startup", value=value):
            pass
        case ast.Assign(targets=[ast.Name(id="on_startup")], value=value):
            return isinstance(module.parents.get(node), ast.ClassDef) and _names(value, name)
        case ast.Call(
            func=ast.Attribute(attr="add_event_handler"),
            args=[ast.Constant(value="startup"), value],
        ):
            pass
        case _:
            return False
    return _names(value, name)


def _names(value: ast.expr, name: str) -> bool:
    items = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    return any(isinstance(one, ast.Name) and one.id == name for one in items)


def _kept(module: Module, call: ast.Call, function: FunctionDef) -> str:
    """Say where the engine goes: global, object, attribute, returned or local."""
    statement = module.statement(call)
    if isinstance(statement, ast.Return):
        return "returned"
    targets = _targets(statement)
    if statement_value(statement) is not call:
        return "local"
    for target in targets:
        found = _kept_in(target, function)
        if found is not None:
            return found
    names = {one.id for one in targets if isinstance(one, ast.Name)}
    return _escape(names, function) if names else "local"


def statement_value(statement: ast.stmt) -> ast.expr | None:
    """Return what an assignment assigns."""
    return statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign) else []


def _kept_in(target: ast.expr, function: FunctionDef) -> str | None:
    match target:
        case ast.Attribute(value=ast.Name(id="self")):
            return "object"
        case ast.Attribute(value=ast.Name(id="cls")):
            return "global"
        case ast.Attribute() | ast.Subscript():
            return "attribute"
        case ast.Name(id=name):
            declared = (n for n in own_nodes(function) if isinstance(n, ast.Global))
            return "global" if any(name in one.names for one in declared) else None
    return None


def _escape(names: set[str], function: FunctionDef) -> str:
    """Say where an engine goes that a local variable holds, also inside of something else."""
    names, nodes = set(names), list(own_nodes(function))
    assigns = [node for node in nodes if isinstance(node, ast.Assign)]
    for assign in sorted(assigns, key=lambda one: one.lineno):
        if _mentions(assign.value, names):
            kept = (_kept_in(target, function) for target in assign.targets)
            found = next((one for one in kept if one is not None), None)
            if found is not None:
                return found
            names |= {one.id for one in assign.targets if isinstance(one, ast.Name)}
    given = [n for n in nodes if isinstance(n, ast.Return | ast.Yield) and n.value is not None]
    leaving = next((n for n in given if n.value and _mentions(n.value, names)), None)
    if leaving is None:
        return "local"
    return "returned" if isinstance(leaving, ast.Return) else "yielded"


def _disposes(function: FunctionDef) -> bool:
    """Say whether *function* calls ``dispose()`` of something."""
    calls = (node.func for node in own_nodes(function) if isinstance(node, ast.Call))
    return any(isinstance(func, ast.Attribute) and func.attr == "dispose" for func in calls)


def _mentions(value: ast.AST, names: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(value))


def _in_object(module: Module, call: ast.Call, function: FunctionDef, depth: int) -> Place:
    around = next((n for n in module.ancestors(call) if isinstance(n, ast.ClassDef)), None)
    if around is None:
        return _per_call(f"`{function.name}`")
    made = list(calls_of(Origin(module, around), f"{module.name}.{around.name}"))
    places = [place_of(one.module, one.node, depth + 1) for one in made]  # type: ignore[arg-type]
    if not places or any(one.refusal for one in places):
        return _refused(
            "engine-per-object",
            f"every `{around.name}` has an engine, and how many there are is not known",
        )
    return Place(sum(one.engines for one in places), f"by the one `{around.name}`")


def _by_callers(module: Module, function: FunctionDef, depth: int) -> Place:
    name = f"{module.name}.{function.name}"
    made = list(calls_of(Origin(module, function), name))
    places = [place_of(one.module, one.node, depth + 1) for one in made]  # type: ignore[arg-type]
    if not places or any(one.refusal for one in places):
        return _per_call(f"`{function.name}`")
    return Place(sum(one.engines for one in places), f"by `{function.name}`, called at import")


def _by_starters(module: Module, function: FunctionDef) -> Place:
    """Judge a function that hangs an engine on its argument, by where it is called."""
    made = list(calls_of(Origin(module, function), f"{module.name}.{function.name}"))
    around = [(one.module, one.module.function(one.node)) for one in made]
    once = all(
        inside is None or (isinstance(inside, FunctionDef) and _is_startup(where, inside))
        for where, inside in around
    )
    if not made or not once or any(_repeated(one.module, one.node) for one in made):
        return _per_call(f"`{function.name}`")
    return Place(len(made), f"when `{function.name}` runs at the start")


def calls_of(definition: Origin, name: str) -> Iterator[Origin]:
    """Yield every call of a function or class of the project, outside of tests and scripts."""
    needle = name.rpartition(".")[2].encode()
    for module in definition.module.project.modules_with(needle, tests=True):
        if aside(module) is not None:
            continue
        for call in module.calls:
            if module.qualified_name(call.func) == name or _is_singleton_of(module, call, name):
                yield Origin(module, call)


def _is_singleton_of(module: Module, call: ast.Call, name: str) -> bool:
    if module.qualified_name(call.func) not in SINGLETONS or not call.args:
        return False
    return module.qualified_name(call.args[0]) == name
