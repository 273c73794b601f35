"""The verbs that explain: help, rules, explain, config, new-rule."""

from __future__ import annotations

import json
import re

import pytest

from hephaestus_codemods.cli.main import VERBS

POOL = "sqlalchemy-engine-pool-options"
SUB = ["runs list", "runs show", "runs gc", "config show", "config validate", "config schema"]


@pytest.mark.parametrize("verb", ["", *VERBS, *SUB])
def test_every_verb_has_help(folder, verb):
    """-h says what the verb does and names its options, on stdout and in plain text."""
    done = folder.hcodemod(*verb.split(), "-h").ok()

    assert f"Usage: hcodemod {verb}".strip() in done.out
    assert "--help" in done.out
    assert done.err == ""
    assert "\x1b" not in done.out
    assert "\b" not in done.out


def test_help_at_the_door(folder):
    """The first page shows every verb, what to try first, and what exit codes mean."""
    done = folder.hcodemod("--help").ok()

    for verb, line in VERBS.items():
        assert f"{verb:<8}  {line}" in done.out
    assert "  hcodemod scan    " in done.out
    assert "Exit codes: 0 clean or done; 1 findings" in done.out
    assert folder.hcodemod().code == 2


MISTAKES = {
    "scna": "there is no command 'scna'. Did you mean 'scan'?",
    "frobnicate": "there is no command 'frobnicate'. See 'hcodemod --help'.",
    "apply": "no rule is chosen: give --rule RULE, --task TASK or --all; the rules are redis-",
    "apply --rule toy-cals": "there is no rule 'toy-cals'. Did you mean 'toy-calls'?",
    "apply --rule toy_calls": "there is no rule 'toy_calls'. Did you mean 'toy-calls'?",
    "apply --rule ,": "--rule takes the name of a rule",
    "apply --rule toy-*": "no rule matches 'toy-*'",
    "apply --rulee x": "No such option '--rulee'. Did you mean '--rule'?",
    "apply --task api": "there is no task 'api'; the tasks are api_optimization,",
    "apply --all -i --check": "--interactive writes",
    "apply --all --diff --output-format json": "use --report json=FILE",
    "apply --all --safety none": "'none' is not one of 'safe', 'review', 'suggest'",
    "scan -j 0": "0 is not in the range x>=1",
    "scan --pack nope": "no rule pack 'nope' is installed",
    "scan a.pyy": "'a.pyy' is not there. Did you mean 'a.py'?",
    "scan a.py ..": "outside of the root",
    "scan --config nope.toml": "the configuration nope.toml is not there",
    "-C nowhere scan": "Directory 'nowhere' does not exist",
    "rules toy-cals": "Did you mean 'toy-calls'?",
    "explain a.py toy-calls": "'a.py' names no line: write PATH:LINE",
    "explain a.py:1 toy-calls,toy-faults": "is not one rule",
    "runs frobnicate": "No such command 'frobnicate'",
    "new-rule Nope": "use lower-case words with dashes",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_answered_with_what_to_try(folder, words):
    """Exit code 2, one clear sentence on stderr, nothing on stdout."""
    folder.write({"a.py": "slow.safe()\n", "pyproject.toml": ""})

    done = folder.hcodemod(*words.split())

    assert (done.code, done.out) == (2, "")
    assert MISTAKES[words] in " ".join(done.err.split())


def test_rules_are_listed_and_explained(folder):
    """A line each with its pack; the page of a rule is its README."""
    lines = folder.hcodemod("rules").ok().out.splitlines()
    listed = {line.split()[0]: line for line in lines}
    assert listed["toy-calls"].endswith("Call what is fast  (pack toys 1.0)")
    assert "(pack" not in listed[POOL]
    rows = json.loads(folder.hcodemod("rules", "--json").ok().out)
    assert [row["name"] for row in rows] == list(listed)
    assert {row["pack"] for row in rows} == {"hephaestus-codemods", "toys"}

    assert folder.hcodemod("rules", "toy-calls").ok().out.startswith("# toy-calls\n")


EXPLAINED = {
    "app/a.py:1": "app/a.py:1:1: toy-calls (ID) can be rewritten\n"
    "  what: fast is faster\n  class: review\n"
    "  proved: the call is slow (it says so)\n  assumed: nobody minds\n",
    "app/a.py:2": "app/a.py:2:1: toy-calls (ID) is left alone\n"
    "  what: it is not the day for it\n  class: safe\n"
    "  reason: not-today: it is not the day for it\n  proved: the call is slow (it says so)\n",
    "app/a.py:3": "is suppressed by a comment",
    "app/a.py:4": "app/a.py:4: toy-calls sees no site here.\nWhat it does: Call what is fast.\n",
    "app/skip.py:2": "is not asked: a comment in the file (hcodemod: skip-file) says so",
    "app/nb.ipynb:1": "is not asked: it is a notebook",
    "app/quiet.py:1": "is not asked: per-file-ignores in the configuration says so",
    "tests/test_a.py:1": "is not asked: it is a test file, and the rule leaves tests alone",
    "vendor/a.py:1": "can be rewritten",
    "app/bad.py:1": "app/bad.py: syntax",
}


@pytest.mark.parametrize("place", EXPLAINED)
def test_a_site_is_explained_condition_by_condition(folder, place):
    """Also why a rule is not even asked; naming a file lifts what only habit leaves out."""
    code = "slow.likely()\nslow.kept()\nslow.safe()  # hcodemod: ignore ours\na = 1\n"
    folder.write(
        {
            "app/a.py": code,
            "app/skip.py": "# hcodemod: skip-file\nslow.safe()\n",
            "app/nb.ipynb": "{}",
            "app/quiet.py": code,
            "tests/test_a.py": code,
            "vendor/a.py": code,
            "app/bad.py": "slow.safe(\n",
        }
    )
    home = folder.root.parent / "home/.config/hcodemod"
    home.mkdir(parents=True)
    text = "packs = ['toys']\nper-file-ignores = {'quiet.py' = ['toy-*']}\n"
    (home / "config.toml").write_text(text)

    done = folder.hcodemod("explain", place, "toy-calls").ok()

    assert EXPLAINED[place] in re.sub(r"s-[0-9a-f]{10}", "ID", done.out)


def test_the_configuration_is_shown_with_its_origins(repository):
    """Each setting, option and the file or option that set it; --json for programs."""
    repository.write({"hcodemod.toml": f"jobs = 3\nexclude = ['a']\nrules.{POOL}.pool-size = 7\n"})
    words = ("config", "show", "--set", f"{POOL}.max-overflow=2")

    lines = repository.hcodemod(*words).ok().out.splitlines()
    shown = json.loads(repository.hcodemod(*words, "--json").ok().out)

    assert "jobs = 3  # hcodemod.toml" in lines
    assert 'safety = "safe"  # default' in lines
    assert f'rules."{POOL}".pool-size = 7  # hcodemod.toml' in lines
    assert f'rules."{POOL}".max-overflow = 2  # command line' in lines
    assert [line.partition(" = ")[0] for line in lines] == list(shown)
    assert shown["exclude"] == {"value": ["a"], "from": "hcodemod.toml"}
    isolated = json.loads(repository.hcodemod(*words[:2], "--isolated", "--json").ok().out)
    assert {one["from"] for one in isolated.values()} == {"default"}


def test_a_configuration_is_validated(repository):
    """Valid files are named; a wrong option is found although no rule runs."""
    assert "the defaults hold" in repository.hcodemod("config", "validate").ok().out
    repository.write({"pyproject.toml": "[tool.hcodemod]\njobs = 2\n"})
    assert repository.hcodemod("config", "validate").ok().out == "pyproject.toml: valid\n"
    repository.write({"pyproject.toml": f"[tool.hcodemod]\nrules.{POOL}.pol-size = 2\n"})

    done = repository.hcodemod("config", "validate")

    assert (done.code, done.out) == (2, "")
    assert f"pyproject.toml:2: tool.hcodemod.rules.{POOL}.pol-size: " in done.err
    assert "Did you mean 'pool-size'?" in done.err


def test_a_new_rule_is_started_and_never_written_over(folder):
    """The files are named on stdout; a folder that is there stays as it is."""
    done = folder.hcodemod("new-rule", "redis-thing", "--folder", "pack").ok()

    assert done.out.splitlines() == [
        f"pack/redis_thing/{name}" for name in ("__init__.py", "rule.py", "README.md")
    ]
    before = folder.tree()
    again = folder.hcodemod("new-rule", "redis-thing", "--folder", "pack")
    assert (again.code, "pack/redis_thing exists already" in again.err) == (2, True)
    assert folder.tree() == before
