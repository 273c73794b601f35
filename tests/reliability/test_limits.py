"""S7: whatever a target holds, a scan ends in bounded time and memory, and says what it left."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from .harness import MAIN, TOYS, Place, made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: What a scan may take of each, on a busy machine.
SECONDS, MEGABYTES = 60, 400
HEAD = "from sqlalchemy import func, select, text\nfrom sqlalchemy.orm import Session\n\n\n"


def scanned(place: Place, *words: str, seconds: float = SECONDS) -> tuple[int, str]:
    """Scan; hold the run to its limits, and return the exit code and what was said."""
    started = time.monotonic()
    measured = "/proc/self/status"
    code = f"{MAIN[:-7]}\ntry:\n    main()\nfinally:\n    print(open({measured!r}).read())"
    done = place.run("scan", *words, entry=(sys.executable, "-P", "-c", code), limit=seconds * 4)
    assert time.monotonic() - started < seconds
    peak = next(line for line in done.out.decode().splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < MEGABYTES * 1024, peak
    assert "Traceback" not in done.err, done.err
    return done.code, done.err


def sql(body: str) -> str:
    return f"{HEAD}def g(s: Session):\n    return s.execute(text({body!r})).all()\n"


DEEP: Mapping[str, str] = {
    "parentheses": sql("SELECT " + "(" * 20_000 + "1" + ")" * 20_000),
    "selects": sql("SELECT * FROM (" * 5_000 + "t" + ")" * 5_000),
    "or": sql("SELECT 1 WHERE " + " OR ".join(["a = 1"] * 50_000)),
    "union": sql(" UNION ".join(["SELECT 1"] * 20_000)),
    "one long word": sql("SELECT " + "a" * 900_000),
    "quotes": sql("SELECT '" + "''" * 200_000 + "'"),
    "comments": sql("SELECT 1 " + "/*" * 200_000),
    "a query chain": f"{HEAD}def g(s: Session):\n    return s.query(A)"
    + ".filter(A.x == 1)" * 3_000
    + ".count() > 0\n",
    "a pool of options": "from sqlalchemy import create_engine\ne = create_engine('x://', "
    + ", ".join(f"a{n}={n}" for n in range(30_000))
    + ")\n",
    "tabs": f"{HEAD}\t" + "\t" * 500_000 + "\n",
    "a regex trap": f"{HEAD}# password=" + "a" * 100_000 + "!\n# hcodemod: ignore[" + "[" * 50_000,
    "a suppression trap": f"{HEAD}" + "# hcodemod: ignore\n" * 40_000,
    "names": HEAD + "".join(f"a{n} = a{n - 1}\n" for n in range(1, 40_000)),
    "redis calls": "import redis\nr = redis.Redis()\n" + "r.get('a')\n" * 40_000,
}


def test_deep_and_huge_texts_are_bounded(disk: Path) -> None:
    """SQL of 20,000 levels, chains, and comments made for slow patterns: one file each."""
    files = {f"app/{name.replace(' ', '_')}.py": text for name, text in DEEP.items()}
    place = made(disk, {**files, "app/good.py": HEAD}).committed()

    code, err = scanned(place, "-j", "2", seconds=90)

    assert code in (0, 2), err


def loop(root: Path) -> None:
    """Links that lead around for ever, and one that leads to everything."""
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/c/up").symlink_to(root / "a")
    (root / "a/self").symlink_to(root / "a/self")
    (root / "all").symlink_to("/")
    (root / "a/one.py").symlink_to(root / "a/two.py")
    (root / "a/two.py").symlink_to(root / "a/one.py")


def special(root: Path) -> None:
    """Files that never end and files that never answer."""
    os.mkfifo(root / "pipe.py")
    os.mkfifo(root / "pyproject.toml")
    os.mkfifo(root / ".gitignore")
    (root / "zero.py").symlink_to("/dev/zero")
    (root / "tty.py").symlink_to("/dev/tty")


def deep_folders(root: Path) -> None:
    place = root
    for level in range(400):
        place = place / f"d{level % 10}"
    place.mkdir(parents=True)
    (place / "a.py").write_text("x = f(1)\n")


def hostile_toml(text: str) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        (root / "pyproject.toml").write_text(text)

    return put


TRAPS: Mapping[str, Callable[[Path], None]] = {
    "links": loop,
    "special files": special,
    "folders": deep_folders,
    "deep toml": hostile_toml("[tool.hcodemod]\na = " + "[" * 100_000),
    "deep toml tables": hostile_toml("[" + "a." * 5_000 + "a]\n"),
    "huge toml": hostile_toml("[project]\n" + "# long\n" * 3_000_000),
    "toml of nulls": hostile_toml("\0" * 1_000_000),
}


@pytest.mark.parametrize("git", [True, False], ids=["git", "no git"])
@pytest.mark.parametrize("trap", TRAPS)
def test_traps_on_the_way_are_bounded(disk: Path, trap: str, git: bool) -> None:
    place = made(disk, {"app.py": "x = f(1)\n"})
    if git:
        place.committed()
    TRAPS[trap](place.root)

    code, err = scanned(place, *TOYS)

    assert code in (0, 2), err


def many(disk: Path, count: int) -> Place:
    place = made(disk)
    for number in range(count):
        folder = place.root / f"pkg_{number // 1_000}"
        folder.mkdir(exist_ok=True)
        (folder / f"m{number}.py").write_bytes(b"x = 1\n")
    return place


def test_many_files_are_bounded(disk: Path) -> None:
    """10,000 files."""
    assert scanned(many(disk, 10_000))[0] == 0


@pytest.mark.torture
def test_very_many_files_are_bounded(disk: Path) -> None:
    """100,000 files."""
    assert scanned(many(disk, 100_000), seconds=300)[0] == 0


def test_a_process_without_handles_or_memory_says_so(disk: Path) -> None:
    """EMFILE and ENOMEM of our own: an error, no damage, no success."""
    place = made(disk, {f"m{n}.py": f"x = f({n})\n" for n in range(40)}).committed()
    for name, limit in ((resource.RLIMIT_NOFILE, 12), (resource.RLIMIT_AS, 60 << 20)):
        before = place.tree()
        done = subprocess.run(
            [sys.executable, "-P", "-c", MAIN, "apply", *TOYS],
            cwd=place.root,
            env=place.env,
            capture_output=True,
            check=False,
            preexec_fn=lambda name=name, limit=limit: resource.setrlimit(name, (limit, limit)),
        )
        changed = place.tree()
        assert done.returncode != 0 or changed != before
        assert all(changed[path] == raw for path, raw in before.items()) or done.returncode == 0
