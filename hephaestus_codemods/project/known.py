"""The one name by which we call each object of a well-known library, wherever it is imported from.

``sqlalchemy.future.select``, ``sqlalchemy.sql.select`` and ``sqlalchemy.select`` are one function.
"""

from __future__ import annotations

from functools import cache
from typing import Final

_CORE = "sqlalchemy.sql sqlalchemy.sql.expression sqlalchemy.future sqlmodel sqlmodel.main"
_SELECT = "sqlalchemy.sql sqlalchemy.sql.expression sqlalchemy.sql.selectable sqlalchemy.future"
_TYPES = "sqlalchemy.types sqlalchemy.sql.sqltypes sqlmodel"
_ORM = "sqlalchemy.orm.session sqlalchemy.orm.query sqlalchemy.orm.scoping"
_ASYNC = "sqlalchemy.ext.asyncio.session sqlalchemy.ext.asyncio.engine"
_ASYNC_RESULT = "sqlalchemy.ext.asyncio.result sqlalchemy.ext.asyncio.scoping"
_ENGINE = "sqlalchemy sqlalchemy.engine.base sqlalchemy.engine.result sqlalchemy.engine.cursor"
_REDIS = "redis.client redis.cluster redis.sentinel redis.connection redis.utils redis.exceptions"
_AREDIS = "redis.asyncio.client redis.asyncio.cluster redis.asyncio.sentinel"
_AREDIS_MORE = "redis.asyncio.connection redis.asyncio.utils"

#: Where an object lives for us, the names of such objects, and from where they are imported too.
SAME: Final = (
    ("sqlalchemy", "select Select", _SELECT),
    (
        "sqlalchemy",
        "insert update delete text func and_ or_ not_ exists bindparam case cast column table desc "
        "asc distinct literal literal_column null true false union union_all intersect except_ "
        "tuple_ type_coerce lateral outerjoin join nulls_first nulls_last any_ all_ over extract "
        "between collate within_group values Insert Update Delete Exists Subquery CTE TextClause "
        "ColumnElement ClauseElement Executable BinaryExpression Label alias "
        "CompoundSelect TextualSelect",
        _CORE,
    ),
    (
        "sqlalchemy",
        "Column Table MetaData ForeignKey ForeignKeyConstraint PrimaryKeyConstraint Index Computed "
        "UniqueConstraint CheckConstraint Sequence Identity DefaultClause FetchedValue",
        "sqlalchemy.schema sqlalchemy.sql.schema sqlalchemy.sql.expression sqlmodel",
    ),
    (
        "sqlalchemy",
        "Integer BigInteger SmallInteger String Text Unicode UnicodeText Boolean Date DateTime Time "
        "Interval Float Double Numeric Enum JSON ARRAY LargeBinary PickleType Uuid UUID INTEGER "
        "BIGINT SMALLINT VARCHAR CHAR TEXT TIMESTAMP BOOLEAN NUMERIC DECIMAL FLOAT REAL DOUBLE NVARCHAR "
        "BLOB BINARY VARBINARY DATE DATETIME TIME CLOB NCHAR",
        _TYPES,
    ),
    ("sqlalchemy", "create_engine engine_from_config", "sqlalchemy.engine sqlalchemy.engine.create"),
    ("sqlalchemy", "create_engine", "sqlalchemy.future sqlalchemy.future.engine sqlmodel"),
    ("sqlalchemy", "inspect", "sqlalchemy.inspection sqlmodel"),
    ("sqlalchemy.engine", "Engine Connection", f"{_ENGINE} sqlalchemy.future sqlalchemy.future.engine"),
    (
        "sqlalchemy.engine",
        "Result ScalarResult MappingResult CursorResult Row RowMapping Transaction NestedTransaction "
        "RootTransaction ChunkedIteratorResult FilterResult TupleResult FrozenResult",
        f"{_ENGINE} sqlalchemy.engine.row",
    ),
    ("sqlalchemy.engine", "URL make_url", "sqlalchemy sqlalchemy.engine.url"),
    (
        "sqlalchemy.orm",
        "Session sessionmaker scoped_session Query SessionTransaction ORMExecuteState object_session "
        "close_all_sessions QueryPropertyDescriptor make_transient",
        _ORM,
    ),
    (
        "sqlalchemy.orm",
        "declarative_base DeclarativeBase DeclarativeBaseNoMeta DeclarativeMeta registry "
        "as_declarative declared_attr has_inherited_table synonym_for mapped_column MappedAsDataclass "
        "Mapped relationship backref column_property composite synonym aliased joinedload "
        "selectinload subqueryload lazyload load_only contains_eager noload raiseload immediateload "
        "defer undefer undefer_group with_loader_criteria with_polymorphic Load validates "
        "reconstructor DynamicMapped WriteOnlyMapped deferred query_expression foreign remote "
        "add_mapped_attribute WriteOnlyCollection AppenderQuery Bundle InstrumentedAttribute",
        "sqlalchemy.ext.declarative sqlalchemy.ext.declarative.api sqlalchemy.orm.decl_api "
        "sqlalchemy.orm._orm_constructors sqlalchemy.orm.relationships sqlalchemy.orm.strategy_options "
        "sqlalchemy.orm.util sqlalchemy.orm.base sqlalchemy.orm.attributes sqlalchemy.orm.properties "
        "sqlalchemy.orm.mapper sqlalchemy.orm.dynamic sqlalchemy.orm.writeonly",
    ),
    ("sqlalchemy.orm", "relationship Relationship", "sqlmodel.orm"),
    (
        "sqlalchemy.ext.asyncio",
        "AsyncSession async_sessionmaker AsyncEngine AsyncConnection create_async_engine "
        "async_engine_from_config AsyncTransaction AsyncSessionTransaction AsyncResult "
        "AsyncScalarResult AsyncMappingResult async_scoped_session create_async_pool_from_url",
        f"{_ASYNC} {_ASYNC_RESULT}",
    ),
    ("sqlalchemy.pool", "NullPool QueuePool StaticPool SingletonThreadPool AssertionPool "
     "AsyncAdaptedQueuePool Pool", "sqlalchemy sqlalchemy.pool.impl "
     "sqlalchemy.pool.base"),
    (
        "sqlalchemy.exc",
        "SQLAlchemyError IntegrityError OperationalError NoResultFound MultipleResultsFound DBAPIError "
        "ProgrammingError InvalidRequestError",
        "sqlalchemy.orm.exc sqlalchemy",
    ),
    ("sqlmodel", "Session", "sqlmodel.orm.session"),
    ("sqlmodel", "select", "sqlmodel.sql.expression sqlmodel.sql"),
    ("sqlmodel", "SQLModel Field Relationship", "sqlmodel.main"),
    (
        "sqlmodel.ext.asyncio.session",
        "AsyncSession",
        "sqlmodel.ext.asyncio sqlmodel.ext.asyncio.async_session",
    ),
    (
        "flask_sqlalchemy",
        "SQLAlchemy Pagination BaseQuery Model",
        "flask_sqlalchemy.extension flask_sqlalchemy.query flask_sqlalchemy.model",
    ),
    (
        "redis",
        "Redis RedisCluster ConnectionPool BlockingConnectionPool Sentinel SentinelConnectionPool "
        "Connection SSLConnection UnixDomainSocketConnection from_url RedisError ConnectionError "
        "TimeoutError ResponseError WatchError AuthenticationError DataError",
        _REDIS,
    ),
    ("redis.client", "Pipeline PubSub Monitor", "redis"),
    ("redis.cluster", "ClusterPipeline ClusterNode ClusterPubSub", "redis"),
    (
        "redis.asyncio",
        "Redis RedisCluster ConnectionPool BlockingConnectionPool Sentinel SentinelConnectionPool "
        "Connection SSLConnection UnixDomainSocketConnection from_url",
        f"{_AREDIS} {_AREDIS_MORE}",
    ),
    ("redis.asyncio.client", "Pipeline PubSub Monitor", "redis.asyncio"),
    ("redis.asyncio.cluster", "ClusterPipeline ClusterNode", "redis.asyncio"),
    ("aioredis", "Redis ConnectionPool from_url Sentinel BlockingConnectionPool", "aioredis.client "
     "aioredis.connection aioredis.utils aioredis.sentinel aioredis.commands"),
    ("psycopg2", "connect", "psycopg2"),
    ("psycopg2.extensions", "connection cursor", "psycopg2._psycopg"),
    ("psycopg", "Connection AsyncConnection Cursor AsyncCursor connect", "psycopg.connection "
     "psycopg.connection_async psycopg.cursor psycopg.cursor_async"),
    ("asyncpg", "Connection Pool Record connect create_pool", "asyncpg.connection asyncpg.pool "
     "asyncpg.protocol"),
    ("requests", "Session session Response get post put patch delete head options request",
     "requests.sessions requests.api requests.models"),
    ("httpx", "Client AsyncClient Response get post put patch delete head options request stream",
     "httpx._client httpx._api httpx._models"),
    ("aiohttp", "ClientSession ClientResponse ClientTimeout TCPConnector",
     "aiohttp.client aiohttp.client_reqrep aiohttp.connector"),
    ("fastapi", "FastAPI APIRouter Depends BackgroundTasks Request Response WebSocket "
     "Query Path Body Header Cookie Form File UploadFile Security",
     "fastapi.routing fastapi.param_functions fastapi.background "
     "fastapi.requests fastapi.websockets fastapi.responses fastapi.datastructures"),
    ("fastapi", "FastAPI", "fastapi.applications"),
    ("fastapi", "HTTPException", "fastapi.exceptions"),
    ("celery", "Celery shared_task Task", "celery.app celery.app.base celery.app.task"),
    ("flask", "Flask Blueprint current_app g request", "flask.app flask.globals flask.blueprints "
     "flask.ctx"),
    ("typing", "Annotated", "typing_extensions"),
)  # fmt: skip

#: Whole modules that are other modules, and objects with several names.
RENAMED: Final = {
    "sqlalchemy.orm.ScopedSession": "sqlalchemy.orm.scoped_session",
    "sqlalchemy.orm.scoping.ScopedSession": "sqlalchemy.orm.scoped_session",
    "redis.StrictRedis": "redis.Redis",
    "redis.client.StrictRedis": "redis.Redis",
    "redis.asyncio.StrictRedis": "redis.asyncio.Redis",
    "redis.asyncio.client.StrictRedis": "redis.asyncio.Redis",
    "redis.client.StrictPipeline": "redis.client.Pipeline",
    "aioredis.StrictRedis": "aioredis.Redis",
    "aioredis.client.StrictRedis": "aioredis.Redis",
    "starlette.requests.Request": "fastapi.Request",
    "starlette.websockets.WebSocket": "fastapi.WebSocket",
    "collections.abc.Generator": "typing.Generator",
    "collections.abc.AsyncGenerator": "typing.AsyncGenerator",
    "collections.abc.Iterator": "typing.Iterator",
    "collections.abc.AsyncIterator": "typing.AsyncIterator",
    "collections.abc.Iterable": "typing.Iterable",
    "collections.abc.AsyncIterable": "typing.AsyncIterable",
    "collections.abc.Awaitable": "typing.Awaitable",
    "collections.abc.Coroutine": "typing.Coroutine",
    "collections.abc.Callable": "typing.Callable",
    "collections.abc.Sequence": "typing.Sequence",
    "collections.abc.Mapping": "typing.Mapping",
    "contextlib.AbstractContextManager": "typing.ContextManager",
    "contextlib.AbstractAsyncContextManager": "typing.AsyncContextManager",
}
#: Names that the star imports of well-known libraries bring in (their ``__all__``, in part).
STARS: Final = {
    "sqlalchemy": "sqlalchemy",
    "sqlalchemy.orm": "sqlalchemy.orm",
    "sqlmodel": "sqlmodel",
    "sqlalchemy.ext.asyncio": "sqlalchemy.ext.asyncio",
    "redis": "redis",
    "fastapi": "fastapi",
}


@cache
def aliases() -> dict[str, str]:
    """Return the one name of each object by each other name that it has."""
    found: dict[str, str] = {}
    for home, names, modules in SAME:
        for name in names.split():
            for module in modules.split():
                found.setdefault(f"{module}.{name}", f"{home}.{name}")
    return found | RENAMED


@cache
def _packages() -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in (*aliases(), *aliases().values()))


def is_lookalike(name: str) -> bool:
    """Say whether an object of the project with this name could be taken for a library's."""
    return name.partition(".")[0] in _packages()


def canonical(name: str) -> str:
    """Return the one name by which we call the library object *name*."""
    if name.partition(".")[0] not in _packages():
        return name
    known = aliases()
    if name.startswith("typing_extensions."):
        return f"typing.{name.partition('.')[2]}"
    seen = {name}
    while (found := known.get(name)) is not None and found not in seen:
        seen.add(found)
        name = found
    if name in known:
        return name
    # A class attribute keeps its class's one name: redis.client.Redis.from_url.
    owner, _, last = name.rpartition(".")
    return f"{canonical(owner)}.{last}" if owner in known else name


@cache
def home(name: str, *modules: str) -> str | None:
    """Return the full name of *name* in the first of the library's *modules* that defines it."""
    homes = frozenset(aliases().values())
    return next((f"{one}.{name}" for one in modules if f"{one}.{name}" in homes), None)


@cache
def starred(module: str) -> frozenset[str]:
    """Return names that ``from module import *`` surely brings in, for a well-known library."""
    if module not in STARS:
        return frozenset()
    names = {a.rpartition(".")[2] for a in aliases() if a.rpartition(".")[0] == module}
    homes = {v.rpartition(".")[2] for v in aliases().values() if v.rpartition(".")[0] == module}
    return frozenset(names | homes)
