"""The report as Markdown, with everything that comes from the target escaped."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from hephaestus_codemods.report.redact import redact
from hephaestus_codemods.report.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.report.model import Report, SiteEntry

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&$-])")
#: What would make a host link, mention or close something, up to where a word joiner stops it.
AUTOMATIC = re.compile(r"(?i)\b(?:https?|ftp|mailto|www)(?=[:.])|@(?=\w)|#(?=\d)|\bGH(?=-\d)")
JOINER = "\N{WORD JOINER}"


def dumps(report: Report) -> bytes:
    """Return the report as a Markdown page."""
    return ("\n".join(_page(report)) + "\n").encode("utf-8", "backslashreplace")


def text(value: str) -> str:
    """Escape *value* so that it shows as it is, on one line, and links to nothing."""
    shown = printable(redact(value)).replace("\n", "\\n")
    return SPECIAL.sub(r"\\\1", AUTOMATIC.sub(rf"\g<0>{JOINER}", shown))


def code(value: str) -> str:
    """Show *value* as code, in a fence that is longer than any run of backticks in it."""
    shown = printable(redact(value)).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _page(report: Report) -> Iterator[str]:
    yield f"# hcodemod {report.command}"
    yield ""
    if report.run:
        yield f"Run {code(report.run)}; take it back with `hcodemod revert {report.run}`."
        yield ""
    yield from _table(("", "count"), _totals(report))
    for title, status in (
        ("Applied", "applied"),
        ("Could be applied", "suggested"),
        ("In conflict", "conflict"),
        ("Suppressed", "suppressed"),
    ):
        sites = [site for site in report.sites if site.status == status]
        if sites:
            yield from ("", f"## {title}", "")
            yield from _sites(sites)
    yield from _refused(report)
    yield from _list("Failed", (f"{code(f.path)}: {text(f.message)}" for f in report.failures))
    yield from _list(
        "Unused suppressions",
        (
            f"{code(f'{one.path}:{one.line}')} {text(one.text)}"
            for one in report.unused_suppressions
        ),
    )
    yield from _list("Notes", (text(note) for note in report.notes))


def _totals(report: Report) -> Iterator[tuple[str, str]]:
    for kind, counts in report.totals.items():
        for status, count in counts.items():
            yield f"{kind} {status}", str(count)


def _sites(sites: Iterable[SiteEntry]) -> Iterator[str]:
    rows = (
        (code(f"{s.path}:{s.line}"), code(s.rule), s.safety, text(s.message), code(s.id))
        for s in sites
    )
    yield from _table(("place", "rule", "class", "what", "site"), rows)


def _refused(report: Report) -> Iterator[str]:
    refused = [site for site in report.sites if site.status == "refused"]
    if not refused:
        return
    counts = Counter((site.rule, site.code) for site in refused)
    yield from ("", "## Left alone", "")
    yield from _table(
        ("rule", "reason", "sites"),
        ((code(rule), code(why), str(count)) for (rule, why), count in counts.most_common()),
    )
    yield ""
    yield from _table(
        ("place", "reason"),
        ((code(f"{site.path}:{site.line}"), text(site.reason)) for site in refused),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    found = list(items)
    if found:
        yield from ("", f"## {title}", "", *(f"- {item}" for item in found))
