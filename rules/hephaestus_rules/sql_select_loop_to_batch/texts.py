"""SELECTs that are written as text and sent for each item: seen, and left alone."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.loops import loop_around
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.queries import SESSIONS
from hephaestus_codemods.project.variables import only_binding
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

CONNECTIONS: Final = frozenset({kinds.CONNECTION, kinds.ASYNC_CONNECTION})
#: What the classes of drivers begin with.
DRIVERS: Final = ("sqlite3.", "aiosqlite.", "psycopg", "asyncpg.", "pymysql.", "MySQLdb.", "mysql.")
SENDING: Final = frozenset(
    {"execute", "scalar", "scalars", "exec_driver_sql", "fetch", "fetchrow", "fetchval"}
)
READS: Final = ("select", "with")


def texts_in_loops(module: Module) -> Iterator[tuple[ast.Call, Refusal]]:
    """Yield the calls that send a SELECT written as text for each item, each with its reason."""
    for call in module.calls:
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in SENDING:
            continue
        loop = loop_around(module, call) if len(call.args) > 1 or call.keywords else None
        if loop is None:
            continue
        given = [*call.args[1:], *(one.value for one in call.keywords)]
        if not any(loop.varies(one) for one in given):
            continue
        why = _why(module, call, module.kind(call.func.value) or "")
        if why is not None:
            yield call, why


def _why(module: Module, call: ast.Call, receiver: str) -> Refusal | None:
    text = _text_of(module, call.args[0]) if call.args else None
    if text is None or not text.lstrip("( \r\n\t").lower().startswith(READS):
        return None
    if receiver in SESSIONS | CONNECTIONS:
        message = "the statement is text: of which types its columns and keys are is not known"
        return Refusal("text-statement", message)
    if receiver.startswith(DRIVERS):
        library = receiver.partition(".")[0]
        message = f"{library} is asked directly: of which types columns and keys are is not known"
        return Refusal("raw-driver", message)
    return None


def _text_of(module: Module, node: ast.expr) -> str | None:
    """Return the text of a statement, if it is a constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call) and module.qualified_name(node.func) == "sqlalchemy.text":
        return _text_of(module, node.args[0]) if len(node.args) == 1 else None
    if isinstance(node, ast.Name):
        binding = only_binding(module, node)
        held = binding.node if binding is not None else None
        return _text_of(module, held.value) if isinstance(held, ast.Assign) else None
    return None
