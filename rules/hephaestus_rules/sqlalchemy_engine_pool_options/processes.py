"""Kinds of processes in which a pool made at import does harm: forked ones, and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hephaestus_codemods.rule import Refusal
from hephaestus_rules.sqlalchemy_engine_pool_options.aside import aside
from hephaestus_rules.sqlalchemy_engine_pool_options.guards import POOLER_ADVICE
from hephaestus_rules.sqlalchemy_engine_pool_options.imports import imported_names, reaches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

#: Workers of these fork after they have imported the application.
FORKING: Final = {"celery": "Celery", "rq": "RQ", "dramatiq": "Dramatiq", "huey": "Huey"}
#: Adapters that run an application as a function in a cloud.
FUNCTIONS: Final = {
    "mangum": "Mangum",
    "zappa": "Zappa",
    "chalice": "Chalice",
    "aws_lambda_powertools": "AWS Lambda",
    "awslambdaric": "AWS Lambda",
    "serverless_wsgi": "serverless-wsgi",
    "apig_wsgi": "apig-wsgi",
    "functions_framework": "Cloud Functions",
}
#: Where a hook runs that throws away what a fork has copied.
FORK_HOOKS: Final = (b"worker_process_init", b"post_fork", b"register_at_fork")


def refusal_of_process(module: Module) -> Refusal | None:
    """Return why a larger pool would do harm in the processes that run *module*, or None."""
    project = module.project
    return _in_a_cloud(project) or _behind_pooler(project) or _preloaded(project) or _forked(module)


def _in_a_cloud(project: Project) -> Refusal | None:
    """Refuse when the project runs as functions that are frozen between requests."""
    found = next(_importers(project, FUNCTIONS), None)
    where = f"{found[0].path} runs the application with {FUNCTIONS[found[1]]}" if found else None
    fact = next(iter(project.deployment.serverless), None)
    if fact is not None:
        where = f"{fact.where} runs the application as functions in a cloud"
    if where is None:
        return None
    return Refusal(
        "serverless",
        f"{where}: each instance serves one request at a time and is frozen in between, so use "
        "poolclass=NullPool, or pool_size=1, max_overflow=0 and a short pool_recycle",
    )


def _behind_pooler(project: Project) -> Refusal | None:
    """Refuse when the deployment has a connection pooler: which URL leads to it is not known."""
    fact = next(iter(project.deployment.poolers), None)
    if fact is None:
        return None
    return Refusal("pooler", f"{fact.where} has a pooler, `{fact.value}`: {POOLER_ADVICE}")


def _preloaded(project: Project) -> Refusal | None:
    """Refuse when gunicorn forks after it has imported the application."""
    fact = next(iter(project.deployment.preload_app), None)
    if fact is None or has_fork_hook(project):
        return None
    return Refusal(
        "prefork",
        f"gunicorn forks after import ({fact.where} preloads the application): a connection "
        "opened before is shared by all workers. Call engine.dispose(close=False) in post_fork "
        "first",
    )


def _forked(module: Module) -> Refusal | None:
    """Refuse when worker processes fork after they have imported the engine in *module*."""
    for worker, package in _importers(module.project, FORKING):
        if reaches(worker, module) and not has_fork_hook(module.project):
            return Refusal(
                "prefork",
                f"{worker.path} runs in workers of {FORKING[package]}, which fork after import: "
                "a connection opened before is shared by all of them. Call "
                "engine.dispose(close=False) in worker_process_init first",
            )
    return None


def has_fork_hook(project: Project) -> bool:
    """Say whether some hook after a fork disposes of engines."""
    return any(
        ".dispose(" in module.source.text and aside(module) is None
        for module in project.modules_with(*FORK_HOOKS, tests=True)
    )


def _importers(project: Project, packages: dict[str, str]) -> Iterator[tuple[Module, str]]:
    """Yield the modules of the service that import one of *packages*, and which one."""
    names = (name.encode() for name in packages)
    for module in project.modules_with(*names, tests=True):
        used = {name.partition(".")[0] for name in imported_names(module)} & packages.keys()
        if used and aside(module) is None:
            yield module, min(used)
