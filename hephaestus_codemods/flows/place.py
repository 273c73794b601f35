"""Where a command works: the root of the target, and the state that belongs to it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods.config.arguments import without_lines
from hephaestus_codemods.config.layers import find_root
from hephaestus_codemods.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hephaestus_codemods.patch.ground import Ground
    from hephaestus_codemods.patch.journal import Recovery


def root_of(path: str = ".") -> Path:
    """Return the folder that a run covers when *path* (PATH or PATH:LINE) is named."""
    start = Path(without_lines(path)).absolute()
    while not start.exists():
        if start == start.parent:
            raise UsageError(f"there is no folder at {path!r}")
        start = start.parent
    return find_root(start, Path(os.path.realpath(os.curdir)))


@contextlib.contextmanager
def locked(root: Path, notes: list[str]) -> Iterator[Ground]:
    """Take the lock of *root*, recover what a crash left, and add to *notes* what that did."""
    # A command that only looks needs neither.
    from hephaestus_codemods.patch import ground as grounds  # noqa: PLC0415
    from hephaestus_codemods.patch import journal  # noqa: PLC0415

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


class stoppable:  # noqa: N801  # reads as a statement
    """Let the first interrupt end a run after the current rename, and later ones do no more."""

    def __enter__(self) -> Callable[[], bool]:
        """Catch interrupts from here on; the result says whether one came."""
        self.asked = False
        self.before = {
            name: signal.signal(name, self._ask)
            for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        return lambda: self.asked

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for name, handler in self.before.items():
            signal.signal(name, handler)
