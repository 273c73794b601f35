"""Queries that the target sends: what each asks, on which condition, and what its result is.

A query is recognised by the kind of what sends it. Only what stands before our eyes counts: the
parts of a query may go through variables that are read once, and through nothing else.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.variables import held_by_one_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hephaestus_codemods.project.models import Column, Model
    from hephaestus_codemods.project.module import Module

QUERIES: Final = frozenset({kinds.QUERY, "flask_sqlalchemy.Query", "flask_sqlalchemy.BaseQuery"})
SELECTS: Final = frozenset({"sqlalchemy.select", "sqlmodel.select"})
CONJUNCTIONS: Final = frozenset({"sqlalchemy.and_", "sqlmodel.and_"})
#: ``col()`` of SQLModel only tells type checkers what the attribute is.
TRANSPARENT: Final = frozenset({"sqlmodel.col"})
SESSIONS: Final = kinds.SESSIONS | kinds.ASYNC_SESSIONS
CONDITIONS: Final = frozenset({"filter", "where"})
SENDERS: Final = frozenset({"execute", "scalars", "scalar", "exec"})
#: Steps between sending and the result that change the form of a row, not which rows there are.
SCALARS, UNIQUE, MAPPINGS = "scalars", "unique", "mappings"


class Form(StrEnum):
    """How a query is written."""

    GET = "get"
    """``session.get(M, key)`` or ``session.query(M).get(key)``."""

    LEGACY = "legacy"
    """``session.query(M).filter(…).first()`` or ``M.query.filter_by(…).all()``."""

    SELECT = "select"
    """``session.execute(select(M).where(…)).scalar_one_or_none()`` and its relatives."""


class Gives(StrEnum):
    """What the whole expression gives."""

    ONE_OR_NONE = "one or None"
    """The first row, or None."""

    ONE = "one"
    """The row; an error when there is none."""

    LIST = "list"
    """All rows."""

    NUMBER = "number"
    """How many rows there are."""

    RESULT = "result"
    """Something to run over that gives all rows."""


#: What the last call gives; ``True`` where more than one row is an error too.
GIVES: Final = {
    "first": (Gives.ONE_OR_NONE, False),
    "one_or_none": (Gives.ONE_OR_NONE, True),
    "scalar_one_or_none": (Gives.ONE_OR_NONE, True),
    "scalar": (Gives.ONE_OR_NONE, False),
    "fetchone": (Gives.ONE_OR_NONE, False),
    "one": (Gives.ONE, True),
    "scalar_one": (Gives.ONE, True),
    "all": (Gives.LIST, False),
    "fetchall": (Gives.LIST, False),
    "count": (Gives.NUMBER, False),
}
#: Methods that look up a primary key.
GETTING: Final = {"get": Gives.ONE_OR_NONE, "get_one": Gives.ONE}
#: Last calls that take the first column of a row.
FIRST_COLUMN: Final = frozenset({"scalar", "scalar_one", "scalar_one_or_none"})


@dataclass(frozen=True, slots=True)
class Link:
    """One call of a method in a chain."""

    name: str
    call: ast.Call


@dataclass(frozen=True, slots=True)
class Selected:
    """One thing that a query reads: a mapped class, or one *column* of it.

    *node* is the expression of the class. *model* is None when it cannot be seen.
    """

    node: ast.expr
    model: Model | None
    column: Column | None = None


@dataclass(frozen=True, slots=True)
class Equals:
    """A condition ``column == value``; *node* is the comparison, or the keyword of filter_by."""

    owner: ast.expr
    model: Model
    column: Column
    value: ast.expr
    node: ast.expr | ast.keyword


@dataclass(frozen=True)
class Query:
    """A query and where its parts stand.

    *whole* is the expression that gives the result, with its ``await``; *session* is what sends
    it. *selected* is what it reads; None when that is not understood. *equals* and *others* are
    the parts of its condition. *links* are the methods that set no condition.
    *chain* are all methods called on it, in order. *steps* are assignments of variables that only
    carry a part of it. *strict* says that a second row is an error. *rows* says that the result
    holds rows even for one selected thing.
    """

    module: Module
    form: Form
    whole: ast.expr
    session: ast.expr | None
    is_async: bool
    gives: Gives
    source: ast.expr
    selected: tuple[Selected, ...] | None
    equals: tuple[Equals, ...] = ()
    others: tuple[ast.expr, ...] = ()
    links: tuple[Link, ...] = ()
    steps: tuple[ast.stmt, ...] = ()
    strict: bool = False
    rows: bool = False
    unique: bool = False
    exec: bool = False
    extra: tuple[ast.keyword, ...] = ()
    chain: tuple[Link, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The methods called on the query besides its conditions."""
        return frozenset(link.name for link in self.links)

    @property
    def entity(self) -> Selected | None:
        """The one mapped class that is read whole, if that is so."""
        one = self.selected[0] if self.selected and len(self.selected) == 1 else None
        return one if one is not None and one.model is not None and one.column is None else None


def model_at(module: Module, node: ast.expr) -> Model | None:
    """Return the mapped class that *node* names."""
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    name = module.qualified_name(node)
    return module.project.model(name, module.path) if name else None


def selected_at(module: Module, node: ast.expr) -> Selected | None:
    """Return what *node*, an argument of ``select`` or ``query``, reads; None when computed."""
    if isinstance(node, ast.Call) and module.qualified_name(node.func) in TRANSPARENT:
        return selected_at(module, node.args[0]) if len(node.args) == 1 else None
    model = model_at(module, node)
    if model is not None:
        return Selected(node, model)
    if isinstance(node, ast.Attribute):
        owner = model_at(module, node.value)
        column = owner.column(node.attr) if owner is not None else None
        if column is not None:
            return Selected(node.value, owner, column)
    return None


def query_of(module: Module, node: ast.expr) -> Query | None:
    """Return the query whose result *node* is, or None when it is none that we know."""
    key = (query_of, node)
    if key not in module.memo:
        module.memo[key] = _query_of(module, node)
    found: Query | None = module.memo[key]
    return found


def _query_of(module: Module, node: ast.expr) -> Query | None:
    call = node.value if isinstance(node, ast.Await) else node
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
        return _of_list(module, call) if call is node else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    name = call.func.attr
    if name in GETTING:
        return _of_get(module, node, call)
    if _is_run_over(module, node) and module.kind(node) in QUERIES:
        return _of_legacy(module, call, call)
    if name in GIVES and not isinstance(node, ast.Await):
        kind = module.kind(call.func.value)
        if kind in QUERIES and not (call.args or call.keywords):
            return _of_legacy(module, call, call.func.value)
    if name in GIVES or name in SENDERS:
        return _of_select(module, node, call)
    return None


def _of_list(module: Module, call: ast.Call) -> Query | None:
    """Return the query in ``list(session.scalars(…))``."""
    if len(call.args) != 1 or call.keywords:
        return None
    if module.qualified_name(call.func) != "builtins.list":
        return None
    found = query_of(module, call.args[0])
    if found is None or found.gives not in (Gives.RESULT, Gives.LIST):
        return None
    return replace(found, whole=call, gives=Gives.LIST)


# --- session.get ---


def _of_get(module: Module, node: ast.expr, call: ast.Call) -> Query | None:
    assert isinstance(call.func, ast.Attribute)
    receiver = call.func.value
    kind = module.kind(receiver)
    session: ast.expr | None
    if kind in SESSIONS:
        if len(call.args) != 2 or any(isinstance(one, ast.Starred) for one in call.args):
            return None
        entity, key = call.args
        extra, session = tuple(call.keywords), receiver
    elif kind in QUERIES and call.func.attr == "get" and len(call.args) == 1 and not call.keywords:
        started = _started(module, receiver, _legacy_source)
        if started is None or started.links or started.steps or len(started.arguments) != 1:
            return None
        entity, key, extra = started.arguments[0], call.args[0], ()
        session = started.session
    else:
        return None
    if (kind in kinds.ASYNC_SESSIONS) is not isinstance(node, ast.Await):
        return None
    model = model_at(module, entity)
    if model is None or len(model.primary_key) != 1:
        return None
    equal = Equals(entity, model, model.primary_key[0], key, key)
    return Query(
        module,
        Form.GET,
        node,
        session,
        isinstance(node, ast.Await),
        GETTING[call.func.attr],
        call,
        (Selected(entity, model),),
        (equal,),
        extra=extra,
    )


# --- session.query(...) ---


@dataclass(frozen=True)
class _Start:
    """Where a query starts: its *session* if it has one, what it reads, what is called on it."""

    source: ast.expr
    session: ast.expr | None
    arguments: tuple[ast.expr, ...]
    links: tuple[Link, ...]
    steps: tuple[ast.stmt, ...]


def _started(
    module: Module, node: ast.expr, source: Callable[[Module, ast.expr], _Start | None]
) -> _Start | None:
    """Follow the methods of a chain, and variables that are read once, back to its *source*."""
    links: list[Link] = []
    steps: list[ast.stmt] = []
    while True:
        found = source(module, node)
        if found is not None:
            return replace(found, links=tuple(reversed(links)), steps=tuple(reversed(steps)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            links.append(Link(node.func.attr, node))
            node = node.func.value
            continue
        held = held_by_one_read(module, node) if isinstance(node, ast.Name) else None
        if held is None:
            return None
        steps.append(held)
        node = held.value


def _legacy_source(module: Module, node: ast.expr) -> _Start | None:
    if isinstance(node, ast.Attribute):
        is_query = node.attr == "query" and module.kind(node) in QUERIES
        return _Start(node, None, (node.value,), (), ()) if is_query else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if node.func.attr != "query" or not _is_plain(node):
        return None
    session = node.func.value
    if module.kind(session) not in SESSIONS:
        return None
    return _Start(node, session, tuple(node.args), (), ())


def _select_source(module: Module, node: ast.expr) -> _Start | None:
    if not isinstance(node, ast.Call) or not _is_plain(node):
        return None
    if module.qualified_name(node.func) not in SELECTS:
        return None
    return _Start(node, None, tuple(node.args), (), ())


def _is_plain(call: ast.Call) -> bool:
    """Say whether all arguments of *call* are positional and seen."""
    return not call.keywords and not any(isinstance(one, ast.Starred) for one in call.args)


def _is_run_over(module: Module, node: ast.expr) -> bool:
    """Say whether a loop runs over *node* itself."""
    parent = module.parents.get(node)
    return isinstance(parent, ast.For | ast.comprehension) and parent.iter is node


def _of_legacy(module: Module, call: ast.Call, built: ast.expr) -> Query | None:
    """Return the query *built*, which *call* sends, or is."""
    assert isinstance(call.func, ast.Attribute)
    start = _started(module, built, _legacy_source)
    if start is None:
        return None
    gives, strict = (Gives.RESULT, False) if built is call else GIVES[call.func.attr]
    selected = _selected(module, start.arguments)
    found = conditions_of(module, start.links, selected)
    return Query(
        module,
        Form.LEGACY,
        call,
        start.session,
        is_async=False,
        gives=gives,
        source=start.source,
        selected=selected,
        equals=found.equals,
        others=found.others,
        links=found.links,
        steps=start.steps,
        strict=strict,
        rows=call.func.attr not in FIRST_COLUMN and not _is_one_entity(selected),
        chain=start.links,
    )


def _is_one_entity(selected: tuple[Selected, ...] | None) -> bool:
    """Say whether a legacy query gives objects, and not rows of one or several columns."""
    return selected is not None and len(selected) == 1 and selected[0].column is None


@dataclass(frozen=True)
class Built:
    """A query that is built and not sent: what it reads, and the methods called on it."""

    selected: tuple[Selected, ...] | None
    chain: tuple[Link, ...]
    steps: tuple[ast.stmt, ...]


def built_at(module: Module, node: ast.expr) -> Built | None:
    """Return the query that *node* builds: ``session.query(M).filter(…)``, ``select(M)``."""
    start = _started(module, node, _legacy_source) or _started(module, node, _select_source)
    if start is None:
        return None
    return Built(_selected(module, start.arguments), start.links, start.steps)


# --- select(...) ---


@dataclass
class _Way:
    """What lies between a result and the call that sends its statement."""

    between: set[str] = field(default_factory=set)
    steps: list[ast.stmt] = field(default_factory=list)


def _of_select(module: Module, node: ast.expr, call: ast.Call) -> Query | None:
    assert isinstance(call.func, ast.Attribute)
    name = call.func.attr
    way = _Way()
    if module.kind(call.func.value) in SESSIONS:
        gives, strict = GIVES.get(name, (Gives.RESULT, False))
        sent: ast.expr | None = node if name in SENDERS else None
    else:
        if name not in GIVES or call.args or call.keywords or isinstance(node, ast.Await):
            return None
        gives, strict = GIVES[name]
        sent = _sent(module, call.func.value, way)
    send = sent.value if isinstance(sent, ast.Await) else sent
    if not isinstance(send, ast.Call) or not isinstance(send.func, ast.Attribute):
        return None
    kind = module.kind(send.func.value)
    if (kind in kinds.ASYNC_SESSIONS) is not isinstance(sent, ast.Await):
        return None
    if kind not in SESSIONS or len(send.args) != 1 or not _is_plain(send):
        return None
    start = _started(module, send.args[0], _select_source)
    if start is None:
        return None
    sender = send.func.attr
    selected = _selected(module, start.arguments)
    found = conditions_of(module, start.links, selected)
    is_one = selected is not None and len(selected) == 1
    takes_first = sender in ("scalars", "scalar") or SCALARS in way.between
    takes_first = takes_first or name in FIRST_COLUMN or (sender == "exec" and is_one)
    return Query(
        module,
        Form.SELECT,
        node,
        send.func.value,
        isinstance(sent, ast.Await),
        gives,
        start.source,
        selected,
        found.equals,
        found.others,
        found.links,
        (*start.steps, *reversed(way.steps)),
        strict,
        rows=not takes_first or MAPPINGS in way.between,
        unique=UNIQUE in way.between,
        exec=sender == "exec",
        chain=start.links,
    )


def _sent(module: Module, node: ast.expr, way: _Way) -> ast.expr | None:
    """Return the call that sends the statement, with its ``await``, behind a result."""
    while True:
        if isinstance(node, ast.Await):
            return node
        if isinstance(node, ast.Name):
            held = held_by_one_read(module, node)
            if held is None:
                return None
            way.steps.append(held)
            node = held.value
            continue
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        if module.kind(node.func.value) in SESSIONS:
            return node if node.func.attr in SENDERS else None
        if node.func.attr not in (SCALARS, UNIQUE, MAPPINGS) or node.args or node.keywords:
            return None
        way.between.add(node.func.attr)
        node = node.func.value


# --- What is read, and on which condition ---


def _selected(module: Module, nodes: Iterable[ast.expr]) -> tuple[Selected, ...] | None:
    found = [selected_at(module, one) for one in nodes]
    known = tuple(one for one in found if one is not None)
    return known if known and len(known) == len(found) else None


@dataclass(frozen=True)
class Conditions:
    """The links of a chain, its conditions apart: comparisons with ``==``, and others."""

    equals: tuple[Equals, ...]
    others: tuple[ast.expr, ...]
    links: tuple[Link, ...]


def conditions_of(
    module: Module, links: Iterable[Link], selected: tuple[Selected, ...] | None
) -> Conditions:
    """Take the conditions out of *links*; ``filter_by`` speaks of what is *selected*."""
    equals: list[Equals] = []
    others: list[ast.expr] = []
    rest: list[Link] = []
    for link in links:
        if link.name in CONDITIONS and _is_plain(link.call):
            for node in link.call.args:
                for part in _parts(module, node):
                    found = equals_at(module, part)
                    (equals if found else others).append(found or part)  # type: ignore[arg-type]  # each list gets its own
        elif link.name == "filter_by" and not link.call.args and selected and len(selected) == 1:
            nulls = [one for one in link.call.keywords if _is_null(one.value)]
            given = [one for one in link.call.keywords if one not in nulls]
            known = [found for one in given if (found := _by_keyword(selected[0], one))]
            if len(known) == len(given):
                equals += known
                others += [one.value for one in nulls]
            else:
                rest.append(link)
        else:
            rest.append(link)
    return Conditions(tuple(equals), tuple(others), tuple(rest))


def _parts(module: Module, node: ast.expr) -> Iterator[ast.expr]:
    """Yield the parts of a conjunction."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        yield from _parts(module, node.left)
        yield from _parts(module, node.right)
    elif (
        isinstance(node, ast.Call)
        and _is_plain(node)
        and module.qualified_name(node.func) in CONJUNCTIONS
    ):
        for one in node.args:
            yield from _parts(module, one)
    else:
        yield node


def equals_at(module: Module, node: ast.expr) -> Equals | None:
    """Return the condition ``column == value`` that *node* is, whichever side the column is on."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            pass
        case _:
            return None
    for side, other in ((left, right), (right, left)):
        found = selected_at(module, side)
        if found is None or found.model is None or found.column is None:
            continue
        if selected_at(module, other) is not None or _is_null(other):
            return None  # a join, or IS NULL
        return Equals(found.node, found.model, found.column, other, node)
    return None


def _is_null(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _by_keyword(selected: Selected, one: ast.keyword) -> Equals | None:
    column = selected.model.column(one.arg) if selected.model and one.arg else None
    if column is None or selected.model is None:
        return None
    return Equals(selected.node, selected.model, column, one.value, one)
