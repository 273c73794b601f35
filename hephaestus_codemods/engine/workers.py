"""Work on files in processes that can be killed: a poison file costs only itself.

Parsing can crash the process, hold the GIL for minutes or eat all memory (deep nesting, long call
chains), so limits inside a process are worthless. The parent never parses: it hands out tasks in
chunks, gets one answer per task, and when a worker dies or stops answering, the task it was busy
with is handed to *lost*, which says what to try instead. A worker that a task left short of memory
or of file handles is replaced before it takes the next one.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import resource
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from hephaestus_codemods.errors import is_exhaustion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

Task = TypeVar("Task")
Answer = TypeVar("Answer")

#: How a user or the system asks a run to stop.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: So many more handles than at its start are open in a worker that does not close them.
LEAKED_HANDLES = 32
#: In what resident memory is counted: Linux counts KiB, macOS bytes.
RESIDENT_UNIT = 1024 if sys.platform == "linux" else 1
#: How a worker ends that has no memory or no handles left.
EXHAUSTED = 12


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost before its worker is ended.

    Memory counts on top of what a worker has of its parent, which may hold a large project.
    """

    seconds: float = 30.0
    memory_bytes: int = 1 << 30
    stack_bytes: int = 256 << 20
    recursion: int = 20_000


@dataclass(frozen=True, slots=True)
class Worn:
    """What a worker says last when the tasks so far have used up what the next one needs."""


@dataclass
class Worker(Generic[Task]):
    """A child process and the tasks that it still owes an answer to, oldest first."""

    pid: int
    link: Connection
    owed: deque[Task] = field(default_factory=deque)
    since: float = 0.0


def supervise(
    tasks: Sequence[Task],
    work: Callable[[Task], Answer],
    lost: Callable[[Task, str], Sequence[Task]],
    *,
    jobs: int = 1,
    limits: Limits | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Answer]:
    """Yield the answer to each task, in no particular order.

    *work* runs in forked children. *lost* is told which task ended its worker and why; the tasks
    that it returns are done instead.
    """
    limits = limits or Limits()
    waiting = deque(_chunks(tasks, jobs))
    workers: list[Worker[Task]] = []
    try:
        while (waiting or any(worker.owed for worker in workers)) and not should_stop():
            _hand_out(waiting, workers, work, jobs, limits)
            for link in wait([worker.link for worker in workers if worker.owed], timeout=0.1):
                worker = next(one for one in workers if one.link is link)
                try:
                    answer: Answer = worker.link.recv()
                except (EOFError, OSError):
                    waiting.extendleft(_bury(workers, worker, lost, _cause(worker)))
                    continue
                if isinstance(answer, Worn):
                    waiting.extendleft(_retire(workers, worker))
                    continue
                worker.owed.popleft()
                worker.since = time.monotonic()
                yield answer
            for worker in [*workers]:
                if worker.owed and time.monotonic() - worker.since > limits.seconds:
                    os.kill(worker.pid, signal.SIGKILL)
                    os.waitpid(worker.pid, 0)
                    cause = f"it took longer than {limits.seconds:g} seconds"
                    waiting.extendleft(_bury(workers, worker, lost, cause))
    finally:
        for worker in workers:
            _end(worker)


def _chunks(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, ...]]:
    """Cut *tasks* into ever shorter runs.

    Neighbours ask for the same facts, which each worker has to work out for itself, so the first
    runs are long; the last ones are short, so that all workers end together.
    """
    start = 0
    while start < len(tasks):
        size = max(1, (len(tasks) - start) // (jobs * 2))
        yield tuple(tasks[start : start + size])
        start += size


def _hand_out(
    waiting: deque[tuple[Task, ...]],
    workers: list[Worker[Task]],
    work: Callable[[Task], Answer],
    jobs: int,
    limits: Limits,
) -> None:
    """Give each worker that is free a chunk; start workers as long as there is work for them."""
    while waiting:
        free = next((worker for worker in workers if not worker.owed), None)
        if free is None and len(workers) < jobs:
            free = _start(work, limits, [worker.link for worker in workers])
            workers.append(free)
        if free is None:
            return
        chunk = waiting.popleft()
        free.owed.extend(chunk)
        free.since = time.monotonic()
        with contextlib.suppress(OSError):  # it died while idle: its silence is noticed later
            free.link.send(chunk)


def _bury(
    workers: list[Worker[Task]],
    worker: Worker[Task],
    lost: Callable[[Task, str], Sequence[Task]],
    cause: str,
) -> list[tuple[Task, ...]]:
    """Forget a dead worker; return what has to be done again, one task at a time."""
    workers.remove(worker)
    worker.link.close()
    guilty = worker.owed.popleft()
    again = [(task,) for task in lost(guilty, cause)]
    return [*([tuple(worker.owed)] if worker.owed else []), *again]


def _retire(workers: list[Worker[Task]], worker: Worker[Task]) -> list[tuple[Task, ...]]:
    """Let a worn worker go; return what it has not begun."""
    workers.remove(worker)
    _end(worker)
    return [tuple(worker.owed)] if worker.owed else []


def _cause(worker: Worker[Task]) -> str:
    _, status = os.waitpid(worker.pid, 0)
    if os.WIFSIGNALED(status):
        return f"it ended the process with {signal.Signals(os.WTERMSIG(status)).name}"
    if os.WEXITSTATUS(status) == EXHAUSTED:
        return "it used up the memory or the open files that a process may have"
    return f"it ended the process with exit code {os.WEXITSTATUS(status)}"


def _end(worker: Worker[Task]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(worker.pid, 0)
    worker.link.close()


def _start(
    work: Callable[[Task], Answer], limits: Limits, others: Sequence[Connection]
) -> Worker[Task]:
    """Fork a worker; it has what the parent has loaded, so that it starts at once."""
    ours, theirs = Pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # What a signal raises in the middle of a fork, Python would only print, and go on.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        pid = os.fork()
        if pid == 0:
            for link in (ours, *others):
                link.close()
            _serve(theirs, work, limits, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return Worker(pid, ours)


def _serve(
    link: Connection,
    work: Callable[[Task], Answer],
    limits: Limits,
    mask: Collection[int],
) -> NoReturn:
    """Answer tasks until the parent hangs up, on a stack that is deep enough for odd code."""
    code = 1
    try:
        for name in STOPPING:
            signal.signal(name, signal.SIG_IGN if name is signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        faulthandler.disable()  # a crash is an answer, not a story for the terminal
        _die_with_parent()
        most = _address_space() + limits.stack_bytes + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.setrecursionlimit(limits.recursion)
        gc.freeze()
        threading.stack_size(limits.stack_bytes)
        thread = threading.Thread(target=_answer, args=(link, work, limits))
        thread.start()
        thread.join()
        code = 0
    finally:
        os._exit(code)


def _answer(link: Connection, work: Callable[[Task], Answer], limits: Limits) -> None:
    handle, resident = _next_handle(link), _peak()
    try:
        while True:
            for task in link.recv():
                link.send(work(task))
                leaks = _next_handle(link) > handle + LEAKED_HANDLES
                # Half of the memory that one task may take is gone, maybe for good.
                if leaks or _peak() - resident > limits.memory_bytes // 2:
                    link.send(Worn())
                    return
    except EOFError:
        return
    except BaseException as error:  # whatever it was, the parent sees that we are gone
        os._exit(EXHAUSTED if is_exhaustion(error) else 1)


def _next_handle(link: Connection) -> int:
    """Return the number that the next open file would have: it grows when files stay open."""
    handle = os.dup(link.fileno())
    os.close(handle)
    return handle


def _peak() -> int:
    """Return the most memory, in bytes, that this process ever had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RESIDENT_UNIT


def _address_space() -> int:
    """Return the bytes of memory that are mapped; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as table:
            return int(table.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process when the parent is gone."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  # only workers need it

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
