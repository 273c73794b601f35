"""From rewritten files to the changes of a whole run: what they share is planned once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.planners.support import plan_support, support_paths
from hephaestus_codemods.kit.support import support_place
from hephaestus_codemods.patch.model import FileChange
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hephaestus_codemods.engine.model import FileResult, Selection
    from hephaestus_codemods.engine.run import Job
    from hephaestus_codemods.project.project import Project


@dataclass(frozen=True)
class Sources:
    """The texts of the support modules that rules bring, by name, and our own version."""

    support: Mapping[str, str]
    version: str


@dataclass(frozen=True)
class Plan:
    """All changes of a run; *refused* are sites whose shared needs cannot be met."""

    changes: tuple[FileChange, ...] = ()
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def transform(
    project: Project,
    jobs: Sequence[Job],
    selection: Selection,
    execute: Callable[[Sequence[Job], Selection], Iterable[FileResult]],
    sources: Sources,
) -> tuple[tuple[FileResult, ...], Plan]:
    """Rewrite files until the shared needs of all that is rewritten can be met."""
    results = {result.path: result for result in execute(jobs, selection)}
    while True:
        plan = plan_changes(project, tuple(results.values()), sources)
        if not plan.refused:
            return tuple(results.values()), plan
        selection = replace(selection, refused={**selection.refused, **plan.refused})
        again = [job for job in jobs if _owns(results.get(job.path), plan.refused)]
        results |= {result.path: result for result in execute(again, selection)}


def _owns(result: FileResult | None, refused: Mapping[str, Refusal]) -> bool:
    return result is not None and any(site.id in refused for site in result.sites)


def plan_changes(project: Project, results: Sequence[FileResult], sources: Sources) -> Plan:
    """Return the changes to all files, those that several sites share included."""
    changes = [
        FileChange(result.path, result.before, result.after, steps=result.steps)
        for result in results
        if result.after is not None
    ]
    support, refused = _support(project, results, sources)
    return Plan((*changes, *support), refused)


def _support(
    project: Project, results: Sequence[FileResult], sources: Sources
) -> tuple[list[FileChange], dict[str, Refusal]]:
    """Plan one support package for each application that needs one."""
    wanted: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    app_paths: dict[str, str] = {}
    for result in results:
        for name, ids in result.needs.support.items():
            folder = support_place(project, result.path).folder
            app_paths[folder] = result.path
            wanted[folder][name] |= set(ids)
    changes: list[FileChange] = []
    refused: dict[str, Refusal] = {}
    for folder, modules in wanted.items():
        texts = {name: sources.support[name] for name in modules}
        planned = plan_support(project, app_paths[folder], texts, sources.version)
        owners = {name: tuple(sorted(ids)) for name, ids in modules.items()}
        everyone = tuple(sorted({one for ids in owners.values() for one in ids}))
        if isinstance(planned, Refusal):
            refused |= dict.fromkeys(everyone, planned)
            continue
        for path in support_paths(project, app_paths[folder], texts):
            before = project.read(path)
            name = path.rpartition("/")[2].removesuffix(".py")
            changes.append(
                FileChange(
                    path, before, planned.get(path, before), owners=owners.get(name, everyone)
                )
            )
    return changes, refused
