"""Writing a qualified name at a place: reuse first, never a collision."""

from __future__ import annotations

import ast

import pytest

from hephaestus_codemods.kit.names import fresh_name, is_free, name_for
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.rule import Import

#: The text, where `HERE` is the place that the name is asked for; the name; what comes back.
FUNC = Import("sqlalchemy", "func")
CASES = {
    "nothing imported": ("HERE", "sqlalchemy.func", ("func", FUNC)),
    "the package, aliased": ("import sqlalchemy as sa\nHERE", "sqlalchemy.func", ("sa.func", None)),
    "the package": ("import sqlalchemy\nHERE", "sqlalchemy.func", ("sqlalchemy.func", None)),
    "the name": ("from sqlalchemy import func\nHERE", "sqlalchemy.func", ("func", None)),
    "the name, aliased": ("from sqlalchemy import func as f\nHERE", "sqlalchemy.func", ("f", None)),
    "the shortest of several": (
        "import sqlalchemy\nfrom sqlalchemy import func\nHERE",
        "sqlalchemy.func",
        ("func", None),
    ),
    "a submodule": (
        "import sqlalchemy.orm\nHERE",
        "sqlalchemy.orm.Session",
        ("sqlalchemy.orm.Session", None),
    ),
    "the package says nothing about its submodules": (
        "import redis\nHERE",
        "redis.asyncio.Redis",
        ("Redis", Import("redis.asyncio", "Redis")),
    ),
    "the submodule as a name": (
        "from sqlalchemy import orm\nHERE",
        "sqlalchemy.orm.Session",
        ("orm.Session", None),
    ),
    "an attribute of the name": (
        "from redis.asyncio import Redis\nHERE",
        "redis.asyncio.Redis.from_url",
        ("Redis.from_url", None),
    ),
    "a module": ("HERE", "asyncio", ("asyncio", Import("asyncio"))),
    "a module that is there": ("import asyncio as aio\nHERE", "asyncio", ("aio", None)),
    "inside a function": (
        "import sqlalchemy as sa\ndef f():\n    HERE",
        "sqlalchemy.func",
        ("sa.func", None),
    ),
    "imported in the same function": (
        "def f():\n    from sqlalchemy import func\n    HERE",
        "sqlalchemy.func",
        ("func", None),
    ),
    "imported in another function": (
        "def g():\n    from sqlalchemy import func\ndef f():\n    HERE",
        "sqlalchemy.func",
        ("func", FUNC),
    ),
    "imported later": (
        "def f():\n    HERE\nfrom sqlalchemy import func",
        "sqlalchemy.func",
        ("func", FUNC),
    ),
    "imported in a branch": (
        "if x:\n    from sqlalchemy import func\ndef f():\n    HERE",
        "sqlalchemy.func",
        ("func", FUNC),
    ),
    "imported in the same branch": (
        "if x:\n    from sqlalchemy import func\n    HERE",
        "sqlalchemy.func",
        ("func", None),
    ),
    "for types only": (
        "if TYPE_CHECKING:\n    from sqlalchemy import func\nHERE",
        "sqlalchemy.func",
        ("func", FUNC),
    ),
    "run time of a TYPE_CHECKING block": (
        "if TYPE_CHECKING:\n    pass\nelse:\n    from sqlalchemy import func\n    HERE",
        "sqlalchemy.func",
        ("func", None),
    ),
    "bound again": (
        "from sqlalchemy import func\nfunc = 1\nHERE",
        "sqlalchemy.func",
        ("sa_func", Import("sqlalchemy", "func", "sa_func")),
    ),
    "shadowed by a parameter": (
        "from sqlalchemy import func\ndef f(func):\n    HERE",
        "sqlalchemy.func",
        ("sa_func", Import("sqlalchemy", "func", "sa_func")),
    ),
    "a local variable elsewhere does not matter": (
        "def g():\n    func = 1\ndef f():\n    HERE",
        "sqlalchemy.func",
        ("func", FUNC),
    ),
    "an alias in an enclosing function": (
        "import sqlalchemy as sa\ndef g():\n    sa = 1\n    def f():\n        HERE",
        "sqlalchemy.func",
        ("func", FUNC),
    ),
    "taken by a class attribute": (
        "class A:\n    func = 1\n    HERE",
        "sqlalchemy.func",
        ("sa_func", Import("sqlalchemy", "func", "sa_func")),
    ),
    "a class attribute is not seen from a method": (
        "class A:\n    func = 1\n    def f(self):\n        HERE",
        "sqlalchemy.func",
        ("func", FUNC),
    ),
    "taken by a comprehension": (
        "[HERE for func in x]",
        "sqlalchemy.func",
        ("sa_func", Import("sqlalchemy", "func", "sa_func")),
    ),
    "a builtin": ("HERE", "sqlalchemy.any", ("sa_any", Import("sqlalchemy", "any", "sa_any"))),
    "read elsewhere and bound nowhere": (
        "def g():\n    return func\nHERE",
        "sqlalchemy.func",
        ("sa_func", Import("sqlalchemy", "func", "sa_func")),
    ),
    "all short names taken": (
        "func = sa_func = 1\nHERE",
        "sqlalchemy.func",
        ("sqlalchemy_func", Import("sqlalchemy", "func", "sqlalchemy_func")),
    ),
    "no name left": ("func = sa_func = sqlalchemy_func = 1\nHERE", "sqlalchemy.func", None),
    "a module whose name is taken": (
        "from time import time\nHERE",
        "time",
        ("time_module", Import("time", None, "time_module")),
    ),
    "another module of that name": (
        "import asyncio\nHERE",
        "redis.asyncio",
        ("redis_asyncio", Import("redis", "asyncio", "redis_asyncio")),
    ),
    "optional": (
        "try:\n    import sqlalchemy as sa\nexcept ImportError:\n    sa = None\nHERE",
        "sqlalchemy.func",
        None,
    ),
    "a standard module in try is still there": (
        "try:\n    import ujson as json\nexcept ImportError:\n    import json\nHERE",
        "asyncio.gather",
        ("gather", Import("asyncio", "gather")),
    ),
    "deleted": (
        "from sqlalchemy import func\ndel func\nHERE",
        "sqlalchemy.func",
        ("sa_func", Import("sqlalchemy", "func", "sa_func")),
    ),
    "a star import may bind it": (
        "from sqlalchemy import func\nfrom x import *\nHERE",
        "sqlalchemy.func",
        ("sa_func", Import("sqlalchemy", "func", "sa_func")),
    ),
    "relative import of our own": (
        "from .hephaestus_support import db_pool\nHERE",
        "app.hephaestus_support.db_pool.pool_options",
        ("db_pool.pool_options", None),
    ),
}


@pytest.mark.parametrize(("text", "name", "expected"), CASES.values(), ids=CASES.keys())
def test_a_name_is_written_with_what_the_file_has(
    text: str, name: str, expected: tuple[str, Import | None] | None
) -> None:
    """The text means the name at that place, and a new import meets nothing."""
    files = {"app/__init__.py": "", "app/db.py": text}
    module = Project.from_files(files).module_at("app/db.py")
    here = next(n for n in ast.walk(module.tree) if isinstance(n, ast.Name) and n.id == "HERE")

    assert name_for(module, name, here) == expected


def test_a_new_local_name_is_free() -> None:
    """A name is free when nothing binds it there and no read of it would change its meaning."""
    text = "rows = 1\ndef f(rows_2):\n    x = 3\ndef g():\n    return total\n"
    module = Project.from_files({"m.py": text}).module_at("m.py")
    at = module.tree.body[1].body[0]  # type: ignore[attr-defined]

    assert fresh_name(module, "rows", at) == "rows_3"
    assert is_free(module, "y", at)
    assert not any(is_free(module, name, at) for name in ("x", "rows", "total", "len", "for"))
