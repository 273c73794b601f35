"""What a function does besides giving a value, and the path that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator


class EffectKind(StrEnum):
    """Something that a call does, or depends on, besides its arguments and its result."""

    READS = "reads"
    """Reads the database; *what* is the table, ``?`` when it is not known."""

    WRITES = "writes"
    """Writes to the database, at once or with the next flush; *what* is the table."""

    CONNECTS = "connects"
    """Takes a connection to the database."""

    COMMITS = "commits"
    """Ends a transaction and keeps what it wrote."""

    FLUSHES = "flushes"
    """Sends what waits in a session to the database."""

    ROLLS_BACK = "rolls-back"
    """Ends a transaction and forgets what it wrote."""

    REDIS_READS = "redis-reads"
    """Reads from Redis; *what* is the command."""

    REDIS_WRITES = "redis-writes"
    """Writes to Redis; *what* is the command."""

    HTTP = "http"
    """Asks another server over HTTP."""

    NETWORK = "network"
    """Talks to another server in another way: mail, queues, cloud services, sockets."""

    FILES = "files"
    """Reads or writes files."""

    SLEEPS = "sleeps"
    """Waits for time to pass."""

    SPAWNS = "spawns"
    """Starts a task, thread or process and does not wait for it."""

    LOCKS = "locks"
    """Waits for other threads, tasks or processes."""

    YIELDS = "yields"
    """Gives values one by one: what follows runs when the next one is asked for."""

    RAISES = "raises"
    """Raises an exception that it names; *what* is the class."""

    MUTATES = "mutates"
    """Changes an object that others can see: a parameter, a global, something that was loaded."""

    NONDETERMINISTIC = "nondeterministic"
    """Gives something else each time: *what* is ``time``, ``random``, ``uuid`` or ``secrets``."""

    CONTEXT_READS = "context-reads"
    """Reads a context variable."""

    CONTEXT_SETS = "context-sets"
    """Sets a context variable."""

    ENVIRONMENT = "environment"
    """Depends on the process: its environment, arguments, host."""

    LOGS = "logs"
    """Writes to a log or to the standard streams."""

    UNKNOWN = "unknown"
    """Runs something that is not known; *what* is the reason."""


@dataclass(frozen=True, slots=True)
class Root:
    """The variable behind an object: *scope* is the function or module that binds *name*.

    *scope* is None for an object that came out of a call.
    """

    scope: ast.AST | None
    name: str


#: The functions between the one asked about and the place, the nearest first.
Chain = tuple[str, "Chain"] | None


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a function does.

    *runs* is the call that does it, *place* is ``path:line``. *far* counts the functions in
    between. *root* is the variable behind what is changed or, for something unknown, the parameter
    that is called.
    """

    kind: EffectKind
    what: str
    runs: str
    place: str
    chain: Chain = None
    far: int = 0
    root: Root | None = None

    @property
    def key(self) -> tuple[EffectKind, str, Root | None]:
        """What makes two effects the same one."""
        return self.kind, self.what, self.root

    @property
    def via(self) -> tuple[str, ...]:
        """The functions between the one asked about and the place."""
        return tuple(_unchained(self.chain))

    def path(self, start: str) -> str:
        """Return ``handler -> service.load -> requests.get, app/clients.py:41``, for messages."""
        return f"{' -> '.join((start, *self.via, self.runs))}, {self.place}"


def _unchained(chain: Chain) -> Iterator[str]:
    while chain is not None:
        name, chain = chain
        yield name


#: Database work that the next statement can see.
DATABASE = frozenset(
    {
        EffectKind.READS,
        EffectKind.WRITES,
        EffectKind.CONNECTS,
        EffectKind.COMMITS,
        EffectKind.FLUSHES,
        EffectKind.ROLLS_BACK,
    }
)
#: Work that waits for something outside of the process.
WAITING = frozenset(
    {
        *DATABASE,
        EffectKind.REDIS_READS,
        EffectKind.REDIS_WRITES,
        EffectKind.HTTP,
        EffectKind.NETWORK,
        EffectKind.FILES,
        EffectKind.SLEEPS,
        EffectKind.LOCKS,
    }
)


@dataclass(frozen=True)
class Summary:
    """Everything that a call of a function may do.

    *cut_short* says that there is more that is unknown than the few things that are listed.
    """

    effects: tuple[Effect, ...] = ()
    cut_short: bool = False

    @cached_property
    def _by_kind(self) -> dict[EffectKind, tuple[Effect, ...]]:
        found: dict[EffectKind, list[Effect]] = {}
        for effect in self.effects:
            found.setdefault(effect.kind, []).append(effect)
        return {kind: tuple(effects) for kind, effects in found.items()}

    def of(self, *kinds: EffectKind) -> tuple[Effect, ...]:
        """Return the effects of *kinds*."""
        return tuple(one for kind in kinds for one in self._by_kind.get(kind, ()))

    def has(self, *kinds: EffectKind) -> bool:
        """Say whether there is an effect of one of *kinds*."""
        return any(kind in self._by_kind for kind in kinds)

    def names(self, kind: EffectKind) -> frozenset[str]:
        """Return what the effects of *kind* are about: tables, classes, commands."""
        return frozenset(one.what for one in self.of(kind))

    @property
    def is_known(self) -> bool:
        """Whether the list is complete: nothing unknown is called."""
        return not self.has(EffectKind.UNKNOWN)

    @property
    def is_pure(self) -> bool:
        """Whether a call does nothing but give a value, the same for the same arguments."""
        return not self.effects
