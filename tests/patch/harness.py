"""A small target, the six changes that most tests make to it, and ways to die in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hephaestus_codemods.patch import fsops, journal, records, revert
from hephaestus_codemods.patch.fsops import Folder
from hephaestus_codemods.patch.ground import Ground
from hephaestus_codemods.patch.lock import locked
from hephaestus_codemods.patch.model import ByteEdit, FileChange, SiteRef, Step
from hephaestus_codemods.patch.revert import Choice, Manner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hephaestus_codemods.patch.fsops import Operation
    from hephaestus_codemods.patch.manifest import Run
    from hephaestus_codemods.patch.records import History
    from hephaestus_codemods.patch.revert import RevertPlan
    from hephaestus_codemods.patch.writer import Outcome

KEY = b"k" * 32
ALL, WITH_MERGE = Choice(), Manner()
DETAILS = records.Details("1.0", {"rule": 1}, ())
Tree = dict[str, bytes]

OLD: Tree = {
    "a.py": b"one = 1\ntwo = 2\nthree = 3\n",
    "b.py": b"\xef\xbb\xbfx = 1\r\ny = 2\r\n",
    "pkg/c.py": b"def f():\n    return 1\n",
    "pkg/run.py": b"#!/usr/bin/env python3\nprint(1)\n",
    "old.txt": b"to be deleted\n",
}
NEW: Tree = {
    "a.py": b"one = 11\ntwo = 2\nthree = 33\n",
    "b.py": b"\xef\xbb\xbfx = 10\r\ny = 2\r\n",
    "pkg/c.py": b"def f():\n    return 1000\n",
    "pkg/run.py": b"#!/usr/bin/env python3\nprint(12)\n",
    "app/support/pool.py": b"SIZE = 20\n",
}
CHANGES = (
    FileChange(
        "a.py",
        OLD["a.py"],
        NEW["a.py"],
        steps=(
            Step("first", (ByteEdit(7, 7, b"1", ("s-1",)),)),
            Step("second", (ByteEdit(26, 26, b"3", ("s-2",)),)),
        ),
    ),
    FileChange(
        "b.py",
        OLD["b.py"],
        NEW["b.py"],
        steps=(Step("first", (ByteEdit(8, 8, b"0", ("s-3",)),)),),
    ),
    FileChange("pkg/c.py", OLD["pkg/c.py"], NEW["pkg/c.py"], owners=("s-4",)),
    FileChange("pkg/run.py", OLD["pkg/run.py"], NEW["pkg/run.py"], owners=("s-5",)),
    FileChange("app/support/pool.py", None, NEW["app/support/pool.py"], owners=("s-1", "s-3")),
    FileChange("old.txt", OLD["old.txt"], None, owners=("s-6",)),
)


@dataclass(frozen=True)
class Target:
    """A disk that holds a root and the state of its records."""

    disk: Path

    @property
    def root(self) -> Path:
        return self.disk / "root"

    @property
    def state(self) -> Path:
        return self.disk / "state"

    def filled(self, files: Mapping[str, bytes] = OLD) -> Target:
        self.state.mkdir(parents=True)
        self.root.mkdir()
        for path, content in files.items():
            self.put(path, content)
        if "pkg/run.py" in files:
            (self.root / "pkg/run.py").chmod(0o755)
        return self

    def put(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def tree(self) -> Tree:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}

    def folders(self) -> set[str]:
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_dir()}

    @contextlib.contextmanager
    def ground(self) -> Iterator[Ground]:
        with locked(self.root) as root, Folder.open(self.state) as state:
            yield Ground(root, state, KEY)

    def apply(
        self,
        changes: tuple[FileChange, ...] = CHANGES,
        details: records.Details = DETAILS,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        with self.ground() as ground:
            return records.apply(
                ground, changes, details, report=lambda _: b"{}", should_stop=should_stop
            )

    def history(self) -> History:
        with self.ground() as ground:
            return records.load(ground)

    def last(self) -> Run:
        return self.history().runs[-1]

    def revert(
        self, choice: Choice = ALL, run: str | None = None, manner: Manner = WITH_MERGE
    ) -> tuple[RevertPlan, Outcome]:
        with self.ground() as ground:
            history = records.load(ground)
            found = history.find(run)
            sites = {found.id: revert.chosen(found, choice)}
            return revert.revert(ground, history, sites, manner)

    def recover(self) -> journal.Recovery:
        with self.ground() as ground:
            return journal.recover(ground)

    def check_whole(self) -> str:
        """Assert that the target is at one of the two ends, with a record to match."""
        tree, history = self.tree(), self.history()
        assert history.warnings == ()
        assert not (self.state / "kept").exists()
        assert not list((self.state / "journal").glob("*")) if self.state.exists() else True
        assert stat.S_IMODE((self.root / "pkg/run.py").stat().st_mode) == 0o755
        if tree == OLD:
            assert "app" not in self.folders()
            return "old"
        assert tree == NEW
        assert len(history.runs) == 1
        with self.ground() as ground:
            for name in history.runs[0].contents:
                records.content(ground, history.runs[0], name)
        return "new"


@dataclass
class Log:
    """All operations, as they come."""

    operations: list[Operation] = field(default_factory=list)

    def __call__(self, operation: Operation) -> None:
        self.operations.append(operation)


def logged(action: Callable[[], object]) -> list[Operation]:
    """Run *action* and return what it did to the disk."""
    log = Log()
    with fsops.watched(log):
        action()
    return log.operations


def killed_at(number: int, action: Callable[[], object]) -> bool:
    """Run *action* in a child that is killed before operation *number*; False if it ended first."""

    def kill(_: Operation) -> None:
        nonlocal number
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        number -= 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of the test runner
        child = os.fork()
    if child == 0:
        try:
            with fsops.watched(kill):
                action()
            os._exit(0)
        except BaseException:  # a child must never go on with its parent's work
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def sites_of(*pairs: tuple[str, str, str]) -> tuple[SiteRef, ...]:
    """Return sites from (id, rule, path)."""
    return tuple(SiteRef(*pair) for pair in pairs)
