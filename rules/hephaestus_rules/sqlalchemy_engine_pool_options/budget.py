"""How many connections each process may open, from what the server gives all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: What servers allow when nobody says otherwise; the first is the least, for unknown ones.
DEFAULT_CONNECTIONS: Final = {"postgresql": (100, "PostgreSQL"), "mysql": (151, "MySQL")}
#: Left for superusers, migrations, backups and people.
RESERVED: Final = 10
#: What SQLAlchemy's own pool lends: 5 + 10.
USUAL: Final = 15
#: With fewer connections than this for each engine a pool is only a queue.
LEAST: Final = 4


@dataclass(frozen=True, slots=True)
class Budget:
    """The connections of a server, and who shares them."""

    connections: int
    processes: int
    engines: int

    @property
    def each(self) -> int:
        """The connections that one engine of one process may open."""
        return (self.connections - RESERVED) // (self.processes * self.engines)

    @property
    def is_too_small(self) -> bool:
        """Say whether no pool of a useful size fits."""
        return self.each < LEAST

    def fit(self, pool_size: int, max_overflow: int) -> tuple[int, int]:
        """Return the sizes, made smaller where they do not fit: kept connections come first."""
        if pool_size + max_overflow <= self.each:
            return pool_size, max_overflow
        kept = min(pool_size, (self.each + 1) // 2)
        return kept, min(max_overflow, self.each - kept)

    def shares(self) -> str:
        """Return who shares the server, and what that leaves for each, as a person would say it."""
        left = _count(self.each, "connection", "connections")
        return f"{self._sharers()} leave {left} for each pool"

    def _sharers(self) -> str:
        processes = _count(self.processes, "process", "processes")
        return f"{processes} * {_count(self.engines, 'engine', 'engines')}"

    def explain(self, pool_size: int, max_overflow: int) -> str:
        """Return the budget as a sum that a person can check."""
        return (
            f"{self._sharers()} * ({pool_size} + {max_overflow}) = "
            f"{self.processes * self.engines * (pool_size + max_overflow)} connections of "
            f"{self.connections - RESERVED} ({self.connections} less {RESERVED} in reserve)"
        )


def default_connections(backends: frozenset[str]) -> tuple[int, str]:
    """Return how many connections a server of *backends* allows, and whose default that is."""
    only = next(iter(backends)) if len(backends) == 1 else "postgresql"
    return DEFAULT_CONNECTIONS.get(only, DEFAULT_CONNECTIONS["postgresql"])


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
