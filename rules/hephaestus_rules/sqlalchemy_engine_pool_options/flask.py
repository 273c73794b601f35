"""Flask-SQLAlchemy makes the engine itself: its settings stand beside the URL, as a dict."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from packaging.version import Version

from hephaestus_codemods.kit.names import name_for
from hephaestus_codemods.kit.statements import insert_after
from hephaestus_codemods.kit.support import support_module
from hephaestus_codemods.project.classes import descendants
from hephaestus_codemods.project.layout import is_test
from hephaestus_codemods.project.values import Class
from hephaestus_codemods.rule import Change, Finding, Refusal, Safety, refuse
from hephaestus_rules.sqlalchemy_engine_pool_options.aside import aside
from hephaestus_rules.sqlalchemy_engine_pool_options.processes import refusal_of_process
from hephaestus_rules.sqlalchemy_engine_pool_options.urls import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

URL: Final = "SQLALCHEMY_DATABASE_URI"
OPTIONS: Final = "SQLALCHEMY_ENGINE_OPTIONS"
#: The first Flask-SQLAlchemy that reads the options.
READS_OPTIONS: Final = Version("2.4")
#: With one of these somewhere in the project the author has decided about the pool.
CHOSEN: Final = (
    OPTIONS.encode(),
    b"SQLALCHEMY_POOL_SIZE",
    b"SQLALCHEMY_MAX_OVERFLOW",
    b"engine_options=",
)


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


def _set_again(module: Module, statement: ast.Assign) -> str | None:
    """Return the file that may set another URL for the same application, without its options."""
    around = module.parents.get(statement)
    below = descendants(Class(module, around)) if isinstance(around, ast.ClassDef) else ()
    heirs = {one.node for one in below}
    for other in module.project.modules_with(URL.encode(), tests=True):
        if is_test(other.path):
            return other.path
        for node in other.nodes:
            if node is not statement and (_sets(node) or _binds(node, other, heirs)):
                return other.path
    return None


def _sets(node: ast.AST) -> bool:
    """Say whether *node* puts a URL into the configuration of an application."""
    match node:
        case ast.Assign(targets=[ast.Subscript() as target]):
            return _is_url(target)
        case ast.keyword(arg=name):
            return name == URL
        case ast.Dict(keys=keys):
            return any(isinstance(key, ast.Constant) and key.value == URL for key in keys)
    return False


def _binds(node: ast.AST, module: Module, heirs: set[ast.ClassDef]) -> bool:
    """Say whether *node* gives one of the classes *heirs* another URL."""
    around = module.parents.get(node)
    return isinstance(node, ast.Assign) and around in heirs and _is_url(node.targets[0])


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
    floor = module.project.target.version_floor("flask-sqlalchemy", module.path)
    if floor is not None and floor < READS_OPTIONS:
        message = f"Flask-SQLAlchemy {floor} does not read {OPTIONS}: {READS_OPTIONS} is the first"
        return Refusal("old-version", message)
    again = _set_again(module, statement)
    if again is not None:
        message = f"{again} sets the URL too, maybe to SQLite, which accepts no pool settings"
        return Refusal("url-set-again", f"{message}: give each of them its own {OPTIONS}")
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
