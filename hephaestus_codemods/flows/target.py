"""What a command works on, with its rules: what they are asked, and what they found before."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from hephaestus_codemods import __version__, registry
from hephaestus_codemods.engine import cache as caching
from hephaestus_codemods.engine.model import FileResult, Selection
from hephaestus_codemods.engine.run import Job, in_workers, jobs_for
from hephaestus_codemods.flows.files import cache_file, keep, kept
from hephaestus_codemods.flows.survey import Survey, survey
from hephaestus_codemods.project.project import Digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hephaestus_codemods.config.settings import Settings
    from hephaestus_codemods.flows.survey import Request
    from hephaestus_codemods.rule import Rule


@dataclass(frozen=True)
class Target(Survey):
    """Everything that is known before the first file is searched."""

    rules: tuple[Rule, ...]
    selection: Selection

    @property
    def lines(self) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """The ranges of lines that the command line narrows paths to."""
        return self.selection.lines

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about packs and settings."""
        return (*self.catalogue.broken.values(), *self.settings.notes)


def open_target(request: Request, *, everything: bool = False) -> Target:
    """Survey what *request* names, and import the rules; see :func:`survey`."""
    return with_rules(survey(request, everything=everything))


def with_rules(found: Survey) -> Target:
    """Import the chosen rules, and check what the settings say about them."""
    rules = registry.ordered(registry.load(one) for one in found.listed)
    selection = Selection(
        ceiling=dict(found.ceiling),
        lines=found.discovery.lines,
        options=found.settings.options(rules),
        oldest_minor=found.settings.oldest_minor,
        known=frozenset(found.catalogue.rules),
    )
    return Target(**vars(found), rules=rules, selection=selection)


def jobs_of(target: Target) -> list[Job]:
    """Return the files that have to be parsed, and the rules for each."""
    found = target.discovery
    jobs = jobs_for(target.view, found.candidates, found.tests, target.rules)
    return [one for job in jobs if (one := _without_ignored(target.settings, job)).rules]


def _without_ignored(settings: Settings, job: Job) -> Job:
    ignored = settings.ignored_rules(job.path, job.rules)
    return replace(job, rules=tuple(name for name in job.rules if name not in ignored))


def searched(target: Target, *, cache: bool) -> tuple[FileResult, ...]:
    """Search the files of the target; what did not change since the last scan is remembered."""
    jobs = jobs_of(target)
    nothing = replace(target.selection, only=frozenset())
    if not cache:
        return tuple(in_workers(target.view, jobs, target.rules, nothing, workers=target.jobs))
    place = cache_file(target.root, target.ceiling)
    known = caching.loads(kept(place) or b"", _signature(target))
    digests = Digests(target.view)
    results = {job.path: known.result(job, digests.of) for job in jobs}
    missing = [job for job in jobs if results[job.path] is None]
    by_path = {job.path: job for job in missing}
    for result in in_workers(target.view, missing, target.rules, nothing, workers=target.jobs):
        results[result.path] = result
        known.keep(by_path[result.path], result)
    if missing:
        keep(place, caching.dumps(known))
    return tuple(result for result in results.values() if result is not None)


def _signature(target: Target) -> str:
    listed = [target.catalogue.named(rule.name) for rule in target.rules]
    prints = [(one.pack.name, one.pack.version, registry.fingerprint(one)) for one in listed]
    options = {name: dict(values) for name, values in target.selection.options.items()}
    paths = sorted(target.view.paths)
    known = sorted(target.selection.known)
    return caching.signature([__version__, sys.version, prints, options, paths, known])


def sources(rules: Iterable[Rule]) -> dict[str, str]:
    """Return the texts of the support modules that *rules* bring, by name."""
    found = {}
    for rule in rules:
        folder = files(rule.package) / "inject"
        if folder.is_dir():
            for file in folder.iterdir():
                if file.name.endswith(".py") and file.name != "__init__.py":
                    found[file.name.removesuffix(".py")] = file.read_text(encoding="utf-8")
    return found
