"""Flask-SQLAlchemy makes the engine itself: its settings stand beside the URL, as a dict."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.names import name_for
from hephaestus_codemods.kit.statements import insert_after
from hephaestus_codemods.kit.support import support_module
from hephaestus_codemods.rule import Change, Finding, Refusal, Safety, refuse
from hephaestus_rules.sqlalchemy_engine_pool_options.aside import aside
from hephaestus_rules.sqlalchemy_engine_pool_options.processes import refusal_of_process
from hephaestus_rules.sqlalchemy_engine_pool_options.urls import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

URL: Final = "SQLALCHEMY_DATABASE_URI"
OPTIONS: Final = "SQLALCHEMY_ENGINE_OPTIONS"
#: With one of these somewhere in the project the author has decided about the pool.
CHOSEN: Final = (b"SQLALCHEMY_ENGINE_OPTIONS", b"SQLALCHEMY_POOL_SIZE", b"SQLALCHEMY_MAX_OVERFLOW")


def find_urls(module: Module) -> Iterator[Finding]:
    """Yield every place that gives Flask-SQLAlchemy its URL."""
    importers = module.project.modules_with(b"flask_sqlalchemy", tests=True)
    if URL not in module.source.text or not any(importers):
        return
    for node in module.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _is_url(node.targets[0]):
            yield _finding(module, node)


def _is_url(target: ast.expr) -> bool:
    match target:
        case ast.Name(id=name):
            return name == URL
        case ast.Subscript(slice=ast.Constant(value=name)):
            return name == URL
    return False


def _finding(module: Module, statement: ast.Assign) -> Finding:
    refusal = _refusal(module, statement)
    change = refusal or _change(module, statement)
    if isinstance(change, Refusal):
        return refuse(statement, change.code, change.message)
    message = "let Flask-SQLAlchemy size its pool"
    return Finding(statement, message, Safety.SUGGEST, change=lambda: change)


def _refusal(module: Module, statement: ast.Assign) -> Refusal | None:
    reason = aside(module)
    if reason is not None:
        return Refusal("not-the-service", f"no request waits for this engine: {reason}")
    chosen = next(module.project.modules_with(*CHOSEN, tests=True), None)
    if chosen is not None:
        return Refusal("chosen-by-author", f"the pool is the author's choice in {chosen.path}")
    target = target_of(module, statement.value)
    if target.is_embedded:
        return Refusal("sqlite", "this is SQLite: there are no connections of a server to share")
    if target.pooler is not None:
        return Refusal("pooler", f"`{target.pooler}` is a connection pooler: leave pooling to it")
    return refusal_of_process(module)


def _change(module: Module, statement: ast.Assign) -> Change | Refusal:
    target = module.source.segment(statement.targets[0])
    name = name_for(module, f"{support_module(module, 'db_pool')}.pool_options", statement)
    if name is None:
        return Refusal("name-taken", "`pool_options` already means something else in this file")
    function, needed = name
    options = target.replace(URL, OPTIONS)
    edits = insert_after(module, statement, f"{options} = {function}({target})")
    if edits is None:
        return Refusal("layout", "no line can be added after this one")
    return Change(edits, (needed,) if needed is not None else (), support=("db_pool",))
