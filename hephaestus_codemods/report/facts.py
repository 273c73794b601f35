"""What is known about a project, as data: the body of ``hcodemod facts --json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from hephaestus_codemods import __version__
from hephaestus_codemods.project.callgraph import functions_in, label
from hephaestus_codemods.project.inventory import clients_of, models_of, settings_of, tasks_of
from hephaestus_codemods.project.layout import is_test
from hephaestus_codemods.project.source import UnreadableSource
from hephaestus_codemods.project.web.depends import in_order
from hephaestus_codemods.report.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hephaestus_codemods.project.deployment import Fact
    from hephaestus_codemods.project.inventory import Settings
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.values import Function
    from hephaestus_codemods.project.web.application import Application
    from hephaestus_codemods.project.web.routes import Route

SCHEMA: Final = "hephaestus.facts/1"
#: Libraries whose versions decide what may be rewritten, and how.
LIBRARIES: Final = (
    "aiohttp",
    "asyncpg",
    "celery",
    "django",
    "fastapi",
    "flask",
    "flask-sqlalchemy",
    "gunicorn",
    "httpx",
    "httpx2",
    "jinja2",
    "pandas",
    "psycopg",
    "psycopg2",
    "psycopg2-binary",
    "pydantic",
    "redis",
    "requests",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
    "taskiq",
    "transformers",
    "uvicorn",
)

Body = dict[str, Any]


def body(project: Project, root: str, shows: Callable[[str], bool], *, effects: bool) -> Body:
    """Return everything that is known about files for which *shows* holds."""

    def chosen(entries: Iterable[Body]) -> list[Body]:
        return [one for one in entries if shows(one["place"].rpartition(":")[0])]

    return {
        "schema": SCHEMA,
        "tool_version": __version__,
        "root": root,
        "python": _text(project.target.python_floor()),
        "libraries": list(_libraries(project)),
        "process": _process(project),
        "applications": chosen(_application(one) for one in project.web.applications),
        "loose_routes": chosen(_route(one) for one in project.web.loose),
        "models": chosen(_models(project)),
        "clients": chosen(_clients(project)),
        "tasks": chosen(_tasks(project)),
        "settings": chosen(_settings(one) for one in settings_of(project)),
        "functions": chosen(_functions(project, shows)) if effects else None,
        "unreadable": list(_unreadable(project, shows)),
    }


def _text(value: object) -> str | None:
    return str(value) if value is not None else None


def _libraries(project: Project) -> Iterator[Body]:
    target = project.target
    for name in LIBRARIES:
        if target.has(name):
            floor, locked = target.version_floor(name), target.locked(name)
            yield {"name": name, "floor": _text(floor), "locked": _text(locked)}


def _process(project: Project) -> Body:
    deployment = project.deployment
    return {
        "processes": _fact(deployment.processes) if deployment.processes else None,
        "web_workers": [_fact(one) for one in deployment.web_workers],
        "replicas": [_fact(one) for one in deployment.replicas],
        "preload_app": [_fact(one) for one in deployment.preload_app],
        "poolers": [_fact(one) for one in deployment.poolers],
        "serverless": [_fact(one) for one in deployment.serverless],
        "images": [
            {"value": f"{one.value.name} {one.value.version}", "place": one.where}
            for one in deployment.images
        ],
    }


def _fact(fact: Fact[Any]) -> Body:
    return {"value": fact.value, "place": fact.where}


def _application(one: Application) -> Body:
    app = one.app
    return {
        "name": app.qualified or app.text,
        "framework": app.framework,
        "factory": app.factory,
        "place": f"{app.module.path}:{app.call.lineno}",
        "is_mounted": one.is_mounted,
        "routes": [_route(route) for route in one.routes],
        "parts": [
            {"kind": part.kind, "name": part.name, "about": part.about, "place": part.place}
            for part in one.parts
        ],
    }


def _route(route: Route) -> Body:
    return {
        "path": route.path,
        "methods": list(route.methods),
        "kind": route.kind,
        "handler": route.endpoint,
        "place": route.place,
        "is_async": route.is_async,
        "response_model": route.response_model,
        "status_code": route.status_code,
        "dependencies": [
            {"name": one.name, "is_async": one.is_async, "is_generator": one.is_generator}
            for one in in_order(route.dependencies)
        ],
        "is_conditional": route.conditional,
    }


def _models(project: Project) -> Iterator[Body]:
    for cls, model in models_of(project):
        yield {
            "name": model.name,
            "place": f"{model.path}:{cls.node.lineno}",
            "table": model.table,
            "columns": [
                {
                    "attribute": column.attribute,
                    "name": column.name,
                    "type": column.type_name,
                    "primary_key": column.primary_key,
                    "unique": column.unique,
                    "nullable": column.nullable,
                    "foreign_key": column.foreign_key,
                    "index": column.index,
                }
                for column in model.columns
            ],
            "relationships": [
                {
                    "attribute": one.attribute,
                    "target": one.target,
                    "lazy": one.lazy,
                    "is_collection": one.is_collection,
                }
                for one in model.relationships
            ],
            "unique": [sorted(one) for one in model.unique],
            "is_complete": model.complete,
        }


def _clients(project: Project) -> Iterator[Body]:
    for client in clients_of(project):
        yield {
            "kind": client.kind,
            "maker": client.maker,
            "target": client.target,
            "function": client.around,
            "place": client.place,
        }


def _tasks(project: Project) -> Iterator[Body]:
    for task in tasks_of(project):
        yield {"name": task.name, "queue": task.queue, "place": task.place}


def _settings(settings: Settings) -> Body:
    return {
        "name": settings.name,
        "place": settings.place,
        "fields": [
            asdict(one) | {"default": _harmless(one.name, one.default)} for one in settings.fields
        ],
    }


def _harmless(name: str, default: str | None) -> str | None:
    """Return a default value; the name of a setting says that its value is a secret."""
    if default is None:
        return None
    shown = f"{name}={default}"
    return default if redact(shown) == shown else "***"


def _functions(project: Project, shows: Callable[[str], bool]) -> Iterator[Body]:
    for path in sorted(project.layout.files):
        module = project.readable(path) if shows(path) and not is_test(path) else None
        for function in functions_in(module) if module is not None else ():
            yield _function(project, function)


def _function(project: Project, function: Function) -> Body:
    summary = project.effects(function)
    name = label(function)
    return {
        "name": f"{function.module.name}.{name}",
        "place": f"{function.module.path}:{function.node.lineno}",
        "is_known": summary.is_known,
        "is_cut_short": summary.cut_short,
        "effects": [
            {"kind": str(one.kind), "what": one.what, "path": one.path(name)}
            for one in summary.effects
        ],
    }


def _unreadable(project: Project, shows: Callable[[str], bool]) -> Iterator[Body]:
    for path in sorted(project.layout.files):
        if shows(path) and project.was_asked(path):
            try:
                project.module_at(path)
            except UnreadableSource as error:
                yield {"path": path, "code": error.code, "message": str(error)}


def dumps(facts: Body) -> bytes:
    """Return the facts in the form of the published schema, keys in a fixed order."""
    text = json.dumps(_safe(facts, {}), indent=2, ensure_ascii=True, sort_keys=True)
    return (text + "\n").encode("ascii")


def _safe(value: Any, seen: dict[str, str]) -> Any:
    """Mask secrets in all texts; most texts occur often, *seen* remembers them."""
    match value:
        case str():
            if value not in seen:
                seen[value] = redact(value)
            return seen[value]
        case dict():
            return {key: _safe(one, seen) for key, one in value.items()}
        case list():
            return [_safe(one, seen) for one in value]
    return value


def schema() -> bytes:
    """Return the JSON Schema of the facts."""
    return (files("hephaestus_codemods.report") / "schema" / "facts-1.json").read_bytes()
