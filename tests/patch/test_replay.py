"""Steps can be made again without any of their sites; what stands on a removed one is named."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hephaestus_codemods.errors import BrokenPromise
from hephaestus_codemods.patch.model import ByteEdit, Step
from hephaestus_codemods.patch.replay import DependsOn, replay


def step(*edits: tuple[int, int, bytes, str]) -> Step:
    return Step("rule", tuple(ByteEdit(a, b, new, tuple(own.split())) for a, b, new, own in edits))


# before, steps, {removed sites: result}
CASES = {
    "an edit is taken back": (
        b"x = 1\n",
        [step((4, 5, b"2", "a"))],
        {"": b"x = 2\n", "a": b"x = 1\n"},
    ),
    "edits of later steps move with the text": (
        b"f(x)\ng(y)\n",
        [step((3, 3, b", a=1", "a")), step((13, 13, b", b=2", "b"))],
        {"": b"f(x, a=1)\ng(y, b=2)\n", "a": b"f(x)\ng(y, b=2)\n", "b": b"f(x, a=1)\ng(y)\n"},
    ),
    "two rules add to one call": (
        b"f(x)",
        [step((3, 3, b", a=1", "a")), step((8, 8, b", b=2", "b"))],
        {
            "": b"f(x, a=1, b=2)",
            "a": b"f(x, b=2)",
            "b": b"f(x, a=1)",
            "a b": b"f(x)",
        },
    ),
    "a later rule inserts before what an earlier one replaced": (
        b"X",
        [step((0, 1, b"Y", "a")), step((0, 0, b"(", "b"), (1, 1, b")", "b"))],
        {"": b"(Y)", "a": b"(X)", "b": b"Y", "a b": b"X"},
    ),
    "an edit with two owners stays while one of them does": (
        b"x\n",
        [step((0, 0, b"import m\n", "a b"), (0, 1, b"m.x", "a"))],
        {"": b"import m\nm.x\n", "a": b"import m\nx\n", "b": b"import m\nm.x\n", "a b": b"x\n"},
    ),
    "a claim keeps what an earlier rule brought in": (
        b"x\ny\n",
        [
            step((0, 0, b"import m\n", "a"), (0, 1, b"m.x", "a")),
            step((0, 9, b"import m\n", "b"), (13, 14, b"m.y", "b")),
        ],
        {
            "": b"import m\nm.x\nm.y\n",
            "a": b"import m\nx\nm.y\n",
            "b": b"import m\nm.x\ny\n",
            "a b": b"x\ny\n",
        },
    ),
    "a claim on the author's own text changes nothing": (
        b"import m\nx\n",
        [step((0, 8, b"import m", "a"), (9, 10, b"m.x", "a"))],
        {"": b"import m\nm.x\n", "a": b"import m\nx\n"},
    ),
    "a deletion comes back at its place": (
        b"abc",
        [step((1, 2, b"", "a")), step((2, 2, b"!", "b"))],
        {"": b"ac!", "a": b"abc!", "b": b"ac"},
    ),
    "an edit at the start and at the end of the text": (
        b"",
        [step((0, 0, b"x", "a")), step((1, 1, b"y", "b")), step((0, 0, b"z", "c"))],
        {"": b"zxy", "a": b"zy", "a c": b"y", "a b c": b""},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_steps_are_replayed_without_some_sites(case: str) -> None:
    before, steps, expected = CASES[case]
    for removed, text in expected.items():
        assert replay(before, steps, frozenset(removed.split())) == text


# before, steps, removed, the site that stays and cannot
DEPENDENT = {
    "an insertion in new text": (
        b"x",
        [step((0, 1, b"f()", "a")), step((2, 2, b"y", "b"))],
        "a",
        ("b",),
    ),
    "a replacement in new text": (
        b"x",
        [step((0, 1, b"f(1)", "a")), step((2, 3, b"2", "b"))],
        "a",
        ("b",),
    ),
    "a replacement of all new text": (
        b"x",
        [step((0, 1, b"y", "a")), step((0, 1, b"z", "b"))],
        "a",
        ("b",),
    ),
    "a replacement across a deletion": (
        b"axb",
        [step((1, 2, b"", "a")), step((0, 2, b"c", "b"))],
        "a",
        ("b",),
    ),
    "an insertion between two parts of new text": (
        b"x",
        [step((0, 1, b"f()", "a")), step((2, 2, b"y", "b")), step((3, 3, b", z", "c"))],
        "a b",
        ("c",),
    ),
}


@pytest.mark.parametrize("case", DEPENDENT)
def test_an_edit_inside_a_removed_one_is_refused_and_both_are_named(case: str) -> None:
    before, steps, removed, kept = DEPENDENT[case]
    with pytest.raises(DependsOn) as refused:
        replay(before, steps, frozenset(removed.split()))

    assert refused.value.kept == kept
    assert set(refused.value.removed) <= set(removed.split())
    assert "take back both, or neither" in str(refused.value)


@pytest.mark.parametrize(
    "edits", [((0, 2, b"", "a"), (1, 3, b"", "b")), ((2, 9, b"", "a"),), ((2, 1, b"", "a"),)]
)
def test_edits_that_overlap_or_leave_the_text_are_our_fault(
    edits: tuple[tuple[int, int, bytes, str], ...],
) -> None:
    with pytest.raises(BrokenPromise):
        replay(b"abc", [step(*edits)])


@dataclass(frozen=True)
class Planted:
    """An edit in the original text; *turn* is the step in which it is made."""

    start: int
    end: int
    new: bytes
    owner: str
    turn: int


@st.composite
def planted(draw: st.DrawFn) -> tuple[bytes, list[Planted], frozenset[str]]:
    """Return a text, edits that keep off each other, and sites to take back."""
    text = draw(st.binary(max_size=60))
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=16, unique=True).map(sorted))
    edits = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        new = draw(st.binary(max_size=5).filter(lambda new, old=text[start:end]: new != old))
        owner = draw(st.sampled_from("abcde"))
        edits.append(Planted(start, end, new, owner, draw(st.integers(0, 3))))
    return text, edits, draw(st.frozensets(st.sampled_from("abcde")))


def spliced(text: bytes, edits: list[Planted]) -> bytes:
    """Make edits of the original text: what a replay without the others has to give."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += [text[at : edit.start], edit.new]
        at = edit.end
    return b"".join([*parts, text[at:]])


def as_steps(edits: list[Planted]) -> list[Step]:
    """Give each edit in the offsets of the text that its step meets."""
    steps = []
    for turn in range(4):
        made = [edit for edit in edits if edit.turn < turn]
        now = []
        for edit in (edit for edit in edits if edit.turn == turn):
            shift = sum(len(m.new) - (m.end - m.start) for m in made if m.start < edit.start)
            now.append(ByteEdit(edit.start + shift, edit.end + shift, edit.new, (edit.owner,)))
        steps.append(Step(f"rule-{turn}", tuple(now)))
    return steps


@settings(max_examples=400, deadline=None)
@given(planted())
def test_any_subset_of_independent_sites_can_be_taken_back(
    case: tuple[bytes, list[Planted], frozenset[str]],
) -> None:
    text, edits, removed = case

    kept = [edit for edit in edits if edit.owner not in removed]

    assert replay(text, as_steps(edits), removed) == spliced(text, kept)


@st.composite
def any_steps(draw: st.DrawFn) -> tuple[bytes, list[Step], bytes]:
    """Return steps that edit anything, edits of each other included, and what they make."""
    before = text = draw(st.binary(max_size=20))
    steps = []
    for turn in range(draw(st.integers(0, 5))):
        bounds = st.lists(st.integers(0, len(text)), min_size=2, max_size=4).map(sorted)
        cuts = draw(bounds)
        pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
        edits = tuple(
            ByteEdit(a, b, draw(st.binary(max_size=4)), (draw(st.sampled_from("abc")),))
            for a, b in dict.fromkeys(pairs)
        )
        steps.append(Step(f"rule-{turn}", edits))
        parts, at = [], 0
        for edit in edits:
            parts += [text[at : edit.start], edit.new]
            at = edit.end
        text = b"".join([*parts, text[at:]])
    return before, steps, text


@settings(max_examples=400, deadline=None)
@given(any_steps(), st.frozensets(st.sampled_from("abc")))
def test_all_or_nothing_is_exact_and_the_rest_is_exact_or_refused(
    case: tuple[bytes, list[Step], bytes], removed: frozenset[str]
) -> None:
    before, steps, after = case

    assert replay(before, steps) == after
    assert replay(before, steps, frozenset("abc")) == before
    left = attempt(before, steps, removed)
    if isinstance(left, DependsOn):
        assert set(left.removed) <= removed
        assert not set(left.kept) <= removed
        return
    kept = sum(len(e.new) for s in steps for e in s.edits if not set(e.owners) <= removed)
    assert len(left) <= len(before) + kept


def attempt(before: bytes, steps: list[Step], removed: frozenset[str]) -> bytes | DependsOn:
    try:
        return replay(before, steps, removed)
    except DependsOn as refused:
        return refused
