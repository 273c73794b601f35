"""Small repositories, and the real command line on them, each with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND = (sys.executable, "-m", "hephaestus_codemods")
PACK = Path(__file__).parent / "toy_pack"
ENTRY_POINTS = "[hephaestus.rules]\ntoys = toy_rules\n"


@dataclass(frozen=True)
class Ran:
    """What a command wrote and how it ended."""

    code: int
    out: str
    err: str

    def ok(self) -> Ran:
        """Return it; fail unless it ended with 0."""
        assert self.code == 0, self
        return self


@dataclass(frozen=True)
class Repository:
    """A folder with the code of somebody, under git unless said otherwise; and its user."""

    root: Path
    env: Mapping[str, str]

    def write(self, files: Mapping[str, str | bytes]) -> Repository:
        """Write files, and the folders around them."""
        for path, content in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def commit(self, files: Mapping[str, str | bytes] | None = None) -> Repository:
        """Write *files* and commit everything."""
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-qm", "x")
        return self

    def git(self, *words: str, stdin: str = "") -> str:
        """Run git in the root."""
        done = subprocess.run(
            ["git", *words],
            cwd=self.root,
            env=self.env,
            input=os.fsencode(stdin),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)
        return os.fsdecode(done.stdout)

    def tree(self) -> dict[str, bytes]:
        """Return the content of every file outside of .git."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git" not in path.parts
        }

    def read(self, path: str) -> str:
        """Return the text of one file."""
        return (self.root / path).read_bytes().decode()

    def command(
        self, *words: object, cwd: Path | None = None, **more: object
    ) -> subprocess.Popen[bytes]:
        """Start ``hcodemod`` with *words*; *more* changes how it is started."""
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        argv = [*COMMAND, *map(str, words)]
        return subprocess.Popen(argv, cwd=cwd or self.root, **{"env": self.env, **how, **more})

    def hcodemod(self, *words: object, cwd: Path | None = None, stdin: str = "", **env: str) -> Ran:
        """Run ``hcodemod`` with *words* to its end; bytes that are no text become surrogates."""
        started = self.command(*words, cwd=cwd, stdin=subprocess.PIPE, env=self.env | env)
        out, err = started.communicate(stdin.encode(), timeout=60)
        return Ran(started.returncode, os.fsdecode(out), os.fsdecode(err))


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages that holds the pack of toy rules."""
    site = tmp_path_factory.mktemp("site")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACK / "toy_rules", site / "toy_rules", ignore=ignore)
    info = site / "toys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


def environment(home: Path, site: Path) -> dict[str, str]:
    """Return the environment of a user who has nothing but *home*, and *site* installed."""
    inherited = os.environ.get("PYTHONPATH", "")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(one for one in (str(site), inherited) if one),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "a@example.org" for who in ("AUTHOR", "COMMITTER")},
    }


@pytest.fixture
def folder(tmp_path: Path, toys: Path) -> Repository:
    """An empty folder without git."""
    (tmp_path / "root").mkdir()
    (tmp_path / "home").mkdir()
    return Repository(tmp_path / "root", environment(tmp_path / "home", toys))


@pytest.fixture
def repository(folder: Repository) -> Repository:
    """An empty repository."""
    folder.git("init", "-q")
    return folder
