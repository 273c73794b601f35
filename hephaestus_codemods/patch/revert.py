"""Take back a run, a rule, a file or a site, also after later runs and edits; or say why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods import git
from hephaestus_codemods.errors import TargetError, UsageError
from hephaestus_codemods.patch import diff, paths, records
from hephaestus_codemods.patch.diff import Delta
from hephaestus_codemods.patch.history import qualify, tell
from hephaestus_codemods.patch.journal import REVERTS
from hephaestus_codemods.patch.manifest import Revert, Run, owners_of
from hephaestus_codemods.patch.model import PLAIN_FILE, FileChange, SiteRef
from hephaestus_codemods.patch.replay import NOTHING, DependsOn
from hephaestus_codemods.patch.writer import Outcome, never, transact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hephaestus_codemods.patch.fsops import Folder
    from hephaestus_codemods.patch.ground import Ground
    from hephaestus_codemods.patch.history import Chapter, Story
    from hephaestus_codemods.patch.records import History

    Merge = Callable[[bytes, bytes, bytes], tuple[bytes, int]]
    Check = Callable[[str, bytes, bytes], str | None]
    #: The sites that are gone before a revert, and those that are gone after it.
    Sides = tuple[frozenset[str], frozenset[str]]

#: What owns the changes of a revert while they are written: they stand or fall together.
TOGETHER = ("revert",)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sites of a run: those that match each given kind; empty means all."""

    rules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a file cannot be taken back; *diff* shows the merge with its conflict markers."""

    path: str
    message: str
    diff: bytes = b""


@dataclass(frozen=True, slots=True)
class RevertPlan:
    """What a revert would write; with conflicts nothing is.

    *sites* are taken back, by run. *emptied* are folders to remove if nothing is left in them.
    *marked* are files that would be written with conflict markers.
    """

    changes: tuple[FileChange, ...] = ()
    sites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()


@dataclass(slots=True)
class _File:
    """A file on its way back: what it held, and what it is to hold."""

    path: str
    now: bytes | None
    then: bytes | None
    mode: int = PLAIN_FILE
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    emptied: tuple[str, ...] = ()
    marked: bool = False

    def refuse(self, message: str, merged: bytes | None = None) -> None:
        """Note a conflict; *merged* shows it."""
        shown = b"" if merged is None else diff.emit([Delta(self.path, self.now, merged)])
        self.conflicts.append(Conflict(self.path, f"{self.path}: {message}", shown))


@dataclass(frozen=True, slots=True)
class Manner:
    """How to deal with files that changed since: *merge* is None for not at all.

    *markers* writes conflicts into the files. *check* may refuse what a file would become: it gets
    the path, the bytes now and then, and answers with a reason.
    """

    merge: Merge | None = git.merge_file
    markers: bool = False
    check: Check | None = None


def chosen(run: Run, choice: Choice) -> frozenset[str]:
    """Return the applied sites of *run* that *choice* means; raise UsageError if there are none."""
    found = frozenset(
        site.id
        for site in _sites(run)
        if (not choice.rules or site.rule in choice.rules)
        and (not choice.files or site.path in choice.files)
        and (not choice.sites or site.id in choice.sites)
    )
    if not found:
        asked = ", ".join((*choice.rules, *choice.files, *choice.sites))
        raise UsageError(
            f"run {run.id} has no applied site for {asked or 'this choice'}; "
            f"'hcodemod runs show {run.id}' lists them"
        )
    return found


def _sites(run: Run) -> Iterable[SiteRef]:
    """Return the applied sites; one that the run did not describe lives where its edits are."""
    described = {site.id: site for site in run.details.sites}
    found: dict[str, SiteRef] = {}
    for file in run.files:
        for step in file.steps:
            for owner in (owner for edit in step.edits for owner in edit.owners):
                found.setdefault(owner, SiteRef(owner, step.rule, file.path))
        for owner in file.owners:
            found.setdefault(owner, SiteRef(owner, "", file.path))
    return [described.get(name, site) for name, site in found.items()]


def plan_revert(
    history: History,
    sites: Mapping[str, frozenset[str]],
    *,
    read: Callable[[str], bytes | None],
    old: Callable[[str, str], bytes],
    manner: Manner,
) -> RevertPlan:
    """Say what taking back *sites* (by run) changes; it touches nothing.

    ``read(path)`` gives what a file holds now, ``old(run, hash)`` what it held.
    """
    sites = {run: wanted - history.reverted(run) for run, wanted in sites.items()}
    going = frozenset(qualify(run, site) for run, wanted in sites.items() for site in wanted)
    if not going:
        return RevertPlan()
    gone = NOTHING.union(
        *({qualify(r.id, site) for site in history.reverted(r.id)} for r in history.runs)
    )
    files = [
        _taken_back(_opened(path, read), tell(history, path, old), (gone, gone | going), manner)
        for path in _paths(history, sites)
    ]
    return _plan(files, {run: tuple(sorted(wanted)) for run, wanted in sites.items() if wanted})


def _paths(history: History, sites: Mapping[str, frozenset[str]]) -> list[str]:
    """List the files in which one of *sites* has a part."""
    found = {
        file.path
        for run in history.runs
        for file in run.files
        if owners_of(file) & sites.get(run.id, NOTHING)
    }
    return sorted(found)


def _plan(files: Iterable[_File], sites: Mapping[str, tuple[str, ...]]) -> RevertPlan:
    files = tuple(files)
    return RevertPlan(
        changes=tuple(
            FileChange(file.path, file.now, file.then, file.mode, owners=TOGETHER)
            for file in files
            if file.now != file.then
        ),
        sites=sites,
        conflicts=tuple(conflict for file in files for conflict in file.conflicts),
        notes=tuple(note for file in files for note in file.notes),
        emptied=tuple(folder for file in files for folder in file.emptied),
        marked=tuple(file.path for file in files if file.marked),
    )


def _opened(path: str, read: Callable[[str], bytes | None]) -> _File:
    try:
        now = read(path)
    except (TargetError, OSError) as error:
        return _File(path, None, None, conflicts=[Conflict(path, str(error))])
    return _File(path, now, now)


def _taken_back(file: _File, story: Story, sides: Sides, manner: Manner) -> _File:
    """Undo the newest chapter first: each brings the file to where the next one ended."""
    before, after = sides
    for chapter in reversed(story.chapters):
        if (after - before) & chapter.owners() and not file.conflicts:
            _undo_chapter(file, chapter, sides, manner)
    if not file.conflicts and not file.marked:
        _ask(file, manner.check)
    return file


def _undo_chapter(file: _File, chapter: Chapter, sides: Sides, manner: Manner) -> None:
    before, after = sides
    try:
        base, goal = chapter.content(before), chapter.content(after)
    except DependsOn as error:
        file.refuse(str(DependsOn(_short(error.kept), _short(error.removed))))
        return
    if goal in (base, file.then):
        file.emptied = chapter.folders if goal is None else file.emptied
        return
    file.mode = chapter.mode
    if file.then == base:
        file.then = goal
        file.emptied = chapter.folders if goal is None else ()
    elif base is None or goal is None:
        file.refuse(
            "the run created it and it was edited since: remove it yourself if you do not need it"
            if goal is None
            else "the run deleted it, and there is such a file again"
        )
    elif file.then is None:
        file.notes.append(f"{file.path} was deleted since: nothing is left there to take back")
    else:
        _merge(file, file.then, base, goal, manner)


def _merge(file: _File, now: bytes, base: bytes, goal: bytes, manner: Manner) -> None:
    """Carry the way from *base* to *goal* over to a file that was edited since."""
    if manner.merge is None:
        file.refuse("it was edited since the run; allow a 3-way merge to take the change back")
        return
    try:
        merged, conflicts = manner.merge(now, base, goal)
    except TargetError as error:
        file.refuse(f"it was edited since the run, and {error}")
        return
    if conflicts and not manner.markers:
        file.refuse("it was edited since the run at the same place", merged)
        return
    file.then = merged
    file.marked = file.marked or conflicts > 0


def _short(qualified: Iterable[str]) -> list[str]:
    return [name.rpartition("/")[2] for name in qualified]


def _ask(file: _File, check: Check | None) -> None:
    if check is None or file.now is None or file.then is None or file.now == file.then:
        return
    reason = check(file.path, file.now, file.then)
    if reason is not None:
        file.refuse(reason, file.then)


def foresee(
    ground: Ground,
    history: History,
    sites: Mapping[str, frozenset[str]],
    manner: Manner = Manner(),
) -> RevertPlan:
    """Say what :func:`revert` would do now; nothing is written."""
    return plan_revert(
        history,
        sites,
        read=partial(_read, ground),
        old=partial(_old, ground, {run.id: run for run in history.runs}),
        manner=manner,
    )


def revert(
    ground: Ground,
    history: History,
    sites: Mapping[str, frozenset[str]],
    manner: Manner = Manner(),
    *,
    should_stop: Callable[[], bool] = never,
) -> tuple[RevertPlan, Outcome]:
    """Take back *sites* (by run): all of it, or nothing and the conflicts.

    Doing it again is no conflict and changes nothing.
    """
    plan = foresee(ground, history, sites, manner)
    if plan.conflicts or not plan.sites:
        return plan, Outcome()

    def record(folder: Folder, outcome: Outcome) -> None:
        records.write_revert(folder, Revert(str(outcome.id), plan.sites), ground.key)

    outcome = transact(
        ground,
        REVERTS,
        plan.changes,
        record,
        last=history.newest_id,
        emptied=plan.emptied,
        should_stop=should_stop,
        whole=True,
    )
    return plan, outcome


def _read(ground: Ground, path: str) -> bytes | None:
    found = paths.look(ground.root, path)
    return found.content if found else None


def _old(ground: Ground, runs: Mapping[str, Run], run: str, name: str) -> bytes:
    return records.blob(ground, runs[run], name)
