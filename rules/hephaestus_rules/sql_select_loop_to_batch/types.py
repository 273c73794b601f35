"""Whether a key in Python and a column in the database agree on what is equal."""

from __future__ import annotations

import ast
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.values import Class, Instance

if TYPE_CHECKING:
    from hephaestus_codemods.project.models import Column
    from hephaestus_codemods.project.module import Module


class Family(StrEnum):
    """Types whose values are equal in Python when they are in the database."""

    NUMBER = "whole numbers"
    """Integers of any size."""

    UUID = "UUIDs"
    """As objects of Python."""

    TEXT = "text"
    """Equal only where the database compares case by case."""


FAMILIES: Final = {
    **dict.fromkeys(
        ("builtins.int", "sqlalchemy.Integer", "sqlalchemy.BigInteger", "sqlalchemy.SmallInteger"),
        Family.NUMBER,
    ),
    **dict.fromkeys(("sqlalchemy.INTEGER", "sqlalchemy.BIGINT"), Family.NUMBER),
    **dict.fromkeys(
        ("uuid.UUID", "sqlalchemy.Uuid", "sqlalchemy.UUID", "sqlalchemy.dialects.postgresql.UUID"),
        Family.UUID,
    ),
    **dict.fromkeys(
        ("builtins.str", "sqlalchemy.String", "sqlalchemy.Text", "sqlalchemy.VARCHAR"),
        Family.TEXT,
    ),
}
#: Drivers of databases that take text as equal whatever its case, unless told otherwise.
CASELESS: Final = (
    *("pymysql", "mysqlclient", "aiomysql", "asyncmy", "mysql-connector-python", "mariadb"),
    *("pyodbc", "pymssql", "aioodbc"),
)
EXACT: Final = (
    *("psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000"),
    "aiosqlite",
)


def family_of(column: Column) -> Family | None:
    """Return the family of a column's values, or None when equality is not known."""
    return FAMILIES.get(column.type_name or "")


def key_family(module: Module, node: ast.expr) -> Family | None:
    """Return the family of the values of *node*, as far as the code says it."""
    if isinstance(node, ast.Attribute):
        owner = value(module, node.value)
        if isinstance(owner, Instance) and isinstance(owner.of, Class):
            model = module.project.model(owner.of.name, module.path)
            column = model.column(node.attr) if model is not None else None
            if column is not None:
                return family_of(column)
    return FAMILIES.get(module.kind(node) or "")


def compares_exactly(module: Module) -> bool | None:
    """Say whether the database tells ``a`` from ``A``; None when no manifest names its driver."""
    target = module.project.target
    if any(target.has(name, module.path) for name in CASELESS):
        return False
    return True if any(target.has(name, module.path) for name in EXACT) else None
