import ast
import sys

import pytest

from hephaestus_codemods.project.parse import MAX_BYTES, parse
from hephaestus_codemods.project.source import UnreadableSource, decode

UNREADABLE = {
    "a print statement": ("print 'x'\n", "syntax"),
    "Python 2 that catches": ("try:\n    f()\nexcept E, e:\n    print e\n", "syntax"),
    "Python 2 that only catches": ("try:\n    f()\nexcept ValueError, e:\n    pass\n", "syntax"),
    "a template": ("import {{ name }}\n", "syntax"),
    "deep nesting": ("(" * 500 + ")" * 500, "too-deep"),
    "a long chain of operators": ("-" * 200_000 + "1", "too-deep"),
    "a large file": ("x = 1\n" * (MAX_BYTES // 6 + 1), "too-large"),
}
#: Source, and the spans that are masked where the interpreter is older than the syntax.
MASKED = {
    "except without parentheses": (
        (3, 14),
        "try:\n    f()\nexcept ValueError, os.error:\n    pass\n",
        [", os.error"],
    ),
    "a lower-case class": (
        (3, 14),
        "from x import timeout\ntry:\n    f()\nexcept OSError, timeout:\n    pass\n",
        [", timeout"],
    ),
    "template strings": ((3, 14), "x = t'{y}' + rt\"a\" + f(t)\n", ["t", "rt"]),
    "type parameters": (
        (3, 12),
        "class A[T: int]: ...\nasync def f[*Ts](x): ...\n",
        ["[T: int]", "[*Ts]"],
    ),
    "a type statement": ((3, 12), "type X[T] = list[T]\ntype = 1\n", ["type ", "[T]"]),
}
NEWER = {
    "nested quotes": ((3, 12), "x = f'{a['b']}'\n", "3.12"),
}


@pytest.mark.parametrize("title", UNREADABLE)
def test_unreadable(title: str) -> None:
    """What cannot be parsed ends with a reason, never with another exception."""
    text, code = UNREADABLE[title]

    with pytest.raises(UnreadableSource) as caught:
        parse(decode("a.py", text.encode()))
    assert caught.value.code == code


@pytest.mark.parametrize("title", MASKED)
def test_newer_syntax_is_masked(title: str) -> None:
    """Offsets stay, and the masked spans are known; a newer interpreter needs no mask."""
    since, text, spans = MASKED[title]

    parsed = parse(decode("a.py", text.encode()))

    expected = spans if sys.version_info[:2] < since else []
    assert [text[start:end] for start, end in parsed.masked] == expected
    assert isinstance(parsed.tree, ast.Module)


@pytest.mark.parametrize("title", NEWER)
def test_newer_syntax_that_cannot_be_masked(title: str) -> None:
    """The message names the Python that would read the file."""
    since, text, version = NEWER[title]
    source = decode("a.py", text.encode())

    if sys.version_info[:2] >= since:
        assert parse(source).masked == ()
        return
    with pytest.raises(UnreadableSource, match=version) as caught:
        parse(source)
    assert caught.value.code == "newer-syntax"


def test_masks_keep_multi_byte_lines_apart() -> None:
    """Positions in front of and behind a mask are those of the file."""
    text = "é = t'ü'\r\ntry:\r\n    pass\r\nexcept A, B:\r\n    x = 'ö'; y = 1\r\n"
    source = decode("a.py", text.encode())

    tree = parse(source).tree

    last = next(n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "y")
    assert source.segment(last) == "y"


def test_warnings_of_the_target_are_not_ours() -> None:
    """An invalid escape warns at compile time; that must not reach our users."""
    assert parse(decode("a.py", b"x = '\\d'\nassert (1, 2)\n")).masked == ()
