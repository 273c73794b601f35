"""The keys that a configuration may hold: who may set them, and what their values look like."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.safety import Safety

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.rule import Option, Scalar

#: Limits on what a target can make us hold.
MAX_ITEMS = 1_000
MAX_LENGTH = 500
VERSION = re.compile(r"(?:py)?3\.?(\d{1,2})")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Shape(StrEnum):
    """What the value of a key is."""

    WORDS = "a list of strings"
    """Names or patterns."""

    TABLE = "a table of lists of strings"
    """A list for each pattern of paths."""

    NUMBER = "a whole number"
    """Within the key's limits."""

    VERSION = 'a version such as "3.12"'
    """A Python version."""

    SAFETY = "safe or review"
    """A class of changes; what is only suggested is never written for a whole set of rules."""

    RULES = "a table with a table for each rule"
    """Options of rules, as each rule declares them."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the configuration; *users_only* keys mean nothing in a target (S2)."""

    help: str
    shape: Shape
    users_only: bool = False
    adds_up: bool = False
    minimum: int = 0
    maximum: int = 0


def key(
    text: str,
    shape: Shape,
    default: Callable[[], Any] | None = None,
    *,
    users_only: bool = False,
    adds_up: bool = False,
    minimum: int = 0,
    maximum: int = 0,
) -> Any:
    """Declare a field of the settings that a configuration may set."""
    declared = Key(text, shape, users_only, adds_up, minimum, maximum)
    return field(default_factory=default or (lambda: None), metadata={"key": declared})


class Wrong(Exception):
    """A value is not what its key wants; the message ends the sentence "KEY must be …"."""


def read(declared: Key, value: object) -> object:
    """Return *value* as the settings hold it; raise :class:`Wrong` when it is something else."""
    match declared.shape:
        case Shape.WORDS:
            return _words(value)
        case Shape.TABLE:
            return {_word(name): _words(words) for name, words in _table(value, declared)}
        case Shape.NUMBER:
            return _number(declared, value)
        case Shape.VERSION:
            return _version(value)
        case Shape.SAFETY:
            return _safety(value)
        case Shape.RULES:
            return {
                name: dict(_table(options, declared)) for name, options in _table(value, declared)
            }


def read_option(option: Option, value: object, *, from_target: bool) -> Scalar:
    """Return *value* if *option* may hold it; raise :class:`Wrong` when it may not."""
    wanted = type(option.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted or not isinstance(value, bool | int | float | str):
        raise Wrong(f"{_NAMES[wanted]}, not {value!r}")
    if isinstance(value, str):
        _check_text(option, value, from_target=from_target)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Wrong(f"a finite number, not {value!r}")
    elif option.minimum is not None and value < option.minimum:
        raise Wrong(f"{option.minimum:g} or more, not {value!r}")
    return value


def option_from_text(option: Option, text: str) -> Scalar:
    """Read the value of an option from the command line."""
    kind = type(option.default)
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        raise Wrong(f"{_NAMES[kind]}, not {text!r}") from None


_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def _check_text(option: Option, value: str, *, from_target: bool) -> None:
    if option.choices and value not in option.choices:
        raise Wrong(f"one of {', '.join(option.choices)}, not {value!r}")
    if len(value) > MAX_LENGTH or CONTROL.search(value):
        raise Wrong(f"a string of at most {MAX_LENGTH} characters without control characters")
    if from_target and "://" in value:
        raise Wrong("no URL here: it counts only on the command line or in your own configuration")


def _table(value: object, declared: Key) -> list[tuple[str, object]]:
    if not isinstance(value, dict):
        raise Wrong(f"{declared.shape}, not {value!r}")
    if len(value) > MAX_ITEMS:
        raise Wrong(f"at most {MAX_ITEMS} entries long")
    return list(value.items())


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise Wrong(f"{Shape.WORDS}, not {value!r}")
    if len(value) > MAX_ITEMS:
        raise Wrong(f"at most {MAX_ITEMS} entries long")
    return tuple(_word(one) for one in value)


def _word(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong(f"{Shape.WORDS}, and {value!r} is none")
    if len(value) > MAX_LENGTH or CONTROL.search(value):
        raise Wrong(
            f"made of strings of at most {MAX_LENGTH} characters without control characters"
        )
    return value


def _number(declared: Key, value: object) -> int:
    if type(value) is not int:
        raise Wrong(f"a whole number, not {value!r}")
    if not declared.minimum <= value <= declared.maximum:
        raise Wrong(f"between {declared.minimum} and {declared.maximum}, not {value}")
    return value


def _version(value: object) -> str:
    found = VERSION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong(f"{Shape.VERSION}, not {value!r}")
    return f"3.{int(found[1])}"


def _safety(value: object) -> Safety:
    if value not in (Safety.SAFE, Safety.REVIEW):
        raise Wrong(f"{Shape.SAFETY}, not {value!r}")
    return Safety(str(value))
