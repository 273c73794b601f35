"""Promises of the folder that starts a new rule."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePath

import pytest

from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.new_rule import new_rule


def test_planning_writes_nothing(tmp_path):
    """The flow says what to write; who writes it is somebody else."""
    planned = new_rule("redis-thing", tmp_path)

    assert [path.relative_to(tmp_path).as_posix() for path in planned] == [
        "redis_thing/__init__.py",
        "redis_thing/rule.py",
        "redis_thing/README.md",
    ]
    assert not list(tmp_path.iterdir())


def test_the_name_stands_wherever_it_is_needed():
    """The folder names the rule; page and module open with the name."""
    texts = [*new_rule("redis-thing", PurePath("pack")).values()]

    assert texts[0] == '"""The rule redis-thing."""\n'
    assert texts[1].startswith('"""redis-thing: ')
    assert texts[2].startswith("# redis-thing\n")
    assert not any("starter" in text for text in texts)


@pytest.mark.parametrize("name", ["", "Redis", "redis_thing", "-a", "a-", "a--b", "../a", "class"])
def test_a_name_that_cannot_be_a_folder_is_refused(name):
    """The error shows how a good name looks."""
    with pytest.raises(UsageError, match="redis-client-reuse"):
        new_rule(name, PurePath())


def test_the_cases_pass_as_they_are_generated(tmp_path):
    """A new rule starts green, in a pack that was just made."""
    pack = tmp_path / "my_pack"
    for path, text in new_rule("redis-thing", pack).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (pack / "__init__.py").write_text("")

    done = cases_of(pack / "redis_thing")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def cases_of(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the cases of a rule folder as its author would."""
    plugin = ("-p", "hephaestus_codemods.testing.plugin", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, "--rootdir", str(folder), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
    )
