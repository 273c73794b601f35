import pytest

from tests.project.reveal import project_of, revealed

CASES = {
    "engines and sessions from factories": """
        # app.py
        import sqlalchemy as sa
        from sqlalchemy.orm import sessionmaker, scoped_session
        from sqlalchemy.ext.asyncio import create_async_engine, async_sessionmaker, AsyncSession
        engine = sa.create_engine("x")
        async_engine = create_async_engine("x")
        SessionLocal = sessionmaker(bind=engine)
        AsyncLocal = async_sessionmaker(async_engine)
        OldAsync = sessionmaker(async_engine, class_=AsyncSession)
        Scoped = scoped_session(SessionLocal)
        reveal(engine)  # sqlalchemy.engine.Engine
        reveal(async_engine)  # sqlalchemy.ext.asyncio.AsyncEngine
        reveal(SessionLocal())  # sqlalchemy.orm.Session
        reveal(AsyncLocal())  # sqlalchemy.ext.asyncio.AsyncSession
        reveal(OldAsync())  # sqlalchemy.ext.asyncio.AsyncSession
        reveal(Scoped)  # sqlalchemy.orm.scoped_session
        reveal(Scoped())  # sqlalchemy.orm.Session
        reveal(Scoped.query(1))  # sqlalchemy.orm.Query
        def f():
            with engine.connect() as conn:
                reveal(conn)  # sqlalchemy.engine.Connection
                reveal(conn.execute(1))  # sqlalchemy.engine.CursorResult
            with engine.begin() as conn2:
                reveal(conn2)  # sqlalchemy.engine.Connection
            with SessionLocal() as s, SessionLocal.begin() as s2:
                reveal(s)  # sqlalchemy.orm.Session
                reveal(s2)  # sqlalchemy.orm.Session
                reveal(s.query(A).filter(1).order_by(2))  # sqlalchemy.orm.Query
                reveal(s.execute(1).scalars())  # sqlalchemy.engine.ScalarResult
        async def g():
            async with async_engine.begin() as conn:
                reveal(conn)  # sqlalchemy.ext.asyncio.AsyncConnection
                result = await conn.execute(1)
                reveal(result)  # sqlalchemy.engine.CursorResult
            conn3 = await async_engine.connect()
            reveal(conn3)  # sqlalchemy.ext.asyncio.AsyncConnection
            async with AsyncLocal() as session:
                reveal(session)  # sqlalchemy.ext.asyncio.AsyncSession
                reveal(await session.execute(1))  # sqlalchemy.engine.Result
                reveal(session.execute(1))  # typing.Coroutine
    """,
    "annotated parameters": """
        # app.py
        from __future__ import annotations
        from typing import Annotated, Optional, Union, TYPE_CHECKING, Any
        from fastapi import Depends
        from sqlalchemy import orm
        from sqlalchemy.orm import Session
        if TYPE_CHECKING:
            from redis import Redis
        Dep = Annotated[Session, Depends(int)]
        def f(a: Session, b: Session | None, c: Optional[Session], d: "Session", e: Dep,
              g: Annotated[Session, 1], h: orm.Session = None, i: Union[Session, int] = 1,
              j: Any = 1, k=1, *args: Session, m: "Optional[Redis]", **kw: Session):
            reveal(a)  # sqlalchemy.orm.Session
            reveal(b)  # sqlalchemy.orm.Session
            reveal(c)  # sqlalchemy.orm.Session
            reveal(d)  # sqlalchemy.orm.Session
            reveal(e)  # sqlalchemy.orm.Session
            reveal(g)  # sqlalchemy.orm.Session
            reveal(h)  # sqlalchemy.orm.Session
            reveal(i)  # None
            reveal(j)  # None
            reveal(k)  # None
            reveal(args)  # None
            reveal(m)  # redis.Redis
            reveal(kw)  # None
    """,
    "dependencies": """
        # app/__init__.py
        # app/db.py
        from typing import Annotated, Generator, AsyncIterator
        from collections.abc import AsyncGenerator
        from fastapi import Depends
        from sqlalchemy.orm import sessionmaker, Session
        from sqlalchemy.ext.asyncio import AsyncSession
        SessionLocal = sessionmaker()
        def get_db():
            db = SessionLocal()
            try:
                yield db
            finally:
                db.close()
        def typed() -> Generator[Session, None, None]:
            yield make()
        async def atyped() -> AsyncIterator[AsyncSession]:
            yield make()
        async def gtyped() -> AsyncGenerator[AsyncSession, None]:
            yield make()
        SessionDep = Annotated[AsyncSession, Depends(atyped)]
        Untyped = Annotated[object, Depends(get_db)]
        # app/api.py
        from fastapi import Depends
        from app import db as database
        from .db import get_db, typed, atyped, gtyped, SessionDep
        def f(a=Depends(get_db), b=Depends(typed), c=Depends(database.atyped), d=Depends(gtyped),
              e: SessionDep = None, g: database.SessionDep = None, h=get_db()):
            reveal(a)  # sqlalchemy.orm.Session
            reveal(b)  # sqlalchemy.orm.Session
            reveal(c)  # sqlalchemy.ext.asyncio.AsyncSession
            reveal(d)  # sqlalchemy.ext.asyncio.AsyncSession
            reveal(e)  # sqlalchemy.ext.asyncio.AsyncSession
            reveal(g)  # sqlalchemy.ext.asyncio.AsyncSession
            reveal(h)  # None
            reveal(next(get_db()))  # sqlalchemy.orm.Session
    """,
    "instance attributes": """
        # app.py
        from dataclasses import dataclass
        from typing import Generic, TypeVar
        from sqlalchemy.orm import Session
        from redis import asyncio as aioredis
        T = TypeVar("T")
        class Base(Generic[T]):
            def __init__(self, session: Session, other):
                self.session = session
                self.other = other
                self.cache = None
            async def open(self):
                self.cache = await aioredis.from_url("x")
        class Repo(Base[int]):
            extra: "Session"
            def get(self):
                reveal(self.session)  # sqlalchemy.orm.Session
                reveal(self.extra)  # sqlalchemy.orm.Session
                reveal(self.other)  # None
                reveal(self.cache)  # redis.asyncio.Redis
                reveal(self.q)  # sqlalchemy.orm.Query
                reveal(self.missing)  # None
            @property
            def q(self):
                return self.session.query(1)
        @dataclass
        class Data:
            db: Session
            def f(self):
                reveal(self.db)  # sqlalchemy.orm.Session
        class Twice:
            def __init__(self, a: Session, b: aioredis.Redis):
                self.x = a
            def g(self, b: aioredis.Redis):
                self.x = b
                reveal(self.x)  # None
        def f(repo: Repo):
            reveal(repo.session)  # sqlalchemy.orm.Session
            reveal(repo)  # app.Repo
            reveal(Data(1).db)  # sqlalchemy.orm.Session
    """,
    "names that change": """
        # app.py
        import redis
        from sqlalchemy import select
        from sqlalchemy.orm import Session
        client = None
        def init():
            global client
            client = redis.Redis()
        reveal(client)  # redis.Redis
        def f(db: Session, flag):
            q = select(1)
            if flag:
                q = q.where(2)
            reveal(q)  # sqlalchemy.Select
            n = db.query(1)
            if flag:
                n = n.count()
            reveal(n)  # None
            x = db
            if flag:
                x = unknown()
            reveal(x)  # None
            for y in [1]:
                pass
            reveal(y)  # None
            rows = db.execute(1)
            reveal(rows)  # sqlalchemy.engine.Result
            rows = rows.scalars()
            reveal(rows)  # sqlalchemy.engine.ScalarResult
            z = db
            del z
            reveal(z)  # None
        def g(db: Session):
            db = other
            reveal(db)  # None
        def h(db: Session):
            def inner():
                reveal(db)  # sqlalchemy.orm.Session
            return [reveal(db) for _ in db]  # sqlalchemy.orm.Session
        def k(db: Session):
            [reveal(db) for db in thing]  # None
    """,
    "other modules": """
        # src/shop/__init__.py
        from .cache import client as shared
        # src/shop/cache.py
        from redis import StrictRedis, ConnectionPool
        pool = ConnectionPool.from_url("x")
        client = StrictRedis(connection_pool=pool)
        def make():
            return client
        # src/shop/api.py
        import shop
        import shop.cache
        from shop import shared
        from shop.cache import make
        reveal(shared)  # redis.Redis
        reveal(shop.shared.pipeline())  # redis.client.Pipeline
        reveal(shop.cache.client)  # redis.Redis
        reveal(make())  # redis.Redis
        with shared.pipeline() as pipe:
            reveal(pipe.set(1, 2).expire(3, 4))  # redis.client.Pipeline
    """,
    "a class of the project with a library's name": """
        # app.py
        class Session:
            def execute(self): ...
        class Redis: ...
        def f(s: Session):
            reveal(s)  # app.Session
            reveal(s.execute())  # None
            reveal(Redis())  # app.Redis
    """,
}


@pytest.mark.parametrize("title", CASES)
def test_kinds(title: str) -> None:
    """A kind is what the code proves, and nothing when it proves nothing."""
    marks = revealed(project_of(CASES[title]))

    assert marks
    for place, expected, found in marks:
        assert found == expected, place
