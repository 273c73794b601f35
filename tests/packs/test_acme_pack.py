"""A rule pack of somebody else: installed, listed, tested, and only run when it is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACK = Path(__file__).parent / "acme_pack"
RULE = "acme-cache-get-many"
LIST = """
import json
from hephaestus_codemods.registry import find_rules, list_rules
found = find_rules()
print(json.dumps({
    "listed": {one.name: one.pack.name for one in list_rules(found)},
    "reached": [*found.reachable()],
    "reached when the pack is named": [*found.reachable(["Acme_Codemods"])],
    "loaded by its own name": found.named("acme-cache-get-many").pack.version,
}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder of installed packages with the pack in it, as an installer lays it out."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACK / "pyproject.toml").read_text())["project"]
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACK / "acme_rules", site / "acme_rules", ignore=ignore)
    info = site / f"acme_codemods-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    [(group, entries)] = project["entry-points"].items()
    lines = [f"{name} = {package}\n" for name, package in entries.items()]
    (info / "entry_points.txt").write_text("".join((f"[{group}]\n", *lines)))
    return site


def python(site: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python with the pack installed."""
    env = os.environ | {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *words], check=False, capture_output=True, text=True, env=env, cwd=cwd
    )


def test_the_registry_lists_it_and_all_does_not_reach_it(site):
    """Rules of others are run when their pack or they themselves are named, not by --all (S13)."""
    done = python(site, "-c", LIST)
    found = json.loads(done.stdout or pytest.fail(done.stderr))

    assert found["listed"][RULE] == "acme-codemods"
    assert RULE not in found["reached"]
    assert RULE in found["reached when the pack is named"]
    assert found["loaded by its own name"] == "1.2.0"


def test_nothing_is_listed_that_is_not_installed(tmp_path):
    """A pack that only lies in the working folder does not count."""
    shutil.copytree(PACK, tmp_path / "acme_pack")

    done = python(tmp_path / "elsewhere", "-c", LIST, cwd=tmp_path / "acme_pack")

    assert f"no rule '{RULE}'" in done.stderr


def test_its_page_runs_under_pytest_with_one_line(site, tmp_path):
    """The pack's own pyproject.toml loads the plugin; its cases are its tests."""
    shutil.copy(PACK / "pyproject.toml", tmp_path)
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(tmp_path / "pyproject.toml"))

    done = python(site, *words, str(site / "acme_rules"))

    assert "4 passed" in done.stdout, done.stdout + done.stderr
