"""Running rules over many files: which files are worth parsing, and who is guilty of a crash."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.model import Failure, FileResult, Selection
from hephaestus_codemods.engine.rewrite import rewrite
from hephaestus_codemods.engine.workers import Limits, supervise
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.source import UnreadableSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hephaestus_codemods.project.project import FileView
    from hephaestus_codemods.rule import Rule


@dataclass(frozen=True, slots=True)
class Job:
    """One file and the rules that may have something to say about it, in their order."""

    path: str
    rules: tuple[str, ...]
    retried: bool = False


def jobs_for(
    view: FileView, paths: Iterable[str], tests: frozenset[str], rules: Sequence[Rule]
) -> list[Job]:
    """Decide from the bytes alone which rules have to look at which files."""
    jobs = []
    for path in paths:
        raw = view.read(path)
        if raw is None:
            continue
        wanted = [rule for rule in rules if rule.in_tests or path not in tests]
        names = tuple(rule.name for rule in wanted if rule.matches(raw))
        if names:
            jobs.append(Job(path, names))
    return jobs


def answer(
    view: FileView, rules: Iterable[Rule], selection: Selection
) -> Callable[[Job], FileResult]:
    """Return the function that does a job; it keeps the project's facts from job to job."""
    by_name = {rule.name: rule for rule in rules}
    project = Project(view)

    def work(job: Job) -> FileResult:
        rules = [by_name[name] for name in job.rules]
        try:
            with project.tracking() as consulted:
                result = rewrite(project, job.path, rules, selection)
        except UnreadableSource as error:
            return FileResult(job.path, failures=(Failure(error.code, str(error)),))
        return replace(result, consulted=consulted)

    return work


def in_process(
    view: FileView, jobs: Sequence[Job], rules: Sequence[Rule], selection: Selection
) -> list[FileResult]:
    """Do *jobs* here and now: for tests of rules, whose files are our own."""
    work = answer(view, rules, selection)
    return [work(job) for job in jobs]


@dataclass
class Inquest:
    """Who ended a worker: found by giving the file to each of its rules alone."""

    guilty: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    suspects: dict[str, Job] = field(default_factory=dict)

    def lost(self, job: Job, cause: str) -> list[Job]:
        """Say what to try instead of *job*, which ended its worker because of *cause*."""
        if not job.retried and job.path not in self.suspects:
            return [replace(job, retried=True)]
        if job.path in self.suspects or len(job.rules) == 1:
            self.suspects.setdefault(job.path, job)
            self.guilty[job.path].update(dict.fromkeys(job.rules, cause))
            return []
        self.suspects[job.path] = job
        return [Job(job.path, (rule,), retried=True) for rule in job.rules]


def in_workers(
    view: FileView,
    jobs: Sequence[Job],
    rules: Sequence[Rule],
    selection: Selection,
    *,
    workers: int = 1,
    limits: Limits | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[FileResult]:
    """Do *jobs* in processes that can be killed; the results are in the order of the jobs."""
    inquest = Inquest()
    done: dict[str, FileResult] = {}
    work = answer(view, rules, selection)
    for result in supervise(
        jobs, work, inquest.lost, jobs=workers, limits=limits, should_stop=should_stop
    ):
        done[result.path] = result
    done |= _acquitted(view, rules, selection, inquest, limits)
    return [done[job.path] for job in jobs if job.path in done]


def _acquitted(
    view: FileView,
    rules: Sequence[Rule],
    selection: Selection,
    inquest: Inquest,
    limits: Limits | None,
) -> Mapping[str, FileResult]:
    """Run the innocent rules of each poison file together, and add what became of the guilty."""
    again = []
    for path, job in inquest.suspects.items():
        rest = tuple(name for name in job.rules if name not in inquest.guilty[path])
        again.append(replace(job, rules=rest))
    innocent = [job for job in again if job.rules]
    results = {job.path: FileResult(job.path) for job in again}
    unexplained: dict[str, str] = {}

    def lost(job: Job, cause: str) -> list[Job]:
        unexplained[job.path] = cause
        return []

    for result in supervise(innocent, answer(view, rules, selection), lost, limits=limits):
        results[result.path] = result
    for path, result in results.items():
        failures = [
            Failure("crashed", f"{rule} could not finish this file: {cause}", rule)
            for rule, cause in inquest.guilty[path].items()
        ]
        if path in unexplained:
            failures.append(Failure("crashed", f"the file cannot be handled: {unexplained[path]}"))
        results[path] = replace(result, failures=(*result.failures, *failures))
    return results
