"""Counting what code asks of its servers: SQL statements, Redis commands and round trips."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis.asyncio.connection import Connection as AsyncConnection
from redis.connection import Connection
from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import Engine

#: What a client says when it opens a connection: a pool does it once, not each request.
GREETINGS = frozenset({"HELLO", "CLIENT", "SELECT", "AUTH", "PING"})


@dataclass
class Wiretap:
    """What was sent while it listened, in order; one round trip may carry many commands."""

    statements: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    round_trips: int = 0
    listening: bool = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count what the block sends."""
        before, self.listening = self.listening, False
        try:
            yield
        finally:
            self.listening = before

    def statement(self, text: str) -> None:
        """Note an SQL statement."""
        if self.listening:
            self.statements.append(" ".join(text.split()))

    def sent(self, packed: str | bytes | Iterable[bytes]) -> None:
        """Note what goes to Redis in one write."""
        data = packed if isinstance(packed, str | bytes) else b"".join(packed)
        names = [name for name in command_names(data) if name not in GREETINGS]
        if self.listening and names:
            self.commands += names
            self.round_trips += 1

    def on_engine(self, engine: Engine) -> None:
        """Listen to every statement of *engine*."""

        @event.listens_for(engine, "before_cursor_execute")
        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            self.statement(statement)

    def connection_class(self) -> type[Connection]:
        """Return a class of Redis connections that report here."""
        tap = self

        class Tapped(Connection):
            """A connection that says what it sends."""

            def send_packed_command(self, command: Any, check_health: bool = True) -> None:
                """Send a packed command, or all those of a pipeline."""
                tap.sent(command)
                send: Callable[..., None] = super().send_packed_command
                send(command, check_health=check_health)

        return Tapped

    def async_connection_class(self) -> type[AsyncConnection]:
        """Return a class of asynchronous Redis connections that report here."""
        tap = self

        class Tapped(AsyncConnection):
            """A connection that says what it sends."""

            async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
                """Send a packed command, or all those of a pipeline."""
                tap.sent(command)
                await super().send_packed_command(command, check_health=check_health)

        return Tapped


def command_names(packed: str | bytes) -> Iterator[str]:
    """Yield the name of each command in what a client sends (RESP arrays of bulk strings)."""
    data = packed.encode() if isinstance(packed, str) else packed
    at = 0
    while at < len(data):
        assert data[at : at + 1] == b"*", "a client sends arrays"
        line = data.index(b"\r\n", at)
        words = int(data[at + 1 : line])
        at = line + 2
        for number in range(words):
            line = data.index(b"\r\n", at)
            size, start = int(data[at + 1 : line]), line + 2
            if number == 0:
                yield data[start : start + size].decode().upper()
            at = start + size + 2
