"""What `scan` and `apply` find, write and leave alone, through the real command."""

from __future__ import annotations

import os
import pty

import pytest

APP = """\
from somewhere import fast, slow

safe = slow.safe()
likely = slow.likely()
review = slow.review()
suggest = slow.suggest()
kept = slow.kept()
ours = slow.safe()  # hcodemod: ignore[toy-calls] we like it
"""
DB = """\
from sqlalchemy import create_engine

engine = create_engine("postgresql://app@db/app")
"""
TOY = ("--rule", "toy-calls")


@pytest.fixture
def app(repository):
    """A repository with one committed file."""
    return repository.commit({"app/a.py": APP})


def rewritten(text: str) -> set[str]:
    """Name the lines of APP that call what is fast."""
    return {line.partition(" ")[0] for line in text.splitlines() if "= fast." in line}


def written(patch: str) -> set[str]:
    return rewritten("\n".join(line[1:] for line in patch.splitlines() if line[:1] == "+"))


CLASSES = {
    "--rule toy-calls": "safe likely review",
    "--rule toy-* --pack toys": "safe likely review",
    "--rule toy-calls --safety safe": "safe",
    "--rule toy-calls --safety suggest": "safe likely review suggest",
    "--rule toy-calls app/a.py:3": "safe",
    "--rule toy-calls app/a.py:4-6 app/a.py:7": "likely review",
    "--task cache_optimization --pack toys": "safe",
    "--all --pack toys": "safe",
    "--all --pack toys --ignore toy-calls": "",
    "--all --pack toys --safety review": "safe likely review",
    "--all --pack toys --safety suggest": "safe likely review",
    "--all": "",
}


@pytest.mark.parametrize("words", CLASSES)
def test_what_is_written_depends_on_how_a_rule_was_chosen(app, words):
    """Named rules write class review; sets of rules only what is safe; suggest needs the name."""
    done = app.hcodemod("apply", *words.split(), "--diff")

    assert written(done.out) == set(CLASSES[words].split()), done
    assert done.code == int(bool(CLASSES[words]))


def test_the_configuration_chooses_rules(app):
    """Packs and safety come from the user, and the target's select from the target."""
    app.commit({"pyproject.toml": "[tool.hcodemod]\nselect = ['toy-calls']\n"})
    assert "from the pack 'toys', which you have not named" in app.hcodemod("apply").err

    config = app.root.parent / "home/.config/hcodemod/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("packs = ['toys']\n")
    assert written(app.hcodemod("apply", "--diff").out) == {"safe"}
    config.write_text("packs = ['toys']\nsafety = 'review'\n")
    assert written(app.hcodemod("apply", "--diff").out) == {"safe", "likely", "review"}
    refused = app.hcodemod("apply", "--isolated")
    assert (refused.code, "no rule is chosen" in refused.err) == (2, True)


def test_apply_writes_and_a_second_one_has_nothing_to_do(app):
    """The file on the disk is what --diff showed; then there is no work, and no second run."""
    shown = app.hcodemod("apply", *TOY, "--diff")
    assert app.read("app/a.py") == APP
    done = app.hcodemod("apply", *TOY).ok()

    assert app.git("diff", "--full-index") == shown.out
    assert rewritten(app.read("app/a.py")) == {"safe", "likely", "review"}
    assert "sites: 3 applied, 1 refused, 1 suggested, 1 suppressed" in done.err
    assert "take it back: hcodemod revert" in done.err
    assert done.out == ""
    app.commit()

    again = app.hcodemod("apply", *TOY).ok()
    assert "applied" not in again.err
    assert len(app.hcodemod("runs").out.splitlines()) == 1


def test_looking_never_writes(app):
    """scan, --check and --diff leave tree, index, records and the rest of .git as they are."""
    before, status = app.tree(), sorted(app.root.rglob("*"))

    assert app.hcodemod("scan", *TOY).code == 0
    assert app.hcodemod("scan", *TOY, "--check").code == 1
    assert app.hcodemod("apply", *TOY, "--check").code == 1
    assert app.hcodemod("apply", *TOY, "--diff").code == 1
    assert app.hcodemod("apply", *TOY, "--check", "--exit-zero").code == 0
    assert app.hcodemod("scan", "--all", "--check").code == 0

    assert (app.tree(), sorted(app.root.rglob("*"))) == (before, status)


def test_uncommitted_work_is_refused(app):
    """Files with such work are left alone, named, and make the exit code 2; others are written."""
    app.commit({"app/b.py": "slow.safe()\n"})
    app.write({"app/b.py": "slow.safe()  # mine\n", "app/new.py": "slow.safe()\n"})

    done = app.hcodemod("apply", *TOY)

    assert done.code == 2
    assert "app/b.py: uncommitted-changes: app/b.py has changes that are not committed" in done.err
    assert "files: 1 changed, 2 failed" in done.err
    assert app.read("app/b.py") == "slow.safe()  # mine\n"
    assert app.hcodemod("apply", *TOY, "--diff", "app/b.py").code == 1  # nothing is at stake
    assert app.hcodemod("apply", *TOY, "--allow-dirty").code == 0
    assert app.read("app/b.py") == "fast.safe()  # mine\n"
    assert app.read("app/new.py") == "fast.safe()\n"


def test_before_the_first_commit_everything_is_uncommitted(repository):
    """Nothing brings back what git does not know; outside of git there is nothing to compare."""
    repository.write({"a.py": "slow.safe()\n"})

    assert repository.hcodemod("apply", *TOY).code == 2
    repository.git("add", "-A")
    assert repository.hcodemod("apply", *TOY).code == 2
    assert repository.read("a.py") == "slow.safe()\n"
    assert repository.hcodemod("apply", *TOY, "--allow-dirty").code == 0


def test_without_git_everything_works(folder):
    """Records lie in the user's state folder; the project is where the user stands."""
    folder.write({"app/a.py": "slow.safe()\n"})

    folder.hcodemod("apply", *TOY, "app/a.py:1").ok()
    assert folder.tree() == {"app/a.py": b"fast.safe()\n"}
    assert len(folder.hcodemod("runs").out.splitlines()) == 1
    folder.hcodemod("revert").ok()

    assert folder.tree() == {"app/a.py": b"slow.safe()\n"}


def test_nothing_there_is_nothing_to_do(repository):
    """An empty repository is no error."""
    assert "files: none" in repository.hcodemod("scan").ok().err
    assert "files: none" in repository.hcodemod("apply", "--all").ok().err


def test_from_wherever_the_user_stands(app, tmp_path):
    """Paths are relative to the user, the root is found from them, -C goes there first."""
    app.commit({"app/old/b.py": "slow.safe()\n", "old/b.py": "slow.safe()\n"})
    inside = app.root / "app"

    def found(*words: object, cwd=None) -> list[str]:
        done = app.hcodemod(*words, *TOY, "--safety", "safe", "--check", cwd=cwd)
        lines = [
            line for line in done.err.splitlines() if "] suggested" in line and "(safe" in line
        ]
        return [line.partition(":")[0] for line in lines]

    assert found("apply", cwd=inside) == ["app/a.py", "app/old/b.py"]
    assert found("apply", "a.py", "../old", cwd=inside) == ["app/a.py", "old/b.py"]
    assert found("apply", "--exclude", "old/b.py", "..", cwd=inside) == ["app/a.py", "old/b.py"]
    assert found("apply", "--exclude", "old", "..", cwd=inside) == ["app/a.py"]
    assert found("apply", app.root / "old", cwd=tmp_path) == ["old/b.py"]
    assert found("-C", app.root, "apply", "app/a.py", cwd=tmp_path) == ["app/a.py"]

    done = app.hcodemod("apply", *TOY, app.root, cwd=tmp_path).ok()
    command = done.err.partition("take it back: hcodemod ")[2].split()
    app.hcodemod(*command, cwd=tmp_path).ok()
    assert app.read("old/b.py") == "slow.safe()\n"


def test_a_file_that_fails_costs_only_itself(app):
    """Unreadable code is reported and makes the exit code 2; everything else is done."""
    app.commit({"app/bad.py": "slow.safe(\n", "app/latin.py": b"slow.safe()  # \xff\n"})

    done = app.hcodemod("apply", *TOY)

    assert done.code == 2
    assert "app/bad.py: syntax" in done.err
    assert "files: 1 changed, 2 failed" in done.err
    assert rewritten(app.read("app/a.py")) == {"safe", "likely", "review"}


def test_skipped_files_count_when_one_wants_them_to(app):
    """--strict turns every file that was not looked at into exit code 2."""
    app.commit({"app/a_pb2.py": "slow.safe()\n"})

    assert app.hcodemod("scan", *TOY).code == 0
    assert app.hcodemod("scan", *TOY, "--strict").code == 2
    assert app.hcodemod("apply", *TOY, "app/a_pb2.py", "--check").code == 1
    assert app.hcodemod("apply", *TOY, "app/a_pb2.py", "--check", "--force-exclude").code == 0


ANSWERS = {
    "y\nn\ny\n": {"safe", "review"},
    "n\nn\nn\n": set(),
    "n\na\n": {"likely", "review"},
    "y\nq\n": {"safe"},
    "what\ny\nq\n": {"safe"},
}


@pytest.mark.parametrize("answers", ANSWERS)
def test_sites_are_asked_for_one_by_one(app, answers):
    """Only what was agreed to is written, and the patch of each site is shown before."""
    done = app.hcodemod("apply", *TOY, "-i", stdin=answers).ok()

    assert rewritten(app.read("app/a.py")) == ANSWERS[answers]
    assert "1/3 [toy-calls] safe: fast is faster" in done.err
    assert "+safe = fast.safe()" in done.err
    assert done.out == ""


def test_no_answer_is_no_consent(app):
    """When the answers end before the questions do, nothing is written."""
    done = app.hcodemod("apply", *TOY, "-i", stdin="y\n")

    assert (done.code, app.read("app/a.py")) == (130, APP)


def test_dirty_files_are_not_asked_for(app):
    """What may not be written is refused at once, with exit code 2."""
    app.write({"app/a.py": APP + "more = 1\n"})

    done = app.hcodemod("apply", *TOY, "-i", stdin="")

    assert done.code == 2
    assert "Write this change?" not in done.err


def test_asking_works_at_a_terminal(app):
    """Questions and colours appear where a person sits."""
    ours, theirs = pty.openpty()
    process = app.command(
        "apply", *TOY, "-i", stdin=theirs, stderr=theirs, env=app.env | {"TERM": "xterm"}
    )
    os.close(theirs)
    os.write(ours, b"a\n")
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # how Linux says that the other side of a terminal is closed
        os.close(ours)

    assert process.wait(30) == 0
    assert process.communicate()[0] == b""
    assert rewritten(app.read("app/a.py")) == {"safe", "likely", "review"}
    assert b"Write this change?" in shown
    assert b"\x1b[32m" in shown


def test_a_built_in_rule_from_end_to_end(repository):
    """The options of a rule come from the command line and from the configuration."""
    rule = "sqlalchemy-engine-pool-options"
    repository.commit({"app/db.py": DB, "hcodemod.toml": f"rules.{rule}.pool-size = 7\n"})

    done = repository.hcodemod("apply", "--rule", rule, "--set", f"{rule}.max-overflow=3").ok()

    assert "pool_size=7,\n    max_overflow=3," in repository.read("app/db.py"), done
