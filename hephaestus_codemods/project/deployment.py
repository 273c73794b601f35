"""How the target is run, as far as its files say: processes, replicas, servers and their versions.

Dockerfiles, Procfiles, compose files, Kubernetes manifests and gunicorn's configuration are read
line by line, as text. A fact says where it was read; what no file says is unknown.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from packaging.version import InvalidVersion, Version

from hephaestus_codemods.project.layout import is_test

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

T = TypeVar("T")

#: Files that may say how the target is started.
STARTING: Final = re.compile(
    r"(?:^|/)(?:[^/]*Dockerfile[^/]*|[^/]*\.dockerfile|Procfile[^/]*|[^/]*compose[^/]*\.ya?ml|"
    r"[^/]*\.(?:sh|service|ini|toml|ya?ml|env)|[^/]*postgres[^/]*\.conf|my\.cnf|\.env[^/]*|[^/]*gunicorn[^/]*\.py|supervisord\.conf|"
    r"serverless\.(?:ya?ml|json|ts)|template\.ya?ml|zappa_settings\.(?:json|py)|Makefile)$"
)
SERVER: Final = re.compile(r"\b(gunicorn|uvicorn|hypercorn|granian|fastapi[\s\"',]+run|uwsgi)\b")
#: What servers and workers are told to run: ``app.main:app``, ``celery -A app.worker``.
STARTED: Final = re.compile(
    r"\b(?:gunicorn|uvicorn|hypercorn|granian|uwsgi)\b.*?[\s\"',]((?:\w+\.)*[A-Za-z_]\w*):[A-Za-z_]\w*|"
    r"\b(?:celery[\s\"',]+(?:-A|--app)|arq|python3?[\s\"',]+-m)[\s\"',=]+((?:\w+\.)+\w+)"
)
WORKERS: Final = re.compile(r"(?:--workers|-w)[\s=\"',]+(\d+)\b|--processes[\s=]+(\d+)\b")
WEB_CONCURRENCY: Final = re.compile(r"\bWEB_CONCURRENCY\b[\"']?\s*[:=]?\s*[\"']?(\d+)\b")
#: On a command line, and alone on a line: that is a server's only in a file of its own.
MAX_CONNECTIONS: Final = re.compile(r"(?:-c[\s\"',]+|--)max[_-]connections\s*[=\s]\s*(\d+)\b")
SET_CONNECTIONS: Final = re.compile(r"^\s*max_connections\s*=\s*(\d+)\b")
REPLICAS: Final = re.compile(r"^\s*(?:replicas|minReplicas|maxReplicas|replicaCount):\s*(\d+)\b")
SCALE: Final = re.compile(r"^\s*scale:\s*(\d+)\b|--scale\s+\w+=(\d+)")
IMAGE: Final = re.compile(
    r"(?:^|\s)(?:image:|FROM(?:\s+--\S+)?)\s*[\"']?((?:[\w.:-]+/)*)"
    r"(redis|redis-stack|redis-stack-server|valkey|postgres|postgresql|postgis|pgvector|mysql|"
    r"mariadb|timescaledb):([\w.-]+)",
    re.IGNORECASE,
)
POOLER: Final = re.compile(
    r"pgbouncer|pgcat|(?:yandex/|@|host\S*[\s:=\"']+)odyssey\b|odyssey\.conf|supavisor|"
    r"pooler\.supabase|-pooler\.|rds[-_]?proxy|:6432\b",
    re.IGNORECASE,
)
SERVERLESS: Final = re.compile(
    r"AWS::Serverless::Function|AWS::Lambda::Function|public\.ecr\.aws/lambda/|awslambdaric|"
    r"aws-lambda-web-adapter|^\s*runtime:\s*python\d"
)
SERVER_FILE: Final = re.compile(r"\.(?:conf|cnf):\d+$")
ITEM: Final = re.compile(r"^\s*-\s+(\S.*)$")
COMMENT: Final = re.compile(r"^\s*(?:#|//)")
#: Servers of the same protocol, by the name of their image.
SERVERS: Final = {
    "redis-stack": "redis",
    "redis-stack-server": "redis",
    "postgresql": "postgres",
    "postgis": "postgres",
    "pgvector": "postgres",
    "timescaledb": "postgres",
}
#: A larger file is no description of a deployment.
MAX_BYTES: Final = 300_000


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """Something that a file says: its value, and ``path:line`` where it stands."""

    value: T
    where: str


@dataclass(frozen=True, slots=True)
class Image:
    """A server that a container runs: *name* is ``redis``, ``valkey``, ``postgres`` and so on."""

    name: str
    version: Version


@dataclass(frozen=True)
class Deployment:
    """What the files of the target say about how it is run."""

    paths: Collection[str]
    read: Callable[[str], bytes | None]

    @cached_property
    def _lines(self) -> tuple[tuple[str, int, str], ...]:
        """The lines (path, number, text) of the files that may say something, without comments."""
        found = []
        for path in sorted(self.paths):
            if not STARTING.search(path) or is_test(path):
                continue
            raw = self.read(path)
            if raw is None or len(raw) > MAX_BYTES:
                continue
            for number, line in enumerate(_joined(raw.decode("utf-8-sig", "replace")), 1):
                if not COMMENT.search(line):
                    found.append((path, number, line))
        return tuple(found)

    @cached_property
    def _commands(self) -> tuple[tuple[str, int, str], ...]:
        """The lines, with the items of a YAML list put on one line, as a command has them."""
        found: list[tuple[str, int, str]] = []
        open_list: tuple[str, int] | None = None
        for path, number, line in self._lines:
            item = ITEM.match(line)
            if item is None:
                open_list = None
                found.append((path, number, line))
            elif open_list is not None and open_list == (path, number - 1):
                found[-1] = (*found[-1][:2], f"{found[-1][2]} {item.group(1)}")
                open_list = (path, number)
            else:
                found.append((path, number, item.group(1)))
                open_list = (path, number)
        return tuple(found)

    @cached_property
    def web_workers(self) -> tuple[Fact[int], ...]:
        """The numbers of worker processes that a web server is started with."""
        found = [
            Fact(int(next(filter(None, match.groups()))), f"{path}:{number}")
            for path, number, line in self._commands
            if SERVER.search(line)
            for match in WORKERS.finditer(line)
        ]
        found += self._matches(WEB_CONCURRENCY)
        return (*found, *self._gunicorn("workers", int))

    @cached_property
    def started(self) -> frozenset[str]:
        """The dotted names of the modules that servers and workers are told to run."""
        return frozenset(
            next(filter(None, match.groups()))
            for _, _, line in self._commands
            for match in STARTED.finditer(line)
        )

    @cached_property
    def replicas(self) -> tuple[Fact[int], ...]:
        """How many copies of a container run at once."""
        return (*self._matches(REPLICAS), *self._matches(SCALE))

    @cached_property
    def max_connections(self) -> tuple[Fact[int], ...]:
        """How many connections database servers are told to allow."""
        own = [one for one in self._matches(SET_CONNECTIONS) if SERVER_FILE.search(one.where)]
        return (*self._matches(MAX_CONNECTIONS), *own)

    @cached_property
    def preload_app(self) -> tuple[Fact[bool], ...]:
        """Whether gunicorn imports the application before it forks its workers."""
        found = [
            Fact(True, f"{path}:{number}")
            for path, number, line in self._commands
            if "gunicorn" in line and re.search(r"--preload\b", line)
        ]
        return (*found, *self._gunicorn("preload_app", bool))

    @cached_property
    def poolers(self) -> tuple[Fact[str], ...]:
        """Connection poolers that stand before the database."""
        return tuple(
            Fact(match.group(), f"{path}:{number}")
            for path, number, line in self._lines
            if (match := POOLER.search(line)) is not None
        )

    @cached_property
    def serverless(self) -> tuple[Fact[str], ...]:
        """Signs that the application runs as functions, which are frozen between requests."""
        found = [
            Fact(match.group().strip(), f"{path}:{number}")
            for path, number, line in self._lines
            if (match := SERVERLESS.search(line)) is not None
        ]
        names = ("zappa_settings.json", "zappa_settings.py", "serverless.yml", "serverless.yaml")
        found += [Fact(p.rpartition("/")[2], p) for p in sorted(self.paths) if p.endswith(names)]
        return tuple(found)

    @cached_property
    def images(self) -> tuple[Fact[Image], ...]:
        """The servers that containers run, with the version in the image's tag."""
        return tuple(self._images())

    def _images(self) -> Iterator[Fact[Image]]:
        for path, number, line in self._lines:
            for match in IMAGE.finditer(line):
                version = tag_version(match.group(3))
                if version is not None:
                    name = match.group(2).lower()
                    image = Image(SERVERS.get(name, name), version)
                    yield Fact(image, f"{path}:{number}")

    def server_floor(self, *names: str) -> Fact[Version] | None:
        """Return the oldest version of the servers *names* that a container runs, if any does.

        Production may run another server than the containers of the repository.
        """
        found = [Fact(f.value.version, f.where) for f in self.images if f.value.name in names]
        return min(found, key=lambda fact: fact.value, default=None)

    def _matches(self, pattern: re.Pattern[str]) -> list[Fact[int]]:
        return [
            Fact(int(next(filter(None, match.groups()))), f"{path}:{number}")
            for path, number, line in self._lines
            if (match := pattern.search(line)) is not None
        ]

    def _gunicorn(self, name: str, wanted: type[T]) -> Iterator[Fact[T]]:
        """Yield literal settings of gunicorn's configuration files."""
        for path in sorted(self.paths):
            if "gunicorn" not in path.rpartition("/")[2] or not path.endswith(".py"):
                continue
            for line, given in _assignments(self.read(path) or b"", name):
                if type(given) is wanted and (given or wanted is int):
                    yield Fact(given, f"{path}:{line}")

    @property
    def processes(self) -> Fact[int] | None:
        """The number of web processes at once: most workers times most replicas, if known.

        None when no file says how many workers a server starts: more may run than we see.
        """
        workers = max(self.web_workers, key=lambda fact: fact.value, default=None)
        copies = max(self.replicas, key=lambda fact: fact.value, default=None)
        if workers is None:
            return None
        if copies is None:
            return workers
        where = f"{workers.where} * {copies.where}"
        return Fact(max(workers.value, 1) * max(copies.value, 1), where)


def tag_version(tag: str) -> Version | None:
    """Return the version that an image's tag starts with: ``7.2`` of ``7.2-alpine``."""
    found = re.match(r"(?:pg|v)?(\d+(?:\.\d+)*)", tag)
    try:
        return Version(found.group(1)) if found else None
    except InvalidVersion:
        return None


def _joined(text: str) -> Iterable[str]:
    r"""Yield the lines of *text*; one that ends in ``\`` is continued by what follows it."""
    pending = ""
    waiting = 0
    for line in text.splitlines():
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1] + " "
            waiting += 1
            continue
        yield pending + line
        for _ in range(waiting):
            yield ""  # so that later lines keep their numbers
        pending, waiting = "", 0
    if pending:
        yield pending


def _assignments(raw: bytes, name: str) -> Iterator[tuple[int, object]]:
    try:
        tree = ast.parse(raw)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Constant(value=given)):
                if found == name:
                    yield node.lineno, given
