"""The manifest planner: every byte of the result, and every reason not to touch a file."""

# ruff: noqa: E501 - a row of the table is easier to read than a wrapped one

from __future__ import annotations

import ast
import configparser
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from hephaestus_codemods.engine.planners.manifests import ManifestPlan, plan_requirement
from hephaestus_codemods.engine.planners.versions import agree, both, implies, poetry_specifiers
from hephaestus_codemods.kit.lists import insert_item
from hephaestus_codemods.project.project import Project

REDIS = "redis>=5.0.1"
ASYNC = "sqlalchemy[asyncio]>=2.0"
Files = dict[str, str]


def plan(files: Files, requirement: str = REDIS, path: str = "app/db.py") -> ManifestPlan:
    return plan_requirement({p: text.encode() for p, text in files.items()}, requirement, path)


def edited(files: Files, requirement: str = REDIS, path: str = "app/db.py") -> Files:
    """Return the files that change, and see that a second plan changes none."""
    found = plan(files, requirement, path)
    assert found.refusal is None, found.refusal
    changed = {p: raw.decode() for p, raw in found.contents.items()}
    again = plan({**files, **changed}, requirement, path)
    assert (again.contents, again.refusal) == ({}, None), "a second plan changes nothing"
    return changed


P = "[project]\nname = 'x'\n"
ONE_FILE = {
    "inline": (
        "pyproject.toml",
        f'{P}dependencies = ["a", "b>=1"]\n',
        f'{P}dependencies = ["a", "b>=1", "redis>=5.0.1"]\n',
    ),
    "in order": (
        "pyproject.toml",
        f'{P}dependencies = ["a", "z"]\n',
        f'{P}dependencies = ["a", "redis>=5.0.1", "z"]\n',
    ),
    "single quotes": (
        "pyproject.toml",
        f"{P}dependencies = ['a', 'b']\n",
        f"{P}dependencies = ['a', 'b', 'redis>=5.0.1']\n",
    ),
    "one per line": (
        "pyproject.toml",
        f'{P}dependencies = [\n    "a",  # why\n    # about z\n    "z",\n]\n[tool.x]\n',
        f'{P}dependencies = [\n    "a",  # why\n    "redis>=5.0.1",\n    # about z\n    "z",\n]\n[tool.x]\n',
    ),
    "comments at the end": (
        "pyproject.toml",
        f'{P}dependencies = [\n  "a",\n  "b",  # b\n  # end\n]\n',
        f'{P}dependencies = [\n  "a",\n  "b",  # b\n  "redis>=5.0.1",\n  # end\n]\n',
    ),
    "no trailing comma": (
        "pyproject.toml",
        f'{P}dependencies = [\n    "a",\n    "b"  # b\n]\n',
        f'{P}dependencies = [\n    "a",\n    "b",  # b\n    "redis>=5.0.1"\n]\n',
    ),
    "hanging": (
        "pyproject.toml",
        f'{P}dependencies = ["a",\n                "b"]\n',
        f'{P}dependencies = ["a",\n                "b",\n                "redis>=5.0.1"]\n',
    ),
    "CRLF and tabs": (
        "pyproject.toml",
        '[project]\r\ndependencies = [\r\n\t"a",\r\n]\r\n',
        '[project]\r\ndependencies = [\r\n\t"a",\r\n\t"redis>=5.0.1",\r\n]\r\n',
    ),
    "a mark, and no final newline": (
        "pyproject.toml",
        '\ufeff[project]\ndependencies = ["a"]',
        '\ufeff[project]\ndependencies = ["a", "redis>=5.0.1"]',
    ),
    "an empty array": (
        "pyproject.toml",
        f"{P}dependencies = []\n",
        f'{P}dependencies = ["redis>=5.0.1"]\n',
    ),
    "an empty array over lines": (
        "pyproject.toml",
        f"{P}dependencies = [\n]\n",
        f'{P}dependencies = [\n    "redis>=5.0.1",\n]\n',
    ),
    "no array yet": (
        "pyproject.toml",
        f"{P}\n[tool.x]\na = 1\n",
        f'{P}dependencies = ["redis>=5.0.1"]\n\n[tool.x]\na = 1\n',
    ),
    "another array of the same text": (
        "pyproject.toml",
        '[project]\nname = "x"\ndependencies = ["a"]\n[project.optional-dependencies]\ndev = ["a"]\n',
        '[project]\nname = "x"\ndependencies = ["a", "redis>=5.0.1"]\n[project.optional-dependencies]\ndev = ["a"]\n',
    ),
    "a development group does not count": (
        "pyproject.toml",
        f'[dependency-groups]\ndev = ["redis>=6"]\n{P}dependencies = ["a"]\n',
        f'[dependency-groups]\ndev = ["redis>=6"]\n{P}dependencies = ["a", "redis>=5.0.1"]\n',
    ),
    "an extra does not count": (
        "pyproject.toml",
        f'{P}dependencies = ["a"]\n[project.optional-dependencies]\nr = ["redis>=6"]\n',
        f'{P}dependencies = ["a", "redis>=5.0.1"]\n[project.optional-dependencies]\nr = ["redis>=6"]\n',
    ),
    "a bound is raised": (
        "pyproject.toml",
        f'{P}dependencies = ["redis>=4,<6", "b"]\n',
        f'{P}dependencies = ["redis>=5.0.1,<6", "b"]\n',
    ),
    "no bound yet": (
        "pyproject.toml",
        f'{P}dependencies = ["Redis"]\n',
        f'{P}dependencies = ["Redis>=5.0.1"]\n',
    ),
    "spaces are kept": (
        "pyproject.toml",
        f"{P}dependencies = ['redis >= 4']\n",
        f"{P}dependencies = ['redis >= 5.0.1']\n",
    ),
    "a marker that may not hold": (
        "pyproject.toml",
        f"{P}dependencies = ['redis>=6; python_version < \"3.9\"']\n",
        f"{P}dependencies = ['redis>=6; python_version < \"3.9\"', 'redis>=5.0.1']\n",
    ),
    "poetry": (
        "pyproject.toml",
        '[tool.poetry.dependencies]\npython = "^3.9"\nfastapi = "^0.100"\n\n[tool.poetry.group.dev.dependencies]\nredis = "^6"\n',
        '[tool.poetry.dependencies]\npython = "^3.9"\nfastapi = "^0.100"\nredis = ">=5.0.1"\n\n[tool.poetry.group.dev.dependencies]\nredis = "^6"\n',
    ),
    "poetry, in order": (
        "pyproject.toml",
        '[tool.poetry.dependencies]\npython = "^3.9"\na = "*"\nz = {version = "^1", extras = ["x"]}  # z\n',
        '[tool.poetry.dependencies]\npython = "^3.9"\na = "*"\nredis = ">=5.0.1"\nz = {version = "^1", extras = ["x"]}  # z\n',
    ),
    "poetry, Python only": (
        "pyproject.toml",
        '[tool.poetry.dependencies]\r\npython = "^3.9"\r\n\r\n[build-system]\r\n',
        '[tool.poetry.dependencies]\r\npython = "^3.9"\r\nredis = ">=5.0.1"\r\n\r\n[build-system]\r\n',
    ),
    "poetry, a bound is raised": (
        "pyproject.toml",
        "[tool.poetry.dependencies]\nredis = '>=4,<7'  # why\n",
        "[tool.poetry.dependencies]\nredis = '>=5.0.1,<7'  # why\n",
    ),
    "setup.cfg": (
        "setup.cfg",
        "[options]\npackages = find:\ninstall_requires =\n    a\n    # about b\n    b>=1\n\n[x]\n",
        "[options]\npackages = find:\ninstall_requires =\n    a\n    # about b\n    b>=1\n    redis>=5.0.1\n\n[x]\n",
    ),
    "setup.py": (
        "setup.py",
        "from setuptools import setup\n\nsetup(\n    install_requires=[\n        'a',\n        'z',  # z\n    ],\n)\n",
        "from setuptools import setup\n\nsetup(\n    install_requires=[\n        'a',\n        'redis>=5.0.1',\n        'z',  # z\n    ],\n)\n",
    ),
    "setup.py, a list with a name": (
        "setup.py",
        "import setuptools\nREQ = ['a']\nsetuptools.setup(install_requires=REQ)\n",
        "import setuptools\nREQ = ['a', 'redis>=5.0.1']\nsetuptools.setup(install_requires=REQ)\n",
    ),
    "requirements.txt": ("requirements.txt", "a==1\nb==2\n", "a==1\nb==2\nredis>=5.0.1\n"),
    "requirements.txt, in order": (
        "requirements.txt",
        "# us\na==1\n# z\nz==2\n",
        "# us\na==1\nredis>=5.0.1\n# z\nz==2\n",
    ),
    "requirements.txt, unsorted": (
        "requirements.txt",
        "z\na\n\n# end\n",
        "z\na\nredis>=5.0.1\n\n# end\n",
    ),
    "requirements.txt, CRLF": (
        "requirements.txt",
        "a==1\r\nb==2\r\n",
        "a==1\r\nb==2\r\nredis>=5.0.1\r\n",
    ),
    "requirements.txt, no final newline": ("requirements.txt", "a==1", "a==1\nredis>=5.0.1"),
    "requirements.txt, empty": ("requirements.txt", "", "redis>=5.0.1\n"),
    "requirements.txt, comments only": ("requirements.txt", "# ours\n", "# ours\nredis>=5.0.1\n"),
    "requirements.txt, options": (
        "requirements.txt",
        "-i https://x/y\n-e .\na\n",
        "-i https://x/y\n-e .\na\nredis>=5.0.1\n",
    ),
    "requirements.txt, a comment behind": (
        "requirements.txt",
        "redis>=4  # cache\nb\n",
        "redis>=5.0.1  # cache\nb\n",
    ),
    "requirements.txt, first": (
        "requirements.txt",
        "# web\nuvicorn\nzope\n",
        "redis>=5.0.1\n# web\nuvicorn\nzope\n",
    ),
    "requirements.in": ("requirements.in", "a\n", "a\nredis>=5.0.1\n"),
    "Pipfile": (
        "Pipfile",
        '[packages]\nfastapi = "*"\n\n[dev-packages]\nredis = "*"\n',
        '[packages]\nfastapi = "*"\nredis = ">=5.0.1"\n\n[dev-packages]\nredis = "*"\n',
    ),
}


@pytest.mark.parametrize(("path", "before", "after"), ONE_FILE.values(), ids=ONE_FILE.keys())
def test_a_requirement_is_declared_as_the_others_are(path: str, before: str, after: str) -> None:
    """One line, in the format, order, quotes and line ends of the file."""
    assert edited({path: before}) == {path: after}


EXTRAS = {
    "an extra is added": (
        "requirements.txt",
        "sqlalchemy>=2.0.1,<3\n",
        "sqlalchemy[asyncio]>=2.0.1,<3\n",
    ),
    "extras are merged": (
        "requirements.txt",
        "SQLAlchemy[mypy]\n",
        "SQLAlchemy[asyncio,mypy]>=2.0\n",
    ),
    "a pin that fits stays": (
        "requirements.txt",
        "sqlalchemy==2.0.4\n",
        "sqlalchemy[asyncio]==2.0.4\n",
    ),
    "poetry": (
        "pyproject.toml",
        '[tool.poetry.dependencies]\nsqlalchemy = "^2.0.1"  # orm\n',
        '[tool.poetry.dependencies]\nsqlalchemy = {version = ">=2.0.1,<3", extras = ["asyncio"]}  # orm\n',
    ),
    "Pipfile": (
        "Pipfile",
        '[packages]\nsqlalchemy = {version = "*", extras = ["mypy"]}\n',
        '[packages]\nsqlalchemy = {version = ">=2.0", extras = ["asyncio", "mypy"]}\n',
    ),
    "an array": (
        "pyproject.toml",
        '[project]\ndependencies = ["sqlalchemy[asyncio]"]\n',
        '[project]\ndependencies = ["sqlalchemy[asyncio]>=2.0"]\n',
    ),
}


@pytest.mark.parametrize(("path", "before", "after"), EXTRAS.values(), ids=EXTRAS.keys())
def test_extras_and_versions_are_merged(path: str, before: str, after: str) -> None:
    """What the owner asked for stays, what we need is added to it."""
    assert edited({path: before}, ASYNC) == {path: after}


MET = {
    "a higher bound": {"requirements.txt": "redis>=5.1\n"},
    "a pin": {"requirements.txt": "redis==6.4.0\n"},
    "a compatible release": {"pyproject.toml": f'{P}dependencies = ["redis~=5.1"]\n'},
    "a caret": {"pyproject.toml": '[tool.poetry.dependencies]\nredis = "^5.1"\n'},
    "another spelling": {"requirements.txt": "Redis>=5.0.1\n"},
    "more extras": {"requirements.txt": "redis[hiredis]>=5.1\n"},
    "an included file": {
        "requirements.txt": "-r requirements/common.txt\n",
        "requirements/common.txt": "redis>=5.1\n",
    },
    "a compiled pin": {
        "requirements.in": "redis\n",
        "requirements.txt": "# This file is autogenerated by pip-compile\nredis==5.2.1\n    # via -r requirements.in\n",
    },
    "a hashed pin": {"requirements.txt": "redis==5.2.1 \\\n    --hash=sha256:00\n"},
}


@pytest.mark.parametrize("files", MET.values(), ids=MET.keys())
def test_what_is_met_already_is_not_touched(files: Files) -> None:
    """A bound that is at least as strict says it all, and the plan says where it stands."""
    found = plan(files)
    assert found == ManifestPlan(declared_in=found.declared_in)
    assert found.declared_in
    assert {*found.declared_in} <= {*files}


REFUSED = {
    "a pin below": ({"requirements.txt": "redis==4.6.0\n"}, "conflict", "'redis==4.6.0'"),
    "an upper bound": (
        {"pyproject.toml": f'{P}dependencies = ["redis<5"]\n'},
        "conflict",
        "'redis<5'",
    ),
    "a caret": (
        {"pyproject.toml": '[tool.poetry.dependencies]\nredis = "^4.1"\n'},
        "conflict",
        "^4.1",
    ),
    "a constraint": (
        {"requirements.txt": "-c pins.txt\nredis\n", "pins.txt": "redis==4.1\n"},
        "conflict",
        "pins.txt",
    ),
    "an included pin": (
        {"requirements.txt": "-r base.txt\n", "base.txt": "redis==4.1\n"},
        "conflict",
        "base.txt",
    ),
    "a second file": (
        {"pyproject.toml": f"{P}dependencies = []\n", "requirements.txt": "redis==4.1\n"},
        "conflict",
        "requirements.txt",
    ),
    "a URL": (
        {"requirements.txt": "redis @ https://x/redis.tar.gz#sha1=0\n"},
        "requirement-unknown",
        "https",
    ),
    "a path": (
        {"pyproject.toml": '[tool.poetry.dependencies]\nredis = {path = "../redis"}\n'},
        "requirement-unknown",
        "path",
    ),
    "alternatives": (
        {"pyproject.toml": '[tool.poetry.dependencies]\nredis = "^4 || ^6"\n'},
        "requirement-unknown",
        "||",
    ),
    "hashes without a source": (
        {"requirements.txt": "a==1 --hash=sha256:00\n"},
        "manifest-generated",
        "requirements.txt",
    ),
    "a computed list": (
        {"setup.py": "from setuptools import setup\nsetup(install_requires=read())\n"},
        "manifest-not-understood",
        "setup.py",
    ),
    "a table of its own": (
        {
            "pyproject.toml": '[tool.poetry.dependencies]\na = "1"\n[tool.poetry.dependencies.redis]\nversion = "*"\n'
        },
        "manifest-not-understood",
        "pyproject.toml",
    ),
    "broken TOML": ({"pyproject.toml": "[project\n"}, "manifest-not-understood", "pyproject.toml"),
    "a line with options": (
        {"requirements.txt": "redis --config-settings=x\n"},
        "manifest-not-understood",
        "redis",
    ),
    "no manifest": ({"README.md": "x"}, "manifest-missing", REDIS),
    "a tool's own file": ({"pyproject.toml": "[tool.ruff]\n"}, "manifest-missing", REDIS),
}


@pytest.mark.parametrize(("files", "code", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_refused(files: Files, code: str, named: str) -> None:
    """The message names the file or the pin that stands in the way."""
    found = plan(files)

    assert found.refusal is not None
    assert found.refusal.code == code
    assert named in found.refusal.message
    assert not found.contents


def test_latin_1_is_not_guessed_at() -> None:
    """A file that is not UTF-8 is left to its owner."""
    found = plan_requirement({"requirements.txt": "# caf\xe9\n".encode("latin-1")}, REDIS, "app.py")

    assert found.refusal is not None
    assert found.refusal.code == "manifest-not-understood"


PREFERRED = {
    "PEP 621 before requirements": (
        {"pyproject.toml": f"{P}dependencies = []\n", "requirements.txt": "a\n"},
        "pyproject.toml",
    ),
    "poetry before requirements": (
        {"pyproject.toml": '[tool.poetry.dependencies]\na = "1"\n', "requirements.txt": "a\n"},
        "pyproject.toml",
    ),
    "setup.cfg before setup.py": (
        {
            "setup.cfg": "[options]\ninstall_requires =\n    a\n",
            "setup.py": "from setuptools import setup\nsetup(install_requires=['a'])\n",
        },
        "setup.cfg",
    ),
    ".in before .txt": (
        {"requirements.in": "a\n", "requirements.txt": "a==1\n"},
        "requirements.in",
    ),
    "requirements before Pipfile": (
        {"Pipfile": "[packages]\n", "requirements.txt": "a\n"},
        "requirements.txt",
    ),
    "a project without dependencies, and requirements": (
        {"pyproject.toml": P, "requirements.txt": "a\n"},
        "requirements.txt",
    ),
    "dynamic, setuptools": (
        {
            "pyproject.toml": '[project]\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\ndependencies = {file = ["deps.txt"]}\n',
            "deps.txt": "a\n",
        },
        "deps.txt",
    ),
    "dynamic, setup.py": (
        {
            "pyproject.toml": '[project]\ndynamic = ["dependencies"]\n',
            "setup.py": "from setuptools import setup\nsetup(install_requires=['a'])\n",
        },
        "setup.py",
    ),
    "setup.py that reads requirements": (
        {
            "setup.py": "from setuptools import setup\nsetup(install_requires=open('requirements.txt').read())\n",
            "requirements.txt": "a\n",
        },
        "requirements.txt",
    ),
    "requirements in a folder": (
        {"requirements/base.txt": "a\n", "requirements/dev.txt": "-r base.txt\nredis>=6\n"},
        "requirements/base.txt",
    ),
    "the nearest": (
        {
            "pyproject.toml": f"{P}dependencies = []\n",
            "services/a/requirements.txt": "a\n",
            "services/b/requirements.txt": "b\n",
        },
        "services/a/requirements.txt",
    ),
    "the nearest that declares": (
        {"pyproject.toml": f"{P}dependencies = []\n", "services/a/pyproject.toml": "[tool.ruff]\n"},
        "pyproject.toml",
    ),
    "an included file that has it": (
        {"requirements.txt": "-r base.txt\nb\n", "base.txt": "redis>=4\n"},
        "base.txt",
    ),
}


@pytest.mark.parametrize(("files", "chosen"), PREFERRED.values(), ids=PREFERRED.keys())
def test_one_file_is_chosen(files: Files, chosen: str) -> None:
    """The nearest folder, and in it the format that its tools read first."""
    assert list(edited(files, path="services/a/app/db.py")) == [chosen]


PYPROJECT = {"pyproject.toml": f"{P}dependencies = []\n"}
COMPILED = "#\n# This file is autogenerated by pip-compile with Python 3.11\n#    pip-compile --generate-hashes requirements.in\n#\na==1 --hash=sha256:00\n"
UV = "# This file was autogenerated by uv via the following command:\n#    uv pip compile pyproject.toml -o requirements.txt\na==1\n"
COMMANDS = {
    "uv": ({**PYPROJECT, "uv.lock": ""}, (("", "uv lock"),)),
    "a workspace": (
        {"a/pyproject.toml": PYPROJECT["pyproject.toml"], "uv.lock": ""},
        (("", "uv lock"),),
    ),
    "poetry": (
        {"pyproject.toml": '[tool.poetry.dependencies]\na = "1"\n', "poetry.lock": ""},
        (("", "poetry lock"),),
    ),
    "pdm": ({**PYPROJECT, "pdm.lock": ""}, (("", "pdm lock"),)),
    "pipenv": ({"Pipfile": "[packages]\n", "Pipfile.lock": ""}, (("", "pipenv lock"),)),
    "pip-compile": (
        {"requirements.in": "a\n", "requirements.txt": COMPILED},
        (("", "pip-compile --generate-hashes requirements.in"),),
    ),
    "uv pip compile": (
        {**PYPROJECT, "requirements.txt": UV},
        (("", "uv pip compile pyproject.toml -o requirements.txt"),),
    ),
    "hashes, no header": (
        {"requirements.in": "a\n", "requirements.txt": "a==1 --hash=sha256:00\n"},
        (("", "pip-compile requirements.in"),),
    ),
    "a source with another name": (
        {"deps.in": "a\n", "requirements.txt": COMPILED.replace("requirements.in", "deps.in")},
        (("", "pip-compile --generate-hashes deps.in"),),
    ),
    "no lock": (PYPROJECT, ()),
}


@pytest.mark.parametrize(("files", "commands"), COMMANDS.values(), ids=COMMANDS.keys())
def test_locks_are_named_and_never_edited(
    files: Files, commands: tuple[tuple[str, str], ...]
) -> None:
    """Who renews a lock file must be told how, with the command that made it."""
    found = plan(files, path="a/app/db.py")

    assert found.commands == commands
    assert not {"requirements.txt", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"} & {
        *found.contents
    }
    assert len(found.contents) == 1


def test_a_marker_of_ours_is_written() -> None:
    """What only some Pythons need is asked for there only."""
    wanted = 'greenlet>=3; python_version < "3.13"'
    assert edited({"requirements.txt": "a\n"}, wanted) == {"requirements.txt": f"a\n{wanted}\n"}


VERSIONS = st.sampled_from(["0", "1", "1.2", "2.0.1", "2.9.9", "3", "10.0"])
SPECIFIERS = st.lists(
    st.tuples(st.sampled_from([">=", "<", "<=", ">", "!=", "=="]), VERSIONS).map("".join),
    max_size=3,
).map(lambda parts: SpecifierSet(",".join(parts)))
CONCRETE = [
    "0",
    "0.5",
    "1",
    "1.1",
    "1.2",
    "1.2.7",
    "2",
    "2.0.1",
    "2.0.2",
    "2.9.9",
    "2.9.10",
    "3",
    "3.1",
    "10.0",
    "11",
]


@settings(max_examples=300, deadline=None)
@given(SPECIFIERS, SPECIFIERS)
def test_versions_are_judged_as_sets(one: SpecifierSet, other: SpecifierSet) -> None:
    """Implication, agreement and intersection say what they say for every single version."""
    mine = {v for v in CONCRETE if one.contains(v)}
    theirs = {v for v in CONCRETE if other.contains(v)}

    assert not implies([one], other) or mine <= theirs
    assert agree(one, other) or not mine & theirs
    assert {v for v in CONCRETE if both(one, other).contains(v)} == mine & theirs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.*", "==1.2.*"),
        ("1.2.3", "==1.2.3"),
        (">=1, <2", ">=1,<2"),
        ("*", ""),
        ("^1 || ^2", None),
        ("latest", None),
    ],
)
def test_constraints_of_poetry_are_read(text: str, expected: str | None) -> None:
    """What cannot be said in specifiers is unknown, not guessed."""
    assert poetry_specifiers(text) == (None if expected is None else SpecifierSet(expected))


NAMES = st.lists(
    st.sampled_from(["a", "b>=1", "c==2  ", "z~=1.0", "Foo_Bar"]), max_size=5, unique=True
)


@settings(max_examples=150, deadline=None)
@given(
    NAMES, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "# note\n", "\n"]), st.booleans()
)
def test_any_requirements_file_gets_one_line_more(
    names: list[str], eol: str, head: str, closed: bool
) -> None:
    """All other lines stay as they are, in the same order, with the same ends."""
    text = (head + "\n".join(names) + "\n" * closed).replace("\n", eol)
    after = edited({"requirements.txt": text})["requirements.txt"]

    lines = after.splitlines(keepends=True)
    mine = [line for line in lines if line.strip() == REDIS]
    assert len(mine) == 1
    lines.remove(mine[0])
    assert "".join(lines).rstrip("\r\n") == text.rstrip("\r\n")
    assert after.endswith("\n") == (text.endswith("\n") or not text)


ITEMS = st.lists(st.sampled_from(["'a'", '"b"', "'#,['"]), max_size=4)
GAPS = st.sampled_from([", ", ",", ",\n    ", ",  # x]\n    "])


@settings(max_examples=200, deadline=None)
@given(
    ITEMS,
    GAPS,
    st.sampled_from([("", ""), ("\n    ", "\n"), ("\n    ", ",\n"), ("  # (\n", " ")]),
    st.integers(0, 4),
)
def test_any_list_gets_one_item_more(
    items: list[str], gap: str, border: tuple[str, str], index: int
) -> None:
    """The list is the same but for the new item, and every old character is still there."""
    text = f"x = [{border[0]}{gap.join(items)}{border[1] if items else border[1].strip(',')}]\n"
    module = Project.from_files({"m.py": text}).module_at("m.py")
    node = module.tree.body[0].value  # type: ignore[attr-defined]
    edits = insert_item(module, node, "'NEW'", index)
    assert edits is not None
    assert all(edit.start == edit.end for edit in edits)
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]

    expected = [ast.literal_eval(one) for one in items]
    expected.insert(index, "NEW")
    assert ast.literal_eval(text.partition(" = ")[2]) == expected


def test_results_are_what_the_tools_read() -> None:
    """The parsers of the formats agree with what we think we wrote."""
    toml = edited({"pyproject.toml": f'{P}dependencies = ["a"]\n'})["pyproject.toml"]
    cfg = edited({"setup.cfg": "[options]\ninstall_requires =\n\ta\n"})["setup.cfg"]
    parser = configparser.ConfigParser()
    parser.read_string(cfg)

    assert tomllib.loads(toml)["project"]["dependencies"] == ["a", REDIS]
    assert parser["options"]["install_requires"].split() == ["a", REDIS]
    assert Requirement(REDIS).specifier.contains("5.0.1")
