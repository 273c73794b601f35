"""Records of runs: listed, shown as patches that any tool applies, and forgotten."""

from __future__ import annotations

import os
import subprocess

import pytest

TREE = {
    "app/a.py": b"slow.safe()\nb = 1",
    "app/crlf.py": b"# x\r\nslow.safe()\r\n",
    "app/latin.py": b"# coding: latin-1\n# \xe9\nslow.safe()\n",
    "app/form feed.py": b"\xef\xbb\xbf\x0c\nslow.safe()\n\x0c\n",
}


@pytest.fixture
def app(repository):
    repository.commit(TREE)
    repository.hcodemod("apply", "--rule", "toy-calls").ok()
    return repository


def test_runs_are_listed_newest_first(app):
    """A line each, with what became of it; elsewhere there are none."""
    app.commit({"b.py": "slow.safe()\n"})
    app.hcodemod("apply", "--rule", "toy-calls").ok()
    app.hcodemod("revert").ok()

    newest, oldest = app.hcodemod("runs", "list").ok().out.splitlines()

    assert "1 site in 1 file  reverted  toy-calls" in newest
    assert "4 sites in 4 files  applied  toy-calls" in oldest
    assert app.hcodemod("runs").out.splitlines() == [newest, oldest]
    assert "b.py:1  toy-calls  (reverted)" in app.hcodemod("runs", "show").ok().out
    assert "app/a.py:1  toy-calls\n" in app.hcodemod("runs", "show", oldest.split()[0]).ok().out


def test_without_runs_there_is_nothing_to_list_and_nothing_to_show(folder):
    """An empty list is no error, and says so to people; a missing run is one."""
    done = folder.hcodemod("runs").ok()
    assert (done.out, done.err) == ("", "no run is recorded for this project yet\n")
    assert folder.hcodemod("runs", "show").code == 2
    assert folder.hcodemod("runs", "show", "--rule", "x").code == 2


@pytest.mark.parametrize("words", [("--patch",), ("--rule", "toy-calls")])
@pytest.mark.parametrize("tool", ["git", "patch"])
def test_a_patch_applies_with_any_tool_in_both_directions(app, tool, words):
    """On old line ends, encodings, marks and missing final newlines."""
    patch = app.root.parent / "run.patch"
    patch.write_bytes(os.fsencode(app.hcodemod("runs", "show", *words).ok().out))
    rewritten = app.tree()
    back, forth = {
        "git": (["git", "apply", "-R", "--whitespace=nowarn", patch], ["git", "apply", patch]),
        "patch": (
            ["patch", "-s", "-p1", "-R", "--binary", "-i", patch],
            ["patch", "-s", "-p1", "--binary", "-i", patch],
        ),
    }[tool]

    subprocess.run(back, cwd=app.root, env=app.env, check=True)
    assert app.tree() == TREE
    subprocess.run(forth, cwd=app.root, env=app.env, check=True, capture_output=True)
    assert app.tree() == rewritten


def test_a_rule_that_did_nothing_has_no_patch(app):
    """The message names the rules that did something."""
    done = app.hcodemod("runs", "show", "--rule", "toy-faults")

    assert (done.code, "its rules are toy-calls" in done.err) == (2, True)


def test_forgotten_runs_are_gone(app):
    """gc keeps the newest; what the others changed stays and can no longer be taken back."""
    old = app.hcodemod("runs").out.split()[0]
    app.commit({"b.py": "slow.safe()\n"})
    app.hcodemod("apply", "--rule", "toy-calls").ok()
    rewritten = app.tree()

    assert app.hcodemod("runs", "gc").ok().out == ""
    done = app.hcodemod("runs", "gc", "--keep", "1").ok()

    assert (done.out, done.err) == (f"{old}\n", "forgot 1 run\n")
    assert app.tree() == rewritten
    assert app.hcodemod("revert", old).code == 2
    app.hcodemod("revert").ok()
    assert app.read("b.py") == "slow.safe()\n"
    assert app.hcodemod("runs", "gc", "--keep", "-1").code == 2
    assert app.hcodemod("runs", "gc", "--days", "-1").code == 2


def test_nothing_is_left_to_recover(app):
    """After a run that came to its end; a place that is not there is an error."""
    assert app.hcodemod("recover").ok().err == "nothing was left half done\n"
    assert app.hcodemod("recover", "nowhere").code == 2
