"""What scan and apply share at the command line: reading options, showing and keeping reports."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.errors import TargetError
from hephaestus_codemods.flows.survey import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hephaestus_codemods.engine.model import Site
    from hephaestus_codemods.flows.done import Done
    from hephaestus_codemods.report.model import Report

QUESTION = "Write this change? [y]es, [n]o, [a]ll that are left, [q]uit here"


def request(given: Mapping[str, Any]) -> Request:
    """Turn the options of a verb into what a flow asks for."""
    texts = given.get("rules", ())
    names = tuple(name.strip() for one in texts for name in one.split(",") if name.strip())
    if texts and not names:
        raise click.UsageError("--rule takes the name of a rule, and there is none")
    return Request(
        paths=tuple(given.get("paths", ())),
        rules=names,
        tasks=tuple(given.get("tasks", ())),
        all_rules=given.get("all_rules", False),
        ignore=tuple(given.get("ignore", ())),
        packs=tuple(given.get("packs", ())),
        safety=given.get("safety"),
        sets=tuple(given.get("sets", ())),
        exclude=tuple(given.get("exclude", ())),
        force_exclude=given.get("force_exclude", False),
        config=given.get("config"),
        isolated=given.get("isolated", False),
        allow_dirty=given.get("allow_dirty", False),
        jobs=given.get("jobs"),
        cache=not given.get("no_cache", False),
    )


def show(
    done: Done, given: Mapping[str, Any], *, findings_are_1: bool, quiet_data: bool = False
) -> int:
    """Show a report, keep the copies that were asked for, and return the exit code."""
    from hephaestus_codemods.report import terminal  # noqa: PLC0415  # nothing to show, no import

    style = given["output_format"]
    if style == "json" and not quiet_data:
        output.data(rendered(done.report, "json"))
    elif style == "concise" and not quiet_data:
        output.listed(terminal.concise(done.report))
    if style == "full" or done.report.failures:
        with output.unread(sys.stderr):
            terminal.show(
                done.report,
                sys.stderr,
                verbose=given["verbose"],
                quiet=given["quiet"],
                here=Path.cwd().is_relative_to(done.report.root),
            )
    for kind, name in given["reports"]:
        keep(done.report, kind, name)
    code = done.exit_code(findings_are_1=findings_are_1, strict=given["strict"])
    return 0 if code == 1 and given["exit_zero"] else code


def rendered(report: Report, style: str) -> bytes:
    """Return the report in a format."""
    from hephaestus_codemods.report import json, markdown  # noqa: PLC0415  # when asked for

    return json.dumps(report) if style == "json" else markdown.dumps(report)


def keep(report: Report, style: str, name: str) -> None:
    """Write the report to a file; a pipe or a device gets it too."""
    from hephaestus_codemods.patch import fsops, journal  # noqa: PLC0415  # when asked for

    content = rendered(report, style)
    try:
        if _is_stream(Path(name)):
            Path(name).write_bytes(content)
            return
        path = Path(os.path.realpath(name))
        with fsops.make_path(path.parent) as folder:
            journal.replace(folder, path.name, journal.temporary_name(), content, 0o644)
    except OSError as error:
        # The report is never lost: people get it where they look next.
        output.told(rendered(report, "json").decode("ascii"))
        raise TargetError(f"the report {name} cannot be written: {error.strerror}") from error


def _is_stream(path: Path) -> bool:
    """Say whether *path* takes what is written to it, and is nothing that could be replaced."""
    return path.parts[:2] == ("/", "dev") or (path.exists() and not path.is_file())


def ask(sites: Sequence[tuple[Site, bytes]]) -> frozenset[str]:
    """Show each change and ask whether to write it."""
    from hephaestus_codemods.report.redact import redact  # noqa: PLC0415  # only to ask

    taken: set[str] = set()
    for number, (site, patch) in enumerate(sites, 1):
        output.told(f"\n{number}/{len(sites)} [{site.rule}] {site.safety}: {site.message}")
        output.told(redact(patch.decode(errors="replace")))
        for one in site.preconditions:
            output.told(f"  {one.established}: {one.name} {one.detail}")
        answer = click.prompt(QUESTION, type=click.Choice(["y", "n", "a", "q"]), err=True)
        if answer == "a":
            return frozenset(taken | {rest.id for rest, _ in sites[number - 1 :]})
        if answer == "q":
            break
        if answer == "y":
            taken.add(site.id)
    return frozenset(taken)
