"""The reasons to leave an engine alone, in the order in which a maintainer would give them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.rule import Refusal
from hephaestus_rules.sqlalchemy_engine_pool_options.arguments import (
    CHOSEN_BY_AUTHOR,
    entries_of,
)
from hephaestus_rules.sqlalchemy_engine_pool_options.aside import aside

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_rules.sqlalchemy_engine_pool_options.site import Site

#: At 0 they switch off what does not work through a pooler in transaction mode.
STATEMENT_CACHES: Final = ("statement_cache_size", "prepared_statement_cache_size")
POOLER_ADVICE: Final = (
    "a second pool would pin the connections that it shares. For asyncpg and transaction pooling "
    "use poolclass=NullPool, statement_cache_size=0 and prepared_statement_name_func"
)


def refusal_of(site: Site) -> Refusal | None:
    """Return why *site* is left alone, from what its file shows, or None."""
    return next(filter(None, (guard(site) for guard in GUARDS)), None)


def _not_the_service(site: Site) -> Refusal | None:
    reason = aside(site.module)
    if reason is None:
        return None
    return Refusal("not-the-service", f"no request waits for this engine: {reason}")


def _chosen_by_author(site: Site) -> Refusal | None:
    chosen = [name for name in CHOSEN_BY_AUTHOR if name in site.arguments.given]
    if not chosen:
        hint = site.arguments.chosen
        message = f"the pool is the author's choice: {hint}"
        return Refusal("chosen-by-author", message) if hint is not None else None
    values = (f"`{name}={site.text(site.arguments.given[name])}`" for name in chosen)
    return Refusal("chosen-by-author", f"the pool is the author's choice: {', '.join(values)}")


def _unseen_keywords(site: Site) -> Refusal | None:
    if site.arguments.unseen is None:
        return None
    advice = "put the pool settings where those keywords come from"
    return Refusal("unseen-keywords", f"{site.arguments.unseen}: {advice}")


def _no_url(site: Site) -> Refusal | None:
    return None if site.url is not None else Refusal("no-url", "the call has no URL")


def _sqlite(site: Site) -> Refusal | None:
    if site.target.is_embedded and site.target.fixed:
        name = "SQLite" if "sqlite" in site.target.backends else "an embedded database"
        return Refusal("sqlite", f"this is {name}: there are no connections of a server to share")
    if _key(site, "connect_args", "check_same_thread") is not None or _in_sqlite_branch(site):
        return Refusal("sqlite", "this engine is for SQLite: no server's connections are shared")
    if site.target.is_embedded:
        return Refusal(
            "sqlite-default",
            "the URL is SQLite unless the environment says otherwise: pool settings are for a "
            "deployment that has a server",
        )
    return None


def _key(site: Site, keyword: str, key: str) -> object:
    """Return the constant under *key* in the literal dict given as *keyword*, else None."""
    value = site.arguments.given.get(keyword)
    if not isinstance(value, ast.Dict):
        return None
    for name, inner in zip(value.keys, value.values, strict=True):
        if isinstance(name, ast.Constant) and name.value == key:
            return inner.value if isinstance(inner, ast.Constant) else inner
    return None


def _in_sqlite_branch(site: Site) -> bool:
    """Say whether the call runs only when the URL is one of SQLite."""
    inner: ast.AST = site.call
    for around in site.module.ancestors(site.call):
        if isinstance(around, ast.If | ast.IfExp):
            body = around.body if isinstance(around.body, list) else [around.body]
            if _asks_for_sqlite(around.test) and inner in body:
                return True
        inner = around
    return False


def _asks_for_sqlite(test: ast.expr) -> bool:
    match test:
        case ast.Call(func=ast.Attribute(attr="startswith"), args=[ast.Constant(value=str(text))]):
            return text.startswith("sqlite")
        case ast.Compare(left=ast.Constant(value=str(text)), ops=[ast.In()]):
            return text.startswith("sqlite")
        case ast.Compare(ops=[ast.Eq()], comparators=[ast.Constant(value=str(text))]):
            return text.startswith("sqlite")
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower().startswith("is_sqlite")
    return False


def _pooler(site: Site) -> Refusal | None:
    if site.target.pooler is not None:
        return Refusal("pooler", f"`{site.target.pooler}` is a connection pooler: {POOLER_ADVICE}")
    for name in STATEMENT_CACHES:
        if _is_zero(site, name):
            return Refusal("pooler", f"`{name}` is set for a connection pooler: {POOLER_ADVICE}")
    return None


def _is_zero(site: Site, name: str) -> bool:
    """Say whether ``connect_args``, or the dict that it names, holds 0 under *name*."""
    value = site.arguments.given.get("connect_args")
    found = entries_of(site.module, value).get(name) if value is not None else None
    return isinstance(found, ast.Constant) and found.value == 0


GUARDS: Final[tuple[Callable[[Site], Refusal | None], ...]] = (
    _not_the_service,
    _chosen_by_author,
    _unseen_keywords,
    _no_url,
    _sqlite,
    _pooler,
)
