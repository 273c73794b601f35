"""From rewritten files to the changes of a whole run: what they share is planned once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.shared import (
    asked,
    plan_additions,
    plan_lifespans,
    plan_requirements,
    plan_supports,
)
from hephaestus_codemods.engine.sheet import Sheet
from hephaestus_codemods.engine.workers import supervise
from hephaestus_codemods.patch.model import FileChange
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hephaestus_codemods.engine.model import FileResult, Selection
    from hephaestus_codemods.engine.run import Job
    from hephaestus_codemods.engine.shared import Sources
    from hephaestus_codemods.project.project import Project


@dataclass(frozen=True)
class Plan:
    """All changes of a run; *refused* are sites whose shared needs cannot be met."""

    changes: tuple[FileChange, ...] = ()
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def transform(
    jobs: Sequence[Job],
    selection: Selection,
    execute: Callable[[Sequence[Job], Selection], Iterable[FileResult]],
    plan: Callable[[Sequence[FileResult]], Plan],
    vet: Callable[[Plan], Mapping[str, Refusal]] = lambda _: {},
) -> tuple[tuple[FileResult, ...], Plan]:
    """Rewrite files until the shared needs of all that is rewritten can be met.

    *execute* rewrites files, *plan* adds what they share, *vet* refuses the sites whose files may
    not be written. Each time fewer sites are left, so it comes to an end.
    """
    results = {result.path: result for result in execute(jobs, selection)}
    while True:
        planned = plan(tuple(results.values()))
        refused = planned.refused or vet(planned)
        if not refused:
            return tuple(results.values()), planned
        selection = replace(selection, refused={**selection.refused, **refused})
        again = [job for job in jobs if _owns(results.get(job.path), refused)]
        results |= {result.path: result for result in execute(again, selection)}


def _owns(result: FileResult | None, refused: Mapping[str, Refusal]) -> bool:
    return result is not None and any(site.id in refused for site in result.sites)


def plan_changes(
    project: Project, results: Sequence[FileResult], sources: Sources, oldest: int | None = None
) -> Plan:
    """Return the changes to all files, those that several sites share included.

    *oldest* is the minor version of the oldest Python 3 that the settings name.
    """
    sheet = Sheet(project, {site.id: site.rule for result in results for site in result.sites})
    for result in results:
        if result.after is not None:
            sheet.put(FileChange(result.path, result.before, result.after, steps=result.steps))
    everything = asked(project, results)
    refused = plan_additions(sheet, results, oldest)
    refused |= plan_lifespans(sheet, everything, oldest)
    refused |= plan_supports(sheet, everything, sources)
    refused |= plan_requirements(sheet, results)
    return Plan(tuple(sheet.changes.values()), refused, tuple(sheet.notes))


def plan_in_worker(
    project: Project, results: Sequence[FileResult], sources: Sources, oldest: int | None = None
) -> Plan:
    """Plan in a process that can be killed: shared needs make us read files of the target."""
    needing = [result for result in results if result.needs.any]
    if not needing:
        return plan_changes(project, results, sources, oldest)
    lost: list[Plan] = []

    def work(_: str) -> Plan:
        return plan_changes(project, results, sources, oldest)

    def gone(task: str, cause: str) -> Sequence[str]:
        refusal = Refusal("plan-crashed", f"what the change needs elsewhere is not known: {cause}")
        lost.append(
            Plan(refused={one: refusal for result in needing for one in result.needs.owners})
        )
        return ()

    done = list(supervise(["the plan"], work, gone))
    return (done or lost)[0]
