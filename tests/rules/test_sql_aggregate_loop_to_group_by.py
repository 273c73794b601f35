"""sql-aggregate-loop-to-group-by: the rewritten cases of its README give the same answers."""

from __future__ import annotations

import inspect
from decimal import Decimal
from pathlib import Path

import pytest
from hephaestus_rules.sql_aggregate_loop_to_group_by import rule
from hypothesis import HealthCheck, example, given, settings
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
#: Cases that hold because the target asks for PostgreSQL: others have their own zeros.
ONLY_POSTGRESQL = {title for title, case in CASES.items() if b"Decimal(0)" in case.after[PATH]}
IDS = range(1, 6)


def numbers(none=False):
    """Some keys that exist, some that do not, again and again."""
    return strategies.keys(IDS, (0, 9), none=none)


class Once:
    """Items that can be run over once, as those of a generator."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        """Give the items away."""
        while self.items:
            yield self.items.pop(0)


KEY = st.sampled_from([*IDS, 9])
ARGUMENTS = {
    "user_ids": numbers(),
    "places": numbers(none=True),
    "stream": numbers().map(Once),
    "amounts": st.dictionaries(KEY, st.integers(0, 2)),
    "teams": st.lists(numbers(), max_size=3),
    "least": st.integers(0, 3),
    "first": KEY,
    "second": KEY,
    "third": KEY,
}
MANY = {
    "users": [{"id": key, "name": "a"} for key in IDS],
    "posts": [
        {
            "id": n,
            "author_id": n % 4 + 1,  # the last user has none
            "editor_id": (None, 1, 2)[n % 3],
            "public": n % 2 == 0,
            "words": n,
            "price": Decimal(n) / 4,
            "score": None if n % 4 == 0 else n / 2,  # the first user's are all NULL
        }
        for n in range(1, 17)
    ],
    "comments": [{"id": n, "post_id": n % 16 + 1, "stars": n % 3 or None} for n in range(1, 25)],
}
EMPTY: dict[str, list[dict[str, object]]] = {"users": [], "posts": [], "comments": []}
KEYS = {
    "user_ids": [*IDS, *IDS],
    "places": [*IDS, None, *IDS],
    "stream": [*IDS, *IDS],
    "amounts": dict.fromkeys(IDS, 1),
    "teams": [[*IDS], [*IDS, *IDS]],
    "least": 2,
    "first": 1,
    "second": 2,
    "third": 9,
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
    """Return the names of what the function of *case* is given besides the session."""
    space: dict[str, object] = {}
    source = case.before[PATH].decode()
    start = source.index("def answer(")
    head = source[start : source.index(":\n", start)]
    exec(f"from __future__ import annotations\n{head}: ...", space)
    return list(inspect.signature(space["answer"]).parameters)[1:]


def batches_of(case):
    """Return how many batches the rewrite of *case* asks."""
    return sum(raw.count(b".in_(") for raw in case.after.values())


@st.composite
def worlds(draw):
    """Users, their posts and comments; of some users there are none, or only NULLs."""
    users = [{"id": key, "name": draw(st.sampled_from("ab"))} for key in IDS if draw(st.booleans())]
    known = [user["id"] for user in users]
    posts = [
        {
            "id": number,
            "author_id": draw(st.sampled_from(known)),
            "editor_id": draw(st.sampled_from([None, *known])),
            "public": draw(st.booleans()),
            "words": draw(st.integers(-3, 3)),
            "price": draw(st.decimals(-10, 10, places=2)),
            "score": draw(st.sampled_from([None, None, -1.5, 0.0, 0.25, 2.0])),
        }
        for number in range(1, draw(st.integers(1, 9)))
        if known
    ]
    comments = [
        {
            "id": number,
            "post_id": draw(st.sampled_from([post["id"] for post in posts])),
            "stars": draw(st.sampled_from([None, 0, 5])),
        }
        for number in range(1, draw(st.integers(1, 6)))
        if posts
    ]
    return {"users": users, "posts": posts, "comments": comments}


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request):
    """Both databases."""
    if request.param == "sqlite":
        return d.sqlite()
    return d.postgresql(request.getfixturevalue("pg_database"))


PLACES = [
    pytest.param(title, place, id=f"{title}-{place}")
    for title in CASES
    for place in ("sqlite", "postgresql")
    if place == "postgresql" or title not in ONLY_POSTGRESQL
]


@pytest.mark.parametrize(("title", "bench"), PLACES, indirect=["bench"])
def test_the_same_whatever_the_rows_and_keys(title, bench):
    """Values and their types, errors and final rows; and a statement for each batch at the most."""
    case = CASES[title]
    before, after = program(case.before), program(case.after)
    batches = batches_of(case)  # sent even where there is nothing to ask

    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds(), st.fixed_dictionaries({n: ARGUMENTS[n] for n in arguments_of(case)}))
    @example(EMPTY, {name: KEYS[name] for name in arguments_of(case)})
    @example(MANY, {name: KEYS[name] for name in arguments_of(case)})
    def compare(rows, arguments):
        efforts = d.assert_same(before, after, d.World(rows, arguments=arguments), bench)
        assert efforts.after.statements <= efforts.before.statements + batches

    compare()


@pytest.mark.parametrize("title", CASES)
def test_a_loop_sends_a_statement_not_one_for_each_item(title):
    """That is the point of it: a statement for each batch, and those that were outside of loops."""
    case = CASES[title]
    arguments = {name: KEYS[name] for name in arguments_of(case)}
    before, after = program(case.before), program(case.after)
    world = d.World(MANY, arguments=arguments)

    one, other = (d.observe(each, world, d.sqlite()) for each in (before, after))

    batches = batches_of(case) * (2 if "teams" in arguments else 1)
    others = sum("GROUP BY" not in one and "DISTINCT" not in one for one in other.statements)
    assert len(other.statements) < len(one.statements)
    assert len(other.statements) - others <= batches
