"""Records are kept where no clone brings them, and believed only with this user's seal."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.errors import LockedError, TargetError
from hephaestus_codemods.patch import journal, records, revert, state, ulid
from hephaestus_codemods.patch.fsops import Folder
from hephaestus_codemods.patch.ground import Ground, entered, seen
from hephaestus_codemods.patch.lock import locked
from hephaestus_codemods.patch.manifest import Revert
from hephaestus_codemods.patch.revert import Choice

from .harness import CHANGES, DETAILS, KEY, NEW, OLD, Target, killed_at, logged

if TYPE_CHECKING:
    from collections.abc import Callable


def apply(root: Path) -> str:
    with entered(root) as ground:
        outcome = records.apply(ground, CHANGES, DETAILS)
    assert outcome.id is not None
    return outcome.id


def repository(target: Target) -> Target:
    subprocess.run(["git", "init", "-q", str(target.root)], check=True)
    return target


def content(target: Target) -> dict[str, bytes]:
    return {p: c for p, c in target.tree().items() if not p.startswith(".git/")}


def test_records_are_in_the_git_directory(target: Target) -> None:
    run = apply(repository(target).root)

    assert (target.root / f".git/hcodemod/runs/{run}/manifest.json").is_file()


def test_a_root_inside_a_repository_has_records_of_its_own(target: Target) -> None:
    repository(target)

    assert state.location(target.root) == target.root / ".git/hcodemod"
    assert state.location(target.root / "pkg").parent == target.root / ".git/hcodemod/below"


def test_without_git_records_are_in_the_users_state_folder(target: Target, disk: Path) -> None:
    run = apply(target.root)

    assert list((disk / "home/hcodemod").glob(f"*/runs/{run}"))


def test_a_relative_state_home_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "here")

    assert state.home() == Path.home() / ".local/state/hcodemod"


def test_the_key_is_private_and_made_once(disk: Path) -> None:
    first = state.key()
    path = disk / "home/hcodemod/key"

    assert state.key() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(TargetError, match="can be read by others"):
        state.key()
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(TargetError, match="damaged"):
        state.key()


def test_a_kill_while_the_key_is_made_leaves_no_half_key(disk: Path) -> None:
    points = len(logged(state.key))
    for number in range(points):
        shutil.rmtree(disk / "home")
        assert killed_at(number, state.key)
        assert len(state.key()) == state.KEY_BYTES


def test_a_state_folder_that_is_a_link_is_not_trusted(target: Target) -> None:
    repository(target)
    (target.disk / "elsewhere").mkdir()
    (target.root / ".git/hcodemod").symlink_to(target.disk / "elsewhere")

    for root in (target.root, target.root / "pkg"):
        with pytest.raises(TargetError, match="symlink"):
            state.open_state(root)
        with pytest.raises(TargetError, match="symlink"), seen(root):
            pass
    assert list((target.disk / "elsewhere").iterdir()) == []


def test_a_state_folder_of_someone_else_is_not_trusted(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.open_state(target.root).close()
    monkeypatch.setattr(os, "geteuid", lambda: 4321)

    with pytest.raises(TargetError, match="belongs to user"):
        state.open_state(target.root)


def test_nothing_is_made_only_to_look(target: Target, disk: Path) -> None:
    with seen(target.root) as ground:
        assert ground is None
    assert not (disk / "home").exists()


def forged_manifest(folder: Path, run: str) -> None:
    """Write a record by hand, with the seal of another key."""
    victim = folder / "runs" / run
    body = json.loads((victim / "manifest.json").read_text())
    body.pop("seal")
    (victim / "manifest.json").write_bytes(state.seal("runs", body, b"attacker" * 4))


def tampered(folder: Path, run: str) -> None:
    path = folder / "runs" / run / "manifest.json"
    path.write_text(path.read_text().replace("a.py", "x.py"))


def renamed(folder: Path, run: str) -> None:
    """Pass a genuine record off as another run."""
    (folder / "runs" / run).rename(folder / "runs" / ulid.new(run))


def linked(folder: Path, run: str) -> None:
    (folder / "runs" / run).rename(folder.parent / "kept-run")
    (folder / "runs" / run).symlink_to(folder.parent / "kept-run")


def nonsense(folder: Path, run: str) -> None:
    (folder / "runs" / run / "manifest.json").write_bytes(b"[" * 100_000)


def another_kind(folder: Path, run: str) -> None:
    """A seal is good for one kind of record only."""
    (folder / "runs" / run / "manifest.json").write_bytes(
        state.seal("reverts", {"id": run, "sites": {}}, state.key())
    )


@pytest.mark.parametrize(
    "forge", [forged_manifest, tampered, renamed, linked, nonsense, another_kind]
)
def test_a_forged_record_is_ignored_loudly(
    target: Target, forge: Callable[[Path, str], None]
) -> None:
    run = apply(repository(target).root)
    forge(target.root / ".git/hcodemod", run)

    with seen(target.root) as ground:
        assert ground is not None
        history = records.load(ground)

    assert history.runs == ()
    assert len(history.warnings) == 1
    assert "is ignored" in history.warnings[0]
    assert content(target) == NEW


def test_a_forged_content_of_a_record_is_not_used(target: Target) -> None:
    run = apply(repository(target).root)
    folder = target.root / ".git/hcodemod/runs" / run
    for path in (folder / "blobs").iterdir():
        path.write_bytes(b"forged")
    (folder / "changes.patch").write_bytes(b"forged")

    with entered(target.root) as ground:
        history = records.load(ground)
        last = history.find(None)
        with pytest.raises(TargetError, match="was changed after the run"):
            records.content(ground, last, "changes.patch")
        with pytest.raises(TargetError, match="was changed after the run"):
            revert.revert(ground, history, {run: revert.chosen(last, Choice())})
    assert content(target) == NEW


def as_clone(target: Target, place: Path) -> Path:
    """`git clone`: the git directory is made anew, so no state comes along."""
    for args in (["add", "."], ["-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "x"]):
        subprocess.run(["git", *args], cwd=target.root, check=True)
    subprocess.run(["git", "clone", "-q", str(target.root), str(place)], check=True)
    return place


def as_archive(target: Target, place: Path) -> Path:
    """An unpacked archive brings .git/hcodemod along, and its files belong to who unpacks."""
    shutil.copytree(target.root, place)
    return place


@pytest.mark.parametrize("bring", [as_clone, as_archive])
def test_records_and_journals_of_others_write_nothing(
    target: Target, disk: Path, bring: Callable[[Target, Path], Path]
) -> None:
    """Made by another user on another machine: another key."""
    apply(repository(target).root)
    with Folder.open(target.root / ".git/hcodemod") as folder:
        plan = journal.Plan(
            ulid.new(),
            "runs",
            (
                journal.Planned(
                    path="a.py",
                    before=journal.digest(b"evil"),
                    after=journal.digest(NEW["a.py"]),
                    mode=0o644,
                    temporary=journal.temporary_name(),
                    spare=journal.temporary_name(),
                ),
            ),
        )
        with Folder.open(target.root) as root:
            journal.begin(Ground(root, folder, KEY), plan, [b"evil"])
    shutil.rmtree(disk / "home")
    place = bring(target, disk / "brought")
    before = {p: p.read_bytes() for p in place.rglob("*.py")}

    with entered(place) as ground:
        found = journal.recover(ground)
        history = records.load(ground)

    assert {p: p.read_bytes() for p in place.rglob("*.py")} == before
    assert found.rolled_back == ()
    assert history.runs == ()
    if bring is as_archive:
        assert any("seal" in warning for warning in found.warnings)
        assert any("seal" in warning for warning in history.warnings)


def test_what_is_no_transaction_of_ours_is_named_and_left(target: Target) -> None:
    folder = target.state / "journal"
    (folder / "not an id").mkdir(parents=True)
    (folder / "a file").write_bytes(b"")
    (folder / "a link").symlink_to(target.root)
    for name, body in (
        (ulid.new(), {"id": "another", "kind": "runs", "files": [], "made": [], "emptied": []}),
        (ulid.new(), {"id": "older"}),
    ):
        (folder / name).mkdir()
        (folder / name / "plan.json").write_bytes(state.seal("plan", body, KEY))
    linked_plan = ulid.new()
    (folder / linked_plan).mkdir()
    (folder / linked_plan / "plan.json").symlink_to(target.root / "a.py")

    found = target.recover()

    assert len(found.warnings) == len(list(folder.iterdir())) == 6
    assert target.tree() == OLD


def test_a_plan_that_cannot_be_read_is_not_ignored(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert killed_at(60, target.apply)

    def fail(folder: Folder, name: str) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(folder.path / name))

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "read", fail)
        with pytest.raises(OSError, match="Input/output"):
            target.recover()
    target.recover()
    assert target.check_whole() == "old"


def test_a_second_run_is_refused_at_once(target: Target) -> None:
    with locked(target.root):
        with pytest.raises(LockedError, match=rf"process {os.getpid()} on"):
            apply(target.root)
        assert content(target) == OLD
    apply(target.root)


def test_a_lock_heals_when_its_holder_is_killed(target: Target) -> None:
    assert killed_at(3, lambda: apply(target.root))
    apply(target.root)


def test_a_worker_that_outlives_a_killed_run_does_not_keep_its_lock(target: Target) -> None:
    ready, alive = os.pipe()
    wait, done = os.pipe()
    run = os.fork()
    if run == 0:
        with locked(target.root):
            if os.fork() == 0:
                os.write(alive, b"x")
                os.read(wait, 1)
                os._exit(0)
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(LockedError), locked(target.root):
        pass
    os.kill(run, signal.SIGKILL)
    os.waitpid(run, 0)
    try:
        with locked(target.root):
            pass
    finally:
        os.write(done, b"x")
        for handle in (ready, alive, wait, done):
            os.close(handle)


def test_old_records_are_collected(target: Target) -> None:
    first = target.apply(CHANGES[:1]).id
    second = target.apply(CHANGES[1:2]).id
    target.revert(run=first)

    with target.ground() as ground:
        assert records.collect(ground, keep=1) == (first,)
        history = records.load(ground)

    assert [run.id for run in history.runs] == [second]
    assert history.reverts == ()
    assert list((target.state / "journal").iterdir()) == []


def test_ids_sort_even_when_the_clock_goes_back() -> None:
    future = "7" + "Z" * 24 + "0"
    assert ulid.is_ulid(future)
    assert ulid.new(future) > future
    ids = [ulid.new()]
    for _ in range(100):
        ids.append(ulid.new(ids[-1]))
    assert ids == sorted(set(ids))


def test_a_revert_says_which_sites_of_which_run() -> None:
    entry = Revert("x", {"run": ("s-1",)})
    assert records.History(reverts=(entry,)).reverted("run") == {"s-1"}
