"""Expressions that move: parentheses where they are needed, comments never lost."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hephaestus_codemods.engine.splice import splice
from hephaestus_codemods.kit.expressions import (
    Where,
    comments_in,
    is_pure,
    same_expression,
    text_of,
    wrap,
)
from hephaestus_codemods.project.project import Project

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


def module_of(text: str) -> Module:
    files = {"app/__init__.py": "", "app/m.py": text, "app/settings.py": "URL = 'x'\n"}
    return Project.from_files(files).module_at("app/m.py")


def value_of(module: Module) -> ast.expr:
    """Return the value of the last statement: `v = …` or `f(…)` (its first argument)."""
    last = module.tree.body[-1]
    assert isinstance(last, ast.Assign | ast.Expr)
    value = last.value
    if isinstance(last, ast.Expr):
        assert isinstance(value, ast.Call)
        return value.args[0]
    return value


ARG, VAL, OPR = Where.ARGUMENT, Where.VALUE, Where.OPERAND
TEXTS = [
    ("v = a", OPR, "a"),
    ("v = a + b", ARG, "a + b"),
    ("v = a + b", VAL, "a + b"),
    ("v = a + b", OPR, "(a + b)"),
    ("v = (a +\n  b)", ARG, "a +\n  b"),
    ("v = (a +\n  b)", VAL, "(a +\n  b)"),
    ("v = (a\n  .b)", VAL, "(a\n  .b)"),
    ("v = (a\n  .b)", ARG, "a\n  .b"),
    ("v = a(\n  b)", VAL, "a(\n  b)"),
    ("v = a(\n  b)", OPR, "a(\n  b)"),
    ("v = a, b", ARG, "(a, b)"),
    ("v = a, b", VAL, "(a, b)"),
    ("v = (a, b)", ARG, "(a, b)"),
    ("v = (a), (b)", ARG, "((a), (b))"),
    ("v = ()", OPR, "()"),
    ("v = 1", OPR, "(1)"),
    ("v = 1.5", VAL, "1.5"),
    ("v = True", OPR, "True"),
    ("v = 'a' 'b'", OPR, "'a' 'b'"),
    ("v = ('a'\n 'b')", VAL, "('a'\n 'b')"),
    ("v = lambda: a", ARG, "lambda: a"),
    ("v = lambda: a", OPR, "(lambda: a)"),
    ("v = a if b else c", OPR, "(a if b else c)"),
    ("f(a := b)", ARG, "(a := b)"),
    ("v = [a for a in b]", OPR, "[a for a in b]"),
    ("v = -1", OPR, "(-1)"),
    ("v = f'{a}'", OPR, "f'{a}'"),
    ("f(x for x in y)", ARG, "(x for x in y)"),
    ('v = """a\nb"""', VAL, '"""a\nb"""'),
]


@pytest.mark.parametrize(("text", "where", "expected"), TEXTS)
def test_text_gets_the_brackets_it_needs(text: str, where: Where, expected: str) -> None:
    """No more and no less than the place asks for."""
    module = module_of(text)

    assert text_of(module, value_of(module), where) == expected


WRAPPED = [
    ("v = a + b", ARG, "v = w(a + b)"),
    ("v = (a + b)", ARG, "v = (w(a + b))"),
    ("f(x for x in y)", ARG, "f(w((x for x in y)))"),
    ("f((x for x in y), 1)", ARG, "f(w((x for x in y)), 1)"),
    ("v = a, b", ARG, "v = w((a, b))"),
    ("v = 'é' + b", ARG, "v = w('é' + b)"),
]


@pytest.mark.parametrize(("text", "where", "expected"), WRAPPED)
def test_an_expression_is_wrapped_in_its_place(text: str, where: Where, expected: str) -> None:
    """Two insertions, and the expression's own bytes stay."""
    module = module_of(text)

    assert splice(text, wrap(module, value_of(module), "w(", ")", where)) == expected


PIECES = st.recursive(
    st.sampled_from(["a", "1", "'s'", "(b)", "x.y", "f(\n 1)", "[2,\n 3]", "(\n c)"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "and", "if q else", "<", ","]), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        ),
        inner.map(lambda p: f"(lambda: {p})"),
        inner.map(lambda p: f"(not {p})"),
        inner.map(lambda p: f"({p}\n  + 1)"),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(PIECES, st.sampled_from(Where))
def test_any_text_means_the_same_elsewhere(piece: str, where: Where) -> None:
    """The text, put at the place it was made for, is the same expression there."""
    module = module_of(f"v = {piece}\n")
    node = value_of(module)
    text = text_of(module, node, where)
    frame = {ARG: "v = g(0, {}, 1)", VAL: "v = {}", OPR: "v = {}.attr * 2"}[where]
    moved = ast.parse(frame.format(text)).body[0].value  # type: ignore[attr-defined]
    found = {ARG: lambda: moved.args[1], VAL: lambda: moved, OPR: lambda: moved.left.value}[where]()

    assert same_expression(found, node)


PURE = [
    ("v = a", True),
    ("v = 1", True),
    ("v = -1", True),
    ("v = (a, 1)", True),
    ("v = user.id", False),
    ("v = a[0]", False),
    ("v = a()", False),
    ("v = a + 1", False),
    ("v = not a", False),
    ("v = [a]", False),
    ("from app import settings\nv = settings.URL", True),
    ("import os\nv = os.path.sep", True),
]


@pytest.mark.parametrize(("text", "expected"), PURE)
def test_purity_is_judged_conservatively(text: str, expected: bool) -> None:
    """Only what surely runs no code of others may be evaluated twice."""
    module = module_of(text)

    assert is_pure(module, value_of(module)) is expected


def test_comments_are_seen_and_strings_are_not() -> None:
    """A rule must know what its edit would delete; a `#` in a string is no comment."""
    text = "v = f('#1',  # one\n  b)  # two\n"
    module = module_of(text)

    assert comments_in(module, *module.source.span(value_of(module))) == ("# one",)
    assert comments_in(module, 0, len(text)) == ("# one", "# two")
    assert comments_in(module, 0, 6) == ()
    assert comments_in(module, 4, text.index("b")), "an unbalanced span is judged by its looks"


def test_layout_does_not_matter_for_sameness() -> None:
    """Spaces, quotes and line ends are no difference; a name is."""
    one, other, third = (
        ast.parse(t, mode="eval") for t in ("f( 'a',b )", 'f("a",\n b)', "f(a, b)")
    )

    assert same_expression(one, other)
    assert not same_expression(one, third)
