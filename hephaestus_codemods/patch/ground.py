"""A root and our state for it, both open: what every function that writes stands on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.patch import state
from hephaestus_codemods.patch.fsops import Folder
from hephaestus_codemods.patch.lock import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ground:
    """The root of a target, the folder of its records, and the key that seals them."""

    root: Folder
    state: Folder
    key: bytes


@contextlib.contextmanager
def entered(root: Path) -> Iterator[Ground]:
    """Take the lock of *root* and open its state, made on demand; raise LockedError at once."""
    with locked(root) as folder, state.open_state(root) as records:
        yield Ground(folder, records, state.key())


@contextlib.contextmanager
def seen(root: Path) -> Iterator[Ground | None]:
    """Open *root* and its state to read; None when no run ever left a record."""
    records = state.find_state(root)
    if records is None:
        yield None
        return
    with Folder.open(root.resolve()) as folder, records:
        yield Ground(folder, records, state.key())
