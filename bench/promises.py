"""What is promised, and whether it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.commands import COLD, COMPARABLE, QUIET_FILE, SCAN, quiet_apply
from bench.measure import heavy_imports, peak_memory
from bench.place import HCODEMOD, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.commands import Commands
    from bench.measure import Timing


@dataclass(frozen=True)
class Promise:
    """A figure with its bound; *least* says that more is better. None was not measured."""

    name: str
    bound: float
    value: float | None
    least: bool = False
    why_not: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the figure is within the bound; None when there is none."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.least else self.value <= self.bound

    @property
    def aim(self) -> str:
        """The bound as people read it."""
        return f"{'≥' if self.least else '≤'} {self.bound:g}"


def promises(measured: Commands) -> Iterator[Promise]:
    """Yield every promise with its figure from *measured*."""
    alone = [timing for timing in measured.alone.values() if timing.cpu]
    dearest = max(alone, key=lambda timing: min(timing.cpu))
    yield Promise(
        "cold scan, first three rules / ast.parse", 1.0, measured.first.over(measured.parse)
    )
    yield Promise("cold scan, every rule / ast.parse", 2.0, measured.cold.over(measured.parse))
    yield Promise("warm scan / ast.parse", 0.15, measured.warm.over(measured.parse))
    yield Promise(f"every rule / {dearest.name}", 1.5, measured.cold.over(dearest))
    yield Promise(
        "wall time of -j1 / -j2", 1.6, measured.cold.wall_over(measured.parallel), least=True
    )
    yield Promise(
        "CPU seconds of apply for one quiet file", 0.3, min(measured.one_file.cpu, default=None)
    )
    memory = peak_memory([*COLD], tree())
    yield Promise("peak memory of a cold scan, all processes, MB", 300, memory)
    yield Promise("heavy imports with nothing to do", 0, len(_heavy()))
    for name, peer in measured.peers.items():
        yield _against(name, peer, measured)


def _against(name: str, peer: Timing, measured: Commands) -> Promise:
    if name == "ruff":
        return Promise(
            "cold scan, every rule / ruff", 5, measured.cold.over(peer), why_not=peer.reason
        )
    ours = measured.alone[COMPARABLE]
    return Promise(f"{name} / one rule of ours", 30, peer.over(ours), True, peer.reason)


def _heavy() -> frozenset[str]:
    quiet = ([HCODEMOD, "--version"], [*SCAN, "--no-cache", QUIET_FILE], quiet_apply())
    return frozenset().union(*(heavy_imports(command, tree()) for command in quiet))
