"""Bring a root to one of the two ends of a run that was cut off."""

from __future__ import annotations

from hephaestus_codemods.flows.place import root_of, told
from hephaestus_codemods.patch import ground as grounds
from hephaestus_codemods.patch import journal


def recover(path: str) -> tuple[str, int]:
    """Recover the root around *path*; return what was done, and 1 when a file conflicts."""
    root = root_of(path)
    with grounds.entered(root) as ground:
        recovery = journal.recover(ground)
    said = told(recovery)
    return "\n".join(said) or "nothing was left half done", int(bool(recovery.conflicts))
