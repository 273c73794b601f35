"""``hcodemod facts``: the inventory, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from tests.cli.conftest import Repository

FILES = {
    "pyproject.toml": """
[project]
name = "shop"
requires-python = ">=3.11"
dependencies = ["fastapi>=0.115", "sqlalchemy>=2.0", "redis==5.2.1"]
""",
    "Dockerfile": 'FROM python:3.12\nCMD ["uvicorn", "shop.main:app", "--workers", "3"]\n',
    "shop/__init__.py": "",
    "shop/config.py": """
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    API: str = "/api"
    SECRET_KEY: str = "correct-horse-battery-9"
settings = Settings()
""",
    "shop/db.py": """
import redis
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
engine = create_engine("postgresql://shop:hunter2@db/shop")
SessionLocal = sessionmaker(engine)
class Base(DeclarativeBase): ...
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
def get_db():
    with SessionLocal() as session:
        yield session
def cache():
    return redis.Redis()
""",
    "shop/main.py": """
from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy.orm import Session
from shop.config import settings
from shop.db import User, get_db
from shop.mail import send
app = FastAPI()
@app.get(settings.API + "/users/{id}")
async def user(id: int, background: BackgroundTasks, db: Session = Depends(get_db)):
    background.add_task(send, id)
    return db.get(User, id)
""",
    "shop/mail.py": """
import smtplib
def send(id):
    smtplib.SMTP("mail").sendmail("a", "b", "c")
""",
    "tests/test_main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
}


@pytest.fixture
def shop(repository: Repository) -> Repository:
    return repository.commit(FILES)


def test_inventory_for_people(shop: Repository) -> None:
    """Routes, models, clients and settings are one line each; secrets are not shown."""
    done = shop.hcodemod("facts").ok()

    for line in (
        "python 3.11",
        "redis at least 5.2.1, locked at 5.2.1",
        "web processes: 3 (Dockerfile:2)",
        "FastAPI shop.main.app (shop/main.py:7): 1 route",
        "  GET  /api/users/{id}  async shop.main.user  after get_db",
        "  shop.db.User (shop/db.py:8): users",
        "    id: int, primary key",
        "  engine engine: sqlalchemy.create_engine, once per process (shop/db.py:5)",
        "  redis: redis.Redis, in cache (shop/db.py:16)",
        "  background: shop.mail.send (shop/main.py:10)",
        "    SECRET_KEY: str = ***",
    ):
        assert line in done.out.splitlines()
    assert "tests/" not in done.out
    assert "hunter2" not in done.out
    assert done.err == ""


def test_inventory_for_programs(shop: Repository) -> None:
    """JSON follows the schema that the command prints itself."""
    schema = json.loads(shop.hcodemod("facts", "--schema").ok().out)

    plain = json.loads(shop.hcodemod("facts", "--json").ok().out)
    full = json.loads(shop.hcodemod("facts", "--json", "--effects").ok().out)

    for facts in (plain, full):
        assert list(Draft202012Validator(schema).iter_errors(facts)) == []
        assert facts["schema"] == "hephaestus.facts/1"
    assert plain["functions"] is None
    effects = {one["name"]: one["effects"] for one in full["functions"]}
    assert {
        "kind": "network",
        "what": "network",
        "path": "send -> smtplib.SMTP().sendmail, shop/mail.py:4",
    } in effects["shop.mail.send"]
    assert [one["what"] for one in effects["shop.main.user"] if one["kind"] == "reads"] == ["users"]


def test_paths_narrow_what_is_shown(shop: Repository) -> None:
    """A route of one file is shown with all that other files say about it."""
    done = shop.hcodemod("facts", "--effects", "shop/main.py").ok()

    assert "/api/users/{id}" in done.out
    assert "shop.db.User" not in done.out
    assert "  shop.main.user (shop/main.py:9): " in done.out
    assert "shop.mail.send (" not in done.out.partition("functions")[2]


def test_a_file_that_cannot_be_read(shop: Repository) -> None:
    """It is named with the reason, the rest is shown, and the exit code is 2."""
    shop.write({"shop/broken.py": "from fastapi import FastAPI\napp = FastAPI(\n"})

    done = shop.hcodemod("facts")

    assert done.code == 2
    assert "shop/broken.py" in done.err
    assert "/api/users/{id}" in done.out


def test_a_file_that_ends_the_process(shop: Repository) -> None:
    """The process that reads it is lost, found, and everything else is shown."""
    deep = "(" * 150 + "-" * 200_000 + "1" + ")" * 150
    shop.write({"shop/poison.py": f"from fastapi import FastAPI\nx = {deep}\n"})

    done = shop.hcodemod("facts")

    assert done.code == 2
    assert "shop/poison.py" in done.err
    assert "/api/users/{id}" in done.out
