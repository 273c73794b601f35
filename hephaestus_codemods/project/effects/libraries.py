"""What functions and methods of well-known libraries do; those not listed are unknown."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.effects.model import EffectKind

if TYPE_CHECKING:
    from collections.abc import Iterator

Known = tuple[tuple[EffectKind, str], ...]

#: Modules, classes and functions that only compute, with all that is in them.
PURE: Final = """
    builtins json re math cmath typing typing_extensions collections itertools functools operator
    datetime decimal fractions hashlib hmac base64 binascii copy enum dataclasses string textwrap
    urllib.parse inspect types abc html struct zlib statistics numbers contextlib ast ipaddress
    calendar zoneinfo pprint traceback difflib bisect heapq array unicodedata mimetypes email
    http.HTTPStatus http.cookies keyword reprlib graphlib codecs csv io weakref xml tomllib uuid
    time.strftime time.gmtime time.localtime time.mktime time.strptime time.struct_time
    os.path.join os.path.basename os.path.dirname os.path.splitext os.path.split os.path.normpath
    os.path.isabs os.path.commonpath os.path.relpath os.fspath os.sep pathlib.PurePath
    pathlib.PurePosixPath pathlib.Path
    asyncio.gather asyncio.wait_for asyncio.shield asyncio.iscoroutinefunction asyncio.iscoroutine
    asyncio.run asyncio.get_event_loop asyncio.get_running_loop asyncio.to_thread
    asyncio.new_event_loop asyncio.set_event_loop asyncio.current_task asyncio.as_completed
    asyncio.timeout asyncio.wait asyncio.Lock asyncio.Semaphore asyncio.BoundedSemaphore
    asyncio.Event asyncio.Condition asyncio.Queue asyncio.TaskGroup asyncio.Task asyncio.Future
    asyncio.AbstractEventLoop anyio.to_thread anyio.create_task_group asgiref.sync
    threading.Lock threading.RLock threading.Semaphore threading.Event threading.Condition
    threading.BoundedSemaphore threading.local threading.current_thread threading.get_ident
    concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor
    concurrent.futures.as_completed concurrent.futures.wait queue.Queue contextvars.ContextVar
    contextvars.copy_context warnings.catch_warnings warnings.filterwarnings logging.getLogger
    logging.Formatter logging.StreamHandler sys.exc_info sys.getsizeof gc
    pydantic pydantic_core pydantic_settings attr attrs marshmallow
    fastapi starlette flask.jsonify flask.Response flask.make_response flask.redirect flask.url_for
    werkzeug.security werkzeug.exceptions sqlalchemy sqlmodel alembic.op.f flask_sqlalchemy
    redis.Redis redis.RedisCluster redis.from_url redis.asyncio.Redis redis.asyncio.from_url
    redis.ConnectionPool redis.asyncio.ConnectionPool redis.exceptions
    requests.Session requests.session requests.Response requests.exceptions requests.adapters
    requests.auth httpx.Client httpx.AsyncClient httpx.Response httpx.Timeout httpx.Limits
    httpx.HTTPError httpx.URL httpx.Auth
    httpx.BasicAuth httpx.AsyncHTTPTransport httpx.HTTPTransport httpx2.Client httpx2.AsyncClient
    aiohttp.ClientSession aiohttp.ClientTimeout aiohttp.TCPConnector aiohttp.BasicAuth
    aiohttp.FormData
    jwt jose passlib bcrypt orjson ujson simplejson msgpack toml yaml dateutil pytz slugify
    markupsafe itsdangerous packaging more_itertools natsort cachetools numpy pandas cryptography
    jinja2.Template jinja2.Environment jinja2.FileSystemLoader jinja2.select_autoescape
    structlog.get_logger structlog.contextvars.get_contextvars celery.Celery psycopg.sql
    psycopg.rows psycopg2.sql psycopg2.extras.Json psycopg.types
""".split()

EFFECTS: Final = {
    (EffectKind.FILES, "files"): """
        builtins.open io.open os.remove os.unlink os.rename os.replace os.makedirs os.mkdir os.rmdir
        os.listdir os.scandir os.walk os.stat os.path.exists os.path.isfile os.path.isdir
        os.path.getsize os.path.getmtime os.path.abspath os.path.realpath os.path.expanduser
        os.access os.chmod os.open os.read os.write os.close os.getcwd os.chdir shutil tempfile glob
        pathlib.Path.exists pathlib.Path.is_file pathlib.Path.is_dir pathlib.Path.read_text
        pathlib.Path.read_bytes pathlib.Path.write_text pathlib.Path.write_bytes pathlib.Path.open
        pathlib.Path.mkdir pathlib.Path.unlink pathlib.Path.rename pathlib.Path.replace
        pathlib.Path.glob pathlib.Path.rglob pathlib.Path.iterdir pathlib.Path.stat
        pathlib.Path.touch pathlib.Path.resolve pathlib.Path.cwd pathlib.Path.home
        pathlib.Path.expanduser pathlib.Path.absolute pathlib.Path.rmdir pathlib.Path.chmod
        typing.IO aiofiles anyio.open_file zipfile tarfile gzip bz2 lzma pickle.load pickle.dump
        joblib.load joblib.dump json.load json.dump importlib.resources pkgutil
        pandas.read_csv pandas.read_excel pandas.read_parquet pandas.read_json pandas.ExcelWriter
        numpy.load numpy.save fastapi.UploadFile fileinput linecache
        jinja2.Environment.get_template jinja2.Template.render fastapi.templating.Jinja2Templates
        starlette.templating.Jinja2Templates flask.render_template flask.send_file
        fastapi.staticfiles.StaticFiles starlette.staticfiles.StaticFiles dotenv
    """,
    (EffectKind.WRITES, "schema"): "alembic",
    (EffectKind.SLEEPS, "blocks"): "time.sleep gevent.sleep eventlet.sleep",
    (EffectKind.SLEEPS, "awaits"): "asyncio.sleep anyio.sleep trio.sleep",
    (EffectKind.SLEEPS, "retries"): "tenacity backoff retrying",
    (EffectKind.SPAWNS, "task"): """
        asyncio.create_task asyncio.ensure_future asyncio.run_coroutine_threadsafe
        asyncio.TaskGroup.create_task asyncio.AbstractEventLoop.create_task
        asyncio.AbstractEventLoop.call_soon asyncio.AbstractEventLoop.call_later
        asyncio.AbstractEventLoop.call_soon_threadsafe fastapi.BackgroundTasks.add_task
        fastapi.BackgroundTask starlette.background gevent.spawn
    """,
    (EffectKind.SPAWNS, "thread"): """
        threading.Thread threading.Timer _thread concurrent.futures.ThreadPoolExecutor.submit
        concurrent.futures.ThreadPoolExecutor.map
    """,
    (EffectKind.SPAWNS, "process"): """
        multiprocessing subprocess os.system os.popen os.fork os.execv os.kill
        concurrent.futures.ProcessPoolExecutor.submit concurrent.futures.ProcessPoolExecutor.map
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell
    """,
    (EffectKind.LOCKS, "lock"): """
        threading.Lock.acquire threading.RLock.acquire threading.Semaphore.acquire
        threading.BoundedSemaphore.acquire threading.Condition.wait threading.Event.wait
        threading.Condition.acquire threading.Lock.release threading.RLock.release
        threading.Semaphore.release threading.Lock.locked
        asyncio.Lock.acquire asyncio.Lock.release asyncio.Lock.locked asyncio.Semaphore.acquire
        asyncio.Semaphore.release asyncio.Condition.wait asyncio.Event.wait asyncio.Event.set
        asyncio.Queue.get asyncio.Queue.put asyncio.Queue.join asyncio.Queue.get_nowait
        asyncio.Queue.put_nowait asyncio.Queue.task_done asyncio.Condition.notify_all
        queue.Queue.get queue.Queue.put queue.Queue.join queue.Queue.get_nowait
        queue.Queue.put_nowait threading.Event.set threading.Event.clear
        redis.Redis.lock redis.asyncio.Redis.lock filelock fcntl portalocker
        signal
    """,
    (EffectKind.HTTP, "http"): """
        requests.get requests.post requests.put requests.patch requests.delete requests.head
        requests.options requests.request urllib.request urllib3 http.client httplib2
        httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.options
        httpx.request httpx.stream httpx2.get httpx2.post httpx2.put httpx2.patch httpx2.delete
        httpx2.request httpx2.stream aiohttp.request
    """,
    (EffectKind.NETWORK, "network"): """
        socket smtplib imaplib poplib ftplib ssl paramiko boto3 botocore aioboto3 google.cloud
        azure pika aio_pika kafka aiokafka confluent_kafka nats websockets websocket grpc
        elasticsearch opensearchpy pymongo motor beanie mongoengine ldap3 sendgrid twilio stripe
        openai anthropic sentry_sdk emails aiosmtplib minio consul hvac kombu ray
        fastapi.WebSocket starlette.websockets.WebSocket email_validator
    """,
    (EffectKind.NONDETERMINISTIC, "time"): """
        time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter
        time.perf_counter_ns time.process_time datetime.datetime.now datetime.datetime.utcnow
        datetime.datetime.today datetime.date.today pendulum.now pendulum.today arrow.now
        arrow.utcnow django.utils.timezone.now asyncio.AbstractEventLoop.time
    """,
    (EffectKind.NONDETERMINISTIC, "random"): "random numpy.random",
    (
        EffectKind.NONDETERMINISTIC,
        "uuid",
    ): "uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 ulid shortuuid",
    (EffectKind.NONDETERMINISTIC, "secrets"): """
        secrets os.urandom bcrypt.gensalt passlib.hash passlib.context
        werkzeug.security.generate_password_hash cryptography.fernet
    """,
    (EffectKind.CONTEXT_READS, "context variable"): "contextvars.ContextVar.get",
    (EffectKind.CONTEXT_SETS, "context variable"): """
        contextvars.ContextVar.set contextvars.ContextVar.reset structlog.contextvars
    """,
    (EffectKind.ENVIRONMENT, "environment"): """
        os platform sys
        socket.gethostname locale getpass importlib resource.getrusage psutil argparse
        signal.getsignal environs decouple
    """,
    (EffectKind.LOGS, "log"): """
        builtins.print logging.debug logging.info logging.warning logging.error logging.exception
        logging.critical logging.log logging.Logger logging.basicConfig logging.config loguru
        structlog.BoundLogger warnings.warn click.echo click.secho rich sys.stdout sys.stderr
        typer.echo
    """,
    (EffectKind.RAISES, "builtins.SystemExit"): "sys.exit builtins.exit builtins.quit os._exit",
    (
        EffectKind.RAISES,
        "werkzeug.exceptions.HTTPException",
    ): "flask.abort werkzeug.exceptions.abort",
    (EffectKind.UNKNOWN, "it runs code from a text"): """
        builtins.exec builtins.eval builtins.__import__ importlib.import_module runpy
    """,
    (EffectKind.UNKNOWN, "it asks a person"): "builtins.input click.prompt click.confirm",
}

HTTP_CLIENTS: Final = (
    "requests.Session",
    "httpx.Client",
    "httpx.AsyncClient",
    "httpx2.Client",
    "httpx2.AsyncClient",
    "aiohttp.ClientSession",
)
HTTP_METHODS: Final = frozenset(
    "get post put patch delete head options request stream send ws_connect".split()
)
#: Commands of Redis that change nothing.
REDIS_READING: Final = frozenset(
    """get mget getrange strlen exists ttl pttl keys scan scan_iter type dbsize info ping
    randomkey time hget hmget hgetall hkeys hvals hlen hexists hscan hscan_iter hstrlen sismember
    smismember smembers scard srandmember sscan sscan_iter sinter sunion sdiff zscore zmscore
    zrange zrevrange zrangebyscore zrevrangebyscore zrangebylex zrank zrevrank zcard zcount
    zlexcount zscan zscan_iter lrange lindex llen lpos getbit bitcount pfcount geopos geodist
    geosearch xrange xrevrange xread xlen xinfo_stream xpending memory_usage object
    pubsub_channels pubsub_numsub config_get client_list""".split()
)
#: Methods of clients that send nothing.
REDIS_LOCAL: Final = frozenset(
    """pipeline pubsub close aclose from_url from_pool client register_script get_encoder
    get_connection_kwargs __init__ __enter__ __aenter__ __exit__ __aexit__ __call__ initialize
    set_response_callback connection_pool""".split()
)
REDIS_KINDS: Final = kinds.SYNC_REDIS | kinds.ASYNC_REDIS_KINDS
#: What comes out of these does as much when it is used again.
LASTING: Final = frozenset(
    {EffectKind.FILES, EffectKind.NETWORK, EffectKind.SPAWNS, EffectKind.UNKNOWN}
)


@cache
def _table() -> dict[str, Known]:
    found: dict[str, Known] = dict.fromkeys(PURE, ())
    for effect, names in EFFECTS.items():
        found |= dict.fromkeys(names.split(), (effect,))
    return found


@cache
def effects_of(name: str) -> Known | None:
    """Return what the function, method or class *name* of a library does; None when unknown."""
    made, call, rest = name.partition("()")
    if call and rest:
        return _of_product(made)
    special = _of_client(made)
    if special is not None:
        return special
    table = _table()
    return next((table[one] for one in _prefixes(made) if one in table), None)


def _of_product(made: str) -> Known | None:
    """Return what using something does that came out of a call of *made*."""
    found = effects_of(made)
    if found is None:
        return None
    return tuple(one for one in found if one[0] in LASTING)


def _prefixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _of_client(name: str) -> Known | None:
    owner, _, method = name.rpartition(".")
    if owner in REDIS_KINDS:
        return _of_redis(method)
    if owner in kinds.PIPELINES:
        # A pipeline sends everything at once; until then commands only wait in it.
        sends = method in ("execute", "watch") or method.startswith("immediate")
        return ((EffectKind.REDIS_WRITES, "pipeline"),) if sends else ()
    if owner in HTTP_CLIENTS:
        return ((EffectKind.HTTP, "http"),) if method in HTTP_METHODS else ()
    return None


def _of_redis(method: str) -> Known:
    if method in REDIS_LOCAL:
        return ()
    if method == "lock":
        return ((EffectKind.LOCKS, "lock"),)
    kind = EffectKind.REDIS_READS if method in REDIS_READING else EffectKind.REDIS_WRITES
    return ((kind, method),)
