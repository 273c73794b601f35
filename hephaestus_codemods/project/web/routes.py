"""The routes of an application: what answers which requests, with prefixes and dependencies."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.callgraph import label, plain
from hephaestus_codemods.project.infer import keyword, name_of, value
from hephaestus_codemods.project.origins import (
    Origin,
    Place,
    Round,
    elements,
    is_conditional,
    origins,
    rounds,
    text_of,
)
from hephaestus_codemods.project.values import Class, Function, Instance, Library
from hephaestus_codemods.project.web import depends
from hephaestus_codemods.project.web.apps import (
    APPS,
    BLUEPRINT,
    ROUTERS,
    framework,
    web_kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.web.depends import Dependency

METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
WEBSOCKETS: Final = frozenset(
    "websocket websocket_route add_api_websocket_route add_websocket_route".split()
)
DECORATING: Final = frozenset({*METHODS, "api_route", "route", "websocket", "websocket_route"})
ADDING: Final = frozenset(
    "add_api_route add_route add_api_websocket_route add_websocket_route add_url_rule".split()
)
INCLUDING: Final = frozenset(
    {"include_router", "register_blueprint", "mount", "generate_and_include_versioned_routers"}
)
ROUTE_CLASSES: Final = {
    "starlette.routing.Route": "http",
    "fastapi.routing.APIRoute": "http",
    "fastapi.routing.Route": "http",
    "starlette.routing.WebSocketRoute": "websocket",
    "fastapi.routing.APIWebSocketRoute": "websocket",
    "fastapi.routing.WebSocketRoute": "websocket",
}
MOUNTS: Final = frozenset({"starlette.routing.Mount", "fastapi.routing.Mount"})
MENTIONED: Final = re.compile(
    rb"@[\w.]+\.(?:"
    + "|".join(sorted(DECORATING)).encode()
    + rb")\(|\.(?:"
    + "|".join(sorted({*ADDING, *INCLUDING})).encode()
    + rb")\(|\broutes\s*=|\)\((?:\w|\.)+\)|Router\(|FastAPI\(|Starlette\("
)
#: A part of a path that is not known.
UNKNOWN: Final = "{?}"


@dataclass(frozen=True, slots=True)
class Route:
    """A function that answers requests (or messages of a WebSocket) to a path.

    *function* is None when it is not a function of the project. *dependencies* run before it, in
    that order. *conditional* says that an ``if`` decides whether the route is there.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: str
    function: Function | None
    place: str
    kind: str = "http"
    response_model: str | None = None
    status_code: int | None = None
    dependencies: tuple[Dependency, ...] = ()
    conditional: bool = False

    @property
    def is_async(self) -> bool:
        """Whether the handler runs on the event loop."""
        return self.function is not None and isinstance(self.function.node, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Declared:
    """A place that tells a router or an application about a handler or another router.

    *owner* is the expression for the router; None in lists that are given to a constructor.
    """

    module: Module
    call: ast.Call
    verb: str
    owner: ast.expr | None
    endpoint: Place | ast.AST | None = None


@dataclass(frozen=True)
class Table:
    """All places of a project that declare routes, by the call that made their router."""

    by_owner: dict[Origin, list[Declared]] = field(default_factory=dict)
    unattached: list[Declared] = field(default_factory=list)


def table_of(project: Project) -> Table:
    """Find the places that declare routes or include routers, tests aside."""
    table = Table()
    for path, raw in project.sources():
        module = project.readable(path) if MENTIONED.search(raw) else None
        for one in _declared(module) if module is not None else ():
            assert one.owner is not None
            made = origins(one.module, one.owner)
            known = [origin for origin in made if is_router(origin)]
            for origin in known:
                table.by_owner.setdefault(origin, []).append(one)
            if not known:
                table.unattached.append(one)
    return table


def is_router(origin: Origin) -> bool:
    """Say whether what *origin* made is an application or a router."""
    made = value(origin.module, origin.call.func)
    is_class = isinstance(made, Library | Class)
    return is_class and framework(made, (*APPS, *ROUTERS)) is not None  # type: ignore[arg-type]


def _declared(module: Module) -> Iterator[Declared]:
    for call in module.calls:
        func = call.func
        if not isinstance(func, ast.Attribute):
            continue
        verb = func.attr
        if verb in DECORATING:
            endpoint = _decorated(module, call)
            if endpoint is not None and _takes_routes(module, func.value):
                yield Declared(module, call, verb, func.value, endpoint)
        elif verb in ADDING:
            if _takes_routes(module, func.value):
                given = _argument(call, 1, "endpoint") or keyword(call, "view_func")
                place = Place(module, given) if given is not None else None
                yield Declared(module, call, verb, func.value, place)
        elif verb in INCLUDING and _takes_routes(module, func.value):
            yield Declared(module, call, verb, func.value)


def _takes_routes(module: Module, node: ast.expr) -> bool:
    """Say whether *node* is an application or a router, by its kind or by where it was made."""
    if web_kind(module, node) is not None:
        return True
    unknown = isinstance(node, ast.Name) and value(module, node) is None
    return unknown and any(is_router(one) for one in origins(module, node))


def _decorated(module: Module, call: ast.Call) -> Place | ast.AST | None:
    """Return what the call decorates, or is called with: ``router.get("/")(handler)``."""
    parent = module.parents.get(call)
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return parent if call in parent.decorator_list else None
    if isinstance(parent, ast.Call) and parent.func is call and parent.args:
        return Place(module, parent.args[0])
    return None


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    before = call.args[: position + 1]
    if len(before) > position and not any(isinstance(one, ast.Starred) for one in before):
        return call.args[position]
    return keyword(call, name)


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for a router where it is included."""

    prefix: str = ""
    dependencies: tuple[Dependency, ...] = ()
    conditional: bool = False
    own_prefix: bool = True


def routes_of(project: Project, origin: Origin) -> tuple[Route, ...]:
    """Return the routes of the application or router that *origin* made."""
    return tuple(_of_owner(project, origin, Context(), frozenset()))


def included_in(project: Project, origin: Origin) -> tuple[Origin, ...]:
    """Return *origin* and the routers that it includes, directly or through others."""
    found: dict[Origin, None] = {}
    todo = [origin]
    while todo:
        one = todo.pop(0)
        if one in found:
            continue
        found[one] = None
        for declared in project.route_table.by_owner.get(one, ()):
            if declared.verb != "mount" and declared.verb in INCLUDING:
                todo += _children(declared, _child(declared))
    return tuple(found)


def mounted(project: Project) -> frozenset[Origin]:
    """Return the applications that are mounted on another one."""
    return frozenset(
        inner
        for several in project.route_table.by_owner.values()
        for declared in several
        if declared.verb == "mount"
        for inner in _children(declared, _argument(declared.call, 1, "app"))
    )


def _children(declared: Declared, given: ast.expr | None) -> list[Origin]:
    made = origins(declared.module, given) if given is not None else ()
    return [inner for inner in made if is_router(inner)]


def _child(declared: Declared) -> ast.expr | None:
    return _argument(declared.call, 0, "router") or keyword(declared.call, "blueprint")


def unattached(project: Project) -> tuple[Route, ...]:
    """Return the routes whose router or application cannot be followed to where it is made."""
    found = (_of_declared(one, Context()) for one in project.route_table.unattached)
    return tuple(route for routes in found for route in routes)


def _of_owner(
    project: Project, origin: Origin, context: Context, seen: frozenset[Origin]
) -> Iterator[Route]:
    if origin in seen:
        return
    seen |= {origin}
    inside = _inside(origin, context)
    yield from _of_list(project, origin, inside, seen)
    for one in project.route_table.by_owner.get(origin, ()):
        conditional = inside.conditional or is_conditional(one.module, one.call)
        here = replace(inside, conditional=conditional)
        if one.verb in INCLUDING:
            yield from _included(project, one, here, seen)
        else:
            yield from _of_declared(one, here)


def _inside(origin: Origin, context: Context) -> Context:
    """Add what the router itself says: its prefix and its dependencies."""
    module, call = origin.module, origin.call
    made = value(module, call.func)
    kind = framework(made, (*APPS, *ROUTERS)) if isinstance(made, Library | Class) else None
    name = "url_prefix" if kind == BLUEPRINT else "prefix"
    given = keyword(call, name)
    if given is None and isinstance(made, Class):
        module, given = _in_constructor(made, name) or (module, None)
    prefix = ""
    if kind in (kinds.ROUTER, BLUEPRINT) and context.own_prefix and given is not None:
        prefix = _text(module, given)
    dependencies = depends.listed(origin.module, keyword(call, "dependencies"))
    return replace(
        context,
        prefix=context.prefix + prefix,
        dependencies=(*context.dependencies, *dependencies),
        own_prefix=True,
    )


def _in_constructor(cls: Class, name: str) -> tuple[Module, ast.expr] | None:
    """Return what the constructor of a project's own router gives to ``super().__init__``."""
    for node in ast.walk(cls.node):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Call(), attr="__init__")):
                given = keyword(node, name)
                if given is not None:
                    return cls.module, given
    return None


def _text(module: Module, node: ast.expr, round_: Round | None = None) -> str:
    """Return the text of *node*, with a mark for each part that is not known."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(module, left, round_) + _text(module, right, round_)
        case ast.JoinedStr(values=parts):
            return "".join(_text(module, part, round_) for part in parts)
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            return _text(module, inner, round_)
    found = text_of(module, node, round_)
    return UNKNOWN if found is None else found


def _of_list(
    project: Project, origin: Origin, context: Context, seen: frozenset[Origin]
) -> Iterator[Route]:
    """Yield the routes that are given to the constructor: ``Starlette(routes=[Route(...)])``."""
    for place in elements(origin.module, keyword(origin.call, "routes")):
        yield from _of_item(project, place, context, seen)


def _of_item(
    project: Project, place: Place, context: Context, seen: frozenset[Origin]
) -> Iterator[Route]:
    module, call = place.module, place.node
    if not isinstance(call, ast.Call):
        return
    name = name_of(module, call.func)
    if name in ROUTE_CLASSES:
        given = _argument(call, 1, "endpoint")
        verb = "add_websocket_route" if ROUTE_CLASSES[name] == "websocket" else "add_route"
        endpoint = Place(module, given) if given is not None else None
        yield from _of_declared(Declared(module, call, verb, None, endpoint), context)
    elif name in MOUNTS:
        inner = replace(context, prefix=context.prefix + _path(module, call))
        for one in elements(module, keyword(call, "routes")):
            yield from _of_item(project, one, inner, seen)
        given = _argument(call, 1, "app")
        for origin in origins(module, given) if given is not None else ():
            if is_router(origin):
                yield from _of_owner(project, origin, _mounted(inner), seen)


def _mounted(context: Context) -> Context:
    """What is mounted knows nothing of the dependencies around it."""
    return replace(context, dependencies=())


def _path(module: Module, call: ast.Call, round_: Round | None = None) -> str:
    given = _argument(call, 0, "path") or keyword(call, "rule")
    return _text(module, given, round_) if given is not None else ""


def _included(
    project: Project, one: Declared, context: Context, seen: frozenset[Origin]
) -> Iterator[Route]:
    module, call = one.module, one.call
    for round_ in rounds(module, call):
        inner, given = _context_of(one, context, round_)
        for origin in origins(module, given, round_) if given is not None else ():
            if is_router(origin):
                yield from _of_owner(project, origin, inner, seen)


def _context_of(one: Declared, context: Context, round_: Round) -> tuple[Context, ast.expr | None]:
    """Return what holds for the included router, and the expression that names it."""
    module, call = one.module, one.call
    if one.verb == "mount":
        prefix = context.prefix + _path(module, call, round_).rstrip("/")
        return _mounted(replace(context, prefix=prefix)), _argument(call, 1, "app")
    is_blueprint = one.verb == "register_blueprint"
    given = keyword(call, "url_prefix" if is_blueprint else "prefix")
    prefix = _text(module, given, round_) if given is not None else ""
    added = depends.listed(module, keyword(call, "dependencies"))
    inner = replace(
        context,
        prefix=context.prefix + prefix,
        dependencies=(*context.dependencies, *added),
        # A blueprint's own prefix gives way to the one that it is registered with.
        own_prefix=not is_blueprint or given is None,
    )
    return inner, _child(one)


def _of_declared(one: Declared, context: Context) -> Iterator[Route]:
    module, call = one.module, one.call
    path = context.prefix + _path(module, call)
    functions = list(_functions(one))
    kind = "websocket" if one.verb in WEBSOCKETS else "http"
    for name, function, only in functions:
        own = depends.of_function(function) if function is not None else ()
        yield Route(
            path,
            () if kind == "websocket" else only or _methods(one),
            name,
            function,
            f"{module.path}:{call.lineno}",
            kind,
            _response_model(module, call, function),
            _status(module, call),
            (
                *context.dependencies,
                *depends.listed(module, keyword(call, "dependencies")),
                *own,
            ),
            context.conditional,
        )


def _functions(one: Declared) -> Iterator[tuple[str, Function | None, tuple[str, ...]]]:
    """Yield the name and function of each handler, with its methods when its name says them."""
    module, endpoint = one.module, one.endpoint
    match endpoint:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            function = Function(module, endpoint)
            yield f"{module.name}.{label(function)}", function, ()
        case ast.ClassDef():
            yield from _of_endpoint_class(Class(module, endpoint))
        case Place(module=source, node=node):
            found = value(source, node)
            if isinstance(found, Function):
                yield f"{found.module.name}.{label(found)}", plain(found), ()
            elif isinstance(found, Class):
                yield from _of_endpoint_class(found)
            elif isinstance(found, Instance) and isinstance(found.of, Class):
                yield f"{found.of.name}.__call__", None, ()
            else:
                text = " ".join(ast.unparse(node).split())
                yield name_of(source, node) or text, None, ()
        case _:
            yield "?", None, ()


def _of_endpoint_class(
    cls: Class,
) -> Iterator[tuple[str, Function | None, tuple[str, ...]]]:
    """Understand ``class Users(HTTPEndpoint): async def get(self, request)``."""
    for node in cls.node.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name in METHODS:
                yield f"{cls.name}.{node.name}", Function(cls.module, node), (node.name.upper(),)
            elif node.name == "on_receive":
                yield f"{cls.name}.{node.name}", Function(cls.module, node), ()


def _methods(one: Declared) -> tuple[str, ...]:
    if one.verb in METHODS:
        return (one.verb.upper(),)
    given = keyword(one.call, "methods")
    if given is None and one.verb == "add_route" and len(one.call.args) > 2:
        given = one.call.args[2]
    found = (text_of(place.module, place.node) for place in elements(one.module, given))
    names = tuple(sorted({name.upper() for name in found if name is not None}))
    return names or (("GET",) if given is None else (UNKNOWN,))


def _response_model(module: Module, call: ast.Call, function: Function | None) -> str | None:
    given = keyword(call, "response_model")
    if given is None and function is not None and not isinstance(function.node, ast.Lambda):
        given = function.node.returns
    return " ".join(ast.unparse(given).split()) if given is not None else None


def _status(module: Module, call: ast.Call) -> int | None:
    given = keyword(call, "status_code")
    if isinstance(given, ast.Constant) and isinstance(given.value, int):
        return given.value
    name = name_of(module, given) if given is not None else None
    found = re.search(r"HTTP_(\d{3})_", name or "")
    return int(found.group(1)) if found else None


def handlers(routes: Iterable[Route]) -> tuple[Function, ...]:
    """Return the functions of the project that answer *routes*, each once."""
    return tuple(dict.fromkeys(one.function for one in routes if one.function is not None))
