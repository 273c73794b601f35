"""The canonical classes of values, and what their methods, attributes and contexts give.

A type is written as text: ``sqlalchemy.engine.Result[0]`` is a result that holds what the owner's
first argument is; ``self`` is the owner's own type; ``0`` is the owner's first argument;
``await X`` is something to be awaited; ``enter X`` and ``aenter X`` give X to a ``with`` statement;
``class X`` is the class itself.
"""

from __future__ import annotations

from functools import cache
from typing import Final

ENGINE: Final = "sqlalchemy.engine.Engine"
CONNECTION: Final = "sqlalchemy.engine.Connection"
ASYNC_ENGINE: Final = "sqlalchemy.ext.asyncio.AsyncEngine"
ASYNC_CONNECTION: Final = "sqlalchemy.ext.asyncio.AsyncConnection"
SESSION: Final = "sqlalchemy.orm.Session"
ASYNC_SESSION: Final = "sqlalchemy.ext.asyncio.AsyncSession"
SQLMODEL_SESSION: Final = "sqlmodel.Session"
SQLMODEL_ASYNC_SESSION: Final = "sqlmodel.ext.asyncio.session.AsyncSession"
SCOPED_SESSION: Final = "sqlalchemy.orm.scoped_session"
ASYNC_SCOPED_SESSION: Final = "sqlalchemy.ext.asyncio.async_scoped_session"
SESSIONMAKER: Final = "sqlalchemy.orm.sessionmaker"
ASYNC_SESSIONMAKER: Final = "sqlalchemy.ext.asyncio.async_sessionmaker"
QUERY: Final = "sqlalchemy.orm.Query"
SELECT: Final = "sqlalchemy.Select"
SQLMODEL_SELECT: Final = "sqlmodel.sql.expression.Select"
RESULT: Final = "sqlalchemy.engine.Result"
CURSOR_RESULT: Final = "sqlalchemy.engine.CursorResult"
SCALAR_RESULT: Final = "sqlalchemy.engine.ScalarResult"
MAPPING_RESULT: Final = "sqlalchemy.engine.MappingResult"
ROW: Final = "sqlalchemy.engine.Row"
FLASK_SQLALCHEMY: Final = "flask_sqlalchemy.SQLAlchemy"
REDIS: Final = "redis.Redis"
ASYNC_REDIS: Final = "redis.asyncio.Redis"
REDIS_CLUSTER: Final = "redis.RedisCluster"
ASYNC_REDIS_CLUSTER: Final = "redis.asyncio.RedisCluster"
PIPELINE: Final = "redis.client.Pipeline"
ASYNC_PIPELINE: Final = "redis.asyncio.client.Pipeline"
CLUSTER_PIPELINE: Final = "redis.cluster.ClusterPipeline"
ASYNC_CLUSTER_PIPELINE: Final = "redis.asyncio.cluster.ClusterPipeline"
AIOREDIS: Final = "aioredis.Redis"
AIOREDIS_PIPELINE: Final = "aioredis.client.Pipeline"
FASTAPI: Final = "fastapi.FastAPI"
ROUTER: Final = "fastapi.APIRouter"
REQUEST: Final = "fastapi.Request"
WEBSOCKET: Final = "fastapi.WebSocket"
APPLICATION: Final = "starlette.applications.Starlette"
CONNECTED: Final = "starlette.requests.HTTPConnection"
STATE: Final = "starlette.datastructures.State"
CELERY: Final = "celery.Celery"
#: The bases of mapped classes: one to inherit from first, and one that is ready for models.
DECLARATIVE_BASE: Final = "sqlalchemy.orm.DeclarativeBase"
MADE_BASE: Final = "sqlalchemy.orm.declarative_base()"
FLASK_MODEL: Final = "flask_sqlalchemy.Model"
SQLMODEL: Final = "sqlmodel.SQLModel"
QUERY_PROPERTY: Final = "sqlalchemy.orm.query_property"
COROUTINE: Final = "typing.Coroutine"
ENTERS: Final = "typing.ContextManager"
AENTERS: Final = "typing.AsyncContextManager"
LIST: Final = "builtins.list"
DICT: Final = "builtins.dict"
SET: Final = "builtins.set"
STR: Final = "builtins.str"

SESSIONS: Final = frozenset({SESSION, SQLMODEL_SESSION, SCOPED_SESSION})
ASYNC_SESSIONS: Final = frozenset({ASYNC_SESSION, SQLMODEL_ASYNC_SESSION, ASYNC_SCOPED_SESSION})
SYNC_REDIS: Final = frozenset({REDIS, REDIS_CLUSTER})
ASYNC_REDIS_KINDS: Final = frozenset({ASYNC_REDIS, ASYNC_REDIS_CLUSTER, AIOREDIS})
PIPELINES: Final = frozenset(
    {
        PIPELINE,
        ASYNC_PIPELINE,
        CLUSTER_PIPELINE,
        ASYNC_CLUSTER_PIPELINE,
        AIOREDIS_PIPELINE,
    }
)

#: What a call of a library function gives; a class gives an instance of itself.
CALLS: Final = {
    "sqlalchemy.create_engine": ENGINE,
    "sqlalchemy.engine_from_config": ENGINE,
    "sqlalchemy.ext.asyncio.create_async_engine": ASYNC_ENGINE,
    "sqlalchemy.ext.asyncio.async_engine_from_config": ASYNC_ENGINE,
    "sqlalchemy.orm.declarative_base": f"class {MADE_BASE}",
    "sqlalchemy.ext.automap.automap_base": f"class {MADE_BASE}",
    "redis.from_url": REDIS,
    "redis.asyncio.from_url": ASYNC_REDIS,
    "aioredis.from_url": AIOREDIS,
    "aioredis.create_redis_pool": f"await {AIOREDIS}",
    "aioredis.create_redis": f"await {AIOREDIS}",
    "sqlite3.connect": "sqlite3.Connection",
    "psycopg2.connect": "psycopg2.extensions.connection",
    "psycopg.connect": "psycopg.Connection",
    "psycopg.Connection.connect": "psycopg.Connection",
    "psycopg.AsyncConnection.connect": "await psycopg.AsyncConnection",
    "pymysql.connect": "pymysql.connections.Connection",
    "MySQLdb.connect": "MySQLdb.connections.Connection",
    "mysql.connector.connect": "mysql.connector.MySQLConnection",
    "aiosqlite.connect": "aiosqlite.Connection",
    "asyncpg.connect": "await asyncpg.Connection",
    "asyncpg.create_pool": "asyncpg.Pool",
    "alembic.op.get_bind": CONNECTION,
    "requests.session": "requests.Session",
    "requests.get": "requests.Response",
    "requests.post": "requests.Response",
    "celery.Celery": CELERY,
    "logging.getLogger": "logging.Logger",
    "structlog.get_logger": "structlog.BoundLogger",
    "structlog.getLogger": "structlog.BoundLogger",
    "builtins.open": "typing.IO",
    "datetime.datetime.now": "datetime.datetime",
    "datetime.datetime.utcnow": "datetime.datetime",
    "datetime.datetime.fromisoformat": "datetime.datetime",
    "datetime.datetime.strptime": "datetime.datetime",
    "datetime.datetime.fromtimestamp": "datetime.datetime",
    "datetime.datetime.combine": "datetime.datetime",
    "datetime.date.today": "datetime.date",
    "datetime.date.fromisoformat": "datetime.date",
    "asyncio.create_task": "asyncio.Task",
    "asyncio.ensure_future": "asyncio.Task",
    "asyncio.get_event_loop": "asyncio.AbstractEventLoop",
    "asyncio.get_running_loop": "asyncio.AbstractEventLoop",
    "asyncio.new_event_loop": "asyncio.AbstractEventLoop",
    "builtins.repr": STR,
}
#: Classes that may be made by calling them; those annotated need not be here.
CLASSES: Final = frozenset(
    f"""
    {SESSION} {ASYNC_SESSION} {SQLMODEL_SESSION} {SQLMODEL_ASYNC_SESSION} {SCOPED_SESSION}
    sqlalchemy.orm.registry {ASYNC_SCOPED_SESSION} {SESSIONMAKER} {ASYNC_SESSIONMAKER}
    {FLASK_SQLALCHEMY} {QUERY}
    {REDIS} {ASYNC_REDIS} {REDIS_CLUSTER} {ASYNC_REDIS_CLUSTER} {AIOREDIS}
    redis.ConnectionPool redis.BlockingConnectionPool redis.Sentinel
    redis.asyncio.ConnectionPool redis.asyncio.BlockingConnectionPool redis.asyncio.Sentinel
    psycopg_pool.ConnectionPool psycopg_pool.AsyncConnectionPool
    psycopg2.pool.SimpleConnectionPool psycopg2.pool.ThreadedConnectionPool
    requests.Session httpx.Client httpx.AsyncClient httpx2.Client httpx2.AsyncClient
    aiohttp.ClientSession {FASTAPI} {ROUTER} {APPLICATION} {CELERY} flask.Flask
    flask.Blueprint fastapi.BackgroundTasks contextlib.ExitStack contextlib.AsyncExitStack
    starlette.routing.Router cadwyn.VersionedAPIRouter cadwyn.Cadwyn
    fastapi_utils.inferring_router.InferringRouter
    fastapi_restful.inferring_router.InferringRouter
    {LIST} {DICT} {SET} {STR} builtins.int builtins.float builtins.bytes builtins.tuple
    builtins.frozenset builtins.bytearray
    contextvars.ContextVar threading.Lock threading.RLock threading.Semaphore threading.Event
    threading.BoundedSemaphore threading.Condition threading.Thread threading.local
    asyncio.Lock asyncio.Semaphore asyncio.BoundedSemaphore asyncio.Event asyncio.Condition
    asyncio.Queue asyncio.TaskGroup queue.Queue multiprocessing.Process multiprocessing.Pool
    concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor
    datetime.datetime datetime.date datetime.timedelta datetime.time
    pathlib.Path collections.deque collections.OrderedDict collections.Counter
    collections.defaultdict io.StringIO io.BytesIO
    """.split()
)
#: Classes of libraries whose methods the class on the left has too.
BASES: Final = {
    SQLMODEL_SESSION: SESSION,
    SQLMODEL_ASYNC_SESSION: ASYNC_SESSION,
    SQLMODEL_SELECT: SELECT,
    "sqlmodel.sql.expression.SelectOfScalar": SQLMODEL_SELECT,
    CURSOR_RESULT: RESULT,
    PIPELINE: REDIS,
    ASYNC_PIPELINE: ASYNC_REDIS,
    AIOREDIS_PIPELINE: AIOREDIS,
    "flask_sqlalchemy.BaseQuery": QUERY,
    "flask_sqlalchemy.Query": QUERY,
    FASTAPI: APPLICATION,
    ROUTER: "starlette.routing.Router",
    "cadwyn.VersionedAPIRouter": ROUTER,
    "cadwyn.Cadwyn": FASTAPI,
    "fastapi_utils.inferring_router.InferringRouter": ROUTER,
    "fastapi_restful.inferring_router.InferringRouter": ROUTER,
    REQUEST: CONNECTED,
    WEBSOCKET: CONNECTED,
    "psycopg2.extras.DictCursor": "psycopg2.extensions.cursor",
    "psycopg2.extras.RealDictCursor": "psycopg2.extensions.cursor",
    "asyncpg.pool.PoolConnectionProxy": "asyncpg.Connection",
    "typing.Generator": "typing.Iterator",
    "typing.Iterator": "typing.Iterable",
    "typing.AsyncGenerator": "typing.AsyncIterator",
    "typing.AsyncIterator": "typing.AsyncIterable",
    "builtins.list": "typing.Iterable",
    "builtins.tuple": "typing.Iterable",
    "builtins.set": "typing.Iterable",
    "typing.Sequence": "typing.Iterable",
    "typing.List": "typing.Iterable",
    "typing.Set": "typing.Iterable",
    DICT: "typing.Mapping",
    "typing.MutableMapping": "typing.Mapping",
    "collections.OrderedDict": DICT,
    "collections.defaultdict": DICT,
    "collections.Counter": DICT,
}

_SAME_QUERY = (
    "filter filter_by where order_by group_by having limit offset slice join outerjoin options "
    "distinct with_for_update execution_options populate_existing enable_eagerloads correlate "
    "select_from union union_all except_ intersect params yield_per add_columns add_column "
    "autoflush enable_assertions reset_joinpoint from_self with_hint prefix_with suffix_with "
    "with_session set_label_style select_entity_from with_labels only_return_tuples"
)
_SAME_SELECT = (
    "where filter filter_by order_by group_by having limit offset slice fetch join outerjoin "
    "join_from outerjoin_from options distinct with_for_update execution_options select_from "
    "correlate correlate_except params add_columns prefix_with suffix_with with_hint "
    "set_label_style with_only_columns reduce_columns with_statement_hint column"
)
_FIRSTS = "first one one_or_none"
_COMMANDS = (
    "set get setex psetex setnx getset mset mget incr incrby decr decrby expire pexpire expireat "
    "delete unlink exists hset hget hmset hmget hgetall hdel hincrby hsetnx sadd srem smembers "
    "sismember scard zadd zrem zrange zrangebyscore zremrangebyscore zincrby zscore zcard lpush "
    "rpush lpop rpop lrange ltrim llen ttl persist publish xadd xtrim getdel getex append rename "
    "setrange zremrangebyrank zcount incrbyfloat hincrbyfloat pttl type"
)


def _each(names: str, gives: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), gives)


_SESSION_METHODS = {
    "query": f"{QUERY}[entity]",
    "execute": f"{RESULT}[entity]",
    "exec": f"{SCALAR_RESULT}[entity]",
    "scalars": f"{SCALAR_RESULT}[entity]",
    "scalar": "entity",
    "get": "entity",
    "get_one": "entity",
    "merge": "argument",
    "connection": CONNECTION,
    "begin": "sqlalchemy.orm.SessionTransaction",
    "begin_nested": "sqlalchemy.orm.SessionTransaction",
    "__enter__": "self",
}
_ASYNC_SESSION_METHODS = {
    "execute": f"await {RESULT}[entity]",
    "exec": f"await {SCALAR_RESULT}[entity]",
    "scalars": f"await {SCALAR_RESULT}[entity]",
    "scalar": "await entity",
    "get": "await entity",
    "get_one": "await entity",
    "merge": "await argument",
    "stream": "await sqlalchemy.ext.asyncio.AsyncResult[entity]",
    "stream_scalars": "await sqlalchemy.ext.asyncio.AsyncScalarResult[entity]",
    "connection": f"await {ASYNC_CONNECTION}",
    "begin": "sqlalchemy.ext.asyncio.AsyncSessionTransaction",
    "begin_nested": "sqlalchemy.ext.asyncio.AsyncSessionTransaction",
    "__aenter__": "self",
}
_REDIS_METHODS = {
    "from_url": "self",
    "from_pool": "self",
    "client": "self",
    "pipeline": PIPELINE,
    "pubsub": "redis.client.PubSub",
    "__enter__": "self",
}
_ASYNC_REDIS_METHODS = {
    "from_url": "self",
    "from_pool": "self",
    "client": "self",
    "pipeline": ASYNC_PIPELINE,
    "pubsub": "redis.asyncio.client.PubSub",
    "initialize": "await self",
    "__aenter__": "self",
    "__await__": "self",
}
_DBAPI_CONNECTION = {"__enter__": "self"}
_DBAPI_CURSOR = {"__enter__": "self"}

#: What a call of a method gives, by the class and the method.
METHODS: Final[dict[str, dict[str, str]]] = {
    STR: {
        **_each(
            "format join strip lstrip rstrip lower upper title capitalize replace removeprefix "
            "removesuffix zfill ljust rjust casefold translate __str__",
            STR,
        ),
        **_each("split rsplit splitlines", f"{LIST}[{STR}]"),
        "encode": "builtins.bytes",
        "__iter__": STR,
    },
    "datetime.datetime": {
        **_each("replace astimezone", "self"),
        **_each("isoformat strftime", STR),
        "date": "datetime.date",
    },
    "datetime.date": {"replace": "self", **_each("isoformat strftime", STR)},
    LIST: {"copy": "self", "pop": "0"},
    DICT: {"copy": "self"},
    "logging.Logger": {"getChild": "self"},
    "pathlib.Path": {
        **_each(
            "joinpath resolve absolute expanduser with_suffix with_name relative_to parent", "self"
        ),
        **_each("read_text as_posix", STR),
        "open": "typing.IO",
    },
    "typing.IO": {"__enter__": "self"},
    **{
        name: {"__enter__": "self"}
        for name in (
            "concurrent.futures.ThreadPoolExecutor",
            "concurrent.futures.ProcessPoolExecutor",
            "multiprocessing.Pool",
        )
    },
    "asyncio.TaskGroup": {"__aenter__": "self", "create_task": "asyncio.Task"},
    ENGINE: {
        "connect": CONNECTION,
        "begin": f"enter {CONNECTION}",
        "execution_options": "self",
        "execute": CURSOR_RESULT,
    },
    CONNECTION: {
        "execute": CURSOR_RESULT,
        "exec_driver_sql": CURSOR_RESULT,
        "scalars": SCALAR_RESULT,
        "execution_options": "self",
        "begin": "sqlalchemy.engine.Transaction",
        "begin_nested": "sqlalchemy.engine.Transaction",
        "__enter__": "self",
    },
    ASYNC_ENGINE: {
        "connect": ASYNC_CONNECTION,
        "begin": f"aenter {ASYNC_CONNECTION}",
        "execution_options": "self",
    },
    ASYNC_CONNECTION: {
        "execute": f"await {CURSOR_RESULT}",
        "exec_driver_sql": f"await {CURSOR_RESULT}",
        "scalars": f"await {SCALAR_RESULT}",
        "execution_options": "await self",
        "start": "await self",
        "begin": "sqlalchemy.ext.asyncio.AsyncTransaction",
        "__aenter__": "self",
        "__await__": "self",
    },
    SESSION: _SESSION_METHODS,
    ASYNC_SESSION: _ASYNC_SESSION_METHODS,
    SCOPED_SESSION: {
        **_SESSION_METHODS,
        "__call__": "0",
        "query_property": QUERY_PROPERTY,
        "__enter__": "unknown",
    },
    ASYNC_SCOPED_SESSION: {**_ASYNC_SESSION_METHODS, "__call__": "0", "__aenter__": "unknown"},
    SESSIONMAKER: {"__call__": "0", "begin": "enter 0"},
    ASYNC_SESSIONMAKER: {"__call__": "0", "begin": "aenter 0"},
    "sqlalchemy.orm.registry": {"generate_base": f"class {MADE_BASE}"},
    QUERY: {
        **_each(_SAME_QUERY, "self"),
        **_each(f"{_FIRSTS} get", "0"),
        "with_entities": f"{QUERY}[entity]",
        "all": f"{LIST}[0]",
        "count": "builtins.int",
        "paginate": "flask_sqlalchemy.Pagination",
        "get_or_404": "0",
        "first_or_404": "0",
        "one_or_404": "0",
        "__iter__": "0",
    },
    SELECT: _each(_SAME_SELECT, "self"),
    RESULT: {
        "scalars": f"{SCALAR_RESULT}[0]",
        "mappings": MAPPING_RESULT,
        "unique": "self",
        "yield_per": "self",
        "tuples": "self",
        "columns": RESULT,
        "all": f"{LIST}[{ROW}]",
        "fetchall": f"{LIST}[{ROW}]",
        "fetchmany": f"{LIST}[{ROW}]",
        **_each(f"{_FIRSTS} fetchone", ROW),
        **_each("scalar scalar_one scalar_one_or_none", "0"),
        "__iter__": ROW,
        "__enter__": "self",
    },
    SCALAR_RESULT: {
        "unique": "self",
        "yield_per": "self",
        "all": f"{LIST}[0]",
        "fetchall": f"{LIST}[0]",
        **_each(_FIRSTS, "0"),
        "__iter__": "0",
        "__enter__": "self",
    },
    MAPPING_RESULT: {
        "unique": "self",
        "columns": "self",
        "all": f"{LIST}[sqlalchemy.engine.RowMapping]",
        **_each(f"{_FIRSTS} fetchone", "sqlalchemy.engine.RowMapping"),
        "__iter__": "sqlalchemy.engine.RowMapping",
    },
    "sqlalchemy.ext.asyncio.AsyncScalarResult": {"__aiter__": "0", "all": f"await {LIST}[0]"},
    "sqlalchemy.ext.asyncio.AsyncResult": {
        "scalars": "sqlalchemy.ext.asyncio.AsyncScalarResult[0]",
        "__aiter__": ROW,
        "all": f"await {LIST}[{ROW}]",
    },
    REDIS: _REDIS_METHODS,
    REDIS_CLUSTER: {**_REDIS_METHODS, "pipeline": CLUSTER_PIPELINE, "client": "unknown"},
    ASYNC_REDIS: _ASYNC_REDIS_METHODS,
    ASYNC_REDIS_CLUSTER: {**_ASYNC_REDIS_METHODS, "pipeline": ASYNC_CLUSTER_PIPELINE},
    AIOREDIS: {**_ASYNC_REDIS_METHODS, "pipeline": AIOREDIS_PIPELINE},
    PIPELINE: {**_each(_COMMANDS, "self"), "client": "unknown", "pipeline": "unknown"},
    ASYNC_PIPELINE: {
        **_each(_COMMANDS, "self"),
        "client": "unknown",
        "pipeline": "unknown",
        "__await__": "self",
    },
    AIOREDIS_PIPELINE: {**_each(_COMMANDS, "self"), "client": "unknown", "pipeline": "unknown"},
    CLUSTER_PIPELINE: {**_each(_COMMANDS, "self"), "__enter__": "self"},
    ASYNC_CLUSTER_PIPELINE: {**_each(_COMMANDS, "self"), "__aenter__": "self"},
    "redis.ConnectionPool": {"from_url": "self"},
    "redis.BlockingConnectionPool": {"from_url": "self"},
    "redis.asyncio.ConnectionPool": {"from_url": "self"},
    "redis.asyncio.BlockingConnectionPool": {"from_url": "self"},
    "sqlite3.Connection": {
        "cursor": "sqlite3.Cursor",
        "execute": "sqlite3.Cursor",
        "executemany": "sqlite3.Cursor",
        **_DBAPI_CONNECTION,
    },
    "sqlite3.Cursor": {"execute": "self", "executemany": "self"},
    "psycopg2.extensions.connection": {
        "cursor": "psycopg2.extensions.cursor",
        **_DBAPI_CONNECTION,
    },
    "psycopg2.extensions.cursor": _DBAPI_CURSOR,
    "psycopg2.pool.SimpleConnectionPool": {"getconn": "psycopg2.extensions.connection"},
    "psycopg2.pool.ThreadedConnectionPool": {"getconn": "psycopg2.extensions.connection"},
    "psycopg.Connection": {
        "cursor": "psycopg.Cursor",
        "execute": "psycopg.Cursor",
        "transaction": "enter psycopg.Transaction",
        **_DBAPI_CONNECTION,
    },
    "psycopg.Cursor": {"execute": "self", **_DBAPI_CURSOR},
    "psycopg.AsyncConnection": {
        "cursor": "psycopg.AsyncCursor",
        "execute": "await psycopg.AsyncCursor",
        "__aenter__": "self",
    },
    "psycopg.AsyncCursor": {"execute": "await self", "__aenter__": "self"},
    "psycopg_pool.ConnectionPool": {
        "connection": "enter psycopg.Connection",
        "getconn": "psycopg.Connection",
        "__enter__": "self",
    },
    "psycopg_pool.AsyncConnectionPool": {
        "connection": "aenter psycopg.AsyncConnection",
        "getconn": "await psycopg.AsyncConnection",
        "__aenter__": "self",
    },
    "pymysql.connections.Connection": {
        "cursor": "pymysql.cursors.Cursor",
        **_DBAPI_CONNECTION,
    },
    "pymysql.cursors.Cursor": _DBAPI_CURSOR,
    "MySQLdb.connections.Connection": {"cursor": "MySQLdb.cursors.Cursor"},
    "mysql.connector.MySQLConnection": {
        "cursor": "mysql.connector.cursor.MySQLCursor",
        **_DBAPI_CONNECTION,
    },
    "aiosqlite.Connection": {
        "cursor": "aiosqlite.Cursor",
        "execute": "aiosqlite.Cursor",
        "__aenter__": "self",
        "__await__": "self",
    },
    "aiosqlite.Cursor": {"__aenter__": "self", "__await__": "self"},
    "asyncpg.Connection": {
        "fetch": f"await {LIST}[asyncpg.Record]",
        "fetchrow": "await asyncpg.Record",
        "transaction": "asyncpg.transaction.Transaction",
    },
    "asyncpg.Pool": {
        "acquire": "asyncpg.pool.PoolAcquireContext",
        "fetch": f"await {LIST}[asyncpg.Record]",
        "fetchrow": "await asyncpg.Record",
        "__aenter__": "self",
        "__await__": "self",
    },
    "asyncpg.pool.PoolAcquireContext": {
        "__aenter__": "asyncpg.Connection",
        "__await__": "asyncpg.Connection",
    },
    "requests.Session": {"__enter__": "self"},
    "httpx.Client": {"__enter__": "self"},
    "httpx.AsyncClient": {"__aenter__": "self"},
    "httpx2.Client": {"__enter__": "self"},
    "httpx2.AsyncClient": {"__aenter__": "self"},
    "aiohttp.ClientSession": {"__aenter__": "self"},
    "contextlib.ExitStack": {"__enter__": "self"},
    "contextlib.AsyncExitStack": {"__aenter__": "self"},
    "typing.Iterable": {"__iter__": "0"},
    "typing.Iterator": {"__next__": "0"},
    "typing.AsyncIterable": {"__aiter__": "0"},
    "typing.AsyncIterator": {"__anext__": "await 0"},
    ENTERS: {"__enter__": "0"},
    AENTERS: {"__aenter__": "0"},
    COROUTINE: {"__await__": "0"},
    "typing.Awaitable": {"__await__": "0"},
}
#: What an attribute is, by the class and the attribute.
ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    ASYNC_ENGINE: {"sync_engine": ENGINE},
    ASYNC_CONNECTION: {"sync_connection": CONNECTION},
    ASYNC_SESSION: {"sync_session": SESSION},
    SCOPED_SESSION: {"session_factory": f"{SESSIONMAKER}[0]"},
    SESSION: {"no_autoflush": "enter self"},
    CONNECTION: {"engine": ENGINE},
    FLASK_SQLALCHEMY: {
        "session": f"{SCOPED_SESSION}[{SESSION}]",
        "engine": ENGINE,
        "Model": f"class {FLASK_MODEL}",
    },
    FASTAPI: {"router": ROUTER},
    APPLICATION: {"state": f"{STATE}[{APPLICATION}]", "router": "starlette.routing.Router"},
    CONNECTED: {"app": FASTAPI, "state": f"{STATE}[{CONNECTED}]"},
}


@cache
def lineage(name: str) -> tuple[str, ...]:
    """Return the library class *name* and those it inherits from, as far as we know them."""
    found = [name]
    while (base := BASES.get(found[-1])) is not None:
        found.append(base)
    return tuple(found)


@cache
def method(owner: str, name: str) -> str | None:
    """Return the type that ``owner.name()`` gives, or None when unknown."""
    for one in lineage(owner):
        gives = METHODS.get(one, {}).get(name)
        if gives is not None:
            return None if gives == "unknown" else gives
    return None


@cache
def attribute(owner: str, name: str) -> str | None:
    """Return the type of the attribute ``owner.name``, or None when unknown."""
    return next(
        (ATTRIBUTES[one][name] for one in lineage(owner) if name in ATTRIBUTES.get(one, {})), None
    )
