"""S3, S9, S13, S14: what our own code must not contain; each lint is shown to see it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import hephaestus_rules
import pytest

import hephaestus_codemods
from hephaestus_codemods.testing.pages import read_page

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE = Path(hephaestus_codemods.__file__).parent
RULES = Path(hephaestus_rules.__file__).parent
#: Modules through which a rule would reach files, processes, networks, clocks or other code.
OUT_OF_REACH = frozenset(
    "asyncio builtins code codeop ctypes fcntl ftplib glob http httpx importlib io marshal mmap "
    "multiprocessing os pathlib pickle pkgutil pty random requests resource rope runpy secrets "
    "shelve shutil signal site smtplib socket socketserver ssl subprocess sys tempfile threading "
    "time types urllib webbrowser xmlrpc yaml zipimport".split()
)
#: Of these only what computes; the rest of the module is out of reach.
HARMLESS = {"urllib.parse", "importlib.resources"}
CALLS_OUT = frozenset("open eval exec compile __import__ input breakpoint globals setattr".split())


def reaching(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what a rule must not do: import what reaches out, open, evaluate."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [one.name for one in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case ast.Call(func=ast.Name(id=name)) if name in CALLS_OUT:
                yield node.lineno, name
                continue
            case _:
                continue
        for module in modules:
            if module.partition(".")[0] in OUT_OF_REACH and module not in HARMLESS:
                yield node.lineno, module


def rope_projects(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each way to open a rope project that runs what the target brings."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rope")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if not name.startswith("rope.") and name.partition(".")[0] not in names:
            continue
        given = {one.arg: ast.unparse(one.value) for one in node.keywords}
        commands = given.get("fscommands", "")
        safe = given.get("ropefolder") == "None" and commands.endswith("FileSystemCommands()")
        if ("Project" in name and not (safe and name.endswith("Project"))) or "no_project" in name:
            yield node.lineno, name


def markup(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield consoles that obey markup, and other ways past the one that does not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {one.arg: ast.unparse(one.value) for one in node.keywords}
            if name.endswith("Console") and given.get("markup") != "False":
                yield node.lineno, name
            if name.endswith(("from_markup", "rich.print", "Markdown")):
                yield node.lineno, name
            if name == "print":
                yield node.lineno, name


Lint = "Callable[[ast.AST], Iterator[tuple[int, str]]]"


def found(lint: Lint, folder: Path, *, without: tuple[str, ...] = ()) -> list[tuple[str, int, str]]:
    """Run *lint* over all modules below *folder*."""
    hits = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if not any(part in name for part in without):
            hits += [(name, *hit) for hit in lint(ast.parse(path.read_bytes()))]
    return hits


def test_rules_reach_no_file_process_or_network() -> None:
    """S13: what is injected runs in the target and is held to S14 instead."""
    assert found(reaching, RULES, without=("inject/",)) == []


def test_rope_is_opened_without_what_the_target_brings() -> None:
    assert found(rope_projects, ENGINE) == []
    assert found(rope_projects, RULES) == []


def test_no_text_of_a_target_is_markup() -> None:
    assert found(markup, ENGINE, without=("testing/", "flows/starter")) == []


@pytest.mark.parametrize(
    ("lint", "code"),
    [
        (reaching, "import os"),
        (reaching, "import os.path"),
        (reaching, "from subprocess import run"),
        (reaching, "from pathlib import Path"),
        (reaching, "import importlib"),
        (reaching, "open('x')"),
        (reaching, "eval(text)"),
        (reaching, "import time"),
        (rope_projects, "from rope.base.project import Project\nProject(root)"),
        (rope_projects, "import rope\nrope.base.project.Project(root, ropefolder=None)"),
        (rope_projects, "from rope.base.project import NoProject\nNoProject()"),
        (markup, "Console(file=out)"),
        (markup, "Text.from_markup(text)"),
        (markup, "print(name)"),
    ],
)
def test_the_lints_see(lint: Lint, code: str) -> None:
    assert list(lint(ast.parse(code)))


@pytest.mark.parametrize(
    ("lint", "code"),
    [
        (reaching, "import ast, re\nfrom urllib.parse import quote\nx.open('y')"),
        (
            rope_projects,
            "from rope.base.project import Project\n"
            "Project(root, ropefolder=None, fscommands=FileSystemCommands())",
        ),
        (markup, "Console(file=out, markup=False)"),
    ],
)
def test_the_lints_let_pass(lint: Lint, code: str) -> None:
    assert not list(lint(ast.parse(code)))


#: Its rules "S" are a port of bandit; asserts are fine.
RUFF = (sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero")
RUFF += ("--select", "S", "--ignore", "S101", "--output-format", "json")


def weaknesses(folder: Path) -> dict[str, Counter[str]]:
    """Return what ruff's port of bandit finds in each file, by kind."""
    done = subprocess.run(
        [*RUFF, str(folder)],
        capture_output=True,
        check=True,
    )
    counts: dict[str, Counter[str]] = {}
    for one in json.loads(done.stdout):
        name = Path(one["filename"]).relative_to(folder).as_posix()
        counts.setdefault(name, Counter())[one["code"] or "syntax"] += 1
    return counts


def test_injected_code_has_no_known_weakness() -> None:
    """S14, for all that is copied into targets."""
    for folder in RULES.glob("*/inject"):
        assert weaknesses(folder) == {}, folder.parent.name


def test_no_rewrite_brings_a_weakness(tmp_path: Path) -> None:
    """S14: each case of each page before and after; a rewrite adds no finding."""
    cases = 0
    for page in sorted(RULES.glob("*/README.md")):
        for case in read_page(page).cases:
            for side, files in (("before", case.before), ("after", case.after)):
                for name, content in files.items():
                    path = tmp_path / side / page.parent.name / str(case.line) / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
            cases += 1
    before, after = weaknesses(tmp_path / "before"), weaknesses(tmp_path / "after")

    assert cases > 50
    assert {name: new for name, new in after.items() if new - before.get(name, Counter())} == {}


def test_the_check_for_weaknesses_sees(tmp_path: Path) -> None:
    (tmp_path / "weak.py").write_text(
        "import pickle\nimport subprocess\n\n\ndef f(x, db):\n    pickle.loads(x)\n"
        "    subprocess.run(x, shell=True)\n    db.execute(f'SELECT * FROM t WHERE a = {x}')\n"
    )

    assert {"S301", "S602", "S608"} <= weaknesses(tmp_path)["weak.py"].keys()
