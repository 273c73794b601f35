"""How a loop is batched: in which form, with which key."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hephaestus_codemods.kit.batching.items import Items
    from hephaestus_codemods.kit.batching.keys import Key
    from hephaestus_codemods.kit.batching.shapes import Shape
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.rule import Precondition


class Batch(StrEnum):
    """What stands before the loop."""

    PREFETCH = "prefetch"
    """The objects are loaded into the session, where ``session.get`` finds them."""

    BY_KEY = "by key"
    """A dictionary from key to object, or value."""

    GROUPS = "groups"
    """A dictionary from key to the list of its rows."""


@dataclass(frozen=True)
class Plan:
    """All that the rewrite of a site needs."""

    loop: Loop
    shape: Shape
    key: Key
    items: Items
    batch: Batch
    preconditions: tuple[Precondition, ...]
