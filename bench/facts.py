"""How much is known of the tree that is timed: receivers of database calls, queries, SQL texts.

What counts as a database call is told by names here, so that what the facts do not know counts
too: methods that ask or write, on something called like a session, a connection or a cursor.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING

import sqlglot
from rich.table import Table

from hephaestus_codemods.flows.files import DiskFiles, all_paths
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.queries import query_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hephaestus_codemods.project.module import Module

CALLS = frozenset(
    """execute scalars scalar exec query add add_all delete merge flush commit rollback refresh
    get fetchone fetchall fetchrow fetch fetchval executemany""".split()
)
RECEIVER = re.compile(r"(?:^|[._])(?:session|sess|db|conn|connection|cursor|cur)$", re.IGNORECASE)
SQL = re.compile(r"\s*(?:select|insert|update|delete|with)\b.*\s", re.IGNORECASE | re.DOTALL)
PLACEHOLDER = re.compile(r"(?<![:\w]):(\w+)|%\((\w+)\)s|%s|\$\d+|\?")


def facts_table(folder: Path) -> Table:
    """Return what is known of the Python files below *folder*, tests aside."""
    sys.setrecursionlimit(20_000)
    project = Project(DiskFiles(folder, all_paths(folder)))
    found: Counter[str] = Counter()
    for module in project.modules_with(b"session", b"Session", b"cursor", b"conn", b"text("):
        _count(module, found)
    table = Table("known of the tree", "of", "known", "share")
    for what in ("receivers of database calls", "queries: what they read", "SQL texts that parse"):
        whole, known = found[what], found[f"{what}, known"]
        share = f"{known / whole:.0%}" if whole else "-"
        table.add_row(what, str(whole), str(known), share)
    return table


def _count(module: Module, found: Counter[str]) -> None:
    for node in module.nodes:
        if isinstance(node, ast.Call) and _is_database_call(node):
            assert isinstance(node.func, ast.Attribute)
            found["receivers of database calls"] += 1
            kind = module.kind(node.func.value)
            found["receivers of database calls, known"] += kind is not None
        query = query_of(module, node) if isinstance(node, ast.Call | ast.Await) else None
        if query is not None:
            found["queries: what they read"] += 1
            found["queries: what they read, known"] += query.selected is not None
    for text in _texts(module):
        found["SQL texts that parse"] += 1
        found["SQL texts that parse, known"] += _parses(text)


def _is_database_call(node: ast.Call) -> bool:
    func = node.func
    if not isinstance(func, ast.Attribute) or func.attr not in CALLS:
        return False
    return RECEIVER.search(ast.unparse(func.value)) is not None


def _texts(module: Module) -> Iterator[str]:
    """Yield the constant texts that are given to a call and begin like SQL."""
    for call in module.calls:
        for given in call.args:
            is_text = isinstance(given, ast.Constant) and isinstance(given.value, str)
            if is_text and SQL.match(given.value):  # type: ignore[attr-defined,union-attr]  # a constant
                yield str(given.value)  # type: ignore[attr-defined]  # a constant


def _parses(text: str) -> bool:
    normal = PLACEHOLDER.sub(":p", text)
    for dialect in ("postgres", "sqlite", "mysql"):
        try:
            sqlglot.parse(normal, dialect=dialect)
        except sqlglot.errors.SqlglotError:
            continue
        return True
    return False
