"""What the code shows of the database behind a URL expression, without running any of it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hephaestus_rules.sqlalchemy_engine_pool_options.origins import (
    Origin,
    class_of,
    members,
    origins,
    returns,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hephaestus_codemods.project.module import Module

SCHEME = re.compile(r"\s*([A-Za-z]\w*)(?:\+\w+)?(?:$|://)")
#: What in a URL betrays that a pooler stands before the server; ``db_pool`` knows the same.
POOLER = re.compile(
    r"pgbouncer|pgcat|odyssey|supavisor|[-.]pooler\.|\.proxy-|:(?:6432|6543)(?!\d)", re.IGNORECASE
)
POOLER_PORTS: Final = (6432, 6543)
ALIASES: Final = {"postgres": "postgresql", "mariadb": "mysql"}
#: Databases in a file or in the process: pool sizes are an error there, or of no use.
EMBEDDED: Final = frozenset({"sqlite", "duckdb"})
#: Databases on a server, for which SQLAlchemy keeps a QueuePool.
SERVERS: Final = frozenset({"postgresql", "mysql", "mssql", "oracle", "cockroachdb", "redshift"})

URL_CREATE: Final = frozenset({"sqlalchemy.engine.URL", "sqlalchemy.engine.URL.create"})
SAME_AS_ARGUMENT: Final = frozenset({"sqlalchemy.engine.make_url", "builtins.str"})
#: Types of pydantic that accept only URLs of one database.
DSN_TYPES: Final = {
    "PostgresDsn": "postgresql",
    "CockroachDsn": "cockroachdb",
    "MySQLDsn": "mysql",
    "MariaDBDsn": "mysql",
}
ENVIRONMENT: Final = frozenset({"os.getenv", "os.environ.get", "os.environ.setdefault"})
#: Methods that return the same URL, as text or without white space.
SAME_URL: Final = frozenset({"unicode_string", "get_secret_value", "render_as_string", "strip"})
DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Target:
    """The databases that an expression can lead to, as far as the code shows.

    *fixed* says that there are no others: nothing outside of the code decides. *typed* says that
    a validated type admits no other. *pooler* is the part of the URL that betrays a pooler.
    """

    backends: frozenset[str] = frozenset()
    fixed: bool = False
    typed: bool = False
    pooler: str | None = None

    @property
    def known(self) -> bool:
        """Say whether it is one kind of database, whatever the environment says."""
        return (self.fixed or self.typed) and len(self.backends) == 1

    @property
    def is_server(self) -> bool:
        """Say whether every database it can be, as far as the code shows, is on a server."""
        return bool(self.backends) and self.backends <= SERVERS

    @property
    def is_embedded(self) -> bool:
        """Say whether every database it can be, as far as the code shows, is a file or memory."""
        return bool(self.backends) and self.backends <= EMBEDDED


UNKNOWN: Final = Target()
#: What a value adds that is only another one spelled differently.
NOTHING: Final = Target(fixed=True, typed=True)


def target_of(module: Module, url: ast.expr) -> Target:
    """Return what the code shows of the database behind *url*."""
    return _evaluate(Origin(module, url), ())


def pooler_in(text: str) -> str | None:
    """Return the part of *text* that betrays a connection pooler, or None."""
    found = POOLER.search(text)
    return found.group().strip(".-:") if found else None


def _either(targets: Iterable[Target]) -> Target:
    found = list(targets)
    if not found:
        return UNKNOWN
    return Target(
        frozenset().union(*(one.backends for one in found)),
        all(one.fixed for one in found),
        all(one.typed for one in found),
        next((one.pooler for one in found if one.pooler), None),
    )


def _default(target: Target) -> Target:
    """Return what is known of a value that the environment may replace by another."""
    return replace(target, fixed=False, typed=False)


def _literal(text: str) -> Target:
    found = SCHEME.match(text)
    if found is None:
        return UNKNOWN
    backend = found[1].lower()
    return Target(frozenset({ALIASES.get(backend, backend)}), fixed=True, pooler=pooler_in(text))


def _evaluate(origin: Origin, seen: tuple[ast.AST, ...]) -> Target:
    node, module = origin.node, origin.module
    if node in seen:
        return NOTHING
    if len(seen) > DEPTH:
        return UNKNOWN
    seen = (*seen, node)

    def inner(expression: ast.expr) -> Target:
        return _evaluate(Origin(module, expression), seen)

    match node:
        case ast.Constant(value=str(text)):
            return _literal(text) if "://" in text else UNKNOWN
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if "://" in text:
            return replace(_literal(text), pooler=pooler_in(_constant_parts(node)))
        case ast.IfExp(body=body, orelse=orelse):
            return _either((inner(body), inner(orelse)))
        case ast.BoolOp(op=ast.Or(), values=values):
            return _either(map(inner, values))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod()):
            return inner(left)
        case ast.NamedExpr(value=value) | ast.Await(value=value):
            return inner(value)
        case ast.Call():
            return _call(module, node, inner, seen)
        case ast.Name() | ast.Attribute():
            return _named(module, node, seen)
    return UNKNOWN


def _constant_parts(node: ast.JoinedStr) -> str:
    return "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "\0"
        for part in node.values
    )


def _call(
    module: Module, call: ast.Call, inner: Callable[[ast.expr], Target], seen: tuple[ast.AST, ...]
) -> Target:
    name = module.qualified_name(call.func)
    first = call.args[0] if call.args else None
    if name in URL_CREATE:
        return _created(call)
    if name in SAME_AS_ARGUMENT:
        return inner(first) if first is not None else UNKNOWN
    if name in ENVIRONMENT:
        return _with_default(call, inner)
    if isinstance(call.func, ast.Attribute):
        method = _method(call, inner)
        if method is not None:
            return method
    found = returns(module, call)
    if found is not None:
        return _either(_evaluate(origin, seen) for origin in found)
    return _with_default(call, inner)


def _created(call: ast.Call) -> Target:
    """Read ``URL.create("postgresql+asyncpg", host=…)``."""
    given = {one.arg: one.value for one in call.keywords}
    scheme = call.args[0] if call.args else given.get("drivername")
    if not isinstance(scheme, ast.Constant) or not isinstance(scheme.value, str):
        return UNKNOWN
    rest = [one.value for one in (*call.args, *given.values()) if isinstance(one, ast.Constant)]
    by_port = next((str(one) for one in rest if one in POOLER_PORTS), None)
    by_name = (pooler_in(one) for one in rest if isinstance(one, str))
    return replace(_literal(scheme.value), pooler=by_port or next(filter(None, by_name), None))


def _method(call: ast.Call, inner: Callable[[ast.expr], Target]) -> Target | None:
    """Read methods that make or change a URL; None when it is none of them."""
    assert isinstance(call.func, ast.Attribute)
    receiver, name = call.func.value, call.func.attr
    if name in SAME_URL:
        return inner(receiver)
    if name == "format":
        return inner(receiver)
    if name == "replace" and len(call.args) >= 2:
        return _replaced(call, inner(receiver))
    scheme = next((one.value for one in call.keywords if one.arg == "scheme"), None)
    if name == "build" and isinstance(scheme, ast.Constant) and isinstance(scheme.value, str):
        return _literal(scheme.value)
    return None


def _replaced(call: ast.Call, before: Target) -> Target:
    """Read ``url.replace("postgres://", "postgresql+asyncpg://")``: the same database."""
    old, new = (_evaluate_text(one) for one in call.args[:2])
    return before if old.backends == new.backends else UNKNOWN


def _evaluate_text(node: ast.expr) -> Target:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _literal(node.value)
    return UNKNOWN


def _with_default(call: ast.Call, inner: Callable[[ast.expr], Target]) -> Target:
    """Read ``os.getenv("URL", "postgresql://…")`` and functions of its kind."""
    given = next((one.value for one in call.keywords if one.arg == "default"), None)
    fallback = given or (call.args[1] if len(call.args) > 1 else None)
    return _default(inner(fallback)) if fallback is not None else UNKNOWN


def _named(module: Module, node: ast.expr, seen: tuple[ast.AST, ...]) -> Target:
    found = origins(module, node)
    if found:
        return _either(_value(origin, seen) for origin in found)
    if isinstance(node, ast.Attribute):
        owner = class_of(module, node.value)
        if owner is not None:
            return _either(_member(origin, seen) for origin in members(owner, node.attr))
    return UNKNOWN


def _value(origin: Origin, seen: tuple[ast.AST, ...]) -> Target:
    return _evaluate(origin, seen) if isinstance(origin.node, ast.expr) else UNKNOWN


def _member(origin: Origin, seen: tuple[ast.AST, ...]) -> Target:
    """Read what a class says of its member: a type, a default, or a property."""
    module, node = origin.module, origin.node
    match node:
        case ast.AnnAssign(annotation=annotation, value=value):
            backend = _dsn(module, annotation)
            if backend is not None:
                pooler = _evaluate(Origin(module, value), seen).pooler if value else None
                return Target(frozenset({backend}), typed=True, pooler=pooler)
            return _field(Origin(module, value), seen) if value is not None else UNKNOWN
        case ast.Assign(value=value):
            return _field(Origin(module, value), seen)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            found = returns(module, node)
            return _either(_evaluate(one, seen) for one in found or ())
    return UNKNOWN


def _field(origin: Origin, seen: tuple[ast.AST, ...]) -> Target:
    """Read a default, also in ``Field(default=…)``; settings may have another value."""
    node = origin.node
    if isinstance(node, ast.Call) and origin.module.qualified_name(node.func) in (
        "pydantic.Field",
        "pydantic.fields.Field",
    ):
        given = next((one.value for one in node.keywords if one.arg == "default"), None)
        value = given or (node.args[0] if node.args else None)
        return _default(_evaluate(Origin(origin.module, value), seen)) if value else UNKNOWN
    return _default(_evaluate(origin, seen))


def _dsn(module: Module, annotation: ast.expr) -> str | None:
    """Return the database that a pydantic type stands for, ``None`` as its alternative allowed."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _dsn(module, left)
        case ast.Subscript(value=value, slice=inner):
            optional = module.qualified_name(value) in ("typing.Optional", "typing.Annotated")
            first = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
            return _dsn(module, first) if optional else None
    holder, _, name = (module.qualified_name(annotation) or "").rpartition(".")
    return DSN_TYPES.get(name) if holder.partition(".")[0] == "pydantic" else None
