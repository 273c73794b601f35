"""``hcodemod recover``: finish or roll back what a crash left half done."""

from __future__ import annotations

import click

from hephaestus_codemods.cli import output
from hephaestus_codemods.cli.options import Verb


@click.command("recover", cls=Verb)
@click.argument("path", default=".", type=click.Path(exists=True))
def command(*, path: str) -> int:
    """Bring every file to what it was before the run that was cut off, or after it."""
    from hephaestus_codemods.flows.recover import recover  # noqa: PLC0415  # not for --help

    text, code = recover(path)
    output.told(text)
    return code
