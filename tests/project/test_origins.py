"""Projects as text; ``made(x)  # path:line`` says where x was made, ``text(x)`` what it is."""

import ast

import pytest

from hephaestus_codemods.project.module import Module
from hephaestus_codemods.project.origins import is_conditional, origins, text_of
from tests.project.reveal import project_of

CASES = {
    "names, imports and attributes": """
        # app/__init__.py
        # app/a.py
        from fastapi import APIRouter
        router = APIRouter()
        # app/b.py
        from app.a import router
        # app/main.py
        import app.a
        from app import a as module, b
        from app.b import router as other
        made(app.a.router)  # app/a.py:3
        made(module.router)  # app/a.py:3
        made(b.router)  # app/a.py:3
        made(other)  # app/a.py:3
        made(missing)  #
    """,
    "factories, parameters and loops": """
        # app/__init__.py
        # app/one.py
        from fastapi import APIRouter
        router = APIRouter()
        # app/two.py
        from fastapi import APIRouter
        router = APIRouter()
        # app/main.py
        from fastapi import FastAPI
        from app import one, two
        def create():
            app = FastAPI()
            setup(app)
            return app
        def setup(app):
            made(app)  # app/main.py:5
        ROUTERS = [one.router, two.router]
        PAIRS = (("/a", one.router), ("/b", two.router))
        for module in (one, two):
            made(module.router)  # app/one.py:3 app/two.py:3
        for router in ROUTERS:
            made(router)  # app/one.py:3 app/two.py:3
        for prefix, router2 in PAIRS:
            made(router2)  # app/one.py:3 app/two.py:3
        made(create())  # app/main.py:5
        made(create().router)  # app/main.py:5
    """,
    "instances and classes": """
        # app.py
        from fastapi import APIRouter, FastAPI
        class Server:
            shared = APIRouter()
            def __init__(self):
                self.app = FastAPI()
                made(self.app)  # app.py:6
                made(self.shared)  # app.py:4
        server = Server()
        made(server.app)  # app.py:6
        made(Server().app)  # app.py:6
    """,
    "text": """
        # app/__init__.py
        # app/config.py
        from pydantic_settings import BaseSettings
        class Settings(BaseSettings):
            API: str = "/api"
            OTHER: str
        settings = Settings()
        VERSION = "v1"
        # app/main.py
        from app import config
        from app.config import VERSION, settings
        def f(x):
            text("/a" + "/b")  # /a/b
            text(f"/{VERSION}/x")  # /v1/x
            text(settings.API + "/users")  # /api/users
            text(config.settings.API)  # /api
            text("/{v}".format(v=VERSION))  # /v1
            text(settings.OTHER)  #
            text(x)  #
            text(f"{VERSION!r}")  #
    """,
}


def answer(module: Module, call: ast.Call) -> str:
    (node,) = call.args
    if getattr(call.func, "id", "") == "text":
        return text_of(module, node) or ""
    places = (f"{one.module.path}:{one.call.lineno}" for one in origins(module, node))
    return " ".join(sorted(places))


@pytest.mark.parametrize("title", CASES)
def test_origins(title: str) -> None:
    """An object is followed to the call that made it, a text to its literal parts."""
    project = project_of(CASES[title])
    checked = 0

    for path in project.files:
        module = project.module_at(path)
        lines = module.source.text.splitlines()
        for call in module.calls:
            if getattr(call.func, "id", "") in ("made", "text"):
                line = lines[call.lineno - 1]
                expected = line.partition("#")[2].strip()
                assert answer(module, call) == expected, f"{path}: {line.strip()}"
                checked += 1
    assert checked


def test_conditional_places() -> None:
    """What stands in an ``if`` may not happen."""
    project = project_of(
        """
        # app.py
        if x:
            one()
        def f():
            two()
            if y:
                return
            three()
        """
    )
    module = project.module_at("app.py")

    assert [is_conditional(module, call) for call in module.calls] == [True, False, True]
