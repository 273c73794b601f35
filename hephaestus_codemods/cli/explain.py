"""``hcodemod explain``: why a site is or is not rewritten."""

from __future__ import annotations

from typing import Any

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb


@click.command("explain", cls=Verb)
@click.argument("place", metavar="PATH:LINE")
@click.argument("rule", metavar="RULE")
@click.option("--config", metavar="FILE", help="Read this configuration file.")
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
@click.option("--set", "sets", multiple=True, metavar="RULE.OPTION=VALUE", help="Set an option.")
def command(*, place: str, rule: str, **given: Any) -> int:
    """Say why RULE rewrites the site at PATH:LINE or leaves it alone, condition by condition."""
    from hephaestus_codemods.cli.show import request  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.flows.explain import explain  # noqa: PLC0415

    output.listed(explain(request({**given, "paths": (place,), "rules": (rule,)})))
    return 0
