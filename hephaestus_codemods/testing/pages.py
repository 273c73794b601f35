"""Rule pages: finding the rule that a README belongs to, and what every page has to have."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.rule import Rule
from hephaestus_codemods.testing.cases import Case, CaseError, read_cases, read_headings

#: The headings of a finished page, in this order; others may stand between them.
HEADINGS = (
    "Why it is faster",
    "Cases",
    "Left alone",
    "Safety",
    "Predicted gain",
    "References",
)


@dataclass(frozen=True)
class Page:
    """The README of a rule, and the rule."""

    path: Path
    text: str
    rule: Rule
    cases: tuple[Case, ...]


def read_page(path: Path) -> Page:
    """Read the README at *path* and load the rule beside it."""
    text = path.read_text(encoding="utf-8")
    return Page(path, text, load_rule(path.parent), read_cases(text))


def load_rule(folder: Path) -> Rule:
    """Import ``rule.py`` of *folder* under the name that its package gives it."""
    folder = folder.resolve()
    top = folder
    while (top / "__init__.py").exists():
        top = top.parent
    name = ".".join((*folder.relative_to(top).parts, "rule"))
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        sys.path.append(str(top))  # a pack that is not installed
    module = importlib.import_module(name)
    found = Path(module.__file__ or "").resolve()
    if found.parent != folder:
        raise UsageError(
            f"{name} is imported from {found}, not from {folder}: install the pack in editable mode"
        )
    rule = module.RULE
    assert isinstance(rule, Rule), f"{name}.RULE is not a Rule"
    return rule


def check_page(page: Page) -> None:
    """Hold the page to the form of a finished one; raise CaseError where it is not."""
    headings = read_headings(page.text)
    if not headings or (headings[0].level, headings[0].title) != (1, page.rule.name):
        raise CaseError(1, f"the page starts with the heading '# {page.rule.name}'")
    places = [(HEADINGS.index(h.title), h) for h in headings if h.title in HEADINGS]
    for (place, one), (next_place, other) in pairwise(places):
        if next_place <= place:
            raise CaseError(other.line, f"'{other.title}' stands before '{one.title}' on a page")
    if not any(case.is_rewrite for case in page.cases):
        raise CaseError(1, "the page shows no rewrite: add a `diff` block")
    if all(case.is_rewrite for case in page.cases):
        raise CaseError(1, "the page shows nothing that is left alone: add a `py` block")
