"""What the variables of a loop over rows hold."""

import ast

import pytest

from hephaestus_codemods.project.rows import column_in_row
from tests.project.reveal import project_of

HEAD = """
    # shop/__init__.py
    # shop/models.py
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    class Base(DeclarativeBase): ...
    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
    class Team(Base):
        __tablename__ = "teams"
        id: Mapped[int] = mapped_column(primary_key=True)
    # shop/app.py
    from sqlalchemy import func, select
    from sqlalchemy.orm import Session
    from .models import Team, User
    def f(s: Session, users: list[User]):
        rows = s.query(User.id, User.name).all()
        ids = s.scalars(select(User.id)).all()
"""

#: A loop over something, what is asked for in it, and the column.
LOOPS = {
    "for key, name in s.query(User.id, User.name)": ("key", "id"),
    "for key, name in s.query(User.id, User.name).all()": ("name", "name"),
    "for key, name in s.execute(select(User.id, User.name))": ("key", "id"),
    "for key, name in rows": ("key", "id"),
    "for (key,) in s.query(User.id)": ("key", "id"),
    "for key in s.scalars(select(User.id))": ("key", "id"),
    "for key in ids": ("key", "id"),
    "for row in rows": ("row.name", "name"),
    "for row in s.execute(select(User.id, User.name)).all()": ("row.id", "id"),
    "for row in s.query(User.id)": ("row", None),
    "for key, name in s.query(User.id, User.name).outerjoin(User)": ("key", None),
    "for key, n in s.query(User.id, Team.id)": ("key", None),
    "for user in s.scalars(select(User))": ("user", None),
    "for user in s.query(User)": ("user.id", None),
    "for user, name in s.query(User, User.name)": ("user", None),
    "for key, n in s.query(User.id, func.count())": ("key", None),
    "for n, row in enumerate(rows)": ("row", None),
    "for row in users": ("row.id", None),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_which_column_a_variable_holds(loop: str) -> None:
    """Of a row it is told by place or name, of a list of values it is the one that is read."""
    asked, column = LOOPS[loop]
    module = project_of(f"{HEAD}        {loop}:\n            here({asked})\n").module_at(
        "shop/app.py"
    )
    call = next(one for one in module.calls if ast.unparse(one.func) == "here")

    found = column_in_row(module, call.args[0])

    assert (found.attribute if found is not None else None) == column
