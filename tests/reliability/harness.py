"""Projects on the disk, and ``hcodemod`` as a process on them, with toy rules when asked."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACK = Path(__file__).parent / "toy_pack"
#: What the process runs: the console script, without the folder that it lies in.
MAIN = "from hephaestus_codemods.cli.main import main; main()"
ENTRY = (sys.executable, "-P", "-c", MAIN)
TOYS = ("--rule", "toy-keyword,toy-wrap")
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    code: int
    out: bytes
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The report that ``--output-format json`` printed."""
        found: dict[str, Any] = json.loads(self.out or pytest_fail(self.err))
        return found

    def statuses(self) -> dict[str, tuple[str, str]]:
        """The status and the reason of each file."""
        return {one["path"]: (one["status"], one["code"]) for one in self.report["files"]}


def pytest_fail(text: str) -> str:
    raise AssertionError(text)


@dataclass(frozen=True)
class Place:
    """A target, and a home that is not the user's."""

    disk: Path
    home: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.disk / "root"

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.disk / "home"),
            "XDG_STATE_HOME": str(self.disk / "home/state"),
            "XDG_CACHE_HOME": str(self.disk / "home/cache"),
            "PYTHONPATH": str(self.disk / "site"),
            "TMPDIR": str(self.disk / "tmp"),
            **self.home,
        }

    def put(self, files: Mapping[str, bytes | str]) -> None:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def git(self, *args: str) -> None:
        env = {**self.env, **GIT}
        done = subprocess.run(
            ["git", *args], cwd=self.root, env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def committed(self) -> Place:
        """Make the target a repository with everything committed."""
        self.git("init", "-q")
        self.git("add", "-A", "-f")
        self.git("commit", "-qm", "as it was")
        return self

    def tree(self) -> dict[str, bytes | str]:
        """The files of the target, and where its links lead."""
        found: dict[str, bytes | str] = {}
        for path in sorted(self.root.rglob("*")):
            name = os.fsdecode(os.fsencode(path.relative_to(self.root)))
            if name.split("/")[0] == ".git":
                continue
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file():
                found[name] = path.read_bytes()
        return found

    def run(
        self,
        *args: str,
        entry: Sequence[str] = ENTRY,
        cwd: Path | None = None,
        limit: float = 120,
        given: bytes = b"",
    ) -> Done:
        """Run ``hcodemod`` in the root."""
        done = subprocess.run(
            [*entry, *args],
            cwd=cwd or self.root,
            env=self.env,
            input=given,
            capture_output=True,
            timeout=limit,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def json(self, *args: str, **more: Any) -> Done:
        """Run a verb that prints a report."""
        return self.run(*args, "--output-format", "json", "--quiet", **more)


def made(disk: Path, files: Mapping[str, bytes | str] | None = None) -> Place:
    """Make a target below *disk* with *files*, and install the toy rules for it alone."""
    place = Place(disk)
    for name in ("root", "home", "tmp", "site"):
        (disk / name).mkdir()
    install_toys(disk / "site")
    place.put(files or {})
    return place


def install_toys(site: Path) -> None:
    """Lay the pack of toy rules out as an installer would."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACK / "hostile_toys", site / "hostile_toys", ignore=ignore)
    info = site / "toy_pack-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-pack\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[hephaestus.rules]\ntoys = hostile_toys\n")


class Untoyed(ast.NodeTransformer):
    """Takes out of a tree what the toy rules put in, and counts it."""

    def __init__(self) -> None:
        self.keywords = self.wraps = 0

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        kept = [one for one in node.keywords if one.arg != "hc_toy"]
        self.keywords += len(node.keywords) - len(kept)
        node.keywords = kept
        if isinstance(node.func, ast.Name) and node.func.id == "hc_toy_wrapped":
            self.wraps += 1
            return node.args[0]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module == "hc_toy_module" else node
