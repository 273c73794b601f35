import json

import pytest
from packaging.version import Version

from hephaestus_codemods.project.manifests import poetry_specifiers
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.target import Target


def target_of(**files: str) -> Target:
    return Project.from_files({n.replace("__", "/"): t for n, t in files.items()}).target


PEP_621 = """
[project]
requires-python = ">=3.9,<4"
dependencies = ["SQLAlchemy[asyncio] >=2.0.4,<3", "redis", "fastapi==0.110.*"]
[project.optional-dependencies]
jobs = ["celery>=5.3"]
dev = ["pytest>=8", "httpx>=0.20"]
"""
POETRY = """
[tool.poetry.dependencies]
python = "^3.11"
sqlalchemy = {version = "~2.0.3", extras = ["asyncio"]}
redis = "^5"
celery = "*"
[tool.poetry.group.test.dependencies]
httpx = "0.27.0"
"""
LOCK = """
version = 1
[[package]]
name = "redis"
version = "5.0.8"
[[package]]
name = "sqlalchemy"
version = "2.0.36"
"""


def test_pep_621_with_a_lock() -> None:
    """A requirement's lower bound is the floor; without one the lock is."""
    target = target_of(**{"pyproject.toml": PEP_621, "uv.lock": LOCK})

    assert target.minor_floor("app/a.py") == 9
    assert target.version_floor("sqlalchemy", "app/a.py") == Version("2.0.4")
    assert target.version_floor("Redis", "app/a.py") == Version("5.0.8")
    assert target.version_floor("fastapi") == Version("0.110")
    assert target.version_floor("flask") is None
    assert target.locked("sqlalchemy") == Version("2.0.36")
    assert target.has("celery")
    assert not target.has("flask")
    assert not target.allows("sqlalchemy", "1.4.54")
    assert target.allows("sqlalchemy", "2.0.4")
    assert target.allows("flask", "1.0")
    assert target.version_floor("httpx") is None
    assert target.statements("celery")[0].where == "pyproject.toml:6"


def test_poetry() -> None:
    """Poetry's own operators are understood."""
    target = target_of(**{"pyproject.toml": POETRY, "poetry.lock": LOCK})

    assert target.minor_floor() == 11
    assert target.version_floor("sqlalchemy") == Version("2.0.3")
    assert not target.allows("sqlalchemy", "2.1.0")
    assert not target.allows("redis", "6.0")
    assert target.version_floor("celery") is None
    assert target.has("celery")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("^1.2.3", "<2,>=1.2.3"),
        ("^0.2.3", "<0.3,>=0.2.3"),
        ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("~1.2", "<1.3,>=1.2"),
        ("~1", "<2,>=1"),
        ("1.2.*", "==1.2.*"),
        ("1.2", "==1.2"),
        (">=1.2,<3", "<3,>=1.2"),
        (">=1.2 <3", "<3,>=1.2"),
        ("*", ""),
        ("^1.0 || ^2.0", ">=1.0"),
    ],
)
def test_poetry_specifiers(text: str, expected: str) -> None:
    """Each form means what Poetry's documentation says."""
    assert str(poetry_specifiers(text)) == expected


def test_requirements_files() -> None:
    """Hashes, options, comments, markers and a folder of files are read; a dev file is no floor."""
    target = target_of(
        **{
            "requirements__base.txt": "sqlalchemy==2.0.1 \\\n    --hash=sha256:abc\n# redis==1\n",
            "requirements__dev.txt": "-r base.txt\nredis==3.5\n",
            "svc__requirements.txt": "\ufeffsqlalchemy>=1.4 ; python_version > '3'\n-e .\n",
        }
    )

    assert target.version_floor("sqlalchemy", "app.py") == Version("2.0.1")
    assert target.version_floor("sqlalchemy", "svc/app.py") == Version("1.4")
    assert target.version_floor("redis", "app.py") is None
    assert target.has("redis", "app.py")


def test_other_manifests() -> None:
    """setup.cfg, a literal setup.py, Pipfile and its lock, and wheels say versions too."""
    pipfile = '[packages]\nredis = "==5.0.1"\n[requires]\npython_version = "3.12"\n'
    locked = json.dumps({"default": {"sqlalchemy": {"version": "==2.0.9"}}, "develop": {}})
    wheel = "Name: x\nRequires-Python: >=3.10\nRequires-Dist: redis>=6\n\nbody"
    target = target_of(
        **{
            "a__setup.cfg": "[options]\npython_requires = >=3.8\ninstall_requires =\n  redis>=4\n",
            "b__setup.py": "setup(name=n, python_requires='>=3.7', install_requires=['redis>=3'])",
            "c__Pipfile": pipfile,
            "c__Pipfile.lock": locked,
            "d__x-1.dist-info__METADATA": wheel,
            "e__setup.py": "setup(install_requires=read())",
            "f__pyproject.toml": "broken [",
        }
    )

    assert (target.minor_floor("a/x.py"), target.minor_floor("b/x.py")) == (8, 7)
    assert target.version_floor("redis", "a/x.py") == Version("4")
    assert target.version_floor("redis", "b/x.py") == Version("3")
    assert target.version_floor("redis", "c/x.py") == Version("5.0.1")
    assert target.version_floor("sqlalchemy", "c/x.py") == Version("2.0.9")
    assert target.minor_floor("c/x.py") == 12
    assert target.version_floor("redis", "d/x/y.py") == Version("6")
    assert target.minor_floor("d/x/y.py") == 10
    assert target.minor_floor("e/x.py") is None
    assert target.minor_floor("f/x.py") is None


def test_nearest_manifest_wins() -> None:
    """A service's own manifest is asked first, then those of the folders above."""
    target = target_of(
        **{
            "pyproject.toml": PEP_621,
            "svc__pyproject.toml": '[project]\nrequires-python=">=3.12"\ndependencies=["redis>=6"]',
        }
    )

    assert target.version_floor("redis", "svc/app/a.py") == Version("6")
    assert target.version_floor("sqlalchemy", "svc/app/a.py") == Version("2.0.4")
    assert target.minor_floor("svc/app/a.py") == 12
    assert target.minor_floor("other/a.py") == 9


def test_python_of_images() -> None:
    """A declared floor wins; else images, .python-version and classifiers say it."""
    image = "FROM --platform=linux/amd64 docker.io/library/python:3.11.4-slim AS build\n"

    assert target_of(Dockerfile=image).minor_floor("a.py") == 11
    assert target_of(**{".python-version": "3.13.1\n"}).minor_floor("a.py") == 13
    classified = '[project]\nclassifiers = ["Programming Language :: Python :: 3.10"]'
    assert target_of(**{"pyproject.toml": classified}).minor_floor("a.py") == 10
    both = target_of(**{"pyproject.toml": PEP_621, "Dockerfile": image})
    assert both.minor_floor("a.py") == 9
