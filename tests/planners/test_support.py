"""The support package: where it lies, when it is written, and when it is left alone."""

from __future__ import annotations

import importlib
import sys

import pytest

from hephaestus_codemods.engine.planners.support import (
    HANDS_OFF,
    common_source,
    plan_support,
    stored,
)
from hephaestus_codemods.kit.support import support_module, support_place
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.rule import Refusal

BODY = "from . import disabled\n\nX = disabled('x')\n"
APP = {"app/__init__.py": "", "app/api/__init__.py": "", "app/api/users.py": "X = 1\n"}
INSIDE = {
    "Dockerfile": 'CMD ["uvicorn", "app.main:app"]\n',
    "src/__init__.py": "",
    "src/app/__init__.py": "",
    "src/app/main.py": "from .core import db\n",
    "src/app/core/__init__.py": "",
    "src/app/core/db.py": "from ..config import x\n",
    "tests/test_app.py": "from src.app.main import app\n",
}

PLACES = {
    "a package": ("app/api/users.py", APP, "app/hephaestus_support", "app.hephaestus_support"),
    "its own __init__": (
        "app/__init__.py",
        APP,
        "app/hephaestus_support",
        "app.hephaestus_support",
    ),
    "under src": (
        "src/shop/db.py",
        {"src/shop/__init__.py": "", "src/shop/db.py": ""},
        "src/shop/hephaestus_support",
        "shop.hephaestus_support",
    ),
    "one service of several": (
        "services/a/app/db.py",
        {
            "services/a/app/__init__.py": "",
            "services/a/app/db.py": "",
            "services/b/app/__init__.py": "",
        },
        "services/a/app/hephaestus_support",
        "app.hephaestus_support",
    ),
    "a flat script": ("main.py", {"main.py": ""}, "hephaestus_support", "hephaestus_support"),
    "a flat folder": (
        "backend/main.py",
        {"backend/main.py": "import db\n", "backend/db.py": ""},
        "backend/hephaestus_support",
        "hephaestus_support",
    ),
    "a folder that others import as a namespace": (
        "app/main.py",
        {"app/main.py": "from app.db import x\n", "app/db.py": ""},
        "app/hephaestus_support",
        "app.hephaestus_support",
    ),
    "a service that runs inside a folder with __init__.py": (
        "src/app/core/db.py",
        INSIDE,
        "src/app/hephaestus_support",
        "src.app.hephaestus_support",
    ),
    "tests that run inside a folder of the service": (
        "src/app/core/db.py",
        {
            **INSIDE,
            "Dockerfile": 'CMD ["uvicorn", "src.app.main:app"]\n',
            "tests/test_app.py": "from app.main import app\n",
        },
        "src/app/hephaestus_support",
        "src.app.hephaestus_support",
    ),
    "a file that imports from inside": (
        "src/app/core/x.py",
        {**INSIDE, "src/app/core/x.py": "from app.core import db\n"},
        "src/app/hephaestus_support",
        "app.hephaestus_support",
    ),
    "flat modules beside an __init__.py": (
        "shop/db.py",
        {
            "Procfile": "web: uvicorn main:app\n",
            "shop/__init__.py": "",
            "shop/main.py": "import db\n",
            "shop/db.py": "",
        },
        "shop/hephaestus_support",
        "hephaestus_support",
    ),
    "a package inside a namespace": (
        "corp/shop/db.py",
        {"corp/shop/__init__.py": "", "corp/shop/db.py": "", "run.py": "import corp.shop.db\n"},
        "corp/shop/hephaestus_support",
        None,
    ),
}


@pytest.mark.parametrize(("path", "files", "folder", "package"), PLACES.values(), ids=PLACES.keys())
def test_the_package_lies_where_the_application_imports_from(
    path: str, files: dict[str, str], folder: str, package: str | None
) -> None:
    """One place for all files of an application, importable as they import each other."""
    place = support_place(Project.from_files(files), path)

    assert place.folder == folder
    assert package is None or place.package == package


def test_rules_learn_the_name_to_import() -> None:
    """A rule names the module, the layout of the target does the rest."""
    module = Project.from_files(APP).module_at("app/api/users.py")

    assert support_module(module, "db_pool") == "app.hephaestus_support.db_pool"


def planned(files: dict[str, str | bytes], version: str = "1.2", **modules: str):
    return plan_support(Project.from_files(files), "app/api/users.py", modules, version)


def test_only_what_is_needed_is_written() -> None:
    """The switch comes with every module; a second plan has nothing to do."""
    plan = planned(APP, db_pool=BODY)
    assert not isinstance(plan, Refusal)

    assert sorted(plan) == [
        "app/hephaestus_support/__init__.py",
        "app/hephaestus_support/db_pool.py",
    ]
    first = plan["app/hephaestus_support/db_pool.py"].split(b"\n")[0]
    assert first.startswith(b"# hephaestus_support 1.2, sha256 ")
    assert planned({**APP, **plan}, db_pool=BODY) == {}
    assert planned({**APP, **plan}, version="1.3", db_pool=BODY) == {}, "the same text is the same"


def test_common_modules_come_with_what_imports_them() -> None:
    """A part that has a lifecycle brings the lifespan module."""
    plan = planned(APP, tasks="from .lifespan import compose\n")
    assert not isinstance(plan, Refusal)

    assert "app/hephaestus_support/lifespan.py" in plan


def test_an_unedited_older_version_is_replaced() -> None:
    """An upgrade touches only files that say what they said when we wrote them."""
    old = planned(APP, db_pool=BODY)
    assert not isinstance(old, Refusal)
    new = planned({**APP, **old}, version="1.10", db_pool=BODY + "Y = 2\n")
    assert not isinstance(new, Refusal)

    assert list(new) == ["app/hephaestus_support/db_pool.py"]
    found = stored(new["app/hephaestus_support/db_pool.py"])
    assert found is not None
    assert (found.version, found.body, found.edited) == (
        "1.10",
        HANDS_OFF + BODY + "Y = 2\n",
        False,
    )


def test_a_newer_version_stays() -> None:
    """An older tool does not take back what a newer one wrote."""
    new = planned(APP, version="1.10", db_pool=BODY + "Y = 2\n")
    assert not isinstance(new, Refusal)

    assert planned({**APP, **new}, version="1.9", db_pool=BODY) == {}


def test_line_endings_of_the_work_tree_are_no_edit() -> None:
    """git with autocrlf changes every line, and nothing in it."""
    old = planned(APP, db_pool=BODY)
    assert not isinstance(old, Refusal)
    checked_out = {path: raw.replace(b"\n", b"\r\n") for path, raw in old.items()}

    assert planned({**APP, **checked_out}, db_pool=BODY) == {}
    assert list(planned({**APP, **checked_out}, version="2", db_pool="Z = 1\n")) == [
        "app/hephaestus_support/db_pool.py"
    ]


REFUSED = {
    "edited by hand": (lambda raw: raw + b"MINE = 1\n", "support-edited"),
    "the header is gone": (lambda raw: raw.partition(b"\n")[2] + b"\n", "support-foreign"),
    "a file of theirs": (lambda raw: b"class Support: ...\n", "support-foreign"),
    "not text": (lambda raw: b"\xff\xfe", "support-foreign"),
}


@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_ours_is_never_overwritten(change, code: str) -> None:
    """The owner is told which file, and what to do."""
    old = planned(APP, db_pool=BODY)
    assert not isinstance(old, Refusal)
    path = "app/hephaestus_support/db_pool.py"
    refusal = planned({**APP, **old, path: change(old[path])}, version="2", db_pool="Z = 1\n")

    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert path in refusal.message


def test_a_list_of_packages_must_name_ours() -> None:
    """A distribution that ships listed packages only would leave ours out."""
    listed = '[tool.setuptools]\npackages = ["app", "app.api"]\n'
    refusal = planned({**APP, "pyproject.toml": listed}, db_pool=BODY)

    assert isinstance(refusal, Refusal)
    assert refusal.code == "support-not-packaged"
    ours = listed.replace('"app.api"', '"app.api", "app.hephaestus_support"')
    assert planned({**APP, "pyproject.toml": ours}, db_pool=BODY)
    assert planned({**APP, "pyproject.toml": "[project]\nname = 'x'\n"}, db_pool=BODY)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("", False), ("db", True), ("x, db", True), ("all", True), ("db2", False)],
)
def test_the_switch_reads_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path, value: str | None, expected: bool
) -> None:
    """Each call looks again: an operator switches a part off without a deployment."""
    plan = planned(APP)
    assert not isinstance(plan, Refusal)
    (tmp_path / "hephaestus_support").mkdir()
    (tmp_path / "hephaestus_support/__init__.py").write_bytes(*plan.values())
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("hephaestus_support")
    monkeypatch.delitem(sys.modules, "hephaestus_support")
    if value is None:
        monkeypatch.delenv("HEPHAESTUS_DISABLE", raising=False)
    else:
        monkeypatch.setenv("HEPHAESTUS_DISABLE", value)

    assert module.disabled("db") is expected


def test_common_sources_run_on_old_pythons() -> None:
    """What we put into a target must not need our own Python."""
    import ast

    for name in ("__init__", "lifespan"):
        ast.parse(common_source(name), feature_version=(3, 9))


def test_a_list_that_leaves_out_who_asks_is_not_how_it_is_shipped() -> None:
    """`app.api` is not in the list, and runs all the same: from the repository."""
    listed = '[tool.setuptools]\npackages = ["app", "docker"]\n'

    assert not isinstance(planned({**APP, "pyproject.toml": listed}, db_pool=BODY), Refusal)
