"""Applications as text: they are imported, and FastAPI's own word is compared with ours."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.web.apps import apps
from hephaestus_codemods.project.web.compare import compared, found_routes
from hephaestus_codemods.testing.reported import load, reported
from tests.project.reveal import project_of

ORDERS_API = Path(__file__).parents[2] / "fixtures" / "apps" / "orders_api"

CASES = {
    "decorators of an application": """
        # shop/__init__.py
        # shop/main.py
        from fastapi import FastAPI, WebSocket
        app = FastAPI()
        @app.get("/items")
        def items(): ...
        @app.post("/items", status_code=201)
        async def create(): ...
        @app.put("/items/{id}")
        @app.patch("/items/{id}")
        def change(id: int): ...
        @app.delete("/items/{id}")
        def delete(id: int): ...
        @app.api_route("/any", methods=["GET", "POST"])
        def anything(): ...
        @app.websocket("/ws")
        async def chat(ws: WebSocket): ...
        @app.head("/head")
        def head(): ...
    """,
    "routers in routers, with prefixes from everywhere": """
        # shop/__init__.py
        # shop/config.py
        API = "/api"
        class Settings:
            VERSION: str = "/v1"
        settings = Settings()
        # shop/users.py
        from fastapi import APIRouter
        router = APIRouter(prefix="/users")
        @router.get("")
        def users(): ...
        @router.get("/{id}")
        def user(id: int): ...
        # shop/orders.py
        from fastapi import APIRouter
        from shop import users
        orders = APIRouter()
        orders.include_router(users.router, prefix="/of")
        @orders.get("/orders")
        def all_orders(): ...
        # shop/api/__init__.py
        from shop.api.routes import router as api_router
        # shop/api/routes.py
        from fastapi import APIRouter
        from shop.orders import orders
        from shop.users import router as users_router
        router = APIRouter()
        router.include_router(orders)
        router.include_router(users_router, prefix="/again")
        @router.get("/api")
        def inner(): ...
        # shop/main.py
        from fastapi import FastAPI
        from shop.api import api_router
        from shop.config import API, settings
        app = FastAPI()
        app.include_router(api_router, prefix=f"{API}{settings.VERSION}")
    """,
    "factories, helpers and loops": """
        # shop/__init__.py
        # shop/a.py
        from fastapi import APIRouter
        router = APIRouter()
        @router.get("/a")
        def a(): ...
        # shop/b.py
        from fastapi import APIRouter
        def make_router(name):
            router = APIRouter(tags=[name])
            @router.get("/b")
            def b(): ...
            return router
        # shop/c.py
        from fastapi import APIRouter
        router = APIRouter()
        @router.get("/c")
        def c(): ...
        # shop/main.py
        from fastapi import FastAPI
        from shop import a, c
        from shop.b import make_router
        ROUTERS = [("/one", a.router), ("/two", c.router)]
        def register(app: FastAPI) -> None:
            for prefix, router in ROUTERS:
                app.include_router(router, prefix=prefix)
            for module in (a, c):
                app.include_router(module.router, prefix="/loop")
            app.include_router(make_router("x"))
            add_health(application=app)
        def add_health(application):
            @application.get("/health")
            def health(): ...
        def create_app() -> FastAPI:
            app = FastAPI()
            register(app)
            return app
        app = create_app()
    """,
    "functions that are added by a call": """
        # shop/__init__.py
        # shop/views.py
        from fastapi import APIRouter
        class Views:
            def __init__(self):
                self.router = APIRouter(prefix="/views")
                self.router.add_api_route("/list", self.list, methods=["GET"])
                self.router.add_api_route("/make", self.make, methods=["POST", "PUT"])
            def list(self): ...
            async def make(self): ...
        # shop/main.py
        from fastapi import FastAPI
        from shop.views import Views
        app = FastAPI()
        def ping(): ...
        def pong(): ...
        async def socket(websocket): ...
        app.add_api_route("/ping", ping)
        app.add_api_route(path="/pong", endpoint=pong, methods=["POST"])
        app.router.add_api_route("/pong2", pong, methods=["POST"])
        app.get("/called")(ping)
        app.add_api_websocket_route("/socket", socket)
        views = Views()
        app.include_router(views.router)
    """,
    "dependencies in their order": """
        # shop/__init__.py
        # shop/deps.py
        from typing import Annotated, Callable
        from fastapi import Depends
        def settings(): ...
        def session(settings=Depends(settings)):
            yield
        class Pager:
            def __init__(self, session=Depends(session)): ...
        class Auth:
            def __call__(self): ...
        async def user(session=Depends(session)): ...
        User = Annotated[object, Depends(user)]
        def audit(): ...
        def outer(): ...
        def included(): ...
        def local(): ...
        auth = Auth()
        def needs(role) -> Callable:
            def check(s=Depends(session)): ...
            return check
        # shop/main.py
        from typing import Annotated
        from fastapi import APIRouter, Depends, FastAPI, Security
        from shop import deps
        from shop.deps import User, auth
        router = APIRouter(dependencies=[Depends(deps.audit)])
        @router.get("/x", dependencies=[Depends(deps.local)])
        def handler(user: User, pager: deps.Pager = Depends(), s=Security(deps.session)): ...
        @router.get("/y")
        def other(a: Annotated[object, Depends(auth)], *, b: "User"): ...
        app = FastAPI(dependencies=[Depends(deps.outer)])
        app.include_router(router, dependencies=[Depends(deps.included)])
        @app.get("/z")
        def last(role=Depends(deps.needs("admin"))): ...
    """,
    "mounted applications and Starlette's own lists": """
        # shop/__init__.py
        # shop/main.py
        from fastapi import FastAPI
        from starlette.applications import Starlette
        from starlette.endpoints import HTTPEndpoint
        from starlette.routing import Mount, Route, WebSocketRoute
        from starlette.staticfiles import StaticFiles
        async def home(request): ...
        async def talk(websocket): ...
        class Users(HTTPEndpoint):
            async def get(self, request): ...
            async def post(self, request): ...
        inner = Starlette(routes=[
            Route("/", home),
            Route("/users", Users),
            Mount("/deep", routes=[Route("/x", endpoint=home, methods=["POST"])]),
            WebSocketRoute("/talk", talk),
        ])
        sub = FastAPI()
        @sub.get("/sub")
        def sub_handler(): ...
        app = FastAPI()
        app.mount("/inner", inner)
        app.mount("/sub", sub)
        app.mount("/static", StaticFiles(directory=".", check_dir=False))
        app.add_route("/plain", home)
    """,
    "own classes and class-based handlers": """
        # shop/__init__.py
        # shop/base.py
        from fastapi import APIRouter, FastAPI
        class Router(APIRouter):
            def __init__(self, **kwargs):
                super().__init__(prefix="/own", **kwargs)
        class App(FastAPI): ...
        # shop/main.py
        from shop.base import App, Router
        router = Router()
        @router.get("/thing")
        def thing(): ...
        class Server:
            def __init__(self):
                self.app = App(title="x")
                self.app.include_router(router)
                self.app.add_api_route("/status", self.status)
            def status(self): ...
        app = Server().app
    """,
    "things that are no routes": """
        # shop/__init__.py
        # shop/main.py
        from fastapi import FastAPI
        app = FastAPI()
        class Client:
            def get(self, path):
                return lambda f: f
        client = Client()
        @client.get("/not")
        def no(): ...
        CONFIG = {"a": 1}
        CONFIG.get("/x")
        @app.get("/yes")
        def yes():
            CONFIG.get("/no")
    """,
}


@contextmanager
def importable(root: Path) -> Iterator[None]:
    before = set(sys.modules)
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("shop", "app"):
                del sys.modules[name]
        importlib.invalidate_caches()


def said_by_fastapi(root: Path, name: str) -> list[dict[str, Any]]:
    with importable(root):
        return reported(load(name))


@pytest.mark.parametrize("title", CASES)
def test_routes_are_those_of_fastapi(title: str, tmp_path: Path) -> None:
    """Path, methods, handler and dependencies of each route are those that FastAPI reports."""
    project = project_of(CASES[title])
    for path in project.files:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(project.view.read(path) or b"")

    result = compared(found_routes(project), said_by_fastapi(tmp_path, "shop.main:app"))

    assert result.both > 0
    assert (result.missing, result.invented) == ((), ())


def test_routes_of_the_example_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """All handlers of a whole service are found, with all that runs before them."""
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    files = {
        str(path.relative_to(ORDERS_API)): path.read_bytes()
        for path in ORDERS_API.rglob("*.py")
        if path.is_file()
    }

    result = compared(
        found_routes(Project.from_files(files)), said_by_fastapi(ORDERS_API, "app.main:app")
    )

    assert result.both > 10
    assert (result.missing, result.invented) == ((), ())


def test_unfollowed_routers_are_not_lost() -> None:
    """A handler whose router nobody includes, or that comes from somewhere else, is listed."""
    project = project_of(
        """
        # app.py
        from fastapi import APIRouter, FastAPI
        from elsewhere import make
        lonely = APIRouter(prefix="/lonely")
        @lonely.get("/x")
        def x(): ...
        other: APIRouter = make()
        @other.get("/y")
        def y(): ...
        app = FastAPI()
        """
    )
    loose = [(one.path, one.endpoint) for one in project.web.loose]

    assert loose == [("/lonely/x", "app.x"), ("/y", "app.y")]
    assert [app.framework for app in apps(project)] == ["fastapi.FastAPI"]


def test_conditional_routes_and_unknown_prefixes() -> None:
    """What an ``if`` decides is marked, and a prefix that is not known is not left out."""
    project = project_of(
        """
        # app.py
        import os
        from fastapi import APIRouter, FastAPI
        app = FastAPI()
        router = APIRouter(prefix=os.getenv("PREFIX"))
        @router.get("/x")
        def x(): ...
        if os.getenv("DEBUG"):
            app.include_router(router)
            @app.get("/debug")
            def debug(): ...
        """
    )
    (application,) = project.web.applications

    found = [(one.path, one.conditional) for one in application.routes]
    assert found == [("{?}/x", True), ("/debug", True)]
    said = {"path": "/any/x", "methods": ["GET"], "endpoint": "app.x", "dependencies": []}
    assert compared(found_routes(project), [said]).both == 1
