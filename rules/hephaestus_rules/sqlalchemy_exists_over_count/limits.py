"""What must hold of a query before another question may be asked in its place."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.infer import class_named, has_member
from hephaestus_codemods.project.variables import binding_at, reads_of
from hephaestus_codemods.rule import Established, Precondition, Refusal
from hephaestus_rules.sqlalchemy_exists_over_count.chains import (
    CONDITIONS,
    JOINS,
    Entity,
    column_at,
    entity_of,
    is_outer,
    may_be_table,
    model_at,
    only_loads,
)
from hephaestus_rules.sqlalchemy_exists_over_count.counts import counted_of
from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch, Gives
from hephaestus_rules.sqlalchemy_exists_over_count.uniqueness import at_most_one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Link
    from hephaestus_rules.sqlalchemy_exists_over_count.firsts import Firsts

#: Drivers of databases that accept no EXISTS among the columns of a SELECT.
WITHOUT_EXISTS: Final = ("pyodbc", "pymssql", "aioodbc", "cx-oracle", "oracledb")
WITH_EXISTS: Final = (
    *("psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000"),
    *("pymysql", "mysqlclient", "aiomysql", "asyncmy", "mysql-connector-python", "mariadb"),
    "aiosqlite",
)
#: What decides which rows there are, and leaves the first of them what it is.
SHAPING: Final = frozenset({"order_by", "offset", "distinct", "group_by", "having"})
UNCLEAR: Final = Refusal(
    "unclear-query",
    "the query is built elsewhere: what it joins, groups or limits cannot be seen here",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a query; with a *refusal* it stays as it is."""

    known: tuple[Precondition, ...] = ()
    refusal: Refusal | None = None


def for_truth(module: Module, fetch: Fetch) -> Facts:
    """Return what is known before asking for existence."""
    if fetch.is_select_of_rows:
        return _for_rows(module, fetch)
    entity = _entity(module, fetch)
    if isinstance(entity, Refusal):
        return Facts(refusal=entity)
    if fetch.count is None:
        refusal = _links(module, fetch, CONDITIONS | JOINS | {"order_by"}, limited=True)
    else:
        refusal = _links(module, fetch, CONDITIONS | JOINS | {"select_from"})
        refusal = refusal or _elsewhere(module, fetch)
    refusal = refusal or _of_first(module, fetch, entity) or _dialect_refusal(module)
    if refusal is not None:
        return Facts(refusal=refusal)
    return Facts((_only_truth(), _one_entity(entity), _dialect(module)))


def _for_rows(module: Module, fetch: Fetch) -> Facts:
    """Return what is known before asking for the existence of the rows of a select."""
    if fetch.source is None and (fetch.gives is Gives.FIRST or fetch.is_exec):
        # It may be limited to one row, or be no select of SQLModel.
        return Facts(refusal=UNCLEAR)
    known = CONDITIONS | JOINS | SHAPING | {"select_from"}
    refusal = _links(module, fetch, known, limited=True)
    entity = entity_of(module, fetch.source) if fetch.source is not None else None
    if refusal is None and fetch.ending.only_one:
        refusal = _of_several(module, fetch, entity)
    refusal = refusal or _dialect_refusal(module)
    if refusal is not None:
        return Facts(refusal=refusal)
    name = "the select does nothing but read"
    if fetch.source is not None:
        plain = Precondition(name, Established.PROVED, "its parts can be seen")
    else:
        detail = "it is built elsewhere, where with_for_update() could lock rows"
        plain = Precondition(name, Established.ASSUMED, detail)
    return Facts((_only_truth(), plain, _dialect(module)))


def for_number(module: Module, fetch: Fetch) -> Facts:
    """Return what is known before asking for the number of rows."""
    entity = _entity(module, fetch)
    if isinstance(entity, Refusal):
        return Facts(refusal=entity)
    refusal = _links(module, fetch, CONDITIONS | {"order_by"}) or _countable(module, fetch, entity)
    if refusal is not None:
        return Facts(refusal=refusal)
    used = Precondition("only the number of rows is used", Established.PROVED, "len() is around it")
    return Facts((used, _one_entity(entity)))


def for_firsts(module: Module, fetch: Fetch, firsts: Firsts) -> Facts | None:
    """Return what is known before asking for few rows; None when nothing would be gained."""
    if fetch.source is None:
        return Facts(refusal=UNCLEAR)
    if "limit" in fetch.names or _is_computed(fetch.source):
        return None
    entity = entity_of(module, fetch.source)
    if at_most_one(module, fetch, entity.model if entity is not None else None):
        return None
    refusal = (
        _links(module, fetch, CONDITIONS | JOINS | SHAPING)
        or _repeated(module, fetch, entity, firsts)
        or _by_subquery(fetch, entity)
    )
    if refusal is not None:
        return Facts(refusal=refusal)
    used = "the others are never read"
    known = [Precondition("only the first rows are used", Established.PROVED, used)]
    known.append(_ordered(fetch))
    if firsts.number is None:
        detail = f"{firsts.text} could be negative, and count from the end"
        known.append(Precondition("the limit is no negative number", Established.ASSUMED, detail))
    return Facts(tuple(known))


def _is_computed(source: ast.expr) -> bool:
    """Say whether something computed is read: an aggregate may give one row anyway."""
    return isinstance(source, ast.Call) and any(isinstance(one, ast.Call) for one in source.args)


def _repeated(
    module: Module, fetch: Fetch, entity: Entity | None, firsts: Firsts
) -> Refusal | None:
    """Refuse to limit rows where the list has each entity once."""
    is_once = fetch.unique or (fetch.send is None and entity is not None and not entity.column)
    if firsts.number == 1 or not is_once:
        return None
    if entity is None or entity.model is None:
        return Refusal("unclear-entity", "what the query reads cannot be seen: it may be repeated")
    for link in fetch.links:
        if link.name in JOINS:
            return _repeats(link.name)
        refusal = _conditions(module, link, entity.model) if link.name in CONDITIONS else None
        if refusal is not None:
            return refusal
    return None


def _by_subquery(fetch: Fetch, entity: Entity | None) -> Refusal | None:
    options = [one.call for one in fetch.links if one.name == "options"]
    asked = any("subqueryload" in ast.dump(one) for one in options)
    model = entity.model if entity is not None else None
    relationships = model.relationships if model is not None else ()
    if not asked and all(one.lazy != "subquery" for one in relationships):
        return None
    return Refusal("subquery-loading", "subqueryload() repeats the query, and may limit other rows")


def _ordered(fetch: Fetch) -> Precondition:
    name = "the query says which rows are the first"
    orders = [one.call.args for one in fetch.links if one.name == "order_by"]
    if orders and not any(isinstance(one, ast.Constant) for given in orders for one in given):
        return Precondition(name, Established.PROVED, "it has order_by()")
    detail = "without ORDER BY a database may choose others when it is asked for few"
    return Precondition(name, Established.ASSUMED, detail)


def table_of(module: Module, fetch: Fetch) -> ast.expr:
    """Return the expression of the class that the query reads."""
    assert fetch.source is not None
    entity = entity_of(module, fetch.source)
    assert entity is not None
    inside = entity.column and isinstance(entity.node, ast.Attribute)
    return entity.node.value if inside and isinstance(entity.node, ast.Attribute) else entity.node


def is_inline(fetch: Fetch) -> bool:
    """Say whether the query starts where it is sent."""
    return any(one is fetch.source for one in ast.walk(fetch.query))


def _is_its_own(module: Module, fetch: Fetch) -> bool:
    """Say whether nothing else reads the query, so that it may change where it is built."""
    if is_inline(fetch):
        return True
    binding = binding_at(module, fetch.query) if isinstance(fetch.query, ast.Name) else None
    if binding is None or binding.value is None or reads_of(module, binding) != (fetch.query,):
        return False
    return any(one is fetch.source for one in ast.walk(binding.value))


def gains_nothing(module: Module, fetch: Fetch) -> bool:
    """Say whether one column of one row is used: to fetch it costs as much as to ask for it."""
    if fetch.gives is Gives.NUMBER or fetch.source is None:
        return False
    entity = entity_of(module, fetch.source)
    if entity is not None and not entity.column:
        return False
    return fetch.gives is Gives.FIRST or "limit" in fetch.names


def is_plain_truth(module: Module, fetch: Fetch) -> bool:
    """Say whether what ``first()`` gives is true whenever it is not None."""
    if fetch.rows:
        return True
    if fetch.source is None:
        return False
    entity = entity_of(module, fetch.source)
    if entity is None or entity.model is None or entity.column or not entity.model.complete:
        return entity is not None and entity.column and fetch.send is None
    cls = class_named(module.project, entity.model.name, module.path)
    return cls is not None and not any(has_member(cls, one) for one in ("__bool__", "__len__"))


def _entity(module: Module, fetch: Fetch) -> Entity | Refusal:
    if fetch.source is None:
        return UNCLEAR
    if fetch.count is not None:
        counted = counted_of(module, fetch)
        return counted if isinstance(counted, Refusal) else counted.entity
    found = entity_of(module, fetch.source)
    if found is None:
        return Refusal(
            "not-one-entity",
            "the query reads several things or an aggregate, which gives a row even for no rows",
        )
    return found


def _links(
    module: Module, fetch: Fetch, known: frozenset[str], *, limited: bool = False
) -> Refusal | None:
    for link in fetch.links:
        if limited and link.name == "limit" and _leaves_some(link):
            continue
        if link.name in known or (link.name == "options" and only_loads(module, link.call)):
            continue
        if limited and link.name == "add_columns" and _adds_columns(module, fetch, link):
            continue
        if link.name in JOINS:
            return _repeats(link.name)
        code = f"query-has-{link.name.strip('_').replace('_', '-')}"
        return Refusal(code, f"{link.name}() decides which rows are fetched, or how")
    return None


def _repeats(name: str) -> Refusal:
    return Refusal("joined-entities", f"{name}() can repeat an entity, which the list has once")


def _adds_columns(module: Module, fetch: Fetch, link: Link) -> bool:
    """Say whether a legacy query only reads more columns of the same model."""
    entity = entity_of(module, fetch.source) if fetch.source is not None else None
    if entity is None or entity.model is None or fetch.send is not None or link.call.keywords:
        return False
    added = [column_at(module, one) for one in link.call.args]
    return all(one is not None and one[0].name == entity.model.name for one in added)


def _leaves_some(link: Link) -> bool:
    """Say whether ``limit(...)`` surely leaves a row where there is one."""
    match link.call.args:
        case [ast.Constant(value=int(number))]:
            return number > 0 and not link.call.keywords
    return False


def _of_several(module: Module, fetch: Fetch, entity: Entity | None) -> Refusal | None:
    if at_most_one(module, fetch, entity.model if entity is not None else None):
        return None
    return Refusal(
        "several-rows",
        "several rows are an error here, and no unique key shows that there is one at most",
    )


def _of_first(module: Module, fetch: Fetch, entity: Entity) -> Refusal | None:
    if fetch.gives is not Gives.FIRST:
        return None
    refusal = _of_several(module, fetch, entity) if fetch.ending.only_one else None
    if refusal is not None:
        return refusal
    if "join_from" in fetch.names or any(is_outer(one) for one in fetch.links):
        return Refusal("joined-entities", "an outer join can give None for a row that exists")
    if fetch.send is not None and _may_be_null(entity):
        return Refusal(
            "null-value", "the first value can be NULL, which is None although a row exists"
        )
    return None


def _may_be_null(entity: Entity) -> bool:
    if entity.model is None:
        return True
    if not entity.column or not isinstance(entity.node, ast.Attribute):
        return False
    column = entity.model.column(entity.node.attr)
    return column is None or column.nullable is not False


def _countable(module: Module, fetch: Fetch, entity: Entity) -> Refusal | None:
    refusal = _elsewhere(module, fetch)
    if fetch.send is not None and refusal is not None:
        return refusal
    if fetch.unique:
        return Refusal("joined-entities", "unique() counts entities, COUNT(*) counts rows")
    if entity.model is None:
        return Refusal(
            "unclear-entity", "what the query reads cannot be seen: it may be no single entity"
        )
    for link in fetch.links:
        if link.name in CONDITIONS and fetch.send is None and not entity.column:
            refusal = _conditions(module, link, entity.model)
            if refusal is not None:
                return refusal
        if link.name == "order_by" and fetch.send is not None and not _is_mere_order(module, link):
            return Refusal(
                "query-has-order-by",
                "COUNT(*) takes no order, and what stands in order_by() is more than columns",
            )
    return None


def _elsewhere(module: Module, fetch: Fetch) -> Refusal | None:
    if _is_its_own(module, fetch):
        return None
    return Refusal(
        "built-elsewhere",
        "the query is built in another statement, and others read it: write this one anew",
    )


def _is_mere_order(module: Module, link: Link) -> bool:
    return not link.call.keywords and all(_is_ordering(module, one) for one in link.call.args)


def _is_ordering(module: Module, node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="asc" | "desc"), args=[], keywords=[]):
            return _is_ordering(module, inner)
        case ast.Call(func=function, args=[inner], keywords=[]):
            name = module.qualified_name(function)
            return name in ("sqlalchemy.asc", "sqlalchemy.desc") and _is_ordering(module, inner)
        case ast.Attribute(value=owner, attr=name):
            model = model_at(module, owner)
            return model is not None and model.column(name) is not None
    return False


def _conditions(module: Module, link: Link, model: Model) -> Refusal | None:
    """Refuse conditions on other tables: they multiply rows, which a legacy query makes unique."""
    given = [*link.call.args, *(one.value for one in link.call.keywords)]
    hidden = any(isinstance(one, ast.Starred | ast.Name) for one in link.call.args)
    if hidden or any(may_be_table(module, part) for one in given for part in ast.walk(one)):
        return Refusal(
            "unclear-condition",
            "the condition may name another table: rows would be repeated",
        )
    others = {one.name for one in _models(module, link)} - {model.name}
    if others:
        return Refusal(
            "joined-entities",
            f"the condition names {min(others)} too: its rows repeat what the list has once",
        )
    return None


def _models(module: Module, link: Link) -> Iterator[Model]:
    for argument in (*link.call.args, *(one.value for one in link.call.keywords)):
        for node in ast.walk(argument):
            found = model_at(module, node) if isinstance(node, ast.Name | ast.Attribute) else None
            if found is not None:
                yield found


def _only_truth() -> Precondition:
    detail = "it is compared with zero or None, or stands in a condition"
    return Precondition("only the existence of rows is used", Established.PROVED, detail)


def _one_entity(entity: Entity) -> Precondition:
    name = "the query reads one entity"
    if entity.model is not None:
        return Precondition(name, Established.PROVED, f"{entity.model.name} is mapped")
    detail = f"{ast.unparse(entity.node)} cannot be seen: it could be an aggregate"
    return Precondition(name, Established.ASSUMED, detail)


def _dialect_refusal(module: Module) -> Refusal | None:
    target = module.project.target
    driver = next((one for one in WITHOUT_EXISTS if target.has(one)), None)
    if driver is None or any(target.has(one) for one in WITH_EXISTS):
        return None
    return Refusal(
        "no-select-exists",
        f"SQL Server and Oracle, for which {driver} is required, cannot SELECT EXISTS (...)",
    )


def _dialect(module: Module) -> Precondition:
    name = "the database accepts SELECT EXISTS (...)"
    target = module.project.target
    other = next((one for one in WITHOUT_EXISTS if target.has(one)), None)
    driver = next((one for one in WITH_EXISTS if target.has(one)), None)
    if driver is not None and other is not None:
        detail = f"{driver} is required, but so is {other}, and SQL Server and Oracle would not"
        return Precondition(name, Established.ASSUMED, detail)
    if driver is None:
        detail = "no manifest names a driver: SQL Server and Oracle would not"
        return Precondition(name, Established.ASSUMED, detail)
    return Precondition(name, Established.PROVED, f"{driver} is required")
