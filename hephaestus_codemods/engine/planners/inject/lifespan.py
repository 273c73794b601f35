"""Starting and stopping parts together with the application, whatever else it starts.

A part is a lifespan: a function of the application that returns an asynchronous context manager.
"""

from __future__ import annotations

import inspect
import logging
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    State = Mapping[str, Any] | None
    Lifespan = Callable[[Any], AbstractAsyncContextManager[State]]

log = logging.getLogger(__name__)


def compose(*lifespans: Lifespan) -> Lifespan:
    """Return a lifespan that enters *lifespans* in order and leaves them in reverse.

    The states they yield are merged; on the same key the earlier one wins, so that the
    application's own lifespan, which comes first, keeps what it had.
    """

    @asynccontextmanager
    async def composed(app: Any) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            states = [await stack.enter_async_context(_manager(one, app)) for one in lifespans]
            yield _merged(states)

    return composed


def bounded(lifespan: Lifespan, *, start: float = 30.0, stop: float = 10.0) -> Lifespan:
    """Return *lifespan* with its own time limits, in seconds.

    A start that takes longer fails; a stop that takes longer is given up, so that it cannot keep
    the process from ending.
    """

    @asynccontextmanager
    async def limited(app: Any) -> AsyncIterator[State]:
        manager = _manager(lifespan, app)
        with anyio.fail_after(start):
            state = await manager.__aenter__()
        try:
            yield state
        finally:
            with anyio.move_on_after(stop) as limit:
                await manager.__aexit__(None, None, None)
            if limit.cancelled_caught:
                log.warning("%s did not stop within %s s: given up", lifespan, stop)

    return limited


async def start(app: Any, part: Lifespan) -> None:
    """Start *part*, for an application that uses ``on_event``."""
    stack = AsyncExitStack()
    await stack.enter_async_context(_manager(part, app))
    _running(app)[part] = stack


async def stop(app: Any, part: Lifespan) -> None:
    """Stop *part*, if it was started."""
    stack = _running(app).pop(part, None)
    if stack is not None:
        await stack.aclose()


def install(app: Any, *parts: Lifespan) -> None:
    """Let *parts* start after what *app* starts so far, and stop before it; once per part."""
    installed = _kept(app, "hephaestus_installed", set)
    new = [part for part in parts if part not in installed]
    installed.update(new)
    if new:
        app.router.lifespan_context = compose(app.router.lifespan_context, *new)


def _manager(lifespan: Any, app: Any) -> AbstractAsyncContextManager[State]:
    """Enter what frameworks accept as a lifespan: also a plain generator function."""
    if inspect.isasyncgenfunction(lifespan):
        return asynccontextmanager(lifespan)(app)
    if inspect.isgeneratorfunction(lifespan):
        return _as_async(lifespan, app)
    found: AbstractAsyncContextManager[State] = lifespan(app)
    return found


@asynccontextmanager
async def _as_async(lifespan: Any, app: Any) -> AsyncIterator[State]:
    with contextmanager(lifespan)(app) as state:
        yield state


def _merged(states: list[State]) -> State:
    """Merge; None when nobody has a state, since not every server supports one."""
    given = [state for state in states if state is not None]
    if not given:
        return None
    return {key: value for state in reversed(given) for key, value in state.items()}


def _running(app: Any) -> dict[Lifespan, AsyncExitStack]:
    found: dict[Lifespan, AsyncExitStack] = _kept(app, "hephaestus_running", dict)
    return found


def _kept(app: Any, name: str, make: Callable[[], Any]) -> Any:
    if not hasattr(app.state, name):
        setattr(app.state, name, make())
    return getattr(app.state, name)
