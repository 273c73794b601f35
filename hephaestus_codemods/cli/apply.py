"""``hcodemod apply``: rewrite sites and leave a run that can be taken back."""

from __future__ import annotations

from typing import Any

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb, output_options, rules_options, where_options


@click.command("apply", cls=Verb)
@rules_options
@click.option(
    "--safety",
    type=click.Choice(["safe", "review", "suggest"]),
    help="The least safe class that is written: review for rules named with --rule, else safe.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when there is work.")
@click.option("--diff", "diff", is_flag=True, help="Write nothing; print the changes as a patch.")
@click.option("-i", "--interactive", is_flag=True, help="Ask site by site.")
@click.option("--allow-dirty", is_flag=True, help="Also rewrite files with uncommitted changes.")
@click.option(
    "--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 when something was rewritten."
)
@where_options
@output_options
def command(
    *, check: bool, diff: bool, interactive: bool, exit_non_zero_on_fix: bool, **given: Any
) -> int:
    """Rewrite sites, and record the run so that any part of it can be reverted.

    Choose rules with --rule, --task or --all, or in the configuration. Files with uncommitted
    changes are refused unless --allow-dirty is given.
    """
    from hephaestus_codemods.cli.show import ask, request, show  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.flows.apply import apply  # noqa: PLC0415

    write = not (check or diff)
    if interactive and not write:
        raise click.UsageError("--interactive writes; it cannot go with --check or --diff")
    if diff and given["output_format"] == "json":
        raise click.UsageError("--diff prints a patch: for the report use --report json=FILE")
    done = apply(request(given), write=write, choose=ask if interactive else None)
    if diff:
        output.data(done.patch)
    findings_are_1 = not write or exit_non_zero_on_fix
    return show(done, given, findings_are_1=findings_are_1, quiet_data=diff)
