"""The command ``hcodemod``: verbs are imported only when they are asked for."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from hephaestus_codemods import __version__
from hephaestus_codemods.errors import HcodemodError

if TYPE_CHECKING:
    from types import FrameType

#: Verb → one line of help; the module of the same name in this package holds the command.
VERBS = {
    "scan": "Find sites; write nothing.",
    "apply": "Rewrite sites; every run can be reverted.",
    "revert": "Take back a run, a rule, a file or a site.",
    "runs": "List, show and clean up the runs of this project.",
    "recover": "Finish or roll back what a crash left half done.",
    "rules": "List the rules, or print one rule's page.",
    "explain": "Say why a site is or is not rewritten.",
    "facts": "Print what is known about a project.",
    "config": "Show, check or describe the configuration.",
    "new-rule": "Start the folder of a new rule.",
}
INTERRUPTED = 130
#: Trees, facts and results live until the end; to look for garbage among them again and again, as
#: Python does after every 700 new objects, took a third of a scan. Workers inherit this.
GARBAGE_AFTER = 500_000
EXIT_CODES = """
\b
Exit codes: 0 clean or done; 1 findings under --check or --diff, or a conflict
on revert; 2 wrong usage, or a file that failed; 3 a fault of ours; 130 interrupted.
"""


class Verbs(click.Group):
    """A group that knows its commands by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a verb and return its command."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"hephaestus_codemods.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Answer a misspelt verb with the nearest one."""
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            import difflib  # noqa: PLC0415  # only for the mistake

            near = difflib.get_close_matches(args[0], VERBS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else " See 'hcodemod --help'."
            raise click.UsageError(f"there is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.option(
    "-C",
    "folder",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Work as if started in DIR.",
)
@click.version_option(__version__, prog_name="hcodemod", message="%(prog)s %(version)s")
def hcodemod(folder: str | None) -> None:
    """Find what makes a Python web backend slow, and rewrite it.

    Every change is a patch that can be reverted alone, and stands in a report.

    \b
    hcodemod scan                                   what could be done here
    hcodemod apply --rule sqlalchemy-exists-over-count --diff
    hcodemod revert                                 take the last run back
    """  # noqa: D301  # click wants the character
    if folder is not None:
        os.chdir(folder)


def main() -> NoReturn:
    """Run the command line and exit with 0, 1, 2, 3 or 130 (see the README)."""
    gc.set_threshold(GARBAGE_AFTER)
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    try:
        code = run(sys.argv[1:])
        _stop_listening()
    except KeyboardInterrupt:  # a second one, while the first was dealt with
        _stop_listening()
        code = INTERRUPTED
    sys.exit(code)


def _stop_listening() -> None:
    """Let no signal change how a command ends that has ended."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        result = hcodemod.main(arguments, prog_name="hcodemod", standalone_mode=False)
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except SystemExit:  # click's answer to a reader of its help that went away
        return 0
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    except HcodemodError as error:
        _say(f"error: {error}")
        return error.exit_code
    except Exception as error:  # the last line of defence: never a bare traceback
        _say(f"error: a fault of ours: {type(error).__name__}: {error}\n{_crash_report()}")
        return 3
    return result if isinstance(result, int) else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show(error: click.ClickException) -> None:
    from hephaestus_codemods.cli import output  # noqa: PLC0415  # only on the way out

    with output.unread(sys.stderr):
        error.show()


def _say(text: str) -> None:
    from hephaestus_codemods.cli import output  # noqa: PLC0415  # only on the way out

    output.told(f"hcodemod: {text}")


def _crash_report() -> str:
    """Keep the traceback in a file of its own, and say where it lies."""
    import tempfile  # noqa: PLC0415  # only on the way out
    import traceback  # noqa: PLC0415

    from hephaestus_codemods.report.redact import redact  # noqa: PLC0415

    with tempfile.NamedTemporaryFile(
        "w", prefix="hcodemod-crash-", suffix=".txt", delete=False
    ) as file:
        file.write(redact(traceback.format_exc()))
    return f"The details are in {file.name}; please report them."
