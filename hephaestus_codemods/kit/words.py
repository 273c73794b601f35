"""Names for new variables, made of the names that the code has."""

from __future__ import annotations

import re


def snake(name: str) -> str:
    """Return *name* with words apart: ``OrderItem`` becomes ``order_item``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def plural(name: str) -> str:
    """Return the name of several: ``category`` becomes ``categories``.

    What names several already gets a word for it: ``settings`` becomes ``settings_list``.
    """
    if re.search(r"[^siu]s$", name) and not name.endswith("status"):
        return f"{name}_list"
    if re.search(r"[^aeiou]y$", name):
        return f"{name[:-1]}ies"
    if re.search(r"(s|x|z|ch|sh)$", name):
        return f"{name}es"
    return f"{name}s"


def singular(name: str) -> str:
    """Return the name of one of several: ``categories`` becomes ``category``, ``user`` stays."""
    if name.endswith("ies") and len(name) > 4:
        return f"{name[:-3]}y"
    if re.search(r"(s|x|z|ch|sh)es$", name):
        return name[:-2]
    return name[:-1] if re.search(r"[^siu]s$", name) else name
