"""``hcodemod rules``: list the rules, or print one rule's page."""

from __future__ import annotations

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb


@click.command("rules", cls=Verb)
@click.argument("rule", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(*, rule: str | None, as_json: bool) -> int:
    """List the installed rules, or print the page of RULE."""
    from hephaestus_codemods.flows.rules import listed, page  # noqa: PLC0415  # not for --help

    output.data((page(rule) if rule else listed(as_json=as_json)).encode())
    return 0
