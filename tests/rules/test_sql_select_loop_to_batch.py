"""sql-select-loop-to-batch: the rewritten cases of its README do the same with fewer statements."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hephaestus_rules.sql_select_loop_to_batch import rule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hephaestus_codemods.testing import differential as d
from hephaestus_codemods.testing import strategies
from hephaestus_codemods.testing.cases import read_cases

README = Path(rule.__file__).with_name("README.md")
PATH = "app/example.py"
#: Cases of libraries that are not installed here.
ELSEWHERE = (b"sqlmodel", b"flask_sqlalchemy")
CASES = {
    case.title: case
    for case in read_cases(README.read_text("utf-8"))
    if case.is_rewrite and not any(name in case.before["app/models.py"] for name in ELSEWHERE)
}
IDS = range(1, 6)
NAMES = ("a", "A", "b", "1", "01", " a", "é")


def numbers(none=False):
    """Some keys that exist, some that do not, again and again."""
    return strategies.keys(IDS, (0, 9), none=none)


LINES = st.lists(st.fixed_dictionaries({"user_id": st.sampled_from([*IDS, 9])}), max_size=8)


class Once:
    """Items that can be run over once, as those of a generator."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        """Give the items away."""
        while self.items:
            yield self.items.pop(0)


ARGUMENTS = {
    "user_ids": numbers(),
    "names": strategies.keys(NAMES, ("c", ""), none=False),
    "lines": LINES,
    "texts": LINES.map(lambda lines: [{"user_id": str(one["user_id"])} for one in lines]),
    "stream": LINES.map(Once),
    "amounts": st.dictionaries(st.sampled_from([*IDS, 9]), st.integers(0, 3)),
    "teams": st.lists(numbers(), max_size=3),
    "places": numbers(),
    "title": st.sampled_from(["a", "b"]),
    "body": st.fixed_dictionaries({"names": strategies.keys(NAMES, ("c", ""), none=False)}),
}


def program(files):
    """The case as a program."""
    modules = {
        path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): raw.decode()
        for path, raw in files.items()
        if path.endswith(".py")
    }
    is_async = "AsyncSession" in modules["app.example"]
    takes = (d.Takes.ASYNC_SESSION if is_async else d.Takes.SESSION,)
    return d.Program(modules, "app.example:answer", takes, "app.models:Base.metadata")


def arguments_of(case):
    """Return the arguments that the function of *case* takes, each with its kind of values."""
    space: dict[str, object] = {}
    source = case.before[PATH].decode()
    start = source.index("def answer(")
    head = source[start : source.index(":\n", start)]
    exec(f"from __future__ import annotations\n{head}: ...", space)
    names = list(inspect.signature(space["answer"]).parameters)[1:]
    is_text = "dict[str, str]" in head
    return {name: "texts" if is_text and name == "lines" else name for name in names}


@st.composite
def worlds(draw):
    """Users and posts, of which some belong to nobody."""
    names = st.sampled_from(NAMES)
    users = [
        {"id": key, "name": name, "active": draw(st.booleans())}
        for key, name in zip(IDS, draw(st.permutations(NAMES)), strict=False)
        if draw(st.booleans())
    ]
    known = [user["id"] for user in users]
    posts = [
        {
            "id": number,
            "author_id": draw(st.sampled_from(known)),
            "editor_id": draw(st.sampled_from([None, *known])),
            "title": draw(names | st.just("")),
        }
        for number in range(1, draw(st.integers(1, 7)))
        if known
    ]
    return {"users": users, "posts": posts}


def names(table):
    """Return the names of the columns of *table*."""
    return [column.name for column in table.columns]


def fitting(rows, tables):
    """Return *rows* without what the case has no column for."""
    return {
        table.name: [{name: row[name] for name in names(table)} for row in rows[table.name]]
        for table in tables.sorted_tables
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request):
    """Both databases."""
    if request.param == "sqlite":
        return d.sqlite()
    return d.postgresql(request.getfixturevalue("pg_database"))


@pytest.mark.parametrize("title", CASES)
def test_the_same_whatever_the_rows_and_keys(title, bench):
    """Results, their order and identity, errors and final rows; and no more statements."""
    case = CASES[title]
    before, after = program(case.before), program(case.after)
    tables, kinds = before.tables(), arguments_of(case)

    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds(), st.fixed_dictionaries({n: ARGUMENTS[k] for n, k in kinds.items()}))
    def compare(rows, arguments):
        world = d.World(fitting(rows, tables), arguments=arguments)
        efforts = d.assert_same(before, after, world, bench)
        # A batch is sent even where there is nothing to ask.
        batches = sum(raw.count(b".in_(") for raw in case.after.values())
        assert efforts.after.statements <= efforts.before.statements + batches

    compare()


MANY = {
    "users": [{"id": key, "name": NAMES[key], "active": True} for key in IDS],
    "posts": [
        {"id": n, "author_id": n % 5 + 1, "editor_id": (n + 2) % 5 + 1, "title": "c"}
        for n in range(1, 21)
    ],
}
KEYS = {
    "user_ids": [*IDS, *IDS],
    "places": [*IDS, *IDS],
    "names": [*NAMES, *NAMES],
    "lines": [{"user_id": key} for key in (*IDS, *IDS)],
    "texts": [{"user_id": str(key)} for key in (*IDS, *IDS)],
    "stream": [{"user_id": key} for key in (*IDS, *IDS)],
    "amounts": dict.fromkeys(IDS, 1),
    "teams": [[*IDS], [*IDS]],
    "title": "a",
    "body": {"names": [*NAMES, *NAMES]},
}


@pytest.mark.parametrize("title", CASES)
def test_a_loop_sends_a_statement_not_one_for_each_item(title):
    """That is the point of it: at least a third of the statements is saved."""
    case = CASES[title]
    before, after = program(case.before), program(case.after)
    arguments = {name: KEYS[kind] for name, kind in arguments_of(case).items()}
    world = d.World(fitting(MANY, before.tables()), arguments=arguments)

    efforts = d.assert_same(before, after, world, d.sqlite())

    assert efforts.after.statements * 3 <= efforts.before.statements * 2
