"""Rewrite the target: one transaction, one record, one report that says what is on the disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods import __version__, git
from hephaestus_codemods.engine.model import Selection, SiteStatus
from hephaestus_codemods.engine.plan import Plan, plan_in_worker, transform
from hephaestus_codemods.engine.run import in_workers
from hephaestus_codemods.engine.shared import Sources
from hephaestus_codemods.flows.done import Done, Written, clock, report
from hephaestus_codemods.flows.place import locked, stoppable
from hephaestus_codemods.flows.target import jobs_of, open_target, sources
from hephaestus_codemods.patch import records
from hephaestus_codemods.patch.diff import emit
from hephaestus_codemods.patch.manifest import Details
from hephaestus_codemods.patch.model import SiteRef
from hephaestus_codemods.patch.stacked import delta
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.report import json as report_json
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from hephaestus_codemods.engine.model import FileResult, Site
    from hephaestus_codemods.engine.run import Job
    from hephaestus_codemods.flows.done import Clock
    from hephaestus_codemods.flows.survey import Request
    from hephaestus_codemods.flows.target import Target
    from hephaestus_codemods.patch.ground import Ground
    from hephaestus_codemods.patch.writer import Outcome
    from hephaestus_codemods.report.model import Report

    #: Asks which of the sites are to be written; each comes with the patch that it alone makes.
    Choose = Callable[[Sequence[tuple[Site, bytes]]], frozenset[str]]


DIRTY = "uncommitted-changes"


def _dirty(path: str) -> Refusal:
    message = f"{path} has changes that are not committed: commit them first, or give --allow-dirty"
    return Refusal(DIRTY, message)


@dataclass(frozen=True)
class Rewritten:
    """Results and planned changes of a run, before anything is written.

    *dirty* are the paths that would have to change and hold work that is not committed.
    """

    results: tuple[FileResult, ...]
    plan: Plan
    dirty: frozenset[str] = frozenset()

    @property
    def patch(self) -> bytes:
        """The whole run as one patch."""
        return emit(delta(change) for change in self.plan.changes if change.writes)

    @property
    def problems(self) -> dict[str, tuple[str, str]]:
        """Code and message for each file that must not be written."""
        return {path: (DIRTY, _dirty(path).message) for path in sorted(self.dirty)}

    @property
    def dirty_sites(self) -> frozenset[str]:
        """The ids of the sites that were refused for the sake of uncommitted work."""
        sites = (site for result in self.results for site in result.sites)
        return frozenset(s.id for s in sites if s.refusal is not None and s.refusal.code == DIRTY)


def apply(request: Request, *, write: bool = True, choose: Choose | None = None) -> Done:
    """Rewrite what the request selects; without *write* only say what would be rewritten."""
    started = clock()
    target = open_target(request)
    if not write:
        done = rewritten(target, target.selection, allow_dirty=True)
        shown = report(target, tuple(_foreseen(done.results)), "apply", started)
        return Done(shown, done.patch, bool(done.patch))
    notes: list[str] = []
    with locked(target.root, notes) as ground:
        selection = _chosen(target, choose)
        done = rewritten(target, selection)
        if not any(change.writes for change in done.plan.changes):
            nothing = Written(problems=done.problems, notes=(*notes,))
            return Done(report(target, done.results, "apply", started, nothing))
        with stoppable() as should_stop:
            return _written(target, done, ground, notes, started, should_stop)


def rewritten(target: Target, selection: Selection, *, allow_dirty: bool = False) -> Rewritten:
    """Compute the changes of a run: in workers, and again without what cannot be shared."""
    dirty: set[str] = set()

    def execute(jobs: Sequence[Job], chosen: Selection) -> list[FileResult]:
        return in_workers(target.view, jobs, target.rules, chosen, workers=target.jobs)

    brought = Sources(sources(target.rules), __version__)

    def plan(results: Sequence[FileResult]) -> Plan:
        return plan_in_worker(Project(target.view), results, brought, selection.oldest_minor)

    def vet(plan: Plan) -> dict[str, Refusal]:
        found = set() if allow_dirty else _dirty_paths(target, plan)
        dirty.update(found)
        return _vetted(target, plan, found)

    return Rewritten(*transform(jobs_of(target), selection, execute, plan, vet), frozenset(dirty))


def _dirty_paths(target: Target, plan: Plan) -> set[str]:
    if target.request.allow_dirty:
        return set()
    return git.dirty_paths(target.root, [c.path for c in plan.changes if c.writes])


def _vetted(target: Target, plan: Plan, dirty: Collection[str]) -> dict[str, Refusal]:
    """Refuse the sites that would write *dirty* files, or files left out."""
    writing = {change.path: change for change in plan.changes if change.writes}
    refused: dict[str, Refusal] = {}
    for file in target.discovery.files:
        if file.reason is not None and file.path in writing:
            message = f"{file.path} would have to change, and it is left out: {file.message}"
            owners = writing[file.path].all_owners()
            refused |= dict.fromkeys(owners, Refusal("left-out", message))
    for path in dirty:
        refused |= dict.fromkeys(writing[path].all_owners(), _dirty(path))
    return refused


def _chosen(target: Target, choose: Choose | None) -> Selection:
    """Ask for each site when the user wants to be asked."""
    if choose is None:
        return target.selection
    everything = rewritten(target, target.selection)
    applied = [
        site
        for result in everything.results
        for site in result.sites
        if site.status is SiteStatus.APPLIED
    ]
    alone = partial(_alone, target)
    taken = choose([(site, alone(site)) for site in applied])
    return replace(target.selection, only=taken | everything.dirty_sites)


def _alone(target: Target, site: Site) -> bytes:
    return rewritten(target, replace(target.selection, only=frozenset({site.id}))).patch


def _written(
    target: Target,
    done: Rewritten,
    ground: Ground,
    notes: list[str],
    started: Clock,
    should_stop: Callable[[], bool],
) -> Done:
    """Write the changes and the record, and report what is on the disk afterwards."""

    def told(outcome: Outcome) -> bytes:
        return report_json.dumps(_report(target, done, outcome, notes, started))

    outcome = records.apply(
        ground, done.plan.changes, _details(target, done), report=told, should_stop=should_stop
    )
    if outcome.failure and not outcome.interrupted:
        notes.append(f"nothing was written: {outcome.failure}")
    return Done(_report(target, done, outcome, notes, started), done.patch, bool(done.patch))


def _report(
    target: Target, done: Rewritten, outcome: Outcome, notes: Sequence[str], started: Clock
) -> Report:
    problems = done.problems | {one.path: (one.code, one.message) for one in outcome.skipped}
    if outcome.id is None and not outcome.interrupted:
        failure = outcome.failure or "no file could be written"
        for change in done.plan.changes:
            if change.writes:
                problems.setdefault(change.path, ("not-written", failure))
    written = Written(
        outcome.id,
        problems,
        (*notes, *done.plan.notes, *outcome.warnings),
        outcome.interrupted,
        frozenset(c.path for c in done.plan.changes if c.writes and c.path in outcome.written),
    )
    lost = outcome.lost if outcome.id else None
    return report(target, tuple(_as_written(done.results, lost)), "apply", started, written)


def _as_written(results: Sequence[FileResult], lost: frozenset[str] | None) -> Iterator[FileResult]:
    """Take back the status of sites whose files were not written; *lost* is None for all."""
    gone = Refusal("not-written", "its file could not be written; see the failures")
    for result in results:
        sites = tuple(
            replace(site, status=SiteStatus.REFUSED, refusal=gone)
            if site.status is SiteStatus.APPLIED and (lost is None or site.id in lost)
            else site
            for site in result.sites
        )
        yield replace(result, sites=sites)


def _foreseen(results: Sequence[FileResult]) -> Iterator[FileResult]:
    """Call what would be written a suggestion: nothing was applied."""
    for result in results:
        sites = tuple(
            replace(site, status=SiteStatus.SUGGESTED)
            if site.status is SiteStatus.APPLIED
            else site
            for site in result.sites
        )
        yield replace(result, sites=sites)


def _details(target: Target, done: Rewritten) -> Details:
    applied = [
        site
        for result in done.results
        for site in result.sites
        if site.status is SiteStatus.APPLIED
    ]
    used = {site.rule for site in applied}
    return Details(
        f"hcodemod {__version__}",
        {rule.name: rule.version for rule in target.rules if rule.name in used},
        tuple(SiteRef(site.id, site.rule, site.path, site.line) for site in applied),
    )
