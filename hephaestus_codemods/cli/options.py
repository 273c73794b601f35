"""Options that several verbs share, and help that is drawn with rich only when it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")
REPORTS = ("json", "markdown")


def _reports(
    ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Return format and file of each FORMAT=FILE; refuse a wrong one before anything is done."""
    pairs = []
    for text in texts:
        style, _, file = text.partition("=")
        if style not in REPORTS or not file:
            wanted = " or ".join(f"{one}=FILE" for one in REPORTS)
            raise click.BadParameter(f"it takes {wanted}, not {text!r}", ctx, param)
        pairs.append((style, file))
    return tuple(pairs)


class Verb(click.Command):
    """A command whose help is laid out by rich-click, which is imported only to show it."""

    def get_help(self, ctx: click.Context) -> str:
        """Return the help text of the command, in panels and colours where they fit."""
        import rich_click  # noqa: PLC0415  # 100 ms that only help needs

        rich = rich_click.RichCommand(name=self.name, params=self.params, help=self.help)
        with rich_click.RichContext(rich, info_name=ctx.info_name, parent=ctx.parent) as context:
            text: str = rich.get_help(context)
        return text


def rules_options(function: Command) -> Command:
    """Say which rules: by name, by task, or all."""
    for option in reversed(
        (
            click.option(
                "-r",
                "--rule",
                "rules",
                multiple=True,
                metavar="RULE",
                help="A rule by name or pattern; repeat it, or separate names by commas.",
            ),
            click.option(
                "--task",
                "tasks",
                multiple=True,
                metavar="TASK",
                help="All rules of a task: api_optimization, chat_backend_optimization, "
                "report_generation_optimization or cache_optimization.",
            ),
            click.option("--all", "all_rules", is_flag=True, help="All built-in rules."),
            click.option("--ignore", multiple=True, metavar="RULE", help="Leave a rule out."),
            click.option(
                "--pack",
                "packs",
                multiple=True,
                metavar="PACK",
                help="Let --all and --task reach this third-party rule pack too.",
            ),
        )
    ):
        function = option(function)
    return function


def where_options(function: Command) -> Command:
    """Say where to look and which configuration holds."""
    for option in reversed(
        (
            click.argument("paths", nargs=-1, type=click.Path(path_type=str)),
            click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these paths out."),
            click.option(
                "--force-exclude",
                is_flag=True,
                help="Apply exclusions also to files that are named on the command line.",
            ),
            click.option("--config", metavar="FILE", help="Read this configuration file."),
            click.option("--isolated", is_flag=True, help="Ignore all configuration files."),
            click.option(
                "--set",
                "sets",
                multiple=True,
                metavar="RULE.OPTION=VALUE",
                help="Set a rule's option.",
            ),
        )
    ):
        function = option(function)
    return function


def output_options(function: Command) -> Command:
    """Say what is shown and what is kept."""
    for option in reversed(
        (
            click.option(
                "--report",
                "reports",
                multiple=True,
                callback=_reports,
                metavar="FORMAT=FILE",
                help="Write the report: json=FILE or markdown=FILE; repeatable.",
            ),
            click.option(
                "--output-format",
                type=click.Choice(["full", "concise", "json"]),
                default="full",
                help="How results are shown.",
                show_default=True,
            ),
            click.option("-q", "--quiet", is_flag=True, help="Show totals and errors only."),
            click.option("-v", "--verbose", is_flag=True, help="Show every refused site."),
            click.option("--exit-zero", is_flag=True, help="Exit with 0 where it would be 1."),
            click.option(
                "--strict", is_flag=True, help="Exit with 2 also when a file was skipped."
            ),
            click.option(
                "-j", "--jobs", type=click.IntRange(1), metavar="N", help="Worker processes."
            ),
            click.option("--no-cache", is_flag=True, help="Search every file anew."),
        )
    ):
        function = option(function)
    return function
