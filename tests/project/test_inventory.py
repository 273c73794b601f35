from hephaestus_codemods.project.inventory import clients_of, models_of, settings_of, tasks_of
from tests.project.reveal import project_of

SHOP = project_of(
    """
    # shop/__init__.py
    # shop/db.py
    import redis.asyncio as aioredis
    import httpx
    from sqlalchemy import create_engine as make_engine
    from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
    engine = make_engine("x")
    SessionLocal = sessionmaker(engine)
    class Base(DeclarativeBase): ...
    class Mine(Session): ...
    class User(Base):
        __tablename__ = "users"
    class Plain: ...
    class Server:
        def __init__(self):
            self.cache = aioredis.from_url("redis://")
    def fetch():
        with httpx.Client() as client:
            return client.get("x")
    def own():
        return Mine(engine)
    # shop/tasks.py
    import dramatiq
    from celery import Celery, shared_task
    from fastapi import BackgroundTasks
    from taskiq_redis import ListQueueBroker
    celery = Celery("x")
    broker = ListQueueBroker("x")
    @celery.task
    def one(): ...
    @shared_task(bind=True)
    def two(self): ...
    @broker.task
    async def three(): ...
    @dramatiq.actor
    def four(): ...
    class Board:
        def task(self, function): ...
    board = Board()
    @board.task
    def none(): ...
    def later(): ...
    def handler(background: BackgroundTasks, other):
        background.add_task(later)
        other.add_task(later)
    # shop/config.py
    from pydantic_settings import BaseSettings
    PREFIX = "/api"
    class Common(BaseSettings):
        DEBUG: bool = False
    class Settings(Common):
        model_config = {}
        URL: str
        PATH: str = PREFIX + "/v1"
    # tests/test_shop.py
    from sqlalchemy import create_engine
    engine = create_engine("y")
    """
)


def test_clients() -> None:
    """What talks to another server is found under any name, with where and how often it is made."""
    found = [(one.kind, one.target, one.around) for one in clients_of(SHOP)]

    assert found == [
        ("engine", "engine", None),
        ("session factory", "SessionLocal", None),
        ("redis", "self.cache", "Server.__init__"),
        ("http", None, "fetch"),
        ("session", None, "own"),
        ("task queue", "celery", None),
    ]


def test_tasks() -> None:
    """Functions of task queues are known by what their queue is, not by its name."""
    found = [(one.name, one.queue) for one in tasks_of(SHOP)]

    assert found == [
        ("shop.tasks.one", "celery"),
        ("shop.tasks.two", "celery"),
        ("shop.tasks.three", "taskiq"),
        ("shop.tasks.four", "dramatiq"),
        ("shop.tasks.later", "background"),
    ]


def test_settings() -> None:
    """Classes that derive from settings are settings; defaults are shown if known."""
    found = [
        (one.name, [(field.name, field.default) for field in one.fields])
        for one in settings_of(SHOP)
    ]

    assert found == [
        ("shop.config.Common", [("DEBUG", "False")]),
        ("shop.config.Settings", [("URL", None), ("PATH", "'/api/v1'")]),
    ]


def test_models() -> None:
    """Only mapped classes are models."""
    assert [model.name for _, model in models_of(SHOP)] == ["shop.db.User"]
