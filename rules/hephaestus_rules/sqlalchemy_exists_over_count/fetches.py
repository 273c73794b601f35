"""Recognises the calls that fetch rows or count them, and what can be asked in their place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_rules.sqlalchemy_exists_over_count.chains import QUERIES, SELECTS, SESSIONS, Link
from hephaestus_rules.sqlalchemy_exists_over_count.origins import (
    only_binding,
    origin_of,
    reads_of,
)

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

LISTS: Final = frozenset({"all", "fetchall"})


class Gives(StrEnum):
    """What the last call of a fetch gives."""

    NUMBER = "number"
    LIST = "list"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Fetch:
    """Rows that are fetched or counted.

    *node* is the whole expression. *query* is what is asked: the legacy query without its last
    call, or the ``select(...)``. *send* is the call that sends a select, None for a legacy query.
    *rows* says that the result holds rows, even for one entity. *holder* is the read of the
    variable that holds the result, if there is one.
    """

    node: ast.Call
    gives: Gives
    query: ast.expr
    source: ast.expr | None
    links: tuple[Link, ...]
    send: ast.Call | None = None
    session: ast.expr | None = None
    is_async: bool = False
    unique: bool = False
    rows: bool = False
    holder: ast.Name | None = None

    @property
    def names(self) -> frozenset[str]:
        """The methods that may have been called on the query."""
        return frozenset(link.name for link in self.links)

    @property
    def is_exec(self) -> bool:
        """Whether SQLModel's ``exec`` sends it."""
        return self.send is not None and _method(self.send) == "exec"


GIVES: Final = {"count": Gives.NUMBER, "first": Gives.FIRST} | dict.fromkeys(LISTS, Gives.LIST)


def fetch_of(module: Module, node: ast.expr) -> Fetch | None:
    """Return the fetch that *node* is, or None when it is none that we know."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    gives = GIVES.get(node.func.attr)
    if gives is None or node.args or node.keywords:
        return None
    if node.func.attr != "fetchall" and module.kind(node.func.value) in QUERIES:
        return _of_query(module, node, gives)
    return _of_select(module, node, gives) if gives is not Gives.NUMBER else None


def _of_query(module: Module, node: ast.Call, gives: Gives) -> Fetch:
    assert isinstance(node.func, ast.Attribute)
    query = node.func.value
    origin = origin_of(module, query, lambda one: _queries(module, one))
    if origin is None:
        return Fetch(node, gives, query, None, ())
    source = origin.source
    function = source.func if isinstance(source, ast.Call) else None
    session = function.value if isinstance(function, ast.Attribute) else None
    return Fetch(node, gives, query, source, origin.links, session=session)


def _queries(module: Module, node: ast.expr) -> bool:
    """Say whether *node* starts a legacy query: ``session.query(M)`` or ``M.query``."""
    if isinstance(node, ast.Attribute):
        return node.attr == "query" and module.kind(node) in QUERIES
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr == "query" and module.kind(node.func.value) in SESSIONS


def _of_select(module: Module, node: ast.Call, gives: Gives) -> Fetch | None:
    assert isinstance(node.func, ast.Attribute)
    result, between = _unwrapped(node.func.value)
    holder = result if isinstance(result, ast.Name) else None
    if holder is not None:
        held = _held(module, holder)
        if held is None:
            return None
        result = held
    awaited = isinstance(result, ast.Await)
    send = result.value if isinstance(result, ast.Await) else result
    session = _sender(module, send)
    if session is None or not isinstance(send, ast.Call) or len(send.args) != 1 or send.keywords:
        return None
    if (module.kind(session) in kinds.ASYNC_SESSIONS) is not awaited:
        return None
    is_execute = _method(send) == "execute"
    if not is_execute and "scalars" in between:
        return None
    query = send.args[0]
    origin = origin_of(module, query, lambda one: _selects(module, one))
    if origin is None and kinds.SELECT not in kinds.lineage(module.kind(query) or ""):
        return None
    return Fetch(
        node,
        gives,
        query,
        origin.source if origin else None,
        origin.links if origin else (),
        send,
        session,
        is_async=awaited,
        unique="unique" in between,
        rows=is_execute and "scalars" not in between,
        holder=holder,
    )


def _selects(module: Module, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and module.qualified_name(node.func) in SELECTS


def _held(module: Module, holder: ast.Name) -> ast.expr | None:
    """Return the result that *holder* names, if it is read only here."""
    binding = only_binding(module, holder)
    reads = reads_of(module, binding) if binding is not None else None
    return binding.value if binding is not None and reads == (holder,) else None


def _unwrapped(node: ast.expr) -> tuple[ast.expr, frozenset[str]]:
    """Return what stands before ``.scalars()`` and ``.unique()``, and which of them there are."""
    between = set()
    while _method(node) in ("scalars", "unique") and isinstance(node, ast.Call):
        if node.args or node.keywords or not isinstance(node.func, ast.Attribute):
            break
        between.add(node.func.attr)
        node = node.func.value
    return node, frozenset(between)


def _sender(module: Module, node: ast.expr) -> ast.expr | None:
    """Return the session that *node* sends a statement with."""
    if _method(node) not in ("scalars", "execute", "exec"):
        return None
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Attribute)
    return node.func.value if module.kind(node.func.value) in SESSIONS else None


def _method(node: ast.expr) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return None
