"""sqlalchemy-eager-load-relationship: the rewritten cases of its README give the same answers."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from hephaestus_rules.sqlalchemy_eager_load_relationship import rule
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from hephaestus_codemods.testing import differential as d
from hephaestus_codemods.testing.cases import read_cases
from hephaestus_codemods.testing.importing import importable

README = Path(rule.__file__).with_name("README.md")
PATH = "app/example.py"
#: Cases of libraries that are not installed here.
ELSEWHERE = (b"sqlmodel", b"flask")
ALL = {
    case.title: case
    for case in read_cases(README.read_text("utf-8"))
    if case.is_rewrite and not any(name in case.before["app/models.py"] for name in ELSEWHERE)
}
CASES = {title: case for title, case in ALL.items() if b"def answer(" in case.before[PATH]}
SERVED = {title: case for title, case in ALL.items() if b"FastAPI()" in case.before[PATH]}
NAMES = ("Ann", "Bob", "Cy")
ORDERS, ITEMS = range(1, 7), range(1, 13)
MANY = {
    "customers": [{"id": n, "name": NAMES[n % 3]} for n in range(1, 6)],
    "tags": [{"id": n, "name": f"tag {n}"} for n in range(1, 4)],
    "products": [{"id": n, "name": f"thing {n}", "price": n} for n in range(1, 6)],
    "orders": [
        {"id": n, "status": "open", "total": None, "customer_id": n % 5 + 1} for n in ORDERS
    ],
    "order_tags": [{"order_id": n, "tag_id": t} for n in ORDERS for t in (1, 2)],
    "items": [
        {"id": n, "quantity": n, "order_id": 2 if n % 2 else n // 2, "product_id": n % 5 + 1}
        for n in ITEMS
    ],
    "categories": [
        {"id": n, "name": f"c{n}", "parent_id": (None, None, None, 1, 1, 2, 3, 4, 4, 5)[n - 1]}
        for n in range(1, 11)
    ],
    "authors": [{"id": n} for n in range(1, 4)],
    "books": [{"id": n, "title": f"b{n}", "author_id": n % 3 + 1} for n in range(1, 8)],
    "pages": [{"id": n, "book_id": n % 7 + 1} for n in range(1, 20)],
}
#: Where foreign keys lead.
LEADS = {
    "customer_id": "customers",
    "order_id": "orders",
    "tag_id": "tags",
    "product_id": "products",
    "parent_id": "categories",
    "author_id": "authors",
    "book_id": "books",
}
EMPTY: dict[str, list[dict[str, object]]] = {}


def program(files):
    """The case as a program."""
    modules = {
        path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): raw.decode()
        for path, raw in files.items()
    }
    is_async = "AsyncSession" in modules["app.example"]
    takes = (d.Takes.ASYNC_SESSION if is_async else d.Takes.SESSION,)
    holder = "example" if "import Base" in modules["app.example"] else "models"
    return d.Program(modules, "app.example:answer", takes, f"app.{holder}:Base.metadata")


def consistent(rows, orders=None):
    """Return those of *rows* whose foreign keys lead to something; *orders* replace the orders."""
    kept: dict[str, list[dict[str, object]]] = {}
    ids: dict[str, set[object]] = {}
    for name in MANY:
        kept[name], ids[name] = [], {None}
        for row in orders if orders is not None and name == "orders" else rows.get(name, ()):
            leads = {LEADS[key]: value for key, value in row.items() if key in LEADS}
            if all(value in ids[other] for other, value in leads.items()):
                kept[name].append(row)
                ids[name].add(row.get("id"))
    return kept


@st.composite
def worlds(draw):
    """Some of all rows; orders with and without a customer."""
    some = {name: [one for one in rows if draw(st.booleans())] for name, rows in MANY.items()}
    customers = st.sampled_from([None, *(one["id"] for one in some["customers"])])
    orders = [
        {**one, "status": draw(st.sampled_from(["open", "closed"])), "customer_id": draw(customers)}
        for one in some["orders"]
    ]
    return consistent(some, orders)


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request):
    """Both databases."""
    if request.param == "sqlite":
        return d.sqlite()
    return d.postgresql(request.getfixturevalue("pg_database"))


@pytest.mark.parametrize("title", CASES)
def test_the_same_whatever_the_rows(title, bench):
    """Values and their types, errors, and final rows."""
    before, after = program(CASES[title].before), program(CASES[title].after)

    @settings(
        max_examples=5,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds())
    @example(EMPTY)
    @example(MANY)
    def compare(rows):
        d.assert_same(before, after, d.World(rows), bench)

    compare()


#: Fewer of everything that is run over.
COUNTS = {"customers": 4, "orders": 2, "items": 3, "categories": 5, "authors": 2, "books": 3}
FEW = consistent({name: rows[: COUNTS.get(name, len(rows))] for name, rows in MANY.items()})
#: Here something is still loaded one by one: what not every caller wants, and what is deeper.
PARTLY = {
    "What not every caller touches stays as it is",
    "A method that calls itself is loaded one level deep",
}


@pytest.mark.parametrize("title", CASES)
def test_statements_do_not_grow_with_the_rows(title):
    """That is the point of it."""
    before, after = program(CASES[title].before), program(CASES[title].after)
    few, many = d.World(FEW), d.World(MANY)

    sent = [
        len(d.observe(each, world, d.sqlite()).statements)
        for each in (before, after)
        for world in (few, many)
    ]

    assert sent[0] < sent[1]
    assert sent[2] == sent[3] or title in PARTLY
    assert sent[3] - sent[2] < sent[1] - sent[0]
    assert sent[3] < sent[1]


async def fetched(app, path):
    """Return what *app* answers to a request for *path*."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(path)
        return answer.status_code, answer.json()


def answers(files, rows):
    """Return what the application answers, and how many statements it sends for that."""
    program_ = program(files)
    with importable(program_.sources):
        models = importlib.import_module("app.models")
        example_ = importlib.import_module("app.example")
        engine = sa.create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        sent: list[str] = []
        models.Base.metadata.create_all(engine)
        with engine.begin() as connection:
            for table in models.Base.metadata.sorted_tables:
                for row in rows.get(table.name, ()):
                    connection.execute(table.insert().values(row))

        @sa.event.listens_for(engine, "before_cursor_execute")
        def note(_connection, _cursor, statement, *_others):
            sent.append(statement)

        def get_db():
            with Session(engine) as session:
                yield session

        example_.app.dependency_overrides[example_.get_db] = get_db
        paths = [
            route.path.format(key=2) for route in example_.app.routes if route.path[1:7] == "orders"
        ]
        found = [asyncio.run(fetched(example_.app, path)) for path in paths]
        engine.dispose()
    return found, len(sent)


@pytest.mark.parametrize("title", SERVED)
def test_a_service_answers_the_same_with_few_statements(title):
    """FastAPI reads what the response model names, after the handler has returned."""
    case = SERVED[title]

    (before, sent), (after, sends) = answers(case.before, MANY), answers(case.after, MANY)

    assert before == after
    assert all(status == 200 for status, _ in after)
    assert sends < sent
    assert sends == answers(case.after, FEW)[1]
