"""Time scan and apply against ``ast.parse`` and the peers, on one tree, in one run.

The tree is the unpacked apache-airflow-core wheel. Times are CPU seconds (user and system) of a
whole process tree. The commands run in turn, round by round, so that a machine that drifts or is
shared hits all alike; what is promised is a ratio, the median over the rounds. Peers that take
minutes run once. Ends with 1 when a promise is not kept.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench.commands import commands
from bench.facts import facts_table
from bench.measure import run
from bench.place import WHEEL, Unavailable, tree
from bench.promises import promises

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.commands import Commands
    from bench.measure import Timing
    from bench.promises import Promise


def main() -> int:
    """Measure, print both tables, and say whether all promises are kept."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the peers out")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs")
    given = parser.parse_args()
    try:
        measured = commands(with_peers=not given.quick)
        found = primed(measured.warm)
    except Unavailable as error:
        raise SystemExit(f"nothing can be measured: {error}") from error
    for _ in range(given.rounds):
        for timing in measured.timings:
            timing.run()
    results = tuple(promises(measured))
    console = Console(width=110)
    console.print(f"{WHEEL}, least of {given.rounds} round(s); a scan with every rule says:")
    console.print(found)
    console.print(timing_table(measured))
    console.print(promise_table(results))
    console.print(facts_table(tree()))
    return int(any(one.kept is False for one in results))


def primed(warm: Timing) -> str:
    """Fill the cache; return what a scan finds, for to find nothing is no feat."""
    found = run(warm.command, warm.folder).strip()
    if "suggested" not in found:
        raise SystemExit(f"a scan of the tree finds nothing to time: {found}")
    return found


def timing_table(measured: Commands) -> Table:
    """Return what each command took."""
    table = Table("command", "CPU s", "wall s", "times ast.parse", "times cold scan")
    for timing in measured.timings:
        if timing.reason:
            table.add_row(timing.name, "not measured", f"{timing.reason}")
            continue
        ratios = (timing.over(measured.parse), timing.over(measured.cold))
        table.add_row(
            timing.name, f"{min(timing.cpu):.2f}", f"{min(timing.wall):.2f}", *map(shown, ratios)
        )
    return table


def promise_table(results: Sequence[Promise]) -> Table:
    """Return what is promised, and whether it is kept."""
    table = Table("promise", "aim", "measured", "kept")
    words = {True: "yes", False: "NO", None: "unknown"}
    for one in results:
        measured = shown(one.value) if one.value is not None else f"not measured: {one.why_not}"
        table.add_row(one.name, one.aim, measured, words[one.kept])
    return table


def shown(value: float | None) -> str:
    """Return a figure as people read it."""
    return "" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
