"""The JSON Schema of the configuration, drawn from the declared keys and the rules' options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hephaestus_codemods.config.keys import CONTROL, MAX_ITEMS, MAX_LENGTH, VERSION, Shape
from hephaestus_codemods.config.settings import keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hephaestus_codemods.config.keys import Key
    from hephaestus_codemods.rule import Option, Rule

#: A character that a string may hold, and one that makes it more than white space.
ALLOWED = f"[^{CONTROL.pattern[1:-1]}]"
VISIBLE = f"[^{CONTROL.pattern[1:-1]}\\s]"
TEXT = {"maxLength": MAX_LENGTH, "pattern": f"^{ALLOWED}*$"}
WORD = {"type": "string", **TEXT, "pattern": f"^{ALLOWED}*{VISIBLE}{ALLOWED}*$"}
WORDS = {"type": "array", "items": WORD, "maxItems": MAX_ITEMS}
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def schema(rules: Iterable[Rule]) -> dict[str, Any]:
    """Return the schema of ``[tool.hcodemod]`` and ``hcodemod.toml`` with options of *rules*."""
    options = {rule.name: _rule(rule) for rule in rules if rule.options}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hcodemod",
        "description": "Configuration of hephaestus-codemods.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _key(one, options) for name, one in keys().items()},
    }


def _key(declared: Key, options: Mapping[str, Any]) -> dict[str, Any]:
    users = " Counts only in the user's own configuration." if declared.users_only else ""
    return {"description": declared.help + users, **_shape(declared, options)}


def _shape(declared: Key, options: Mapping[str, Any]) -> dict[str, Any]:
    match declared.shape:
        case Shape.WORDS:
            return WORDS
        case Shape.TABLE:
            return {
                "type": "object",
                "maxProperties": MAX_ITEMS,
                "propertyNames": WORD,
                "additionalProperties": WORDS,
            }
        case Shape.NUMBER:
            return {"type": "integer", "minimum": declared.minimum, "maximum": declared.maximum}
        case Shape.VERSION:
            return {"type": "string", "pattern": f"^{VERSION.pattern}$"}
        case Shape.SAFETY:
            return {"enum": ["safe", "review"]}
        case Shape.RULES:
            any_rule = {"type": "object"}
            return {"type": "object", "properties": options, "additionalProperties": any_rule}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "description": rule.summary,
        "type": "object",
        "additionalProperties": False,
        "properties": {option.name: _option(option) for option in rule.options},
    }


def _option(option: Option) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": option.help,
        "type": TYPES[type(option.default)],
        "default": option.default,
    }
    if option.minimum is not None:
        told["minimum"] = option.minimum
    if option.choices:
        told["enum"] = list(option.choices)
    elif told["type"] == "string":
        told |= TEXT
    return told
