"""Which files are no part of the service: tests, migrations, commands and scripts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_rules.sqlalchemy_engine_pool_options.imports import imported_names, is_imported

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

#: Folders whose code is no part of a service that answers requests.
ASIDE: Final = frozenset(
    {
        *("alembic", "migration", "migrations", "versions", "seeds"),
        *("bin", "cli", "cmd", "commands", "management", "script", "scripts", "tools"),
        *("test", "testing", "tests", "benchmarks", "docs", "example", "examples", "notebooks"),
    }
)
ASIDE_FILES: Final = frozenset(
    {
        *("__main__", "cli", "command", "commands", "conftest", "manage", "setup"),
        *("migrate", "migration", "migrations", "seed"),
    }
)
#: What imports one of these is started for itself, and then stays.
SERVERS: Final = frozenset(
    {
        *("fastapi", "starlette", "flask", "sanic", "litestar", "quart", "aiohttp", "robyn"),
        *("falcon", "bottle", "tornado", "django", "grpc", "uvicorn", "gunicorn", "hypercorn"),
        *("celery", "rq", "dramatiq", "huey", "arq", "taskiq", "faststream", "apscheduler"),
        *("streamlit", "gradio", "dash", "nicegui", "aiogram", "telegram", "discord"),
    }
)
#: At the top of a file they are the work of a script; a module that is imported does not do this.
WORK: Final = frozenset({"builtins.print", "builtins.exit", "sys.exit", "asyncio.run"})


def aside(module: Module) -> str | None:
    """Return why a file is no part of the running service, or None."""
    *folders, name = module.path.split("/")
    stem = name.removesuffix(".py")
    folder = next((one for one in folders if one.lower() in ASIDE), None)
    if folder is not None:
        return f"it stands under {folder}/"
    if stem.lower() in ASIDE_FILES or stem.startswith("test_") or stem.endswith("_test"):
        return f"{name} is no part of the running service"
    if any(_imports_alembic(node) for node in module.tree.body):
        return "it is a migration environment: it imports alembic's context"
    if _is_script(module):
        return f"{name} is a script: it works when it is started, and nothing imports it"
    return None


def _imports_alembic(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "alembic"
        and any(alias.name == "context" for alias in node.names)
    )


def _is_script(module: Module) -> bool:
    """Say whether the file works when it is started, serves nobody, and nothing imports it."""
    if module.is_package or not any(_works(module, node) for node in module.tree.body):
        return False
    if not SERVERS.isdisjoint(name.partition(".")[0] for name in imported_names(module)):
        return False
    started = module.project.deployment.started
    return module.name not in started and not is_imported(module)


def _works(module: Module, statement: ast.stmt) -> bool:
    match statement:
        case ast.While() | ast.With() | ast.AsyncWith():
            return True
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Expr(value=ast.Call(func=func)):
            return module.qualified_name(func) in WORK
    return False
