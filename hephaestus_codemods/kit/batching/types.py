"""Whether a key in Python and a column in the database agree on what is equal."""

from __future__ import annotations

import ast
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from packaging.version import Version

from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.infer.reaching import reaching
from hephaestus_codemods.project.rows import column_in_row
from hephaestus_codemods.project.values import Class, Instance

if TYPE_CHECKING:
    from hephaestus_codemods.project.models import Column
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding


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
    **dict.fromkeys(
        ("sqlalchemy.INTEGER", "sqlalchemy.BIGINT", "sqlalchemy.SMALLINT"), Family.NUMBER
    ),
    **dict.fromkeys(
        ("uuid.UUID", "sqlalchemy.Uuid", "sqlalchemy.UUID", "sqlalchemy.dialects.postgresql.UUID"),
        Family.UUID,
    ),
    **dict.fromkeys(
        ("builtins.str", "sqlalchemy.String", "sqlalchemy.Text", "sqlalchemy.VARCHAR"),
        Family.TEXT,
    ),
    **dict.fromkeys(
        ("sqlalchemy.TEXT", "sqlalchemy.Unicode", "sqlalchemy.UnicodeText"), Family.TEXT
    ),
    "sqlmodel.AutoString": Family.TEXT,
    "sqlmodel.sql.sqltypes.AutoString": Family.TEXT,
}
#: Types whose values nobody can change, so that two rounds may share one.
UNCHANGING: Final = frozenset(
    {*FAMILIES, "builtins.bool", "builtins.float", "builtins.bytes", "decimal.Decimal"}
    | {"datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta"}
    | {
        f"sqlalchemy.{name}"
        for name in (
            *("Boolean", "Float", "Double", "Numeric", "DateTime", "Date", "Time", "Interval"),
            *("LargeBinary", "Enum", "BOOLEAN", "FLOAT", "NUMERIC", "TIMESTAMP", "DATE", "TIME"),
        )
    }
)
#: From this version on, a UUID of PostgreSQL is an object unless told otherwise.
UUID_OBJECTS: Final = Version("2.0")
#: Drivers of databases that take text as equal whatever its case, unless told otherwise.
CASELESS: Final = (
    *("pymysql", "mysqlclient", "aiomysql", "asyncmy", "mysql-connector-python", "mariadb"),
    *("pyodbc", "pymssql", "aioodbc"),
)
EXACT: Final = ("psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000")
#: Annotations around a type that is no collection.
WRAPPERS: Final = ("Optional", "Union", "Annotated", "Final", "ClassVar")
#: What code says that also serves a database which takes text as equal whatever its case.
CASELESS_WORDS: Final = (b"mysql+", b"mysql:", b"mssql+", b"mssql:", b'"mysql"', b"'mysql'")
#: A driver that is also used for trying out what is made for another database.
TRYING: Final = "aiosqlite"
#: What a URL of a database that compares case by case begins with.
EXACT_URLS: Final = (b"postgresql", b"postgres://", b"sqlite:", b"sqlite+")


def family_of(module: Module, column: Column) -> Family | None:
    """Return the family of a column's values, or None when equality is not known."""
    found = FAMILIES.get(column.type_name or "")
    options = dict(column.type_options)
    if found is Family.TEXT and "collation" in options:
        return None
    if found is Family.UUID and not _makes_objects(module, column.type_name or "", options):
        return None
    return found


def _makes_objects(module: Module, name: str, options: dict[str, object]) -> bool:
    """Say whether a column of UUIDs gives objects; as text they are not equal to those."""
    if "as_uuid" in options:
        return options["as_uuid"] is True
    if name != "sqlalchemy.dialects.postgresql.UUID":
        return True
    floor = module.project.target.version_floor("sqlalchemy", module.path)
    return floor is not None and floor >= UUID_OBJECTS


def key_family(module: Module, node: ast.expr) -> Family | None:
    """Return the family of the values of *node*, as far as the code says it."""
    found = column_at(module, node)
    if found is not None:
        return family_of(module, found)
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return FAMILIES.get(module.qualified_name(node.func) or "")
    return FAMILIES.get(module.kind(node) or "")


def column_at(module: Module, node: ast.expr) -> Column | None:
    """Return the column that *node* reads of a mapped object, or is of a row."""
    owner = value(module, node.value) if isinstance(node, ast.Attribute) else None
    if not isinstance(node, ast.Attribute) or not isinstance(owner, Instance):
        return column_in_row(module, node)
    if not isinstance(owner.of, Class):
        return column_in_row(module, node)
    model = module.project.model(owner.of.name, module.path)
    return model.column(node.attr) if model is not None else None


def may_be_none(module: Module, node: ast.expr) -> bool | None:
    """Say whether the code allows None for *node*; None when it says nothing about it."""
    if isinstance(node, ast.Call):
        return False if module.qualified_name(node.func) in FAMILIES else None
    column = column_at(module, node)
    if column is not None:
        return column.nullable
    if isinstance(node, ast.Attribute):
        owner = value(module, node.value)
        if isinstance(owner, Instance) and isinstance(owner.of, Class):
            return _of_member(owner.of, node.attr)
        return None
    return _of_variable(module, node) if isinstance(node, ast.Name) else None


def _of_member(cls: Class, name: str) -> bool | None:
    bindings = cls.module.scopes.bound(cls.node).get(name, [])
    return _annotated(bindings[0]) if len(bindings) == 1 else None


def _of_variable(module: Module, node: ast.Name) -> bool | None:
    binding = _binding_of(module, node)
    if binding is None:
        return None
    if binding.annotation is not None or binding.value is None:
        return _annotated(binding)
    names = [one for one in ast.walk(binding.value) if isinstance(one, ast.Name)]
    held = [_held_by(module, one) for one in names if not _is_called(module, one)]
    return None if not held or None in held else any(held)


def _binding_of(module: Module, node: ast.Name) -> Binding | None:
    """Return what surely gave the variable *node* its value."""
    found = module.scopes.lookup(node.id, node)
    if found is None:
        return None
    scope, bindings = found
    return bindings[0] if len(bindings) == 1 else reaching(module, node, scope, bindings)


def _is_called(module: Module, node: ast.Name) -> bool:
    parent = module.parents.get(node)
    return isinstance(parent, ast.Call) and parent.func is node


def _held_by(module: Module, node: ast.Name) -> bool | None:
    """Say whether the collection *node* may hold None, by its annotation."""
    binding = _binding_of(module, node)
    annotation = binding.annotation if binding is not None else None
    if annotation is None:
        return _of_variable(module, node)
    held = [
        one.slice
        for one in ast.walk(annotation)
        if isinstance(one, ast.Subscript) and not ast.unparse(one.value).endswith(WRAPPERS)
    ]
    return any(map(_allows_none, held)) if held else None


def _annotated(binding: Binding) -> bool | None:
    return None if binding.annotation is None else _allows_none(binding.annotation)


def _allows_none(annotation: ast.expr) -> bool:
    text = ast.unparse(annotation)
    return any(word in text for word in ("None", "Optional", "Any"))


def compares_exactly(module: Module) -> bool | None:
    """Say whether the database tells ``a`` from ``A``; None when nothing names the database."""
    target = module.project.target
    if any(target.has(name, module.path) for name in CASELESS):
        return False
    if any(target.has(name, module.path) for name in EXACT):
        return True
    if _mentions(module, CASELESS_WORDS):
        return None
    return True if target.has(TRYING, module.path) or _mentions(module, EXACT_URLS) else None


def _mentions(module: Module, words: tuple[bytes, ...]) -> bool:
    return next(module.project.modules_with(*words), None) is not None
