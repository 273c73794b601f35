"""Any history of runs, edits, reverts, crashes and rivals leaves what a simple model says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hephaestus_codemods.errors import LockedError
from hephaestus_codemods.patch.lock import locked
from hephaestus_codemods.patch.model import ByteEdit, FileChange, Step
from hephaestus_codemods.patch.revert import Choice
from tests.patch.harness import Target, killed_at

MEMORY = Path("/dev/shm")
#: Regions are far enough apart for a merge; line ends and codecs differ by file.
REGIONS = 8
GAP = 4
FILES = {"one.py": b"\n", "pkg/two.py": b"\r\n", "pkg/deep/three.py": b"\n"}
PLACES = [(path, region) for path in FILES for region in range(REGIONS)]
#: About as many operations as a transaction of this size makes; more means: it is not killed.
MOST_OPERATIONS = 140

Place = tuple[str, int]
places = st.sampled_from(PLACES)


def text(path: str, words: dict[Place, bytes]) -> bytes:
    """Return the file as the model sees it."""
    end, lines = FILES[path], []
    for region in range(REGIONS):
        lines.append(b"region_%d = " % region + words[path, region])
        lines += [b"# %s %d, line %d" % (path.encode(), region, n) for n in range(GAP)]
    return b"\xef\xbb\xbf" * (path == "pkg/two.py") + end.join(lines) + end


class History(RuleBasedStateMachine):
    """A target beside a dictionary: each region holds the old word, ours or the user's."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.words = dict.fromkeys(PLACES, b"old")
        self.sites: dict[Place, tuple[str, str]] = {}
        self.runs: dict[str, set[str]] = {}
        self.gone: dict[str, set[str]] = {}
        self.count = 0

    @initialize()
    def fill(self) -> None:
        self.target = Target(self.disk / "disk").filled(
            {path: text(path, self.words) for path in FILES}
        )

    def teardown(self) -> None:
        shutil.rmtree(self.disk)

    @rule(chosen=st.lists(places, min_size=1, max_size=5, unique=True))
    def apply(self, chosen: list[Place]) -> None:
        changes, after, sites = self.planned(chosen)
        if changes:
            outcome = self.target.apply(changes)
            assert outcome.skipped == ()
            self.landed(str(outcome.id), after, sites)

    @rule(
        chosen=st.lists(places, min_size=1, max_size=5, unique=True),
        at=st.integers(0, MOST_OPERATIONS),
    )
    def crash_in_apply(self, chosen: list[Place], at: int) -> None:
        changes, after, sites = self.planned(chosen)
        if changes:
            killed_at(at, lambda: self.target.apply(changes))
            self.target.recover()
            if self.on_disk() == self.texts(after):
                self.landed(self.target.last().id, after, sites)

    @rule(place=places)
    def edit(self, place: Place) -> None:
        """The user changes a line that is not ours."""
        if self.words[place] == b"old":
            self.words[place] = b"mine"
            self.target.put(place[0], text(place[0], self.words))

    @rule(place=places)
    def take_back_edit(self, place: Place) -> None:
        if self.words[place] == b"mine":
            self.words[place] = b"old"
            self.target.put(place[0], text(place[0], self.words))

    @precondition(lambda self: self.sites)
    @rule(data=st.data())
    def revert_site(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(sorted(self.sites)))
        site, run = self.sites[place]
        plan, _ = self.target.revert(Choice(sites=(site,)), run)
        assert plan.conflicts == ()
        self.taken_back(run, {site})

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def revert_file(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(sorted(self.runs)))
        here = {place[0]: site for place, (site, of) in self.sites.items() if of == run}
        if here:
            path = data.draw(st.sampled_from(sorted(here)))
            plan, _ = self.target.revert(Choice(files=(path,)), run)
            assert plan.conflicts == ()
            sites = {s for (p, _), (s, of) in self.sites.items() if of == run and p == path}
            self.taken_back(run, sites)

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def revert_run(self, data: st.DataObject) -> None:
        """Also one that is already taken back, which changes nothing."""
        run = data.draw(st.sampled_from(sorted(self.runs)))
        plan, _ = self.target.revert(run=run)
        assert plan.conflicts == ()
        self.taken_back(run, self.runs[run])

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), at=st.integers(0, MOST_OPERATIONS))
    def crash_in_revert(self, data: st.DataObject, at: int) -> None:
        run = data.draw(st.sampled_from(sorted(self.runs)))
        killed_at(at, lambda: self.target.revert(run=run))
        self.target.recover()
        if self.target.history().reverted(run) == self.runs[run]:
            self.taken_back(run, self.runs[run])

    @rule()
    def rival(self) -> None:
        """A second user at the same time is refused, whatever he wants."""
        with locked(self.target.root):
            for action in (self.target.apply, self.target.recover, self.target.revert):
                with pytest.raises(LockedError):
                    action()

    @rule()
    def recover(self) -> None:
        """With nothing left half done there is nothing to do."""
        found = self.target.recover()
        assert found == type(found)()

    @invariant()
    def is_as_the_model_says(self) -> None:
        assert self.on_disk() == self.texts(self.words)

    @invariant()
    def records_are_as_the_model_says(self) -> None:
        history = self.target.history()
        assert history.warnings == ()
        assert {run.id: run.owners() for run in history.runs} == self.runs
        for run in self.runs:
            assert history.reverted(run) == self.gone[run]

    def on_disk(self) -> dict[str, bytes]:
        return self.target.tree()

    def texts(self, words: dict[Place, bytes]) -> dict[str, bytes]:
        return {path: text(path, words) for path in FILES}

    def planned(
        self, chosen: list[Place]
    ) -> tuple[tuple[FileChange, ...], dict[Place, bytes], dict[Place, str]]:
        """Return the changes of the regions that are free, and the model after them."""
        after, sites = dict(self.words), {}
        for place in chosen:
            if self.words[place] == b"old":
                self.count += 1
                after[place] = b"new_%d" % self.count
                sites[place] = f"s-{self.count}"
        changes = []
        for path in sorted({path for path, _ in sites}):
            before = text(path, self.words)
            edits = [
                self.replaced(before, region, after[path, region], site)
                for (where, region), site in sorted(sites.items())
                if where == path
            ]
            steps = (Step("toy", tuple(edits)),)
            changes.append(FileChange(path, before, text(path, after), steps=steps))
        return tuple(changes), after, sites

    @staticmethod
    def replaced(before: bytes, region: int, word: bytes, site: str) -> ByteEdit:
        head = b"region_%d = " % region
        start = before.index(head + b"old") + len(head)
        return ByteEdit(start, start + 3, word, (site,))

    def landed(self, run: str, after: dict[Place, bytes], sites: dict[Place, str]) -> None:
        self.words = after
        self.runs[run], self.gone[run] = set(sites.values()), set()
        self.sites |= {place: (site, run) for place, site in sites.items()}

    def taken_back(self, run: str, sites: set[str]) -> None:
        self.gone[run] |= sites
        for place, (site, of) in list(self.sites.items()):
            if of == run and site in sites:
                self.words[place] = b"old"
                del self.sites[place]


def play(examples: int, *, same: bool = True) -> None:
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=same,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_history_ends_as_the_model_says() -> None:
    """100 histories of up to 30 steps; `make torture` plays 5,000."""
    play(100)


@pytest.mark.torture
@pytest.mark.parametrize("part", range(10))
def test_five_thousand_histories_end_as_the_model_says(part: int) -> None:
    """Other ones each time; Hypothesis prints the shortest that fails."""
    play(500, same=False)
