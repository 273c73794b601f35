"""Aggregates as text: what each computes, of which table and columns, on which condition."""

import ast

import pytest

from hephaestus_codemods.project.aggregates import Aggregate, aggregate_of, counts
from hephaestus_codemods.project.module import Module
from hephaestus_codemods.project.queries import Query, query_of
from tests.project.reveal import project_of

HEAD = """
    # shop/__init__.py
    # shop/models.py
    from sqlalchemy import ForeignKey
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
    class Base(DeclarativeBase): ...
    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
    class Post(Base):
        __tablename__ = "posts"
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
        words: Mapped[int]
        price: Mapped[int]
        author: Mapped["User"] = relationship()
    class Member(Base):
        __tablename__ = "members"
        team_id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(primary_key=True)
    # shop/app.py
    import sqlalchemy as sa
    from sqlalchemy import case, distinct, exists, func, literal, select
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session
    from sqlmodel import Session as ModelSession, col, select as sqlmodel_select
    from .models import Member, Post, User
"""

#: The expression, and: kind, function, table, columns, equalities, other conditions, default.
AGGREGATES = {
    # count() of a query
    "s.query(Post).count()": "count · count · Post · · · ·",
    "s.query(Post).filter_by(author_id=key).count()": (
        "count · count · Post · · author_id = key · ·"
    ),
    "s.query(Post.id, Post.words).filter(Post.author_id == key).count()": (
        "count · count · Post · · author_id = key · ·"
    ),
    "s.query(Post, User).count()": None,
    "s.query(thing).count()": None,
    # func.count()
    "s.scalar(select(func.count()).where(Post.author_id == key))": (
        "count · count · Post · · author_id = key · ·"
    ),
    "s.scalar(select(func.count('*')).select_from(Post).filter_by(author_id=key))": (
        "count · count · Post · · author_id = key · ·"
    ),
    "s.scalar(select(func.count(Post.words)).where(Post.author_id == key))": (
        "count · count · Post · =words · author_id = key · ·"
    ),
    "s.scalar(select(func.count(distinct(Post.words))))": "count · count · Post · words · · ·",
    "s.scalar(select(func.count(Post.words.distinct())))": "count · count · Post · words · · ·",
    "s.scalar(select(func.count(Post)))": "count · count · Post · =id · · ·",
    "s.scalar(select(func.count(Member)))": None,
    "s.scalar(select(func.coalesce(func.count(Post.id), 0)))": "count · count · Post · =id · · ·",
    "s.scalar(select(func.count()).where(Post.id == key, User.id == 1))": None,
    "s.scalar(select(func.count()).where(Post.id == key, User.id > 1))": None,
    "s.scalar(select(func.count(Post.author)))": None,
    "s.scalar(select(func.count(secret(Post.id))))": None,
    # How the number is taken out of the result
    "s.execute(select(func.count(Post.id))).scalar_one()": "count · count · Post · =id · · ·",
    "s.execute(select(func.count(Post.id))).one()[0]": "count · count · Post · =id · · ·",
    "s.query(func.count(Post.id)).first()[0]": "count · count · Post · =id · · ·",
    "s.query(func.count(Post.id)).one()": "row: count · count · Post · =id · · ·",
    "m.exec(sqlmodel_select(func.count(Post.id))).one()": "count · count · Post · =id · · ·",
    "m.exec(select(func.count(Post.id))).one()": "row: count · count · Post · =id · · ·",
    "(await a.execute(select(func.count(Post.id)))).scalar()": "count · count · Post · =id · · ·",
    "s.scalars(select(func.count(Post.id))).all()": None,
    # Sums and the like
    "s.scalar(select(func.sum(Post.words)))": "value · sum · Post · =words · · ·",
    "s.scalar(select(func.sum(Post.words).label('total')))": "value · sum · Post · =words · · ·",
    "s.scalar(select(func.coalesce(func.sum(Post.words), 0).label('n')))": (
        "value · sum · Post · =words · · · 0"
    ),
    "s.scalar(select(sa.func.avg(Post.words * Post.price)))": (
        "value · avg · Post · price words · · ·"
    ),
    "s.scalar(select(func.max(col(Post.words))))": "value · max · Post · =words · · ·",
    "s.scalar(select(func.sum(case((Post.words > 3, 1), else_=0))))": (
        "value · sum · Post · words · · ·"
    ),
    "s.scalar(select(func.count().filter(Post.words > 3)))": "count · count · Post · words · · ·",
    "s.scalar(select(func.sum(Post.price).filter(Post.words > 3)))": (
        "value · sum · Post · price words · · ·"
    ),
    "s.scalar(select(func.sum(Post.price).over()))": None,
    "s.scalar(select(func.sum(Post.words + User.id)))": None,
    "s.scalar(select(func.sum(3)))": None,
    "s.scalar(select(func.lower(Post.words)))": None,
    "s.execute(select(func.sum(Post.words), func.count(Post.id))).one()": (
        "row: value · row · Post · · · ·"
    ),
    "s.execute(select(func.sum(Post.words), func.count())).one()": None,
    "s.execute(select(func.sum(Post.words), Post.id)).one()": None,
    # Joins
    "s.scalar(select(func.count(Post.id)).join(User).where(User.id == key))": (
        "count · count · Post · =id · id = key · ·"
    ),
    "s.scalar(select(func.count(Post.id)).select_from(User).join(Post).where(User.id == key))": (
        "count · count · Post · =id · id = key · ·"
    ),
    # Whether rows exist
    "s.query(s.query(Post).filter(Post.author_id == key).exists()).scalar()": (
        "exists · exists · Post · · author_id = key · ·"
    ),
    "s.query(exists().where(Post.author_id == key, Post.words > 3)).scalar()": (
        "exists · exists · Post · · author_id = key · Post.words > 3 ·"
    ),
    "s.scalar(select(exists(select(Post.id).where(Post.author_id == key))))": (
        "exists · exists · Post · · author_id = key · ·"
    ),
    "s.scalar(select(select(Post).filter_by(author_id=key).exists()))": (
        "exists · exists · Post · · author_id = key · ·"
    ),
    "s.scalar(select(exists(Post.id).where(Post.author_id == key)))": (
        "exists · exists · Post · · author_id = key · ·"
    ),
    "s.scalar(select(exists(1).where(Post.author_id == key).label('any')))": (
        "exists · exists · Post · · author_id = key · ·"
    ),
    "s.query(s.query(Post).exists()).filter(Post.id == key).scalar()": None,
    "s.scalar(select(thing.exists()))": None,
    # Rows
    "s.scalar(select(Post.words).where(Post.id == key))": None,
    "s.query(Post).first()": None,
}


def described(module: Module, found: Aggregate) -> str:
    """Return all that is known of an aggregate in one line."""

    def text(node: ast.AST) -> str:
        return ast.unparse(node)

    columns = " ".join(sorted(one.attribute for one in found.columns))
    parts = (
        f"{'row: ' if found.query.rows else ''}{found.kind}",
        found.name,
        text(found.table.node),
        f"{'=' if found.is_plain else ''}{columns}",
        ", ".join(f"{one.column.attribute} = {text(one.value)}" for one in found.query.equals),
        ", ".join(map(text, found.query.others)),
        text(found.default) if found.default is not None else "",
    )
    return " · ".join(parts).replace("  ", " ").strip()


def queries_in(expression: str) -> tuple[Module, list[Query]]:
    """Return the queries in the expression, the outer ones first."""
    project = project_of(
        HEAD
        + "    async def f(s: Session, a: AsyncSession, m: ModelSession, key: int, thing):\n"
        + f"        return {expression}\n"
    )
    module = project.module_at("shop/app.py")
    answer = next(one.value for one in module.nodes if isinstance(one, ast.Return))
    assert answer is not None
    nodes = [one for one in ast.walk(answer) if isinstance(one, ast.Call | ast.Await)]
    found = (query_of(module, one) for one in nodes)
    return module, [one for one in found if one is not None]


def asked(expression: str) -> str | None:
    """Return what the expression computes, described."""
    module, queries = queries_in(expression)
    found = (aggregate_of(one) for one in queries)
    first = next((one for one in found if one is not None), None)
    return described(module, first) if first is not None else None


@pytest.mark.parametrize("expression", AGGREGATES)
def test_what_is_computed(expression: str) -> None:
    """Each way to ask for a number, or for one bit, says of which rows."""
    assert asked(expression) == AGGREGATES[expression]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("s.query(Post, User).count()", True),
        ("s.scalar(select(func.sum(Post.words)))", True),
        ("s.query(s.query(Post).exists()).scalar()", True),
        ("s.query(Post).first()", False),
        ("s.execute(select(Post.id, func.count()).group_by(Post.id)).all()", False),
    ],
)
def test_what_reads_no_rows(expression: str, expected: bool) -> None:
    """Also where what is counted is not understood."""
    assert counts(queries_in(expression)[1][0]) is expected
