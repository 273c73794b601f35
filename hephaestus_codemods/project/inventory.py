"""What a project holds besides its routes: models, clients of other servers, tasks and settings."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.callgraph import label, made_by, resolve
from hephaestus_codemods.project.classes import classes_in, descendants
from hephaestus_codemods.project.infer import lineage, name_of, value
from hephaestus_codemods.project.origins import text_of
from hephaestus_codemods.project.values import Class, Function, Instance, Library
from hephaestus_codemods.project.web.apps import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

#: Calls that make something which talks to another server, by what it is good for.
CLIENTS: Final = {
    "sqlalchemy.create_engine": "engine",
    "sqlalchemy.engine_from_config": "engine",
    "sqlalchemy.ext.asyncio.create_async_engine": "engine",
    "sqlalchemy.ext.asyncio.async_engine_from_config": "engine",
    kinds.SESSIONMAKER: "session factory",
    kinds.ASYNC_SESSIONMAKER: "session factory",
    kinds.SCOPED_SESSION: "session factory",
    kinds.ASYNC_SCOPED_SESSION: "session factory",
    kinds.FLASK_SQLALCHEMY: "session factory",
    kinds.SESSION: "session",
    kinds.ASYNC_SESSION: "session",
    kinds.SQLMODEL_SESSION: "session",
    kinds.SQLMODEL_ASYNC_SESSION: "session",
    kinds.REDIS: "redis",
    kinds.ASYNC_REDIS: "redis",
    kinds.REDIS_CLUSTER: "redis",
    kinds.ASYNC_REDIS_CLUSTER: "redis",
    kinds.AIOREDIS: "redis",
    "redis.from_url": "redis",
    "redis.Redis.from_url": "redis",
    "redis.asyncio.from_url": "redis",
    "redis.asyncio.Redis.from_url": "redis",
    "aioredis.from_url": "redis",
    "aioredis.create_redis_pool": "redis",
    "redis.ConnectionPool": "redis pool",
    "redis.ConnectionPool.from_url": "redis pool",
    "redis.asyncio.ConnectionPool": "redis pool",
    "redis.asyncio.ConnectionPool.from_url": "redis pool",
    "requests.Session": "http",
    "requests.session": "http",
    "httpx.Client": "http",
    "httpx.AsyncClient": "http",
    "httpx2.Client": "http",
    "httpx2.AsyncClient": "http",
    "aiohttp.ClientSession": "http",
    "sqlite3.connect": "connection",
    "psycopg2.connect": "connection",
    "psycopg.connect": "connection",
    "psycopg.AsyncConnection.connect": "connection",
    "pymysql.connect": "connection",
    "MySQLdb.connect": "connection",
    "mysql.connector.connect": "connection",
    "aiosqlite.connect": "connection",
    "asyncpg.connect": "connection",
    "asyncpg.create_pool": "connection pool",
    "psycopg_pool.ConnectionPool": "connection pool",
    "psycopg_pool.AsyncConnectionPool": "connection pool",
    "psycopg2.pool.SimpleConnectionPool": "connection pool",
    "psycopg2.pool.ThreadedConnectionPool": "connection pool",
    kinds.CELERY: "task queue",
}
MAKING: Final = re.compile(
    rb"\b(?:" + b"|".join(sorted({name.rpartition(".")[2].encode() for name in CLIENTS})) + rb")\b"
)
TASK_NEEDLES: Final = re.compile(rb"@[\w.]*\b(?:task|shared_task|actor|periodic_task)\b")
TASK_LIBRARIES: Final = ("celery", "taskiq", "dramatiq", "huey", "rq", "procrastinate", "saq")
SETTINGS: Final = frozenset(
    {
        "pydantic_settings.BaseSettings",
        "pydantic.BaseSettings",
        "pydantic.env_settings.BaseSettings",
    }
)
MODEL_NEEDLES: Final = re.compile(
    rb"__tablename__|__table__|table[ \t]*=[ \t]*True|\bColumn\(|mapped_column\(|\.mapped\b"
    rb"|Mapped\["
)


@dataclass(frozen=True, slots=True)
class Client:
    """Something that is made to talk to a database, a cache or another server.

    *maker* is what makes it, *target* what it is assigned to; *around* is the function that does,
    None at the top of a module, so that there is one per process.
    """

    kind: str
    maker: str
    target: str | None
    around: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Task:
    """A function that a queue runs later, or that runs after a response: *queue* says by whom."""

    name: str
    queue: str
    function: Function | None
    place: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of a settings class: its *default* is None when there is none, or no literal."""

    name: str
    type: str | None
    default: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """A class whose fields come from the environment."""

    name: str
    place: str
    fields: tuple[Setting, ...]


def modules_matching(project: Project, pattern: re.Pattern[bytes]) -> Iterator[Module]:
    """Yield the modules whose bytes match *pattern*, tests aside."""
    for path, raw in project.sources():
        if pattern.search(raw):
            module = project.readable(path)
            if module is not None:
                yield module


def clients_of(project: Project) -> tuple[Client, ...]:
    """Return everything that is made to talk to another server."""
    return tuple(
        client
        for module in modules_matching(project, MAKING)
        for call in module.calls
        if _may_make(call) and (client := _client(module, call)) is not None
    )


_LAST: Final = frozenset(name.rpartition(".")[2] for name in CLIENTS)


def _may_make(call: ast.Call) -> bool:
    """Most calls are told apart by a name, which may still be an alias."""
    func = call.func
    return not isinstance(func, ast.Attribute) or func.attr in _LAST


def _client(module: Module, call: ast.Call) -> Client | None:
    made = value(module, call.func)
    if isinstance(made, Class):
        names = [one.name for one in lineage(made) if isinstance(one, Library)]
    else:
        names = list(resolve(module, call).libraries)
    maker = next((name for name in names if name in CLIENTS), None)
    if maker is None:
        return None
    target = target_of(module, call)
    around = module.function(call)
    where = label(Function(module, around)) if around is not None else None
    shown = ast.unparse(target) if target is not None else None
    place = f"{module.path}:{call.lineno}"
    return Client(CLIENTS[maker], maker, shown, where, place)


def tasks_of(project: Project) -> tuple[Task, ...]:
    """Return the functions that task queues run, and those that run after a response."""
    found = [
        task
        for module in modules_matching(project, TASK_NEEDLES)
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.decorator_list
        if (task := _task(module, node)) is not None
    ]
    return (*found, *_background(project))


def _task(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Task | None:
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        queue = _queue(module, target)
        if queue is not None:
            function = Function(module, node)
            name = f"{module.name}.{label(function)}"
            return Task(name, queue, function, f"{module.path}:{node.lineno}")
    return None


def _queue(module: Module, target: ast.expr) -> str | None:
    if isinstance(target, ast.Attribute) and target.attr in ("task", "periodic_task"):
        found = value(module, target.value)
        if isinstance(found, Instance) and found.of.name == kinds.CELERY:
            return "celery"
    name = made_by(module, target) or name_of(module, target) or ""
    top = name.partition(".")[0].partition("_")[0]
    is_task = name.rpartition(".")[2] in ("task", "shared_task", "actor", "periodic_task")
    return top if is_task and top in TASK_LIBRARIES else None


def _background(project: Project) -> Iterator[Task]:
    for module in project.modules_with(b".add_task("):
        for call in module.calls:
            func = call.func
            if not isinstance(func, ast.Attribute) or func.attr != "add_task" or not call.args:
                continue
            if "fastapi.BackgroundTasks.add_task" in resolve(module, call).libraries:
                found = value(module, call.args[0])
                function = found if isinstance(found, Function) else None
                name = name_of(module, call.args[0]) or ast.unparse(call.args[0])
                if function is not None:
                    name = f"{function.module.name}.{label(function)}"
                yield Task(name, "background", function, f"{module.path}:{call.lineno}")


def settings_of(project: Project) -> tuple[Settings, ...]:
    """Return the classes whose fields come from the environment."""
    found: dict[ast.ClassDef, Class] = {}
    for module in project.modules_with(b"BaseSettings"):
        for node in classes_in(module):
            cls = Class(module, node)
            if any(isinstance(one, Library) and one.name in SETTINGS for one in lineage(cls)):
                for one in (cls, *descendants(cls)):
                    found[one.node] = one
    return tuple(_settings(one) for one in found.values())


def _settings(cls: Class) -> Settings:
    fields = []
    for node in cls.node.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) if name != "model_config":
                text = ast.unparse(node.annotation)
                fields.append(Setting(name, text, _default(cls.module, node.value)))
    return Settings(cls.name, f"{cls.module.path}:{cls.node.lineno}", tuple(fields))


def _default(module: Module, node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant):
        return repr(node.value)
    text = text_of(module, node)
    return repr(text) if text is not None else None


def models_of(project: Project) -> tuple[tuple[Class, Model], ...]:
    """Return the classes that are mapped to tables."""
    found = []
    for module in modules_matching(project, MODEL_NEEDLES):
        for node in classes_in(module):
            cls = Class(module, node)
            model = project.model_of(cls)
            if model is not None:
                found.append((cls, model))
    return tuple(found)
