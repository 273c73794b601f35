"""Finds the applications of a project, and the one that is started when one of them is used."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import argument
from hephaestus_codemods.kit.support import PACKAGE
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.layout import is_test
from hephaestus_codemods.project.source import UnreadableSource
from hephaestus_codemods.project.web import apps as web
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.web.apps import App

#: Classes of applications that start and stop parts with a lifespan.
FASTAPI: Final = frozenset({kinds.FASTAPI})
WITH_LIFESPAN: Final = frozenset({kinds.FASTAPI, kinds.APPLICATION})
MOUNT: Final = frozenset({"starlette.routing.Mount", "fastapi.routing.Mount"})


def modules_with(project: Project, *needles: bytes) -> Iterator[Module]:
    """Yield the modules whose text holds one of *needles*; tests and support files aside."""
    for path in sorted(project.layout.files):
        ours = f"{PACKAGE}/" in path
        raw = b"" if ours or is_test(path) else project.read(path) or b""
        if not any(needle in raw for needle in needles):
            continue
        try:
            yield project.module_at(path)
        except UnreadableSource:
            continue


def apps(project: Project) -> tuple[App, ...]:
    """Return all applications of the project that have a lifespan, tests aside."""
    return tuple(app for app in web.apps(project) if app.framework in WITH_LIFESPAN)


def is_app(module: Module, node: ast.expr, app: App) -> bool:
    """Say whether *node* surely is *app*, or a fresh one from the factory that makes it."""
    if isinstance(node, ast.Call):
        factory = app.module.function(app.call)
        name = getattr(factory, "name", None)
        return name is not None and module.qualified_name(node.func) == f"{app.module.name}.{name}"
    if module is app.module and app.target is not None:
        if isinstance(node, ast.Name) and isinstance(app.target, ast.Name):
            found = module.scopes.lookup(node.id, node)
            statement = module.statement(app.call)
            return found is not None and any(one.node is statement for one in found[1])
        if isinstance(node, ast.Attribute) and ast.unparse(node) == ast.unparse(app.target):
            return True
    return app.qualified is not None and module.qualified_name(node) == app.qualified


def root_of(project: Project, app: App) -> App | Refusal:
    """Return the application that is started: mounted ones get no events."""
    known, seen = apps(project), [app]
    while True:
        hosts = [host for host in _hosts(project, seen[-1], known) if host is not seen[-1]]
        if not hosts:
            return seen[-1]
        if len(hosts) > 1 or hosts[0] is None or any(hosts[0].call is one.call for one in seen):
            where = f"{app.module.path}:{app.call.lineno}"
            message = f"the application of {where} is mounted where its root is not known"
            return Refusal("app-mounted", message)
        seen.append(hosts[0])


def _hosts(project: Project, app: App, known: tuple[App, ...]) -> list[App | None]:
    """Return the applications that *app* is mounted on; None stands for an unknown one."""
    hosts: list[App | None] = []
    for module in modules_with(project, b"mount(", b"Mount("):
        for call in module.calls:
            mounted = _mounted(module, call)
            if mounted is not None and is_app(module, mounted, app):
                hosts.append(_host(module, call, known))
    return hosts


def _mounted(module: Module, call: ast.Call) -> ast.expr | None:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "mount":
        return argument(call, 1, "app")
    return argument(call, 1, "app") if module.qualified_name(call.func) in MOUNT else None


def _host(module: Module, call: ast.Call, known: tuple[App, ...]) -> App | None:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "mount":
        receiver = call.func.value
        return next((one for one in known if is_app(module, receiver, one)), None)
    around = [*module.ancestors(call)]
    return next((one for one in known if one.call in around), None)
