"""``hcodemod config``: show, check or describe the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")


def _where(function: Function) -> Function:
    """Say whose configuration is meant."""
    for option in (
        click.option(
            "--set", "sets", multiple=True, metavar="RULE.OPTION=VALUE", help="Set an option."
        ),
        click.option("--isolated", is_flag=True, help="Ignore all configuration files."),
        click.option("--config", metavar="FILE", help="Read this configuration file."),
        click.argument("paths", nargs=-1, type=click.Path(path_type=str)),
    ):
        function = option(function)
    return function


@click.group("config")
def command() -> None:
    """Show, check or describe the configuration."""


@command.command("show", cls=Verb)
@_where
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show_config(*, as_json: bool, **given: Any) -> None:
    """Print every setting with its value and who set it."""
    from hephaestus_codemods.cli.show import request  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.flows.config import shown  # noqa: PLC0415

    output.listed(shown(request(given), as_json=as_json))


@command.command("validate", cls=Verb)
@_where
def validate_config(**given: Any) -> None:
    """Check the configuration; a wrong one ends with exit code 2 and says where."""
    from hephaestus_codemods.cli.show import request  # noqa: PLC0415  # not for --help
    from hephaestus_codemods.flows.config import validated  # noqa: PLC0415

    output.listed(validated(request(given)))


@command.command("schema", cls=Verb)
def print_schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from hephaestus_codemods.flows.config import described  # noqa: PLC0415  # not for --help

    output.data(described().encode())
