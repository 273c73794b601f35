"""Who is guilty when a file ends every worker that it is given to: itself, or some of its rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.model import Failure, FileResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hephaestus_codemods.engine.run import Job

    #: Does jobs one after the other, and tells its second argument which ended their worker.
    Trial = Callable[[Sequence[Job], Callable[[Job, str], Sequence[Job]]], Iterator[FileResult]]


def inquest(poison: Sequence[Job], trial: Trial) -> Mapping[str, FileResult]:
    """Return what can be said about each of the *poison* files.

    A file is read without a rule first: one that cannot even be parsed costs no rule its time.
    Then each rule has it alone, and the innocent ones have it together.
    """
    _, unreadable = _tried([replace(job, rules=()) for job in poison], trial)
    results = {path: FileResult(path, failures=(_file(why),)) for path, why in unreadable.items()}
    readable = [job for job in poison if job.path not in unreadable]
    guilty: dict[str, dict[str, str]] = {job.path: {} for job in readable}
    for rule in dict.fromkeys(rule for job in readable for rule in job.rules):
        alone = [replace(job, rules=(rule,)) for job in readable if rule in job.rules]
        for path, why in _tried(alone, trial)[1].items():
            guilty[path][rule] = why
    innocent = [
        replace(job, rules=tuple(rule for rule in job.rules if rule not in guilty[job.path]))
        for job in readable
    ]
    found, together = _tried(innocent, trial)
    for path, rules in guilty.items():
        failures = [_rule(rule, why) for rule, why in rules.items()]
        failures += [_file(why) for why in (together.get(path),) if why is not None]
        result = found.get(path, FileResult(path))
        results[path] = replace(result, failures=(*result.failures, *failures))
    return results


def _tried(jobs: Sequence[Job], trial: Trial) -> tuple[dict[str, FileResult], dict[str, str]]:
    """Return the results by path, and for each file that ended its worker the cause."""
    lost: dict[str, str] = {}

    def note(job: Job, cause: str) -> Sequence[Job]:
        lost[job.path] = cause
        return ()

    return {result.path: result for result in trial(jobs, note)}, lost


def _file(cause: str) -> Failure:
    return Failure("crashed", f"the file cannot be handled: {cause}")


def _rule(rule: str, cause: str) -> Failure:
    return Failure("crashed", f"{rule} could not finish this file: {cause}", rule)
