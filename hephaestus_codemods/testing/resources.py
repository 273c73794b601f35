"""What a program under comparison takes: sessions, connections and clients that are listened to."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from redis import ConnectionPool, Redis
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio import Redis as AsyncRedis
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from hephaestus_codemods.testing.wiretap import Wiretap


class Takes(StrEnum):
    """What the entry function takes before its other arguments."""

    SESSION = "session"
    """``sqlalchemy.orm.Session``; committed when the function returns."""

    ASYNC_SESSION = "async-session"
    """``sqlalchemy.ext.asyncio.AsyncSession``; committed when the function returns."""

    CONNECTION = "connection"
    """``sqlalchemy.Connection``; committed when the function returns."""

    ASYNC_CONNECTION = "async-connection"
    """``sqlalchemy.ext.asyncio.AsyncConnection``; committed when the function returns."""

    DRIVER = "driver"
    """The driver's own connection: ``sqlite3`` or psycopg 3; committed when it returns."""

    ASYNCPG = "asyncpg"
    """An ``asyncpg`` connection; PostgreSQL only."""

    REDIS = "redis"
    """``redis.Redis``."""

    ASYNC_REDIS = "async-redis"
    """``redis.asyncio.Redis``."""


@dataclass(frozen=True)
class Bench:
    """Where a program runs; both databases are emptied before each run, so they must be ours.

    *database* is a URL of PostgreSQL, or None for a new SQLite file; *keyspace* is a URL from
    ``fresh_keyspace``.
    """

    database: str | None = None
    keyspace: str | None = None


@dataclass(frozen=True)
class Place:
    """The servers of one run."""

    url: sa.URL
    bench: Bench

    @property
    def async_url(self) -> sa.URL:
        """The same database, for an asynchronous engine."""
        is_sqlite = self.url.get_backend_name() == "sqlite"
        return self.url.set(drivername="sqlite+aiosqlite") if is_sqlite else self.url

    @property
    def keyspace(self) -> str:
        """The URL of the keyspace, where the program asks for one."""
        assert self.bench.keyspace is not None, "the program takes Redis: give a keyspace"
        return self.bench.keyspace


def open_engine(url: sa.URL) -> sa.Engine:
    """Return an engine that keeps no connection; its data need not survive a crash."""
    engine = sa.create_engine(url, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def hurry(connection: Any, _record: object) -> None:
            connection.executescript("PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY")

    return engine


@contextmanager
def _session(place: Place, tap: Wiretap) -> Iterator[Session]:
    engine = open_engine(place.url)
    tap.on_engine(engine)
    with Session(engine) as session:
        yield session
        session.commit()


@contextmanager
def _connection(place: Place, tap: Wiretap) -> Iterator[sa.Connection]:
    engine = open_engine(place.url)
    tap.on_engine(engine)
    with engine.connect() as connection:
        yield connection
        connection.commit()


@contextmanager
def _driver(place: Place, tap: Wiretap) -> Iterator[Any]:
    if place.url.get_backend_name() == "sqlite":
        with _sqlite_driver(place, tap) as connection:
            yield connection
        return
    import psycopg  # noqa: PLC0415  # the driver is an extra

    class Tapped(psycopg.Cursor[Any]):
        """A cursor that says what it executes."""

        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            """Execute one statement."""
            tap.statement(str(query))
            return super().execute(query, *args, **kwargs)

        def executemany(self, query: Any, *args: Any, **kwargs: Any) -> None:
            """Execute one statement for many parameters, in one go."""
            tap.statement(str(query))
            super().executemany(query, *args, **kwargs)

    with psycopg.connect(_plain(place.url), cursor_factory=Tapped) as connection:
        yield connection


@contextmanager
def _sqlite_driver(place: Place, tap: Wiretap) -> Iterator[Any]:
    import sqlite3  # noqa: PLC0415  # only for programs that use the driver itself

    with contextlib.closing(sqlite3.connect(str(place.url.database))) as connection:
        connection.set_trace_callback(
            lambda text: None if text == "BEGIN " else tap.statement(text)
        )
        yield connection
        with tap.paused():
            connection.commit()


@contextmanager
def _redis(place: Place, tap: Wiretap) -> Iterator[Redis]:
    pool = ConnectionPool.from_url(place.keyspace, connection_class=tap.connection_class())
    with contextlib.closing(pool), contextlib.closing(Redis(connection_pool=pool)) as client:
        yield client


@asynccontextmanager
async def _async_session(place: Place, tap: Wiretap) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(place.async_url, poolclass=NullPool)
    tap.on_engine(engine.sync_engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.commit()


@asynccontextmanager
async def _async_connection(place: Place, tap: Wiretap) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(place.async_url, poolclass=NullPool)
    tap.on_engine(engine.sync_engine)
    async with engine.connect() as connection:
        yield connection
        await connection.commit()


@asynccontextmanager
async def _asyncpg(place: Place, tap: Wiretap) -> AsyncIterator[Any]:
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415  # the driver is an extra

    connection = await asyncpg.connect(_plain(place.url))
    try:
        with connection.query_logger(lambda record: tap.statement(record.query)):
            yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _async_redis(place: Place, tap: Wiretap) -> AsyncIterator[AsyncRedis]:
    kind = tap.async_connection_class()
    pool = AsyncConnectionPool.from_url(place.keyspace, connection_class=kind)
    client = AsyncRedis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.aclose()


OPENERS: dict[Takes, Callable[[Place, Wiretap], AbstractContextManager[Any]]] = {
    Takes.SESSION: _session,
    Takes.CONNECTION: _connection,
    Takes.DRIVER: _driver,
    Takes.REDIS: _redis,
}
ASYNC_OPENERS: dict[Takes, Callable[[Place, Wiretap], AbstractAsyncContextManager[Any]]] = {
    Takes.ASYNC_SESSION: _async_session,
    Takes.ASYNC_CONNECTION: _async_connection,
    Takes.ASYNCPG: _asyncpg,
    Takes.ASYNC_REDIS: _async_redis,
}


def _plain(url: sa.URL) -> str:
    """Return the URL as the driver itself reads it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
