"""I11, I14, I17, I18: what changes, or cannot be written, while a real run is under way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from .harness import MAIN, TOYS, Done, Place, made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES = {f"m{n}.py": f"x = f({n})\n" for n in range(6)}
#: Runs the console script, and does something between the scan and the first write.
BETWEEN = """
import os, sys, time
from hephaestus_codemods.patch import records
real = records.apply
def apply(*args, **more):
    os.write(TELL, b"r")
    os.read(WAIT, 1)
    return real(*args, **more)
records.apply = apply
"""


def edited(path: Path) -> None:
    path.write_bytes(b"x = f('mine')\n")


def deleted(path: Path) -> None:
    path.unlink()


def made_a_link(path: Path) -> None:
    outside = path.parents[1] / "outside.py"
    outside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(outside)


def made_read_only(path: Path) -> None:
    path.chmod(0o444)


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def made_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def linked_elsewhere(path: Path) -> None:
    os.link(path, path.parents[1] / "other.py")


def same_bytes_again(path: Path) -> None:
    path.write_bytes(path.read_bytes())


MEANWHILE: dict[Callable[[Path], None], str] = {
    edited: "changed-during-run",
    deleted: "changed-during-run",
    made_a_link: "link",
    made_read_only: "read-only",
    made_a_folder: "not-regular",
    made_a_pipe: "not-regular",
    linked_elsewhere: "hard-link",
    same_bytes_again: "",
}


def run_and_meanwhile(place: Place, action: Callable[[], object]) -> Done:
    """Run an apply; do *action* after the scan, before the first write."""
    told, tell = os.pipe()
    wait, go = os.pipe()
    code = f"TELL, WAIT = {tell}, {wait}\n{BETWEEN}{MAIN}"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, "apply", *TOYS, "--output-format", "json", "--quiet"],
        cwd=place.root,
        env=place.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(tell, wait),
    )
    os.close(tell)
    try:
        assert os.read(told, 1) == b"r", "the run came to the point where it writes"
        action()
        os.write(go, b"g")
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
        for handle in (told, wait, go):
            os.close(handle)
    return Done(process.returncode, out, err.decode())


@pytest.mark.parametrize("change", MEANWHILE, ids=lambda change: change.__name__)
def test_a_file_that_changes_meanwhile_is_left_and_the_others_are_written(
    disk: Path, change: Callable[[Path], None]
) -> None:
    place = made(disk, FILES).committed()
    victim = place.root / "m3.py"
    mine: dict[str, bytes | str] = {}

    def meanwhile() -> None:
        change(victim)
        mine.update(place.tree())

    done = run_and_meanwhile(place, meanwhile)

    code = MEANWHILE[change]
    assert done.code == (2 if code else 0), done.err
    wanted = dict.fromkeys(FILES, ("changed", ""))
    if code:
        wanted["m3.py"] = ("failed", code)
        assert place.tree().get("m3.py") == mine.get("m3.py")
    assert done.statuses() == wanted
    for path in FILES.keys() - {"m3.py"}:
        assert place.tree()[path] != FILES[path].encode()
    sites = {one["path"]: one["status"] for one in done.report["sites"]}
    assert (sites["m3.py"] == "applied") == (not code)
    assert place.run("revert").code == 0
    after = place.tree()
    assert {path: after[path] for path in FILES if path != "m3.py"} == {
        path: text.encode() for path, text in FILES.items() if path != "m3.py"
    }


def test_a_parent_that_becomes_a_link_leads_nowhere(disk: Path) -> None:
    place = made(disk, {f"pkg/{name}": text for name, text in FILES.items()}).committed()
    outside = disk / "outside"

    def meanwhile() -> None:
        (place.root / "pkg").rename(outside)
        (place.root / "pkg").symlink_to(outside)

    done = run_and_meanwhile(place, meanwhile)

    assert done.code == 2
    assert set(done.statuses().values()) == {("failed", "link")}
    assert {path.name: path.read_text() for path in outside.iterdir()} == FILES


@pytest.fixture
def small_disk(disk: Path) -> Iterator[Path]:
    """Mount a disk of 2 MiB, which only root may."""
    place = disk / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(folder: Path, leave: int) -> None:
    """Fill the disk of *folder* but for *leave* bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"\0" * 4096)
            except OSError:
                break
        file.truncate(max(file.tell() - leave, 0))


@pytest.mark.parametrize("leave", [0, 4_096, 12_288, 40_960])
def test_a_full_disk_damages_nothing_and_is_no_success(small_disk: Path, leave: int) -> None:
    """A real one: the target, its records, its user's state and the temporary folder are on it."""
    place = made(small_disk, FILES).committed()
    before = place.tree()
    fill(small_disk, leave)

    done = place.run("apply", *TOYS, "--no-cache")

    assert done.code in (0, 2), done.err
    if done.code == 2:
        assert place.tree() == before
        assert "No space left" in done.err
    else:
        assert all(place.tree()[path] != content for path, content in before.items())
    (small_disk / "ballast").unlink()
    assert place.run("recover").code == 0
    assert done.code == 0 or place.tree() == before
    assert place.run("apply", *TOYS).code == 0
    assert place.run("revert").code == 0
    assert place.tree() == before


def test_the_small_disk_is_full_and_then_it_is_not(small_disk: Path) -> None:
    """The test of the test."""
    place = made(small_disk, FILES).committed()
    fill(small_disk, 0)
    assert place.run("apply", *TOYS, "--no-cache").code == 2

    (small_disk / "ballast").unlink()

    assert place.run("apply", *TOYS, "--no-cache").code == 0


def as_nobody(place: Place, *args: str) -> Done:
    """Run as a user for whom mode bits count."""
    entry = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-P")
    return place.run(*args, entry=(*entry, "-c", MAIN))


@pytest.fixture
def nobodys(disk: Path) -> Place:
    """Give a target of a user without rights; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    place = made(disk, {f"pkg/{name}": text for name, text in FILES.items()})
    for path in (disk, *disk.rglob("*")):
        os.chown(path, 65534, 65534)
    return place


@pytest.mark.parametrize("what", ["pkg", "pkg/m3.py"])
def test_what_may_not_be_written_is_reported_with_its_path(nobodys: Place, what: str) -> None:
    (nobodys.root / what).chmod(0o555 if what == "pkg" else 0o444)
    before = nobodys.tree()

    done = as_nobody(nobodys, "apply", *TOYS)

    assert done.code == 2, done.err
    assert what in done.err
    assert nobodys.tree()["pkg/m3.py"] == before["pkg/m3.py"]
    if what == "pkg":
        assert nobodys.tree() == before
        assert "Permission denied" in done.err


def test_what_may_not_be_read_is_named(nobodys: Place) -> None:
    (nobodys.root / "pkg/m3.py").chmod(0)

    done = as_nobody(nobodys, "scan", *TOYS)

    assert done.code == 0
    assert as_nobody(nobodys, "scan", *TOYS, "--strict").code == 2


def test_a_read_only_disk_is_an_error(disk: Path) -> None:
    place = made(disk, FILES).committed()
    mount = ["mount", "--bind", str(place.root), str(place.root)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a disk read-only")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(place.root)], check=True)
        done = place.run("apply", *TOYS)
    finally:
        subprocess.run(["umount", "-l", str(place.root)], check=True)

    assert done.code == 2, done.err
    assert "Read-only file system" in done.err
    assert place.tree() == {path: text.encode() for path, text in FILES.items()}


def test_a_second_run_by_another_user_is_refused_at_once(disk: Path) -> None:
    """The lock is on the folder, so it does not matter whose state is where."""
    place = made(disk, FILES).committed()
    other = Place(disk, {"XDG_STATE_HOME": str(disk / "elsewhere")})
    second: list[Done] = []

    def meanwhile() -> None:
        started = time.monotonic()
        second.append(other.run("apply", *TOYS))
        assert time.monotonic() - started < 10

    done = run_and_meanwhile(place, meanwhile)

    assert done.code == 0
    assert second[0].code == 2
    assert "another run works on" in second[0].err


def test_many_runs_at_once_leave_one_that_wrote(disk: Path) -> None:
    place = made(disk, FILES).committed()
    done: list[Done] = []
    runs = [
        threading.Thread(target=lambda: done.append(place.run("apply", *TOYS, "-j", "1")))
        for _ in range(6)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert {one.code for one in done} <= {0, 2}
    assert len(place.run("runs").out.splitlines()) == 1
    assert place.run("revert").code == 0
    assert place.tree() == {path: text.encode() for path, text in FILES.items()}
