"""Queries as text: what each asks for, on which condition, and what it gives."""

import ast

import pytest

from hephaestus_codemods.project.module import Module
from hephaestus_codemods.project.queries import Query, query_of
from tests.project.reveal import project_of

HEAD = """
    # shop/__init__.py
    # shop/models.py
    from sqlalchemy import ForeignKey
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    class Base(DeclarativeBase): ...
    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        active: Mapped[bool]
    class Post(Base):
        __tablename__ = "posts"
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    class Member(Base):
        __tablename__ = "members"
        team_id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(primary_key=True)
    # shop/flasky.py
    from flask_sqlalchemy import SQLAlchemy
    db = SQLAlchemy()
    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
    # shop/app.py
    import sqlalchemy as sa
    from sqlalchemy import and_, func, or_, select
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session
    from sqlmodel import Session as ModelSession, col
    from .models import Member, Post, User
    from .flasky import Item, db
"""

#: The expression, and: form, what it gives, what is read, equalities, other conditions, links.
QUERIES = {
    "s.get(User, key)": "get · one or None · User · id = key · ·",
    "await a.get(User, key)": "get · one or None · User · id = key · ·",
    "s.query(User).get(key)": "get · one or None · User · id = key · ·",
    "Item.query.get(key)": "get · one or None · Item · id = key · ·",
    "db.session.get(Item, key)": "get · one or None · Item · id = key · ·",
    "s.query(User).filter(User.id == key).first()": "legacy · one or None · User · id = key · ·",
    "s.query(User).filter_by(id=key).one_or_none()": "legacy · one or None · User · id = key · ·",
    "s.query(User).filter(key == User.id).one()": "legacy · one · User · id = key · ·",
    "s.query(User.name).filter_by(id=key).scalar()": (
        "legacy · one or None · User.name · id = key · ·"
    ),
    "s.query(User.name).filter_by(id=key).first()": (
        "legacy rows · one or None · User.name · id = key · ·"
    ),
    "s.query(User, Post).filter(User.id == key).all()": (
        "legacy rows · list · User, Post · id = key · ·"
    ),
    "s.query(Post).filter(Post.author_id == key).order_by(Post.id).all()": (
        "legacy · list · Post · author_id = key · · order_by"
    ),
    "s.query(Post).filter(Post.author_id == key).count()": (
        "legacy · number · Post · author_id = key · ·"
    ),
    "Item.query.filter_by(id=key).first()": "legacy · one or None · Item · id = key · ·",
    "s.execute(select(User).where(User.id == key)).scalar_one_or_none()": (
        "select · one or None · User · id = key · ·"
    ),
    "s.execute(sa.select(User).where(User.id == key)).scalars().first()": (
        "select · one or None · User · id = key · ·"
    ),
    "s.execute(select(User).where(User.id == key)).first()": (
        "select rows · one or None · User · id = key · ·"
    ),
    "s.scalars(select(User).filter_by(id=key)).one_or_none()": (
        "select · one or None · User · id = key · ·"
    ),
    "s.scalar(select(User.name).where(User.id == key))": (
        "select · one or None · User.name · id = key · ·"
    ),
    "s.scalars(select(Post).where(Post.author_id == key))": (
        "select · result · Post · author_id = key · ·"
    ),
    "(await a.execute(select(User).where(User.id == key))).scalar_one()": (
        "select · one · User · id = key · ·"
    ),
    "(await a.scalars(select(User).where(User.id == key))).unique().all()": (
        "select · list · User · id = key · ·"
    ),
    "await a.scalar(select(User).where(User.id == key))": (
        "select · one or None · User · id = key · ·"
    ),
    "m.exec(select(User).where(col(User.id) == key)).first()": (
        "select · one or None · User · id = key · ·"
    ),
    "s.scalars(select(User).where(and_(User.id == key, User.active == True))).all()": (
        "select · list · User · id = key, active = True · ·"
    ),
    "s.scalars(select(User).where((User.id == key) & User.active)).all()": (
        "select · list · User · id = key · User.active ·"
    ),
    "s.scalars(select(User).where(User.id > key).limit(3)).all()": (
        "select · list · User · · User.id > key · limit"
    ),
    "s.scalars(select(User).where(or_(User.id == key, User.active))).all()": (
        "select · list · User · · or_(User.id == key, User.active) ·"
    ),
    "s.scalars(select(Post).join(User).where(User.name == key)).all()": (
        "select · list · Post · name = key · · join"
    ),
    "s.scalars(select(User).where(User.id == Post.author_id)).all()": (
        "select · list · User · · User.id == Post.author_id ·"
    ),
    "s.scalars(select(User).where(User.name == None)).all()": (
        "select · list · User · · User.name == None ·"
    ),
    "s.scalars(select(func.max(User.id)).where(User.name == key)).one()": (
        "select · one · ? · name = key · ·"
    ),
}
#: Expressions that are no query that is understood.
OTHERS = (
    "unknown.get(User, key)",
    "s.get(Member, key)",
    "s.get(Unknown, key)",
    "a.get(User, key)",
    "await s.get(User, key)",
    "{}.get('key')",
    "s.query(User)",
    "s.query(User).filter(User.id == key)",
    "a.scalars(select(User))",
    "s.scalars(statement)",
    "s.execute(sa.text('select 1')).scalar()",
    "s.execute(sa.update(User)).scalar()",
    "s.scalars(select(User), {'key': 1}).all()",
    "Unknown.query.filter_by(id=key).first()",
)


def asked(expression: str, before: str = "") -> tuple[Module, Query | None]:
    """Return what *expression*, in a function, asks."""
    lines = [f"        {line}" for line in (*before.splitlines(), f"here({expression})")]
    text = "\n".join(
        (
            HEAD,
            "    async def f(s: Session, a: AsyncSession, m: ModelSession, key, statement):",
            *lines,
        )
    )
    module = project_of(text).module_at("shop/app.py")
    call = next(one for one in module.calls if ast.unparse(one.func) == "here")
    return module, query_of(module, call.args[0])


def described(query: Query) -> str:
    """Return the query as the tables above write it."""
    read = [
        ast.unparse(one.node) + (f".{one.column.attribute}" if one.column else "")
        for one in query.selected or ()
    ]
    equal = [f"{one.column.attribute} = {ast.unparse(one.value)}" for one in query.equals]
    form = f"{query.form} rows" if query.rows else str(query.form)
    parts = (
        form,
        query.gives,
        ", ".join(read) or "?",
        ", ".join(equal),
        ", ".join(ast.unparse(one) for one in query.others),
        " ".join(link.name for link in query.links),
    )
    return " · ".join(parts).replace("·  ·", "· ·").replace("·  ·", "· ·").rstrip()


@pytest.mark.parametrize("expression", QUERIES)
def test_what_is_asked(expression: str) -> None:
    """Every way to send a query that people write."""
    _, query = asked(expression)

    assert query is not None
    assert described(query) == QUERIES[expression]


@pytest.mark.parametrize("expression", OTHERS)
def test_what_is_no_query(expression: str) -> None:
    """What cannot be seen, is not awaited as it must be, or is only built."""
    assert asked(expression)[1] is None


WAYS = {
    "a variable for the statement": (
        "found = select(User).where(User.id == key)",
        "s.scalars(found).first()",
        1,
    ),
    "a variable for the result": (
        "found = await a.execute(select(User).where(User.id == key))",
        "found.scalars().first()",
        1,
    ),
    "two of them": (
        "one = select(User).where(User.id == key)\nfound = await a.execute(one)",
        "found.scalar_one_or_none()",
        2,
    ),
    "a variable that is read twice": (
        "found = select(User).where(User.id == key)\nprint(found)",
        "s.scalars(found).first()",
        None,
    ),
    "a variable that is set twice": (
        "found = select(User)\nif key:\n    found = found.where(User.id == key)",
        "s.scalars(found).first()",
        None,
    ),
}


@pytest.mark.parametrize("title", WAYS)
def test_parts_go_through_variables(title: str) -> None:
    """Those that are set once and read once: their assignments are part of the query."""
    before, expression, steps = WAYS[title]

    query = asked(expression, before=before)[1]

    assert (None if query is None else len(query.steps)) == steps
