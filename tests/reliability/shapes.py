"""Code that is as deep or as long as asked: what ends parsers (each of these ended one)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _around(start: str, middle: str, end: str) -> Callable[[int], str]:
    return lambda size: f"x = {start * size}{middle}{end * size}\n"


def _after(first: str, more: str) -> Callable[[int], str]:
    return lambda size: f"x = {first}{more * size}\n"


def _nested(head: str) -> Callable[[int], str]:
    def text(size: int) -> str:
        lines = [f"{' ' * level}{head}" for level in range(min(size, 1_000))]
        return "\n".join((*lines, f"{' ' * len(lines)}pass", ""))

    return text


def _f_strings(size: int) -> str:
    return 'x = f"' + "{f'" * (size // 2) + "1" + "'}" * (size // 2) + '"\n'


SHAPES: Final[Mapping[str, Callable[[int], str]]] = {
    "parentheses": _around("(", "1", ")"),
    "lists": _around("[", "1", "]"),
    "nested calls": _around("f(", "1", ")"),
    "dictionaries": _around("{1:", "1", "}"),
    "nested f-strings": _f_strings,
    "a call chain": _after("a", ".b()"),
    "subscripts": _after("a", "[0]"),
    "attributes": _after("a", ".b"),
    "or": _after("a", " or a"),
    "a sum": _after("1", "+1"),
    "a sum over lines": _after("1", " \\\n+1"),
    "strings side by side": _after("'a'", " 'a'"),
    "powers": _after("a", "**a"),
    "minus": _around("-", "1", ""),
    "not": _around("not ", "1", ""),
    "lambda": _around("lambda: ", "1", ""),
    "conditions": _around("a if b else ", "1", ""),
    "comparisons": _after("a", " < a"),
    "a long list": lambda size: f"x = [{'1, ' * size}]\n",
    "elif": lambda size: "if a:\n    pass\n" + "elif a:\n    pass\n" * size,
    "nested if": _nested("if a:"),
    "nested def": _nested("def f():"),
    "nested for": _nested("for a in b:"),
    "statements": lambda size: "x = 1\n" * size,
    "assignments": lambda size: f"{'x = ' * size}1\n",
    "semicolons": lambda size: f"{'x = 1;' * size}\n",
    "decorators": lambda size: f"{'@f' + chr(10)}" * size + "def g():\n    return 1\n",
    "imports": lambda size: f"from a import ({', '.join(f'n{n}' for n in range(size))})\nx = 1\n",
    "comments": lambda size: "# a\n" * size + "x = 1\n",
    "blank lines": lambda size: "\n" * size + "x = 1\n",
    "arguments": lambda size: f"x = f({', '.join(f'n{n}' for n in range(size))})\n",
    "patterns": lambda size: f"match a:\n    case {' | '.join(['1'] * size)}:\n        x = 1\n",
    "annotations": lambda size: f"x: {'a[' * size}a{']' * size} = 1\n",
    "star": _around("*", "1", ""),
}
