"""``hcodemod revert``: take back a run, a rule, a file or a site."""

from __future__ import annotations

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb


@click.command("revert", cls=Verb)
@click.argument("run", required=False, default=None)
@click.option("-r", "--rule", "rules", multiple=True, metavar="RULE", help="Only this rule's.")
@click.option("--file", "files", multiple=True, metavar="FILE", help="Only the sites of this file.")
@click.option("--site", "sites", multiple=True, metavar="SITE", help="Only this site.")
@click.option("--check", is_flag=True, help="Write nothing; show what would be taken back.")
@click.option("--3way/--no-3way", "merge", default=True, help="Merge with later edits (default).")
@click.option(
    "--conflicts",
    type=click.Choice(["refuse", "markers"]),
    default="refuse",
    help="On a conflict change nothing, or write conflict markers.",
)
def command(
    *,
    run: str | None,
    rules: tuple[str, ...],
    files: tuple[str, ...],
    sites: tuple[str, ...],
    check: bool,
    merge: bool,
    conflicts: str,
) -> int:
    """Take back RUN, by default the last one: all of it, or the part that is chosen.

    Every byte is restored, also after other rules changed the same lines or you edited elsewhere
    in the file. On a real conflict nothing is changed and the exit code is 1.
    """
    from hephaestus_codemods.flows.place import stoppable  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.flows.revert import revert, summary  # noqa: PLC0415
    from hephaestus_codemods.patch.revert import Choice  # noqa: PLC0415

    choice = Choice(rules, files, sites)
    markers = conflicts == "markers"
    with stoppable() as stop:
        done = revert(run, choice, merge=merge, markers=markers, check=check, should_stop=stop)
    if check:
        output.data(done.patch)
    for line in summary(done):
        output.told(line)
    return done.exit_code
