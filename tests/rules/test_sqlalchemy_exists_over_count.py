"""sqlalchemy-exists-over-count: the rewritten cases of its README answer the same as before."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from hephaestus_rules.sqlalchemy_exists_over_count import rule
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from hephaestus_codemods.testing import differential as d
from hephaestus_codemods.testing.cases import read_cases

README = Path(rule.__file__).with_name("README.md")
CASES = {
    case.title: case
    for case in read_cases(README.read_text("utf-8"))
    if case.is_rewrite and b"def answer(session" in case.before["app/example.py"]
}
PATH = "app/example.py"
NAMES = (None, "a", "b", "c")
KEYS = st.lists(st.integers(1, 9), unique=True, max_size=6)
EMPTY: dict[str, list[dict[str, object]]] = {"users": [], "items": []}
MANY = {
    "users": [{"id": n, "name": NAMES[n % 4]} for n in range(1, 9)],
    "items": [{"id": n, "owner_id": (None, 1, 1, 2)[n % 4]} for n in range(1, 9)],
}


@st.composite
def worlds(draw):
    """Users with and without names, and items with and without owners."""
    users = draw(KEYS)
    owners = st.sampled_from([None, *users])
    return {
        "users": [{"id": key, "name": draw(st.sampled_from(NAMES))} for key in users],
        "items": [{"id": key, "owner_id": draw(owners)} for key in draw(KEYS)],
    }


def program(files):
    """The case's function as a program."""
    source = files[PATH].decode()
    takes = d.Takes.ASYNC_SESSION if "AsyncSession" in source else d.Takes.SESSION
    return d.Program.of(source, "answer", [takes])


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request):
    """Both databases."""
    if request.param == "sqlite":
        return d.sqlite()
    return d.postgresql(request.getfixturevalue("pg_database"))


@pytest.mark.parametrize("title", CASES)
def test_the_answer_is_the_same_whatever_the_rows(title, bench):
    """No rows, one, many, NULLs; and no more statements than before."""
    before, after = program(CASES[title].before), program(CASES[title].after)

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds())
    @example(EMPTY)
    @example(MANY)
    def compare(rows):
        efforts = d.assert_same(before, after, d.World(rows), bench)
        assert efforts.after.statements <= efforts.before.statements

    compare()


class Counting(sqlite3.Cursor):
    """A cursor that counts the rows it hands out."""

    rows = 0

    def fetchall(self):
        """Count the rows of a list."""
        found = super().fetchall()
        Counting.rows += len(found)
        return found

    def fetchmany(self, size=1):
        """Count the rows of a part."""
        found = super().fetchmany(size)
        Counting.rows += len(found)
        return found

    def fetchone(self):
        """Count one row."""
        found = super().fetchone()
        Counting.rows += found is not None
        return found


class Connection(sqlite3.Connection):
    """A connection whose cursors count."""

    def cursor(self, factory=Counting):
        """Return a cursor that counts."""
        return super().cursor(factory)


def fetched(files):
    """Return how many rows the case's function fetches from eight users and eight items."""
    space: dict[str, object] = {}
    exec(compile(files[PATH], PATH, "exec"), space)
    engine = sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(":memory:", factory=Connection)
    )
    space["Base"].metadata.create_all(engine)
    with Session(engine) as session:
        session.execute(sa.insert(space["User"]), MANY["users"])
        session.execute(sa.insert(space["Item"]), MANY["items"])
        session.commit()
        Counting.rows = 0
        space["answer"](session)
        rows = Counting.rows
    engine.dispose()
    return rows


@pytest.mark.parametrize(
    "title", [title for title, case in CASES.items() if b"AsyncSession" not in case.before[PATH]]
)
def test_no_more_rows_are_fetched(title):
    """That is the point of it."""
    assert fetched(CASES[title].after) <= fetched(CASES[title].before)


def test_far_fewer_rows_are_fetched_where_a_list_was():
    """One row for each question, whatever the number of users."""
    case = CASES["The length of a list is counted by the database"]

    assert (fetched(case.before), fetched(case.after)) == (30, 6)
