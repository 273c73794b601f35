"""redis-roundtrip-collapse: what it writes does the same on a real server, in fewer round trips."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hephaestus_rules.redis_roundtrip_collapse import rule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hephaestus_codemods.testing import differential as d
from hephaestus_codemods.testing.cases import read_cases
from hephaestus_codemods.testing.running import run_rule
from hephaestus_codemods.testing.shapes import Raised

#: redis-py warns of setex and hmset, which the code before the rewrite calls.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

README = Path(rule.__file__).with_name("README.md")
PATH = "app/example.py"
VALUES = st.one_of(st.text(max_size=4), st.binary(max_size=4), st.integers(-3, 3))
NO_LIMITS = settings(max_examples=12, suppress_health_check=list(HealthCheck))

#: Bodies of ``answer(client, key, value, ttl)``; ``~`` stands for ``await`` or nothing.
#: The numbers are the round trips before and after, when the key is there and when it is missing.
SHAPES = {
    "set, expire": (
        """
    ok = ~client.set(key, value)
    ~client.expire(key, 100)
    return ok
""",
        ((2, 1), (2, 1)),
    ),
    "set, pexpire": (
        """
    ~client.set(key, value)
    ~client.pexpire(key, 100_000)
""",
        ((2, 1), (2, 1)),
    ),
    "set(xx), expire": (
        """
    ok = ~client.set(key, value, xx=True)
    ~client.expire(key, timedelta(minutes=2))
    return ok
""",
        ((2, 1), (2, 1)),
    ),
    "set, if ttl: expire": (
        """
    ~client.set(key, value)
    if ttl:
        ~client.expire(key, ttl)
""",
        ((2, 1), (2, 1)),
    ),
    "set, if ttl is not None: expire": (
        """
    ~client.set(key, value)
    if ttl is not None:
        ~client.expire(key, ttl)
    return "done"
""",
        ((2, 1), (2, 1)),
    ),
    "if setnx: expire": (
        """
    if ~client.setnx(key, value):
        ~client.expire(key, 100)
        return "mine"
    return "yours"
""",
        ((1, 1), (2, 1)),
    ),
    "if not setnx: return, expire": (
        """
    if not ~client.setnx(key, value):
        return "yours"
    ~client.expire(key, 100)
    return "mine"
""",
        ((1, 1), (2, 1)),
    ),
    "ok = setnx, if ok: expire": (
        """
    ok = ~client.setnx(key, value)
    if ok:
        ~client.expire(key, 100)
    return ok
""",
        ((1, 1), (2, 1)),
    ),
    "if set(nx): expire": (
        """
    if ~client.set(key, value, nx=True):
        ~client.expire(key, 100)
""",
        ((1, 1), (2, 1)),
    ),
    "if exists: get": (
        """
    if ~client.exists(key):
        found = ~client.get(key)
        return [found, "found"]
    return "missing"
""",
        ((2, 1), (1, 1)),
    ),
    "if exists: return f(get)": (
        """
    if ~client.exists(key) == 1:
        return repr(~client.get(key))
    return "missing"
""",
        ((2, 1), (1, 1)),
    ),
    "if not exists: return, get": (
        """
    if not ~client.exists(key):
        return "missing"
    found = ~client.get(key)
    return found
""",
        ((2, 1), (1, 1)),
    ),
    "if not exists: return None, return get": (
        """
    if ~client.exists(key) < 1:
        return None
    return ~client.get(key)
""",
        ((2, 1), (1, 1)),
    ),
    "get if exists else None": (
        """
    return ~client.get(key) if ~client.exists(key) else None
""",
        ((2, 1), (1, 1)),
    ),
    "get if exists else default": (
        """
    return [~client.get(key) if ~client.exists(key) else "missing"]
""",
        ((2, 1), (1, 1)),
    ),
    "None, if exists: get": (
        """
    found = None
    if ~client.exists(key):
        found = ~client.get(key)
    return found
""",
        ((2, 1), (1, 1)),
    ),
    "if exists: get, else: make": (
        """
    if ~client.exists(key):
        found = ~client.get(key)
    else:
        found = value
        ~client.set(key, found, ex=50)
    return found
""",
        ((2, 1), (2, 2)),
    ),
    "get, expire": (
        """
    found = ~client.get(key)
    ~client.expire(key, 100)
    return found
""",
        ((2, 1), (2, 1)),
    ),
    "get, if found is not None: expire": (
        """
    found = ~client.get(key)
    if found is not None:
        ~client.pexpire(key, 100_000)
    return found
""",
        ((2, 1), (1, 1)),
    ),
    "get, delete": (
        """
    found = ~client.get(key)
    ~client.delete(key)
    return found
""",
        ((2, 1), (2, 1)),
    ),
    "get, if found is None: return, delete": (
        """
    found = ~client.get(key)
    if found is None:
        return "missing"
    ~client.delete(key)
    return found
""",
        ((2, 1), (1, 1)),
    ),
    "setex": (
        """
    return ~client.setex(key, 100, value)
""",
        ((1, 1), (1, 1)),
    ),
    "psetex": (
        """
    return ~client.psetex(key, 100_000, value)
""",
        ((1, 1), (1, 1)),
    ),
    "hmset": (
        """
    ~client.hmset(key, {"a": value, "b": 1})
""",
        ((1, 1), (1, 1)),
    ),
    "delete of a hash": (
        """
    ~client.hset("names", value, 1)
    return ~client.delete("names")
""",
        ((2, 2), (2, 2)),
    ),
}
HEAD = "from datetime import timedelta\n\nfrom redis{asyncio} import Redis\n\n\n"
SIGNATURE = "def answer(client: Redis, key: str, value: str, ttl: int | None):"
DEPLOYED = {
    "docker-compose.yml": b"services:\n  cache:\n    image: redis:7-alpine\n",
    "requirements.txt": b"redis>=5\n",
    "app/__init__.py": b"",
}
#: The last lines of a program: a client that gives text, where that is asked for.
DECODING = """

def run(client, decode, **arguments):
    client.connection_pool.connection_kwargs["decode_responses"] = decode
    return answer(client, **arguments)
"""


def rewritten(source):
    """Return what the rule makes of a module; all of its sites are written."""
    out = run_rule(rule.RULE, {**DEPLOYED, PATH: source.encode()}, {})
    return out.files[PATH].decode()


def programs(body, *, is_async=False):
    """Return the programs before and after."""
    text = body.replace("~", "await " if is_async else "")
    head = HEAD.format(asyncio=".asyncio" if is_async else "")
    source = f"{head}{'async ' if is_async else ''}{SIGNATURE}{text}"
    after = rewritten(source)
    assert after != source, "the rule finds nothing here"
    takes = d.Takes.ASYNC_REDIS if is_async else d.Takes.REDIS
    decoding = DECODING
    if is_async:
        decoding = decoding.replace("def run", "async def run").replace("return ", "return await ")
    return tuple(
        d.Program.of(one + decoding, "run", [takes], metadata=None) for one in (source, after)
    )


def commands(state, life):
    """Return the commands that make a key of some type, with or without a TTL."""
    made = {
        "missing": [],
        "empty": [["SET", "k", ""]],
        "text": [["SET", "k", "text"]],
        "number": [["SET", "k", 41]],
        "list": [["RPUSH", "k", "a", "b"]],
        "hash": [["HSET", "k", "a", "b"]],
    }[state]
    return [*made, ["EXPIRE", "k", life]] if life is not None and made else made


STATES = st.sampled_from(["missing", "empty", "text", "number", "list", "hash"])
WORLDS = st.builds(
    lambda state, life, value, ttl, decode: d.World(
        commands=commands(state, life),
        arguments={"decode": decode, "key": "k", "value": value, "ttl": ttl},
    ),
    STATES,
    st.sampled_from([None, 5000]),
    VALUES,
    st.sampled_from([None, 7, 100, 4000]),
    st.booleans(),
)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", SHAPES)
def test_what_can_be_seen_is_the_same(name, is_async, redis_keyspace):
    """Results, errors, keys and TTLs: whatever the key is, and whether answers are decoded."""
    body, _ = SHAPES[name]
    before, after = programs(body, is_async=is_async)
    bench = d.sqlite(redis_keyspace)

    @NO_LIMITS
    @given(WORLDS)
    def compare(world):
        efforts = d.assert_same(before, after, world, bench)
        assert efforts.after.round_trips <= efforts.before.round_trips

    compare()


@pytest.mark.parametrize("name", SHAPES)
def test_round_trips_are_saved(name, redis_keyspace):
    """As many as the shape says: with the key there, and with the key missing."""
    body, (present, missing) = SHAPES[name]
    before, after = programs(body)
    found = []
    for state in ("text" if name != "hmset" else "hash", "missing"):
        arguments = {"decode": False, "key": "k", "value": "v", "ttl": 60}
        world = d.World(commands=commands(state, None), arguments=arguments)
        efforts = d.assert_same(before, after, world, d.sqlite(redis_keyspace))
        found.append((efforts.before.round_trips, efforts.after.round_trips))

    assert found == [present, missing]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_counter_sends_both_at_once(is_async, redis_keyspace):
    """One round trip, with the same number and TTL."""
    before, after = programs(
        """
    n = int(~client.incr(key))
    ~client.expire(key, 100)
    return n
""",
        is_async=is_async,
    )
    for state in ("missing", "number"):
        arguments = {"decode": False, "key": "k", "value": "v", "ttl": 60}
        world = d.World(commands=commands(state, 5000), arguments=arguments)
        efforts = d.assert_same(before, after, world, d.sqlite(redis_keyspace))
        assert (efforts.before.round_trips, efforts.after.round_trips) == (2, 1)


# --- What is not the same, and therefore not safe ---


def differences(body, state, life=None, ttl=60):
    """Return the runs before and after, on a server with the key in some state."""
    before, after = programs(body)
    arguments = {"decode": False, "key": "k", "value": "v", "ttl": ttl}
    world = d.World(commands=commands(state, life), arguments=arguments)
    return before, after, world


def test_a_sliding_ttl_becomes_a_fixed_one(redis_keyspace):
    """Why ``setnx`` with an ``expire`` that always runs is a suggestion."""
    body = "\n    client.setnx(key, value)\n    client.expire(key, 100)\n"
    before, after, world = differences(body, "text", 5000)
    bench = d.sqlite(redis_keyspace)
    one, other = (d.observe(program, world, bench) for program in (before, after))

    assert one.keys["k"].seconds == pytest.approx(100, abs=2)
    assert other.keys["k"].seconds == pytest.approx(5000, abs=2)


def test_a_ttl_of_zero_is_an_error_afterwards(redis_keyspace):
    """Why a TTL that is not known to be positive lowers the class."""
    body = "\n    client.set(key, value)\n    client.expire(key, ttl)\n"
    before, after, world = differences(body, "text", ttl=0)
    bench = d.sqlite(redis_keyspace)
    one, other = (d.observe(program, world, bench) for program in (before, after))

    assert (one.outcome, one.keys) == (("NoneType", None), {})
    assert isinstance(other.outcome, Raised)
    assert set(other.keys) == {"k"}


@pytest.mark.parametrize("second", ["client.expire(key, 100)", "client.delete(key)"])
def test_an_empty_value_is_a_value_afterwards(second, redis_keyspace):
    """Why ``if value:`` lowers the class."""
    body = f"\n    found = client.get(key)\n    if found:\n        {second}\n    return found\n"
    before, after, world = differences(body, "empty")
    bench = d.sqlite(redis_keyspace)
    one, other = (d.observe(program, world, bench) for program in (before, after))

    assert one.outcome == other.outcome
    assert one.keys["k"].seconds is None
    assert "k" not in other.keys or other.keys["k"].seconds is not None
    d.assert_same(*differences(body, "text"), bench)


def test_a_counter_of_the_wrong_type_gets_its_ttl(redis_keyspace):
    """Why a counter is for review: the error is of the same class, but ``expire`` has run."""
    body = "\n    n = client.incr(key)\n    client.expire(key, 100)\n    return n\n"
    before, after, world = differences(body, "list")
    bench = d.sqlite(redis_keyspace)
    one, other = (d.observe(program, world, bench) for program in (before, after))

    assert isinstance(one.outcome, Raised)
    assert isinstance(other.outcome, Raised)
    assert one.outcome.kind == other.outcome.kind
    assert (one.keys["k"].seconds, other.keys["k"].seconds is None) == (None, False)


# --- The pages' own cases ---

#: Frameworks, libraries and servers that these tests do not have.
ELSEWHERE = (b"fastapi", b"RedisCluster(", b"import aioredis", b"app.deps")
CASES = {
    case.title: case
    for case in read_cases(README.read_text("utf-8"))
    if case.is_rewrite and not any(word in case.before[PATH] for word in ELSEWHERE)
}
CLIENTS = ("client", "cluster", "store")
ARGUMENTS = {
    "key": "k",
    "value": "v",
    "ttl": 60,
    "keys": ["k", "lock:k", "other"],
    "expires": 9e9,
    "product_id": 3,
    "body": "text",
    **dict.fromkeys(("job", "message_id", "ip", "session_id", "provider", "token"), "k"),
    "user_id": 3,
}
BY_CASE = {
    "Deprecated commands have a name today": {"value": {"a": "b"}},
    "Arguments with comments keep their places": {"value": {"a": "b"}},
}


def entry(source):
    """Return the function ``answer`` of a module, if its clients and arguments can be given."""
    found = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "answer"
    ]
    names = {one.arg for node in found for one in node.args.args} - set(CLIENTS)
    return found[0] if found and names <= ARGUMENTS.keys() else None


PLAYABLE = [title for title, case in CASES.items() if entry(case.before[PATH].decode())]
DIFFERENT = {
    "A TTL that starts again with every call is asked about",
    "A cache without TTLs is offered some",
}


@pytest.mark.parametrize("title", [title for title in PLAYABLE if title not in DIFFERENT])
def test_the_pages_cases_do_the_same(title, redis_keyspace):
    """With all keys missing and with those that the case itself has left; never more trips."""
    case = CASES[title]
    function = entry(case.before[PATH].decode())
    own = [one.arg for one in function.args.args]
    values = {**ARGUMENTS, **BY_CASE.get(title, {})}
    chosen = {name: values[name] for name in own if name not in CLIENTS}
    is_async = isinstance(function, ast.AsyncFunctionDef)
    before, after = (
        played(files[PATH].decode(), own, is_async=is_async) for files in (case.before, case.after)
    )
    bench = d.sqlite(redis_keyspace)
    for prepared in ([], [["SET", "k", 1]], [["SET", "session:k", "x"], ["SET", "failures:k", 4]]):
        world = d.World(commands=prepared, arguments=chosen)
        efforts = d.assert_same(before, after, world, bench)
        assert efforts.after.round_trips <= efforts.before.round_trips


def played(source, own, *, is_async):
    """Return a case as a program that is given its client."""
    wait, start = ("await ", "async ") if is_async else ("", "")
    given_to = "client, " if own[:1] == ["client"] else ""
    text = f"""{source}

{start}def run(given, **arguments):
    for name in {CLIENTS}:
        globals()[name] = given
    client = given
    return {wait}answer({given_to}**arguments)
"""
    takes = d.Takes.ASYNC_REDIS if is_async else d.Takes.REDIS
    return d.Program.of(text, "run", [takes], metadata=None)
