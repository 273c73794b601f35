"""Find sites and report them; nothing of the target is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hephaestus_codemods.flows.done import Done, clock, report
from hephaestus_codemods.flows.target import open_target, searched

if TYPE_CHECKING:
    from hephaestus_codemods.flows.target import Request


def scan(request: Request) -> Done:
    """Search the target with the chosen rules, by default with all."""
    started = clock()
    target = open_target(request, everything=True)
    results = searched(target, cache=request.cache)
    shown = report(target, results, "scan", started)
    return Done(shown, found=any(site.status == "suggested" for site in shown.sites))
