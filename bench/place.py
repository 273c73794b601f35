"""What is measured, and with what: the tree, and each peer in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".bench"
WHEEL = "apache-airflow-core==3.3.2"
HCODEMOD = str(Path(sys.executable).with_name("hcodemod"))


class Unavailable(Exception):
    """Something cannot be measured here; the message says why in a line."""


@dataclass(frozen=True)
class Peer:
    """Another tool, and what pip installs for it."""

    name: str
    requirements: tuple[str, ...]

    @cached_property
    def folder(self) -> Path:
        """The folder of the tool's programs; installed once, when first asked for."""
        home = PLACE / "peers" / self.name
        ready = home / "installed"
        wanted = "\n".join(self.requirements)
        if not ready.exists() or ready.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            ran([str(home / "bin" / "python"), *PIP, "install", *self.requirements])
            ready.write_text(wanted)
        return home / "bin"

    def program(self, name: str) -> str:
        """Return the path of one of the tool's programs."""
        return str(self.folder / name)


PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
RUFF = Peer("ruff", ("ruff==0.17.6",))
LIBCST = Peer("libcst", ("libcst==1.9.0",))
FIXIT = Peer("fixit", ("fixit==2.2.1",))
CODEMODDER = Peer("codemodder", ("codemodder==6.5.5", "semgrep", "setuptools"))


def tree() -> Path:
    """Return the folder with the unpacked wheel, fetched once."""
    folder = PLACE / "tree"
    if not folder.exists():
        wheels, unpacked = PLACE / "wheels", PLACE / "unpacked"
        ran([sys.executable, *PIP, "download", "--no-deps", "--dest", str(wheels), WHEEL])
        shutil.rmtree(unpacked, ignore_errors=True)
        with zipfile.ZipFile(next(wheels.glob("apache_airflow_core-*.whl"))) as wheel:
            wheel.extractall(unpacked)
        unpacked.rename(folder)
    return folder


def peer_folder() -> Path:
    """Return a folder with a copy of the tree that peers may write to, and their rules."""
    folder = PLACE / "peer-config"
    shutil.copytree(ROOT / "bench" / "peers", folder / "peers", dirs_exist_ok=True)
    (folder / "peers" / "__init__.py").touch()
    (folder / ".libcst.codemod.yaml").write_text("modules: ['peers']\nformatter: ['cat']\n")
    (folder / "pyproject.toml").write_text(
        '[tool.fixit]\nroot = true\nenable = [".peers.fixit_rule"]\ndisable = ["fixit.rules"]\n'
    )
    if not (folder / "tree").exists():
        shutil.copytree(tree(), folder / "tree")
    return folder


def environment() -> dict[str, str]:
    """Return the environment of a user: compiled modules are kept, settings of ours are not."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "HCODEMOD"))}
    homes = {f"XDG_{kind}_HOME": str(PLACE / kind) for kind in ("STATE", "CACHE", "CONFIG")}
    return env | homes


def ran(command: list[str]) -> None:
    """Run a command that prepares something; raise Unavailable with its last words."""
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(last_words(done.stderr or done.stdout) or f"exit {done.returncode}")


def last_words(text: str) -> str:
    """Return the last line of what a program said."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
