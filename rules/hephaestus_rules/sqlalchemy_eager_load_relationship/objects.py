"""Queries that give whole objects: what they load, and all that was called on them on the way.

The statement may grow in a variable, perhaps under conditions: ``query = query.filter(…)``. Every
assignment of such a variable is looked at.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import class_named, keyword
from hephaestus_codemods.project.nodes import Function
from hephaestus_codemods.project.queries import QUERIES, SELECTS, SESSIONS, Link, selected_at
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.variables import binding_of, only_binding, reads_of
from hephaestus_rules.sqlalchemy_eager_load_relationship.options import options_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding
    from hephaestus_codemods.project.values import Class

#: Last calls of a query, or of a result, that give all objects, or one.
MANY: Final = frozenset({"all", "fetchall"})
ONE: Final = frozenset(
    """first one one_or_none first_or_404 one_or_404 get_or_404 scalar_one scalar_one_or_none
    scalar""".split()
)
#: Calls that send a statement, and what each gives: rows, or the first column of each.
SENDERS: Final = frozenset({"execute", "scalars", "scalar", "exec"})
FIRST_COLUMN: Final = frozenset({"scalars", "scalar"})
#: Steps between sending and the last call.
STEPS: Final = frozenset({"scalars", "unique"})
GETTING: Final = frozenset({"get", "get_one"})
PAGES: Final = "paginate"
#: All methods that ask.
ASKING: Final = MANY | ONE | SENDERS | GETTING | {PAGES}
#: Calls that run over all that they are given.
TAKING: Final = frozenset({"list", "tuple", "set", "sorted", "reversed", "enumerate", "frozenset"})
#: Where the names of a query come from, at most.
MOST_STEPS: Final = 30


@dataclass(frozen=True)
class Entity:
    """A mapped class that a query loads whole; *node* is how the query names it."""

    node: ast.expr
    cls: Class


@dataclass(frozen=True)
class Objects:
    """The objects that *whole* gives: all, or *is_one*.

    *entities* are what the query reads, in order: None is anything but a whole object; *rows* says
    that they come in rows. *statement* is the query before it is sent, and *sources* are where it
    starts. *links* are all methods called on it, wherever; *grown* are the assignments that it went
    through. *get* is the call of ``session.get``, which takes its options otherwise.
    """

    module: Module
    whole: ast.expr
    statement: ast.expr
    sources: tuple[ast.expr, ...]
    session: ast.expr | None
    entities: tuple[Entity | None, ...]
    links: tuple[Link, ...] = ()
    grown: tuple[Binding, ...] = ()
    is_one: bool = False
    is_paged: bool = False
    is_async: bool = False
    rows: bool = False
    get: ast.Call | None = None

    @property
    def options(self) -> tuple[ast.expr, ...]:
        """The options that the query has."""
        given = keyword(self.get, "options") if self.get is not None else None
        if given is not None:
            return tuple(given.elts) if isinstance(given, ast.List) else (given,)
        return tuple(options_in(self.links))

    @property
    def session_configures(self) -> bool:
        """Whether all mappers are configured before an option of it is worked out."""
        return all(isinstance(one, ast.Attribute) or _is_query_call(one) for one in self.sources)


def _is_query_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "query"


@dataclass
class _Trace:
    """What is found on the way back from a query to where it starts."""

    sources: list[ast.expr] = field(default_factory=list)
    session: ast.expr | None = None
    arguments: list[tuple[ast.expr, ...]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    grown: list[Binding] = field(default_factory=list)
    steps: int = 0


def objects_in(module: Module) -> Iterator[Objects]:
    """Yield every query of *module* that gives objects of a mapped class."""
    seen: set[ast.expr] = set()
    for call in module.calls:
        func = call.func
        if not isinstance(func, ast.Attribute) or func.attr not in ASKING:
            continue
        found = _sent(module, call) or _fetched(module, call) or _got(module, call)
        if found is not None and found.whole not in seen:
            seen.add(found.whole)
            yield found
    for node in module.nodes if b".query" in module.source.raw else ():
        iterable = _iterated(module, node)
        found = _run_over(module, iterable) if iterable is not None else None
        if found is not None and found.whole not in seen:
            seen.add(found.whole)
            yield found


def _iterated(module: Module, node: ast.AST) -> ast.expr | None:
    """Return what *node* runs over, when that may be a query itself."""
    match node:
        case ast.For(iter=given) | ast.comprehension(iter=given):
            return given
        case ast.Call(func=ast.Name(id=name), args=[given, *_]) if name in TAKING:
            return given
    return None


# --- session.query(...) and M.query ---


def _fetched(module: Module, call: ast.Call) -> Objects | None:
    """Return what ``query.all()``, ``query.first()`` and the like give."""
    func = call.func
    if not isinstance(func, ast.Attribute):
        return None
    is_get = func.attr == "get" and len(call.args) == 1
    if func.attr not in MANY | ONE and func.attr != PAGES and not is_get:
        return None
    if module.kind(func.value) not in QUERIES:
        return None
    is_one = func.attr in ONE or is_get
    return _built(module, call, func.value, is_one=is_one, is_paged=func.attr == PAGES)


def _run_over(module: Module, node: ast.expr) -> Objects | None:
    """Return what the query *node* gives to whoever runs over it."""
    if not isinstance(node, ast.Call | ast.Name | ast.Attribute):
        return None
    return _built(module, node, node) if module.kind(node) in QUERIES else None


def _built(
    module: Module,
    whole: ast.expr,
    statement: ast.expr,
    *,
    is_one: bool = False,
    is_paged: bool = False,
) -> Objects | None:
    trace = _Trace()
    if not _traced(module, statement, trace, set()):
        return None
    entities = _entities(module, trace)
    if entities is None:
        return None
    return Objects(
        module,
        whole,
        statement,
        tuple(trace.sources),
        trace.session,
        entities,
        tuple(trace.links),
        tuple(trace.grown),
        is_one=is_one,
        is_paged=is_paged,
        rows=len(entities) > 1,
    )


def _got(module: Module, call: ast.Call) -> Objects | None:
    """Return what ``session.get(M, key)`` gives."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in GETTING or len(call.args) != 2:
        return None
    kind = module.kind(func.value)
    if kind not in SESSIONS:
        return None
    entity = _entity(module, call.args[0])
    is_async = kind in kinds.ASYNC_SESSIONS
    whole = module.parents.get(call) if is_async else call
    if entity is None or not isinstance(whole, ast.Await | ast.Call):
        return None
    return Objects(
        module,
        whole,
        call,
        (call,),
        func.value,
        (entity,),
        is_one=True,
        is_async=is_async,
        get=call,
    )


# --- select(...) ---


def _sent(module: Module, call: ast.Call) -> Objects | None:
    """Return what comes of a statement that *call* sends."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in SENDERS or len(call.args) != 1:
        return None
    kind = module.kind(func.value)
    if kind not in SESSIONS or call.keywords:
        return None
    trace = _Trace(session=func.value)
    if not _traced(module, call.args[0], trace, set()):
        return None
    entities = _entities(module, trace)
    is_async = kind in kinds.ASYNC_SESSIONS
    start: ast.AST | None = module.parents.get(call) if is_async else call
    if entities is None or not isinstance(start, ast.Await | ast.Call):
        return None
    rows = func.attr not in FIRST_COLUMN and (func.attr != "exec" or len(entities) > 1)
    whole, rows, last = _after(module, start, rows=rows)
    is_one = func.attr == "scalar" or last in ONE
    if func.attr in FIRST_COLUMN or (not rows and len(entities) > 1):
        entities = entities[:1]
    return Objects(
        module,
        whole,
        call.args[0],
        tuple(trace.sources),
        func.value,
        entities,
        tuple(trace.links),
        tuple(trace.grown),
        is_one=is_one,
        is_async=is_async,
        rows=rows,
    )


def _after(module: Module, node: ast.expr, *, rows: bool) -> tuple[ast.expr, bool, str]:
    """Follow a result to what is taken out of it at last."""
    last = ""
    while True:
        parent = module.parents.get(node)
        call = module.parents.get(parent) if isinstance(parent, ast.Attribute) else None
        if isinstance(parent, ast.Attribute) and isinstance(call, ast.Call) and call.func is parent:
            if call.args or call.keywords or parent.attr not in MANY | ONE | STEPS:
                return node, rows, last
            last = parent.attr
            rows = rows and last not in ("scalars", "scalar_one", "scalar_one_or_none", "scalar")
            node = call
            if last in MANY | ONE:
                return node, rows, last
            continue
        binding = binding_of(module, node)
        reads = reads_of(module, binding) if binding is not None else None
        if reads is None or len(reads) != 1 or not _is_asked(module, reads[0]):
            return node, rows, last
        node = reads[0]


def _is_asked(module: Module, node: ast.expr) -> bool:
    """Say whether a method of the result *node* is called."""
    parent = module.parents.get(node)
    return isinstance(parent, ast.Attribute) and parent.attr in MANY | ONE | STEPS


# --- Back to where a query starts ---


def _traced(module: Module, node: ast.expr, trace: _Trace, names: set[str]) -> bool:
    """Follow *node* back to all places where it starts; say whether that was possible."""
    while True:
        trace.steps += 1
        if trace.steps > MOST_STEPS:
            return False
        if _is_source(module, node, trace):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            trace.links.append(Link(node.func.attr, node))
            node = node.func.value
            continue
        if not isinstance(node, ast.Name):
            return False
        return _grown(module, node, trace, names)


def _is_source(module: Module, node: ast.expr, trace: _Trace) -> bool:
    match node:
        case ast.Attribute(attr="query", value=owner) if module.kind(node) in QUERIES:
            trace.arguments.append((owner,))
        case ast.Call(func=ast.Attribute(attr="query", value=session), args=given, keywords=[]):
            if module.kind(session) not in kinds.SESSIONS:
                return False
            trace.session = session
            trace.arguments.append(tuple(given))
        case ast.Call(func=func, args=given, keywords=[]):
            if module.qualified_name(func) not in SELECTS:
                return False
            trace.arguments.append(tuple(given))
        case _:
            return False
    trace.sources.append(node)
    return True


def _grown(module: Module, node: ast.Name, trace: _Trace, names: set[str]) -> bool:
    """Follow every assignment of the local variable *node*."""
    found = module.scopes.lookup(node.id, node)
    if found is None or not isinstance(found[0], Function):
        return False
    if node.id in names:
        return True  # it grows: ``query = query.filter(…)``
    if module.scopes.scope(node) is not found[0]:
        return False
    names.add(node.id)
    single = only_binding(module, node)
    for binding in [single] if single is not None else found[1]:
        if not _is_assigned(binding) or binding.value is None:
            return False
        trace.grown.append(binding)
        if not _traced(module, binding.value, trace, names):
            return False
    return True


def _is_assigned(binding: Binding) -> bool:
    return binding.kind in (BindingKind.ASSIGN, BindingKind.ANNOTATED) and binding.path == ()


def _entities(module: Module, trace: _Trace) -> tuple[Entity | None, ...] | None:
    """Return what the query reads; None when no whole object is among it, or starts differ."""
    found = [tuple(_entity(module, one) for one in given) for given in trace.arguments]
    if not found or not all(found) or not any(found[0]):
        return None
    classes = [tuple(one and one.cls.node for one in entities) for entities in found]
    return found[0] if all(one == classes[0] for one in classes) else None


def _entity(module: Module, node: ast.expr) -> Entity | None:
    found = selected_at(module, node)
    if found is None or found.model is None or found.column is not None:
        return None
    cls = class_named(module.project, found.model.name, module.path)
    return Entity(found.node, cls) if cls is not None else None
