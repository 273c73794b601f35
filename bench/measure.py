"""Times, memory and imports of commands, of a whole process tree each."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.place import Unavailable, environment, last_words

#: Longer than any tool here needs; one that hangs must not stop the rest.
LIMIT_S = 1800
HEAVY = frozenset({"libcst", "sqlglot", "rope"})


@dataclass
class Timing:
    """One command, and the CPU and wall seconds of each of its runs.

    *once* marks a tool that takes minutes. *reason* says why there are no figures.
    """

    name: str
    command: list[str]
    folder: Path
    once: bool = False
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    reason: str = ""

    def run(self) -> None:
        """Run the command once more, unless it has failed or once is enough."""
        if self.reason or (self.once and self.cpu):
            return
        start, used = time.perf_counter(), children_cpu()
        try:
            run(self.command, self.folder)
        except Unavailable as error:
            self.reason = str(error)
            return
        self.wall.append(time.perf_counter() - start)
        self.cpu.append(children_cpu() - used)

    def over(self, other: Timing) -> float | None:
        """Return how many times the CPU of *other* this takes: the median over the rounds."""
        return _ratio(self.cpu, other.cpu)

    def wall_over(self, other: Timing) -> float | None:
        """Return how many times the time of *other* this takes, each at its quietest."""
        return min(self.wall) / min(other.wall) if self.wall and other.wall else None


def _ratio(ours: list[float], others: list[float]) -> float | None:
    """Return the median over the rounds that both ran: then the machine was alike for both."""
    pairs = list(zip(ours, others, strict=False))
    return median(one / other for one, other in pairs) if pairs else None


def run(command: list[str], folder: Path) -> str:
    """Run *command*; return what it said on stderr, raise Unavailable when it failed."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(),
            capture_output=True,
            check=False,
            timeout=LIMIT_S,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(last_words(str(error))) from error
    if done.returncode:
        raise Unavailable(f"exit {done.returncode}: {last_words(done.stderr or done.stdout)}")
    return done.stderr


def children_cpu() -> float:
    """Return the CPU seconds (user and system) of all processes that ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_memory(command: list[str], folder: Path) -> float | None:
    """Return the sum of the peaks of all processes of *command* in MB; None without /proc.

    Every process is asked for its own high-water mark until it ends. What a worker shares with
    its parent counts twice and peaks need not fall together, so the truth is below the figure.
    """
    if not Path("/proc/self/status").exists():
        return None
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peaks: dict[int, int] = {}
    while process.poll() is None:
        for pid in _family(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), _high_water(pid))
        time.sleep(0.002)
    return sum(peaks.values()) / 1024


def _family(pid: int) -> list[int]:
    """Return *pid* and the processes below it."""
    children = _read(f"/proc/{pid}/task/{pid}/children").split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _high_water(pid: int) -> int:
    """Return the most KiB that a process has held so far."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # it has just ended
        return ""


def heavy_imports(command: list[str], folder: Path) -> frozenset[str]:
    """Return which heavy dependencies a Python program and its workers import."""
    said = run([sys.executable, "-X", "importtime", *command], folder)
    return HEAVY & {line.rpartition("|")[2].strip() for line in said.splitlines()}
