"""The web side of a project: applications with their routes, life, middleware and handlers."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.callgraph import label, made_function, plain
from hephaestus_codemods.project.infer import keyword, name_of, value
from hephaestus_codemods.project.origins import Origin, elements, origins, text_of
from hephaestus_codemods.project.values import Class, Function, Library
from hephaestus_codemods.project.web import routes
from hephaestus_codemods.project.web.apps import App, apps, web_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.web.routes import Route

NEEDLES: Final = (
    b"on_event(",
    b"add_event_handler(",
    b".middleware(",
    b"add_middleware(",
    b"exception_handler(",
    b"errorhandler(",
)
#: What a call on an application registers, by the name of the method.
REGISTERING: Final = {
    "on_event": "event",
    "add_event_handler": "event",
    "middleware": "middleware",
    "add_middleware": "middleware",
    "exception_handler": "exception-handler",
    "add_exception_handler": "exception-handler",
    "errorhandler": "exception-handler",
}
#: What constructors of applications and routers are given, by the name of the argument.
GIVEN: Final = {"lifespan": "lifespan", "on_startup": "event", "on_shutdown": "event"}


@dataclass(frozen=True, slots=True)
class Part:
    """Something that belongs to an application besides its routes.

    *kind* is ``lifespan``, ``event``, ``middleware`` or ``exception-handler``; *about* is the
    event or the exception.
    """

    kind: str
    name: str
    function: Function | None
    place: str
    about: str | None = None


@dataclass(frozen=True)
class Application:
    """An application, its routes and its other parts, in the order of the source.

    One that *is_mounted* on another gets no events, and its paths begin elsewhere.
    """

    app: App
    routes: tuple[Route, ...]
    parts: tuple[Part, ...]
    is_mounted: bool = False

    def of(self, kind: str) -> tuple[Part, ...]:
        """Return the parts of one kind."""
        return tuple(one for one in self.parts if one.kind == kind)


class Web:
    """The applications of a project, worked out when they are asked for."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def apps(self) -> tuple[App, ...]:
        """The calls that make applications."""
        return apps(self.project)

    @cached_property
    def applications(self) -> tuple[Application, ...]:
        """The applications with all that belongs to them."""
        found = []
        inner = routes.mounted(self.project)
        for app in self.apps:
            origin = Origin(app.module, app.call)
            its_routes = routes.routes_of(self.project, origin)
            parts = tuple(self._parts(origin))
            found.append(Application(app, its_routes, parts, origin in inner))
        return tuple(found)

    def _parts(self, origin: Origin) -> Iterator[Part]:
        for one in routes.included_in(self.project, origin):
            yield from _given(one)
            for owner, part in self._registered:
                if one in owner:
                    yield part

    @cached_property
    def _registered(self) -> tuple[tuple[frozenset[Origin], Part], ...]:
        """What calls on applications and routers register, and on which of them."""
        return tuple(
            (frozenset(origins(module, call.func.value)), part)
            for module in self.project.modules_with(*NEEDLES)
            for call in module.calls
            if isinstance(call.func, ast.Attribute) and call.func.attr in REGISTERING
            if web_kind(module, call.func.value) is not None
            if (part := _registration(module, call)) is not None
        )

    @cached_property
    def loose(self) -> tuple[Route, ...]:
        """The routes that no known application has: of routers nobody includes, or unknown ones."""
        table = self.project.route_table
        reached = {
            inner
            for app in self.apps
            for inner in routes.included_in(self.project, Origin(app.module, app.call))
        }
        included = {
            inner
            for owner in table.by_owner
            for inner in routes.included_in(self.project, owner)
            if inner != owner
        }
        lonely = [one for one in table.by_owner if one not in reached and one not in included]
        found = [route for one in lonely for route in routes.routes_of(self.project, one)]
        return (*found, *routes.unattached(self.project))


def _given(origin: Origin) -> Iterator[Part]:
    module, call = origin.module, origin.call
    for name, kind in GIVEN.items():
        given = keyword(call, name)
        if given is None:
            continue
        items = [given] if name == "lifespan" else [one.node for one in elements(module, given)]
        about = name.removeprefix("on_") if name != "lifespan" else None
        for one in items:
            yield _part(module, kind, one, call, about)
    for place in elements(module, keyword(call, "middleware")):
        if isinstance(place.node, ast.Call) and place.node.args:
            yield _part(place.module, "middleware", place.node.args[0], place.node)
    handlers = keyword(call, "exception_handlers")
    if isinstance(handlers, ast.Dict):
        for key, handler in zip(handlers.keys, handlers.values, strict=True):
            about = name_of(module, key) if key is not None else None
            yield _part(module, "exception-handler", handler, handler, about)


def _registration(module: Module, call: ast.Call) -> Part | None:
    assert isinstance(call.func, ast.Attribute)
    verb = call.func.attr
    kind = REGISTERING[verb]
    parent = module.parents.get(call)
    is_decorator = isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef)
    first = call.args[0] if call.args else None
    about = _about(module, first) if first is not None and verb != "add_middleware" else None
    if is_decorator and not verb.startswith("add_"):
        assert isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef)
        function = Function(module, parent)
        name = f"{module.name}.{label(function)}"
        return Part(kind, name, function, f"{module.path}:{call.lineno}", about)
    if verb == "add_middleware" and first is not None:
        return _part(module, kind, first, call)
    handler = call.args[1] if len(call.args) > 1 else keyword(call, "handler")
    handler = handler or keyword(call, "func")
    return _part(module, kind, handler, call, about) if handler is not None else None


def _about(module: Module, node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return name_of(module, node) or text_of(module, node)


def _part(
    module: Module, kind: str, node: ast.expr, at: ast.expr, about: str | None = None
) -> Part:
    found = made_function(module, node) or value(module, node)
    place = f"{module.path}:{at.lineno}"
    if isinstance(found, Function):
        return Part(kind, f"{found.module.name}.{label(found)}", plain(found), place, about)
    if isinstance(found, Class | Library):
        return Part(kind, found.name, None, place, about)
    name = name_of(module, node) or " ".join(ast.unparse(node).split())
    return Part(kind, name, None, place, about)
