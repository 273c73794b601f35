"""A run, a rule, a file or a site can be taken back, also after later runs and edits elsewhere."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.patch import fsops
from hephaestus_codemods.patch.model import ByteEdit, FileChange, SiteRef, Step
from hephaestus_codemods.patch.records import Details
from hephaestus_codemods.patch.replay import replay
from hephaestus_codemods.patch.revert import Choice, Manner

from .harness import CHANGES, NEW, OLD, Target, sites_of

if TYPE_CHECKING:
    from hephaestus_codemods.patch.fsops import Operation

TEXT = b"".join(b"value_%02d = old\n" % n for n in range(60))
ONLY = Manner(merge=None)


def edit(text: bytes, line: int, site: str, word: bytes = b"new") -> ByteEdit:
    """Replace the last word of a line."""
    end = text.index(b"\n", text.index(b"value_%02d" % line))
    return ByteEdit(text.rindex(b" ", 0, end) + 1, end, word, (site,))


def rewrite(path: str, before: bytes, *steps: Step) -> FileChange:
    return FileChange(path, before, replay(before, steps), steps=steps)


def two_files(target: Target) -> str:
    """Apply two rules to two files: s-1, s-2 in one, s-3 in both, and a file they create."""
    for path in ("one.py", "two.py"):
        target.put(path, TEXT)
    details = Details(
        "1",
        {},
        sites_of(
            ("s-1", "first", "one.py"),
            ("s-2", "second", "one.py"),
            ("s-3", "second", "two.py"),
        ),
    )
    one = rewrite(
        "one.py",
        TEXT,
        Step("first", (edit(TEXT, 5, "s-1"),)),
        Step("second", (edit(TEXT, 50, "s-2"),)),
    )
    two = rewrite("two.py", TEXT, Step("second", (edit(TEXT, 20, "s-3"),)))
    support = FileChange("app/pool.py", None, b"POOL = 1\n", owners=("s-1", "s-3"))
    outcome = target.apply((one, two, support), details)
    assert outcome.id is not None
    return outcome.id


def lines(target: Target, path: str) -> dict[int, bytes]:
    """Return the lines that are not as in TEXT, by number."""
    now = target.tree()[path].split(b"\n")
    return {n: line for n, line in enumerate(now) if line not in TEXT.split(b"\n")}


def test_a_run_is_taken_back_byte_for_byte(target: Target) -> None:
    target.apply()

    plan, outcome = target.revert(manner=ONLY)

    assert outcome.written == tuple(sorted(change.path for change in CHANGES))
    assert plan.conflicts == plan.notes == ()
    assert target.check_whole() == "old"


def test_taking_back_twice_changes_nothing(target: Target) -> None:
    run = target.apply().id
    target.revert()

    plan, outcome = target.revert(run=run)

    assert (plan.changes, plan.conflicts, outcome.id) == ((), (), None)
    assert target.tree() == OLD
    plan, outcome = target.revert()
    assert (plan.changes, plan.conflicts, outcome.id) == ((), (), None)


def test_apply_revert_apply_revert(target: Target) -> None:
    """The same sites have the same ids in both runs, and are not mixed up."""
    target.apply()
    target.revert()
    assert target.apply().id is not None
    assert target.tree() == NEW
    target.revert()
    assert target.tree() == OLD


def test_a_rule_is_taken_back(target: Target) -> None:
    two_files(target)

    target.revert(Choice(rules=("second",)), manner=ONLY)

    assert lines(target, "one.py") == {5: b"value_05 = new"}
    assert lines(target, "two.py") == {}
    assert "app/pool.py" in target.tree(), "s-1 still needs it"


def test_a_file_is_taken_back(target: Target) -> None:
    two_files(target)

    target.revert(Choice(files=("one.py",)), manner=ONLY)

    assert lines(target, "one.py") == {}
    assert lines(target, "two.py") == {20: b"value_20 = new"}


def test_sites_are_taken_back_one_by_one(target: Target) -> None:
    before = target.tree()
    run = two_files(target)
    before |= {"one.py": TEXT, "two.py": TEXT}

    target.revert(Choice(sites=("s-1",)), run, manner=ONLY)
    assert lines(target, "one.py") == {50: b"value_50 = new"}
    assert "app/pool.py" in target.tree(), "s-3 still needs it"
    target.revert(Choice(sites=("s-3",)), run, manner=ONLY)
    assert "app" not in target.folders(), "nobody needs it, and its folder was ours"
    target.revert(Choice(sites=("s-2",)), run, manner=ONLY)

    assert target.tree() == before


def test_what_is_not_there_cannot_be_chosen(target: Target) -> None:
    two_files(target)

    for choice in (
        Choice(sites=("s-9",)),
        Choice(rules=("third",)),
        Choice(files=("app/pool.py",)),
        Choice(rules=("first",), files=("two.py",)),
    ):
        with pytest.raises(UsageError, match="no applied site"):
            target.revert(choice)


def test_a_site_is_taken_back_after_an_edit_elsewhere(target: Target) -> None:
    two_files(target)
    mine = target.tree()["one.py"].replace(b"value_30 = old", b"value_30 = mine\r\nand_more = 1")
    target.put("one.py", mine)

    plan, outcome = target.revert(Choice(sites=("s-2",)))

    assert outcome.written == ("one.py",)
    assert plan.conflicts == ()
    assert target.tree()["one.py"] == mine.replace(b"value_50 = new", b"value_50 = old")
    target.revert(Choice(sites=("s-1",)))
    assert target.tree()["one.py"] == TEXT.replace(
        b"value_30 = old", b"value_30 = mine\r\nand_more = 1"
    )


def test_a_conflict_changes_nothing_and_is_shown(target: Target) -> None:
    run = two_files(target)
    mine = target.tree()["one.py"].replace(b"value_05 = new", b"value_05 = mine")
    target.put("one.py", mine)
    before = target.tree()

    plan, outcome = target.revert()

    assert outcome.id is None
    assert target.tree() == before
    assert [conflict.path for conflict in plan.conflicts] == ["one.py"]
    shown = plan.conflicts[0].diff
    assert b"+<<<<<<< now\n value_05 = mine\n+=======\n+value_05 = old\n+>>>>>>> rev" in shown
    assert not target.history().reverted(run)


def test_a_conflict_is_written_with_markers_when_asked(target: Target) -> None:
    run = two_files(target)
    mine = target.tree()["one.py"].replace(b"value_05 = new", b"value_05 = mine")
    target.put("one.py", mine)

    plan, outcome = target.revert(manner=Manner(markers=True))

    assert plan.marked == ("one.py",)
    assert outcome.id is not None
    assert b"<<<<<<< now\nvalue_05 = mine\n=======" in target.tree()["one.py"]
    assert target.history().reverted(run) == {"s-1", "s-2", "s-3"}


def test_without_a_merge_an_edited_file_is_a_conflict(target: Target) -> None:
    two_files(target)
    target.put("one.py", target.tree()["one.py"] + b"# mine\n")

    plan, outcome = target.revert(manner=ONLY)

    assert outcome.id is None
    assert "allow a 3-way merge" in plan.conflicts[0].message


def test_without_git_the_merge_is_a_conflict(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_files(target)
    target.put("one.py", target.tree()["one.py"] + b"# mine\n")
    monkeypatch.setenv("PATH", "")

    plan, outcome = target.revert()

    assert outcome.id is None
    assert "needs git" in plan.conflicts[0].message


def test_a_created_file_that_was_edited_is_not_deleted(target: Target) -> None:
    two_files(target)
    target.put("app/pool.py", b"POOL = 2\n")
    before = target.tree()

    plan, outcome = target.revert()

    assert outcome.id is None
    assert [conflict.path for conflict in plan.conflicts] == ["app/pool.py"]
    assert target.tree() == before


def test_a_created_folder_with_other_files_stays(target: Target) -> None:
    two_files(target)
    target.put("app/mine.py", b"")

    target.revert()

    assert "app/pool.py" not in target.tree()
    assert "app/mine.py" in target.tree()


def test_what_the_user_took_back_or_deleted_is_no_conflict(target: Target) -> None:
    run = two_files(target)
    target.put("one.py", TEXT)
    (target.root / "two.py").unlink()
    (target.root / "app/pool.py").unlink()

    plan, outcome = target.revert()

    assert outcome.id is not None
    assert outcome.written == ()
    assert plan.notes == ("two.py was deleted since: nothing is left there to take back",)
    assert target.history().reverted(run) == {"s-1", "s-2", "s-3"}


def test_a_deleted_file_comes_back_unless_there_is_one_again(target: Target) -> None:
    target.apply(CHANGES[5:])
    target.put("old.txt", b"mine\n")

    plan, _ = target.revert()
    assert "there is such a file again" in plan.conflicts[0].message

    (target.root / "old.txt").unlink()
    target.revert()
    assert target.tree() == OLD


def test_a_change_inside_a_removed_one_is_a_conflict_that_names_both(target: Target) -> None:
    target.put("one.py", b"x = f()\n")
    change = rewrite(
        "one.py",
        b"x = f()\n",
        Step("outer", (ByteEdit(4, 7, b"g(1)", ("s-1",)),)),
        Step("inner", (ByteEdit(6, 7, b"2", ("s-2",)),)),
    )
    target.apply((change,))

    plan, outcome = target.revert(Choice(sites=("s-1",)))

    assert outcome.id is None
    assert "s-2 was made inside the change of s-1" in plan.conflicts[0].message
    target.revert(Choice(sites=("s-1", "s-2")))
    assert target.tree()["one.py"] == b"x = f()\n"


def test_a_result_that_is_refused_is_a_conflict(target: Target) -> None:
    """Without s-1 the comma of s-2 has nothing before it: the caller's check sees that."""
    target.put("one.py", b"f()\n")
    change = rewrite(
        "one.py",
        b"f()\n",
        Step("first", (ByteEdit(2, 2, b"a=1", ("s-1",)),)),
        Step("second", (ByteEdit(5, 5, b", b=2", ("s-2",)),)),
    )
    target.apply((change,))

    def check(path: str, before: bytes, after: bytes) -> str | None:
        del path, before
        return "it would no longer parse" if after == b"f(, b=2)\n" else None

    plan, outcome = target.revert(Choice(sites=("s-1",)), manner=Manner(check=check))
    assert outcome.id is None
    assert "no longer parse" in plan.conflicts[0].message

    _, outcome = target.revert(Choice(sites=("s-2",)), manner=Manner(check=check))
    assert outcome.id is not None


def test_a_file_that_changes_during_the_revert_takes_all_of_it_back(target: Target) -> None:
    target.apply()

    def interfere(operation: Operation) -> None:
        if operation.to == target.root / "a.py":
            target.put("b.py", b"edited\n")

    with fsops.watched(interfere):
        _, outcome = target.revert()

    assert outcome.id is None
    assert "b.py" in {file.path for file in outcome.skipped}
    assert target.tree() == {**NEW, "b.py": b"edited\n"}
    assert list((target.state / "journal").iterdir()) == []


def later_run(target: Target, line: int, site: str) -> str:
    before = target.tree()["one.py"]
    outcome = target.apply(
        (rewrite("one.py", before, Step("third", (edit(before, line, site),))),),
        Details("1", {}, (SiteRef(site, "third", "one.py"),)),
    )
    assert outcome.id is not None
    return outcome.id


def test_a_run_is_taken_back_after_a_later_run(target: Target) -> None:
    """Lines next to each other: a merge would conflict, the replay does not."""
    first = two_files(target)
    later_run(target, 6, "s-7")

    target.revert(run=first, manner=ONLY)

    assert lines(target, "one.py") == {6: b"value_06 = new"}
    target.revert(manner=ONLY)
    assert lines(target, "one.py") == {}


def test_a_run_between_two_edits_of_the_user_is_taken_back(target: Target) -> None:
    first = two_files(target)
    target.put("one.py", target.tree()["one.py"].replace(b"value_30 = old", b"value_30 = mine"))
    later_run(target, 40, "s-7")
    target.put("one.py", target.tree()["one.py"].replace(b"value_35 = old", b"value_35 = mine"))

    target.revert(run=first)
    assert lines(target, "one.py") == {
        30: b"value_30 = mine",
        35: b"value_35 = mine",
        40: b"value_40 = new",
    }
    target.revert()
    assert lines(target, "one.py") == {30: b"value_30 = mine", 35: b"value_35 = mine"}


def test_a_partial_revert_before_a_later_run_is_taken_into_account(target: Target) -> None:
    first = two_files(target)
    target.revert(Choice(sites=("s-1",)), first, manner=ONLY)
    later_run(target, 6, "s-7")

    target.revert(run=first, manner=ONLY)

    assert lines(target, "one.py") == {6: b"value_06 = new"}


def test_a_created_file_stays_while_a_later_run_needs_it(target: Target) -> None:
    first = two_files(target)
    before = target.tree()["one.py"]
    needs = FileChange("app/pool.py", b"POOL = 1\n", b"POOL = 1\n", owners=("s-8",))
    change = rewrite("one.py", before, Step("third", (edit(before, 10, "s-8"),)))
    second = target.apply((change, needs)).id

    target.revert(run=first, manner=ONLY)
    assert "app/pool.py" in target.tree()
    target.revert(run=second, manner=ONLY)

    assert "app/pool.py" not in target.tree()
    assert lines(target, "one.py") == {}


def test_a_created_file_that_a_later_run_rewrote_stays_with_it(target: Target) -> None:
    first = two_files(target)
    upgrade = FileChange("app/pool.py", b"POOL = 1\n", b"POOL = 2\n", owners=("s-8",))
    second = target.apply((upgrade,)).id

    plan, _ = target.revert(run=first)
    assert "s-8 was made inside the change of s-1, s-3" in plan.conflicts[0].message
    target.revert(run=second)
    target.revert(run=first)

    assert "app/pool.py" not in target.tree()


@dataclass(frozen=True)
class Move:
    """Something that happens to the file: an edit in a region of its own."""

    kind: str
    region: int


#: Regions are far enough apart for a merge, and each belongs to one move.
REGIONS = 14
moves = st.lists(
    st.tuples(st.sampled_from(["run", "user", "revert"]), st.integers(0, REGIONS - 1)).map(
        lambda pair: Move(*pair)
    ),
    min_size=4,
    max_size=16,
)


@settings(max_examples=150, deadline=None)
@given(moves, st.booleans())
def test_any_history_of_runs_edits_and_reverts_leaves_the_bytes_expected(
    story: list[Move], paired: bool
) -> None:
    """The model is a set of regions: ours, the user's, or as they were."""
    disk = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        play(Target(disk / "disk").filled({"one.py": TEXT}), story, paired=paired)
    finally:
        shutil.rmtree(disk)


def play(target: Target, story: list[Move], *, paired: bool) -> None:
    state = dict.fromkeys(range(REGIONS), b"old")
    made: dict[int, str] = {}
    for move in story:
        now = target.tree()["one.py"]
        assert now == expected(state)
        if move.kind == "user" and state[move.region] == b"old":
            state[move.region] = b"mine"
            target.put("one.py", expected(state))
        elif move.kind == "run":
            free = [n for n in range(move.region, REGIONS) if state[n] == b"old"][: 1 + paired]
            steps = []
            for n in free:
                text = replay(now, steps)
                steps.append(Step(f"rule-{n}", (edit(text, 4 * n, f"s-{n}"),)))
                state[n] = b"new"
            if steps:
                run = target.apply((rewrite("one.py", now, *steps),)).id
                made |= {n: str(run) for n in free}
        elif move.kind == "revert" and move.region in made and state[move.region] == b"new":
            choice = Choice(sites=(f"s-{move.region}",))
            plan, _ = target.revert(choice, made[move.region])
            assert plan.conflicts == ()
            state[move.region] = b"old"
    assert target.tree()["one.py"] == expected(state)


def expected(state: dict[int, bytes]) -> bytes:
    text = TEXT
    for region, word in state.items():
        line = b"value_%02d = " % (4 * region)
        text = text.replace(line + b"old", line + word)
    return text
