"""Recognises the calls that fetch rows or count them, and what can be asked in their place."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.variables import binding_at, reads_of
from hephaestus_rules.sqlalchemy_exists_over_count.chains import (
    QUERIES,
    SELECTS,
    SESSIONS,
    count_in,
)
from hephaestus_rules.sqlalchemy_exists_over_count.origins import origin_of

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Link

#: Methods of a session that send a select and give a result.
SENDING: Final = frozenset({"execute", "scalars", "exec"})


class Gives(StrEnum):
    """What the last call of a fetch gives."""

    NUMBER = "number"
    LIST = "list"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Ending:
    """What the last call of a fetch does with the rows.

    *rows* says that it gives rows, even for one entity; *only_one* that several rows are an error.
    """

    gives: Gives
    rows: bool = False
    only_one: bool = False

    @property
    def is_value(self) -> bool:
        """Whether it gives the first thing of the first row alone."""
        return self.gives is not Gives.LIST and not self.rows


#: What the methods of a legacy query do.
OF_QUERY: Final = {
    "count": Ending(Gives.NUMBER),
    "all": Ending(Gives.LIST),
    "first": Ending(Gives.FIRST),
    "one_or_none": Ending(Gives.FIRST, only_one=True),
    "scalar": Ending(Gives.FIRST, only_one=True),
}
#: What the methods of the result of ``execute`` do.
OF_RESULT: Final = {
    "all": Ending(Gives.LIST, rows=True),
    "fetchall": Ending(Gives.LIST, rows=True),
    "first": Ending(Gives.FIRST, rows=True),
    "fetchone": Ending(Gives.FIRST, rows=True),
    "one_or_none": Ending(Gives.FIRST, rows=True, only_one=True),
    "scalar": Ending(Gives.FIRST),
    "scalar_one_or_none": Ending(Gives.FIRST, only_one=True),
    "scalar_one": Ending(Gives.NUMBER),
}
#: What the methods of a result of single values do.
OF_SCALARS: Final = {
    "all": Ending(Gives.LIST),
    "fetchall": Ending(Gives.LIST),
    "first": Ending(Gives.FIRST),
    "one_or_none": Ending(Gives.FIRST, only_one=True),
    "one": Ending(Gives.NUMBER),
}
ENDINGS: Final = OF_QUERY.keys() | OF_RESULT.keys() | OF_SCALARS.keys()


@dataclass(frozen=True, slots=True)
class Fetch:
    """Rows that are fetched or counted.

    *node* is the whole expression. *query* is what is asked: the legacy query without its last
    call, or the ``select(...)``. *send* is the call that sends a select, None for a legacy query.
    *ending* says what is made of the rows, *count* is the ``func.count()`` in the query, if that
    is what it reads. *holder* is the read of the variable that holds the result, if there is one.
    """

    node: ast.expr
    ending: Ending
    query: ast.expr
    source: ast.expr | None
    links: tuple[Link, ...]
    send: ast.Call | None = None
    session: ast.expr | None = None
    is_async: bool = False
    unique: bool = False
    count: ast.expr | None = None
    holder: ast.Name | None = None

    @property
    def gives(self) -> Gives:
        """What the last call gives; a count gives a number, however it is fetched."""
        return self.ending.gives if self.count is None else Gives.NUMBER

    @property
    def rows(self) -> bool:
        """Whether the result holds rows, even for one entity."""
        return self.ending.rows

    @property
    def is_select_of_rows(self) -> bool:
        """Whether a select is asked for rows, which EXISTS sees whatever they hold."""
        return self.send is not None and not self.ending.is_value

    @property
    def names(self) -> frozenset[str]:
        """The methods that may have been called on the query."""
        return frozenset(link.name for link in self.links)

    @property
    def is_exec(self) -> bool:
        """Whether SQLModel's ``exec`` sends it."""
        return self.send is not None and _method(self.send) == "exec"


def may_be_fetch(node: ast.Call) -> bool:
    """Say, by its name alone, whether *node* may end a fetch."""
    return isinstance(node.func, ast.Attribute) and node.func.attr in ENDINGS and not node.keywords


def fetch_of(module: Module, node: ast.Call) -> Fetch | None:
    """Return the fetch that *node* ends, or None when it is none that we know."""
    if not isinstance(node.func, ast.Attribute) or node.keywords:
        return None
    name, owner = node.func.attr, node.func.value
    if name == "scalar" and len(node.args) == 1:
        return _of_scalar(module, node)
    if name not in ENDINGS or node.args:
        return None
    if name in OF_QUERY and module.kind(owner) in QUERIES:
        return _of_query(module, node, owner, OF_QUERY[name])
    return _of_result(module, node, owner) if name != "count" else None


def _of_query(module: Module, node: ast.Call, query: ast.expr, ending: Ending) -> Fetch | None:
    origin = origin_of(module, query, lambda one: _queries(module, one))
    if origin is None:
        return Fetch(node, ending, query, None, ())
    source = origin.source
    function = source.func if isinstance(source, ast.Call) else None
    session = function.value if isinstance(function, ast.Attribute) else None
    count = _count(module, source) if _method(node) == "scalar" else None
    return Fetch(node, ending, query, source, origin.links, session=session, count=count)


def _queries(module: Module, node: ast.expr) -> bool:
    """Say whether *node* starts a legacy query: ``session.query(M)`` or ``M.query``."""
    if isinstance(node, ast.Attribute):
        return node.attr == "query" and module.kind(node) in QUERIES
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr == "query" and module.kind(node.func.value) in SESSIONS


def _of_scalar(module: Module, node: ast.Call) -> Fetch | None:
    """Return what ``session.scalar(select(...))`` fetches, with the ``await`` around it."""
    parent = module.parents.get(node)
    awaited = isinstance(parent, ast.Await)
    place = parent if isinstance(parent, ast.Await) else node
    return _sent(module, place, OF_RESULT["scalar"], node, awaited=awaited)


def _of_result(module: Module, node: ast.Call, owner: ast.expr) -> Fetch | None:
    result, between = _unwrapped(owner)
    holder = result if isinstance(result, ast.Name) else None
    if holder is not None:
        held = _held(module, holder)
        if held is None:
            return None
        result = held
    send = result.value if isinstance(result, ast.Await) else result
    has_rows = _method(send) == "execute" and "scalars" not in between
    if _method(send) not in SENDING or ("scalars" in between and _method(send) != "execute"):
        return None
    ending = (OF_RESULT if has_rows else OF_SCALARS).get(_method(node) or "")
    if ending is None or not isinstance(send, ast.Call):
        return None
    awaited = isinstance(result, ast.Await)
    found = _sent(module, node, ending, send, awaited=awaited)
    if found is None or (found.count is None and ending.gives is Gives.NUMBER):
        return None
    return replace(found, unique="unique" in between, holder=holder)


def _sent(
    module: Module, node: ast.expr, ending: Ending, send: ast.Call, *, awaited: bool
) -> Fetch | None:
    """Return the fetch *node* of the select that *send* sends, which is *awaited* or not."""
    session = send.func.value if isinstance(send.func, ast.Attribute) else None
    if session is None or len(send.args) != 1 or send.keywords:
        return None
    kind = module.kind(session)
    if kind not in SESSIONS or (kind in kinds.ASYNC_SESSIONS) is not awaited:
        return None
    query = send.args[0]
    origin = origin_of(module, query, lambda one: _selects(module, one))
    if origin is None and kinds.SELECT not in kinds.lineage(module.kind(query) or ""):
        return None
    if origin and _method(send) == "exec" and not _is_sqlmodel(module, origin.source):
        return None  # SQLModel gives rows, not values, for a select of SQLAlchemy.
    return Fetch(
        node,
        ending,
        query,
        origin.source if origin else None,
        origin.links if origin else (),
        send,
        session,
        is_async=awaited,
        count=_count(module, origin.source) if origin and ending.is_value else None,
    )


def _count(module: Module, source: ast.expr) -> ast.expr | None:
    """Return the ``func.count()`` that is all that *source* reads."""
    if not isinstance(source, ast.Call) or len(source.args) != 1 or source.keywords:
        return None
    return source.args[0] if count_in(module, source.args[0]) is not None else None


def _is_sqlmodel(module: Module, source: ast.expr) -> bool:
    return isinstance(source, ast.Call) and module.qualified_name(source.func) == "sqlmodel.select"


def _selects(module: Module, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and module.qualified_name(node.func) in SELECTS


def _held(module: Module, holder: ast.Name) -> ast.expr | None:
    """Return the result that *holder* names, if it is read only here."""
    binding = binding_at(module, holder)
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


def _method(node: ast.expr) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return None
