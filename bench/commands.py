"""The commands that are timed side by side."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.measure import Timing
from bench.place import (
    CODEMODDER,
    FIXIT,
    HCODEMOD,
    LIBCST,
    PLACE,
    RUFF,
    Unavailable,
    peer_folder,
    tree,
)
from hephaestus_codemods.registry import find_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PARSE_ALL = """
import ast, pathlib
for path in sorted(pathlib.Path().rglob("*.py")):
    ast.parse(path.read_bytes())
"""
#: The rules that came with the engine, and the one of them that peers have a counterpart of.
FIRST_RULES = (
    "sqlalchemy-engine-pool-options",
    "sqlalchemy-exists-over-count",
    "redis-roundtrip-collapse",
)
COMPARABLE = "sqlalchemy-exists-over-count"
#: A file of the tree with nothing to do for any rule.
QUIET_FILE = "airflow/exceptions.py"

SCAN = (HCODEMOD, "scan", "-q")
COLD = (*SCAN, "--no-cache", "-j", "1")
PARALLEL = (*SCAN, "--no-cache", "-j", "2")


@dataclass(frozen=True)
class Commands:
    """Everything that is timed; *alone* holds a cold scan for each single rule."""

    parse: Timing
    cold: Timing
    first: Timing
    alone: dict[str, Timing]
    warm: Timing
    parallel: Timing
    version: Timing
    one_file: Timing
    peers: dict[str, Timing]

    @property
    def timings(self) -> tuple[Timing, ...]:
        """All commands, in the order of the table."""
        return (
            *(self.parse, self.cold, self.first, *self.alone.values()),
            *(self.warm, self.parallel, self.version, self.one_file),
            *self.peers.values(),
        )


def commands(*, with_peers: bool) -> Commands:
    """Return what is timed; without peers nothing of them is installed."""
    place = tree()

    def ours(name: str, *command: str) -> Timing:
        return Timing(name, list(command), place)

    names = tuple(name for name, rule in find_rules().rules.items() if rule.pack.is_builtin)
    return Commands(
        parse=ours("ast.parse of every file", sys.executable, "-c", PARSE_ALL),
        cold=ours("scan, every rule, cold, -j1", *COLD),
        first=ours("scan, the first three rules, cold, -j1", *COLD, *_chosen(FIRST_RULES)),
        alone={name: ours(f"scan, {name} alone", *COLD, *_chosen([name])) for name in names},
        warm=ours("scan, every rule, warm, -j1", *SCAN, "-j", "1"),
        parallel=ours("scan, every rule, cold, -j2", *PARALLEL),
        version=ours("hcodemod --version", HCODEMOD, "--version"),
        one_file=ours("apply a rule to a file without a site", *quiet_apply()),
        peers=dict(_peers()) if with_peers else {},
    )


def quiet_apply() -> list[str]:
    """Return the command that a commit hook runs, for a file in which nothing is to be done."""
    return [HCODEMOD, "apply", "-q", *_chosen([COMPARABLE]), QUIET_FILE]


def _chosen(rules: Iterable[str]) -> list[str]:
    return [word for rule in rules for word in ("--rule", rule)]


def _peers() -> Iterator[tuple[str, Timing]]:
    for name, command in PEERS.items():
        timing = Timing(name, [], tree() if name == "ruff" else peer_folder(), once=name != "ruff")
        try:
            timing.command = command()
        except Unavailable as error:
            timing.reason = str(error)
        yield name, timing


def _ruff() -> list[str]:
    chosen = ("--select", "PERF,FAST,ASYNC")
    return [RUFF.program("ruff"), "check", "--no-cache", "--isolated", "--exit-zero", "-q", *chosen]


def _libcst() -> list[str]:
    words = ("codemod", "libcst_codemod.ExistsOverCount", "tree", "-j", "1", "--hide-progress")
    return [LIBCST.program("python"), "-m", "libcst.tool", *words]


def _fixit() -> list[str]:
    return [FIXIT.program("fixit"), "--quiet", "lint", "tree"]


def _codemodder() -> list[str]:
    what = ("--codemod-include", "pixee:python/use-generator", "--path-include", "**/*.py")
    out = ("--output", str(PLACE / "codetf.json"))
    return [CODEMODDER.program("codemodder"), "tree", "--dry-run", *what, *out]


PEERS: dict[str, Callable[[], list[str]]] = {
    "ruff": _ruff,
    "libcst.tool": _libcst,
    "fixit": _fixit,
    "codemodder": _codemodder,
}
