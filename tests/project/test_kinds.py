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
            reveal(args)  # builtins.tuple
            reveal(m)  # redis.Redis
            reveal(kw)  # builtins.dict
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
    "application state": """
        # app/__init__.py
        # app/main.py
        from contextlib import asynccontextmanager
        from fastapi import FastAPI, Request, Depends, APIRouter, WebSocket
        import redis.asyncio as redis
        from sqlalchemy.orm import sessionmaker
        @asynccontextmanager
        async def lifespan(app: FastAPI):
            app.state.redis = redis.from_url("x")
            app.state.twice = redis.from_url("x")
            app.state.unclear = thing()
            yield
        async def untyped(app):
            app.state.twice = sessionmaker()
        app = FastAPI(lifespan=lifespan)
        router = APIRouter()
        @app.middleware("http")
        async def session_of(request: Request, call_next):
            request.state.db = sessionmaker()()
        def get_redis(request: Request):
            return request.app.state.redis
        @router.get("/")
        async def f(request: Request, ws: WebSocket, r=Depends(get_redis)):
            reveal(request.app.state.redis)  # redis.asyncio.Redis
            reveal(ws.app.state.redis.pipeline())  # redis.asyncio.client.Pipeline
            reveal(app.state.redis)  # redis.asyncio.Redis
            reveal(r)  # redis.asyncio.Redis
            reveal(request.state.db)  # sqlalchemy.orm.Session
            reveal(request.app.state.db)  # None
            reveal(request.app.state.twice)  # None
            reveal(request.app.state.unclear)  # None
            reveal(app)  # fastapi.FastAPI
            reveal(router)  # fastapi.APIRouter
            reveal(request)  # fastapi.Request
        # tests/test_main.py
        from app.main import app
        app.state.redis = Fake()
    """,
    "redis in its many shapes": """
        # app.py
        import redis
        from redis import asyncio as aioredis
        from redis.cluster import RedisCluster
        from redis.sentinel import Sentinel
        from redis.asyncio.sentinel import Sentinel as AsyncSentinel
        import aioredis as old
        pool = redis.ConnectionPool.from_url("x")
        apool = aioredis.BlockingConnectionPool(max_connections=3)
        reveal(redis.from_url("x"))  # redis.Redis
        reveal(redis.Redis.from_url("x"))  # redis.Redis
        reveal(redis.StrictRedis(connection_pool=pool))  # redis.Redis
        reveal(aioredis.Redis(connection_pool=apool))  # redis.asyncio.Redis
        reveal(aioredis.Redis.from_pool(apool))  # redis.asyncio.Redis
        reveal(RedisCluster.from_url("x"))  # redis.RedisCluster
        reveal(aioredis.RedisCluster())  # redis.asyncio.RedisCluster
        reveal(Sentinel([]).master_for("m"))  # redis.Redis
        reveal(AsyncSentinel([]).slave_for("m"))  # redis.asyncio.Redis
        reveal(Sentinel([]).master_for("m", redis_class=Mine))  # None
        reveal(old.from_url("x"))  # aioredis.Redis
        reveal(redis.Redis().get("x"))  # None
        reveal(redis.Redis().pipeline().get("x"))  # redis.client.Pipeline
        reveal(redis.Redis().pipeline().execute())  # None
        class Cache(redis.Redis):
            def get(self, key):
                reveal(super().get(key))  # None
        reveal(Cache())  # app.Cache
        reveal(Cache().pipeline())  # redis.client.Pipeline
        reveal(Cache().get("x"))  # None
        async def f():
            reveal(await aioredis.from_url("x"))  # redis.asyncio.Redis
            reveal(await old.create_redis_pool("x"))  # aioredis.Redis
            async with aioredis.Redis() as r, r.pipeline() as p:
                reveal(r)  # redis.asyncio.Redis
                reveal(p)  # redis.asyncio.client.Pipeline
    """,
    "drivers": """
        # app.py
        import sqlite3, psycopg2, psycopg, asyncpg, aiosqlite
        from contextlib import closing, ExitStack, AsyncExitStack, nullcontext
        from psycopg_pool import ConnectionPool
        conn = sqlite3.connect("x")
        reveal(conn)  # sqlite3.Connection
        reveal(conn.cursor())  # sqlite3.Cursor
        pg = psycopg2.connect("x")
        with pg.cursor() as cur:
            reveal(cur)  # psycopg2.extensions.cursor
        with psycopg.connect("x") as c3, c3.cursor() as cur3:
            reveal(c3)  # psycopg.Connection
            reveal(cur3)  # psycopg.Cursor
        with closing(sqlite3.connect("x")) as closed:
            reveal(closed)  # sqlite3.Connection
        with ConnectionPool("x").connection() as pooled:
            reveal(pooled)  # psycopg.Connection
        with ExitStack() as stack:
            reveal(stack.enter_context(closing(conn)))  # sqlite3.Connection
        with nullcontext(conn) as same:
            reveal(same)  # sqlite3.Connection
        async def f():
            pool = await asyncpg.create_pool("x")
            reveal(pool)  # asyncpg.Pool
            async with pool.acquire() as a:
                reveal(a)  # asyncpg.Connection
            reveal(await pool.acquire())  # asyncpg.Connection
            reveal(await asyncpg.connect("x"))  # asyncpg.Connection
            async with aiosqlite.connect("x") as b:
                reveal(b)  # aiosqlite.Connection
                async with b.execute("x") as c:
                    reveal(c)  # aiosqlite.Cursor
            async with AsyncExitStack() as stack:
                reveal(await stack.enter_async_context(pool.acquire()))  # asyncpg.Connection
    """,
    "HTTP clients and tasks": """
        # app.py
        import httpx, requests, aiohttp
        from celery import Celery
        from fastapi import BackgroundTasks
        reveal(requests.Session())  # requests.Session
        reveal(requests.session())  # requests.Session
        reveal(httpx.Client(timeout=3))  # httpx.Client
        reveal(Celery("x"))  # celery.Celery
        async def f(tasks: BackgroundTasks):
            reveal(tasks)  # fastapi.BackgroundTasks
            async with httpx.AsyncClient() as client, aiohttp.ClientSession() as session:
                reveal(client)  # httpx.AsyncClient
                reveal(session)  # aiohttp.ClientSession
    """,
    "SQLModel and Flask": """
        # app.py
        from flask_sqlalchemy import SQLAlchemy
        from sqlmodel import Session, select, create_engine
        from sqlmodel.ext.asyncio.session import AsyncSession
        from sqlalchemy.orm import sessionmaker, declarative_base, scoped_session
        db = SQLAlchemy()
        class User(db.Model): ...
        Base = declarative_base()
        Scoped = scoped_session(sessionmaker())
        Base.query = Scoped.query_property()
        class Item(Base): ...
        reveal(db.session)  # sqlalchemy.orm.scoped_session
        reveal(db.session.query(User))  # sqlalchemy.orm.Query
        reveal(db.session.execute(db.select(User)).scalars())  # sqlalchemy.engine.ScalarResult
        reveal(db.select(User).where(1))  # sqlalchemy.Select
        reveal(User.query)  # sqlalchemy.orm.Query
        reveal(User.query.filter_by(id=1).first())  # app.User
        reveal(Item.query.all())  # builtins.list
        reveal(User.other)  # None
        make = sessionmaker(class_=AsyncSession)
        with Session(create_engine("x")) as s:
            reveal(s)  # sqlmodel.Session
            reveal(s.exec(select(User)))  # sqlalchemy.engine.ScalarResult
            reveal(s.query(User))  # sqlalchemy.orm.Query
            reveal(s.get(User, 1))  # app.User
            for user in s.exec(select(User)):
                reveal(user)  # app.User
            for user in s.scalars(select(User).where(1)).all():
                reveal(user)  # app.User
            for row in s.execute(select(User, Item)):
                reveal(row)  # sqlalchemy.engine.Row
        async def f():
            async with make() as a:
                reveal(a)  # sqlmodel.ext.asyncio.session.AsyncSession
                reveal((await a.exec(select(User))).first())  # app.User
    """,
    "functions of the project": """
        # app.py
        import contextlib, functools
        from typing import Callable, Iterator
        from sqlalchemy.orm import Session, sessionmaker
        from sqlalchemy.ext.asyncio import async_sessionmaker
        factory = sessionmaker()
        afactory = async_sessionmaker()
        @contextlib.contextmanager
        def scope():
            s = factory()
            try:
                yield s
            finally:
                s.close()
        @contextlib.contextmanager
        def typed() -> Iterator[Session]:
            yield unknown()
        @contextlib.asynccontextmanager
        async def ascope():
            async with afactory() as s:
                yield s
        @contextlib.contextmanager
        def misannotated() -> Session:
            yield factory()
        @functools.lru_cache
        def cached():
            return factory()
        @mystery
        def decorated() -> Session:
            return factory()
        def maybe(flag):
            if flag:
                return None
            return factory()
        def either(flag):
            if flag:
                return factory()
            return other()
        async def coroutine():
            return factory()
        get = lambda: factory()
        def make(build: Callable[[], Session]):
            reveal(build())  # sqlalchemy.orm.Session
        with scope() as a, typed() as b, misannotated() as c:
            reveal(a)  # sqlalchemy.orm.Session
            reveal(b)  # sqlalchemy.orm.Session
            reveal(c)  # sqlalchemy.orm.Session
        with coroutine() as d:
            reveal(d)  # None
        reveal(cached())  # sqlalchemy.orm.Session
        reveal(decorated())  # None
        reveal(maybe(1))  # sqlalchemy.orm.Session
        reveal(either(1))  # None
        reveal(get())  # sqlalchemy.orm.Session
        reveal(scope())  # typing.ContextManager
        async def f():
            reveal(await coroutine())  # sqlalchemy.orm.Session
            reveal(coroutine())  # typing.Coroutine
            async with ascope() as s:
                reveal(s)  # sqlalchemy.ext.asyncio.AsyncSession
            async with scope() as wrong:
                reveal(wrong)  # None
    """,
    "classes that enter": """
        # app.py
        from __future__ import annotations
        from typing import Self
        from sqlalchemy.orm import Session, sessionmaker
        factory = sessionmaker()
        class Unit:
            session: Session | None = None
            def __enter__(self):
                self.session = factory()
                return self
            def __call__(self) -> Session: ...
        class Opens:
            def __enter__(self) -> Session: ...
        class AsyncUnit:
            def __init__(self):
                self.session = factory()
            async def __aenter__(self) -> Self:
                return self
            @classmethod
            def create(cls) -> "AsyncUnit":
                return cls()
            @staticmethod
            def make(db: Session):
                reveal(db)  # sqlalchemy.orm.Session
                return db
            @property
            def db(self) -> Session: ...
            def session_of(self):
                return self.session
        with Unit() as unit, Opens() as opened:
            reveal(unit)  # app.Unit
            reveal(unit.session)  # sqlalchemy.orm.Session
            reveal(opened)  # sqlalchemy.orm.Session
        reveal(Unit()())  # sqlalchemy.orm.Session
        reveal(AsyncUnit.create().session)  # sqlalchemy.orm.Session
        reveal(AsyncUnit().db)  # sqlalchemy.orm.Session
        reveal(AsyncUnit().session_of())  # sqlalchemy.orm.Session
        reveal(AsyncUnit.make(1))  # sqlalchemy.orm.Session
        async def f():
            async with AsyncUnit() as u:
                reveal(u.session)  # sqlalchemy.orm.Session
    """,
    "what must stay unknown": """
        # app/__init__.py
        # app/patched.py
        from sqlalchemy.orm import Session, sessionmaker
        import app.settings as settings
        import redis
        factory = sessionmaker()
        settings.client = Fake()
        reveal(settings.client)  # None
        class Repo:
            session = factory()
        Repo.session = Fake()
        reveal(Repo.session)  # None
        class Other:
            def __init__(self, db):
                self.db = db
                self.x, self.y = factory(), factory()
                for self.z in []:
                    pass
            def f(self):
                reveal(self.db)  # None
                reveal(self.x)  # None
                reveal(self.z)  # None
        def duck(session, redis, db=factory(), client=settings.client):
            reveal(session)  # None
            reveal(redis)  # None
            reveal(db)  # None
            reveal(client)  # None
        def loops(items: list[Session]):
            for item in items:
                reveal(item)  # sqlalchemy.orm.Session
            for number, one in enumerate(items):
                reveal(one)  # sqlalchemy.orm.Session
            for item in items:
                item = reveal(item)  # sqlalchemy.orm.Session
                reveal(item)  # None
            for item in items:
                for part in reveal(item):  # sqlalchemy.orm.Session
                    pass
            for again in items:
                if again:
                    again = Fake()
                reveal(again)  # None
            for again in items:
                t = factory()
                reveal(t)  # sqlalchemy.orm.Session
                t = Fake()
                reveal(t)  # None
            for again in items:
                while again:
                    reveal(again)  # None
                    again = Fake()
            for first, other in zip(sorted(items), unknown):
                reveal(first)  # sqlalchemy.orm.Session
                reveal(other)  # None
            s = factory()
            while True:
                reveal(s)  # None
                s = Fake()
        def nested():
            s = factory()
            def change():
                nonlocal s
                s = Fake()
            reveal(s)  # None
        def branches(flag):
            if flag:
                s = factory()
            else:
                s = redis.Redis()
            reveal(s)  # None
            try:
                t = factory()
            except Exception:
                t = Fake()
            reveal(t)  # None
            u = factory()
            if flag:
                u = Fake()
                reveal(u)  # None
            reveal(u)  # None
            with factory() as v:
                reveal(v)  # sqlalchemy.orm.Session
            with redis.Redis() as v:
                reveal(v)  # redis.Redis
            reveal(v)  # None
            w = factory()
            w += 1
            reveal(w)  # None
            k: Session = Fake
            k = redis.Redis()
            reveal(k)  # redis.Redis
        def unpacked():
            a, b = factory(), redis.Redis()
            reveal(a)  # sqlalchemy.orm.Session
            reveal(b)  # redis.Redis
            c, d = pair()
            reveal(c)  # None
            e, *f = factory(), factory()
            reveal(f)  # None
        # app/settings.py
        import redis
        client = redis.Redis()
        # app/stars.py
        from redis import Redis
        from mystery import *
        client = Redis()
        reveal(client)  # None
        # app/late.py
        from redis import Redis
        from app.settings import *
        reveal(Redis())  # redis.Redis
        reveal(client)  # redis.Redis
        # app/bad.py
        from redis import Redis
        from app.hides import *
        reveal(Redis())  # None
        named(Redis)  # None
        # app/hides.py
        class Redis: ...
        # app/same.py
        from redis import Redis
        from app.settings import *
        from app.late import *
        reveal(Redis())  # redis.Redis
    """,
    "declared variables": """
        # app.py
        from typing import Callable, Optional
        from sqlalchemy.orm import Session, sessionmaker, scoped_session
        from sqlalchemy.ext.asyncio import AsyncSession as SA, async_sessionmaker
        AsyncSession: Callable[..., SA] | None = None
        Local: Optional[sessionmaker] = None
        def configure():
            global AsyncSession, Local
            AsyncSession = async_sessionmaker(class_=SA)
            Local = sessionmaker()
        def reset():
            global AsyncSession
            AsyncSession = None
        async def f():
            async with AsyncSession() as s:
                reveal(s)  # sqlalchemy.ext.asyncio.AsyncSession
            reveal(Local())  # sqlalchemy.orm.Session
        def g():
            s: Session = make()
            reveal(s)  # sqlalchemy.orm.Session
            t: Session
            t = make()
            reveal(t)  # sqlalchemy.orm.Session
    """,
    "text, containers and the standard library": """
        # app.py
        import asyncio, contextvars, functools, logging, threading
        from pathlib import Path
        from typing import Dict, Optional
        from sqlalchemy.orm import Session
        from starlette.concurrency import run_in_threadpool
        log = logging.getLogger(__name__)
        tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
        lock = threading.Lock()
        names = {}
        def load() -> Session: ...
        bound = functools.partial(load, 1)
        async def f(given: dict[str, int], old: Optional[Dict[str, int]]):
            reveal(log)  # logging.Logger
            reveal(tenant)  # contextvars.ContextVar
            reveal(lock)  # threading.Lock
            reveal(names)  # builtins.dict
            reveal(given)  # builtins.dict
            reveal(old)  # builtins.dict
            reveal(f"{given}")  # builtins.str
            reveal("a b".strip().split())  # builtins.list
            reveal({1, 2})  # builtins.set
            reveal(Path("x").resolve())  # pathlib.Path
            reveal(bound())  # sqlalchemy.orm.Session
            reveal(await asyncio.to_thread(load, 1))  # sqlalchemy.orm.Session
            reveal(await run_in_threadpool(load))  # sqlalchemy.orm.Session
            reveal(Path("x") / "y")  # pathlib.Path
            reveal("a" + names)  # builtins.str
            try: ...
            except ValueError as error:
                reveal(error)  # builtins.ValueError
            except (OSError, KeyError) as several:
                reveal(several)  # None
            with open("x") as file:
                reveal(file)  # typing.IO
    """,
    "a scoped session that is declared as the session it stands for": """
        # db.py
        import sqlalchemy.orm
        from typing import Any
        from sqlalchemy.orm.scoping import ScopedSession
        from sqlalchemy.orm import Session as S, scoped_session, sessionmaker
        Session = scoped_session(sessionmaker())
        Session: sqlalchemy.orm.Session
        other: S = scoped_session(make())
        third: S = sessionmaker()
        Old = ScopedSession[Any]
        old: Old = scoped_session(sessionmaker(autoflush=False))
        # app.py
        from db import Session, other, third, old
        def f():
            reveal(Session)  # sqlalchemy.orm.scoped_session
            reveal(Session.query(User))  # sqlalchemy.orm.Query
            reveal(other)  # sqlalchemy.orm.Session
            reveal(third)  # None
            reveal(old)  # sqlalchemy.orm.scoped_session
            reveal(old.query(User))  # sqlalchemy.orm.Query
    """,
    "subclasses of Flask's extension have its names": """
        # app.py
        from flask_sqlalchemy import SQLAlchemy
        class Database(SQLAlchemy):
            def func(self): ...
        db = Database()
        class User(db.Model): ...
        reveal(db.session)  # sqlalchemy.orm.scoped_session
        reveal(db.session.execute(db.select(User)))  # sqlalchemy.engine.Result
        named(db.select)  # sqlalchemy.select
        named(db.func)  # app.db.func
        named(db.create_all)  # app.db.create_all
    """,
    "what only type checkers see gives way to what runs": """
        # base.py
        from typing import TYPE_CHECKING, Any
        import typing
        from sqlalchemy.orm import Session, registry, sessionmaker
        if TYPE_CHECKING:
            Base = Any
            Local = Any
        else:
            Base = registry().generate_base()
            Local = sessionmaker()
        if typing.TYPE_CHECKING:
            given: Session
        else:
            given = make()
        if TYPE_CHECKING:
            other = Any
        other = make()
        # app.py
        from base import Base, Local, given, other
        from sqlalchemy import Column, Integer
        class User(Base):
            __tablename__ = "users"
            id = Column(Integer, primary_key=True)
        reveal(Local())  # sqlalchemy.orm.Session
        reveal(Local().query(User).all())  # builtins.list
        reveal(Local().query(User).first())  # app.User
        reveal(User.metadata)  # None
        reveal(given)  # sqlalchemy.orm.Session
        reveal(other)  # None
    """,
    "a package hides the module beside it": """
        # app.py
        from app import db
        from app.db import session
        reveal(db.session)  # sqlalchemy.orm.Session
        reveal(session)  # sqlalchemy.orm.Session
        # app/__init__.py
        # app/db.py
        from sqlalchemy.orm import Session
        session = Session()
    """,
}


@pytest.mark.parametrize("title", CASES)
def test_kinds(title: str) -> None:
    """A kind is what the code proves, and nothing when it proves nothing."""
    marks = revealed(project_of(CASES[title]))

    assert marks
    for place, expected, found in marks:
        assert found == expected, place
