"""``hcodemod runs``: list, show and clean up the runs of this project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.group("runs", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the runs of this project, the newest first."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_runs)


@command.command("list", cls=Verb)
def list_runs() -> None:
    """List the runs of this project, the newest first."""
    from hephaestus_codemods.flows.runs import listed  # noqa: PLC0415  # not for --help

    lines, warnings = listed()
    output.listed(lines)
    _warn(warnings)
    if not lines:
        output.told("no run is recorded for this project yet")


@command.command("show", cls=Verb)
@click.argument("run", required=False, default=None)
@click.option("--patch", is_flag=True, help="Print the whole run as one patch.")
@click.option("--rule", metavar="RULE", help="Print the patch of one rule of the run.")
@click.option("--report", is_flag=True, help="Print the run's report (JSON).")
def show_run(*, run: str | None, patch: bool, rule: str | None, report: bool) -> None:
    """Show what RUN did, by default the last one."""
    from hephaestus_codemods.flows import runs  # noqa: PLC0415  # not for --help

    if rule:
        output.data(runs.rule_patch(run, rule))
    elif patch or report:
        output.data(runs.content(run, "changes.patch" if patch else "report.json"))
    else:
        output.listed(runs.shown(run))


@command.command("gc", cls=Verb)
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    help="Keep this many of the newest runs.",
)
@click.option(
    "--days",
    type=click.FloatRange(0),
    default=90.0,
    show_default=True,
    help="Keep runs younger than this.",
)
def collect(*, keep: int, days: float) -> None:
    """Forget old runs; what they changed stays, and can no longer be reverted."""
    from hephaestus_codemods.flows.runs import collected  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.report.terminal import counted  # noqa: PLC0415

    gone, notes = collected(keep, days)
    _warn(notes)
    output.listed(gone)
    output.told(f"forgot {counted(len(gone), 'run')}")


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        output.told(f"warning: {line}")
