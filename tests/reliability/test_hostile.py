"""S1, S3, S6, S15: nothing that a target brings is imported, executed, connected to or obeyed."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .harness import GIT, MAIN, TOYS, Place, made

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDITED = Path(__file__).with_name("audited.py")
APP = '''\
"""A small service with sites of our rules."""

from fastapi import FastAPI
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from app.models import User

engine = create_engine("postgresql+psycopg://app:hunter22@db/app")
app = FastAPI()


@app.get("/users")
def users(session: Session, mail: str):
    if session.query(User).filter(User.mail == mail).count() > 0:
        return {"taken": True}
    return value(1)
'''
MODELS = "from sqlalchemy.orm import DeclarativeBase\n\n\nclass Base(DeclarativeBase):\n    pass\n"
#: Modules that some tool or Python itself would import from the root or the working folder.
IMPORTED = (
    "conftest",
    "sitecustomize",
    "usercustomize",
    "setup",
    "noxfile",
    "tasks",
    "click",
    "rich",
    "libcst",
    "tomllib",
    "tomlkit",
    "encodings",
    "ast",
    "hephaestus_rules",
    "hcodemod_plugin",
    ".ropeproject/config",
    ".pythonrc",
)
#: What git runs when its configuration says so.
GIT_COMMANDS = (
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.sshCommand",
    "diff.external",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
    "merge.evil.driver",
)
VERBS = (
    ("scan",),
    ("scan", "--no-cache", "-j", "2"),
    ("apply", "--all", "--safety", "review", "--diff"),
    ("apply", *TOYS, "--diff"),
    ("explain", "app/main.py:15", "sqlalchemy-exists-over-count"),
    ("config", "show"),
    ("config", "validate"),
    ("rules",),
    ("apply", *TOYS, "--rule", "sqlalchemy-exists-over-count,sqlalchemy-engine-pool-options"),
    ("runs",),
    ("runs", "show", "--patch"),
    ("recover",),
    ("revert", "--check"),
    ("revert",),
    ("runs",),
)


class Boom:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.fixture
def canaries(disk: Path) -> Path:
    """Give the folder into which everything that is executed puts its name."""
    folder = disk / "canaries"
    folder.mkdir()
    return folder


@pytest.fixture
def hostile(disk: Path, canaries: Path) -> Place:
    """Give a repository in which everything is a trap; its own code is ordinary."""
    place = made(disk)
    code = "import os\nopen(os.path.join({folder!r}, {name!r}), 'w').close()\n"
    files: dict[str, bytes | str] = {
        "app/__init__.py": code.format(folder=str(canaries), name="app"),
        "app/main.py": code.format(folder=str(canaries), name="main") + APP,
        "app/models.py": MODELS + code.format(folder=str(canaries), name="models"),
    }
    for name in IMPORTED:
        files[f"{name}.py"] = code.format(folder=str(canaries), name=name.replace("/", "-"))
    script = f"#!/bin/sh\ntouch {canaries}/script-$(basename $0)-$1\ncat\n"
    pickled = pickle.dumps(Boom(f"touch {canaries}/pickle"))
    files |= {
        "evil.sh": script,
        "git": script,
        "python": script,
        "ruff": script,
        "trap.pth": f"import os; open({str(canaries / 'pth')!r}, 'w').close()\n",
        ".ropeproject/history": pickled,
        ".ropeproject/objectdb": pickled,
        ".libcst.codemod.yaml": "formatter: ['./evil.sh', 'formatter']\nmodules: ['conftest']\n",
        ".git-hooks/pre-commit": script,
        ".pre-commit-config.yaml": "repos: []\n",
        ".envrc": f"touch {canaries}/envrc\n",
        "hcodemod.pth": "import conftest\n",
        "evil-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1\n",
        "evil-1.dist-info/entry_points.txt": "[hephaestus.rules]\nevil = conftest\n",
        "pyproject.toml": PYPROJECT,
        "setup.cfg": "[options]\ninstall_requires =\n    sqlalchemy\n",
        "requirements.txt": "sqlalchemy>=2\n-r evil.txt\n-e ./\n",
        ".gitattributes": "* filter=evil diff=evil merge=evil\n",
    }
    place.put(files)
    for name in ("evil.sh", "git", "python", "ruff", ".git-hooks/pre-commit"):
        (place.root / name).chmod(0o755)
    place.committed()
    for key in ("core.fsmonitor", "diff.external", "core.pager", "core.editor", "core.sshCommand"):
        place.git("config", key, f"{place.root}/evil.sh {key}")
    for key in (
        "filter.evil.clean",
        "filter.evil.smudge",
        "diff.evil.textconv",
        "merge.evil.driver",
    ):
        place.git("config", key, f"{place.root}/evil.sh {key}")
    for name in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction"):
        hook = place.root / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {canaries}/hook-{name}\n")
        hook.chmod(0o755)
    return place


PYPROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setup"
backend-path = ["."]

[project]
name = "victim"
version = "1"
dependencies = ["sqlalchemy>=2"]

[project.entry-points."hephaestus.rules"]
evil = "conftest"

[project.entry-points.pytest11]
evil = "conftest"

[tool.pytest.ini_options]
addopts = "-p conftest"

[tool.fixit]
enable = [".conftest"]

[tool.mypy]
plugins = ["hcodemod_plugin.py"]
"""


def events(log: Path) -> Iterator[tuple[str, ...]]:
    for line in log.read_text().splitlines():
        yield tuple(json.loads(line))


def is_expected(event: tuple[str, ...], place: Place) -> bool:
    """Say whether an event is what a run may do: git, workers, its own files, renames beside."""
    name, *details = event
    if name == "subprocess.Popen":
        program, arguments = details[0], details[1]
        return re.fullmatch(r"'/[^']*/git'", program) is not None and "--no-pager" in arguments
    if name == "os.fork":
        return True
    if name == "pickle.find_class":  # the answer of a worker
        return details[0].startswith("'hephaestus_codemods.")
    if name == "socket.__new__":  # the pipe to a worker
        return details[1] == str(int(socket.AF_UNIX))
    if name == "write":
        path = details[0].strip("'")
        ours = (
            str(place.disk / "home"),
            str(place.disk / "tmp"),
            str(place.root / ".git/hcodemod"),
        )
        # Everything in the target is opened relative to a folder's handle.
        return path.startswith(ours) or path == "/dev/null" or "/" not in path
    return False


def test_no_canary_fires_under_any_verb(hostile: Place, canaries: Path) -> None:
    """0 canaries, and no event of the interpreter that a run should not cause."""
    log = hostile.disk / "log"
    before = hostile.tree()
    hostile = Place(hostile.disk, {"PYTHONDONTWRITEBYTECODE": "1"})
    codes = {}
    for verb in VERBS:
        entry = (sys.executable, "-P", str(AUDITED), str(log), str(hostile.root))
        codes[verb] = hostile.run(*verb, entry=entry)

    assert {verb: done.err for verb, done in codes.items() if done.code not in (0, 1)} == {}
    assert sorted(os.listdir(canaries)) == []
    strange = {event for event in events(log) if not is_expected(event, hostile)}
    assert strange == set()
    kinds = {event[0] for event in events(log)}
    assert {"os.fork", "subprocess.Popen", "write"} <= kinds, "the hook saw what there was to see"
    assert hostile.tree() == before, "apply and revert were among the verbs"


def test_git_is_only_read(hostile: Place) -> None:
    """I13: no verb stages, stashes, resets or changes a setting; our own records lie apart."""

    def git_files() -> dict[str, bytes]:
        folder = hostile.root / ".git"
        found = (path for path in folder.rglob("*") if path.is_file())
        names = {path.relative_to(folder).as_posix(): path for path in found}
        return {n: p.read_bytes() for n, p in names.items() if not n.startswith("hcodemod/")}

    before = git_files()
    for verb in VERBS:
        assert hostile.run(*verb).code in (0, 1), verb
        assert git_files() == before, verb


def test_the_traps_are_set(hostile: Place, canaries: Path) -> None:
    """The test of the test: what is not as careful as we are does fire them."""
    for name in IMPORTED:
        code = f"import runpy; runpy.run_path({name + '.py'!r})"
        subprocess.run([sys.executable, "-c", code], cwd=hostile.root, check=True)
    subprocess.run([sys.executable, "-c", "import app.main"], cwd=hostile.root, check=False)
    pickled = (hostile.root / ".ropeproject/history").read_bytes()
    pickle.loads(pickled)
    env = {**hostile.env, **GIT}
    (hostile.root / "app/models.py").touch()
    for args in (["status"], ["diff"], ["add", "."], ["commit", "-qm", "x", "--allow-empty"]):
        subprocess.run(["git", *args], cwd=hostile.root, env=env, capture_output=True, check=False)

    fired = set(os.listdir(canaries))

    assert {name.replace("/", "-") for name in IMPORTED} | {"app", "pickle"} <= fired
    assert "hook-pre-commit" in fired
    assert any(name.startswith("script-evil.sh") for name in fired)


def test_python_m_does_not_import_from_the_working_folder(hostile: Place, canaries: Path) -> None:
    """``python -m`` puts the working folder first on the path; we take it away again."""
    done = hostile.run("scan", entry=(sys.executable, "-m", "hephaestus_codemods"))

    assert done.code == 0, done.err
    # Python finds -m itself, and what that needs, before any line of ours.
    assert set(os.listdir(canaries)) <= {"encodings", "ast", "sitecustomize", "usercustomize"}


def test_the_environment_cannot_lead_git_or_python_elsewhere(
    hostile: Place, canaries: Path
) -> None:
    """A ``.env`` that a shell plug-in loaded: GIT_* is scrubbed, hooks of Python do not matter."""
    evil = f"{hostile.root}/evil.sh"
    names = ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "EDITOR", "GIT_SSH_COMMAND", "GIT_ASKPASS")
    home = dict.fromkeys(names, evil) | {"GIT_CONFIG_COUNT": "1", "PYTHONSTARTUP": ".pythonrc.py"}
    home |= {"GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": evil}
    place = Place(hostile.disk, home)

    assert place.run("apply", *TOYS).code == 0
    assert place.run("revert").code == 0
    assert sorted(os.listdir(canaries)) == []


CAN_UNSHARE = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)


@pytest.mark.skipif(CAN_UNSHARE.returncode != 0, reason="no network namespaces for this user")
def test_all_verbs_work_without_a_network(hostile: Place, canaries: Path) -> None:
    """S15: the same verbs in a namespace without any network."""
    entry = ("unshare", "-rn", sys.executable, "-P", "-c", MAIN)
    before = hostile.tree()

    codes = {verb: hostile.run(*verb, entry=entry).code for verb in VERBS}

    assert set(codes.values()) <= {0, 1}
    assert hostile.tree() == before
    assert sorted(os.listdir(canaries)) == []


def test_an_archive_with_records_and_a_lock_of_others_changes_nothing(disk: Path) -> None:
    """A forged state that came with the files is ignored, loudly, by every verb that reads it."""
    place = made(disk, {"a.py": "x = f(1)\n"}).committed()
    assert place.run("apply", *TOYS).code == 0
    changed = place.tree()
    shutil.rmtree(disk / "home")

    listed, reverted = place.run("runs"), place.run("revert")

    assert (listed.out, reverted.code) == (b"", 2)
    assert "is ignored" in listed.err
    assert "is ignored" in reverted.err or "no run" in reverted.err
    assert place.tree() == changed


def test_modes_of_new_files_are_not_wider_than_asked(disk: Path) -> None:
    """What a run keeps is for its user alone, whatever the umask."""
    place = made(disk, {"a.py": "x = f(1)\n"}).committed()

    place.run(
        "apply",
        *TOYS,
        entry=("sh", "-c", f'umask 0; exec {sys.executable} -P -c "{MAIN}" "$@"', "-"),
    )

    state = place.root / ".git/hcodemod"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((disk / "home/state/hcodemod/key").stat().st_mode) == 0o600
