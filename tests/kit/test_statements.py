"""Edits of whole statements, byte for byte."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.engine.splice import splice
from hephaestus_codemods.kit.statements import (
    are_adjacent,
    delete_statement,
    insert_after,
    insert_before,
    replace_statement,
)
from hephaestus_codemods.project.project import Project

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


def module_of(text: str) -> Module:
    return Project.from_files({"m.py": text}).module_at("m.py")


def here(module: Module) -> ast.stmt:
    """Return the statement that holds `HERE`."""
    found = [n for n in module.nodes if "HERE" in (getattr(n, "id", ""), getattr(n, "name", ""))]
    return module.statement(found[0])


DELETED = {
    "a line": ("a\nHERE\nb\n", "a\nb\n"),
    "CRLF": ("a\r\nHERE\r\nb\r\n", "a\r\nb\r\n"),
    "the last line": ("a\nHERE", "a"),
    "the last line, with newline": ("a\nHERE\n", "a\n"),
    "all there is": ("HERE\n", ""),
    "of a block": ("if a:\n    b\n    HERE\n", "if a:\n    b\n"),
    "the only one of a block": ("if a:\n    HERE\n", "if a:\n    pass\n"),
    "the only one on the line of its block": ("if a: HERE\n", "if a: pass\n"),
    "first on its line": ("HERE; a\n", "a\n"),
    "middle of its line": ("a; HERE; b\n", "a; b\n"),
    "last on its line": ("a; HERE\n", "a\n"),
    "last on its line, before another": ("a; HERE\nb\n", "a\nb\n"),
    "with a comment behind": ("a\n  \nHERE  # why\nb\n", "a\n  \n# why\nb\n"),
    "with a comment above": ("# about\nHERE\nb\n", "# about\nb\n"),
    "with a comment inside": ("f(\n  HERE,  # why\n)\n", None),
    "of many lines": ("a\nHERE(\n    1,\n)\nb\n", "a\nb\n"),
    "with decorators": ("@a\n@b\ndef HERE():\n    pass\nb\n", "b\n"),
    "an elif": ("if a:\n    b\nelif HERE:\n    c\n", None),
    "the first of a shared block line": ("if a: HERE; b\n", "if a: b\n"),
}


@pytest.mark.parametrize(("before", "after"), DELETED.values(), ids=DELETED.keys())
def test_a_statement_is_deleted_with_its_line(before: str, after: str | None) -> None:
    """Only its own bytes go; comments stay."""
    module = module_of(before)
    edits = delete_statement(module, here(module))

    assert (splice(before, edits) if edits is not None else None) == after
    if after is not None:
        ast.parse(after)


BEFORE = {
    "a line": ("a\nHERE\n", "a\nn()\nm()\nHERE\n"),
    "in a block, with tabs and CRLF": (
        "if a:\r\n\tHERE\r\n",
        "if a:\r\n\tn()\r\n\tm()\r\n\tHERE\r\n",
    ),
    "above its comment": ("a\n# about\nHERE\n", "a\nn()\nm()\n# about\nHERE\n"),
    "below a comment of another block": (
        "if a:\n    b\n    # end\nHERE\n",
        "if a:\n    b\n    # end\nn()\nm()\nHERE\n",
    ),
    "above its decorators": (
        "@a\ndef HERE():\n    pass\n",
        "n()\nm()\n@a\ndef HERE():\n    pass\n",
    ),
    "no room on the line of a block": ("if a: HERE\n", None),
    "first on its line": ("HERE; b\n", "n()\nm()\nHERE; b\n"),
    "an elif": ("if a:\n    b\nelif HERE:\n    c\n", None),
}


@pytest.mark.parametrize(("before", "after"), BEFORE.values(), ids=BEFORE.keys())
def test_statements_are_inserted_before(before: str, after: str | None) -> None:
    """They get the indentation and the line ending of their place."""
    module = module_of(before)
    edits = insert_before(module, here(module), "n()\nm()")

    assert (splice(before, edits) if edits is not None else None) == after


AFTER = {
    "a line": ("HERE\nb\n", "HERE\nn()\nb\n"),
    "the end of the file": ("HERE", "HERE\nn()"),
    "CRLF": ("if a:\r\n\tHERE\r\nb\r\n", "if a:\r\n\tHERE\r\n\tn()\r\nb\r\n"),
    "a comment behind": ("HERE  # why\nb\n", "HERE  # why\nn()\nb\n"),
    "its line is shared": ("a; HERE; b\n", "a; HERE; n(); b\n"),
    "on the line of its block": ("if a: HERE\nb\n", "if a: HERE; n()\nb\n"),
    "a compound one": (
        "for HERE in a:\n    b\n    # end\n\nc\n",
        "for HERE in a:\n    b\n    # end\nn()\n\nc\n",
    ),
    "a comment of what follows": ("HERE\n# about b\nb\n", "HERE\nn()\n# about b\nb\n"),
}


@pytest.mark.parametrize(("before", "after"), AFTER.values(), ids=AFTER.keys())
def test_statements_are_inserted_after(before: str, after: str | None) -> None:
    """A compound statement keeps the comments that end its block."""
    module = module_of(before)
    edits = insert_after(module, here(module), "n()")

    assert (splice(before, edits) if edits is not None else None) == after


REPLACED = {
    "a line": ("a\nHERE  # why\n", "x = 1", "a\nx = 1  # why\n"),
    "many lines": ("if a:\n    HERE\n", "if x:\n    y()", "if a:\n    if x:\n        y()\n"),
    "a comment inside": ("f(HERE,  # why\n  1)\n", "x()", None),
    "a comment that is kept": ("f(HERE,  # why\n  1)\n", "g(1)  # why", "g(1)  # why\n"),
    "a shared line": ("a; HERE\n", "x()", "a; x()\n"),
    "no room on a shared line": ("a; HERE\n", "if x:\n    y()", None),
    "a string over lines": ("if a:\n    HERE\n", "x = '''1\n2'''", None),
}


@pytest.mark.parametrize(("before", "text", "after"), REPLACED.values(), ids=REPLACED.keys())
def test_a_statement_is_replaced(before: str, text: str, after: str | None) -> None:
    """Nothing around it changes, and its comments are in the new text or there is no edit."""
    module = module_of(before)
    edits = replace_statement(module, here(module), text)

    assert (splice(before, edits) if edits is not None else None) == after


def test_adjacent_statements_follow_each_other_in_one_block() -> None:
    """Comments and blank lines may stand between, statements and block borders may not."""
    body = (module := module_of("a\n# note\n\nb\nif c:\n    d\ne; f\n")).tree.body
    inner = body[2].body[0]  # type: ignore[attr-defined]

    assert are_adjacent(module, body[0], body[1])
    assert are_adjacent(module, body[3], body[4])
    assert not are_adjacent(module, body[1], body[0])
    assert not are_adjacent(module, body[0], body[2])
    assert not are_adjacent(module, inner, body[3])
