"""A glance at the bytes of a file: whether a loop may ask for a number, or whether there is any."""

from __future__ import annotations

import re
from typing import Final

from hephaestus_codemods.project.glance import ASKS, USES_SQLALCHEMY, loops, may_ask_in_a_loop

#: What asks of an object how many, or whether any, belong to it.
COUNTED: Final = re.compile(
    rb"\blen\(\s*\w+\.\w+\s*\)|\w+\.\w+\.count\(\s*\)"
    rb"|\b(?:if|elif|while|not|and|or|assert)\s+\(*\w+\.\w+\s*(?:[:)\]}\n]|\b(?:and|or|else)\b)"
    rb"|\bbool\(\s*\w+\.\w+\s*\)"
)


def may_count_in_a_loop(raw: bytes, names: frozenset[bytes]) -> bool:
    """Say whether a loop may ask by itself, through one of *names*, or count what is loaded."""
    if may_ask_in_a_loop(raw, names):
        return True
    if USES_SQLALCHEMY not in names or ASKS.search(raw) is None:
        return False
    return any(COUNTED.search(text) for text in loops(raw))
