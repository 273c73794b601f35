"""What the database answers for no rows at all, as a value of Python."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.types import compares_exactly
from hephaestus_codemods.project.aggregates import columns_of, function_in
from hephaestus_codemods.rule import Established, Precondition, Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.project.aggregates import Aggregate

WHOLE: Final = frozenset(
    """builtins.int sqlalchemy.Integer sqlalchemy.INTEGER sqlalchemy.SmallInteger
    sqlalchemy.SMALLINT""".split()
)
BIG: Final = frozenset({"sqlalchemy.BigInteger", "sqlalchemy.BIGINT"})
DECIMAL: Final = frozenset(
    "decimal.Decimal sqlalchemy.Numeric sqlalchemy.NUMERIC sqlalchemy.DECIMAL".split()
)
FLOAT: Final = frozenset(
    "builtins.float sqlalchemy.Float sqlalchemy.FLOAT sqlalchemy.Double sqlalchemy.REAL".split()
)
POSTGRESQL: Final = (
    "psycopg",
    "psycopg2",
    "psycopg2-binary",
    "psycopg-binary",
    "asyncpg",
    "pg8000",
)


class Number(StrEnum):
    """What kind of number an aggregate gives."""

    INT = "int"
    """A whole number; MySQL makes a decimal number of a sum."""

    DECIMAL = "Decimal"
    """A decimal number; in PostgreSQL also for sums of BIGINT and means of whole numbers."""

    FLOAT = "float"
    """A floating-point number, of which the sum depends on the order."""


@dataclass(frozen=True)
class Default:
    """What no rows give: ``0``, ``Decimal(0)`` or ``0.0``; *known* says why it is right."""

    number: Number
    known: Precondition


def number_of(aggregate: Aggregate) -> Number | None:
    """Return the kind of number that *aggregate* gives; None when it is not known."""
    module, call = aggregate.query.module, aggregate.call
    function = function_in(module, call) if call is not None else None
    given = function.args if isinstance(function, ast.Call) else []
    if len(given) != 1 or not _is_arithmetic(given[0]):
        return None
    read = columns_of(module, given[0]) or {}
    types = {column.type_name for _, column in read.values()}
    if not types or not types <= WHOLE | BIG | DECIMAL | FLOAT:
        return None
    if types & FLOAT:
        return Number.FLOAT
    widens = aggregate.name == "avg" or (aggregate.name == "sum" and types & BIG)
    if types & DECIMAL or widens:
        return Number.DECIMAL
    return Number.INT


def _is_arithmetic(node: ast.expr) -> bool:
    """Say whether the columns are only added and multiplied."""
    allowed = (ast.Name, ast.Attribute, ast.Load, ast.Add, ast.Sub, ast.Mult, ast.BinOp)
    return all(isinstance(one, allowed) for one in ast.walk(node))


def default_of(aggregate: Aggregate) -> Default | Refusal:
    """Return what ``coalesce(…, 0)`` gives where there are no rows."""
    module, number = aggregate.query.module, number_of(aggregate)
    if number is None or not _is_zero(aggregate, number):
        message = "which type coalesce() gives for no rows cannot be seen"
        return Refusal("default-type", message)
    name = "no rows give what coalesce() gives for none"
    exact = compares_exactly(module)
    if number is Number.INT and (aggregate.name != "sum" or exact):
        return Default(number, Precondition(name, Established.PROVED, "a whole number"))
    if any(module.project.target.has(one, module.path) for one in POSTGRESQL):
        detail = f"PostgreSQL gives a {number}"
        return Default(number, Precondition(name, Established.PROVED, detail))
    if aggregate.name == "avg" or exact is False or _is_big(aggregate):
        message = "whether no rows give an int or a Decimal depends on the database"
        return Refusal("default-type", message)
    detail = f"a {number}; other databases may give another one that is equal"
    return Default(number, Precondition(name, Established.ASSUMED, detail))


def _is_zero(aggregate: Aggregate, number: Number) -> bool:
    """Say whether the default is a 0 that does not change what kind of number comes out."""
    given = aggregate.default
    if not isinstance(given, ast.Constant) or given.value != 0:
        return False
    return type(given.value) is int or (type(given.value) is float and number is Number.FLOAT)


def _is_big(aggregate: Aggregate) -> bool:
    return any(one.type_name in BIG for one in aggregate.columns)
