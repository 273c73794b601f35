"""A file that crashes, hangs or eats memory costs only itself."""

from __future__ import annotations

import ctypes
import os
import signal
import time

import pytest

from hephaestus_codemods.engine.workers import Limits, supervise

POISONS = {
    "raise SIGSEGV": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "kill itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(7),
    "hang": lambda: time.sleep(60),
    "hang in C": lambda: sum(range(10**12)),
}
LIMITS = Limits(seconds=1.0)


def do(task: str) -> str:
    if task in POISONS:
        POISONS[task]()
    return task.upper()


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("poison", POISONS)
def test_a_poison_task_is_named_and_all_others_are_answered(poison: str, jobs: int) -> None:
    """Whatever one task does to its process, the others have the results they would have."""
    tasks = [f"file {n}" for n in range(40)]
    lost: list[tuple[str, str]] = []

    def note(task: str, cause: str) -> list[str]:
        lost.append((task, cause))
        return []

    answers = supervise([*tasks[:21], poison, *tasks[21:]], do, note, jobs=jobs, limits=LIMITS)

    assert sorted(answers) == sorted(task.upper() for task in tasks)
    assert [task for task, _ in lost] == [poison]


def test_what_lost_returns_is_done_instead() -> None:
    """A caller may split the lost task into smaller ones."""
    answers = supervise(["a", "exit", "b"], do, lambda task, cause: ["half one", "half two"])

    assert sorted(answers) == ["A", "B", "HALF ONE", "HALF TWO"]


def test_a_task_that_eats_memory_fails_alone() -> None:
    """The limit on address space holds: an allocation fails instead of the machine."""

    def eat(task: str) -> str:
        if task == "eat":
            _ = bytearray(4 << 30)
        return task

    lost: list[str] = []
    limits = Limits(memory_bytes=1 << 30)

    answers = supervise(
        ["a", "eat", "b"], eat, lambda task, cause: lost.append(task) or [], limits=limits
    )

    assert sorted(answers) == ["a", "b"]
    assert lost == ["eat"]


def test_what_the_parent_holds_is_not_charged_to_a_task() -> None:
    """The facts of a large project stay in the parent; each task still has what it may take."""
    held = bytearray(256 << 20)
    held[::4096] = b"x" * len(held[::4096])

    def take(task: int) -> int:
        return len(bytearray(task << 20)) and os.getpid()

    limits = Limits(memory_bytes=64 << 20)
    pids = [*supervise([20, 20, 20], take, lambda *_: [], limits=limits)]

    assert len(pids) == 3, "every task had its memory"
    assert len(set(pids)) == 1, "no worker was replaced because it was full"


def test_deep_recursion_is_possible() -> None:
    """Workers have a stack that is deep enough for odd but valid code."""

    def descend(depth: int) -> int:
        return 0 if depth == 0 else 1 + descend(depth - 1)

    assert list(supervise([15_000], descend, lambda task, cause: [])) == [15_000]


def test_no_worker_outlives_its_run() -> None:
    """Stopping early ends the workers, also busy ones."""
    pids = []

    def work(task: int) -> int:
        time.sleep(0.05 if task == 0 else 30)
        return os.getpid()

    answers = supervise(range(4), work, lambda task, cause: [], jobs=2)
    pids.append(next(answers))
    answers.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
