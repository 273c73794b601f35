"""Patches that git and patch take, forwards and back, on every oddity of bytes and names."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hephaestus_codemods.patch.diff import Delta, emit
from hephaestus_codemods.patch.model import ByteEdit, FileChange, Step
from hephaestus_codemods.patch.stacked import stacked

if TYPE_CHECKING:
    from pathlib import Path

LINES = b"".join(b"line %d\n" % n for n in range(400))
#: Change every seventh line: 58 hunks.
HUNKS = b"".join(b"line %d%s\n" % (n, b" new" * (n % 7 == 3)) for n in range(400))
PARTS = b"a\nb\nc\nd\ne\nf\ng\nh\ni\n"

CASES = {
    "LF": Delta("f.py", PARTS, PARTS.replace(b"e", b"E")),
    "CRLF": Delta("f.py", b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n"),
    "mixed newlines": Delta("f.py", b"a\nb\r\nc\n", b"a\nB\r\nc\n"),
    "CRLF becomes LF": Delta("f.py", b"a\r\nb\r\n", b"a\nb\r\n"),
    "a lone CR": Delta("f.py", b"a\rb\nc\n", b"a\rB\nc\n"),
    "CR only": Delta("f.py", b"a\rb\rc\r", b"a\rB\rc\r"),
    "no final newline": Delta("f.py", b"a\nb", b"a\nc"),
    "a final newline comes": Delta("f.py", b"a\nb", b"a\nb\n"),
    "a final newline goes": Delta("f.py", b"a\nb\n", b"a\nb"),
    "a BOM": Delta("f.py", b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbfA\nb\n"),
    "latin-1": Delta("f.py", b"# \xe9\na\n", b"# \xe9\xe8\na\n"),
    "shift_jis": Delta(
        "f.py", "表 = 1\na\n".encode("shift_jis"), "表 = 2\na\n".encode("shift_jis")
    ),
    "a form feed": Delta("f.py", b"a\n\x0c\nb\x0cc\n", b"a\n\x0c\nb\x0cd\n"),
    "NEL and U+2028": Delta("f.py", "a\x85b\u2028c\nd\n".encode(), "a\x85b\u2028C\nd\n".encode()),
    "a new file": Delta("new/f.py", None, b"a\nb\n"),
    "a new file without a final newline": Delta("f.py", None, b"a"),
    "a new empty file": Delta("f.py", None, b""),
    "a new executable file": Delta("f.py", None, b"a\n", 0o755),
    "a deleted file": Delta("f.py", b"a\nb\n", None),
    "a deleted empty file": Delta("f.py", b"", None),
    "to empty": Delta("f.py", b"a\nb\n", b""),
    "from empty": Delta("f.py", b"", b"a\nb\n"),
    "an edited executable file": Delta("f.py", b"a\nb\n", b"a\nc\n", 0o755),
    "a mode alone": Delta("f.py", b"a\n", b"a\n", 0o755, old_mode=0o644),
    "a mode and an edit": Delta("f.py", b"a\n", b"b\n", 0o755, old_mode=0o644),
    "a rename": Delta("g.py", PARTS, PARTS, old_path="f.py"),
    "a rename with an edit": Delta("g.py", PARTS, PARTS.replace(b"e", b"E"), old_path="f.py"),
    "a name with spaces": Delta("a b/c d.py", b"a\n", b"b\n"),
    "a name with a tab": Delta("a\tb.py", b"a\n", b"b\n"),
    "a name with quotes and backslashes": Delta('a"b\\c.py', b"a\n", b"b\n"),
    "a name with other letters": Delta("ä/日本.py", b"a\n", b"b\n"),
    "lines like headers": Delta(
        "f.py", b"-- a\n++ b\n@@ -1 +1 @@\nx\n", b"-- a\n++ c\n@@ -1 +1 @@\ny\n"
    ),
    "trailing white space": Delta("f.py", b"a  \n\t\nb \t\n", b"a  \n\t\nc \t\n"),
    "equal lines": Delta("f.py", b"\n" * 50 + b"x\n" + b"\n" * 50, b"\n" * 49 + b"x\n" * 3),
    "a null byte": Delta("f.py", b"a\0b\nc\n", b"a\0B\nc\n"),
    "58 hunks": Delta("f.py", LINES, HUNKS),
}
TOOLS = {
    "git": (["git", "apply", "--whitespace=nowarn"], ["git", "apply", "--whitespace=nowarn", "-R"]),
    "patch": (["patch", "-p1", "-s"], ["patch", "-p1", "-s", "-R"]),
    "patch --binary": (
        ["patch", "-p1", "-s", "--binary"],
        ["patch", "-p1", "-s", "--binary", "-R"],
    ),
}
Tree = dict[str, tuple[bytes, bool]]


def put(root: Path, path: str, content: bytes | None, mode: int) -> None:
    if content is None:
        return
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    (root / path).chmod(mode)


def tree(root: Path) -> Tree:
    files = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {
        str(path.relative_to(root)): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in files
    }


def expected(delta: Delta, *, after: bool) -> Tree:
    if after:
        sides = delta.path, delta.after, delta.mode
    else:
        sides = delta.old_path or delta.path, delta.before, delta.old_mode or delta.mode
    path, content, mode = sides
    return {} if content is None else {path: (content, bool(mode & 0o100))}


def run(command: list[str], root: Path, patch: bytes) -> None:
    done = subprocess.run(command, cwd=root, input=patch, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr, patch)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("case", CASES)
def test_a_patch_goes_on_and_off_byte_for_byte(case: str, tool: str, disk: Path) -> None:
    delta, (forward, back) = CASES[case], TOOLS[tool]
    patch = emit([delta])
    subprocess.run(["git", "init", "-q", str(disk)], check=True)
    put(disk, delta.old_path or delta.path, delta.before, delta.old_mode or delta.mode)
    assert tree(disk) == expected(delta, after=False)

    run(forward, disk, patch)
    assert tree(disk) == expected(delta, after=True)

    run(back, disk, patch)
    assert tree(disk) == expected(delta, after=False)


def test_nothing_changed_is_an_empty_patch() -> None:
    assert emit([Delta("f.py", b"a\n", b"a\n")]) == b""


def test_a_name_that_is_no_utf8_is_quoted() -> None:
    patch = emit([Delta("caf\udce9.py", b"a\n", b"b\n")])
    assert b'"a/caf\\351.py"' in patch


def test_many_equal_lines_cost_no_square_of_their_number() -> None:
    old = b"\n" * 40_000 + b"x\n" + b"\n" * 40_000
    patch = emit([Delta("f.py", b"a\n" + old + b"b\n", b"A\n" + old + b"B\n")])
    assert patch.count(b"@@ -") == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"b\r", b"", b"\x0c", b"\xff", b"--- a"]), max_size=30),
    st.lists(st.sampled_from([b"a", b"b\r", b"", b"\x0c", b"\xff", b"+++ b"]), max_size=30),
    st.booleans(),
)
def test_git_takes_a_patch_between_any_two_files(
    tmp_path_factory: pytest.TempPathFactory, old: list[bytes], new: list[bytes], ended: bool
) -> None:
    before, after = b"\n".join(old), b"\n".join(new) + b"\n" * ended
    root = tmp_path_factory.mktemp("any")
    put(root, "f", before, 0o644)
    patch = emit([Delta("f", before, after)])
    if patch:
        run(TOOLS["git"][0], root, patch)
    assert (root / "f").read_bytes() == after


def test_patches_of_rules_are_stacked(disk: Path) -> None:
    """Each rule's patch goes on what the one before left; two rounds may give two patches."""
    one = FileChange(
        "one.py",
        b"a\nb\n",
        b"A1\nb\nc\n",
        steps=(
            Step("x", (ByteEdit(0, 1, b"A", ("s-1",)),)),
            Step("y", (ByteEdit(4, 4, b"c\n", ("s-2",)),)),
            Step("x", (ByteEdit(1, 1, b"1", ("s-3",)),)),
        ),
    )
    two = FileChange(
        "two.py", b"a\n", b"B\n", steps=(Step("y", (ByteEdit(0, 1, b"B", ("s-4",)),)),)
    )
    new = FileChange("new.py", None, b"new\n", owners=("s-2",))
    rules = {"s-1": "x", "s-2": "y", "s-3": "x", "s-4": "y"}
    for change in (one, two):
        put(disk, change.path, change.before, 0o644)

    patches = stacked([one, two, new], rules)

    assert [name for name, _ in patches] == ["01-x.patch", "02-y.patch", "03-x.patch"]
    for _, patch in patches:
        run(TOOLS["git"][0], disk, patch)
    assert {path: content for path, (content, _) in tree(disk).items() if "home" not in path} == {
        "one.py": b"A1\nb\nc\n",
        "two.py": b"B\n",
        "new.py": b"new\n",
    }
    for _, patch in reversed(patches):
        run(TOOLS["patch"][1], disk, patch)
    assert (disk / "one.py").read_bytes() == b"a\nb\n"
    assert not (disk / "new.py").exists()
