"""Running rules over many files: which files are worth parsing, and who is guilty of a crash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.config.suppressions import MARK
from hephaestus_codemods.engine.inquest import inquest
from hephaestus_codemods.engine.model import Failure, FileResult, Selection
from hephaestus_codemods.engine.rewrite import rewrite
from hephaestus_codemods.engine.workers import Limits, supervise
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.source import UnreadableSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
    told = _told(view, rules)
    for path in paths:
        raw = view.read(path)
        if raw is None:
            continue
        wanted = [rule for rule in rules if rule.in_tests or path not in tests]
        # What a comment of the owner keeps from rules that find nothing here is worth a look too.
        speaks = MARK in raw
        names = tuple(rule.name for rule in wanted if speaks or _is_worth(rule, raw, told))
        if names:
            jobs.append(Job(path, names))
    return jobs


#: What the files of the project tell each other, by the function of a rule that listens.
Told = dict["Callable[[bytes], Iterable[bytes]]", frozenset[bytes]]


def _told(view: FileView, rules: Sequence[Rule]) -> Told:
    """Collect the words that rules want to know of all files, each kind once."""
    words: dict[Callable[[bytes], Iterable[bytes]], set[bytes]] = {
        rule.tell: set() for rule in rules if rule.tell is not None
    }
    for path in view.paths if words else ():
        raw = view.read(path) if path.endswith(".py") else None
        if raw is not None:
            for kind, found in words.items():
                found.update(kind(raw))
    return {kind: frozenset(found) for kind, found in words.items()}


def _is_worth(rule: Rule, raw: bytes, told: Told) -> bool:
    if not rule.matches(raw):
        return False
    if rule.worth is None:
        return True
    return rule.worth(raw, told[rule.tell] if rule.tell is not None else frozenset())


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
    work = answer(view, rules, selection)
    poison: set[str] = set()

    def lost(job: Job, cause: str) -> Sequence[Job]:
        """Try a file once more by itself: the machine may have been at fault."""
        if not job.retried:
            return (replace(job, retried=True),)
        poison.add(job.path)
        return ()

    answers = supervise(jobs, work, lost, jobs=workers, limits=limits, should_stop=should_stop)
    done = {result.path: result for result in answers}
    suspects = [job for job in jobs if job.path in poison]

    def trial(
        tried: Sequence[Job], note: Callable[[Job, str], Sequence[Job]]
    ) -> Iterator[FileResult]:
        return supervise(tried, work, note, limits=limits, should_stop=should_stop)

    done |= inquest(suspects, trial)
    return [done[job.path] for job in jobs if job.path in done]
