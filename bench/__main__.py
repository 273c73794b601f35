"""Time scan and apply against ``ast.parse`` and the peers, on one tree, in one run.

The tree is the unpacked apache-airflow-core wheel. Every figure is CPU time (user + system) of a
whole process tree, the smallest of several runs taken in turn, so that a drifting machine hits all
alike; what is promised is stated as a ratio. Peers are installed into throw-away environments.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".bench"
WHEEL = "apache-airflow-core==3.3.2"
PEERS = {
    "libcst": ("libcst==1.9.0",),
    "fixit": ("fixit==2.2.1",),
    "codemodder": ("codemodder==6.5.5", "semgrep", "setuptools"),
    "ruff": ("ruff==0.17.6",),
}
RUNS = 3
PARSE_ALL = """
import ast, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    ast.parse(path.read_bytes())
"""
RULES = (
    "sqlalchemy-engine-pool-options",
    "sqlalchemy-exists-over-count",
    "redis-roundtrip-collapse",
)


@dataclass
class Timing:
    """The least CPU and wall seconds of one command over all its runs, and its exit code."""

    name: str
    command: list[str]
    cwd: Path
    before: list[str] | None = None
    cpu: float = float("inf")
    wall: float = float("inf")
    code: int = 0

    def run(self) -> None:
        """Run the command once and keep its figures when they are the least so far."""
        if self.before is not None:
            subprocess.run(self.before, check=True, cwd=self.cwd, env=environment())
        start, used = time.perf_counter(), children_cpu()
        done = subprocess.run(
            self.command, cwd=self.cwd, env=environment(), capture_output=True, check=False
        )
        self.wall = min(self.wall, time.perf_counter() - start)
        self.cpu = min(self.cpu, children_cpu() - used)
        self.code = done.returncode
        if done.returncode not in (0, 1):
            tail = (done.stdout + done.stderr).decode(errors="replace")[-500:]
            raise SystemExit(f"{self.name} ended with {done.returncode}: {tail}")


def environment() -> dict[str, str]:
    """Return our environment as a user has it: compiled modules are kept between runs."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return env | {"XDG_STATE_HOME": str(PLACE / "state"), "XDG_CACHE_HOME": str(PLACE / "cache")}


def children_cpu() -> float:
    """Return the CPU seconds of all finished children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tree() -> Path:
    """Return the folder with the unpacked wheel, fetched once."""
    folder = PLACE / "tree"
    if not folder.exists():
        wheels = PLACE / "wheels"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels), WHEEL]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(wheels.glob("apache_airflow_core-*.whl"))) as wheel:
            wheel.extractall(folder)
    return folder


def peer(name: str) -> Path:
    """Return the ``bin`` of the environment that holds a peer, made once."""
    folder = PLACE / "peers" / name
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "pip"), "install", "-q", *PEERS[name]]
        subprocess.run(pip, check=True)
        (folder / "ready").touch()
    return folder / "bin"


def commands(place: Path) -> list[Timing]:
    """List what is timed."""
    hcodemod = str(Path(sys.executable).with_name("hcodemod"))
    scan = [hcodemod, "scan", ".", "-q", "-j", "1"]
    cold = [*scan, "--no-cache"]
    configuration = PLACE / "peer-config"
    shutil.copytree(ROOT / "bench" / "peers", configuration / "peers", dirs_exist_ok=True)
    (configuration / "peers" / "__init__.py").touch()
    (configuration / ".libcst.codemod.yaml").write_text("modules: ['peers']\nformatter: ['cat']\n")
    (configuration / "pyproject.toml").write_text(
        '[tool.fixit]\nroot = true\nenable = [".peers.fixit_rule"]\ndisable = ["fixit.rules"]\n'
    )
    copy = configuration / "tree"
    if not copy.exists():
        shutil.copytree(place, copy)
    return [
        Timing("ast.parse of every file", [sys.executable, "-c", PARSE_ALL, "."], place),
        Timing("scan, all rules, cold, -j1", cold, place),
        *(Timing(f"scan, {rule} alone", [*cold, "--rule", rule], place) for rule in RULES),
        Timing("scan, all rules, warm, -j1", scan, place, before=scan),
        Timing("scan, all rules, cold, -j2", [*cold[:-3], "-j", "2", "--no-cache"], place),
        Timing("hcodemod --version", [hcodemod, "--version"], place),
        Timing(
            "ruff check PERF,FAST,ASYNC",
            [
                str(peer("ruff") / "ruff"),
                "check",
                "--no-cache",
                "--isolated",
                "-q",
                "--exit-zero",
                "--select",
                "PERF,FAST,ASYNC",
                ".",
            ],
            place,
        ),
        Timing(
            "libcst.tool codemod",
            [
                str(peer("libcst") / "python"),
                "-m",
                "libcst.tool",
                "codemod",
                "-j",
                "1",
                "--hide-progress",
                "libcst_codemod.ExistsOverCount",
                "tree",
            ],
            configuration,
        ),
        Timing("fixit lint", [str(peer("fixit") / "fixit"), "-q", "lint", "tree"], configuration),
        Timing(
            "codemodder, one codemod",
            [
                str(peer("codemodder") / "codemodder"),
                ".",
                "--dry-run",
                "--codemod-include",
                "pixee:python/use-generator",
                "--output",
                str(PLACE / "codetf.json"),
                "--path-include",
                "**/*.py",
            ],
            copy,
        ),
    ]


def peak_memory_mb(place: Path) -> float:
    """Return the peak of all processes of one cold scan, in MB (the largest single process)."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    hcodemod = str(Path(sys.executable).with_name("hcodemod"))
    done = subprocess.run(
        [sys.executable, "-c", code, hcodemod, "scan", ".", "-q", "-j", "1", "--no-cache"],
        cwd=place,
        env=environment(),
        capture_output=True,
        check=True,
        text=True,
    )
    return float(done.stdout)


def imports_of(arguments: list[str], place: Path) -> set[str]:
    """Return which of our heavy dependencies a command imports."""
    hcodemod = str(Path(sys.executable).with_name("hcodemod"))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", hcodemod, *arguments],
        cwd=place,
        env=environment(),
        capture_output=True,
        check=True,
        text=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return loaded & {"libcst", "sqlglot", "rope"}


def main() -> None:
    """Run everything and print the table."""
    place = tree()
    timings = commands(place)
    for _ in range(RUNS):
        for timing in timings:
            timing.run()
    by_name = {timing.name: timing for timing in timings}
    parse, cold = by_name["ast.parse of every file"], by_name["scan, all rules, cold, -j1"]
    console = Console(width=110)
    table = Table("command", "cpu s", "wall s", "times ast.parse", "times our cold scan")
    for timing in timings:
        table.add_row(
            timing.name,
            f"{timing.cpu:.2f}",
            f"{timing.wall:.2f}",
            f"{timing.cpu / parse.cpu:.2f}",
            f"{timing.cpu / cold.cpu:.2f}",
        )
    files = sum(1 for _ in place.rglob("*.py"))
    console.print(f"{WHEEL}: {files} files; least of {RUNS} interleaved runs")
    console.print(table)
    alone = max(by_name[f"scan, {rule} alone"].cpu for rule in RULES)
    promises = Table("promise", "aim", "measured")
    aims = [
        ("cold scan / ast.parse", "≤ 1.0", cold.cpu / parse.cpu),
        ("warm scan / ast.parse", "≤ 0.15", by_name["scan, all rules, warm, -j1"].cpu / parse.cpu),
        ("all rules / dearest single rule", "≤ 1.5", cold.cpu / alone),
        ("libcst.tool / cold scan", "≥ 30", by_name["libcst.tool codemod"].cpu / cold.cpu),
        ("fixit / cold scan", "≥ 30", by_name["fixit lint"].cpu / cold.cpu),
        ("codemodder / cold scan", "≥ 30", by_name["codemodder, one codemod"].cpu / cold.cpu),
        ("cold scan / ruff", "≤ 5", cold.cpu / by_name["ruff check PERF,FAST,ASYNC"].cpu),
        (
            "wall of -j1 / wall of -j2",
            "≥ 1.6",
            cold.wall / by_name["scan, all rules, cold, -j2"].wall,
        ),
        ("peak memory of a cold scan, MB", "< 300", peak_memory_mb(place)),
    ]
    for name, aim, value in aims:
        promises.add_row(name, aim, f"{value:.2f}")
    heavy = imports_of(["--version"], place) | imports_of(
        ["scan", "-q", "airflow/__init__.py"], place
    )
    promises.add_row("heavy imports with nothing to do", "none", ", ".join(sorted(heavy)) or "none")
    console.print(promises)


if __name__ == "__main__":
    main()
