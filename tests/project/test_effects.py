"""Projects as text; ``# does`` after ``def`` lists all that a call of the function may do.

A comment ``# and`` on the next line goes on.
"""

import re

import pytest

from hephaestus_codemods.project.callgraph import functions_in, label
from hephaestus_codemods.project.effects import EffectKind, Summary
from hephaestus_codemods.project.project import Project
from tests.project.reveal import project_of

CASES = {
    "values only": """
        # app.py
        import json, re, datetime
        from pydantic import BaseModel
        class Out(BaseModel):
            x: int
        def f(x):  # does nothing
            names = []
            names.append(x)
            pairs = {n: len(n) for n in names}
            pairs["x"] = 1
            return Out(x=json.loads(re.sub("a", "b", x))), datetime.timedelta(days=1)
        def g(x):  # does nothing
            return f(x)
    """,
    "the world outside": """
        # app.py
        import asyncio, contextvars, os, random, secrets, subprocess, threading, time, uuid
        import httpx, logging, requests, smtplib
        from datetime import datetime
        from pathlib import Path
        log = logging.getLogger(__name__)
        tenant = contextvars.ContextVar("tenant")
        lock = threading.Lock()
        session = requests.Session()
        def a():  # does files files, logs log
            with open("x") as file:
                print(file.read())
        def b():  # does http http
            requests.get("x").json()
            session.post("y")
        async def c():  # does http http, sleeps awaits
            async with httpx.AsyncClient() as client:
                await client.get("x")
            await asyncio.sleep(1)
        def d():  # does nondeterministic random, nondeterministic secrets
            # and nondeterministic time, nondeterministic uuid
            return datetime.now(), random.random(), uuid.uuid4(), secrets.token_hex()
        def e():  # does sleeps blocks
            time.sleep(1)
        def f():  # does environment environment
            return os.environ["X"], os.getenv("Y")
        def g():  # does locks lock
            with lock:
                pass
        def h():  # does context-reads context variable, context-sets context variable
            tenant.set(tenant.get())
        def i():  # does spawns process
            subprocess.run(["x"])
        def j():  # does network network
            smtplib.SMTP("x").sendmail()
        def k():  # does logs log
            log.info("x")
        def m():  # does files files
            Path("x").read_text()
        async def n():  # does spawns task
            asyncio.get_running_loop().call_soon(e)
        def o():  # does unknown `acme.call` of a library is not known
            import acme
            acme.call()
    """,
    "databases": """
        # app.py
        from sqlalchemy import ForeignKey, String, delete, insert, select, text, update
        from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
        import psycopg
        class Base(DeclarativeBase): ...
        class User(Base):
            __tablename__ = "users"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str]
            orders: Mapped[list["Order"]] = relationship()
            team: Mapped["Team"] = relationship(lazy="joined")
        class Order(Base):
            __tablename__ = "orders"
            id: Mapped[int] = mapped_column(primary_key=True)
        def a(s: Session):  # does reads users
            return s.get(User, 1), s.query(User).filter(User.id == 1).all()
        def b(s: Session):  # does reads users
            for user in s.query(User):
                return s.execute(select(User).where(User.id == 1)).scalars().all()
        def c(s: Session):  # does commits transaction, flushes transaction
            # and writes orders, writes users
            s.add(Order(id=1))
            s.execute(update(User).where(User.id == 1).values(name="x"))
            s.flush()
            s.commit()
        def d(s: Session):  # does reads ?, reads users, writes ?, writes orders
            s.execute(text("SELECT * FROM users WHERE id = :id"))
            statement = delete(Order)
            s.execute(statement)
            s.execute(text(MISSING))
        def e(user: User):  # does reads Order
            return user.orders, user.team, user.name
        def f(user: User):  # does mutates user.name, writes users
            user.name = "x"
        def g(c: psycopg.Connection):  # does commits transaction, reads users
            c.execute("select 1 from users")
            c.commit()
        def h(s: Session):  # does mutates what s.get() gives.name, reads users, writes users
            user = s.get(User, 1)
            user.name = "x"
    """,
    "redis": """
        # app.py
        import redis
        r = redis.Redis()
        def a():  # does redis-reads get
            return r.get("x")
        def b():  # does redis-writes set
            r.set("x", 1)
        def c():  # does redis-writes pipeline
            with r.pipeline() as pipe:
                pipe.get("x")
                pipe.execute()
        def d():  # does locks lock
            r.lock("x")
    """,
    "exceptions": """
        # app.py
        import contextlib
        from fastapi import HTTPException
        class Gone(KeyError): ...
        def a():  # does raises app.Gone
            raise Gone("x")
        def b():  # does nothing
            try:
                a()
            except LookupError:
                pass
        def c():  # does raises app.Gone
            try:
                a()
            except ValueError:
                pass
        def d():  # does raises fastapi.HTTPException
            try:
                a()
            except Gone as error:
                raise HTTPException(404) from error
        def e():  # does raises app.Gone
            try:
                a()
            except Gone:
                raise
        def f():  # does nothing
            with contextlib.suppress(Exception):
                a()
        def g():  # does raises app.Gone
            try:
                return 1
            except Exception:
                a()
        def h():  # does raises app.Gone, raises builtins.ValueError
            try:
                a()
            finally:
                raise ValueError("x")
        def i(error):  # does raises ?
            raise error
        def j():  # does raises builtins.SystemExit
            import sys
            try:
                sys.exit(1)
            except Exception:
                pass
    """,
    "what a function changes": """
        # app.py
        from typing import List
        CACHE = {}
        COUNT = 0
        class Box:
            total = 0
            def __init__(self, items):  # does mutates self.items
                self.items = items
            def put(self, item):  # does mutates self.items[]
                # and unknown `self.items` is of unknown kind
                self.items.append(item)
            @classmethod
            def reset(cls):  # does mutates cls.total
                cls.total = 0
        def a(user, key):  # does mutates user.name, mutates user.tags[]
            user.name = "x"
            user.tags[key] = 1
        def b():  # does mutates app.CACHE[], mutates app.COUNT
            global COUNT
            COUNT += 1
            CACHE["x"] = 1
        def c(order):  # does mutates order.user.name, mutates order.user.tags[]
            a(order.user, "k")
        def d():  # does nothing
            box = Box([])
            box.total = 1
        def e(items: List[int]):  # does mutates items[]
            items.append(1)
        def f():  # does nothing
            e([])
        def g(rows):  # does mutates rows[].seen
            for row in rows:
                row.seen = True
        def h(box: Box):  # does mutates box.items[], unknown `self.items` is of unknown kind
            box.put(1)
        def i():  # does nothing
            found = []
            def add(x):  # does mutates found[]
                found.append(x)
            add(1)
            return found
        def j():  # does nothing
            count = 0
            def up():  # does mutates count
                nonlocal count
                count += 1
            up()
        def k(node):  # does mutates node.next.next.next..., mutates node.next.next.seen
            # and mutates node.next.seen, mutates node.seen
            node.seen = True
            k(node.next)
        def m(user):  # does mutates user.*
            setattr(user, "name", 1)
    """,
    "circles": """
        # app.py
        import time, requests
        def even(n):  # does http http, sleeps blocks
            time.sleep(1)
            return n == 0 or odd(n - 1)
        def odd(n):  # does http http, sleeps blocks
            requests.get("x")
            return n != 0 and even(n - 1)
    """,
    "functions that are handed over": """
        # app.py
        import functools, time, asyncio
        def work():  # does sleeps blocks
            time.sleep(1)
        def each(function):  # does unknown `function` is a parameter
            function()
        def a():  # does sleeps blocks
            each(work)
        def b(other):  # does unknown `function` is a parameter
            each(other)
        def c():  # does sleeps blocks
            sorted([], key=lambda x: work())
        def timed(function):  # does nothing
            @functools.wraps(function)
            def wrapper():  # does nondeterministic time, unknown `function` is a parameter
                time.monotonic()
                return function()
            return wrapper
        @timed
        def d():  # does nondeterministic time, sleeps blocks
            work()
        def e():  # does nondeterministic time, sleeps blocks
            d()
        async def g():  # does sleeps blocks
            await asyncio.to_thread(work)
    """,
    "methods that may be one of several": """
        # app.py
        import time, requests
        class Base:
            def load(self):  # does raises builtins.NotImplementedError
                raise NotImplementedError
        class Slow(Base):
            def load(self):  # does sleeps blocks
                time.sleep(1)
        class Far(Base):
            @property
            def name(self):  # does http http
                return requests.get("x")
            def load(self):  # does http http
                return self.name
        def f(base: Base):  # does http http, sleeps blocks
            base.load()
        def g(far: Far):  # does http http
            far.load()
    """,
    "generators yield only to those who run over them": """
        # app.py
        import time
        def numbers():  # does sleeps blocks, yields values
            time.sleep(1)
            yield 1
        def f():  # does sleeps blocks
            return list(numbers())
    """,
}
DOES = re.compile(r"^\s*(?:async )?def (\w+)\(.*# does (.*)$")


def described(summary: Summary) -> str:
    found = sorted(f"{effect.kind} {effect.what}" for effect in summary.effects)
    return ", ".join(dict.fromkeys(found)) or "nothing"


def checked(project: Project) -> int:
    count = 0
    for path in project.files:
        module = project.module_at(path)
        lines = module.source.text.splitlines()
        for function in functions_in(module):
            number = function.node.lineno
            mark = DOES.match(lines[number - 1])
            if mark:
                more = lines[number].partition("# and ")[2]
                expected = ", ".join(filter(None, (mark.group(2), more)))
                assert described(project.effects(function)) == expected, label(function)
                count += 1
    return count


@pytest.mark.parametrize("title", CASES)
def test_effects(title: str) -> None:
    """All that a call may do is listed, and nothing that it surely does not."""
    assert checked(project_of(CASES[title]))


def test_paths_show_how() -> None:
    """Each effect names the functions that lead to it, by the shortest way."""
    project = project_of(
        """
        # app/__init__.py
        # app/clients.py
        import requests
        def fetch(url):
            return requests.get(url)
        # app/service.py
        from app.clients import fetch
        class Service:
            def load(self):
                return self.inner()
            def inner(self):
                return fetch("x")
        # app/api.py
        from app.service import Service
        def handler(service: Service):
            return service.load()
        """
    )
    module = project.module_at("app/api.py")
    (handler,) = functions_in(module)

    (effect,) = project.effects(handler).of(EffectKind.HTTP)

    assert effect.path("handler") == (
        "handler -> Service.load -> Service.inner -> fetch -> requests.get, app/clients.py:4"
    )


def test_summary_answers_questions() -> None:
    """A summary says which tables, whether all is known, and whether there is anything at all."""
    project = project_of(CASES["databases"])
    module = project.module_at("app.py")
    by_name = {label(one): project.effects(one) for one in functions_in(module)}

    assert by_name["c"].names(EffectKind.WRITES) == {"orders", "users"}
    assert by_name["c"].has(EffectKind.COMMITS)
    assert not by_name["a"].has(EffectKind.WRITES, EffectKind.COMMITS)
    assert by_name["a"].is_known
    assert not by_name["a"].is_pure


def test_what_is_unknown_is_cut_short() -> None:
    """A few unknown calls are enough; that there are more is said."""
    calls = "\n".join(f"    unknown_{n}()" for n in range(30))
    project = Project.from_files({"app.py": f"def f():\n{calls}\ndef g():\n    f()\n"})
    summaries = [project.effects(one) for one in functions_in(project.module_at("app.py"))]

    assert [one.cut_short for one in summaries] == [True, True]
    assert all(0 < len(one.of(EffectKind.UNKNOWN)) < 30 for one in summaries)
