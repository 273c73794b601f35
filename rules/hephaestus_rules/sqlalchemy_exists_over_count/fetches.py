"""Recognises the calls that fetch rows or count them, and what can be asked in their place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_rules.sqlalchemy_exists_over_count.chains import (
    QUERIES,
    SELECTS,
    SESSIONS,
    Chain,
    Link,
    chain_of,
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
    *rows* says that the result holds rows, even for one entity.
    """

    node: ast.Call
    gives: Gives
    query: ast.expr
    source: ast.Call | None
    chain: Chain
    send: ast.Call | None = None
    session: ast.expr | None = None
    is_async: bool = False
    unique: bool = False
    rows: bool = False

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
    chain = chain_of(query)
    at = next((n for n, one in enumerate(chain.links) if _queries(module, one.call)), None)
    if at is None:
        return Fetch(node, gives, query, None, chain)
    source = chain.links[at].call
    assert isinstance(source.func, ast.Attribute)
    rest = Chain(source, chain.links[at + 1 :])
    return Fetch(node, gives, query, source, rest, session=source.func.value)


def _queries(module: Module, call: ast.Call) -> bool:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    return owner is not None and _method(call) == "query" and module.kind(owner) in SESSIONS


def _of_select(module: Module, node: ast.Call, gives: Gives) -> Fetch | None:
    assert isinstance(node.func, ast.Attribute)
    result, between = _unwrapped(node.func.value)
    awaited = isinstance(result, ast.Await)
    send = result.value if isinstance(result, ast.Await) else result
    session = _sender(module, send)
    if session is None or not isinstance(send, ast.Call) or len(send.args) != 1:
        return None
    if (module.kind(session) in kinds.ASYNC_SESSIONS) is not awaited:
        return None
    is_execute = _method(send) == "execute"
    if not is_execute and "scalars" in between:
        return None
    source, chain = selected(module, send.args[0])
    return Fetch(
        node,
        gives,
        send.args[0],
        source,
        chain,
        send,
        session,
        is_async=awaited,
        unique="unique" in between,
        rows=is_execute and "scalars" not in between,
    )


def selected(module: Module, node: ast.expr) -> tuple[ast.Call | None, Chain]:
    """Return the ``select(...)`` that *node* starts with, and what is called on it."""
    links: list[Link] = []
    while isinstance(node, ast.Call):
        if module.qualified_name(node.func) in SELECTS:
            return node, Chain(node, tuple(reversed(links)))
        if not isinstance(node.func, ast.Attribute):
            break
        links.append(Link(node.func.attr, node))
        node = node.func.value
    return None, Chain(node, tuple(reversed(links)))


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
