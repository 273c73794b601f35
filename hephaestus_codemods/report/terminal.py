"""The report for people at a terminal: rich is given finished texts, never markup.

Names and code of the target are hostile input: control, bidirectional and zero-width characters
are shown as escapes before anything else sees them.
"""

from __future__ import annotations

import os
import shlex
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, TextIO

from hephaestus_codemods.report.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.report.model import Report, SiteEntry

#: Characters that move, hide or reorder what a terminal shows.
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
STYLES = {
    "applied": "green",
    "suggested": "cyan",
    "refused": "yellow",
    "suppressed": "dim",
    "conflict": "red",
}
Line = tuple[tuple[str, str], ...]


def printable(text: str) -> str:
    """Return *text* with every character that a terminal would obey shown as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        one if one == "\t" or unicodedata.category(one) not in HIDDEN else _escape(one)
        for one in text
    )


def _escape(one: str) -> str:
    return one.encode("unicode_escape", "surrogatepass").decode("ascii")


def counted(number: int, what: str) -> str:
    """Return a number of things as words."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def show(
    report: Report, out: TextIO, *, verbose: bool = False, quiet: bool = False, here: bool = True
) -> None:
    """Write the report to *out*, in colours when it is a terminal.

    *here* says that the user stands in the report's root.
    """
    shown = [
        tuple((printable(redact(text)), style) for text, style in line)
        for line in lines(report, verbose=verbose, quiet=quiet, here=here)
    ]
    if out.isatty() or os.environ.get("FORCE_COLOR"):
        out.write(_coloured(shown, out))
    else:
        out.write("".join("".join(text for text, _ in line) + "\n" for line in shown))


def _coloured(shown: Iterable[Line], out: TextIO) -> str:
    """Return *shown* in the colours that *out* can show."""
    from rich.console import Console  # noqa: PLC0415  # a tenth of a scan, for colours alone
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=out, highlight=False, emoji=False, markup=False, soft_wrap=True)
    with console.capture() as captured:
        for line in shown:
            console.print(Text.assemble(*line))
    return captured.get()


def lines(
    report: Report, *, verbose: bool = False, quiet: bool = False, here: bool = True
) -> Iterator[Line]:
    """Yield the lines of the report as pieces of text with their styles."""
    if not quiet:
        yield from _sites(report, verbose=verbose)
        for one in report.unused_suppressions:
            yield ((f"{one.path}:{one.line}: ", "bold"), (one.text, "yellow"))
        for note in report.notes:
            yield (("note: ", "bold"), (note, ""))
    for failure in report.failures:
        rule = f" [{failure.rule}]" if failure.rule else ""
        yield ((f"{failure.path}:{rule} ", "bold"), (f"{failure.code}: {failure.message}", "red"))
    yield from _totals(report)
    if report.run:
        place = "" if here else f"-C {shlex.quote(report.root)} "
        command = f"hcodemod {place}revert {report.run}"
        yield (("run: ", "bold"), (report.run, ""), (f"  take it back: {command}", "dim"))


def _sites(report: Report, *, verbose: bool) -> Iterator[Line]:
    hidden: Counter[tuple[str, str]] = Counter()
    for site in report.sites:
        if site.status in ("refused", "suppressed") and not verbose:
            hidden[site.rule, site.code] += 1
            continue
        yield from _site(site, verbose=verbose)
    for (rule, why), count in sorted(hidden.items(), key=lambda one: (-one[1], one[0])):
        yield (
            (f"left alone: {counted(count, 'place')} ", "yellow"),
            (f"[{rule}] ", "cyan"),
            (why, ""),
        )


def _site(site: SiteEntry, *, verbose: bool) -> Iterator[Line]:
    yield (
        (f"{site.path}:{site.line}:{site.column}: ", "bold"),
        (f"[{site.rule}] ", "cyan"),
        (f"{site.status}", STYLES.get(site.status, "")),
        (f" ({site.safety}, {site.id}) ", "dim"),
        (site.message, ""),
    )
    if site.reason and site.status != "applied":
        yield ((f"    {site.code}: ", "yellow"), (site.reason, ""))
    if verbose or site.status in ("applied", "suggested"):
        for one in site.preconditions:
            if verbose or one.established != "proved":
                yield ((f"    {one.established}: ", "magenta"), (f"{one.name} {one.detail}", ""))


def _totals(report: Report) -> Iterator[Line]:
    for kind, counts in report.totals.items():
        shown = ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
        yield ((f"{kind}: ", "bold"), (shown, ""))


def concise(report: Report) -> Iterator[str]:
    """Yield ``path:line:col: [rule] message`` for each site that is not left alone."""
    for site in report.sites:
        if site.status not in ("refused", "suppressed"):
            yield printable(
                redact(f"{site.path}:{site.line}:{site.column}: [{site.rule}] {site.message}")
            )
