"""``hcodemod facts``: say what is known about a project, write nothing."""

from __future__ import annotations

from typing import Any

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb


@click.command("facts", cls=Verb)
@click.argument("paths", nargs=-1, type=click.Path(path_type=str))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--effects", is_flag=True, help="Say what each function does, and how it is known.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these paths out.")
@click.option("--config", metavar="FILE", help="Read this configuration file.")
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the facts and stop.")
def command(*, as_json: bool, effects: bool, schema: bool, **given: Any) -> int:
    """Print an inventory of a project: applications, routes, models, clients, settings.

    Without PATHS the whole project is shown; PATHS narrow what is shown, not what is known.
    Nothing of the project is executed, and nothing is written.
    """
    from hephaestus_codemods.report import facts  # noqa: PLC0415  # not for --help

    if schema:
        output.data(facts.schema())
        return 0
    from hephaestus_codemods.cli.show import request  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.flows.facts import gather  # noqa: PLC0415
    from hephaestus_codemods.report.inventory import lines  # noqa: PLC0415

    found = gather(request(given), effects=effects)
    if as_json:
        output.data(facts.dumps(found.facts))
    else:
        output.listed(lines(found.facts))
    for path, why in found.unreadable:
        output.told(f"hcodemod: {path}: {why}")
    return 2 if found.unreadable else 0
