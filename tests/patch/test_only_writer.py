"""Nothing but fsops changes a disk: our own code is read to see it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import hephaestus_codemods
from hephaestus_codemods.patch import fsops

PACKAGE = Path(hephaestus_codemods.__file__).parent
#: Who may write without fsops, and what. None of it is a target.
ALLOWED = {
    "patch/fsops.py": "it is the one",
    "git.py": "the private folder of a 3-way merge",
    "cli/output.py": "the null device, for what nobody reads any more",
    "cli/show.py": "a report, to the file that the user names",
    "cli/main.py": "the crash file, in the user's temporary folder",
    "testing/": "tests write the targets they make",
}
OS_WRITES = {
    "chflags",
    "chmod",
    "chown",
    "copy_file_range",
    "fchmod",
    "fchown",
    "fdopen",
    "ftruncate",
    "lchown",
    "link",
    "makedirs",
    "mkdir",
    "mkfifo",
    "mknod",
    "open",
    "pwrite",
    "remove",
    "removedirs",
    "removexattr",
    "rename",
    "renames",
    "replace",
    "rmdir",
    "sendfile",
    "setxattr",
    "splice",
    "symlink",
    "truncate",
    "unlink",
    "utime",
    "write",
}
METHODS = {
    "chmod",
    "hardlink_to",
    "lchmod",
    "mkdir",
    "rename",
    "rmdir",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
READING = {"r", "rb", "rt"}
#: Flags of os.open; those with an underscore are constants of fsops that hold O_RDONLY.
READING_FLAGS = ("O_RDONLY", "_KNOWN_FILE", "_FOLDER")


def writes(tree: ast.AST) -> list[tuple[int, str]]:
    """List calls that could change a disk, with their lines."""
    return [
        (node.lineno, ast.unparse(node.func))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and is_write(node)
    ]


def is_write(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="open"):
            return not opens_to_read(call, 1)
        case ast.Attribute(value=ast.Name(id="io" | "codecs"), attr="open"):
            return not opens_to_read(call, 1)
        case ast.Attribute(value=ast.Name(id="os"), attr="open"):
            return not any(flag in ast.unparse(call) for flag in READING_FLAGS)
        case ast.Attribute(value=ast.Name(id="os"), attr="fdopen"):
            return not opens_to_read(call, 1)
        case ast.Attribute(value=ast.Name(id="os"), attr=name):
            return name in OS_WRITES
        case ast.Attribute(value=ast.Name(id="shutil"), attr=name):
            return name not in {"which", "get_terminal_size", "disk_usage"}
        case ast.Attribute(value=ast.Name(id="tempfile")):
            return True
        case ast.Attribute(value=ast.Name(id="fsops" | "Folder")):
            return False
        case ast.Attribute(attr="open"):
            return not opens_to_read(call, 0)
        case ast.Attribute(attr=name):
            return name in METHODS
    return False


def opens_to_read(call: ast.Call, position: int) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    given += call.args[position : position + 1]
    modes = [node.value for node in given if isinstance(node, ast.Constant)]
    return len(modes) == len(given) and set(modes) <= READING


def test_no_module_but_fsops_writes() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(tuple(ALLOWED)):
            found += [(name, *place) for place in writes(ast.parse(path.read_bytes()))]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "open(p, 'w')",
        "open(p, mode='r+')",
        "open(p, m)",
        "io.open(p, 'ab')",
        "p.open('w')",
        "p.write_text(t)",
        "p.write_bytes(b)",
        "p.unlink()",
        "os.rename(a, b)",
        "os.replace(a, b)",
        "os.open(p, os.O_WRONLY | os.O_CREAT)",
        "os.open(p, flags)",
        "os.fdopen(n, 'wb')",
        "shutil.copy(a, b)",
        "shutil.rmtree(a)",
        "tempfile.mkdtemp()",
        "Path(p).touch()",
    ],
)
def test_the_lint_sees_a_write(code: str) -> None:
    assert writes(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "open(p)",
        "open(p, 'rb')",
        "p.open()",
        "p.read_bytes()",
        "os.open(p, os.O_RDONLY | os.O_NOFOLLOW)",
        "os.fdopen(n, 'rb')",
        "shutil.which('git')",
        "fsops.unlink(folder, name)",
        "'a'.replace('b', 'c')",
    ],
)
def test_the_lint_lets_reading_pass(code: str) -> None:
    assert not writes(ast.parse(code))


def test_fsops_announces_every_change() -> None:
    """Each function of fsops that calls the system to write tells the watcher first."""
    tree = ast.parse(Path(fsops.__file__).read_bytes())
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        calls = [line for line, name in writes(function) if name.startswith("os.")]
        told = [
            node.lineno
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "_tell"
        ]
        assert len(told) >= bool(calls), function.name
        assert not calls or min(told) < min(calls), function.name
