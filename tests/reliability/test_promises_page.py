"""The page of promises names tests that are there, and leaves out no promise and no threat."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/promises.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.-]+?)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("path", "test"), NAMED, ids="::".join)
def test_a_test_that_the_page_names_is_there(path: str, test: str) -> None:
    place = ROOT / path

    assert place.exists()
    assert not test or re.search(rf"^def {test}\b", place.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "name", [*(f"I{n}" for n in range(1, 21)), *(f"S{n}" for n in range(1, 17))]
)
def test_every_promise_has_its_row(name: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| {name} |")]

    assert len(rows) == 1
    assert all(cell.strip() for cell in rows[0].strip("|").split("|"))


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 40


def test_dependencies_are_pinned_for_builds() -> None:
    """S16: a build installs exactly the versions that were tried, whatever is newest."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {
        canonicalize_name(Requirement(line).name): Requirement(line).specifier
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    }
    names = {canonicalize_name(Requirement(one).name) for one in declared["dependencies"]}
    assert names <= pinned.keys()
    for name, specifier in pinned.items():
        assert [one.operator for one in specifier] == ["=="], name
