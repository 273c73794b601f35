"""Keeps the names of batches apart whose loops stand inside one another."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.names import is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.rule import Change


def apart(
    change: Callable[[], Change], loop: Loop, outer: Iterable[Callable[[], Change]]
) -> Change:
    """Return *change*, for *loop*, with other names than the changes of loops around it bind.

    They may be made at the same time; what the inner one binds must not hide what the outer reads.
    """
    made = change()
    taken = {name for one in outer for name in _bound(one())}
    for name in sorted(_bound(made) & taken):
        new = _other(name, loop, taken)
        taken.add(new)
        word = re.compile(rf"\b{name}\b")
        edits = tuple(replace(edit, text=word.sub(new, edit.text)) for edit in made.edits)
        made = replace(made, edits=edits)
    return made


def _other(name: str, loop: Loop, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken or not is_free(loop.module, f"{name}_{number}", loop.place):
        number += 1
    return f"{name}_{number}"


def _bound(change: Change) -> set[str]:
    """Return the variables that the inserted statements bind."""
    found: set[str] = set()
    for edit in change.edits:
        if edit.start == edit.end:
            for statement in ast.parse(dedent(edit.text)).body:
                targets = getattr(statement, "targets", None) or [
                    getattr(statement, "target", None)
                ]
                found |= {one.id for one in targets if isinstance(one, ast.Name)}
    return found
