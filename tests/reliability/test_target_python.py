"""I2: new code is Python for the oldest version that the target supports, not only for ours."""

from __future__ import annotations

import ast
import sys

import pytest

from hephaestus_codemods.rule import Refusal
from tests.engine.toys import replaces, run

#: What an edit could bring in, and the minor version of Python 3 that brought it. Decorators that
#: are any expression (3.9) are missing: CPython's parser takes them for every version.
SYNTAX = {
    "an annotation": ("y: int = 1", 6),
    "a number with underscores": ("1_000", 6),
    "a format string": ("f'{x}'", 6),
    "an assignment in an expression": ("(y := 1)", 8),
    "arguments only by position": ("lambda a, /: a", 8),
    "with in parentheses": ("with (\n    f() as a,\n    f() as b,\n):\n    pass", 9),
    "match": ("match x:\n    case 1:\n        pass", 10),
    "except*": ("try:\n    pass\nexcept* E:\n    pass", 11),
}
#: The parser knows the difference from here on; nothing older is in use.
OLDEST_KNOWN = 7


def edited(text: str, manifest: str) -> bytes | Refusal | None:
    others = {"pyproject.toml": manifest}
    result = run("x = 1\nold\n", replaces("newer", "old", text), others=others)
    return result.after or result.sites[0].refusal


@pytest.mark.parametrize("floor", range(OLDEST_KNOWN, sys.version_info[1] + 2))
@pytest.mark.parametrize("name", SYNTAX)
def test_an_edit_is_refused_where_the_target_could_not_read_it(name: str, floor: int) -> None:
    text, minor = SYNTAX[name]

    after = edited(text, f'[project]\nname = "x"\nrequires-python = ">=3.{floor}"\n')

    if floor < minor:
        assert isinstance(after, Refusal)
        assert after.code == "gate"
        assert "not valid Python for the target" in after.message
    else:
        assert after == f"x = 1\n{text}\n".encode()


@pytest.mark.parametrize("name", SYNTAX)
def test_without_a_floor_ours_decides(name: str) -> None:
    text, _ = SYNTAX[name]

    assert edited(text, "") == f"x = 1\n{text}\n".encode()
    assert ast.parse(text)
