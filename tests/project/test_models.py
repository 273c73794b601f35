import pytest

from tests.project.reveal import project_of

SHOP = project_of(
    """
    # shop/__init__.py
    # shop/base.py
    from typing import Annotated
    from sqlalchemy.orm import DeclarativeBase, mapped_column, declarative_base
    intpk = Annotated[int, mapped_column(primary_key=True)]
    class Base(DeclarativeBase):
        pass
    class Abstract(Base):
        __abstract__ = True
    class Timestamps:
        created = mapped_column()
    Old = declarative_base()
    # shop/models.py
    import sqlalchemy as sa
    from sqlalchemy import Column, ForeignKey, Integer, String, UniqueConstraint, Index
    from sqlalchemy.orm import Mapped, mapped_column, relationship
    from .base import Base, Timestamps, intpk, Old
    class User(Base, Timestamps):
        __tablename__ = "users"
        __table_args__ = (UniqueConstraint("tenant", "mail"), Index("i", "name", unique=True))
        id: Mapped[intpk]
        name: Mapped[str]
        mail: Mapped[str | None] = mapped_column(String(50))
        tenant: Mapped[int] = mapped_column(ForeignKey("tenants.id"))
        orders: Mapped[list["Order"]] = relationship(back_populates="user", lazy="selectin")
        best: Mapped["Order"] = relationship()
    class Order(Old):
        __tablename__ = "orders"
        id = Column("order_id", Integer, primary_key=True)
        code = Column(sa.String, unique=True, nullable=False)
        user = relationship("User", lazy=mode)
    class Plain:
        id = Column(Integer)
    # shop/sqlm.py
    from typing import Optional
    from sqlmodel import SQLModel, Field, Relationship
    class HeroBase(SQLModel):
        name: str = Field(index=True)
    class Hero(HeroBase, table=True):
        id: Optional[int] = Field(default=None, primary_key=True)
        team_id: int | None = Field(foreign_key="team.id")
        age: int | None = None
        team: "Team" = Relationship(sa_relationship_kwargs={"lazy": "joined"})
    # shop/flasky.py
    from flask_sqlalchemy import SQLAlchemy
    db = SQLAlchemy()
    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        boxes = db.relationship("Box", lazy="dynamic")
    """
)


def test_declarative_model_with_annotations() -> None:
    """Columns come from annotations, shared columns, mixins and constraints."""
    user = SHOP.model("shop.models.User")

    assert user is not None
    assert (user.table, user.path, user.complete) == ("users", "shop/models.py", True)
    assert [c.attribute for c in user.columns] == ["id", "name", "mail", "tenant", "created"]
    assert [c.attribute for c in user.primary_key] == ["id"]
    mail, tenant = user.column("mail"), user.column("tenant")
    assert mail is not None
    assert tenant is not None
    assert (mail.type_name, mail.nullable) == ("sqlalchemy.String", True)
    assert (tenant.type_name, tenant.foreign_key) == ("builtins.int", "tenants.id")
    orders, best = user.relationships
    assert (orders.target, orders.lazy, orders.is_collection) == ("Order", "selectin", True)
    assert (best.target, best.lazy, best.is_collection) == ("Order", "select", False)
    assert user.is_unique("id")
    assert user.is_unique("name")
    assert user.is_unique("tenant", "mail")
    assert not user.is_unique("mail")


def test_declarative_model_of_sqlalchemy_1() -> None:
    """A column may have another name than its attribute; an unknown laziness stays unknown."""
    order = SHOP.model("shop.models.Order")

    assert order is not None
    assert [(c.attribute, c.name, c.type_name) for c in order.columns] == [
        ("id", "order_id", "sqlalchemy.Integer"),
        ("code", "code", "sqlalchemy.String"),
    ]
    assert order.is_unique("code")
    assert [(r.target, r.lazy) for r in order.relationships] == [("User", None)]


def test_sqlmodel_and_flask() -> None:
    """Both spell columns their own way."""
    hero, item = SHOP.model("shop.sqlm.Hero"), SHOP.model("shop.flasky.Item")

    assert hero is not None
    assert item is not None
    assert [(c.attribute, c.nullable) for c in hero.columns] == [
        ("id", False),
        ("team_id", True),
        ("age", True),
        ("name", False),
    ]
    assert [(r.attribute, r.lazy) for r in hero.relationships] == [("team", "joined")]
    assert [c.type_name for c in item.columns] == ["sqlalchemy.Integer"]
    assert [r.lazy for r in item.relationships] == ["dynamic"]


def test_classes_that_are_no_models() -> None:
    """Bases, mixins, schemas and plain classes are not mapped."""
    for name in (
        "shop.base.Base",
        "shop.base.Abstract",
        "shop.base.Timestamps",
        "shop.models.Plain",
        "shop.sqlm.HeroBase",
        "shop.models.Nothing",
        "nowhere.User",
    ):
        assert SHOP.model(name) is None, name


BASES = project_of(
    """
    # app/__init__.py
    # app/models.py
    from sqlalchemy import Column, Integer
    from sqlalchemy.orm import (
        DeclarativeBase, DeclarativeBaseNoMeta, Mapped, MappedAsDataclass, as_declarative,
        mapped_column, registry,
    )
    reg = registry()
    Made = reg.generate_base()
    class OfRegistry(Made):
        __tablename__ = "a"
        id = Column(Integer, primary_key=True)
    class Data(MappedAsDataclass, DeclarativeBase): ...
    class OfDataclasses(Data):
        __tablename__ = "b"
        id: Mapped[int] = mapped_column(init=False, primary_key=True)
    class NoMeta(DeclarativeBaseNoMeta): ...
    class WithoutMetaclass(NoMeta):
        __tablename__ = "c"
        id: Mapped[int] = mapped_column(primary_key=True)
    @as_declarative()
    class Decorated: ...
    class OfDecorated(Decorated):
        __tablename__ = "d"
        id = Column(Integer, primary_key=True)
    @reg.as_declarative_base()
    class Registered: ...
    class OfRegistered(Registered):
        __tablename__ = "e"
        id = Column(Integer, primary_key=True)
    @reg.mapped
    class Mapped_:
        __tablename__ = "f"
        id = Column(Integer, primary_key=True)
    """
)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("OfRegistry", "a"),
        ("OfDataclasses", "b"),
        ("WithoutMetaclass", "c"),
        ("OfDecorated", "d"),
        ("OfRegistered", "e"),
        ("Mapped_", "f"),
        ("Data", None),
        ("NoMeta", None),
        ("Decorated", None),
        ("Registered", None),
    ],
)
def test_every_kind_of_base(name: str, table: str | None) -> None:
    """Classes are mapped whichever way their base was made; the bases are not."""
    model = BASES.model(f"app.models.{name}")

    assert (None if model is None else model.table) == table
    assert model is None or model.is_unique("id")
