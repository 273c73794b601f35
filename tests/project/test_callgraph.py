"""Projects as text; ``# ->`` says what the places of a line run, in the order of the source."""

import ast

import pytest

from hephaestus_codemods.project.callgraph import (
    Callee,
    callees,
    callers,
    functions_in,
    label,
)
from hephaestus_codemods.project.module import Module
from hephaestus_codemods.project.values import Function
from tests.project.reveal import project_of

CASES = {
    "functions, imports, aliases and libraries": """
        # app/__init__.py
        # app/crud.py
        def load(x): ...
        # app/service.py
        import requests as rq
        from requests import get
        from app import crud
        from app.crud import load as fetch
        try:
            import ujson as json
        except ImportError:
            import json
        def f(callback, items):
            crud.load(1)  # -> load
            fetch(2)  # -> load
            rq.post("x")  # -> requests.post
            get("x")  # -> requests.get
            json.dumps({})  # -> json.dumps | ujson.dumps
            len(items)  # -> builtins.len
            callback()  # -> ?`callback` is a parameter
            items.append(1)  # -> ?`items` is of unknown kind
            " ".join(items)  # -> builtins.str.join
            nowhere()  # -> ?`nowhere` is of unknown kind
    """,
    "objects that libraries made": """
        # app.py
        import re, boto3
        def f(text):
            found = re.match("x", text)  # -> re.match
            found.group(1)  # -> re.match().group
            for one in re.finditer("x", text):  # -> re.finditer
                one.start()  # -> re.finditer()[].start
            if (other := re.search("x", text)):  # -> re.search
                other.re.match("y")  # -> re.search().re.match
            boto3.client("s3").put_object()  # -> boto3.client().put_object, boto3.client
            twice = re.match("x", text)  # -> re.match
            twice = text
            twice.group()  # -> ?`twice` is of unknown kind
    """,
    "nested functions, lambdas and what is handed over": """
        # app.py
        import functools
        def work(x): ...
        def each(function): ...
        def f():
            def inner(): ...
            inner()  # -> f.inner
            each(work)  # -> each, callback work
            each(lambda: work(1))  # -> each, callback f.<lambda>
            sorted([], key=work)  # -> builtins.sorted, callback work
            bound = functools.partial(work, 1)  # -> functools.partial, callback work
            bound()  # -> work
            each(  # -> each
                functools.partial(work, 2)  # -> callback work, functools.partial, callback work
            )
        both = lambda: work(2)
        both()  # -> module.<lambda>
    """,
    "methods, instances and classes": """
        # app.py
        from dataclasses import dataclass
        from pydantic import BaseModel, field_validator
        from sqlalchemy.orm import Session
        class Repo:
            def __init__(self, session: Session):
                self.session = session
            def get(self):
                self.session.execute(1)  # -> sqlalchemy.orm.Session.execute
                self.get()  # -> Repo.get
                Repo.make()  # -> Repo.make
                self.missing()  # -> ?Repo does not say what `missing` is
            @staticmethod
            def make(): ...
            @classmethod
            def build(cls):
                return cls(1)  # -> Repo.__init__
            @property
            def size(self): ...
            def __call__(self): ...
            def __enter__(self): ...
            def __exit__(self, *a): ...
            def __iter__(self): ...
        class Item(BaseModel):
            name: str
            @field_validator("name")
            def check(cls, value): ...
        @dataclass
        class Point:
            x: int
            def __post_init__(self): ...
        def f(session: Session):
            repo = Repo(session)  # -> Repo.__init__
            repo.get()  # -> Repo.get
            repo()  # -> Repo.__call__
            print(repo.size)  # -> builtins.print, read Repo.size
            with repo: ...  # -> enter Repo.__enter__, enter Repo.__exit__
            for one in repo: ...  # -> iterate Repo.__iter__
            Item(name="x")  # -> Item.check | pydantic.BaseModel
            item = Item(name="x")  # -> Item.check | pydantic.BaseModel
            item.model_dump()  # -> pydantic.BaseModel.model_dump
            Point(1)  # -> Point.__post_init__
            ValueError("x")  # -> builtins.ValueError
    """,
    "methods that subclasses override are not one function": """
        # app/__init__.py
        # app/base.py
        import abc
        class Store(abc.ABC):
            @abc.abstractmethod
            def load(self): ...
            def save(self):
                self.load()  # -> Disk.load, Memory.load
                self.close()  # -> Store.close, Disk.close
            def close(self): ...
            def run(self):
                raise NotImplementedError
        # app/stores.py
        from app.base import Store as Base
        class Disk(Base):
            def load(self): ...
            def close(self):
                super().close()  # -> Store.close, builtins.super
                super().run()  # -> Store.run, builtins.super
        class Memory(Base):
            def load(self): ...
            def __init__(self):
                super().__init__()  # -> abc.ABC.__init__, builtins.super
        class Fast(Disk): ...
        def f(store: Base, fast: Fast):
            store.load()  # -> Disk.load, Memory.load
            store.close()  # -> Store.close, Disk.close
            fast.load()  # -> Disk.load
            Fast().close()  # -> Disk.close, abc.ABC
        # tests/test_stores.py
        from app.base import Store
        class Fake(Store):
            def load(self): ...
    """,
    "dependencies": """
        # app.py
        from typing import Annotated
        from fastapi import Depends
        class Service:
            def run(self): ...
        def get_service() -> Service: ...
        def made():
            yield Service()  # -> nothing
        Dep = Annotated[Service, Depends(get_service)]
        def f(a: Dep, b=Depends(made), c: Service = Depends()):
            a.run()  # -> Service.run
            b.run()  # -> Service.run
            c.run()  # -> Service.run
    """,
    "tasks and threads are started, not run": """
        # app.py
        import asyncio
        from threading import Thread
        from fastapi import BackgroundTasks
        def work(): ...
        async def job(): ...
        async def f(background: BackgroundTasks):
            background.add_task(work, 1)  # -> fastapi.BackgroundTasks.add_task, spawn work
            Thread(target=work)  # -> threading.Thread, spawn work
            asyncio.create_task(job())  # -> asyncio.create_task, spawn job
            await asyncio.gather(job(), job())  # -> asyncio.gather, job, job
            await asyncio.to_thread(work)  # -> asyncio.to_thread, callback work
    """,
    "decorators": """
        # app.py
        import functools, contextlib, tenacity
        from typing import Callable, cast
        from fastapi import APIRouter
        router = APIRouter()
        def timed(function):
            @functools.wraps(function)  # -> functools.wraps
            def wrapper(*args):
                return function(*args)  # -> ?`function` is a parameter
            return wrapper
        def registered(function):
            KNOWN.append(function)  # -> ?`KNOWN` is of unknown kind
            return function
        def typed(function: Callable) -> Callable:
            def inner(): ...
            return cast(Callable, inner)
        def retry(times):
            def around(function):
                def again():
                    return function()  # -> ?`function` is a parameter
                return again
            return around
        @timed  # -> wrap timed.wrapper
        def a(): ...
        @registered
        def z(): ...
        @typed  # -> wrap typed.inner
        def y(): ...
        @retry(3)  # -> retry, wrap retry.around.again
        def b(): ...
        @tenacity.retry  # -> wrap tenacity.retry
        def c(): ...
        @unknown  # -> wrap ?the decorator `unknown` is not understood
        def d(): ...
        @router.get("/")
        @contextlib.contextmanager
        def e():
            a()  # -> a
    """,
}


def described(callee: Callee) -> str:
    """Return what a test says of a place."""
    parts = [label(one) for one in callee.functions]
    text = " | ".join(filter(None, [", ".join(parts), " | ".join(callee.libraries)]))
    if callee.unknown is not None:
        text += f"?{callee.unknown}"
    text = text or "nothing"
    return text if callee.how == "call" else f"{callee.how} {text}"


def found_in(module: Module) -> dict[int, list[Callee]]:
    """Return what the places of each line run."""
    lines: dict[int, list[Callee]] = {}
    functions: list[ast.AST] = [module.tree, *(one.node for one in functions_in(module))]
    functions += [node for node in module.nodes if isinstance(node, ast.ClassDef)]
    for function in functions:
        for callee in callees(module, function):
            lines.setdefault(getattr(callee.node, "lineno", 0), []).append(callee)
    return lines


@pytest.mark.parametrize("title", CASES)
def test_callees(title: str) -> None:
    """A place runs exactly what the code says, and says what it does not know."""
    project = project_of(CASES[title])
    checked = 0

    for path in project.files:
        module = project.module_at(path)
        found = found_in(module)
        for number, line in enumerate(module.source.text.splitlines(), 1):
            _, mark, expected = line.partition("# -> ")
            if mark:
                here = found.get(number, [])
                assert ", ".join(map(described, here)) == expected, f"{path}: {line.strip()}"
                checked += 1
    assert checked


USES = project_of(
    """
    # app/__init__.py
    # app/crud.py
    class Users:
        def load(self): ...
        def __init__(self): ...
    def load(x): ...
    # app/api.py
    from fastapi import Depends
    from app.crud import Users, load as fetch
    from app import crud
    def handler(user=Depends(fetch)):
        fetch(1)
        crud.load(2)
        Users().load()
    def other(users: Users, unknown):
        users.load()
        unknown.load()
        getattr(users, "load")()
    def load(): ...
    load()
    # tests/test_api.py
    from app.crud import load
    load()
    """
)


def uses_of(path: str, qualified: str, *, tests: bool = False) -> list[str]:
    module = USES.module_at(path)
    function = next(one for one in functions_in(module) if label(one) == qualified)
    return [
        f"{use.module.path}:{use.node.lineno}"  # type: ignore[attr-defined]  # all have lines
        + ("" if use.is_call else " named")
        + ("" if use.sure else " unsure")
        for use in callers(function, tests=tests)
    ]


def test_callers_of_a_function() -> None:
    """Calls and other mentions are found by what they mean, also under another name."""
    assert uses_of("app/crud.py", "load") == [
        "app/api.py:5 named",
        "app/api.py:6",
        "app/api.py:7",
        "app/api.py:12 named unsure",
    ]
    assert "tests/test_api.py:3" in uses_of("app/crud.py", "load", tests=True)


def test_callers_of_a_method() -> None:
    """A receiver of unknown kind may be the one that is meant."""
    assert uses_of("app/crud.py", "Users.load") == [
        "app/api.py:8",
        "app/api.py:10",
        "app/api.py:11 unsure",
        "app/api.py:12 named unsure",
    ]


def test_callers_of_a_constructor() -> None:
    """An object is made where its class is called."""
    assert uses_of("app/crud.py", "Users.__init__") == ["app/api.py:8"]


def test_one_function_or_none() -> None:
    """Only a place that surely runs one function names it."""
    project = project_of(CASES["methods that subclasses override are not one function"])
    module = project.module_at("app/stores.py")
    f = next(one for one in functions_in(module) if label(one) == "f")

    sure = [one.function for one in callees(module, f.node)]

    assert [label(one) if isinstance(one, Function) else None for one in sure] == [
        None,
        None,
        "Disk.load",
        "Disk.close",
        None,
    ]
