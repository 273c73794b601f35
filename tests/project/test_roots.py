"""From which folder a file is imported, where an ``__init__.py`` too many leaves a choice."""

from __future__ import annotations

import pytest

from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.roots import import_roots

INNER = {"src/__init__.py": "", "src/app/__init__.py": "", "src/app/main.py": "app = 1\n"}
FLAT = {"shop/__init__.py": "", "shop/main.py": "app = 1\n", "shop/db.py": ""}
RUN = {"Dockerfile": 'CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0"]\n'}
RUN_FLAT = {"Procfile": "web: gunicorn -w 2 main:app\n"}
OUTSIDE = {"tests/test_x.py": "from src.app.main import app\n"}

ROOTS = {
    "nothing speaks for another": ({**INNER, "src/app/db.py": ""}, "src/app/db.py", ("",)),
    "a command runs inside the folder": (
        {**INNER, **RUN, "src/app/db.py": ""},
        "src/app/db.py",
        ("src",),
    ),
    "the service is run inside, tests import from outside": (
        {**INNER, **RUN, **OUTSIDE, "src/app/db.py": ""},
        "src/app/db.py",
        ("src", ""),
    ),
    "the command names the whole path": (
        {**INNER, "Procfile": "web: uvicorn src.app.main:app\n", "src/app/db.py": ""},
        "src/app/db.py",
        ("",),
    ),
    "files import each other from inside": (
        {**INNER, "src/app/core.py": "", "src/app/db.py": "from app.core import x\n"},
        "src/app/db.py",
        ("src",),
    ),
    "files import their package from inside": (
        {**INNER, "src/app/core.py": "", "src/app/db.py": "from app import core\n"},
        "src/app/db.py",
        ("src",),
    ),
    "a worker is started inside": (
        {**INNER, "run.sh": "celery -A app.main worker\n", "src/app/db.py": ""},
        "src/app/db.py",
        ("src",),
    ),
    "relative imports need the folder above": (
        {
            **INNER,
            "src/core.py": "",
            "src/app/db.py": "from app.main import app\nfrom ..core import x\n",
        },
        "src/app/db.py",
        ("",),
    ),
    "modules of a folder import each other by their last names": (
        {**FLAT, "shop/api.py": "from db import engine\n"},
        "shop/db.py",
        ("shop",),
    ),
    "the application is started by its last name": ({**FLAT, **RUN_FLAT}, "shop/db.py", ("shop",)),
    "many modules have the name that is started": (
        {**FLAT, **RUN_FLAT, "other/main.py": "app = 1\n"},
        "shop/db.py",
        ("",),
    ),
    "a module has the name of a library": (
        {
            **FLAT,
            "requirements.txt": "peewee\n",
            "shop/peewee.py": "",
            "shop/x.py": "import peewee\n",
        },
        "shop/peewee.py",
        ("",),
    ),
    "a name that is found outside too": (
        {**INNER, **RUN, "app/main.py": "app = 1\n", "src/app/db.py": ""},
        "src/app/db.py",
        ("",),
    ),
    "an import that is served outside too": (
        {
            **INNER,
            "app/main.py": "app = 1\n",
            "app/use.py": "from app.main import app\n",
            "src/app/db.py": "",
        },
        "src/app/db.py",
        ("",),
    ),
    "no package at all": ({"db.py": ""}, "db.py", ("",)),
}


@pytest.mark.parametrize(("files", "path", "roots"), ROOTS.values(), ids=ROOTS.keys())
def test_commands_and_imports_say_from_where(
    files: dict[str, str], path: str, roots: tuple[str, ...]
) -> None:
    """The folder of the service comes first; the layout's own stays where nothing speaks."""
    assert import_roots(Project.from_files(files), path) == roots
