"""Which calls talk to the database, by the kind of what is called, and to which tables.

This is the one place where effects look at statements. A better reader of statements replaces
:func:`touches` and nothing else.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.effects.model import EffectKind
from hephaestus_codemods.project.infer import name_of, value
from hephaestus_codemods.project.values import Class, Instance, Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

Touch = tuple[EffectKind, str]
UNKNOWN_TABLE: Final = "?"
BOTH: Final = (EffectKind.READS, EffectKind.WRITES)

SESSIONS: Final = kinds.SESSIONS | kinds.ASYNC_SESSIONS
CONNECTIONS: Final = frozenset({kinds.CONNECTION, kinds.ASYNC_CONNECTION, kinds.ENGINE})
QUERIES: Final = frozenset({kinds.QUERY, "flask_sqlalchemy.Query", "flask_sqlalchemy.BaseQuery"})
SENDING: Final = frozenset(
    "execute exec scalar scalars stream stream_scalars exec_driver_sql executemany executescript "
    "fetch fetchrow fetchval execute_many copy".split()
)
FETCHING: Final = frozenset(
    "all first one one_or_none scalar scalar_one count get get_or_404 first_or_404 one_or_404 "
    "paginate __iter__".split()
)
MARKING: Final = {
    "add": EffectKind.WRITES,
    "add_all": EffectKind.WRITES,
    "delete": EffectKind.WRITES,
    "merge": EffectKind.WRITES,
    "bulk_save_objects": EffectKind.WRITES,
    "bulk_insert_mappings": EffectKind.WRITES,
    "bulk_update_mappings": EffectKind.WRITES,
    "get": EffectKind.READS,
    "get_one": EffectKind.READS,
    "refresh": EffectKind.READS,
}
ENDING: Final = {
    "commit": EffectKind.COMMITS,
    "flush": EffectKind.FLUSHES,
    "rollback": EffectKind.ROLLS_BACK,
}
DRIVERS: Final = (
    "sqlite3.",
    "psycopg2.",
    "psycopg.",
    "psycopg_pool.",
    "pymysql.",
    "MySQLdb.",
    "mysql.connector.",
    "aiosqlite.",
    "asyncpg.",
)
WRITERS: Final = {
    "sqlalchemy.insert": EffectKind.WRITES,
    "sqlalchemy.update": EffectKind.WRITES,
    "sqlalchemy.delete": EffectKind.WRITES,
    "sqlalchemy.dialects.postgresql.insert": EffectKind.WRITES,
    "sqlalchemy.dialects.sqlite.insert": EffectKind.WRITES,
    "sqlalchemy.dialects.mysql.insert": EffectKind.WRITES,
}
SELECTS: Final = frozenset(
    {kinds.SELECT, *(k for k in kinds.BASES if kinds.BASES[k] == kinds.SELECT)}
)
WORDS: Final = re.compile(
    r"^\s*(?:--[^\n]*\n\s*)*(select|with|values|show|explain|insert|update|delete|merge|replace)\b"
    r"(?:\s+into|\s+from)?(?:[^;]*?\bfrom)?\s*\"?([A-Za-z_][\w.]*)?",
    re.IGNORECASE,
)
#: Relationships of these kinds load nothing when the attribute is read.
NOT_LAZY: Final = frozenset(
    {"joined", "selectin", "subquery", "immediate", "noload", "raise", "dynamic", "write_only"}
)
RELATIONSHIP: Final = re.compile(
    rb"^[ \t]+(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:\w+\.)*[rR]elationship\(", re.MULTILINE
)


def touches(module: Module, call: ast.Call, name: str) -> tuple[Touch, ...] | None:
    """Return what *call* of the library method *name* does to the database.

    None when it has nothing to do with one.
    """
    owner, _, method = name.rpartition(".")
    if owner in SESSIONS:
        return _of_session(module, call, method)
    if owner in CONNECTIONS:
        return _of_connection(module, call, method)
    if owner in (kinds.SESSIONMAKER, kinds.ASYNC_SESSIONMAKER):
        return ((EffectKind.COMMITS, "transaction"),) if method == "begin" else ()
    if owner == kinds.ASYNC_ENGINE:
        return _of_connection(module, call, method)
    if owner in QUERIES:
        return _of_query(module, call, method)
    if name.startswith(DRIVERS):
        return _of_driver(call, name, method)
    return None


def _of_session(module: Module, call: ast.Call, method: str) -> tuple[Touch, ...]:
    if method in ENDING:
        return ((ENDING[method], "transaction"),)
    if method in MARKING:
        table = _table_of(module, call.args[0]) if call.args else None
        return ((MARKING[method], table or UNKNOWN_TABLE),)
    if method in SENDING:
        return _of_statement(module, call.args[0] if call.args else None)
    if method in ("begin", "begin_nested"):
        return ((EffectKind.COMMITS, "transaction"),)
    return ((EffectKind.CONNECTS, "connection"),) if method == "connection" else ()


def _of_connection(module: Module, call: ast.Call, method: str) -> tuple[Touch, ...]:
    if method in ENDING:
        return ((ENDING[method], "transaction"),)
    if method in SENDING:
        return _of_statement(module, call.args[0] if call.args else None)
    if method == "connect":
        return ((EffectKind.CONNECTS, "connection"),)
    if method == "begin":
        return ((EffectKind.CONNECTS, "connection"), (EffectKind.COMMITS, "transaction"))
    return tuple((kind, UNKNOWN_TABLE) for kind in BOTH) if method == "run_sync" else ()


def _of_query(module: Module, call: ast.Call, method: str) -> tuple[Touch, ...]:
    func = call.func
    owner = value(module, func.value) if isinstance(func, ast.Attribute) else None
    table = table_of_value(owner.args[0]) if isinstance(owner, Instance) and owner.args else None
    if method in ("update", "delete"):
        return ((EffectKind.WRITES, table or UNKNOWN_TABLE),)
    return ((EffectKind.READS, table or UNKNOWN_TABLE),) if method in FETCHING else ()


def _of_driver(call: ast.Call, name: str, method: str) -> tuple[Touch, ...]:
    if method in ENDING:
        return ((ENDING[method], "transaction"),)
    if method in SENDING:
        return _of_text(call.args[0] if call.args else None)
    if method in ("connect", "acquire", "getconn", "connection", "create_pool"):
        return ((EffectKind.CONNECTS, "connection"),)
    return ()


def _of_statement(module: Module, node: ast.expr | None) -> tuple[Touch, ...]:
    """Return what sending the statement *node* does."""
    if node is None:
        return tuple((kind, UNKNOWN_TABLE) for kind in BOTH)
    made = value(module, node)
    if isinstance(made, Instance) and isinstance(made.of, Library) and made.of.name in SELECTS:
        table = table_of_value(made.args[0]) if made.args else None
        return ((EffectKind.READS, table or UNKNOWN_TABLE),)
    start = _first_call(module, node)
    name = name_of(module, start.func) if start is not None else None
    if start is not None and name in WRITERS:
        table = _table_of(module, start.args[0]) if start.args else None
        return ((EffectKind.WRITES, table or UNKNOWN_TABLE),)
    if start is not None and name == "sqlalchemy.text":
        return _of_text(start.args[0] if start.args else None)
    return _of_text(node)


def _first_call(module: Module, node: ast.expr) -> ast.Call | None:
    """Return the call that a chain such as ``update(User).where(...)`` begins with."""
    for _ in range(50):
        if isinstance(node, ast.Name):
            found = module.scopes.lookup(node.id, node)
            given = found[1][0].value if found is not None and len(found[1]) == 1 else None
            if given is None:
                return None
            node = given
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inner = node.func.value
            if not isinstance(inner, ast.Call | ast.Name) or name_of(module, node.func):
                return node
            node = inner
        else:
            break
    return node if isinstance(node, ast.Call) else None


def _of_text(node: ast.expr | None) -> tuple[Touch, ...]:
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    found = WORDS.match(text)
    if found is None:
        return tuple((kind, UNKNOWN_TABLE) for kind in BOTH)
    word, table = found.group(1).lower(), (found.group(2) or UNKNOWN_TABLE).lower()
    if word == "with":
        return tuple((kind, UNKNOWN_TABLE) for kind in BOTH)
    if word in ("select", "values", "show", "explain"):
        return ((EffectKind.READS, table),)
    return ((EffectKind.WRITES, table),)


def _table_of(module: Module, node: ast.expr) -> str | None:
    return table_of_value(value(module, node))


def table_of_value(found: object) -> str | None:
    """Return the table behind a model or an instance of one."""
    if isinstance(found, Instance):
        found = found.of
    model = found.module.project.model_of(found) if isinstance(found, Class) else None
    return (model.table or model.name.rpartition(".")[2]) if model is not None else None


def attribute_touches(module: Module, node: ast.Attribute) -> tuple[Touch, ...]:
    """Return what reading or setting an attribute does to the database, through the ORM."""
    owner = value(module, node.value)
    if not isinstance(owner, Instance) or not isinstance(owner.of, Class):
        return ()
    model = module.project.model_of(owner.of)
    if model is None:
        return ()
    if not isinstance(node.ctx, ast.Load):
        known = model.column(node.attr) or any(
            one.attribute == node.attr for one in model.relationships
        )
        table = model.table or model.name.rpartition(".")[2]
        return ((EffectKind.WRITES, table),) if known else ()
    return tuple(_lazy_loads(model, node.attr))


def _lazy_loads(model: Model, attr: str) -> Iterator[Touch]:
    for one in model.relationships:
        if one.attribute == attr and one.lazy not in NOT_LAZY:
            yield EffectKind.READS, (one.target or UNKNOWN_TABLE).rpartition(".")[2]


def relationship_names(project: Project) -> frozenset[str]:
    """Return the names of all relationships, from the bytes of the project's files."""
    found: set[str] = set()
    for _, raw in project.sources():
        if b"elationship(" in raw:
            found |= {name.decode() for name in RELATIONSHIP.findall(raw)}
    return frozenset(found)
