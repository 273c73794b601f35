"""What sites of several files need together: planned once, owned by all who need it."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.engine.model import Selection, SiteStatus
from hephaestus_codemods.engine.plan import Plan, plan_changes, plan_in_worker, transform
from hephaestus_codemods.engine.run import in_process, jobs_for
from hephaestus_codemods.engine.shared import Sources
from hephaestus_codemods.kit.support import support_module
from hephaestus_codemods.patch.records import Details
from hephaestus_codemods.patch.revert import Choice
from hephaestus_codemods.project.project import Files, Project
from hephaestus_codemods.rule import Addition, Change, Edit, Finding, Import, Refusal, Safety

from ..patch.harness import Target, sites_of
from .toys import calls, rule

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hephaestus_codemods.engine.model import FileResult
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options, Rule

PART = """\
from contextlib import asynccontextmanager


def fetch() -> int:
    return 1


@asynccontextmanager
async def lifespan(app):
    yield
"""
SOURCES = Sources({"clients": PART}, "1.0")
MAIN = "from fastapi import FastAPI\n\napp = FastAPI()\n"
APP = {"app/__init__.py": "", "app/main.py": MAIN, "app/a.py": "x = old()\n"}
PINNED = '[project]\nname = "app"\ndependencies = [\n    "fastapi",\n]\n'


def needing(name: str, *, requirements: tuple[str, ...] = (), lifespan: bool = False) -> Rule:
    """Return a rule that calls ``fetch`` of the support module ``clients`` for ``old()``."""

    def find(module: Module, options: Options) -> Iterator[Finding]:
        for call in calls(module, "old"):
            yield Finding(call, "old", change=lambda call=call: made(module, call))

    def made(module: Module, call: ast.Call) -> Change:
        package = support_module(module, "clients")
        return Change(
            (Edit(*module.source.span(call), "fetch()"),),
            (Import(package, "fetch"),),
            requirements,
            () if lifespan else ("clients",),
            ("clients",) if lifespan else (),
        )

    return rule(name, find)


def planned(
    files: Mapping[str, str | bytes],
    *rules: Rule,
    vet: Callable[[Plan], Mapping[str, Refusal]] = lambda _: {},
) -> tuple[tuple[FileResult, ...], Plan]:
    """Rewrite all files and plan what they share."""
    raw = {path: body.encode() if isinstance(body, str) else body for path, body in files.items()}
    view = Files(raw)
    selection = Selection(ceiling=dict.fromkeys((one.name for one in rules), Safety.SUGGEST))
    paths = [path for path in sorted(files) if path.endswith(".py")]
    return transform(
        jobs_for(view, paths, frozenset(), rules),
        selection,
        lambda jobs, chosen: in_process(view, jobs, rules, chosen),
        lambda results: plan_changes(Project(view), results, SOURCES),
        vet,
    )


def after(files: Mapping[str, str | bytes], *rules: Rule) -> dict[str, str]:
    """Return the files that a run writes."""
    _, plan = planned(files, *rules)
    return {one.path: (one.after or b"").decode() for one in plan.changes if one.writes}


def statuses(results: Sequence[FileResult]) -> dict[str, SiteStatus]:
    return {site.path: site.status for result in results for site in result.sites}


def test_a_requirement_is_declared_once_and_owned_by_every_site() -> None:
    """Two files need one requirement: one line is added, and both sites own it."""
    files = {**APP, "app/b.py": "y = old()\n", "pyproject.toml": PINNED, "uv.lock": ""}
    results, plan = planned(files, needing("wants", requirements=("httpx>=0.27",)))
    manifest = next(one for one in plan.changes if one.path == "pyproject.toml")
    assert (
        manifest.after
        == PINNED.replace('"fastapi",\n', '"fastapi",\n    "httpx>=0.27",\n').encode()
    )
    assert manifest.all_owners() == {site.id for result in results for site in result.sites}
    assert plan.notes == ("the requirements changed: run 'uv lock' in .",)


def test_a_pin_that_conflicts_refuses_the_sites_behind_it_and_no_other() -> None:
    """What cannot be declared is not written; the rest of the run goes on."""
    one = {f"one/{path}": body for path, body in APP.items()}
    two = {f"two/{path}": body for path, body in APP.items()}
    pin = PINNED.replace('"fastapi"', '"fastapi",\n    "httpx<0.20"')
    files = {**one, **two, "one/pyproject.toml": pin, "two/pyproject.toml": PINNED}
    results, plan = planned(files, needing("wants", requirements=("httpx>=0.27",)))
    assert statuses(results) == {
        "one/app/a.py": SiteStatus.REFUSED,
        "two/app/a.py": SiteStatus.APPLIED,
    }
    refusal = next(s.refusal for r in results for s in r.sites if s.path == "one/app/a.py")
    assert refusal is not None
    assert refusal.code == "conflict"
    assert not any(change.path.startswith("one/") for change in plan.changes)


def test_a_part_starts_with_the_application_that_lives_beside_the_code() -> None:
    """The lifespan is added to the application's file, which no rule looked at."""
    written = after(APP, needing("starts", lifespan=True))
    assert written["app/main.py"] == (
        "from fastapi import FastAPI\n\n"
        "from app.hephaestus_support.clients import lifespan\n\n"
        "app = FastAPI(lifespan=lifespan)\n"
    )
    assert {"app/hephaestus_support/__init__.py", "app/hephaestus_support/clients.py"} <= {*written}


def test_an_application_with_handlers_gets_the_support_module_for_them() -> None:
    """What the new code of the application imports comes with it."""
    events = MAIN + '\n\n@app.on_event("startup")\nasync def begin():\n    pass\n'
    written = after({**APP, "app/main.py": events}, needing("starts", lifespan=True))
    assert "from app.hephaestus_support.lifespan import" in written["app/main.py"]
    assert "app/hephaestus_support/lifespan.py" in written


def test_without_an_application_nothing_is_rewritten() -> None:
    """A part that nothing starts would never run."""
    results, plan = planned(
        {"app/__init__.py": "", "app/a.py": "x = old()\n"}, needing("starts", lifespan=True)
    )
    (site,) = (site for result in results for site in result.sites)
    assert site.refusal is not None
    assert site.refusal.code == "no-application"
    assert plan.changes == ()


def test_a_comment_keeps_the_application_as_it_is() -> None:
    """skip-file holds also for changes that sites of other files need."""
    kept = f"# hcodemod: skip-file\n{MAIN}"
    results, plan = planned({**APP, "app/main.py": kept}, needing("starts", lifespan=True))
    assert statuses(results) == {"app/a.py": SiteStatus.REFUSED}
    assert plan.changes == ()


def test_the_application_may_be_rewritten_by_rules_too() -> None:
    """Steps of a rule and of the lifespan follow one another in one file."""
    written = after({**APP, "app/main.py": MAIN + "z = old()\n"}, needing("starts", lifespan=True))
    assert "app = FastAPI(lifespan=lifespan)\nz = fetch()\n" in written["app/main.py"]


def test_what_may_not_be_written_refuses_all_who_need_it() -> None:
    """A shared file that is vetoed (uncommitted changes, say) takes its sites with it."""
    no = Refusal("uncommitted-changes", "commit first")

    def vet(plan: Plan) -> Mapping[str, Refusal]:
        return {
            owner: no
            for change in plan.changes
            if change.path == "app/main.py"
            for owner in change.all_owners()
        }

    results, plan = planned(APP, needing("starts", lifespan=True), vet=vet)
    assert statuses(results) == {"app/a.py": SiteStatus.REFUSED}
    assert plan.changes == ()


def test_planning_dies_alone() -> None:
    """What is planned reads the target: when that crashes, only the sites in need are refused."""
    results, _ = planned(APP, needing("starts", lifespan=True))

    class Poison(Files):
        def read(self, path: str) -> bytes | None:
            raise SystemExit(9)

    poisoned = Project(Poison(dict.fromkeys(APP, b"")))
    plan = plan_in_worker(poisoned, results, SOURCES)
    assert {one.code for one in plan.refused.values()} == {"plan-crashed"}
    assert plan.refused.keys() == {site.id for result in results for site in result.sites}


@pytest.mark.parametrize("manifest", ["pyproject.toml", "requirements.txt"])
def test_what_a_later_run_needs_stays_when_the_earlier_is_reverted(
    tmp_path: Path, manifest: str
) -> None:
    """Shared lines belong to every run that needs them; the last revert restores every byte."""
    both = needing("both", requirements=("httpx>=0.27",), lifespan=True)
    declared = {"pyproject.toml": PINNED, "requirements.txt": "fastapi\n"}[manifest]
    start = {**APP, "app/b.py": "y = 1\n", manifest: declared}
    target = Target(tmp_path / "disk").filled({p: body.encode() for p, body in start.items()})
    run_over(target, both)
    target.put("app/b.py", b"y = old()\n")
    before_second = target.tree()
    run_over(target, both)
    assert target.tree()["app/main.py"] == before_second["app/main.py"]

    first, second = target.history().runs
    target.revert(Choice(), first.id)
    tree = target.tree()
    assert tree["app/a.py"] == APP["app/a.py"].encode()
    assert tree["app/b.py"] != b"y = old()\n"
    assert b"httpx" in tree[manifest]
    assert b"lifespan=lifespan" in tree["app/main.py"]
    assert "app/hephaestus_support/clients.py" in tree

    target.revert(Choice(), second.id)
    expected = {path: body.encode() for path, body in start.items()} | {"app/b.py": b"y = old()\n"}
    assert target.tree() == expected


def run_over(target: Target, one: Rule) -> None:
    """Apply a rule to a target on the disk and record the run."""
    results, plan = planned(target.tree(), one)
    sites = sites_of(*((s.id, s.rule, s.path) for r in results for s in r.sites))
    outcome = target.apply(plan.changes, Details("1.0", {one.name: 1}, sites))
    assert outcome.failure is None


CRUD = """\
def get(db, key):
    return db[key]


def other():
    pass
"""
MANY = "def get_many(db, keys: Collection):\n    return {key: db[key] for key in keys}"


def calling(name: str, text: str = MANY, beside: str = "get") -> Rule:
    """Return a rule that calls a function which it adds to another file."""
    addition = Addition(
        "app/crud.py", beside, "get_many", text, (Import("collections.abc", "Collection"),)
    )

    def find(module: Module, options: Options) -> Iterator[Finding]:
        for call in calls(module, "old"):
            edit = Edit(*module.source.span(call), "get_many({}, [])")
            called = (Import("app.crud", "get_many"),)
            change = Change((edit,), called, additions=(addition,))
            yield Finding(call, "old", change=lambda change=change: change)

    return rule(name, find)


def test_a_definition_is_added_once_beside_the_one_it_goes_with() -> None:
    """Two files call one new function: it is written once, with what it imports."""
    files = {"app/__init__.py": "", "app/a.py": "x = old()\n", "app/b.py": "y = old()\n"}
    written = after({**files, "app/crud.py": CRUD}, calling("many"))
    assert written["app/crud.py"] == (
        "from collections.abc import Collection\n\n\n"
        + CRUD.replace("\n\n\ndef other", f"\n\n\n{MANY}\n\n\ndef other")
    )
    assert written["app/a.py"] == "from app.crud import get_many\n\nx = get_many({}, [])\n"


def test_a_definition_that_is_there_already_is_shared_and_another_refuses() -> None:
    """The same text is called; a function of the same name and other text is not touched."""
    files = {"app/__init__.py": "", "app/a.py": "x = old()\n"}
    same = f"from collections.abc import Collection\n\n\n{CRUD}\n\n{MANY}\n"
    assert {*after({**files, "app/crud.py": same}, calling("many"))} == {"app/a.py"}
    other = f"{CRUD}\n\ndef get_many():\n    pass\n"
    results, plan = planned({**files, "app/crud.py": other}, calling("many"))
    assert [s.refusal.code for r in results for s in r.sites if s.refusal] == ["name-taken"]
    assert plan.changes == ()


def test_a_method_is_added_to_the_class_of_its_neighbour() -> None:
    """Inside of a class it stands with one blank line around it."""
    files = {"app/__init__.py": "", "app/a.py": "x = old()\n"}
    methods = "def get(self):\n    return 1\n\ndef last(self):\n    pass\n"
    crud = "class Users:\n" + indent(methods, "    ")
    text = "def get_many(self):\n    return [1]"
    written = after({**files, "app/crud.py": crud}, calling("many", text, "Users.get"))
    assert (
        "        return 1\n\n    def get_many(self):\n        return [1]\n\n    def last"
        in written["app/crud.py"]
    )


def test_a_method_is_added_at_the_end_of_a_class() -> None:
    """The class grows by it, and nothing else of the file changes."""
    files = {"app/__init__.py": "", "app/a.py": "x = old()\n"}
    crud = "class Users:\n    def get(self):\n        return 1\n\n\nLAST = 1\n"
    text = "def get_many(self):\n    return [1]"
    written = after({**files, "app/crud.py": crud}, calling("many", text, "Users.get"))
    assert "        return 1\n\n    def get_many(self):" in written["app/crud.py"]
    assert "        return [1]\n\n\nLAST = 1\n" in written["app/crud.py"]


def test_a_shared_definition_goes_with_the_last_run_that_calls_it(tmp_path: Path) -> None:
    """Reverting the run that added it keeps it for a later one."""
    start = {"app/__init__.py": "", "app/crud.py": CRUD, "app/a.py": "x = old()\n", "app/b.py": ""}
    target = Target(tmp_path / "disk").filled({p: body.encode() for p, body in start.items()})
    run_over(target, calling("many"))
    target.put("app/b.py", b"y = old()\n")
    run_over(target, calling("many"))
    first, second = target.history().runs
    target.revert(Choice(), first.id)
    assert b"def get_many" in target.tree()["app/crud.py"]
    target.revert(Choice(), second.id)
    expected = {path: body.encode() for path, body in start.items()} | {"app/b.py": b"y = old()\n"}
    assert target.tree() == expected
