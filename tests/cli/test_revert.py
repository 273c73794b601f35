"""Whatever a run did can be taken back: all of it, or a part, also later on."""

from __future__ import annotations

import json

import pytest

TOY, POOL = "toy-calls", "sqlalchemy-engine-pool-options"
TWO = """\
def one():
    return slow.safe()


# between


def two():
    return slow.review()
"""
DB = """\
from sqlalchemy import create_engine

slow.safe()
engine = create_engine("postgresql://db/app")
"""
TREE = {"app/a.py": TWO, "app/b.py": "slow.safe()\nb = 1\n", "app/db.py": DB}


@pytest.fixture
def app(repository):
    """A repository that a run of two rules has rewritten and whose owner committed the result."""
    repository.commit(TREE)
    repository.hcodemod("apply", "--rule", f"{TOY},{POOL}").ok()
    assert "pool_size" in repository.read("app/db.py")
    return repository.commit()


def texts(app) -> dict[str, str]:
    return {path: app.read(path) for path in TREE}


def sites(app) -> dict[str, str]:
    """Return the place of each site of the last run, by id."""
    report = json.loads(app.hcodemod("runs", "show", "--report").ok().out)
    return {
        site["id"]: f"{site['path']}:{site['line']}"
        for site in report["sites"]
        if site["status"] == "applied"
    }


def test_a_run_is_taken_back_and_twice_changes_nothing(app):
    """Every byte comes back; the second time there is nothing left to do, by name or without."""
    done = app.hcodemod("revert").ok()

    assert texts(app) == TREE
    assert "took back 5 sites of run" in done.err
    run = app.hcodemod("runs").out.split()[0]
    for words in ((), (run,), ("last",), (run[:12].lower(),)):
        again = app.hcodemod("revert", *words).ok()
        assert f"there is nothing left to take back of run {run}" in again.err
    assert texts(app) == TREE


def test_what_a_revert_would_do_is_shown(app):
    """--check writes nothing and prints a patch that git can apply."""
    rewritten = texts(app)

    done = app.hcodemod("revert", "--check").ok()

    assert texts(app) == rewritten
    assert "would take back 5 sites" in done.err
    app.git("apply", stdin=done.out)
    assert texts(app) == TREE


def test_a_rule_a_file_and_a_site_are_taken_back_alone(app):
    """Each leaves the rest of the run as it is, wherever the user stands."""
    rewritten = texts(app)
    (site,) = [one for one, place in sites(app).items() if place == "app/a.py:9"]

    done = app.hcodemod("revert", "--site", site).ok()
    assert "took back 1 site of run" in done.err
    assert app.read("app/a.py") == TREE["app/a.py"].replace("slow.safe", "fast.safe")
    app.hcodemod("revert", "--file", "b.py", cwd=app.root / "app").ok()
    assert texts(app) | {"app/a.py": ""} == rewritten | {
        "app/a.py": "",
        "app/b.py": TREE["app/b.py"],
    }
    (app.root.parent / "link").symlink_to(app.root)
    again = app.hcodemod("revert", "--file", app.root.parent / "link/app/b.py").ok()
    assert "nothing left to take back" in again.err
    app.hcodemod("revert", "--rule", POOL).ok()
    assert app.read("app/db.py") == TREE["app/db.py"].replace("slow", "fast")
    assert "3 reverted" in app.hcodemod("runs").out
    app.hcodemod("revert").ok()
    assert texts(app) == TREE
    assert "  reverted  " in app.hcodemod("runs").out


def test_after_later_runs(app):
    """An earlier run is taken back from under a later one, which stays."""
    first = app.hcodemod("runs").out.split()[0]
    app.commit({"app/b.py": app.read("app/b.py") + "slow.review()\n"})
    app.hcodemod("apply", "--rule", TOY).ok()
    assert app.read("app/b.py") == "fast.safe()\nb = 1\nfast.review()\n"

    app.hcodemod("revert", first).ok()

    assert texts(app) == TREE | {"app/b.py": "slow.safe()\nb = 1\nfast.review()\n"}


def test_edits_elsewhere_in_the_file_stay(app):
    """Also in the middle of a line's neighbours, and uncommitted."""
    mine = app.read("app/a.py").replace("# between", "# between, and mine")
    app.write({"app/a.py": mine})

    app.hcodemod("revert").ok()

    assert app.read("app/a.py") == TREE["app/a.py"].replace("# between", "# between, and mine")


def test_a_conflict_is_shown_and_changes_nothing(app):
    """Neither the file in conflict nor any other; the exit code is 1, markers only on request."""
    mine = app.read("app/a.py").replace("return fast.safe()", "return fast.safe() or mine")
    app.write({"app/a.py": mine})
    before = texts(app)

    done = app.hcodemod("revert")
    assert (done.code, texts(app)) == (1, before)
    assert "conflict: app/a.py: it was edited since the run at the same place" in done.err
    assert "fast.safe() or mine" in done.err
    assert "nothing of run" in done.err
    assert app.hcodemod("revert", "--no-3way").code == 1
    assert texts(app) == before

    assert app.hcodemod("revert", "--conflicts", "markers").code == 1
    assert "<<<<<<< " in app.read("app/a.py")
    assert app.read("app/b.py") == TREE["app/b.py"]


def test_what_cannot_be_meant_is_a_usage_error(app, folder):
    """Names of runs, rules, files and sites that are nowhere change nothing."""
    before = texts(app)

    for words in (
        ("nope",),
        ("--rule", "toy-cals"),
        ("--file", "app/nope.py"),
        ("--file", "../b.py"),
        ("--site", "s-0"),
    ):
        done = app.hcodemod("revert", *words)
        assert (done.code, done.err[:17]) == (2, "hcodemod: error: "), done
    assert texts(app) == before


def test_without_any_run_there_is_an_error(folder):
    """With git or without: the user most likely stands in the wrong folder."""
    for _ in range(2):
        done = folder.hcodemod("revert")
        assert (done.code, "no run is recorded for this project" in done.err) == (2, True)
        folder.git("init", "-q")
