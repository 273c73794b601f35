import ast
import importlib

import pytest

from hephaestus_codemods.project.known import aliases, canonical
from tests.project.reveal import project_of, revealed

CASES = {
    "a package that imports its modules from itself": """
        # app/__init__.py
        # app/routes/__init__.py
        from app.routes import users
        from . import orders
        named(users.load)  # app.routes.users.load
        named(orders.load)  # app.routes.orders.load
        # app/routes/users.py
        def load(): ...
        # app/routes/orders.py
        def load(): ...
        # app/main.py
        from app.routes import users
        named(users.load)  # app.routes.users.load
    """,
    "aliases and attribute access": """
        # app.py
        import sqlalchemy as sa
        import sqlalchemy.orm
        import sqlalchemy.ext.asyncio as sa_async
        from sqlalchemy import create_engine as ce, orm, future
        from sqlalchemy.orm.session import Session as S
        import os.path
        named(sa.create_engine)  # sqlalchemy.create_engine
        named(ce)  # sqlalchemy.create_engine
        named(orm.Session)  # sqlalchemy.orm.Session
        named(sqlalchemy.orm.sessionmaker)  # sqlalchemy.orm.sessionmaker
        named(sa_async.AsyncSession)  # sqlalchemy.ext.asyncio.AsyncSession
        named(future.select)  # sqlalchemy.select
        named(S)  # sqlalchemy.orm.Session
        named(os.path.join)  # os.path.join
        named(len)  # builtins.len
        named(sa.func.count)  # sqlalchemy.func.count
        named(ce("x").connect)  # None
        named(undefined)  # None
    """,
    "one name for each library object": """
        # app.py
        import redis
        import redis.asyncio as aioredis
        from redis.client import Redis, Pipeline
        from sqlmodel import create_engine, select, Session
        from sqlmodel.ext.asyncio.session import AsyncSession
        from sqlalchemy.dialects.postgresql import insert
        from sqlalchemy.engine import Engine
        import aioredis as old
        from starlette.requests import Request
        named(redis.StrictRedis)  # redis.Redis
        named(Redis)  # redis.Redis
        named(Redis.from_url)  # redis.Redis.from_url
        named(Pipeline)  # redis.client.Pipeline
        named(aioredis.StrictRedis)  # redis.asyncio.Redis
        named(aioredis.client.Redis)  # redis.asyncio.Redis
        named(create_engine)  # sqlalchemy.create_engine
        named(select)  # sqlmodel.select
        named(Session)  # sqlmodel.Session
        named(AsyncSession)  # sqlmodel.ext.asyncio.session.AsyncSession
        named(insert)  # sqlalchemy.dialects.postgresql.insert
        named(Engine)  # sqlalchemy.engine.Engine
        named(old.from_url)  # aioredis.from_url
        named(Request)  # fastapi.Request
    """,
    "imports that may fail, or are for type checkers, or stand in a function": """
        # app.py
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from sqlalchemy.orm import Session
        try:
            import redis
        except ImportError:
            redis = None
        try:
            from sqlalchemy.orm import declarative_base
        except ImportError:
            from sqlalchemy.ext.declarative import declarative_base
        try:
            from yaml import CSafeLoader as Loader
        except ImportError:
            from yaml import SafeLoader as Loader
        try:
            import ujson as json
        except ImportError:
            json = Fallback()
        named(Session)  # sqlalchemy.orm.Session
        named(redis.Redis)  # redis.Redis
        named(declarative_base)  # sqlalchemy.orm.declarative_base
        named(Loader)  # None
        named(json)  # None
        def f():
            from sqlalchemy import text
            import httpx as h
            named(text)  # sqlalchemy.text
            named(h.get)  # httpx.get
        named(text)  # None
    """,
    "shadowed and rebound": """
        # app.py
        from sqlalchemy import select, text, func, exists, case
        import sqlalchemy as sa
        import redis
        select = wrap(select)
        sa.text = fake
        named(select)  # None
        named(sa.text)  # None
        named(sa.select)  # sqlalchemy.select
        def f(text, *func, **exists):
            named(text)  # None
            named(func)  # None
            named(exists)  # None
            named(case)  # sqlalchemy.case
        def g():
            named(case)  # None
            for case in []:
                pass
        def h():
            with open("x") as text:
                named(text)  # None
            try:
                pass
            except Exception as func:
                named(func)  # None
            if (exists := 1):
                named(exists)  # None
            [named(case) for case in []]  # None
            named(case)  # sqlalchemy.case
        def local_class():
            class redis: ...
            named(redis)  # None
        def local_alias():
            engine = sa.create_engine
            named(engine)  # None
        match value:
            case {"x": func}:
                named(func)  # None
        def k():
            global redis
            redis = 1
        named(redis)  # None
        class C:
            text = 1
            named(text)  # None
            def m(self):
                named(text)  # sqlalchemy.text
            select: sa.select = sa.select
            [named(case) for x in text]  # sqlalchemy.case
    """,
    "a project's own names": """
        # app/__init__.py
        from .db import engine as shared_engine
        from .models import *
        from . import db
        # app/db.py
        import sqlalchemy as sa
        from sqlalchemy import create_engine as make
        engine = sa.create_engine("x")
        maker = make
        def get(): ...
        class Repo:
            class Inner: ...
        if flag:
            twice = 1
        else:
            twice = 2
        # app/models/__init__.py
        from .user import User
        from .order import Order as _Order, Line
        __all__ = ["User", "Line"]
        # app/models/user.py
        class User: ...
        # app/models/order.py
        class Order: ...
        class Line: ...
        # app/api/routes.py
        # app/api/__init__.py
        from ..db import get
        from .. import User, Line, shared_engine, db as database
        from app import _Order
        import app.db
        from .sub.deep import thing
        from ...too_far import x
        named(get)  # app.db.get
        named(User)  # app.models.user.User
        named(Line)  # app.models.order.Line
        named(_Order)  # None
        named(shared_engine)  # app.db.engine
        named(database.engine)  # app.db.engine
        named(app.db.Repo)  # app.db.Repo
        named(app.db.Repo.Inner)  # app.db.Repo.Inner
        named(app.db.make)  # sqlalchemy.create_engine
        named(app.db.maker)  # sqlalchemy.create_engine
        named(app.db.sa.text)  # sqlalchemy.text
        named(app.db.twice)  # None
        named(app.db.nothing)  # None
        named(thing)  # app.api.sub.deep.thing
        named(x)  # None
    """,
    "circles of imports": """
        # a.py
        from b import x
        from b import y
        named(x)  # None
        named(y)  # None
        # b.py
        from a import x
        from a_source import y
        from a import *
    """,
    "star imports": """
        # app.py
        from sqlalchemy import *
        named(create_engine)  # sqlalchemy.create_engine
        named(len)  # builtins.len
        named(whatever)  # None
        # other.py
        from unknown_library import *
        named(len)  # None
        named(create_engine)  # None
        # third.py
        from tools import *
        named(helper)  # tools.helper
        named(_private)  # None
        named(select)  # sqlalchemy.select
        named(print)  # builtins.print
        # tools.py
        from sqlalchemy import select
        def helper(): ...
        def _private(): ...
    """,
    "a file of the project that bears a library's name": """
        # redis/__init__.py
        class Redis: ...
        # app.py
        import redis
        named(redis.Redis)  # None
        named(redis.StrictRedis)  # None
        reveal(redis.Redis())  # None
    """,
    "src layout and flat scripts": """
        # src/shop/__init__.py
        # src/shop/db.py
        engine = 1
        # src/shop/api.py
        from shop.db import engine
        named(engine)  # shop.db.engine
        # tests/test_api.py
        from shop.db import engine
        named(engine)  # shop.db.engine
        # tools/common.py
        def run(): ...
        # tools/job.py
        from common import run
        named(run)  # common.run
    """,
    "services of one repository with equal names": """
        # one/app/__init__.py
        # one/app/db.py
        from sqlalchemy import create_engine as make
        # one/app/api.py
        from app.db import make
        named(make)  # sqlalchemy.create_engine
        # two/app/__init__.py
        # two/app/db.py
        from redis import Redis as make
        # two/app/api.py
        from app.db import make
        named(make)  # redis.Redis
    """,
    "namespace packages": """
        # backend/app/core/db.py
        from sqlalchemy import create_engine as make
        # backend/app/main.py
        from app.core.db import make
        from app.core import db
        import app.core.db as d
        from .core.db import make as again
        named(make)  # sqlalchemy.create_engine
        named(db.make)  # sqlalchemy.create_engine
        named(d.make)  # sqlalchemy.create_engine
        named(again)  # sqlalchemy.create_engine
    """,
    "Flask-SQLAlchemy lends SQLAlchemy's names": """
        # app.py
        from flask_sqlalchemy import SQLAlchemy
        db = SQLAlchemy()
        named(db.select)  # sqlalchemy.select
        named(db.Column)  # sqlalchemy.Column
        named(db.relationship)  # sqlalchemy.orm.relationship
        named(db.session)  # app.db.session
    """,
}


@pytest.mark.parametrize("title", CASES)
def test_names(title: str) -> None:
    """A name is what the imports prove, and nothing when something else may be meant."""
    marks = revealed(project_of(CASES[title]))

    assert marks
    for place, expected, found in marks:
        assert found == expected, place


def test_every_alternative_is_offered() -> None:
    """A rule may ask for all names that an import with a fallback can have."""
    project = project_of(
        """
        # app.py
        try:
            from yaml import CSafeLoader as Loader
        except ImportError:
            from yaml import SafeLoader as Loader
        use = Loader
        """
    )
    module = project.module_at("app.py")
    name = next(n for n in module.nodes if isinstance(n, ast.Name) and n.id == "Loader")

    assert module.qualified_names(name) == {"yaml.CSafeLoader", "yaml.SafeLoader"}


#: Wrappers, types for annotations that stand for what they annotate, and old homes.
NOT_IDENTICAL = ("sqlalchemy.ext.declarative", "collections.abc", "contextlib")


def test_canonical_names_are_the_same_object() -> None:
    """Where a library is installed here, an alias is the very object that we say it is."""
    wrong = []
    for alias in aliases():
        found, wanted = _imported(alias), _imported(canonical(alias))
        if found is not None and found is not wanted and not alias.startswith(NOT_IDENTICAL):
            wrong.append(alias)

    assert not wrong


def _imported(name: str) -> object | None:
    module, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), last, None)
    except ImportError:
        return None
