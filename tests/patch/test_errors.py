"""An error of the system at any operation damages no file and is never called a success."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.patch import fsops
from hephaestus_codemods.patch.fsops import Do, Operation

from .harness import CHANGES, NEW, OLD, killed_at, logged
from .test_kill import applied, fresh

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ERRORS = (
    errno.ENOSPC,
    errno.EIO,
    errno.EDQUOT,
    errno.EACCES,
    errno.EROFS,
    errno.EMFILE,
    errno.EINTR,
)
#: What still works on a full disk.
FREEING = (Do.UNLINK, Do.REMOVE_FOLDER)


def failing(number: int, code: int, *, lasting: bool) -> Callable[[Operation], None]:
    """Let operation *number* fail, and with *lasting* also all later ones that need space."""

    def fail(operation: Operation) -> None:
        nonlocal number
        number -= 1
        if number == -1 or (lasting and number < 0 and operation.do not in FREEING):
            raise OSError(code, os.strerror(code), str(operation.path))

    return fail


def check_apply(disk: Path, number: int, code: int, *, lasting: bool) -> str:
    target = fresh(disk)
    with fsops.watched(failing(number, code, lasting=lasting)):
        outcome = target.apply()
    if outcome.id is not None:
        assert target.tree() == NEW
        if outcome.warnings:
            target.recover()
        return target.check_whole()
    assert outcome.failure
    assert os.strerror(code) in outcome.failure
    for path, content in target.tree().items():
        if not path.rpartition("/")[2].startswith(".hcodemod-"):
            assert content in (OLD.get(path), NEW.get(path))
    if outcome.pending:
        target.recover()
        return "pending, then " + target.check_whole()
    assert target.check_whole() == "old"
    return "old"


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("code", ERRORS, ids=lambda code: errno.errorcode[code])
def test_an_error_during_apply_damages_nothing(disk: Path, code: int, lasting: bool) -> None:
    points = len(logged(fresh(disk).apply))
    stride = 7
    ends = Counter(
        check_apply(disk, number, code, lasting=lasting)
        for number in range(code % stride, points, stride)
    )
    assert ends["pending, then old" if lasting else "old"] > 0


@pytest.mark.torture
@pytest.mark.parametrize("code", ERRORS, ids=lambda code: errno.errorcode[code])
def test_no_error_at_any_operation_damages_anything(disk: Path, code: int) -> None:
    for number in range(len(logged(fresh(disk).apply))):
        for lasting in (False, True):
            check_apply(disk, number, code, lasting=lasting)


@pytest.mark.parametrize("code", ERRORS[:3], ids=lambda code: errno.errorcode[code])
def test_an_error_during_revert_damages_nothing(disk: Path, code: int) -> None:
    target = applied(disk)
    points = len(logged(target.revert))
    for number in range(code % 5, points, 5):
        target = applied(disk)
        with fsops.watched(failing(number, code, lasting=False)):
            _, outcome = target.revert()
        if outcome.id is None and outcome.pending:
            target.recover()
        assert target.tree() == (OLD if outcome.id else NEW)
        target.recover()
        assert bool(target.history().reverted(target.last().id)) == (outcome.id is not None)


def test_a_file_size_limit_is_an_error_and_no_short_file(disk: Path) -> None:
    """RLIMIT_FSIZE makes write() return less without an exception; the loop must see it."""
    target = fresh(disk)

    def act() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
        outcome = target.apply()
        assert outcome.id is None
        assert outcome.failure

    assert not killed_at(10_000, act), "the child found the error"
    target.recover()
    assert target.check_whole() == "old"


def test_a_stop_between_any_two_files_rolls_back(disk: Path) -> None:
    stops = 0
    while True:
        target = fresh(disk)
        left = stops

        def should_stop() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        outcome = target.apply(should_stop=should_stop)
        if not outcome.interrupted:
            break
        assert outcome.id is None
        assert target.check_whole() == "old"
        stops += 1
    assert stops == 2 * len(CHANGES)
    assert target.check_whole() == "new"


def test_a_keyboard_interrupt_anywhere_is_rolled_back_or_recovered(disk: Path) -> None:
    points = len(logged(fresh(disk).apply))
    for number in range(0, points, 3):
        target = fresh(disk)
        left = number

        def interrupt(_: Operation) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise KeyboardInterrupt

        with fsops.watched(interrupt), pytest.raises(KeyboardInterrupt):
            target.apply()
        target.recover()
        target.check_whole()
