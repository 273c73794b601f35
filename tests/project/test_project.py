import hashlib

import pytest

from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.source import UnreadableSource
from tests.project.reveal import project_of

APP = """
# app/__init__.py
# app/db.py
from app.engines import engine
# app/engines.py
import sqlalchemy
engine = sqlalchemy.create_engine("x")
# app/api.py
from app.db import engine
use = engine
# app/other.py
# app/broken.py
def (
"""


def ask(project: Project, path: str = "app/api.py") -> str | None:
    module = project.module_at(path)
    last = module.tree.body[-1]
    return module.kind(last.value)  # type: ignore[attr-defined]


def test_answers_name_the_files_they_rest_on() -> None:
    """A cache may keep an answer as long as none of these files changes."""
    project = project_of(APP)

    with project.tracking() as consulted:
        assert ask(project) == "sqlalchemy.engine.Engine"

    assert set(consulted) == {"app/api.py", "app/db.py", "app/engines.py"}
    raw = project.view.read("app/db.py")
    assert raw is not None
    assert consulted["app/db.py"] == hashlib.sha256(raw).hexdigest()


def test_remembered_answers_name_their_files_too() -> None:
    """The second time nothing is read, and the answer rests on the same files."""
    project = project_of(APP)
    ask(project)

    with project.tracking() as consulted:
        ask(project)

    assert set(consulted) == {"app/api.py", "app/db.py", "app/engines.py"}


def test_files_read_for_nobody_count_for_everybody() -> None:
    """Manifests hold for the whole project."""
    project = Project.from_files({"a.py": "x = 1\n", "pyproject.toml": "", "b.py": ""})
    with project.tracking():
        project.module_at("a.py")
        assert project.target.minor_floor("a.py") is None

    with project.tracking() as consulted:
        project.module_at("b.py")

    assert set(consulted) == {"b.py", "pyproject.toml"}


def test_an_edited_file_is_seen_and_the_old_state_stays() -> None:
    """Facts of the new state do not leak into the old one."""
    project = project_of(APP)
    ask(project)

    changed = project.with_file("app/engines.py", b"import redis\nengine = redis.Redis()\n")

    assert ask(changed) == "redis.Redis"
    assert ask(project) == "sqlalchemy.engine.Engine"
    assert changed.module_at("app/db.py").tree is project.module_at("app/db.py").tree


def test_broken_and_missing_files() -> None:
    """A file that cannot be parsed is an error of that file, and an unknown module to others."""
    project = project_of(APP)

    with pytest.raises(UnreadableSource) as caught:
        project.module_at("app/broken.py")
    assert caught.value.code == "syntax"
    with pytest.raises(UnreadableSource) as caught:
        project.module_at("app/missing.py")
    assert caught.value.code == "missing"
    assert project.module("app.broken") is None
    assert project.module("app.missing") is None


def test_answers_do_not_depend_on_what_was_asked_before() -> None:
    """Circles are cut the same way wherever one enters them."""
    text = """
    # app.py
    import redis
    def a(n):
        return b(n) if n else redis.Redis()
    def b(n):
        return a(n - 1)
    def c(n):
        return d(n)
    def d(n):
        return c(n)
    x = a(1)
    y = b(1)
    z = c(1)
    """
    forward, backward = project_of(text).module_at("app.py"), project_of(text).module_at("app.py")
    values = [node.value for node in forward.tree.body[-3:]]  # type: ignore[attr-defined]
    others = [node.value for node in backward.tree.body[-3:]]  # type: ignore[attr-defined]

    found = [forward.kind(one) for one in values]
    again = [backward.kind(one) for one in reversed(others)]

    assert found == ["redis.Redis", "redis.Redis", None]
    assert found == again[::-1]


def test_endless_questions_end() -> None:
    """Long chains and deep expressions are left unknown instead of ending the process."""
    lines = ["import redis", "x0 = redis.Redis()"]
    lines += [f"x{n} = x{n - 1} if x{n - 1} else x{n - 2}" for n in range(2, 400)]
    lines += [f"def f{n}(): return f{n + 1}() or f{n - 1}()" for n in range(1, 100)]
    lines += ["y" + ".a" * 900, "y" + "()" * 300, "f1()", "x399"]
    project = Project.from_files({"app.py": "\n".join(lines) + "\n"})
    module = project.module_at("app.py")

    for statement in module.tree.body[-4:]:
        assert module.kind(statement.value) is None  # type: ignore[attr-defined]
        module.qualified_name(statement.value)  # type: ignore[attr-defined]
