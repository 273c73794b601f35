"""The report says what is on the disk, counts everything once, and holds no secret."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from importlib.resources import files

import jsonschema
import pytest
from markdown_it import MarkdownIt

SCHEMA = json.loads((files("hephaestus_codemods.report") / "schema/report-1.json").read_bytes())
TOY = ("--rule", "toy-calls,toy-faults")
TREE = {
    "app/a.py": "slow.safe()\nslow.review()\nslow.suggest()\nslow.kept()\n",
    "app/b.py": "slow.safe()  # hcodemod: ignore[toy-calls] ours\n",
    "app/c.py": "# hcodemod: skip-file\nslow.safe()\n",
    "app/d.py": "nothing = 1  # hcodemod: ignore[toy-calls] gone\nslow.kept()\n",
    "app/e.py": "slow.safe(\n",
    "app/f.py": "slow.safe()\nfault.raises()\n",
    "app/g.py": "slow.safe()\n\n\nif __name__ == '__main__':\n    slow.safe()\n",
    "app/nothing.py": "a = 1  # hcodemod: ignore[toy-calls] gone as well\n",
    "app/typo.py": "slow.safe()  # hcodemod: ignore[toy-cals]\nb = 1  # hcodemod: ignroe\n",
    "app/others.py": "a = 1  # hcodemod: ignore[redis-roundtrip-collapse] it did not run\n",
    "app/a_pb2.py": "slow.safe()\n",
    "tests/test_a.py": "slow.safe()\n",
    "dirty.py": "slow.safe()\n",
}


def checked(content: str) -> dict[str, object]:
    """Return a report that fits its schema and counts everything once."""
    report = json.loads(content)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    paths = [file["path"] for file in report["files"]]
    assert len(set(paths)) == len(paths)
    assert len({(site["path"], site["id"]) for site in report["sites"]}) == len(report["sites"])
    for kind in ("files", "sites"):
        assert report["totals"][kind] == Counter(one["status"] for one in report[kind])
    assert {one["path"] for kind in ("sites", "failures") for one in report[kind]} <= set(paths)
    return report


@pytest.fixture
def app(repository):
    repository.commit(TREE)
    return repository.write({"dirty.py": "slow.safe()  # mine\n"})


def test_a_report_is_what_happened(app, tmp_path):
    """Every file and every site has one status, and those that changed are those that differ."""
    before = app.tree()

    done = app.hcodemod("apply", *TOY, "--report", f"json={tmp_path}/new/r.json")

    assert done.code == 3  # a rule raised
    report = checked((tmp_path / "new/r.json").read_text())
    after = app.tree()
    status = {file["path"]: file["status"] for file in report["files"]}
    assert set(status) == set(TREE)
    assert {path for path in after if after[path] != before[path]} == {
        path for path, one in status.items() if one == "changed"
    }
    assert status == dict.fromkeys(
        ("app/a.py", "app/f.py", "app/g.py", "app/typo.py"), "changed"
    ) | {
        "app/a_pb2.py": "skipped",
        "app/b.py": "unchanged",
        "app/c.py": "suppressed",
        "app/d.py": "unchanged",
        "app/e.py": "failed",
        "app/nothing.py": "unchanged",
        "app/others.py": "unchanged",
        "tests/test_a.py": "unchanged",
        "dirty.py": "failed",
    }
    assert sorted((s["path"], s["line"], s["status"], s["code"]) for s in report["sites"]) == [
        ("app/a.py", 1, "applied", ""),
        ("app/a.py", 2, "applied", ""),
        ("app/a.py", 3, "suggested", ""),
        ("app/a.py", 4, "refused", "not-today"),
        ("app/b.py", 1, "suppressed", "suppressed"),
        ("app/d.py", 2, "refused", "not-today"),
        ("app/f.py", 1, "applied", ""),
        ("app/g.py", 1, "applied", ""),
        ("app/g.py", 5, "refused", "main-block"),
        ("app/typo.py", 1, "applied", ""),
        ("dirty.py", 1, "refused", "uncommitted-changes"),
    ]
    assert [(one["path"], one["code"], one["rule"]) for one in report["failures"]] == [
        ("app/e.py", "syntax", None),
        ("app/f.py", "rule-raised", "toy-faults"),
        ("dirty.py", "uncommitted-changes", None),
    ]
    assert [(u["path"], u["line"], u["text"]) for u in report["unused_suppressions"]] == [
        ("app/d.py", 1, "# hcodemod: ignore[toy-calls] gone"),
        ("app/nothing.py", 1, "# hcodemod: ignore[toy-calls] gone as well"),
        ("app/typo.py", 1, "there is no rule 'toy-cals'. Did you mean 'toy-calls'?"),
        ("app/typo.py", 2, "'ignroe' is no directive of hcodemod. Did you mean 'ignore'?"),
    ]
    assert {rule["name"]: rule["pack"] for rule in report["rules"]} == {
        "toy-calls": "toys",
        "toy-faults": "toys",
    }
    record = checked(app.hcodemod("runs", "show", "--report").ok().out)
    assert record | {"seconds": 0} == report | {"seconds": 0}


def test_looking_is_reported_like_doing(app):
    """scan and --check report the same sites; nothing is called applied that was not."""
    scanned = checked(app.hcodemod("scan", *TOY, "--output-format", "json").out)
    planned = checked(app.hcodemod("apply", *TOY, "--check", "--output-format", "json").out)

    assert scanned["sites"] == planned["sites"]
    assert scanned["totals"]["sites"] == {"refused": 3, "suggested": 7, "suppressed": 1}
    assert scanned["run"] is planned["run"] is None
    assert "changed" not in planned["totals"]["files"]
    warm = checked(app.hcodemod("scan", *TOY, "--output-format", "json").out)
    assert {k: warm[k] for k in warm if k not in ("seconds", "started")} == {
        k: scanned[k] for k in scanned if k not in ("seconds", "started")
    }


def test_every_format_goes_where_it_is_asked_to(app, tmp_path):
    """Reports are repeatable, replace a file whole, and may go into a pipe."""
    old = tmp_path / "r.md"
    old.write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    reports = (f"markdown={old}", f"json={tmp_path}/link.json", "json=/dev/stdout")

    done = app.hcodemod(
        "scan", *TOY, "-q", *(word for one in reports for word in ("--report", one))
    )

    assert checked(done.out) == checked((tmp_path / "real.json").read_text())
    assert (tmp_path / "link.json").is_symlink()
    page = old.read_text()
    assert page.startswith("# hcodemod scan\n")
    assert "| sites suggested | 7 |" in page
    assert "`app/a.py:1`" in page


@pytest.mark.parametrize("wanted", ["foo", "xml=x", "json=", "json"])
def test_a_report_that_cannot_be_meant_is_refused_first(app, wanted):
    """Nothing is rewritten by a command that then says that it was wrong."""
    done = app.hcodemod("apply", *TOY, "--report", wanted)

    assert (done.code, "json=FILE or markdown=FILE" in done.err) == (2, True)
    assert app.read("app/a.py") == TREE["app/a.py"]


def test_a_report_that_cannot_be_written_is_not_lost(app, tmp_path):
    """It goes to stderr as JSON, and the exit code says so."""
    (tmp_path / "file").touch()

    done = app.hcodemod("scan", "-q", "--report", f"json={tmp_path}/file/r.json")

    assert done.code == 2
    start, end = done.err.index("\n{\n") + 1, done.err.rindex("\n}\n") + 3
    checked(done.err[start:end])
    assert "cannot be written: Not a directory" in done.err


def test_secrets_are_in_no_output(repository, tmp_path):
    """Passwords and tokens of the target are masked wherever people or programs look (S12)."""
    secrets = ("hunter2secret", "ghp_" + "a1B2" * 9, "sk-live-0123456789abcdef")
    url, token, key = secrets
    repository.commit(
        {
            "a.py": f'url = "postgresql://app:{url}@db/app"; slow.safe()\n'
            f'client(token="{token}", api_key="{key}", call=slow.review())\n'
            f'slow.safe()  # hcodemod: ignore[toy-calls] password: "{url}"\n'
            f"a = 1  # hcodemod: ignore[toy-calls] token={token}\n"
        }
    )
    shown = []
    for words in (
        ("scan", "-v", "--output-format", "json", "--report", f"markdown={tmp_path}/r.md"),
        ("scan", "--output-format", "concise"),
        ("apply", "--check", "-v"),
        ("apply", "-i"),
    ):
        done = repository.hcodemod(words[0], *TOY, *words[1:], stdin="n\nn\n")
        shown.append(done.out + done.err)
    shown.append((tmp_path / "r.md").read_text())

    assert "***" in "".join(shown)
    for secret in secrets:
        assert not any(secret in one for one in shown)
    # A patch is no report: it has to hold what it changes, or it could not be applied.
    assert url in repository.hcodemod("apply", *TOY, "--diff").out


HOSTILE = {
    "[red]": "rich would take it for a style",
    "[/b]": "rich would fail",
    "\x1b]0;title\x07": "a terminal would take it for a title",
    "\N{RIGHT-TO-LEFT OVERRIDE}yp": "it turns what follows around",
    "a\nb": "a second line",
    "a\rb": "the line is written over",
    "\N{ZERO WIDTH SPACE}": "it hides",
    "|`<img src=x>@you #1": "Markdown would show something else",
}


@pytest.mark.parametrize("with_git", [True, False])
def test_hostile_names_and_texts_reach_no_terminal(folder, tmp_path, with_git):
    """Names and comments are shown as they are, with escapes for what a terminal obeys (S9)."""
    code = "slow.safe(1)\nslow.kept()\nx = 1  # hcodemod: ignore[toy-calls] \x1b[31m \u202e\n"
    folder.write({f"{name}.py": code for name in HOSTILE} | {os.fsdecode(b"\xff.py"): code})
    if with_git:
        folder.git("init", "-q")
        folder.commit()
    outputs = [
        folder.hcodemod("scan", *TOY, "-v", "--report", f"markdown={tmp_path}/r.md").ok().err,
        folder.hcodemod("scan", *TOY, "--output-format", "concise").ok().out,
        folder.hcodemod("explain", "[/b].py:1", "toy-calls").ok().out,
        (tmp_path / "r.md").read_text(),
        folder.hcodemod("apply", *TOY).ok().err,
        folder.hcodemod("runs", "show").ok().out,
        folder.hcodemod("revert").ok().err,
    ]

    for text in outputs:
        assert not {"\x1b", "\x07", "\r", "\u202e", "\u200b"} & set(text), text
    assert "[/b].py:1:1: [toy-calls]" in outputs[0]
    assert r"a\nb.py:1:1: [toy-calls]" in outputs[1]
    assert r"\x1b]0;title\x07.py:1" in outputs[5]
    html = MarkdownIt("commonmark").enable("table").render(outputs[3])
    assert set(re.findall(r"<(\w+)", html)) <= set(
        "h1 h2 p ul li code table thead tbody tr th td".split()
    )
