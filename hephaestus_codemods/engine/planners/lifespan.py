"""Lets a part start and stop with an application, beside whatever it starts already.

``FastAPI(lifespan=…)`` silences every ``on_event`` handler, so a lifespan is composed or the
style of the application is followed; nothing is added blindly.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.engine.planners.apps import (
    FASTAPI,
    apps,
    is_app,
    modules_with,
    root_of,
)
from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.kit.calls import add_keywords, has_unpacking, keyword
from hephaestus_codemods.kit.expressions import wrap
from hephaestus_codemods.kit.names import fresh_name, name_for
from hephaestus_codemods.kit.statements import define_after, define_before, insert_after
from hephaestus_codemods.kit.support import support_module
from hephaestus_codemods.rule import Change, Edit, Import, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.web.apps import App

EVENT_NEEDLES: Final = (b"on_event", b"add_event_handler", b"on_startup", b"on_shutdown")
Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class LifespanPart:
    """A lifespan to run with the application: *name* in *module*, which is a dotted name."""

    module: str
    name: str

    @property
    def qualified(self) -> str:
        """The dotted name of the lifespan."""
        return f"{self.module}.{self.name}"

    @property
    def stem(self) -> str:
        """A short name for functions that concern the part."""
        return self.module.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Event:
    """A place that registers a handler: *kind* is startup, shutdown, or unknown (``""``)."""

    module: Module
    node: ast.Call
    kind: str
    function: Definition | None


class _Missing(Exception):
    """A name that the new code needs cannot be had in the module."""


def plan_lifespan(project: Project, app: App, part: LifespanPart) -> Mapping[str, Change] | Refusal:
    """Return the changes, by path, after which *part* starts and stops with *app*.

    A mounted application gets no events: then the one that it is mounted on is changed. Nothing
    is changed when *part* runs already.
    """
    root = root_of(project, app)
    if isinstance(root, Refusal):
        return root
    refusal = _refusal(root)
    if refusal is not None:
        return refusal
    if _is_there(root, part):
        return {}
    try:
        return _planned(project, root, part)
    except _Missing as error:
        return Refusal("name-taken", f"{root.module.path}: {error} cannot be imported here")


def _planned(project: Project, app: App, part: LifespanPart) -> Mapping[str, Change] | Refusal:
    assigned = _assignments(project, app)
    if len(assigned) > 1:
        message = f"lifespan_context is assigned {len(assigned)} times: it is not known which runs"
        return Refusal("lifespan-unknown", message)
    if assigned:
        module, value = assigned[0]
        return {} if _is_handed(module, [value], part) else _composed(module, value, part)
    given = keyword(app.call, "lifespan")
    if given is not None and not _is_none(given):
        return _composed(app.module, given, part)
    events = _events(project, app)
    if not events:
        return _added(app, given, part)
    decorated = [one for one in events if one.function is not None and one.module is app.module]
    same_style = app.framework in FASTAPI and all(one.function is not None for one in events)
    if app.target is None:
        message = f"{_where(app)} uses on_event, but the application has no name to register with"
        return Refusal("app-unnamed", message)
    return _handlers(app, decorated, part) if same_style else _installed(app, part)


def _where(app: App) -> str:
    return f"{app.module.path}:{app.call.lineno}"


def _refusal(app: App) -> Refusal | None:
    if has_unpacking(app.call):
        message = f"{_where(app)}: ** or * may hold a lifespan; give lifespan= by name"
        return Refusal("app-arguments-hidden", message)
    if app.custom is not None and any(
        isinstance(one, Definition) and one.name in ("__init__", "__new__", "__call__")
        for one in app.custom.body
    ):
        message = f"{_where(app)}: class {app.custom.name} may set a lifespan of its own"
        return Refusal("app-class", message)
    return None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_there(app: App, part: LifespanPart) -> bool:
    """Say whether the module of *app* hands *part* to it already."""
    given = keyword(app.call, "lifespan")
    return _is_handed(app.module, [*app.module.calls, *([given] if given else [])], part)


def _is_handed(module: Module, values: list[ast.expr], part: LifespanPart) -> bool:
    """Say whether one of *values* is *part*, or a call that gets it."""
    given = [v for value in values for v in (value, *getattr(value, "args", ()))]
    return any(module.qualified_name(value) == part.qualified for value in given)


# --- Where events are handled ---


def _assignments(project: Project, app: App) -> list[tuple[Module, ast.expr]]:
    """Return what the project assigns to ``app.router.lifespan_context``."""
    return [
        (module, node.value)
        for module in modules_with(project, b"lifespan_context")
        for node in module.nodes
        if isinstance(node, ast.Assign)
        and any(_is_context(module, target, app) for target in node.targets)
    ]


def _is_context(module: Module, target: ast.expr, app: App) -> bool:
    match target:
        case ast.Attribute(
            attr="lifespan_context", value=ast.Attribute(attr="router", value=owner)
        ):
            return is_app(module, owner, app) or not _is_other(module, owner, app)
    return False


def _is_other(module: Module, node: ast.expr, app: App) -> bool:
    """Say whether *node* surely is another application than *app*."""
    others = (one for one in apps(module.project) if one.call is not app.call)
    return any(is_app(module, node, one) for one in others)


def _events(project: Project, app: App) -> list[Event]:
    """Return the registrations that may concern *app*, also those of routers it includes."""
    layout = project.layout
    root = layout.root(app.module.path)
    near = (m for m in modules_with(project, *EVENT_NEEDLES) if layout.root(m.path) == root)
    return [
        event
        for module in near
        for event in _events_in(module)
        if not _is_other(module, _receiver(event.node), app)
    ]


def _receiver(call: ast.Call) -> ast.expr:
    return call.func.value if isinstance(call.func, ast.Attribute) else call


def _events_in(module: Module) -> Iterator[Event]:
    for call in module.calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else None
        if name in ("on_event", "add_event_handler"):
            first = call.args[0] if call.args else keyword(call, "event_type")
            kind = first.value if isinstance(first, ast.Constant) else ""
            parent = module.parents.get(call)
            decorated = isinstance(parent, Definition) and name == "on_event"
            yield Event(module, call, str(kind), parent if decorated else None)  # type: ignore[arg-type]
        elif any(keyword(call, one) is not None for one in ("on_startup", "on_shutdown")):
            yield Event(module, call, "", None)


# --- The four ways ---


class _Names:
    """The names that new code uses in one module, and the imports they need."""

    def __init__(self, module: Module, at: ast.AST) -> None:
        self.module = module
        self.at = at
        self.imports: set[Import] = set()

    def of(self, qualified: str) -> str:
        """Return how *qualified* is written."""
        found = name_for(self.module, qualified, self.at)
        if found is None:
            raise _Missing(qualified)
        if found[1] is not None:
            self.imports.add(found[1])
        return found[0]

    def ours(self, name: str) -> str:
        """Return how a function of the support module ``lifespan`` is written."""
        return self.of(f"{support_module(self.module, 'lifespan')}.{name}")

    def change(self, edits: tuple[Edit, ...], *, support: bool = True) -> Mapping[str, Change]:
        """Return the change of this module."""
        needed = ("lifespan",) if support else ()
        return {self.module.path: Change(edits, tuple(sorted(self.imports)), support=needed)}


def _composed(module: Module, value: ast.expr, part: LifespanPart) -> Mapping[str, Change]:
    """Put *part* beside the lifespan *value*, which keeps the state that it yields."""
    names = _Names(module, value)
    mine = names.of(part.qualified)
    compose = f"{support_module(module, 'lifespan')}.compose"
    ours = isinstance(value, ast.Call) and module.qualified_name(value.func) == compose
    if isinstance(value, ast.Call) and value.args and ours:
        end = module.source.span(value.args[-1])[1]
        return names.change((Edit(end, end, f", {mine}"),))
    before = f"{names.of(compose)}("
    return names.change(wrap(module, value, before, f", {mine})"))


def _added(app: App, given: ast.expr | None, part: LifespanPart) -> Mapping[str, Change] | Refusal:
    """Nothing is started yet: *part* becomes the lifespan."""
    names = _Names(app.module, app.call)
    mine = names.of(part.qualified)
    if given is not None:
        return names.change((Edit(*app.module.source.span(given), mine),), support=False)
    edits = add_keywords(app.module, app.call, {"lifespan": mine})
    if edits is None:
        return Refusal("app-not-understood", f"{_where(app)}: the call cannot be edited")
    return names.change(edits, support=False)


def _installed(app: App, part: LifespanPart) -> Mapping[str, Change] | Refusal:
    """Handlers are registered in ways that cannot be joined: wrap them when the program runs."""
    names = _Names(app.module, app.call)
    text = f"{names.ours('install')}({app.text}, {names.of(part.qualified)})"
    edits = insert_after(app.module, app.module.statement(app.call), text)
    return names.change(edits) if edits is not None else _no_room(app)


def _no_room(app: App) -> Refusal:
    return Refusal("app-not-understood", f"{_where(app)}: no statement can be added there")


def _handlers(app: App, events: list[Event], part: LifespanPart) -> Mapping[str, Change] | Refusal:
    """Add two handlers: ours starts after all others of the block, and stops before them."""
    names = _Names(app.module, app.call)
    block = block_of(app.module, app.module.statement(app.call)) or []
    here = [one for one in events if one.function in block]
    starts = [one.function for one in here if one.kind == "startup"]
    stops = [one.function for one in here if one.kind == "shutdown"]
    start = _handler(app, names, part, "start")
    stop = _handler(app, names, part, "stop")
    last = starts[-1] if starts else app.module.statement(app.call)
    if not stops or stops[0] is None or last is None:
        edits = define_after(app.module, last, [start, stop]) if last is not None else None
        return names.change(edits) if edits is not None else _no_room(app)
    after = define_after(app.module, last, [start])
    before = define_before(app.module, stops[0], stop)
    if after is None or before is None:
        return _no_room(app)
    return names.change(_joined(after, before))


def _handler(app: App, names: _Names, part: LifespanPart, verb: str) -> str:
    event = {"start": "startup", "stop": "shutdown"}[verb]
    function = fresh_name(app.module, f"{verb}_{part.stem}", app.call)
    call = f"{names.ours(verb)}({app.text}, {names.of(part.qualified)})"
    return f'@{app.text}.on_event("{event}")\nasync def {function}() -> None:\n    await {call}'


def _joined(one: tuple[Edit, ...], other: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Merge two insertions at one point."""
    first, second = one[0], other[0]
    if first.start != second.start:
        return tuple(sorted((first, second)))
    return (Edit(first.start, first.end, first.text + second.text),)
