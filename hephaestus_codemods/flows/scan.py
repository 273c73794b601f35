"""Find sites and report them; nothing of the target is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hephaestus_codemods.flows.done import Done, clock, passed, report
from hephaestus_codemods.flows.kept import kept_for
from hephaestus_codemods.flows.survey import survey

if TYPE_CHECKING:
    from hephaestus_codemods.flows.done import Clock
    from hephaestus_codemods.flows.survey import Request, Survey
    from hephaestus_codemods.report.model import Report


def scan(request: Request) -> Done:
    """Search the target with the chosen rules, by default with all."""
    started = clock()
    found = survey(request, everything=True)
    kept = kept_for(found) if request.cache else None
    shown = kept.load() if kept is not None else None
    if shown is not None:
        shown = replace(shown, started=started.started, seconds=passed(started))
    else:
        shown = _searched(found, started)
        if kept is not None:
            kept.keep(shown)
    return Done(shown, found=any(site.status == "suggested" for site in shown.sites))


def _searched(found: Survey, started: Clock) -> Report:
    # Rules and engine take longer to import than all the rest of a scan that finds nothing new.
    from hephaestus_codemods.flows.target import searched, with_rules  # noqa: PLC0415

    target = with_rules(found)
    return report(target, searched(target, cache=found.request.cache), "scan", started)
