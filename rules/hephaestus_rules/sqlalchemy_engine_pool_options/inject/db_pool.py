"""Connection pool settings that fit the database behind a URL.

``create_engine(url, **pool_options(url))`` bounds the pool of a server database. It passes nothing
where pool settings would be an error or do harm: SQLite, pools that keep no queue, and servers
that are reached through a connection pooler. ``HEPHAESTUS_DISABLE=db_pool`` gives SQLAlchemy's
default settings back without a deployment.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.engine.url import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from . import disabled

if TYPE_CHECKING:
    from sqlalchemy.engine.url import URL
    from sqlalchemy.pool import Pool

#: Databases that live in this process or in a file: no server whose connections are to be shared.
EMBEDDED = ("sqlite", "duckdb")
#: Parts of host names behind which a pooler already shares the server's connections.
POOLER_HOSTS = ("pgbouncer", "pgcat", "odyssey", "supavisor", "-pooler.", ".pooler.", ".proxy-")
#: Ports on which PgBouncer and Supavisor listen.
POOLER_PORTS = (6432, 6543)


def pool_options(
    url: str | URL | None,
    *,
    poolclass: type[Pool] | None = None,
    pool_size: int = 10,
    max_overflow: int = 10,
    pool_timeout: float | None = 10,
    pool_recycle: int | None = 1800,
    pool_pre_ping: bool | None = True,
    pool_use_lifo: bool | None = True,
) -> dict[str, Any]:  # Any, because create_engine declares another type for each keyword
    """Return the keywords that ``create_engine(url, ...)`` accepts and that help it.

    None leaves a keyword out: the call itself gives it. A URL that ``create_engine`` refuses gets
    nothing: the error is its own, and comes when it always did.
    """
    if disabled("db_pool") or not is_shared(url, poolclass):
        return {}
    if os.getenv("AWS_LAMBDA_FUNCTION_NAME"):  # one request at a time, in hundreds of processes
        pool_size, max_overflow = 1, 0
    options = {
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": pool_timeout,
        "pool_recycle": pool_recycle,
        "pool_pre_ping": pool_pre_ping if installed((1, 2)) else None,
        "pool_use_lifo": pool_use_lifo if installed((1, 3)) else None,
    }
    return {name: value for name, value in options.items() if value is not None}


def is_shared(url: str | URL | None, poolclass: type[Pool] | None = None) -> bool:
    """Say whether an engine for *url* shares a server's own connections through a queue."""
    try:
        target = make_url(url or "")
        return keeps_queue(target, poolclass) and not behind_pooler(target)
    except (ArgumentError, AttributeError, ImportError, ValueError):  # as create_engine will say
        return False


def keeps_queue(url: URL, poolclass: type[Pool] | None = None) -> bool:
    """Say whether an engine for *url* lends connections from a QueuePool."""
    if url.get_backend_name() in EMBEDDED:
        return False
    dialect: Any = url.get_dialect()
    return issubclass(poolclass or dialect.get_pool_class(url), QueuePool)


def behind_pooler(url: URL) -> bool:
    """Say whether *url* leads to a pooler: a second pool would pin the slots that it shares."""
    if url.port in POOLER_PORTS or str(url.query.get("pgbouncer")).lower() == "true":
        return True
    host = (url.host or "").lower()
    return any(part in host for part in POOLER_HOSTS)


def installed(version: tuple[int, int]) -> bool:
    """Say whether the installed SQLAlchemy is at least *version*."""
    major, minor = sqlalchemy.__version__.split(".")[:2]
    return (int(major), int(minor)) >= version
