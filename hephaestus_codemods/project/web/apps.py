"""The applications and routers of a project: the calls that make them, and what they are."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.classes import classes_in
from hephaestus_codemods.project.infer import lineage, value
from hephaestus_codemods.project.values import Class, Instance, Library

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

STARLETTE_ROUTER: Final = "starlette.routing.Router"
FLASK: Final = "flask.Flask"
BLUEPRINT: Final = "flask.Blueprint"
APPS: Final = (kinds.FASTAPI, kinds.APPLICATION, FLASK)
ROUTERS: Final = (kinds.ROUTER, STARLETTE_ROUTER, BLUEPRINT)
NEEDLES: Final = (b"FastAPI", b"Starlette", b"Flask", b"Cadwyn")


@dataclass(frozen=True, slots=True, eq=False)
class App:
    """The call in *module* that makes an application.

    *framework* is the class of the framework; *custom* is the project's own class, if it is one.
    *target* is what the application is assigned to.
    """

    module: Module
    call: ast.Call
    framework: str
    custom: ast.ClassDef | None
    target: ast.expr | None

    @property
    def text(self) -> str | None:
        """How the application is called where it is made."""
        return self.module.source.segment(self.target) if self.target is not None else None

    @property
    def qualified(self) -> str | None:
        """The dotted name of a module-level application."""
        if self.module.function(self.call) is None and isinstance(self.target, ast.Name):
            return f"{self.module.name}.{self.target.id}"
        return None

    @property
    def factory(self) -> str | None:
        """The dotted name of the function that makes the application, when one does."""
        around = self.module.function(self.call)
        if around is None or isinstance(around, ast.Lambda):
            return None
        return f"{self.module.name}.{self.module.qualified_path(around)}"


def apps(project: Project) -> tuple[App, ...]:
    """Return all applications that the project makes, tests aside."""
    needles = (*NEEDLES, *own_names(project))
    return tuple(
        app
        for module in project.modules_with(*needles)
        for call in module.calls
        if (app := app_of(module, call)) is not None
    )


def own_names(project: Project) -> tuple[bytes, ...]:
    """Return the names of the project's own classes of applications."""
    words = project.bases.paths
    paths = {path for needle in NEEDLES for path in words.get(needle, ())}
    modules = [one for path in sorted(paths) if (one := project.readable(path)) is not None]
    return tuple(
        node.name.encode()
        for module in modules
        for node in classes_in(module)
        if framework(Class(module, node), APPS) is not None
    )


def app_of(module: Module, call: ast.Call) -> App | None:
    """Return the application that *call* makes, or None when it makes none."""
    made = value(module, call.func)
    if not isinstance(made, Library | Class):
        return None
    name = framework(made, APPS)
    if name is None:
        return None
    custom = made.node if isinstance(made, Class) else None
    return App(module, call, name, custom, target_of(module, call))


def framework(made: Library | Class, wanted: tuple[str, ...]) -> str | None:
    """Return which of the classes *wanted* the class *made* is or derives from."""
    libraries = (
        [made]
        if isinstance(made, Library)
        else [b for b in lineage(made) if isinstance(b, Library)]
    )
    for one in libraries:
        found = next((name for name in kinds.lineage(one.name) if name in wanted), None)
        if found is not None:
            return found
    return None


def web_kind(module: Module, node: ast.expr) -> str | None:
    """Return which class of applications or routers the object *node* is, or None."""
    found = value(module, node)
    return framework(found.of, (*APPS, *ROUTERS)) if isinstance(found, Instance) else None


def target_of(module: Module, call: ast.Call) -> ast.expr | None:
    """Return what the object that *call* makes is assigned to."""
    parent = module.parents.get(call)
    if isinstance(parent, ast.Assign) and parent.value is call and len(parent.targets) == 1:
        target = parent.targets[0]
    elif isinstance(parent, ast.AnnAssign | ast.NamedExpr) and parent.value is call:
        target = parent.target
    else:
        return None
    return target if isinstance(target, ast.Name | ast.Attribute) else None
