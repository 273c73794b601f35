"""sqlalchemy-engine-pool-options on real databases, and on text that a README cannot show."""

from __future__ import annotations

import importlib
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from hephaestus_rules.sqlalchemy_engine_pool_options import rule, urls
from hephaestus_rules.sqlalchemy_engine_pool_options.budget import Budget
from sqlalchemy.engine.url import make_url

from hephaestus_codemods.engine.planners.support import common_source
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.rule import Established
from hephaestus_codemods.testing.running import run_rule

RULE = rule.RULE
INJECT = Path(rule.__file__).parent / "inject"
THREADS = 40

GUARDED = """\
import os

from sqlalchemy import create_engine

engine = create_engine(os.environ["POOL_TEST_URL"], pool_recycle=600)
"""
LITERAL = """\
from sqlalchemy import create_engine

engine = create_engine("{url}", pool_timeout=1)
"""
ENGINE = "from sqlalchemy import create_engine\n\nengine = create_engine('sqlite://')\n"


def rewritten(files, options=None):
    """Return the files after the rule, as bytes; something must have changed."""
    before = {path: text.encode() for path, text in files.items()}
    outcome = run_rule(RULE, before, options or {})
    assert outcome.files != before
    return dict(outcome.files)


@contextmanager
def imported(folder, files, name="app.db"):
    """Import a module of *files* as its service would, with the support package beside it."""
    support = {
        "app/hephaestus_support/__init__.py": common_source("__init__").encode(),
        "app/hephaestus_support/db_pool.py": (INJECT / "db_pool.py").read_bytes(),
    }
    for path, raw in {"app/__init__.py": b"", **support, **files}.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    module = None
    try:
        module = importlib.import_module(name)
        yield module
    finally:
        if module is not None:
            module.engine.dispose()
        sys.path.remove(str(folder))
        for loaded in [one for one in sys.modules if one.partition(".")[0] == "app"]:
            del sys.modules[loaded]


def burst(engine, seconds):
    """Run one statement in each of 40 threads; return the answers and the connections opened."""
    opened = []
    sa.event.listen(engine, "connect", lambda *_: opened.append(1))
    answers = Counter()
    start = threading.Barrier(THREADS)
    statement = sa.text(f"SELECT 42 FROM pg_sleep({seconds})")

    def work():
        start.wait()
        try:
            with engine.connect() as connection:
                answers[connection.execute(statement).scalar()] += 1
        except sa.exc.TimeoutError as error:
            answers[str(error).partition(" of ")[0]] += 1

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, len(opened)


def test_forty_threads_get_the_same_answers_over_more_connections(pg_url, tmp_path, monkeypatch):
    """The guarded form opens what the budget allows, and answers as before."""
    monkeypatch.setenv("POOL_TEST_URL", pg_url)
    files = {"app/__init__.py": "", "app/db.py": GUARDED}

    with imported(tmp_path / "before", files) as module:
        before = burst(module.engine, 0.05)
    with imported(tmp_path / "after", rewritten(files)) as module:
        after = burst(module.engine, 0.05)

    assert before == ({42: THREADS}, 15)
    assert after == ({42: THREADS}, 20)


def test_requests_that_timed_out_are_answered(pg_url, tmp_path):
    """With room for 40 connections no thread runs into the limit of the pool any more."""
    files = {"app/__init__.py": "", "app/db.py": LITERAL.format(url=pg_url)}
    options = {"pool-size": 20, "max-overflow": 20}

    with imported(tmp_path / "before", files) as module:
        before, _ = burst(module.engine, 0.8)
    with imported(tmp_path / "after", rewritten(files, options)) as module:
        after, opened = burst(module.engine, 0.8)

    assert before["QueuePool limit"] > 0
    assert before[42] + before["QueuePool limit"] == THREADS
    assert (after, opened) == ({42: THREADS}, 40)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{folder}/service.db"])
def test_the_same_service_still_runs_on_sqlite(tmp_path, monkeypatch, url):
    """The tests of a service often put SQLite where production has a server."""
    monkeypatch.setenv("POOL_TEST_URL", url.format(folder=tmp_path))
    files = {"app/__init__.py": "", "app/db.py": GUARDED}

    with (
        imported(tmp_path / "after", rewritten(files)) as module,
        module.engine.connect() as connection,
    ):
        answer = connection.execute(sa.text("SELECT 40 + 2")).scalar()

    assert answer == 42


def test_the_switch_brings_the_original_pool_back(pg_url, tmp_path, monkeypatch):
    """HEPHAESTUS_DISABLE undoes the rewrite of a running service; the author's setting stays."""
    monkeypatch.setenv("POOL_TEST_URL", pg_url)
    monkeypatch.setenv("HEPHAESTUS_DISABLE", "db_pool")
    files = {"app/__init__.py": "", "app/db.py": GUARDED}

    with imported(tmp_path / "after", rewritten(files)) as module:
        pool = module.engine.pool

    assert (pool.size(), pool._max_overflow, pool._recycle, pool._pre_ping) == (5, 10, 600, False)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app@pgbouncer/app",
        "postgresql://app@db:6432/app",
        "postgresql://app@db/app?pgbouncer=true",
        "postgresql://app@aws-0-eu-west-1.pooler.supabase.com:6543/postgres",
        "postgresql://app@ep-calm-sky-1234-pooler.eu-central-1.aws.neon.tech/app",
        "postgresql://app@main.proxy-abc123.eu-west-1.rds.amazonaws.com/app",
        "postgresql://app@db:5432/app",
        "postgresql://app@db.example.com/app",
    ],
)
def test_rule_and_support_module_know_the_same_poolers(tmp_path, url):
    """What is refused in a literal gets nothing at run time either."""
    with imported(tmp_path, {"app/db.py": ENGINE}):
        db_pool = importlib.import_module("app.hephaestus_support.db_pool")

        assert db_pool.behind_pooler(make_url(url)) == (urls.pooler_in(url) is not None)


@pytest.mark.parametrize(
    ("expression", "backends", "fixed"),
    [
        ('"postgres://app@db/app"', {"postgresql"}, True),
        ('"mariadb+pymysql://app@db/app"', {"mysql"}, True),
        ('"mssql+pyodbc://app@db/app?driver=x"', {"mssql"}, True),
        ('"oracle+oracledb://app@db/?service_name=x"', {"oracle"}, True),
        ('"postgresql://%s/app" % HOST', {"postgresql"}, True),
        ('"postgresql://" + HOST', {"postgresql"}, True),
        ('"postgresql://{}/app".format(HOST)', {"postgresql"}, True),
        ('f"{SCHEME}://db/app"', set(), False),
        ('os.getenv("URL", "postgresql://db/app")', {"postgresql"}, False),
        ('os.environ.get("URL") or "sqlite://"', {"sqlite"}, False),
        ('os.environ["URL"]', set(), False),
        ('"sqlite://" if TESTING else "postgresql://db/app"', {"sqlite", "postgresql"}, True),
        ('make_url("mysql://db/app")', {"mysql"}, True),
        ('URL.create(drivername="postgresql+asyncpg", host=HOST)', {"postgresql"}, True),
        ('PLAIN.replace("postgresql://", "postgresql+asyncpg://")', {"postgresql"}, True),
        ('PLAIN.replace("postgresql://", "sqlite://")', set(), False),
        ("Config.URL", {"postgresql"}, False),
        ("settings.dsn", {"postgresql"}, False),
        ("settings.url", {"mysql"}, True),
        ("build()", {"postgresql"}, True),
        ("twice", {"postgresql"}, False),
        ("unknown", set(), False),
    ],
)
def test_urls_are_understood(expression, backends, fixed):
    """What the code shows of the database, and whether anything else can decide."""
    module = Project.from_files({"app/__init__.py": "", "app/db.py": URLS + expression}).module_at(
        "app/db.py"
    )
    statement = module.tree.body[-1]

    found = urls.target_of(module, statement.value)

    assert (set(found.backends), found.fixed) == (backends, fixed)


URLS = """\
import os
from pydantic import MySQLDsn, PostgresDsn
from pydantic_settings import BaseSettings
from sqlalchemy import URL, make_url

HOST, TESTING = os.environ["HOST"], "TESTING" in os.environ
PLAIN = "postgresql://app@db/app"

class Config:
    URL = "postgresql://app@db/app"

class Base(BaseSettings):
    dsn: PostgresDsn | None = None

class Settings(Base):
    @property
    def url(self):
        return MySQLDsn.build(scheme="mysql+asyncmy", host=HOST)

def get_settings():
    return Settings()

settings = get_settings()

def build():
    if TESTING:
        return "postgresql://test/app"
    return f"postgresql+psycopg://{HOST}/app"

twice = os.getenv("URL", "postgres://app@db/app")
twice = twice.replace("postgres://", "postgresql://", 1)
"""


@pytest.mark.parametrize(
    ("budget", "sizes"),
    [
        (Budget(100, 1, 1), (10, 10)),
        (Budget(100, 4, 1), (10, 10)),
        (Budget(100, 4, 2), (6, 5)),
        (Budget(100, 5, 1), (9, 9)),
        (Budget(100, 22, 1), (2, 2)),
        (Budget(500, 10, 2), (10, 10)),
    ],
)
def test_sizes_fit_the_budget(budget, sizes):
    """All processes and engines together leave ten connections to others."""
    assert budget.fit(10, 10) == sizes
    assert budget.processes * budget.engines * sum(sizes) <= budget.connections - 10


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_bytes_around_the_call_stay(eol, mark):
    """Tabs, form feeds, comments and line endings are the author's."""
    lines = [
        "from sqlalchemy import create_engine  # noqa",
        "\x0c",
        "engine = create_engine(",
        '\t"postgresql://app@db/äpp",  # ünïcode',
        "\techo = False,",
        ")  # end",
        "x = 1",
    ]
    text = mark + eol.join(lines)

    after = rewritten({"app/__init__.py": "", "app/db.py": text})["app/db.py"].decode()

    added = [f"\t{name}={value}," for name, value in SETTINGS]
    assert after == mark + eol.join([*lines[:5], *added, *lines[5:]])


SETTINGS = [
    ("pool_size", 10),
    ("max_overflow", 10),
    ("pool_timeout", 10),
    ("pool_recycle", 1800),
    ("pool_pre_ping", True),
]


@pytest.mark.parametrize(
    ("url", "assumed"),
    [
        ("postgresql://db/app", "90 (100 less 10 in reserve); assumed: one process runs the "),
        ("mysql+pymysql://db/app", "141 (151 less 10 in reserve); assumed: one process runs the "),
    ],
)
def test_the_budget_is_explained(url, assumed):
    """The report holds the sum that a person can check, and what was assumed for it."""
    files = {"app/__init__.py": "", "app/db.py": LITERAL.format(url=url)}
    module = Project.from_files(files).module_at("app/db.py")

    (finding,) = RULE.find(module, {})

    fact = next(one for one in finding.preconditions if one.name == "connection budget")
    assert fact.established is Established.ASSUMED
    total = "1 process * 1 engine * (10 + 10) = 20 connections of "
    server = {"p": "100, PostgreSQL", "m": "151, MySQL"}[url[0]]
    rest = f"application, max_connections is {server}'s default"
    assert fact.detail == total + assumed + rest


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "if max_connections is 100, PostgreSQL's default, 30 processes * 1 engine leave 3"),
        (
            {"max-connections": 100},
            "of 100 connections 30 processes * 1 engine leave 3 connections",
        ),
    ],
)
def test_a_budget_that_is_too_small_says_for_whom(options, reason):
    """The owner learns what was assumed, or that only a pooler helps."""
    files = {
        "app/__init__.py": "",
        "app/db.py": LITERAL.format(url="postgresql://db/app"),
        "Procfile": "web: gunicorn -w 30 app.main:app\n",
    }
    module = Project.from_files(files).module_at("app/db.py")

    (finding,) = RULE.find(module, options)

    assert finding.refusal.code == "budget"
    assert finding.refusal.message.startswith(reason)
