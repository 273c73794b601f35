"""Say why a site is or is not rewritten, condition by condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.target import open_target, searched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.engine.model import FileResult, Site
    from hephaestus_codemods.flows.survey import Request
    from hephaestus_codemods.flows.target import Target
    from hephaestus_codemods.rule import Rule

SENTENCES = {
    "suggested": "can be rewritten",
    "refused": "is left alone",
    "suppressed": "is suppressed by a comment",
}


def explain(request: Request) -> Sequence[str]:
    """Return the lines that explain the sites of one rule at one line of one file."""
    target = open_target(request)
    if len(target.rules) != 1:
        raise UsageError(f"{request.rules[0]!r} is not one rule: give the name of a single one")
    if not target.lines:
        raise UsageError(f"{request.paths[0]!r} names no line: write PATH:LINE")
    (path, ranges), *_ = target.lines.items()
    results = searched(target, cache=False)
    failures = [failure for result in results for failure in result.failures]
    if failures:
        return [f"{path}: {failure.code}: {failure.message}" for failure in failures]
    why = _not_asked(target, results, path)
    if why:
        return [f"{path}: {target.rules[0].name} is not asked: {why}"]
    sites = [
        site
        for result in results
        for site in result.sites
        if any(site.line <= last and first <= site.end_line for first, last in ranges)
    ]
    if not sites:
        return _no_site(target.rules[0], f"{path}:{ranges[0][0]}")
    return [line for site in sites for line in _told(site)]


def _not_asked(target: Target, results: Sequence[FileResult], path: str) -> str:
    """Return why the rule does not look at the file at all; empty when it does."""
    (file,) = target.discovery.files
    (rule,) = target.rules
    if file.reason is not None:
        return file.message
    if file.is_test and not rule.in_tests:
        return "it is a test file, and the rule leaves tests alone"
    if target.settings.ignored_rules(path, [rule.name]):
        return "per-file-ignores in the configuration says so"
    if any(result.skip_file for result in results):
        return "a comment in the file (hcodemod: skip-file) says so"
    return ""


def _no_site(rule: Rule, place: str) -> Sequence[str]:
    return [
        f"{place}: {rule.name} sees no site here.",
        f"What it does: {rule.summary}.",
        f"See 'hcodemod rules {rule.name}' for what it rewrites and what it leaves alone.",
    ]


def _told(site: Site) -> Iterator[str]:
    status = SENTENCES[str(site.status)]
    yield f"{site.path}:{site.line}:{site.column}: {site.rule} ({site.id}) {status}"
    yield f"  what: {site.message}"
    yield f"  class: {site.safety}"
    if site.refusal is not None:
        yield f"  reason: {site.refusal.code}: {site.refusal.message}"
    for one in site.preconditions:
        yield f"  {one.established}: {one.name}" + (f" ({one.detail})" if one.detail else "")
