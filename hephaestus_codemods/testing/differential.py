"""The differential harness: code before and after a rewrite, on the same data, on real servers.

::

    before, after = Program.of(OLD, "unpaid"), Program.of(NEW, "unpaid")

    @given(rows(before.tables()), keys(range(1, 6)))
    def test_it(data, wanted):
        effort = assert_same(before, after, World(data, arguments={"ids": wanted}), sqlite())
        assert effort.after.statements <= effort.before.statements

Compared are: the result (values, their types, order, and which parts are one and the same object),
the exception (class and message), arguments that were changed, what was printed, the final rows of
every table, and the final keys of Redis with their remaining life. SQL statements, Redis commands
and round trips are counted, not compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import importlib
import inspect
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from redis import Redis
from sqlalchemy.engine import Result, ScalarResult
from sqlalchemy.ext.asyncio import AsyncSession

from hephaestus_codemods.testing.importing import importable
from hephaestus_codemods.testing.resources import (
    ASYNC_OPENERS,
    OPENERS,
    Bench,
    Place,
    Takes,
    open_engine,
)
from hephaestus_codemods.testing.services import KEYSPACE_TAKEN
from hephaestus_codemods.testing.shapes import Raised, Shape, shape
from hephaestus_codemods.testing.wiretap import Wiretap

if TYPE_CHECKING:
    from types import ModuleType

#: Rows to start with: table name → rows as column → value.
Rows = Mapping[str, Sequence[Mapping[str, object]]]

#: Two runs take their time: remaining lives may differ by this much.
LIFE_TOLERANCE_SECONDS = 2


@dataclass(frozen=True)
class Program:
    """Code to run: *modules* (dotted name → text) and *entry*, ``module:function``.

    *metadata* says where the tables are, ``module:Base.metadata``; without it there are none.
    """

    modules: Mapping[str, str]
    entry: str
    takes: tuple[Takes, ...] = (Takes.SESSION,)
    metadata: str | None = None

    @classmethod
    def of(
        cls,
        source: str,
        function: str,
        takes: Sequence[Takes] = (Takes.SESSION,),
        metadata: str | None = "Base.metadata",
    ) -> Program:
        """Return a program of a single module."""
        place = None if metadata is None else f"program:{metadata}"
        return cls({"program": source}, f"program:{function}", tuple(takes), place)

    @cached_property
    def sources(self) -> dict[str, bytes]:
        """The modules as they are imported."""
        return {name: text.encode() for name, text in self.modules.items()}

    def tables(self) -> sa.MetaData:
        """Return the tables of the program, to make rows for them."""
        with importable(self.sources):
            return _tables(self) or sa.MetaData()


@dataclass(frozen=True)
class World:
    """What a program finds: rows, Redis commands that prepare the keys, and its arguments."""

    rows: Rows = field(default_factory=dict)
    commands: Sequence[Sequence[str | int]] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)


def sqlite(keyspace: str | None = None) -> Bench:
    """Run on a new SQLite database each time."""
    return Bench(None, keyspace)


def postgresql(database: str, keyspace: str | None = None) -> Bench:
    """Run on a PostgreSQL database that is ours, for example the fixture ``pg_database``."""
    return Bench(database, keyspace)


@dataclass(frozen=True)
class Key:
    """A Redis key at the end; *seconds* is how long it lives on (None: forever)."""

    type: str
    content: Shape
    seconds: float | None


@dataclass(frozen=True)
class Observation:
    """All that can be seen of one run."""

    outcome: Shape | Raised
    arguments: Shape
    printed: str
    rows: Mapping[str, tuple[Shape, ...]]
    keys: Mapping[str, Key]
    statements: tuple[str, ...]
    commands: tuple[str, ...]
    round_trips: int


@dataclass(frozen=True)
class Effort:
    """What a run asked of its servers."""

    statements: int
    commands: int
    round_trips: int


@dataclass(frozen=True)
class Efforts:
    """The effort before and after a rewrite."""

    before: Effort
    after: Effort


def assert_same(before: Program, after: Program, world: World, bench: Bench) -> Efforts:
    """Run both programs on the same data; raise AssertionError with all that differs."""
    one, other = observe(before, world, bench), observe(after, world, bench)
    found = differences(one, other)
    if found:
        raise AssertionError("the rewrite changes what can be seen:\n" + "\n".join(found))
    return Efforts(_effort(one), _effort(other))


def observe(program: Program, world: World, bench: Bench) -> Observation:
    """Run *program* once on fresh data and note all that can be seen."""
    tap = Wiretap()
    with importable(program.sources), ExitStack() as stack:
        place = stack.enter_context(_prepared(program, world, bench))
        arguments = copy.deepcopy(dict(world.arguments))
        printed = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        outcome = _called(program, arguments, place, tap)
        return Observation(
            outcome=outcome,
            arguments=shape(arguments),
            printed=printed.getvalue(),
            rows=_final_rows(program, place),
            keys=_final_keys(bench),
            statements=tuple(tap.statements),
            commands=tuple(tap.commands),
            round_trips=tap.round_trips,
        )


def differences(before: Observation, after: Observation) -> tuple[str, ...]:
    """Say in a line each what differs between two runs."""
    found = [
        f"{name}:\n  before  {old!r}\n  after   {new!r}"
        for name, old, new in (
            ("outcome", before.outcome, after.outcome),
            ("arguments", before.arguments, after.arguments),
            ("printed", before.printed, after.printed),
        )
        if old != new
    ]
    for table in sorted(before.rows.keys() | after.rows.keys()):
        old, new = before.rows.get(table), after.rows.get(table)
        if old != new:
            found.append(f"final rows of {table}:\n  before  {old!r}\n  after   {new!r}")
    for name in sorted(before.keys.keys() | after.keys.keys()):
        one, other = before.keys.get(name), after.keys.get(name)
        if not _same_key(one, other):
            found.append(f"Redis key {name}:\n  before  {one!r}\n  after   {other!r}")
    return tuple(found)


def _effort(seen: Observation) -> Effort:
    return Effort(len(seen.statements), len(seen.commands), seen.round_trips)


def _same_key(one: Key | None, other: Key | None) -> bool:
    if one is None or other is None:
        return one is other
    if (one.type, one.content) != (other.type, other.content):
        return False
    if one.seconds is None or other.seconds is None:
        return one.seconds is other.seconds
    return abs(one.seconds - other.seconds) <= LIFE_TOLERANCE_SECONDS


@contextmanager
def _prepared(program: Program, world: World, bench: Bench) -> Iterator[Place]:
    """Fill the servers with what *world* says."""
    with tempfile.TemporaryDirectory(prefix="hcodemod-differential-") as folder:
        url = _database_url(bench, Path(folder))
        tables = _tables(program)
        if tables is not None:
            _fill(url, tables, world.rows)
        if bench.keyspace is not None:
            with contextlib.closing(Redis.from_url(bench.keyspace)) as client:
                _empty(client)
                for command in world.commands:
                    client.execute_command(*command)  # type: ignore[no-untyped-call]
        yield Place(url, bench)


def _database_url(bench: Bench, folder: Path) -> sa.URL:
    if bench.database is None:
        return sa.make_url(f"sqlite:///{folder}/data.db")
    return sa.make_url(bench.database).set(drivername="postgresql+psycopg")


def _tables(program: Program) -> sa.MetaData | None:
    if program.metadata is None:
        return None
    found = _resolved(program.metadata)
    assert isinstance(found, sa.MetaData), f"{program.metadata} is no MetaData"
    return found


def _resolved(place: str) -> object:
    """Import ``module:dotted.name``."""
    module, _, names = place.partition(":")
    found: ModuleType | Any = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


def _fill(url: sa.URL, tables: sa.MetaData, rows: Rows) -> None:
    with open_engine(url).begin() as connection:
        if url.get_backend_name() == "postgresql":
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        tables.create_all(connection, checkfirst=False)
        for table in tables.sorted_tables:
            for row in rows.get(table.name, ()):
                connection.execute(table.insert().values(dict(row)))
            if url.get_backend_name() == "postgresql":
                _continue_numbering(connection, table)


def _continue_numbering(connection: sa.Connection, table: sa.Table) -> None:
    """Let the next generated key follow the given ones, as it does in SQLite."""
    column = table.autoincrement_column
    if column is None:
        return
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
    highest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
    connection.execute(sa.select(sa.func.setval(sequence, highest, sa.false())))


def _called(
    program: Program, arguments: dict[str, object], place: Place, tap: Wiretap
) -> Shape | Raised:
    """Call the entry function; its resources are committed when it returns."""
    function = _resolved(program.entry)
    assert callable(function)
    try:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return asyncio.run(_call_async(function, program.takes, arguments, place, tap))
        return _call(function, program.takes, arguments, place, tap)
    except Exception as error:  # what the caller sees is what is compared
        return Raised.of(error)
    finally:
        tap.listening = False


def _call(
    function: Callable[..., object],
    takes: Sequence[Takes],
    arguments: dict[str, object],
    place: Place,
    tap: Wiretap,
) -> Shape:
    with ExitStack() as stack:
        resources = [stack.enter_context(OPENERS[kind](place, tap)) for kind in takes]
        tap.listening = True
        value = function(*resources, **arguments)
        if isinstance(value, Iterator | Result | ScalarResult):
            value = list(value)
        with tap.paused():
            return shape(value)


async def _call_async(
    function: Callable[..., Any],
    takes: Sequence[Takes],
    arguments: dict[str, object],
    place: Place,
    tap: Wiretap,
) -> Shape:
    async with AsyncExitStack() as stack:
        resources: list[Any] = []
        for kind in takes:
            if kind in ASYNC_OPENERS:
                resources.append(await stack.enter_async_context(ASYNC_OPENERS[kind](place, tap)))
            else:
                resources.append(stack.enter_context(OPENERS[kind](place, tap)))
        tap.listening = True
        called = function(*resources, **arguments)
        is_stream = isinstance(called, AsyncIterator)
        value = [one async for one in called] if is_stream else await called
        session = next((one for one in resources if isinstance(one, AsyncSession)), None)
        with tap.paused():
            if session is None:
                return shape(value)
            # Reading an expired column of an object loads it, which only works in there.
            return await session.run_sync(lambda _: shape(value))


def _final_rows(program: Program, place: Place) -> dict[str, tuple[Shape, ...]]:
    tables = _tables(program)
    if tables is None:
        return {}
    with open_engine(place.url).connect() as connection:
        return {
            table.name: tuple(
                sorted((shape(tuple(row)) for row in connection.execute(table.select())), key=repr)
            )
            for table in tables.sorted_tables
        }


def _final_keys(bench: Bench) -> dict[str, Key]:
    if bench.keyspace is None:
        return {}
    assert urlsplit(bench.keyspace).path.strip("/0"), "number 0 belongs to somebody else"
    with contextlib.closing(Redis.from_url(bench.keyspace)) as client:
        names = [name for name in client.scan_iter() if name != KEYSPACE_TAKEN.encode()]
        return {name.decode(errors="replace"): _key(client, name) for name in names}


def _key(client: Redis, name: bytes) -> Key:
    kind = _text(client.type(name))
    readers: dict[str, Callable[[], object]] = {
        "string": lambda: client.get(name),
        "hash": lambda: sorted(client.hgetall(name).items()),
        "list": lambda: client.lrange(name, 0, -1),
        "set": lambda: client.smembers(name),
        "zset": lambda: client.zrange(name, 0, -1, withscores=True),
        "stream": lambda: client.xrange(name),
    }
    life = client.pttl(name)
    return Key(kind, shape(readers[kind]()), None if life < 0 else life / 1000)


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode()


def _empty(client: Redis) -> None:
    """Remove all keys; the one that says whose keyspace this is never misses."""
    with client.pipeline(transaction=True) as pipe:
        pipe.flushdb()
        pipe.set(KEYSPACE_TAKEN, "differential")
        pipe.execute()
