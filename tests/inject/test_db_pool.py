"""The support module ``db_pool`` gives settings that the real SQLAlchemy accepts, or none."""

from __future__ import annotations

import ast
import asyncio
import importlib
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.url import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import AssertionPool, NullPool, QueuePool, SingletonThreadPool, StaticPool

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "rules/hephaestus_rules/sqlalchemy_engine_pool_options/inject/db_pool.py"
SWITCH = ROOT / "hephaestus_codemods/engine/planners/inject/__init__.py"

SERVER = "postgresql://app@db/app"
BAD_URL = (ArgumentError, AttributeError, ValueError)
FULL = {
    "pool_size": 10,
    "max_overflow": 10,
    "pool_timeout": 10,
    "pool_recycle": 1800,
    "pool_pre_ping": True,
    "pool_use_lifo": True,
}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Start each test with nothing switched off, outside Lambda."""
    monkeypatch.delenv("HEPHAESTUS_DISABLE", raising=False)
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)


@pytest.fixture(scope="module")
def db_pool(tmp_path_factory):
    """Import the module as a target does: from its support package."""
    app = tmp_path_factory.mktemp("target") / "pool_target"
    package = app / "hephaestus_support"
    package.mkdir(parents=True)
    (app / "__init__.py").touch()
    for name, origin in (("__init__.py", SWITCH), ("db_pool.py", MODULE)):
        (package / name).write_bytes(origin.read_bytes())
    sys.path.insert(0, str(app.parent))
    yield importlib.import_module("pool_target.hephaestus_support.db_pool")
    sys.path.remove(str(app.parent))


def test_a_server_database_gets_the_settings(db_pool):
    """The defaults are those that the rule's README promises."""
    assert db_pool.pool_options(SERVER) == FULL
    assert db_pool.pool_options(make_url(SERVER)) == FULL


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://app@db/app",
        "mysql+pymysql://app@db/app",
        "mysql+aiomysql://app@db/app",
        "mariadb+pymysql://app@db/app",
        "mssql+pyodbc://app@db/app",
        "oracle+cx_oracle://app@db/app",
    ],
)
def test_every_server_dialect_gets_them(db_pool, url):
    """Also asynchronous drivers keep a queue, of another class."""
    assert db_pool.pool_options(url) == FULL


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///some.db",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///some.db",
        "sqlite+pysqlite:///file:some.db?mode=ro&uri=true",
    ],
)
def test_sqlite_gets_nothing(db_pool, url):
    """SQLAlchemy raises TypeError for pool sizes of a database in memory."""
    assert db_pool.pool_options(url) == {}


def test_databases_in_the_process_need_no_dialect_to_be_known(db_pool):
    """DuckDB's dialect is somebody else's, and for a file it would say that it keeps a queue."""
    assert not db_pool.keeps_queue(make_url("duckdb:///some.duckdb"))


@pytest.mark.parametrize("poolclass", [NullPool, StaticPool, SingletonThreadPool, AssertionPool])
def test_a_pool_without_a_queue_gets_nothing(db_pool, poolclass):
    """Sizes are an error for these classes."""
    options = db_pool.pool_options(SERVER, poolclass=poolclass)

    assert options == {}
    assert db_pool.pool_options(SERVER, poolclass=QueuePool) == FULL


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app@pgbouncer/app",
        "postgresql://app@PgBouncer.internal:5432/app",
        "postgresql://app@db:6432/app",
        "postgresql://app@db/app?pgbouncer=true",
        "postgresql://app@db/app?pgbouncer=True",
        "postgresql://app@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
        "postgresql://app@ep-cool-name-123456-pooler.eu-central-1.aws.neon.tech/app",
        "postgresql://app@main.proxy-abc123.eu-west-1.rds.amazonaws.com/app",
    ],
)
def test_a_pooler_gets_nothing(db_pool, url):
    """A larger pool of ours would pin the slots that the pooler shares."""
    assert db_pool.pool_options(url) == {}


def test_lambda_gets_one_connection(db_pool, monkeypatch):
    """A function serves one request at a time, in as many processes as there is load."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "resize")

    assert db_pool.pool_options(SERVER) == FULL | {"pool_size": 1, "max_overflow": 0}


def test_explicit_settings_win(db_pool):
    """The rule writes the sizes that fit the budget into the call."""
    options = db_pool.pool_options(SERVER, pool_size=4, max_overflow=1, pool_recycle=240)

    assert options == FULL | {"pool_size": 4, "max_overflow": 1, "pool_recycle": 240}


def test_none_leaves_a_keyword_to_the_call(db_pool):
    """``create_engine(url, pool_pre_ping=True, **…)`` must not get the keyword twice."""
    options = db_pool.pool_options(SERVER, pool_pre_ping=None, pool_recycle=None)

    engine = sa.create_engine("sqlite:///x.db", pool_pre_ping=True, pool_recycle=60)
    engine.dispose()
    assert options.keys() == FULL.keys() - {"pool_pre_ping", "pool_recycle"}


@pytest.mark.parametrize("value", ["db_pool", "all", "cache_hooks, db_pool"])
def test_the_switch_brings_the_defaults_back(db_pool, pg_url, monkeypatch, value):
    """``HEPHAESTUS_DISABLE`` undoes the rewrite without a deployment."""
    before = sa.create_engine(pg_url)
    monkeypatch.setenv("HEPHAESTUS_DISABLE", value)

    after = sa.create_engine(pg_url, **db_pool.pool_options(pg_url))

    assert pool_settings(after) == pool_settings(before)
    assert after.pool.size() == 5


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "postgresql//app",
        "nonsense://app@db/app",
        "postgresql://app@db:port/app",
        None,
        5,
    ],
)
def test_a_bad_url_is_the_business_of_create_engine(db_pool, url):
    """The error is the original one; and none comes where no engine is made, as in a Config."""
    options = db_pool.pool_options(url)

    with pytest.raises(BAD_URL) as theirs:
        sa.create_engine(url)
    with pytest.raises(BAD_URL) as ours:
        sa.create_engine(url, **options)

    assert (ours.type, str(ours.value)) == (theirs.type, str(theirs.value))


def test_old_versions_get_only_what_they_know(db_pool, monkeypatch):
    """Before 1.3 there is no ``pool_use_lifo``, before 1.2 no ``pool_pre_ping``."""
    monkeypatch.setattr(sa, "__version__", "1.2.19")
    assert "pool_use_lifo" not in db_pool.pool_options(SERVER)
    monkeypatch.setattr(sa, "__version__", "1.1.18")
    assert db_pool.pool_options(SERVER).keys() == FULL.keys() - {"pool_use_lifo", "pool_pre_ping"}


def test_postgresql_accepts_the_settings(db_pool, pg_url):
    """A real engine has them, and answers."""
    engine = sa.create_engine(pg_url, **db_pool.pool_options(pg_url, pool_size=3, max_overflow=2))

    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT 40 + 2")).scalar() == 42
    size, overflow, timeout, recycle, lifo, pre_ping = pool_settings(engine)
    engine.dispose()
    assert (size, overflow, timeout, recycle, lifo, pre_ping) == (3, 2, 10, 1800, True, True)


def test_asyncpg_accepts_the_settings(db_pool, pg_url):
    """The asynchronous engine has them too."""
    from sqlalchemy.ext.asyncio import create_async_engine

    url = pg_url.replace("postgresql://", "postgresql+asyncpg://")

    async def ask():
        engine = create_async_engine(url, **db_pool.pool_options(url))
        async with engine.connect() as connection:
            answer = (await connection.execute(sa.text("SELECT 40 + 2"))).scalar()
        size = engine.pool.size()
        await engine.dispose()
        return answer, size

    assert asyncio.run(ask()) == (42, 10)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{folder}/some.db"])
def test_sqlite_still_answers(db_pool, tmp_path, url):
    """The guarded form works where plain keywords raise TypeError."""
    url = url.format(folder=tmp_path)
    engine = sa.create_engine(url, **db_pool.pool_options(url))

    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT 40 + 2")).scalar() == 42
    engine.dispose()


def test_asynchronous_sqlite_still_answers(db_pool):
    """aiosqlite keeps one connection for a database in memory."""
    from sqlalchemy.ext.asyncio import create_async_engine

    url = "sqlite+aiosqlite://"

    async def ask():
        engine = create_async_engine(url, **db_pool.pool_options(url))
        async with engine.connect() as connection:
            answer = (await connection.execute(sa.text("SELECT 40 + 2"))).scalar()
        await engine.dispose()
        return answer

    assert asyncio.run(ask()) == 42


def test_it_needs_no_driver_that_create_engine_does_not(db_pool):
    """Settings can be asked for where no driver is installed, as in a build step."""
    assert "oracledb" not in sys.modules
    assert db_pool.pool_options("oracle+cx_oracle://app@db/app") == FULL


def pool_settings(engine):
    """Return what the engine's pool was made with."""
    pool = engine.pool
    return (
        pool.size(),
        pool._max_overflow,
        pool._timeout,
        pool._recycle,
        pool._pool.use_lifo,
        pool._pre_ping,
    )


def test_the_file_is_what_old_pythons_compile():
    """Targets may run Python 3.8."""
    tree = ast.parse(MODULE.read_text(), feature_version=(3, 8))

    assert ast.get_docstring(tree)
