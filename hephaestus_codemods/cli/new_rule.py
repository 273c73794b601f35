"""``hcodemod new-rule``: start the folder of a new rule."""

from __future__ import annotations

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb


@click.command("new-rule", cls=Verb)
@click.argument("name")
@click.option("--folder", default=".", metavar="DIR", help="The package that holds your rules.")
def command(*, name: str, folder: str) -> int:
    """Start the folder of rule NAME: a rule and a page whose cases pass."""
    from hephaestus_codemods.flows.rules import start_rule  # noqa: PLC0415  # not for --help

    output.listed(start_rule(name, folder))
    return 0
