"""How the process behaves: exit codes, signals, pipes, imports, and the same result everywhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

TOY = ("--rule", "toy-calls,toy-faults")


@pytest.mark.parametrize("kind", ["broken", "raises"])
def test_a_fault_of_ours_is_3_and_costs_only_its_site(repository, kind):
    """A rule that breaks a promise writes nothing; the others do their work."""
    repository.commit({"a.py": f"slow.safe()\nfault.{kind}()\n", "b.py": "slow.safe()\n"})

    done = repository.hcodemod("apply", *TOY)

    assert done.code == 3
    assert "a.py: [toy-faults]" in done.err
    assert repository.read("a.py") == f"fast.safe()\nfault.{kind}()\n"
    assert repository.read("b.py") == "fast.safe()\n"
    assert repository.hcodemod("apply", *TOY, "--exit-zero").code == 3


def test_a_rule_that_dies_is_2_and_costs_only_its_file(repository):
    """A dead worker is no dead command."""
    repository.commit({"a.py": "slow.safe()\nfault.dies()\n", "b.py": "slow.safe()\n"})

    done = repository.hcodemod("apply", *TOY)

    assert done.code == 2
    assert "a.py: [toy-faults] crashed:" in done.err
    assert repository.read("b.py") == "fast.safe()\n"


def workers(pid: int) -> list[str]:
    """Return the children of the process that are copies of it, and not git."""
    own = Path(f"/proc/{pid}/cmdline").read_bytes()
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):  # it ended meanwhile
            if Path(f"/proc/{child}/cmdline").read_bytes() == own:
                found.append(child)
    return found


def until_it_works(process) -> None:
    """Wait until a worker of the command is at work."""
    deadline = time.monotonic() + 20
    while not workers(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)  # into the rule


@pytest.mark.parametrize("whom", ["SIGINT to all", "SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_is_130_and_leaves_nothing_behind(repository, whom):
    """No process, no traceback, no change; a terminal sends the signal to workers as well."""
    repository.commit({"a.py": "slow.safe()\nfault.waits()\n"})
    process = repository.command("apply", *TOY, start_new_session=True)
    until_it_works(process)

    name, _, everybody = whom.partition(" ")
    send = os.killpg if everybody else os.kill
    send(process.pid, getattr(signal, name))
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, b"", b"\nhcodemod: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert repository.git("status", "--porcelain") == ""


def into_nowhere(repository, *words: str, both: bool = False) -> tuple[int, bytes]:
    """Run a command whose reader has gone away before it speaks."""
    gone, end = os.pipe()
    os.close(gone)
    more = {"stderr": end} if both else {}
    process = repository.command(*words, stdout=end, **more)
    os.close(end)
    err = process.communicate(timeout=60)[1]
    return process.returncode, err or b""


@pytest.mark.parametrize("both", [False, True])
def test_a_reader_that_goes_away_changes_nothing(repository, both):
    """`| head` makes no traceback and hides no exit code; what was to be written is written."""
    repository.commit({"a.py": "slow.safe()\n"})

    for words, code in {
        ("rules",): 0,
        ("rules", "toy-calls"): 0,
        ("--help",): 0,
        ("scan", *TOY, "--output-format", "json"): 0,
        ("scan", *TOY, "--check", "--output-format", "concise"): 1,
        ("apply", *TOY, "--diff"): 1,
        ("apply", "--rule", "nope"): 2,
        ("apply", *TOY, "--output-format", "json"): 0,
    }.items():
        ended, err = into_nowhere(repository, *words, both=both)
        assert (ended, b"Traceback" in err) == (code, False), (words, err)
    assert repository.read("a.py") == "fast.safe()\n"


def test_output_that_cannot_be_written_is_2(repository):
    """A full disk behind stdout is no success, and no fault of ours."""
    repository.commit({"a.py": "slow.safe()\n"})

    with open("/dev/full", "wb") as full:
        process = repository.command("scan", *TOY, "--output-format", "json", stdout=full)
        err = process.communicate(timeout=60)[1]

    assert process.returncode == 2
    assert err == b"hcodemod: error: the output cannot be written: No space left on device\n"


def test_stdout_carries_data_only(repository):
    """Whatever is for people goes to stderr, so that stdout can be parsed."""
    repository.commit({"a.py": "slow.safe()\nslow.kept()\n"})

    assert repository.hcodemod("scan", *TOY).ok().out == ""
    json.loads(repository.hcodemod("scan", *TOY, "--output-format", "json").ok().out)
    concise = repository.hcodemod("scan", *TOY, "--output-format", "concise").ok()
    assert (concise.out, concise.err) == ("a.py:1:1: [toy-calls] fast is faster\n", "")
    assert repository.hcodemod("apply", *TOY, "-q").ok().out == ""
    assert repository.hcodemod("revert").ok().out == ""


HEAVY = re.compile(r"\b(libcst|sqlglot|rope)\b")


def test_what_is_not_needed_is_not_imported(repository):
    """--version, --help and a run with nothing to do start fast, workers included."""
    repository.commit({"a.py": "a = 1\n", "b.py": "fast.safe()\n"})

    for words in (("--version",), ("--help",), ("rules",), ("scan",), ("apply", "--all", *TOY)):
        done = repository.hcodemod(*words, PYTHONPROFILEIMPORTTIME="1").ok()
        assert "hephaestus_codemods.cli.main" in done.err
        assert not HEAVY.search(done.err), words
    assert "rich" not in repository.hcodemod("--version", PYTHONPROFILEIMPORTTIME="1").err


PLACES = {
    "one worker": ("-j1", "first", {"PYTHONHASHSEED": "0"}),
    "two workers": ("-j2", "second/deeper", {"PYTHONHASHSEED": "77"}),
    "elsewhere": ("-j2", "third", {"LC_ALL": "C", "TZ": "Asia/Tokyo", "COLUMNS": "20"}),
}


def test_the_same_everywhere(folder):
    """Workers, hash seeds, folders, locales, time zones: patch, report and pages are equal."""
    tree = {
        f"app/{name}.py": f"# ünï\n{'slow.safe()' * 1}\nslow.likely()\n" for name in "zyxwvutsr"
    }
    tree |= {"app/bad.py": "slow.safe(\n", "app/db.py": "engine = slow.review(slow.safe())\n"}
    results = []
    for jobs, place, env in PLACES.values():
        inner = type(folder)(folder.root / place, folder.env | env)
        inner.root.mkdir(parents=True)
        inner.git("init", "-q")
        inner.commit(tree)
        page = folder.root.parent / "page.md"
        done = inner.hcodemod(
            "apply", *TOY, jobs, "--output-format", "json", "--report", f"markdown={page}"
        )
        assert done.code == 2
        report = json.loads(done.out)
        run = report.pop("run")
        for name in ("root", "seconds", "started"):
            report.pop(name)
        patch = inner.hcodemod("runs", "show", "--patch").ok().out
        results.append((report, patch, inner.tree(), page.read_text().replace(run, "RUN")))

    assert results[0] == results[1] == results[2]
    assert results[0][0]["totals"]["sites"] == {"applied": 20}


def test_a_second_run_at_the_same_time_is_refused(repository):
    """The lock of a root answers at once, with exit code 2; looking needs no lock."""
    repository.commit({"a.py": "slow.safe()\nfault.waits()\n", "b.py": "slow.safe()\n"})
    first = repository.command("apply", *TOY)
    try:
        until_it_works(first)
        second = repository.hcodemod("apply", "--rule", "toy-calls")
        looking = repository.hcodemod("scan", "--rule", "toy-calls")
    finally:
        with contextlib.suppress(ProcessLookupError):
            first.send_signal(signal.SIGINT)
        first.communicate(timeout=20)

    assert (second.code, looking.code) == (2, 0)
    assert str(first.pid) in second.err
    assert repository.read("b.py") == "slow.safe()\n"
