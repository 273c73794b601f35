"""What a power cut can leave on the disk is always recovered; without fsync it would not be.

The model: a write is there in full when an fsync of the file came before the cut, else all, part
or none of it; names in a folder are there up to the last fsync of the folder, and after that up to
any point; an fsynced file has its name. The states are drawn from the log of what apply does.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.patch.fsops import Do, Operation

from .harness import NEW, OLD, Target, logged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SYNCS = frozenset({Do.SYNC, Do.SYNC_FOLDER})


@dataclass(eq=False)
class Node:
    """A file or a folder, whatever its names are."""

    names: dict[str, Node] | None = None
    writes: list[tuple[int, bytes]] = field(default_factory=list)
    synced: int = -1
    #: Changes of names in this folder: (number of the operation, name, what it then is).
    changes: list[tuple[int, str, Node | None]] = field(default_factory=list)


class Model:
    """The whole log, played once with nothing lost."""

    def __init__(self, disk: Path, operations: Sequence[Operation]) -> None:
        self.disk = disk
        self.top = self._load(disk)
        self.links: list[tuple[int, list[Node]]] = []
        self.folder_syncs: list[tuple[int, Node]] = []
        self.births: dict[Node | None, int] = {}
        self._now: dict[Node, dict[str, Node]] = {}
        for number, operation in enumerate(operations):
            self._play(number, operation)

    def _load(self, path: Path) -> Node:
        if path.is_dir():
            return Node({child.name: self._load(child) for child in path.iterdir()})
        return Node(writes=[(-1, path.read_bytes())], synced=0)

    def _entries(self, folder: Node) -> dict[str, Node]:
        return self._now.setdefault(folder, dict(folder.names or {}))

    def _find(self, path: Path) -> Node:
        node = self.top
        for part in path.relative_to(self.disk).parts:
            node = self._entries(node)[part]
        return node

    def _name(self, number: int, path: Path, node: Node | None) -> Node:
        folder = self._find(path.parent)
        folder.changes.append((number, path.name, node))
        if node is None:
            self._entries(folder).pop(path.name, None)
        else:
            self._entries(folder)[path.name] = node
        return folder

    def _play(self, number: int, op: Operation) -> None:
        match op.do:
            case Do.CREATE:
                node = Node()
                self.births[node] = number
                self._name(number, op.path, node)
            case Do.MAKE_FOLDER:
                self._name(number, op.path, Node({}))
            case Do.UNLINK | Do.REMOVE_FOLDER:
                self._name(number, op.path, None)
            case Do.RENAME:
                assert op.to is not None
                node = self._find(op.path)
                source = self._name(number, op.path, None)
                self.links.append((number, [source, self._name(number, op.to, node)]))
            case Do.WRITE:
                self._find(op.path).writes.append((number, op.content))
            case Do.SYNC:
                self._find(op.path).synced = number
            case Do.SYNC_FOLDER:
                self.folder_syncs.append((number, self._find(op.path)))

    def state(self, cut: int, choice: random.Random, where: Path) -> None:
        """Put on the disk at *where* one of the states that a cut before operation *cut* leaves."""
        shown = self._shown(cut, choice)
        self._write(self.top, cut, choice, where, shown)

    def _shown(self, cut: int, choice: random.Random) -> dict[Node, int]:
        """Choose for every folder up to which operation its names are on the disk."""
        shown: dict[Node, int] = {}
        for folder in self._now:
            changes = [(n, node) for n, _, node in folder.changes if n < cut]
            numbers = [n for n, _ in changes]
            flushed = [n for n, node in self.folder_syncs if node is folder and n < cut]
            created = [
                n for n, node in changes if n == self.births.get(node) and _is_synced(node, cut)
            ]
            surely = max([-1, *flushed, *created])
            later = [n for n in numbers if n > surely]
            shown[folder] = choice.choice([surely, *later, max(numbers, default=-1)])
        for number, folders in self.links:  # both ends of a rename are one entry of the journal
            if any(shown[folder] >= number for folder in folders):
                for folder in folders:
                    shown[folder] = max(shown[folder], number)
        return shown

    def _write(
        self, node: Node, cut: int, choice: random.Random, where: Path, shown: dict[Node, int]
    ) -> None:
        if node.names is None:
            where.write_bytes(b"".join(_kept(node, cut, choice)))
            return
        where.mkdir()
        names = dict(node.names)
        for number, name, child in node.changes:
            if number <= shown.get(node, -1):
                names.pop(name, None)
                if child is not None:
                    names[name] = child
        for name, child in names.items():
            self._write(child, cut, choice, where / name, shown)


def _is_synced(node: Node | None, cut: int) -> bool:
    return node is not None and node.names is None and 0 <= node.synced < cut and bool(node.writes)


def _kept(node: Node, cut: int, choice: random.Random) -> Iterable[bytes]:
    for number, content in node.writes:
        if number >= cut:
            return
        if number < node.synced < cut or number < 0:
            yield content
        else:
            yield content[: choice.choice([0, len(content) // 2, len(content)])]


def bad_states(disk: Path, states: int, without: frozenset[Do] = frozenset()) -> Counter[str]:
    """Cut the power in *states* ways during one apply, recover, and count how that ends."""
    target = Target(disk / "disk").filled()
    shutil.copytree(target.disk, disk / "before")
    operations = [op for op in logged(target.apply) if op.do not in without]
    shutil.rmtree(target.disk)
    shutil.copytree(disk / "before", target.disk)
    model = Model(target.disk, operations)
    choice = random.Random(20_261_124)
    ends: Counter[str] = Counter()
    for number in range(states):
        cut = number % (len(operations) + 1)
        shutil.rmtree(target.disk)
        model.state(cut, choice, target.disk)
        (target.root / "pkg/run.py").chmod(0o755)
        ends[_end(target)] += 1
    return ends


def _end(target: Target) -> str:
    try:
        target.recover()
        assert target.tree() in (OLD, NEW)
        (target.root / "pkg/run.py").chmod(0o755)
        return target.check_whole()
    except Exception:  # without fsync anything may be broken, and that is what is counted
        return "bad"


def test_every_state_that_a_power_cut_leaves_is_recovered(disk: Path) -> None:
    ends = bad_states(disk, 1_200)
    assert ends["bad"] == 0
    assert min(ends["old"], ends["new"]) > 0


@pytest.mark.parametrize("without", [SYNCS, frozenset({Do.SYNC}), frozenset({Do.SYNC_FOLDER})])
def test_without_fsync_the_same_states_are_found_broken(disk: Path, without: frozenset[Do]) -> None:
    """The test of the test: if nothing were flushed, the enumerator would see it."""
    assert bad_states(disk, 400, without)["bad"] > 20


@pytest.mark.torture
def test_twenty_thousand_states_of_a_power_cut_are_recovered(disk: Path) -> None:
    assert bad_states(disk, 20_000)["bad"] == 0
