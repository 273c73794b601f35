"""How long the target's own formatters let lines be."""

import pytest

from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.style import line_length

CASES = {
    "nothing is said": ({}, 88),
    "black": ({"pyproject.toml": "[tool.black]\nline-length = 100\n"}, 100),
    "ruff": ({"pyproject.toml": "[tool.ruff]\nline-length = 120\n"}, 120),
    "a file of its own": ({"ruff.toml": "line-length = 79\n", "pyproject.toml": ""}, 79),
    "the nearest counts": (
        {"pyproject.toml": "[tool.ruff]\nline-length = 120\n", "app/ruff.toml": "line-length = 99"},
        99,
    ),
    "something else is said": ({"pyproject.toml": "[tool]\nblack = 3\n"}, 88),
    "it cannot be read": (
        {"pyproject.toml": "[tool.black\n", "ruff.toml": "line-length = 'x'"},
        88,
    ),
}


@pytest.mark.parametrize("title", CASES)
def test_line_length(title: str) -> None:
    """The nearest configuration decides; what cannot be read says nothing."""
    files, expected = CASES[title]
    project = Project.from_files({"app/db.py": "x = 1\n", **files})

    assert line_length(project, "app/db.py") == expected
