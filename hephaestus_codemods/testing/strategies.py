"""Hypothesis strategies for the data that breaks batching: odd keys, and rows for any tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hephaestus_codemods.testing.differential import Rows

Value = TypeVar("Value")

#: Texts that a database, a cast, a pattern or a careless comparison may confuse.
ODD_TEXTS = (
    "",
    " ",
    "a",
    "A",
    "a ",
    "é",
    "e\N{COMBINING ACUTE ACCENT}",
    "ß",
    "SS",
    "0",
    "1",
    "01",
    "1.0",
    "-1",
    "None",
    "null",
    "true",
    "%",
    "_",
    "a%",
    "'",
    '"',
    "\\",
    "a,b",
    "a:b",
    "{a}",
    "\n",
    "\U0001f600",
)
#: One more parameter than PostgreSQL's protocol takes; SQLite's limit depends on its build.
TOO_MANY = 65_536
BIG = 2**31 - 1


def texts() -> st.SearchStrategy[str]:
    """Make texts that any database can hold, the odd ones often."""
    free = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
    return st.sampled_from(ODD_TEXTS) | free


def keys(
    existing: Sequence[Value], missing: Sequence[Value] = (), *, none: bool = True
) -> st.SearchStrategy[list[Value | None]]:
    """Make lists of keys to look up: existing, *missing*, repeated, None, or none at all."""
    choices: list[Value | None] = [*existing, *missing, *([None] if none else [])]
    few = st.lists(st.sampled_from(choices), max_size=8)
    repeated = few.flatmap(lambda keys: st.permutations(keys + keys))
    return few | repeated


def too_many_keys(existing: Sequence[int]) -> list[int]:
    """Return more keys than a statement of PostgreSQL takes, the *existing* ones among them."""
    missing = range(BIG - TOO_MANY, BIG)
    return [*missing, *existing]


@st.composite
def rows(draw: st.DrawFn, tables: sa.MetaData, *, most: int = 6) -> Rows:
    """Make rows for *tables* that keep primary keys, unique columns and foreign keys."""
    made: dict[str, list[dict[str, object]]] = {}
    for table in tables.sorted_tables:
        made[table.name] = []
        for _ in range(draw(st.integers(0, most))):
            row = {column.name: draw(_cells(column, made)) for column in table.columns}
            if _fits(table, row, made):
                made[table.name].append(row)
    return made


def _cells(
    column: sa.Column[Any], made: dict[str, list[dict[str, object]]]
) -> st.SearchStrategy[object]:
    """Make values for one column; a foreign key points to a row that exists, or is None."""
    nothing: st.SearchStrategy[object] = st.none() if column.nullable else st.nothing()
    for key in column.foreign_keys:
        targets = [row[key.column.name] for row in made.get(key.column.table.name, ())]
        return (st.sampled_from(targets) if targets else st.none()) | nothing
    if column.primary_key and isinstance(column.type, sa.Integer):
        return st.integers(1, 9)
    return values(column.type) | nothing


def _fits(
    table: sa.Table, row: dict[str, object], made: dict[str, list[dict[str, object]]]
) -> bool:
    """Say whether *row* may stand beside the rows that the table has."""
    if any(row[column.name] is None and not column.nullable for column in table.columns):
        return False
    others = made[table.name]
    sets = [[column.name for column in table.primary_key]]
    sets += [[column.name] for column in table.columns if column.unique]
    sets += [
        [column.name for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    return not any(
        names and all(row[name] == other[name] for name in names)
        for names in sets
        for other in others
    )


def values(kind: sa.types.TypeEngine[Any]) -> st.SearchStrategy[Any]:
    """Make values of an SQL type."""
    match kind:
        case sa.Enum():
            return st.sampled_from(kind.enums)
        case sa.Boolean():
            return st.booleans()
        case sa.Integer():
            return st.integers(-3, 9) | st.sampled_from([BIG, -BIG])
        case sa.Float():
            return st.sampled_from([0.0, -1.5, 0.1, 1e10])
        case sa.Numeric():
            return st.decimals(-1000, 1000, places=min(kind.scale or 2, 4))
        case sa.DateTime():
            zone = st.timezones() if kind.timezone else st.none()
            return st.datetimes(timezones=zone)
        case sa.Date():
            return st.dates()
        case sa.Uuid():
            return st.uuids()
        case sa.LargeBinary():
            return st.binary(max_size=8)
        case sa.JSON():
            return st.dictionaries(texts(), st.integers(0, 9) | texts(), max_size=3)
        case sa.String():
            room = kind.length or 100
            return texts().filter(lambda text: len(text) <= room)
    raise NotImplementedError(f"no values are known for the type {kind!r}: draw them yourself")
