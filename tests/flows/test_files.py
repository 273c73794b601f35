"""Which files of a target facts may be read from."""

from __future__ import annotations

import subprocess

import pytest

from hephaestus_codemods.flows.files import all_paths


@pytest.fixture
def tree(tmp_path):
    """A work tree that ignores a folder in which somebody unpacked a service."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    tmp_path.joinpath(".gitignore").write_text("unpacked/\n*.log\n")
    for path in ("app/db.py", "app/run.log", "unpacked/app/db.py", "unpacked/requirements.txt"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    return tmp_path


def test_a_work_tree_is_what_git_lists(tree):
    """What git ignores is no part of the project."""
    assert all_paths(tree) == {".gitignore", "app/db.py"}


def test_a_folder_that_git_ignores_is_read_by_itself(tree):
    """An unpacked archive below a repository has its own files, of which git lists none."""
    assert all_paths(tree / "unpacked") == {"app/db.py", "requirements.txt"}
