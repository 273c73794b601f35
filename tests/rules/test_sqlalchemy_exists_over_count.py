"""sqlalchemy-exists-over-count: the rewritten cases of its README answer the same as before."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from hephaestus_rules.sqlalchemy_exists_over_count import rule
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Query, Session, with_loader_criteria

from hephaestus_codemods.testing import differential as d
from hephaestus_codemods.testing.cases import read_cases

README = Path(rule.__file__).with_name("README.md")
CASES = {
    case.title: case
    for case in read_cases(README.read_text("utf-8"))
    if case.is_rewrite and b"def answer(session" in case.before["app/example.py"]
}
PATH = "app/example.py"
SYNC = [title for title, case in CASES.items() if b"AsyncSession" not in case.before[PATH]]
ADDRESS = re.compile(r"0x[0-9a-f]+")
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


@pytest.mark.parametrize("title", SYNC)
def test_no_more_rows_are_fetched(title):
    """That is the point of it."""
    assert fetched(CASES[title].after) <= fetched(CASES[title].before)


def test_far_fewer_rows_are_fetched_where_a_list_was():
    """One row for each question, whatever the number of users."""
    case = CASES["The length of a list is counted by the database"]

    assert (fetched(case.before), fetched(case.after)) == (30, 6)


def test_only_the_first_rows_are_fetched():
    """Three of seven items, one of eight users, and the two users called b."""
    case = CASES["Only the first rows of a list are fetched"]

    assert (fetched(case.before), fetched(case.after)) == (17, 6)


def test_a_count_and_a_question_fetch_one_row_each():
    """The questions cost no row more than the counts did."""
    case = CASES["A count that is selected asks for existence too"]

    assert (fetched(case.before), fetched(case.after)) == (6, 6)


class Soft(Session):
    """A session that routes by model, and hides what its criterion hides."""

    routes: ClassVar[list[str | None]] = []

    def get_bind(self, mapper=None, **others):
        """Note by which model the engine is chosen."""
        Soft.routes.append(mapper.class_.__name__ if mapper is not None else None)
        return super().get_bind(mapper, **others)


def hooked(files, *, names=None):
    """Return what the case answers, and the routes, where users not called one of *names* hide."""
    space: dict[str, object] = {}
    exec(compile(files[PATH], PATH, "exec"), space)
    user = space["User"]
    engine = sa.create_engine("sqlite://")
    space["Base"].metadata.create_all(engine)
    with Soft(engine) as session:
        session.execute(sa.insert(user), MANY["users"])
        session.execute(sa.insert(space["Item"]), MANY["items"])
        session.commit()
        Soft.routes.clear()

        @sa.event.listens_for(session, "do_orm_execute")
        def hide(state):
            if names is None:
                return
            shown = with_loader_criteria(user, user.name.in_(names), include_aliases=True)
            state.statement = state.statement.options(shown)

        answer = space["answer"](session)
    engine.dispose()
    return str(answer), set(Soft.routes)


@pytest.mark.parametrize("names", [(), ("a",), ("b", "c")], ids=str)
@pytest.mark.parametrize("title", SYNC)
def test_criteria_and_routes_of_a_session_still_hold(title, names):
    """Applications hide deleted rows, and choose engines by model, for every statement."""
    before = hooked(CASES[title].before, names=names)
    after = hooked(CASES[title].after, names=names)

    assert ADDRESS.sub("", after[0]) == ADDRESS.sub("", before[0])
    assert after[1] == before[1]


@pytest.mark.parametrize("title", SYNC)
def test_filters_added_to_every_legacy_query_still_hold(title):
    """The older way to hide rows: a listener that filters each query before it is compiled."""

    def hide(query):
        for one in query.column_descriptions:
            if isinstance(one["type"], type) and one["type"].__name__ == "User":
                query = query.enable_assertions(False).filter(one["entity"].name == "a")
        return query

    sa.event.listen(Query, "before_compile", hide, retval=True)
    try:
        before, after = hooked(CASES[title].before), hooked(CASES[title].after)
    finally:
        sa.event.remove(Query, "before_compile", hide)

    assert ADDRESS.sub("", after[0]) == ADDRESS.sub("", before[0])
