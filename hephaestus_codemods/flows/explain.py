"""Say why a site is or is not rewritten, condition by condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.target import open_target, searched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.engine.model import Site
    from hephaestus_codemods.flows.target import Request

SENTENCES = {
    "suggested": "can be rewritten",
    "refused": "is left alone",
    "suppressed": "is suppressed by a comment",
}


def explain(request: Request) -> Sequence[str]:
    """Return the lines that explain the sites of one rule at one line of one file."""
    target = open_target(request)
    if not target.lines:
        raise UsageError(f"{request.paths[0]!r} names no line: write PATH:LINE")
    (path, ranges), *_ = target.lines.items()
    rule = target.rules[0]
    results = searched(target, cache=False)
    failures = [failure for result in results for failure in result.failures]
    if failures:
        return [f"{path}: {failure.code}: {failure.message}" for failure in failures]
    sites = [
        site
        for result in results
        for site in result.sites
        if any(site.line <= last and first <= site.end_line for first, last in ranges)
    ]
    if not sites:
        first = ranges[0][0]
        return [
            f"{path}:{first}: {rule.name} sees no site here.",
            f"It looks for: {rule.summary}.",
            f"See 'hcodemod rules {rule.name}' for what it rewrites and what it leaves alone.",
        ]
    return [line for site in sites for line in _told(site)]


def _told(site: Site) -> Iterator[str]:
    status = SENTENCES[str(site.status)]
    yield f"{site.path}:{site.line}:{site.column}: {site.rule} ({site.id}) {status}"
    yield f"  what: {site.message}"
    yield f"  class: {site.safety}"
    if site.refusal is not None:
        yield f"  reason: {site.refusal.code}: {site.refusal.message}"
    for one in site.preconditions:
        yield f"  {one.established}: {one.name}" + (f" ({one.detail})" if one.detail else "")
