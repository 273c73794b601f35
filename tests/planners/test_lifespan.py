"""The lifespan planner, proved by running applications before and after."""

# ruff: noqa: E501 - a row of the table is easier to read than a wrapped one

from __future__ import annotations

import importlib
import itertools
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.engine.planners.apps import apps
from hephaestus_codemods.engine.planners.imports import plan_imports
from hephaestus_codemods.engine.planners.lifespan import LifespanPart, plan_lifespan
from hephaestus_codemods.engine.planners.support import common_source, plan_support
from hephaestus_codemods.engine.splice import splice
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.rule import Change, Refusal

with warnings.catch_warnings():
    # It asks for httpx2 where httpx does.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The old style is what half of these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LOG = "LOG = []\n"
PART = """\
from contextlib import asynccontextmanager

from ..log import LOG


@asynccontextmanager
async def lifespan(app):
    LOG.append("part starts")
    app.state.part = "on"
    yield {"part": "on"}
    LOG.append("part stops")
"""
#: Every application answers with what its lifespan yielded and what the part left behind.
VIEW = """

@app.get("/")
def view(request: Request):
    state = request.state
    return {"own": getattr(state, "own", None), "part": getattr(app.state, "part", None)}
"""
HEAD = "from fastapi import FastAPI, Request\n\nfrom .log import LOG\n"
OWN = """
from contextlib import asynccontextmanager


@asynccontextmanager
async def own(app):
    LOG.append("own starts")
    yield {"own": 1}
    LOG.append("own stops")

"""
numbers = itertools.count()


def rewritten(
    files: Mapping[str, str], part: str = "part", site: int = 0
) -> Mapping[str, str] | Refusal:
    """Plan, and return all files as they are afterwards; a second plan must be empty."""
    project = Project.from_files(files)
    found = LifespanPart(f"app.hephaestus_support.{part}", "lifespan")
    app = apps(project)[site]
    plan = plan_lifespan(project, app, found)
    if isinstance(plan, Refusal):
        return plan
    after = {**files, **{path: applied(project, path, plan[path]) for path in plan}}
    again = Project.from_files(after)
    assert plan_lifespan(again, apps(again)[site], found) == {}
    support = plan_support(
        project, app.module.path, {part: PART, "lifespan": common_source("lifespan")}, "1"
    )
    assert not isinstance(support, Refusal)
    return {**after, **{path: raw.decode() for path, raw in support.items()}}


def applied(project: Project, path: str, change: Change) -> str:
    body = splice(project.module_at(path).source.text, change.edits)
    module = project.with_file(path, body.encode()).module_at(path)
    edits = plan_imports(module, change.imports)
    assert not isinstance(edits, Refusal), edits
    return splice(body, edits)


def ran(files: Mapping[str, str], tmp_path: Path) -> tuple[list[str], dict[str, object]]:
    """Start the application, ask it, stop it; return what it logged and answered."""
    name = f"target{next(numbers)}"
    for path, text in files.items():
        place = tmp_path / path.replace("app/", f"{name}/", 1)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            text.replace("app.hephaestus_support", f"{name}.hephaestus_support").replace(
                "from app.", f"from {name}."
            )
        )
    sys.path.insert(0, str(tmp_path))
    try:
        main = importlib.import_module(f"{name}.main")
        application = main.app if hasattr(main, "app") else main.create_app()
        with TestClient(application) as client:
            answer = client.get("/").json()
        return importlib.import_module(f"{name}.log").LOG, answer
    finally:
        sys.path.remove(str(tmp_path))


def files_of(main: str, **others: str) -> dict[str, str]:
    more = {f"app/{name}.py": text for name, text in others.items()}
    return {"app/__init__.py": "", "app/log.py": LOG, "app/main.py": main, **more}


EVENTS = """

@app.on_event("startup")
async def first():
    LOG.append("first starts")


@app.on_event("startup")
def second():
    LOG.append("second starts")


@app.on_event("shutdown")
async def last():
    LOG.append("last stops")
"""
LISTS = """
def begin():
    LOG.append("list starts")


def end():
    LOG.append("list stops")


app = FastAPI(on_startup=[begin], on_shutdown=[end])
"""
FACTORY = """

def create_app():
    app = FastAPI(title="x")

    @app.on_event("startup")
    async def begin():
        LOG.append("factory starts")

    @app.get("/")
    def view(request: Request):
        return {"own": None, "part": getattr(app.state, "part", None)}

    return app
"""
RUNNING = {
    "nothing starts yet": files_of(f"{HEAD}\napp = FastAPI()\n{VIEW}"),
    "lifespan=None": files_of(f"{HEAD}\napp = FastAPI(lifespan=None)\n{VIEW}"),
    "a lifespan": files_of(f"{HEAD}{OWN}\napp = FastAPI(title='x', lifespan=own)\n{VIEW}"),
    "a lifespan that is a generator function": files_of(
        f"{HEAD}{OWN.replace('@asynccontextmanager', '')}\napp = FastAPI(lifespan=own)\n{VIEW}"
    ),
    "a lifespan of another module": files_of(
        f"{HEAD}from .events import own\n\napp = FastAPI(lifespan=own)\n{VIEW}",
        events=f"from .log import LOG\n{OWN}",
    ),
    "on_event": files_of(f"{HEAD}\napp = FastAPI()\n{EVENTS}{VIEW}"),
    "on_event, crowded": files_of(f"{HEAD}\napp = FastAPI()\napp.title = 'x'\n{EVENTS}{VIEW}"),
    "on_event in another module": files_of(
        f"{HEAD}\napp = FastAPI()\n\nfrom . import events  # noqa: E402, F401\n{VIEW}",
        events=f"from .log import LOG\nfrom .main import app\n{EVENTS}",
    ),
    "handlers in lists": files_of(f"{HEAD}{LISTS}{VIEW}"),
    "add_event_handler": files_of(
        f"{HEAD}\napp = FastAPI()\napp.router.add_event_handler('startup', lambda: LOG.append('added'))\n{VIEW}"
    ),
    "handlers of a router": files_of(
        f"{HEAD}from .routes import router\n\napp = FastAPI()\napp.include_router(router)\n{VIEW}",
        routes="from fastapi import APIRouter\nfrom .log import LOG\n\n"
        "router = APIRouter(on_startup=[lambda: LOG.append('router starts')])\n",
    ),
    "lifespan_context": files_of(
        f"{HEAD}{OWN}\napp = FastAPI()\napp.router.lifespan_context = own\n{VIEW}"
    ),
    "lifespan_context, assigned elsewhere": files_of(
        f"{HEAD}from .events import wire\n\napp = FastAPI()\nwire(app)\n{VIEW}",
        events=f"from .log import LOG\n{OWN}\n\ndef wire(app):\n    app.router.lifespan_context = own\n",
    ),
    "a factory": files_of(HEAD + FACTORY),
    "a subclass": files_of(f"{HEAD}\n\nclass Api(FastAPI):\n    pass\n\n\napp = Api()\n{VIEW}"),
    "a mounted application": files_of(
        f"{HEAD}{OWN}\nsub = FastAPI()\napp = FastAPI(lifespan=own)\napp.mount('/sub', sub)\n{VIEW}"
    ),
    "an application mounted from another module": files_of(
        f"{HEAD}from .admin import admin\n\napp = FastAPI()\napp.mount('/admin', admin)\n{VIEW}",
        admin="from fastapi import FastAPI\n\nadmin = FastAPI()\n",
    ),
    "a name that is taken": files_of(
        f"{HEAD}{OWN}\n\ndef lifespan(): ...\n\n\ncompose = 1\napp = FastAPI(lifespan=own)\n{VIEW}"
    ),
}


@pytest.mark.parametrize("files", RUNNING.values(), ids=RUNNING.keys())
def test_the_part_runs_beside_what_the_application_starts(
    files: dict[str, str], tmp_path: Path
) -> None:
    """All of it runs as before, the part starts last and stops first, the state is kept."""
    before, answer = ran(files, tmp_path / "before")
    after_files = rewritten(files)
    assert not isinstance(after_files, Refusal), after_files
    after, new_answer = ran(after_files, tmp_path / "after")

    assert [one for one in after if not one.startswith("part")] == before
    assert [one for one in after if one.startswith("part")] == ["part starts", "part stops"]
    starts = [one for one in after if one.endswith("starts")]
    stops = [one for one in after if one.endswith("stops")]
    if files not in (RUNNING["on_event in another module"], RUNNING["handlers of a router"]):
        assert starts[-1] == "part starts"
    assert stops[0] == "part stops"
    assert new_answer == {**answer, "part": "on"}


TEXTS = {
    "nothing starts yet": "app = FastAPI(lifespan=lifespan)\n",
    "a lifespan": "app = FastAPI(title='x', lifespan=compose(own, lifespan))\n",
    "lifespan_context": "app.router.lifespan_context = compose(own, lifespan)\n",
    "handlers in lists": "app = FastAPI(on_startup=[begin], on_shutdown=[end])\ninstall(app, lifespan)\n",
    "on_event": """\
    LOG.append("second starts")


@app.on_event("startup")
async def start_part() -> None:
    await start(app, lifespan)


@app.on_event("shutdown")
async def stop_part() -> None:
    await stop(app, lifespan)


@app.on_event("shutdown")
async def last():
""",
    "a factory": """\
    app = FastAPI(title="x")

    @app.on_event("startup")
    async def begin():
        LOG.append("factory starts")

    @app.on_event("startup")
    async def start_part() -> None:
        await start(app, lifespan)

    @app.on_event("shutdown")
    async def stop_part() -> None:
        await stop(app, lifespan)

    @app.get("/")
""",
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_style_of_the_application_is_kept(name: str) -> None:
    """What the owner reads in the diff looks like the lines around it."""
    after = rewritten(RUNNING[name])
    assert not isinstance(after, Refusal)

    assert TEXTS[name] in after["app/main.py"]


def test_a_second_part_joins_the_first(tmp_path: Path) -> None:
    """Two rules, one compose: nothing is nested, and each part runs."""
    files = files_of(f"{HEAD}{OWN}\napp = FastAPI(lifespan=own)\n{VIEW}")
    one = rewritten(files)
    assert not isinstance(one, Refusal)
    two = rewritten(one, "other")
    assert not isinstance(two, Refusal)

    assert "lifespan=compose(own, lifespan, other_lifespan)" in two["app/main.py"]
    log, _ = ran(two, tmp_path)
    assert log == [
        "own starts",
        "part starts",
        "part starts",
        "part stops",
        "part stops",
        "own stops",
    ]


def test_only_the_wanted_one_of_several_applications_changes(tmp_path: Path) -> None:
    """Handlers of another application say nothing about this one."""
    main = f"{HEAD}\nother = FastAPI()\napp = FastAPI()\n\n\n@other.on_event('startup')\ndef x(): ...\n{VIEW}"
    after = rewritten(files_of(main), site=1)
    assert not isinstance(after, Refusal)

    assert "\nother = FastAPI()\napp = FastAPI(lifespan=lifespan)\n" in after["app/main.py"]
    assert ran(after, tmp_path)[0] == ["part starts", "part stops"]


REFUSED = {
    "app = FastAPI(**options)\n": "app-arguments-hidden",
    "class A(FastAPI):\n    def __init__(self): super().__init__()\n\napp = A()\n": "app-class",
    "app = FastAPI()\napp.router.lifespan_context = a\napp.router.lifespan_context = b\n": (
        "lifespan-unknown"
    ),
    "def make():\n    return FastAPI()\n\n@make().on_event('startup')\ndef f(): ...\n": "app-unnamed",
    "sub = FastAPI()\n\ndef wire(host):\n    host.mount('/sub', sub)\n": "app-mounted",
    "lifespan = part_lifespan = app_hephaestus_support_part_lifespan = 1\napp = FastAPI()\n": (
        "name-taken"
    ),
}


@pytest.mark.parametrize(("text", "code"), REFUSED.items(), ids=REFUSED.values())
def test_what_cannot_be_seen_is_refused(text: str, code: str) -> None:
    """The message says where, so that the owner can give us what we miss."""
    refusal = rewritten(files_of(f"from fastapi import FastAPI\n{text}"))

    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert "app/main.py" in refusal.message or "lifespan_context" in refusal.message


def test_tests_do_not_count() -> None:
    """An application of the test suite, and its handlers, are no application of the target."""
    files = files_of("from fastapi import FastAPI\n\napp = FastAPI()\n")
    files["tests/test_app.py"] = (
        "from fastapi import FastAPI\napp = FastAPI()\napp.on_event('startup')\n"
    )
    after = rewritten(files)
    assert not isinstance(after, Refusal)

    assert "FastAPI(lifespan=lifespan)" in after["app/main.py"]
    assert len(apps(Project.from_files(files))) == 1


def test_crlf_and_comments_are_kept() -> None:
    """The handlers come with the line ends of the file, and nothing else moves."""
    main = f"{HEAD}\napp = FastAPI()  # the api\n{EVENTS}".replace("\n", "\r\n")
    after = rewritten(files_of(main))
    assert not isinstance(after, Refusal)
    text = after["app/main.py"]

    assert text.count("\n") == text.count("\r\n")
    assert "app = FastAPI()  # the api\r\n" in text
