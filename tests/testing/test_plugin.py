"""Promises of the pytest plugin and of ``make update-cases``, seen from a rule author's side."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.flows.new_rule import new_rule
from hephaestus_codemods.testing.cases import CaseError
from hephaestus_codemods.testing.pages import Page, check_page, read_page
from hephaestus_codemods.testing.update_cases import main as update_cases

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = ("-p", "hephaestus_codemods.testing.plugin", "-p", "no:cacheprovider")


@pytest.fixture
def folder(tmp_path, monkeypatch, request) -> Path:
    """The folder of a new rule, in a pack that no other test has imported."""
    name = f"pack_{abs(hash(request.node.nodeid))}"
    for path, text in new_rule("toy-rule", tmp_path / name).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / name / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / name / "toy_rule"


def cases(folder: Path, *words: str) -> str:
    """Run the cases of *folder* and return what pytest says."""
    command = [sys.executable, "-m", "pytest", *PLUGIN, "--rootdir", str(folder), *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    return done.stdout + done.stderr


def change(path: Path, old: str, new: str) -> None:
    """Edit a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_loading_the_plugin_loads_neither_libcst_nor_sqlalchemy():
    """The plugin costs nothing until a page is collected."""
    check = (
        "import sys, hephaestus_codemods.testing.plugin;"
        "sys.exit(any(m in sys.modules for m in ('libcst', 'sqlglot', 'sqlalchemy')))"
    )

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_cases_are_items_that_can_be_chosen(folder):
    """By the README's path, and by the name of the rule in either spelling."""
    chosen = cases(folder, "--collect-only", "-q", str(folder / "README.md"), "-k", "toy-rule")

    assert "README.md::the page" in chosen
    assert "README.md::The copy is not made" in chosen
    assert "4 tests collected" in chosen
    assert "4 tests collected" in cases(folder, "--collect-only", "-q", "-k", "toy_rule")
    assert "4 deselected" in cases(folder, "--collect-only", "-q", "-k", "other")


def test_a_failure_names_the_line_and_shows_both_sides(folder):
    """What the README says and what the rule did, and no traceback."""
    change(folder / "README.md", "+    return sorted(", "+    return Sorted(")

    shown = cases(folder)

    assert f"{folder}/README.md:17: toy-rule rewrote this case differently" in shown
    assert "-    return Sorted(user.name" in shown
    assert "+    return sorted(user.name" in shown
    assert "Traceback" not in shown
    assert "1 failed, 3 passed" in shown


def test_a_page_that_cannot_be_read_is_an_error(folder):
    """Not a page without tests."""
    change(folder / "README.md", " def names(users):", "def names(users):")

    shown = cases(folder)

    assert "README.md:17" in shown
    assert "a diff line starts with" in shown
    assert "1 error" in shown


def test_update_cases_writes_the_new_side(folder, capsys):
    """Only lines with a plus differ afterwards."""
    page = folder / "README.md"
    before = page.read_text()
    change(page, "+    return sorted(user.name for user in users)", "+    return users")

    assert update_cases([str(folder)]) == 0
    assert page.read_text() == before
    assert "updated" in capsys.readouterr().out
    assert update_cases([str(folder)]) == 0
    assert capsys.readouterr().out == ""


def test_update_cases_does_not_turn_one_kind_into_the_other(folder, capsys):
    """Whether code is left alone is for the author to say."""
    page = folder / "README.md"
    change(page, "```py\nfrom shop import sorted\n", "```py\n")
    text = page.read_text()

    assert update_cases([str(page)]) == 1
    assert "now rewritten" in capsys.readouterr().err
    assert page.read_text() == text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# toy-rule", "# Toy rule", "starts with the heading '# toy-rule'"),
        ("## Why it is faster", "## Safety", "'Cases' stands before 'Safety'"),
        ("```py\n", "```python\n", "nothing that is left alone"),
        ("```diff\n", "```text\n", "shows no rewrite"),
    ],
)
def test_the_page_has_the_form_of_a_finished_one(folder, old, new, message):
    """The heading is the name; headings keep their order; both kinds of cases are there."""
    page = read_page(folder / "README.md")
    text = page.text.replace(old, new)
    path = folder / "README.md"
    path.write_text(text.replace("Refused: `spread-over-lines`.", ""))
    changed: Page = read_page(path)

    with pytest.raises(CaseError, match=message):
        check_page(changed)
