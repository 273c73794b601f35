"""Reads projects written as text: ``reveal(x)  # kind`` and ``named(x)  # qualified name``."""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING

from hephaestus_codemods.project.project import Project

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

FILE = re.compile(r"^# ([\w./-]+\.\w+)$", re.MULTILINE)


def project_of(text: str) -> Project:
    """Return the project whose files *text* holds, each after a line ``# path``."""
    parts = FILE.split(textwrap.dedent(text))
    return Project.from_files(dict(zip(parts[1::2], parts[2::2], strict=True)))


def revealed(project: Project) -> list[tuple[str, str | None, str | None]]:
    """Return, for each mark in the project, where it is, what is expected and what was found."""
    found = []
    for path in project.files:
        if path.endswith(".py"):
            module = project.module_at(path)
            found += [_answer(module, call) for call in module.calls if _is_mark(call)]
    return found


def _is_mark(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in ("reveal", "named")


def _answer(module: Module, call: ast.Call) -> tuple[str, str | None, str | None]:
    line = module.source.text.splitlines()[call.lineno - 1]
    expected = line.partition("#")[2].strip()
    assert isinstance(call.func, ast.Name)
    ask = module.kind if call.func.id == "reveal" else module.qualified_name
    return (
        f"{module.path}: {line.strip()}",
        None if expected == "None" else expected,
        ask(call.args[0]),
    )
