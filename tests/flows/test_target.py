"""What a command works on when somebody names a folder that git ignores."""

from __future__ import annotations

import subprocess

import pytest

from hephaestus_codemods.flows.scan import scan
from hephaestus_codemods.flows.survey import Request

SERVICE = {
    "requirements.txt": "sqlalchemy==2.0.30\n",
    "app/db.py": "from sqlalchemy import create_engine\n\nengine = create_engine('postgresql://db/x')\n",
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a project file, and an unpacked service that it ignores."""
    root = tmp_path / "repository"
    for path, content in {
        ".gitignore": "unpacked/\n",
        "pyproject.toml": "",
        "own.py": "x = 1\n",
        **{f"unpacked/service/{path}": content for path, content in SERVICE.items()},
    }.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    subprocess.run(["git", "init", "-q", root], check=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return root


def sites(*paths: str) -> list[str]:
    report = scan(Request(paths=paths, jobs=1, cache=False)).report
    return [f"{site.path}:{site.line}" for site in report.sites]


def test_it_is_a_project_of_its_own(repository, monkeypatch):
    """The project around it does not know its files."""
    monkeypatch.chdir(repository / "unpacked/service")

    assert sites(".") == sites("app") == ["app/db.py:3"]


def test_it_is_searched_from_the_project_around_it(repository, monkeypatch):
    """What is named is searched."""
    monkeypatch.chdir(repository)

    assert sites(".", "unpacked/service") == ["unpacked/service/app/db.py:3"]
    assert sites("unpacked/service/app/db.py") == ["unpacked/service/app/db.py:3"]
