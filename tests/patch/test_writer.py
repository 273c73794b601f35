"""A run writes all that it can stand for, and says what became of every file."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.errors import BrokenPromise, UsageError
from hephaestus_codemods.patch import fsops, records, writer
from hephaestus_codemods.patch.fsops import Do, Operation
from hephaestus_codemods.patch.model import ByteEdit, FileChange, Step
from hephaestus_codemods.patch.records import Details
from hephaestus_codemods.patch.writer import Skip, Skipped

from .harness import CHANGES, NEW, OLD, Target, logged, sites_of

if TYPE_CHECKING:
    from collections.abc import Callable


def test_everything_is_written_and_recorded(target: Target) -> None:
    outcome = target.apply()

    assert outcome.written == tuple(sorted(change.path for change in CHANGES))
    assert outcome.skipped == ()
    assert outcome.failure is None
    assert target.check_whole() == "new"
    assert target.last().id == outcome.id
    assert target.last().owners() == {"s-1", "s-2", "s-3", "s-4", "s-5", "s-6"}


def test_nothing_to_write_leaves_no_record(target: Target) -> None:
    assert target.apply(()).id is None
    assert target.history().runs == ()


def test_mode_attributes_and_time_are_right(target: Target) -> None:
    path = target.root / "b.py"
    os.utime(path, (1_600_000_000, 1_600_000_000))
    path.chmod(0o640)
    os.setxattr(path, "user.note", b"mine")

    target.apply()

    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.getxattr(path, "user.note") == b"mine"
    assert path.stat().st_mtime > 1_600_000_000, "make and caches have to see a new time"
    target.revert()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.getxattr(path, "user.note") == b"mine"
    assert path.stat().st_mtime > 1_600_000_000


def test_the_owner_is_kept_or_the_file_is_left_alone(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root gives the file back to its owner; for others a rename would make it theirs."""
    path = target.root / "b.py"
    if os.geteuid() == 0:
        os.chown(path, 1234, 1235)
        assert target.apply().written
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)
        target.revert()
    monkeypatch.setattr(os, "geteuid", lambda: 4321)

    outcome = target.apply(CHANGES[1:2])

    assert [file.code for file in outcome.skipped] == ["other-owner"]


def test_a_created_file_has_the_mode_it_was_given(target: Target) -> None:
    target.apply((FileChange("tool", None, b"#!/bin/sh\n", 0o755, owners=("s-1",)),))

    assert stat.S_IMODE((target.root / "tool").stat().st_mode) == 0o755


def edited(target: Target) -> None:
    target.put("b.py", b"edited\n")


def same_bytes_in_a_new_file(target: Target) -> None:
    content = (target.root / "b.py").read_bytes()
    (target.root / "b.py").unlink()
    (target.root / "b.new").write_bytes(content)
    (target.root / "b.new").rename(target.root / "b.py")


def deleted(target: Target) -> None:
    (target.root / "b.py").unlink()


def linked(target: Target) -> None:
    os.link(target.root / "b.py", target.disk / "other name")


@pytest.mark.parametrize("meanwhile", [edited, deleted, linked])
def test_a_file_that_changed_since_it_was_read_is_left_alone(
    target: Target, meanwhile: Callable[[Target], None]
) -> None:
    meanwhile(target)
    mine = target.tree()

    outcome = target.apply(CHANGES[1:4])

    assert [file.path for file in outcome.skipped] == ["b.py"]
    assert outcome.lost == {"s-3"}
    assert outcome.written == ("pkg/c.py", "pkg/run.py")
    assert target.tree().get("b.py") == mine.get("b.py")


@pytest.mark.parametrize("meanwhile", [edited, deleted, linked, same_bytes_in_a_new_file])
@pytest.mark.parametrize("moment", [Do.MAKE_FOLDER, Do.WRITE, Do.RENAME])
def test_a_file_that_changes_during_the_run_is_left_alone(
    target: Target, meanwhile: Callable[[Target], None], moment: Do
) -> None:
    """The change comes after the survey; s-3 needs b.py, so its group goes, and no other."""
    done: list[bool] = []
    mine: dict[str, bytes] = {}

    def interfere(operation: Operation) -> None:
        first_rename = operation.to == target.root / "app/support/pool.py"
        if not done and operation.do is moment and (moment is not Do.RENAME or first_rename):
            done.append(True)
            meanwhile(target)
            mine.update(target.tree())

    with fsops.watched(interfere):
        outcome = target.apply()

    assert [(file.path, file.code) for file in outcome.skipped] == [
        ("b.py", "hard-link" if meanwhile is linked else Skip.CHANGED)
    ]
    assert outcome.lost == {"s-3"}
    after = target.tree()
    assert after.get("b.py") == mine.get("b.py")
    assert {p: c for p, c in after.items() if p != "b.py"} == {
        p: c for p, c in NEW.items() if p != "b.py"
    }
    run = target.last()
    assert run.owners() == {"s-1", "s-2", "s-4", "s-5", "s-6"}
    assert "b.py" not in {file.path for file in run.files}
    _, reverted = target.revert()
    assert reverted.id is not None
    assert {p: c for p, c in target.tree().items() if p != "b.py"} == {
        p: c for p, c in OLD.items() if p != "b.py"
    }


def test_a_late_change_takes_back_what_was_written_of_its_group(target: Target) -> None:
    """pool.py is written first, only for s-3; then b.py, which s-3 changes, is edited."""
    pool = FileChange("app/pool.py", None, b"SIZE = 20\n", owners=("s-3",))
    requirement = FileChange("requirements.txt", None, b"redis\n", owners=("s-3", "s-4"))

    def interfere(operation: Operation) -> None:
        if operation.to == target.root / "requirements.txt":
            edited(target)

    with fsops.watched(interfere):
        outcome = target.apply((CHANGES[1], CHANGES[2], pool, requirement))

    assert {(file.path, file.code) for file in outcome.skipped} == {
        ("b.py", Skip.CHANGED),
        ("app/pool.py", Skip.GROUP),
    }
    assert outcome.written == ("pkg/c.py", "requirements.txt")
    assert "app" not in target.folders()
    assert target.tree()["b.py"] == b"edited\n"
    assert target.last().files[-1].owners == ("s-4",), "a lost site needs nothing any more"
    assert not [path for path in target.tree() if ".hcodemod" in path]


def test_a_file_that_appears_where_one_is_to_be_created_is_left_alone(target: Target) -> None:
    target.put("app/support/pool.py", b"mine\n")

    outcome = target.apply()

    skipped = {file.path: file.code for file in outcome.skipped}
    assert skipped["app/support/pool.py"] == Skip.CHANGED
    assert skipped["a.py"] == skipped["b.py"] == Skip.GROUP, "they need the file that is not ours"
    assert target.tree()["app/support/pool.py"] == b"mine\n"
    assert outcome.written == ("old.txt", "pkg/c.py", "pkg/run.py")


def change(path: str, *owners: str) -> FileChange:
    edits = tuple(ByteEdit(n, n, b"x", (owner,)) for n, owner in enumerate(owners))
    return FileChange(path, b"....", b"", steps=(Step("r", edits),))


def test_groups_spread_as_far_as_sites_reach() -> None:
    gone = Skipped("a", Skip.CHANGED, "")
    changes = [
        change("a", "1"),
        change("b", "1", "2"),
        change("c", "2"),
        change("d", "3"),
        FileChange("shared", None, b"", owners=("1", "3")),
        FileChange("own", None, b"", owners=("1",)),
    ]

    skipped = writer.spread(changes, {"a": gone})

    assert set(skipped) == {"a", "b", "c", "own"}


def test_steps_that_lead_elsewhere_are_our_fault(target: Target) -> None:
    wrong = FileChange("a.py", OLD["a.py"], b"other\n", steps=CHANGES[0].steps)

    with pytest.raises(BrokenPromise, match="do not lead"):
        target.apply((wrong,))
    with pytest.raises(BrokenPromise, match="no site owns"):
        target.apply((FileChange("a.py", OLD["a.py"], b"other\n"),))
    assert target.tree() == OLD


def test_temporary_names_are_random_and_planted_links_are_not_followed(target: Target) -> None:
    """isort's attack: a link at a predictable name beside the file."""
    victim = target.disk / "victim"
    victim.write_bytes(b"keep me")
    for name in ("a.py.tmp", ".a.py.tmp", "a.py~", ".a.py.swp", ".hcodemod.tmp", "a.py.hcodemod"):
        (target.root / name).symlink_to(victim)

    names = {op.path.name for op in logged(target.apply) if op.do is Do.CREATE}

    assert victim.read_bytes() == b"keep me"
    assert {p: c for p, c in target.tree().items() if c != b"keep me"} == NEW
    assert sum(name.startswith(".hcodemod-") for name in names) == 5


def test_a_record_tells_all(target: Target) -> None:
    details = Details(
        "1.2.3",
        {"first": 2, "second": 1},
        sites_of(("s-1", "first", "a.py"), ("s-2", "second", "a.py"), ("s-3", "first", "b.py")),
    )
    target.apply(CHANGES[:2], details)

    run = target.last()

    assert run.details == details
    assert [file.path for file in run.files] == ["a.py", "b.py"]
    assert run.files[0].steps == CHANGES[0].steps
    assert set(run.contents) > {
        "changes.patch",
        "report.json",
        "rules/01-first.patch",
        "rules/02-second.patch",
    }
    with target.ground() as ground:
        history = records.load(ground)
        assert records.content(ground, run, "report.json") == b"{}"
        assert records.blob(ground, run, str(run.files[0].before)) == OLD["a.py"]
        assert (
            history.find(None) == history.find("last") == history.find(run.id[:20].lower()) == run
        )
        with pytest.raises(UsageError, match="no run is called"):
            history.find("zzz")
        with pytest.raises(UsageError, match="has no"):
            records.content(ground, run, "nothing")


def test_a_pending_journal_is_rolled_back_and_reported(target: Target) -> None:
    def fail(operation: Operation) -> None:
        if operation.do is Do.RENAME and operation.to == target.root / "b.py":
            failing.append(True)
        if failing:
            raise OSError(5, "Input/output error")

    failing: list[bool] = []
    with fsops.watched(fail):
        outcome = target.apply()

    assert outcome.pending
    assert "Input/output error" in str(outcome.failure)
    assert set(target.recover().rolled_back) == {change.path for change in CHANGES}
    assert target.check_whole() == "old"


def test_an_edit_after_a_crash_is_kept_with_the_old_content_at_hand(target: Target) -> None:
    test_pending = [False]

    def fail(operation: Operation) -> None:
        test_pending[0] |= operation.to == target.root / "pkg/c.py"
        if test_pending[0]:
            raise OSError(5, "Input/output error")

    with fsops.watched(fail):
        assert target.apply().pending
    target.put("a.py", b"edited after the crash\n")

    found = target.recover()

    assert found.conflicts == ("a.py",)
    assert target.tree() == {**OLD, "a.py": b"edited after the crash\n"}
    assert list((target.state / "kept").glob("*/record/blobs/*"))
    assert target.recover() == type(found)()
