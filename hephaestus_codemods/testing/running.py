"""Running one rule over the files of a case, through the engine that also runs it for users."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from hephaestus_codemods import __version__
from hephaestus_codemods.engine.model import FileResult, Selection, Site, SiteStatus
from hephaestus_codemods.engine.plan import plan_changes
from hephaestus_codemods.engine.run import in_process, jobs_for
from hephaestus_codemods.engine.shared import Sources
from hephaestus_codemods.project.project import Files, Project
from hephaestus_codemods.rule import Safety

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hephaestus_codemods.rule import Options, Rule


@dataclass(frozen=True)
class Outcome:
    """What a run did: the project afterwards, and what the engine says about each file."""

    files: Mapping[str, bytes]
    results: tuple[FileResult, ...]

    @property
    def sites(self) -> tuple[Site, ...]:
        """All sites, file by file."""
        return tuple(site for result in self.results for site in result.sites)

    def with_status(self, *statuses: SiteStatus) -> tuple[Site, ...]:
        """Return the sites that ended so."""
        return tuple(site for site in self.sites if site.status in statuses)


def run_rule(
    rule: Rule,
    files: Mapping[str, bytes],
    options: Options,
    *,
    ceiling: Safety = Safety.SUGGEST,
    write: bool = True,
) -> Outcome:
    """Run *rule* over *files* in this process; without *write* the sites are only found."""
    settings = {option.name: option.default for option in rule.options} | dict(options)
    selection = Selection(
        ceiling={rule.name: ceiling},
        only=None if write else frozenset(),
        options={rule.name: settings},
    )
    paths = [path for path in sorted(files) if path.endswith((".py", ".pyi"))]
    view = Files(files)
    jobs = jobs_for(view, paths, frozenset(), [rule])
    results = tuple(in_process(view, jobs, [rule], selection))
    return Outcome({**files, **_written(rule, files, results)}, results)


def _written(
    rule: Rule, files: Mapping[str, bytes], results: tuple[FileResult, ...]
) -> dict[str, bytes]:
    """Return the files that are rewritten, and those that come with them."""
    needed = {name for result in results for name in result.needs.support}
    sources = Sources({name: _injected(rule, name) for name in needed}, __version__)
    plan = plan_changes(Project.from_files(files), results, sources)
    assert not plan.refused, next(iter(plan.refused.values())).message
    return {change.path: change.after for change in plan.changes if change.after is not None}


def _injected(rule: Rule, name: str) -> str:
    return (resources.files(rule.package) / "inject" / f"{name}.py").read_text("utf-8")
