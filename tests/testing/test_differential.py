"""The differential harness sees what it claims to see: planted differences are found."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from hephaestus_codemods.testing import differential as d
from hephaestus_codemods.testing.strategies import keys, rows, too_many_keys

MODELS = """
from decimal import Decimal
from sqlalchemy import ForeignKey, String, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase): ...

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(40))

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    label: Mapped[str] = mapped_column(String(20), unique=True)
"""
LOOP = """
def names(session, ids):
    found = []
    for key in ids:
        user = session.scalar(select(User).where(User.id == key))
        if user is not None:
            found.append(user.name)
    return found
"""
BATCH = """
def names(session, ids):
    users = session.scalars(select(User).where(User.id.in_(ids)))
    by_id = {user.id: user.name for user in users}
    return [by_id[key] for key in ids if key in by_id]
"""
WORLD = d.World(
    {"users": [{"id": 2, "name": "b"}, {"id": 1, "name": "a"}]}, arguments={"ids": [2, 9, 1, 2]}
)
SQLITE = d.sqlite()


def names(body: str) -> d.Program:
    """A program over the models above whose function is called ``names``."""
    return d.Program.of(MODELS + body, "names")


def one(body: str, *takes: d.Takes) -> d.Program:
    """A program without tables whose function is called ``run``."""
    return d.Program.of(body, "run", takes, metadata=None)


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request):
    """Both databases."""
    if request.param == "sqlite":
        return SQLITE
    return d.postgresql(request.getfixturevalue("pg_database"))


def test_an_honest_batch_is_the_same_and_cheaper(bench):
    """A right rewrite passes, and its statements are counted."""
    efforts = d.assert_same(names(LOOP), names(BATCH), WORLD, bench)

    assert (efforts.before.statements, efforts.after.statements) == (4, 1)


@pytest.mark.parametrize(
    ("planted", "seen"),
    [
        ("    return [by_id[key] for key in by_id if key in ids]", "outcome"),
        ("    return [by_id[key] for key in dict.fromkeys(ids) if key in by_id]", "outcome"),
        ("    return [by_id.get(key) for key in ids]", "outcome"),
        ("    return [by_id[key] for key in ids]", "KeyError"),
        ("    return tuple(by_id[key] for key in ids if key in by_id)", "outcome"),
        ("    ids.sort(); return ['b', 'a', 'b']", "arguments"),
        ("    print('hello'); return ['b', 'a', 'b']", "printed"),
        ("    session.add(User(id=7)); return ['b', 'a', 'b']", "final rows of users"),
        ("    session.execute(text('DELETE FROM users')); return ['b', 'a', 'b']", "final rows"),
    ],
)
def test_a_planted_difference_is_found(bench, planted, seen):
    """Order, duplicates, missing keys, errors, types, mutations, output and rows."""
    broken = BATCH.rpartition("    return")[0] + planted + "\n"

    with pytest.raises(AssertionError, match=seen):
        d.assert_same(names(LOOP), names(broken), WORLD, bench)


def test_hypothesis_finds_the_row_that_breaks_a_batch():
    """A batch that forgets None and duplicates does not survive the strategies."""
    wrong = names(BATCH.replace("for key in ids if key in by_id", "for key in set(ids) & {*by_id}"))
    before = names(LOOP)

    @settings(
        max_examples=200, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
    )
    @given(rows(before.tables()), keys(range(1, 6), missing=(77,)))
    def compare(data, ids):
        d.assert_same(before, wrong, d.World(data, arguments={"ids": ids}), SQLITE)

    with pytest.raises(AssertionError, match="outcome"):
        compare()


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows(names(LOOP).tables()), keys(range(1, 10), missing=(77,)))
def test_the_honest_batch_survives_odd_rows_and_keys(bench, data, ids):
    """Rows of the strategies keep the constraints of the tables on both databases."""
    d.assert_same(names(LOOP), names(BATCH), d.World(data, arguments={"ids": ids}), bench)


def test_more_keys_than_a_statement_takes_break_a_careless_batch(pg_database):
    """The strategy for it is larger than the limit of PostgreSQL's protocol."""
    world = d.World(WORLD.rows, arguments={"ids": too_many_keys([1, 2])})

    seen = d.observe(names(BATCH), world, d.postgresql(pg_database))

    assert isinstance(seen.outcome, d.Raised)
    assert "OperationalError" in seen.outcome.kind


def test_sharing_one_object_is_a_difference():
    """Two keys that get the same list are not two keys that get equal lists."""
    apart = one("def run():\n    return [[], []]")
    shared = one("def run():\n    a = []\n    return [a, a]")

    with pytest.raises(AssertionError, match="again"):
        d.assert_same(apart, shared, d.World(), SQLITE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return 1", "return True"),
        ("return 1", "return 1.0"),
        ("return {'a': 1, 'b': 2}", "return {'b': 2, 'a': 1}"),
        ("raise ValueError('a')", "raise ValueError('b')"),
        ("raise KeyError('a')", "raise LookupError('a')"),
        ("return None", "raise SystemError"),
    ],
)
def test_values_and_errors_are_told_apart(old, new):
    """By type, by order, by message."""
    with pytest.raises(AssertionError):
        d.assert_same(one(f"def run():\n  {old}"), one(f"def run():\n  {new}"), d.World(), SQLITE)


def test_a_database_error_is_compared_without_its_statement(bench):
    """Two statements that break the same constraint fail the same way."""
    insert = "def names(session, ids):\n    session.execute(text('{}'))\n"
    first = names(insert.format("INSERT INTO users (id) VALUES (1)"))
    second = names(insert.format("INSERT INTO users (id, name) VALUES (1, null)"))

    d.assert_same(first, second, WORLD, bench)


def test_objects_are_compared_by_their_columns(bench):
    """Mapped objects come back as what they hold, and as the same object where they are."""
    get = "def names(session, ids):\n    return [session.get(User, key) for key in ids]\n"
    rows_ = "def names(session, ids):\n    return session.execute(select(User.id)).all()\n"

    objects = d.observe(names(get), WORLD, bench).outcome

    assert "('User', '#1 again')" in repr(objects)
    assert "'b'" in repr(objects)
    assert d.observe(names(rows_), WORLD, bench).outcome[1][0][1] == ("id",)


def test_generated_keys_follow_the_given_ones(bench):
    """A row that the program adds does not meet the prepared ones."""
    add = "def names(session, ids):\n    session.add(User(name='new'))\n"

    seen = d.observe(names(add), WORLD, bench)

    assert not isinstance(seen.outcome, d.Raised), seen.outcome
    assert len(seen.rows["users"]) == 3


@pytest.mark.parametrize(
    ("takes", "body", "statements"),
    [
        (d.Takes.CONNECTION, "def names(c, ids):\n    return c.scalars(select(User.id)).all()", 1),
        (
            d.Takes.ASYNC_SESSION,
            "async def names(s, ids):\n    return [await s.get(User, key) for key in ids]",
            3,
        ),
        (
            d.Takes.ASYNC_CONNECTION,
            "async def names(c, ids):\n    return (await c.scalars(select(User.id))).all()",
            1,
        ),
        (
            d.Takes.DRIVER,
            "def names(c, ids):\n    return [*c.execute('SELECT id FROM users ORDER BY 1')]",
            1,
        ),
    ],
)
def test_each_kind_of_access_is_served_and_counted(bench, takes, body, statements):
    """ORM, Core and driver, synchronous and asynchronous."""
    seen = d.observe(d.Program.of(MODELS + body, "names", [takes]), WORLD, bench)

    assert not isinstance(seen.outcome, d.Raised), seen.outcome
    assert len(seen.statements) == statements


def test_asyncpg_is_served_and_counted(pg_database):
    """The driver that has no other interface."""
    body = "async def names(c, ids):\n    return await c.fetch('SELECT id FROM users')"
    program = d.Program.of(MODELS + body, "names", [d.Takes.ASYNCPG])

    seen = d.observe(program, WORLD, d.postgresql(pg_database))

    assert not isinstance(seen.outcome, d.Raised), seen.outcome
    assert len(seen.statements) == 1


def test_generators_run_to_their_end_and_are_counted():
    """What a caller would pull out of them is part of what they do."""
    body = "def names(session, ids):\n    for key in ids:\n        yield session.get(User, key)\n"

    assert len(d.observe(names(body), WORLD, SQLITE).statements) == 3


def test_several_modules_make_a_program():
    """The query is in one module, the loop in another."""
    program = d.Program(
        {
            "shop.models": MODELS,
            "shop.crud": "from shop.models import *\ndef get(s, key): return s.get(User, key)",
            "shop.api": "from . import crud\ndef all(s, ids): return [crud.get(s, k) for k in ids]",
        },
        "shop.api:all",
        metadata="shop.models:Base.metadata",
    )

    assert len(d.observe(program, WORLD, SQLITE).statements) == 3


TWO = "def run(r):\n    r.set('k', 'v')\n    r.expire('k', 60)\n"
ONE = "def run(r):\n    r.set('k', 'v', ex=60)\n"


def test_commands_and_round_trips_are_counted(redis_keyspace):
    """Two commands are two round trips; a pipeline makes them one."""
    bench = d.sqlite(redis_keyspace)
    pipe = "def run(r):\n    p = r.pipeline()\n    p.set('k', 'v')\n    p.expire('k', 60)\n"

    efforts = d.assert_same(one(TWO, d.Takes.REDIS), one(ONE, d.Takes.REDIS), d.World(), bench)
    piped = d.observe(one(pipe + "    p.execute()\n", d.Takes.REDIS), d.World(), bench)

    assert (efforts.before, efforts.after) == (d.Effort(0, 2, 2), d.Effort(0, 1, 1))
    assert (piped.commands, piped.round_trips) == (("MULTI", "SET", "EXPIRE", "EXEC"), 1)


@pytest.mark.parametrize(
    "planted",
    [
        "def run(r):\n    r.set('k', 'v')\n",
        "def run(r):\n    r.set('k', 'v', ex=90)\n",
        "def run(r):\n    r.set('k', 'w', ex=60)\n",
        "def run(r):\n    r.set('other', 'v', ex=60)\n    r.set('k', 'v', ex=60)\n",
        "def run(r):\n    r.hset('k', 'v', 1)\n    r.expire('k', 60)\n",
        "def run(r):\n    pass\n",
    ],
)
def test_a_planted_difference_in_redis_is_found(redis_keyspace, planted):
    """Life, content, type and presence of keys."""
    bench = d.sqlite(redis_keyspace)

    with pytest.raises(AssertionError, match="Redis key"):
        d.assert_same(one(TWO, d.Takes.REDIS), one(planted, d.Takes.REDIS), d.World(), bench)


def test_async_redis_is_served_from_prepared_keys(redis_keyspace):
    """Commands of the world come first, and are not counted."""
    body = "async def run(r):\n    return [await r.get('a'), await r.lrange('l', 0, -1)]\n"
    world = d.World(commands=[("SET", "a", "1"), ("RPUSH", "l", "x", 2)])

    seen = d.observe(one(body, d.Takes.ASYNC_REDIS), world, d.sqlite(redis_keyspace))

    assert seen.outcome == (
        "list",
        (("bytes", b"1"), ("list", (("bytes", b"x"), ("bytes", b"2")))),
    )
    assert (seen.commands, seen.round_trips) == (("GET", "LRANGE"), 2)
    assert set(seen.keys) == {"a", "l"}
