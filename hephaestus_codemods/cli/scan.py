"""``hcodemod scan``: find sites, write nothing."""

from __future__ import annotations

from typing import Any

import click

from hephaestus_codemods.cli.options import Verb, output_options, rules_options, where_options


@click.command("scan", cls=Verb)
@rules_options
@click.option("--check", is_flag=True, help="Exit with 1 when there is something to rewrite.")
@where_options
@output_options
def command(*, check: bool, **given: Any) -> int:
    """Find what could be rewritten, and say why the rest is left alone.

    Without PATHS the whole project is searched; PATH:LINE narrows it to a line. All rules are
    asked unless some are chosen. Nothing is written.
    """
    from hephaestus_codemods.cli.show import request, show  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.flows.scan import scan  # noqa: PLC0415

    done = scan(request(given))
    return show(done, given, findings_are_1=check)
