"""A remembered result is the result that a search would give now, whatever changed meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hephaestus_codemods.flows import kept as reports
from hephaestus_codemods.flows import scan as flow
from hephaestus_codemods.flows import survey as surveys
from hephaestus_codemods.flows.files import cache_file
from hephaestus_codemods.flows.scan import scan
from hephaestus_codemods.flows.survey import Request
from hephaestus_codemods.report.model import FailureEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hephaestus_codemods.report.model import Report

    Write = Callable[[Mapping[str, str | None]], None]

OTHERS = ("svc/one.py", "svc/two.py", "svc/three.py")
#: The findings in api.py rest on db.py, models.py and requirements.txt, those in db.py on the
#: Dockerfile; that `app` is imported from `svc` is known from the imports of all files.
TREE = {
    "svc/app/models.py": (
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n\n"
        "class Base(DeclarativeBase):\n    pass\n\n\n"
        "class User(Base):\n"
        '    __tablename__ = "users"\n'
        "    id: Mapped[int] = mapped_column(primary_key=True)\n"
    ),
    "svc/app/db.py": (
        "from sqlalchemy import create_engine\n"
        "from sqlalchemy.orm import Session, sessionmaker\n\n"
        'engine = create_engine("postgresql+psycopg2://db/orders")\n'
        "Local = sessionmaker(engine)\n"
    ),
    "svc/app/api.py": (
        "from app.db import Local\nfrom app.models import User\n\n\n"
        "def any_users() -> bool:\n"
        "    with Local() as session:\n"
        "        return session.query(User).count() > 0\n"
    ),
    "requirements.txt": "sqlalchemy==2.0.30\npsycopg2==2.9\n",
    **dict.fromkeys(OTHERS, "x = 1\n"),
    "Dockerfile": 'FROM python:3.12\nCMD ["uvicorn", "app.main:app", "--workers", "2"]\n',
}
RULES = ("sqlalchemy-exists-over-count", "sqlalchemy-engine-pool-options")

CHANGES: Mapping[str, Mapping[str, str | None]] = {
    "the file itself": {"svc/app/api.py": TREE["svc/app/api.py"].replace("> 0", "> 1")},
    "a comment in it": {"svc/app/api.py": f"# hcodemod: skip-file\n{TREE['svc/app/api.py']}"},
    "a consulted file changes": {
        "svc/app/db.py": TREE["svc/app/db.py"].replace("sessionmaker(engine)", "open")
    },
    "a consulted file goes": {"svc/app/models.py": None},
    "a consulted file gets another name": {
        "svc/app/models.py": None,
        "svc/app/tables.py": TREE["svc/app/models.py"],
    },
    "a file that was looked for comes": {
        "svc/app/gunicorn.conf.py": "workers = 40\n",
        "Dockerfile": "FROM python:3.12\nCMD gunicorn app.main:app\n",
    },
    "a second file of a consulted name comes": {
        "svc/app/db/__init__.py": "Local = open\n",
    },
    "a manifest changes": {"requirements.txt": "sqlalchemy==1.1.0\n"},
    "a container changes": {"Dockerfile": TREE["Dockerfile"].replace('"2"', '"20"')},
    "a compose file comes": {
        "compose.yaml": "services:\n  api:\n    build: .\n    deploy:\n      replicas: 7\n"
    },
    "other files import it by another name": dict.fromkeys(OTHERS, "import svc.app.models\n"),
    "a rule is ignored in it": {
        "hcodemod.toml": '[per-file-ignores]\n"api.py" = ["sqlalchemy-exists-over-count"]\n'
    },
    "an option changes": {
        "hcodemod.toml": "[rules.sqlalchemy-engine-pool-options]\npool-size = 3\n"
    },
    "it is excluded": {"hcodemod.toml": 'exclude = ["svc/app/api.py"]\n'},
}


@pytest.fixture(params=["by content", "by time"])
def remembered(request, monkeypatch) -> str:
    """Say how files are compared: files that have just been written only by their content."""
    if request.param == "by time":
        monkeypatch.setattr(reports, "TICK_NS", -(10**18))
    name: str = request.param
    return name


@pytest.fixture
def write(tmp_path, monkeypatch, remembered) -> Write:
    """Return a function that writes files of a project (None removes), which exists already."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def written(contents: Mapping[str, str | None]) -> None:
        for path, content in contents.items():
            file = root / path
            if content is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)

    written(TREE)
    return written


def found(*, cache: bool = True, rules: tuple[str, ...] = RULES) -> dict[str, object]:
    """Scan the project; return everything that the report says about it, times aside."""
    report: Report = scan(Request(rules=rules, jobs=1, cache=cache)).report
    return asdict(report) | {"started": "", "seconds": 0}


def kept() -> tuple[bytes, int]:
    """Return what the cache holds, and which file it is: each new one has another number."""
    file = cache_file(Path.cwd(), RULES)
    return file.read_bytes(), os.stat(file).st_ino


def reports_file() -> Path:
    """Return where the whole report is kept."""
    return reports.kept_for(surveys.survey(Request(rules=RULES, jobs=1))).file


@pytest.mark.parametrize("title", CHANGES)
def test_a_change_is_seen(write: Write, title: str) -> None:
    """With what is remembered from before the change, the report is that of a search after it."""
    before = found()

    write(CHANGES[title])

    now = found(cache=False)
    assert now["sites"] != before["sites"]
    assert found() == now
    assert found() == now  # and what was remembered since holds too


def test_nothing_is_searched_when_nothing_changed(write: Write) -> None:
    """The second scan says the same, and has nothing new to remember."""
    first, before = found(), kept()

    assert found() == first == found(cache=False)
    assert kept() == before
    assert first["sites"]


def test_only_what_rests_on_a_change_is_searched(write: Write) -> None:
    """What is remembered about other files stays."""
    found()
    before = kept()

    write({"svc/app/api.py": TREE["svc/app/api.py"] + "\n"})
    now = found()
    write({"svc/app/api.py": TREE["svc/app/api.py"]})
    found()

    assert now == found(cache=False) | {"sites": now["sites"]}
    assert kept()[0] == before[0]


def test_another_choice_of_rules_is_another_answer(write: Write) -> None:
    """Results of one rule are not taken for those of two, and neither puts out the other."""
    both, before = found(), kept()

    one = found(rules=RULES[:1])

    assert one == found(rules=RULES[:1], cache=False)
    assert one["sites"] != both["sites"]
    assert found() == both
    assert kept() == before


def test_a_broken_cache_is_no_cache(write: Write) -> None:
    """A file that was cut short, or is of somebody else, costs a search."""
    first = found()

    for content in (b"", b"{", b"[]", b'{"signature": 1}', kept()[0][:-9]):
        for file in (cache_file(Path.cwd(), RULES), reports_file()):
            file.write_bytes(content)
        assert found() == first


def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which each scan that searches adds."""
    done: list[int] = []
    searched = flow._searched

    def noted(*given: Any) -> Report:
        done.append(1)
        return searched(*given)

    monkeypatch.setattr(flow, "_searched", noted)
    return done


def test_an_unchanged_project_is_not_even_read(
    write: Write, remembered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once all files have been at rest for a while, their times are enough."""
    first = found()
    done = searches(monkeypatch)

    assert found() == first
    assert len(done) == (remembered == "by content")


def test_a_change_within_a_tick_is_seen(write: Write, tmp_path: Path) -> None:
    """Size and time of modification are the same; when the inode changed cannot be set."""
    first = found()
    file = tmp_path / "project" / "svc/app/api.py"
    times = os.stat(file)
    time.sleep(0.02)  # the clock of a file system is slower than ours

    write({"svc/app/api.py": TREE["svc/app/api.py"].replace("> 0", "> 7")})
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert found()["sites"] != first["sites"]


def test_a_failure_that_may_not_come_again_is_tried_again(
    write: Write, remembered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that does not parse will not; a worker that was killed may have been unlucky."""
    write({"svc/broken.py": "import sqlalchemy\nx = = session.query(A).count() > 0\n"})
    first = found()
    done = searches(monkeypatch)
    assert found() == first
    assert len(done) == (remembered == "by content")
    survey = surveys.survey(Request(rules=RULES, jobs=1))
    place = reports.kept_for(survey)
    report = place.load() or scan(Request(rules=RULES, jobs=1, cache=False)).report
    crashed = replace(report, failures=(FailureEntry("svc/broken.py", "crashed", "it was killed"),))

    place.file.unlink(missing_ok=True)
    place.keep(crashed)

    assert place.load() is None


PACK = {
    "shop_rules/shop_slow/rule.py": (
        "import ast\n"
        "from hephaestus_codemods.rule import Finding, Rule\n"
        "from shop_rules import words\n\n\n"
        "def find(module, options):\n"
        "    yield from (Finding(one, f'one {words.MORE}') for one in module.calls)\n\n\n"
        "RULE = Rule(__name__, summary='Slow', find=find, needles=((b'slow',),))\n"
    ),
    "shop_rules/words.py": "MORE = 'a'\n",
    "shop_rules-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: shop-rules\nVersion: 1\n",
    "shop_rules-1.dist-info/entry_points.txt": "[hephaestus.rules]\nshop = shop_rules\n",
}
UPGRADES: Mapping[str, Mapping[str, str | None]] = {
    "its code": {
        "shop_rules/shop_slow/rule.py": PACK["shop_rules/shop_slow/rule.py"].replace("'one", "'two")
    },
    "a helper beside it, with the version": {
        "shop_rules/words.py": "MORE = 'b'\n",
        "shop_rules-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: shop-rules\nVersion: 2\n",
    },
}


@pytest.mark.parametrize("title", UPGRADES)
def test_another_state_of_a_rule_is_another_answer(
    write: Write, tmp_path: Path, title: str
) -> None:
    """Nothing is remembered from before a rule, or its pack, was upgraded."""
    write({f"../site/{path}": content for path, content in PACK.items()})
    write({"svc/app/shop.py": "slow()\n"})
    env = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"}

    def said() -> str:
        command = [sys.executable, "-m", "hephaestus_codemods", "scan", "--rule", "shop-slow"]
        return subprocess.run(
            [*command, "--output-format", "concise"],
            env=env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    before = said()
    write({f"../site/{path}": content for path, content in UPGRADES[title].items()})

    assert "[shop-slow]" in before
    assert said() != before
