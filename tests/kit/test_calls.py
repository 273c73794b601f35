"""Edits of calls, byte for byte."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hephaestus_codemods.engine.splice import splice
from hephaestus_codemods.kit.calls import (
    add_keywords,
    argument,
    has_unpacking,
    keyword,
    remove_argument,
    replace_argument,
)
from hephaestus_codemods.project.project import Project

NEW = {"k": "1", "m": "n()"}


def first_call(text: str) -> tuple[object, ast.Call]:
    module = Project.from_files({"m.py": text}).module_at("m.py")
    return module, next(one for one in module.calls if ast.unparse(one.func).endswith("f"))


def added(text: str, values: dict[str, str] = NEW) -> str | None:
    module, call = first_call(text)
    edits = add_keywords(module, call, values)  # type: ignore[arg-type]
    if edits is None:
        return None
    gone = "".join(text[edit.start : edit.end] for edit in edits)
    assert not gone.strip(), "adding removes nothing but spaces"
    return splice(text, edits)


ADDED = {
    "nothing given": ("f()", "f(k=1, m=n())"),
    "a space inside": ("f( )", "f(k=1, m=n() )"),
    "one argument": ("f(a)", "f(a, k=1, m=n())"),
    "a trailing comma": ("f(a,)", "f(a, k=1, m=n(),)"),
    "brackets around the argument": ("f((a))", "f((a), k=1, m=n())"),
    "a tuple": ("f((a, b))", "f((a, b), k=1, m=n())"),
    "brackets around the callee": ("(f)(a)", "(f)(a, k=1, m=n())"),
    "a keyword": ("f(a, b=2)", "f(a, b=2, k=1, m=n())"),
    "a starred": ("f(*a)", "f(*a, k=1, m=n())"),
    "keywords from a dict": ("f(a, **kw)", "f(a, k=1, m=n(), **kw)"),
    "keywords from a dict only": ("f(**kw)", "f(k=1, m=n(), **kw)"),
    "keywords from a dict in the middle": ("f(**kw, b=2)", "f(**kw, b=2, k=1, m=n())"),
    "a bare generator": ("f(x for x in y)", "f((x for x in y), k=1, m=n())"),
    "a generator in brackets": ("f((x for x in y))", "f((x for x in y), k=1, m=n())"),
    "a string of brackets": ("f('),(')", "f('),(', k=1, m=n())"),
    "a nested call": ("g(f(a), b)", "g(f(a, k=1, m=n()), b)"),
    "a call behind it": ("f(a).g(b)", "f(a, k=1, m=n()).g(b)"),
    "a lambda": ("f(lambda: (a, b))", "f(lambda: (a, b), k=1, m=n())"),
    "non-ASCII text": ("'é'; f('ü')", "'é'; f('ü', k=1, m=n())"),
    "a line that becomes too long": (
        f"if a:\n  x = f(a, b={'1' * 80})  # c",
        f"if a:\n  x = f(\n      a,\n      b={'1' * 80},\n      k=1,\n      m=n(),\n  )  # c",
    ),
    "a line that becomes too long, a dict last, a trailing comma": (
        f"f({'a' * 90}, **kw, )",
        f"f(\n    {'a' * 90},\n    k=1,\n    m=n(),\n    **kw,\n)",
    ),
    "a call inside of another one that becomes too long": (
        f"x = g({'1' * 40}, h=f(a, b={'2' * 30}))  # c",
        f"x = g(\n    {'1' * 40},\n    h=f(a, b={'2' * 30}, k=1, m=n()),\n)  # c",
    ),
    "a call inside of another one that is too long by itself": (
        f"x = g(f(a, b={'2' * 66}))",
        f"x = g(f(\n    a,\n    b={'2' * 66},\n    k=1,\n    m=n(),\n))",
    ),
    "all on a line of their own": (
        "f(\n    a, b=2\n)",
        "f(\n    a, b=2, k=1, m=n()\n)",
    ),
    "a line of their own that becomes too long": (
        f"x = f(\n    a, b={'1' * 70}\n)  # c",
        f"x = f(\n    a,\n    b={'1' * 70},\n    k=1,\n    m=n(),\n)  # c",
    ),
    "a line of their own that becomes too long, with a comment": (
        f"x = f(\n    a, b={'1' * 70}  # c\n)",
        f"x = f(\n    a, b={'1' * 70},\n    k=1,\n    m=n()  # c\n)",
    ),
    "one per line": ("f(\n    a,\n    b=2,\n)", "f(\n    a,\n    b=2,\n    k=1,\n    m=n(),\n)"),
    "one per line, CRLF and tabs": ("f(\r\n\ta,\r\n)", "f(\r\n\ta,\r\n\tk=1,\r\n\tm=n(),\r\n)"),
    "one per line, no trailing comma": (
        "f(\n    a,\n    b=2\n)",
        "f(\n    a,\n    b=2,\n    k=1,\n    m=n()\n)",
    ),
    "one per line, with comments": (
        "f(\n    a,  # the url\n    # more\n    b=2  # two\n    # end\n)",
        "f(\n    a,  # the url\n    # more\n    b=2,  # two\n    k=1,\n    m=n()\n    # end\n)",
    ),
    "one per line, a dict last": (
        "f(\n    a,\n    # the rest\n    **kw,\n)",
        "f(\n    a,\n    k=1,\n    m=n(),\n    # the rest\n    **kw,\n)",
    ),
    "hanging": ("f(a,\n  b)", "f(a,\n  b,\n  k=1,\n  m=n())"),
    "filled": ("f(\n    a, b=2\n)", "f(\n    a, b=2, k=1, m=n()\n)"),
    "filled to the brim": (
        f"f(\n    {'a' * 90}, b=2\n)",
        f"f(\n    {'a' * 90},\n    b=2,\n    k=1,\n    m=n(),\n)",
    ),
    "a comment in an empty call": ("f(  # why\n)", "f(k=1, m=n()  # why\n)"),
    "a comment behind the last": ("f(a  # why\n  )", "f(a, k=1, m=n()  # why\n  )"),
    "a bracket in a comment": ("f (  # (\n    a)", "f (  # (\n    a, k=1, m=n())"),
    "a comment before the brackets": ("(f  # (\n)(a)", "(f  # (\n)(a, k=1, m=n())"),
    "over many lines": ("f(g(\n    a,\n))", "f(g(\n    a,\n), k=1, m=n())"),
    "a form feed": ("\x0cf(a)", "\x0cf(a, k=1, m=n())"),
    "a dict in it": ("f({**a}, [*b])", "f({**a}, [*b], k=1, m=n())"),
}


@pytest.mark.parametrize(("before", "after"), ADDED.values(), ids=ADDED.keys())
def test_keywords_are_added_in_the_style_of_the_call(before: str, after: str) -> None:
    """Only insertions, and they look as if the author had written them."""
    assert added(before) == after


def test_an_unpacking_is_added_too() -> None:
    """Settings that only the running program knows come from a call."""
    assert added("f(a, **kw)", {"**": "g(a)"}) == "f(a, **g(a), **kw)"
    assert added("f(\n    a\n)", {"**": "g(a)"}) == "f(\n    a,\n    **g(a)\n)"


def test_a_keyword_that_is_there_is_not_added() -> None:
    """The setting of the author wins, and nothing to add is nothing to do."""
    assert added("f(a, k=2)") is None
    assert added("f(a)", {}) is None


REMOVED = {
    "the only one": ("f(GONE)", "f()"),
    "the only one, with comma": ("f(GONE,)", "f()"),
    "the first": ("f(GONE, b)", "f(b)"),
    "the last": ("f(b, GONE)", "f(b)"),
    "the last, with comma": ("f(b, GONE,)", "f(b,)"),
    "a keyword": ("f(b, k=GONE, c=1)", "f(b, c=1)"),
    "in brackets": ("f((GONE), b)", "f(b)"),
    "a line": ("f(\n    a,\n    k=GONE,\n    b=1,\n)", "f(\n    a,\n    b=1,\n)"),
    "the last line": ("f(\n    a,\n    k=GONE,\n)", "f(\n    a,\n)"),
    "beside a comment": ("f(\n    a,  # url\n    k=GONE,\n)", None),
    "a comment of its own": ("f(\n    k=GONE,  # why\n    a=1,\n)", None),
    "not there": ("f(a); GONE", None),
    "a generator": ("f((GONE), (x for x in y))", "f((x for x in y))"),
}


@pytest.mark.parametrize(("before", "after"), REMOVED.values(), ids=REMOVED.keys())
def test_an_argument_is_removed_with_its_comma(before: str, after: str | None) -> None:
    """No comment goes with it: then there is no edit."""
    module, call = first_call(before)
    gone = next(n for n in ast.walk(module.tree) if getattr(n, "id", "") == "GONE")  # type: ignore[attr-defined]
    edits = remove_argument(module, call, gone)  # type: ignore[arg-type]

    assert (splice(before, edits) if edits else None) == after


def test_an_argument_is_replaced_in_its_place() -> None:
    """The value alone is edited; a comment in it stops the edit."""
    text = "f(a, k=(b),  # why\n  c=[1,  # one\n  2])"
    module, call = first_call(text)
    b, c = keyword(call, "k"), keyword(call, "c")
    assert b is not None
    assert c is not None

    edits = replace_argument(module, b, "x")  # type: ignore[arg-type]
    assert edits is not None
    assert splice(text, edits) == "f(a, k=(x),  # why\n  c=[1,  # one\n  2])"
    assert replace_argument(module, c, "x") is None  # type: ignore[arg-type]


def test_arguments_are_found_by_place_or_name() -> None:
    """What follows `*args` has no known place."""
    _, call = first_call("f(a, *b, c, k=d)")

    assert ast.unparse(argument(call, 0, "x") or call) == "a"
    assert argument(call, 2) is None
    assert ast.unparse(argument(call, 9, "k") or call) == "d"
    assert has_unpacking(call)
    assert not has_unpacking(first_call("f(a)")[1])


ARGUMENTS = st.lists(
    st.sampled_from(["a", "(b)", "*c", "'s,('", "[1, (2)]", "x.y(z)", "lambda q: (q,)", "{1: 2}"]),
    max_size=4,
)
KEYWORDS = st.lists(st.sampled_from(["p=1", "q=(2)", "r='#'", "s=t(u=1)"]), max_size=3, unique=True)
SEPARATORS = st.sampled_from([", ", ",", ",\n    ", " ,  # note, (\n  ", ",\n\n\t"])
BORDERS = st.sampled_from([("", ""), ("\n    ", "\n"), (" ", " "), ("  # x)\n  ", "  # y\n")])


@settings(max_examples=300, deadline=None)
@given(ARGUMENTS, KEYWORDS, st.sampled_from([[], ["**rest"]]), SEPARATORS, BORDERS)
def test_any_call_gets_its_keywords(
    positional: list[str],
    keywords: list[str],
    unpacked: list[str],
    separator: str,
    border: tuple[str, str],
) -> None:
    """The call gets exactly the new keywords, and keeps every byte it had."""
    items = [*positional, *keywords, *unpacked]
    comma = "," * (bool(items) and border[0].isspace())
    text = f"v = f({border[0]}{separator.join(items)}{comma}{border[1]})\n"
    after = added(text)

    assert after is not None
    old, new = first_call(text)[1], first_call(after)[1]
    assert [ast.dump(one) for one in new.args] == [ast.dump(one) for one in old.args]
    mine = [one for one in new.keywords if one.arg in NEW]
    assert [ast.unparse(one) for one in mine] == ["k=1", "m=n()"]
    assert added(after) is None


def test_masked_or_odd_text_is_left_alone() -> None:
    """A call in a class body, deep in blocks, is edited where it stands."""
    text = textwrap.dedent("""\
        class A:
            if x:
                y = [f(
                    a,
                )]
    """)
    assert added(text) == text.replace("a,\n", f"a,\n{' ' * 12}k=1,\n{' ' * 12}m=n(),\n")
