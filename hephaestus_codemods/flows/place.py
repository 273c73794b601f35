"""Where a command works: the root of the target, and the state that belongs to it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import git
from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.patch import ground as grounds
from hephaestus_codemods.patch import journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.patch.ground import Ground
    from hephaestus_codemods.patch.journal import Recovery

MARKS = ("hcodemod.toml", "pyproject.toml")


def root_of(path: str = ".") -> Path:
    """Return the folder that a run covers: the git work tree, else the nearest project folder."""
    start = Path(path).absolute()
    while not start.is_dir():
        if start == start.parent:
            raise UsageError(f"there is no folder at {path!r}")
        start = start.parent
    start = start.resolve()
    top = git.toplevel(start)
    if top is not None:
        return top
    for folder in (start, *start.parents):
        if any((folder / mark).is_file() for mark in MARKS):
            return folder
    return start


@contextlib.contextmanager
def locked(root: Path, notes: list[str]) -> Iterator[Ground]:
    """Take the lock of *root*, recover what a crash left, and add to *notes* what that did."""
    with grounds.entered(root) as ground:
        notes += told(journal.recover(ground))
        yield ground


def told(recovery: Recovery) -> Sequence[str]:
    """Say in sentences what a recovery did."""
    said = list(recovery.warnings)
    if recovery.rolled_back:
        said.append(f"rolled back what was cut off: {', '.join(recovery.rolled_back)}")
    said += [f"finished run {run}, which was cut off at its end" for run in recovery.finished]
    said += [f"{path} changed after the crash: it is left as it is" for path in recovery.conflicts]
    return said
