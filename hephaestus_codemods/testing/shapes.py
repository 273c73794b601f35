"""Values and exceptions as a caller can tell them from others, so that two runs compare."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError

#: A value as plain nested tuples that compare by what a caller can see.
Shape = tuple[object, ...]

ADDRESS = re.compile(r"0x[0-9a-f]+")
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Raised:
    """An exception as a caller tells it from others."""

    kind: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        """Describe *error*; of a database's words only what does not depend on the statement."""
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        if isinstance(error, DBAPIError):
            words = str(error.orig).partition("\n")[0]
            return cls(kind, NUMBER.sub("#", words))
        return cls(kind, ADDRESS.sub("0x#", str(error)))


@dataclass
class Seen:
    """The objects met so far, each with its number; held, so that no number is given twice."""

    objects: dict[int, tuple[int, object]] = dataclasses.field(default_factory=dict)

    def again(self, value: object) -> str | None:
        """Return how to name *value* if it was met before; remember it if it was not."""
        if id(value) in self.objects:
            return f"#{self.objects[id(value)][0]} again"
        self.objects[id(value)] = len(self.objects), value
        return None


def shape(value: object) -> Shape:
    """Return *value* by value, type, order, and which mutable parts are one and the same object."""
    return _shape(value, Seen())


def _shape(value: object, seen: Seen) -> Shape:
    kind = type(value).__name__
    match value:
        case None | bool() | int() | str() | bytes():
            return kind, value
        case Row():
            names = tuple(value._mapping)  # SQLAlchemy's public name for it
            return kind, names, tuple(_shape(one, seen) for one in value)
        case tuple():
            return kind, tuple(_shape(one, seen) for one in value)
        case frozenset():
            return kind, tuple(sorted((_shape(one, seen) for one in value), key=repr))
    content = _content(value)
    if content is None:
        return kind, ADDRESS.sub("0x#", repr(value))
    if known := seen.again(value):
        return kind, known
    if isinstance(value, set):
        return kind, tuple(sorted((_shape(one, seen) for one in content), key=repr))
    return kind, tuple(_shape(one, seen) for one in content)


def _content(value: object) -> list[object] | None:
    """Return the parts of a container, a mapped object, a dataclass or a pydantic model."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, list | set):
        return list(value)
    if isinstance(value, type):
        return None
    state = sa.inspect(value, raiseerr=False)
    if state is not None and hasattr(state, "mapper"):
        names = [attribute.key for attribute in state.mapper.column_attrs]
        return [(name, getattr(value, name)) for name in names]
    if dataclasses.is_dataclass(value):
        return [(one.name, getattr(value, one.name)) for one in dataclasses.fields(value)]
    if hasattr(value, "model_fields_set"):
        return list(vars(value).items())
    return None
