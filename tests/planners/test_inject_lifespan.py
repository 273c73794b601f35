"""The injected module ``lifespan``: order, state, time limits and failures of what it composes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from hephaestus_codemods.engine.planners.inject.lifespan import (
    bounded,
    compose,
    install,
    start,
    stop,
)


def part(log, name, state=None, *, failing="", slow=""):
    @asynccontextmanager
    async def lifespan(app):
        await step("start")
        try:
            yield state
        finally:
            await step("stop")

    async def step(what):
        if slow == what:
            await asyncio.sleep(30)
        log.append(f"{name} {what}")
        if failing == what:
            raise RuntimeError(name)

    return lifespan


def run(lifespan, app=None):
    async def main():
        async with lifespan(app or SimpleNamespace(state=SimpleNamespace())) as state:
            return state

    return asyncio.run(main())


def test_parts_are_entered_in_order_and_left_in_reverse():
    """What came first may be needed until the end."""
    log: list[str] = []
    run(compose(part(log, "a"), part(log, "b"), part(log, "c")))

    assert log == ["a start", "b start", "c start", "c stop", "b stop", "a stop"]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([None, None], None),
        ([{"x": 1}, None], {"x": 1}),
        ([None, {"y": 2}], {"y": 2}),
        ([{"x": 1}, {"x": 3, "y": 2}], {"x": 1, "y": 2}),
        ([{}, None], {}),
    ],
)
def test_states_are_merged_and_the_application_wins(states, expected):
    """None stays None: a server without lifespan state refuses even an empty one."""
    assert run(compose(*(part([], "p", state) for state in states))) == expected


def test_a_failing_start_stops_what_was_started():
    """The process may be restarted in the same interpreter: nothing is left open."""
    log: list[str] = []
    with pytest.raises(RuntimeError, match="b"):
        run(compose(part(log, "a"), part(log, "b", failing="start"), part(log, "c")))

    assert log == ["a start", "b start", "a stop"]


def test_a_failing_stop_does_not_keep_others_open():
    """The error is the application's to see, after all have been stopped."""
    log: list[str] = []
    with pytest.raises(RuntimeError, match="b"):
        run(compose(part(log, "a"), part(log, "b", failing="stop")))

    assert log == ["a start", "b start", "b stop", "a stop"]


def test_generator_functions_are_lifespans_too():
    """Frameworks accept them, so what the application has may be one."""
    log: list[str] = []

    async def asynchronous(app):
        log.append("async")
        yield {"x": 1}

    def plain(app):
        log.append("plain")
        yield {"y": 2}
        log.append("plain stop")

    assert run(compose(asynchronous, plain)) == {"x": 1, "y": 2}
    assert log == ["async", "plain", "plain stop"]


def test_a_slow_start_fails_and_a_slow_stop_is_given_up(caplog):
    """A part never keeps the process from starting with an error, or from ending."""
    with pytest.raises(TimeoutError):
        run(bounded(part([], "a", slow="start"), start=0.05))
    log: list[str] = []
    run(compose(part(log, "own"), bounded(part(log, "a", {"x": 1}, slow="stop"), stop=0.05)))

    assert log == ["own start", "a start", "own stop"]
    assert "given up" in caplog.text
    assert run(bounded(part([], "a", {"x": 1}))) == {"x": 1}


def test_start_and_stop_follow_events():
    """Stopping what never started is no error: a shutdown may follow a failed startup."""
    log: list[str] = []
    app = SimpleNamespace(state=SimpleNamespace())
    one = part(log, "a")

    async def main():
        await stop(app, one)
        await start(app, one)
        log.append("serving")
        await stop(app, one)
        await stop(app, one)

    asyncio.run(main())
    assert log == ["a start", "serving", "a stop"]


def test_a_part_is_installed_once():
    """A factory may be called again with the same application."""
    log: list[str] = []
    router = SimpleNamespace(lifespan_context=part(log, "own", {"x": 1}))
    app = SimpleNamespace(state=SimpleNamespace(), router=router)
    one = part(log, "a")
    install(app, one)
    install(app, one)

    assert run(router.lifespan_context, app) == {"x": 1}
    assert log == ["own start", "a start", "a stop", "own stop"]
