"""Glances at bytes: what they let pass, and what they pass over."""

from __future__ import annotations

import pytest

from hephaestus_codemods.project.glance import (
    USES_SQLALCHEMY,
    imports,
    loops,
    may_ask_in_a_loop,
    may_touch,
    names_that_ask,
    relationships,
)

NAMES = frozenset({b"get_user", b"get", USES_SQLALCHEMY})
ASKED = {
    "a query in a block": "for x in xs:\n    if x:\n        db.query(X).first()\n",
    "a look-up by key": "for x in xs:\n    db.get(User, x)\n",
    "a look-up over lines": "for x in xs:\n    db.get(\n        models.User,\n        x,\n    )\n",
    "a comprehension": "ys = [\n    db.scalar(select(X).where(X.id == x))\n    for x in xs\n]\n",
    "a condition": "ys = [x for x in xs if db.scalar(select(X).where(X.id == x))]\n",
    "an inner comprehension": "ys = [y for x in xs for y in db.query(X).all()]\n",
    "a loop on one line": "for x in xs: db.execute(x)\n",
    "an inner loop": "def f():\n    for x in xs:\n        for y in x:\n            db.execute(y)\n",
    "a function of another file": "for x in xs:\n    crud.get_user(db, x)\n",
    "a function with a common name": "for x in xs:\n    repo.get(db, x)\n",
    "the last block of a file": "for x in xs:\n    y = x\n    db.execute(y)",
    "brackets that close at the left": "for x in (\n    1,\n):\n    db.execute(x)\n",
}


@pytest.mark.parametrize("text", ASKED.values(), ids=ASKED.keys())
def test_a_loop_that_may_ask_is_worth_parsing(text: str) -> None:
    """The query may stand in the loop, or in a function that it calls."""
    assert may_ask_in_a_loop(text.encode(), NAMES)


QUIET = {
    "a licence": "# for more information, look in the file\ndb.query(X).all()\n",
    "a query before the loop": "rows = db.query(X).all()\nfor row in rows:\n    print(row)\n",
    "a query that the loop runs over": "for x in db.query(X).all():\n    print(x)\n",
    "a query that a comprehension runs over": "q = db.query(X)\nys = [f(x) for x in q.all()]\n",
    "a query beside a comprehension": "a = [x.id for x in xs]\nb = db.query(X).all()\n",
    "a query behind the loop": "for x in xs:\n    print(x)\ndb.query(X).all()\n",
    "a dictionary": "for x in xs:\n    print(d.get(x))\n",
    "a function that is not known to ask": "for x in xs:\n    crud.load(db, x)\n",
}


@pytest.mark.parametrize("text", QUIET.values(), ids=QUIET.keys())
def test_a_loop_that_asks_nothing_is_not(text: str) -> None:
    """Most files are passed over without being parsed."""
    assert not may_ask_in_a_loop(text.encode(), NAMES)


def test_a_loop_ends_where_its_block_does() -> None:
    """Blank lines and comments at the left do not end it."""
    (found,) = loops(b"for x in xs:\n    a(x)\n\n# a note\n    b(x)\nc()\n")
    assert b"b(x)" in found
    assert b"c()" not in found


def test_short_functions_that_ask_tell_their_names() -> None:
    """Long ones do more than ask, and are no use."""
    ask = "def get_user(db, key):\n    return db.query(User).filter(User.id == key).first()\n\n"
    other = "async def other(x):\n    return x + 1\n"
    long = "def load(db):\n" + "    x = 1\n" * 200 + "    return db.query(X).all()\n"
    assert [*names_that_ask((ask + other + long).encode())] == [b"get_user"]


def test_relationships_tell_their_names() -> None:
    """However they are declared."""
    model = (
        'class A(Base):\n    items = relationship("B", backref="owner")\n'
        '    parts: Mapped[list["C"]] = relationship()\n    team: "T" = Relationship()\n'
    )
    assert {*relationships(model.encode())} == {b"items", b"owner", b"parts", b"team"}


def test_relationships_are_touched_where_something_is_asked() -> None:
    """A name alone is not enough."""
    names = frozenset({b"items"})
    assert may_touch(b"for o in db.query(O).all():\n    o.items\n", names)
    assert may_touch(
        b"@r.get('/', response_model=X)\ndef f(db):\n    return db.query(O).all()", names
    )
    assert not may_touch(b"for o in os:\n    o.items\n", names)
    assert may_touch(b"for o in db.query(O):\n    o.show()\n", names)
    assert not may_touch(b"for o in db.query(O):\n    o.name\n", names)
    assert not may_touch(b"for o in db.query(O).all():\n    o.items\n", frozenset())


def test_nothing_is_worth_it_where_no_file_imports_the_library() -> None:
    """A project without SQLAlchemy is passed over whole."""
    assert not may_ask_in_a_loop(b"for x in xs:\n    x.query.all()\n", frozenset({b"all"}))
    told = {*names_that_ask(b"from sqlalchemy.orm import Session\n")}
    assert told == {USES_SQLALCHEMY}


def test_imported_modules_are_told() -> None:
    """By the first part of their name."""
    tell = imports("redis", "aioredis")
    assert {*tell(b"import os\nfrom redis.asyncio import Redis\n")} == {b"redis"}
    assert {*tell(b"# redis\nimport os\n")} == set()
