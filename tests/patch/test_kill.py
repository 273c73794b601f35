"""A kill at any instant of apply, revert or recovery leaves whole files and a way to one end."""

from __future__ import annotations

import shutil
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.patch import records
from hephaestus_codemods.patch.model import FileChange

from .harness import NEW, OLD, Target, Tree, killed_at, logged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Of the operations of a recovery every seventh is killed, from a moving start: 500 in all.
NESTED_STRIDE = 7


def fresh(disk: Path) -> Target:
    shutil.rmtree(disk / "disk", ignore_errors=True)
    return Target(disk / "disk").filled()


def applied(disk: Path) -> Target:
    target = fresh(disk)
    target.apply()
    return target


def whole_at_every_instant(target: Target, ends: tuple[Tree, Tree] = (OLD, NEW)) -> None:
    """Each file is old or new even before recovery."""
    for path, content in target.tree().items():
        if not path.rpartition("/")[2].startswith(".hcodemod-"):
            assert content in [end.get(path) for end in ends]


def test_every_kill_of_apply_is_recovered(disk: Path) -> None:
    ends: Counter[str] = Counter()
    points = len(logged(fresh(disk).apply))
    for number in range(points):
        target = fresh(disk)
        assert killed_at(number, target.apply)
        whole_at_every_instant(target)

        target.recover()

        ends[target.check_whole()] += 1
        assert target.recover() == type(target.recover())(), "a second recovery has nothing to do"
    assert points > 100
    assert ends["old"] > ends["new"] > 0


def test_every_kill_of_revert_is_recovered(disk: Path) -> None:
    ends: Counter[bool] = Counter()
    points = len(logged(applied(disk).revert))
    for number in range(points):
        target = applied(disk)
        assert killed_at(number, target.revert)
        whole_at_every_instant(target)

        target.recover()

        reverted = target.tree() == OLD
        assert reverted or target.tree() == NEW
        run = target.last()
        assert (target.history().reverted(run.id) == run.owners()) == reverted
        assert not list((target.state / "journal").iterdir())
        ends[reverted] += 1
    assert min(ends[True], ends[False]) > 0


def nested(
    make: Callable[[], Target],
    action: Callable[[Target], object],
    stride: int,
    ends: tuple[Tree, Tree] = (OLD, NEW),
) -> int:
    """Kill *action* at every point, and recovery at every *stride*-th; return how often."""
    kills = 0
    first = make()
    points = len(logged(lambda: action(first)))
    for number in range(points):
        inner = number % stride
        while True:
            target = make()
            killed_at(number, partial(action, target))
            if not killed_at(inner, target.recover):
                break
            kills += 1
            whole_at_every_instant(target, ends)
            target.recover()
            assert target.tree() in ends
            assert not list((target.state / "journal").iterdir())
            inner += stride
    return kills


def test_kills_inside_recovery_are_recovered(disk: Path) -> None:
    kills = nested(lambda: fresh(disk), Target.apply, NESTED_STRIDE)
    assert kills > 200


def test_kills_inside_the_recovery_of_a_revert_are_recovered(disk: Path) -> None:
    kills = nested(lambda: applied(disk), Target.revert, NESTED_STRIDE)
    assert kills > 200


@pytest.mark.torture
def test_every_kill_inside_every_recovery_is_recovered(disk: Path) -> None:
    assert nested(lambda: fresh(disk), Target.apply, 1) > 2_500
    assert nested(lambda: applied(disk), Target.revert, 1) > 1_500


@pytest.mark.torture
def test_kills_among_fifty_files_are_recovered(disk: Path) -> None:
    old = {f"f{n}.py": b"x = %d\n" % n for n in range(50)}
    new = {path: b"import m\n" + content for path, content in old.items()}
    changes = tuple(FileChange(p, old[p], new[p], owners=(p,)) for p in old)

    def make() -> Target:
        shutil.rmtree(disk / "disk", ignore_errors=True)
        return Target(disk / "disk").filled(old)

    assert nested(make, lambda target: target.apply(changes), 9, (old, new)) > 15_000


def test_a_kill_while_old_records_are_removed_is_recovered(disk: Path) -> None:
    def collect(target: Target) -> None:
        with target.ground() as ground:
            records.collect(ground, keep=0)

    first = applied(disk)
    points = len(logged(lambda: collect(first)))
    for number in range(points):
        target = applied(disk)
        assert killed_at(number, partial(collect, target))
        target.recover()
        assert target.tree() == NEW
        assert target.history().warnings == ()
        assert not list((target.state / "journal").iterdir())
