"""I9, I12, I16: a signal or a kill at any moment of a real run leaves whole files and one end."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from .harness import TOYS, Place, made

if TYPE_CHECKING:
    from pathlib import Path

#: The console script, telling when Python itself has started.
READY = "import os, hephaestus_codemods.cli.main as cli; os.write(2, b'ready'); cli.main()"
FILES = {f"pkg_{n % 7}/m{n}.py": f"x = f({n})\ny = g(x, f({n}))\n" for n in range(60)}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
SEED = 20_261_127


def struck(place: Place, delay: float, number: signal.Signals, *, twice: bool) -> tuple[int, str]:
    """Start an apply, strike it after *delay*, and return how it ended and what it said."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", READY, "apply", *TOYS, "-j", "2"],
        cwd=place.root,
        env=place.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.read(5) == b"ready"
        time.sleep(delay)
        process.send_signal(number)
        if twice:
            time.sleep(0.01)
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
    return process.returncode, err.decode()


def strike_at_random(disk: Path, times: int, seed: int) -> Counter[str]:
    """Strike a run *times* times, recover, compare, and take back what landed."""
    place = made(disk, FILES).committed()
    choice = random.Random(seed)
    old = place.tree()
    started = time.monotonic()
    assert place.run("apply", *TOYS).code == 0
    whole = time.monotonic() - started
    new = place.tree()
    assert place.run("revert").code == 0
    ends: Counter[str] = Counter()
    for _ in range(times):
        number = choice.choice(SIGNALS)
        delay = choice.uniform(0.01, whole)
        what = (number.name, delay)
        code, err = struck(place, delay, number, twice=choice.random() < 0.3)

        for path, content in place.tree().items():
            if not path.rpartition("/")[2].startswith(".hcodemod-"):
                assert content in (old[path], new[path]), what
        assert "Traceback" not in err, (what, err)
        assert code in ((-9, 0) if number is signal.SIGKILL else (130, 0)), (what, code, err)
        if number is not signal.SIGKILL:
            # One that comes while the report is shown stops only that: the run is complete.
            assert place.tree() in ((old, new) if code == 130 else (new,)), what
        recovered = place.run("recover")
        assert recovered.code == 0, (what, recovered.err)
        assert place.tree() in (old, new), what
        ends[f"{number.name} {'new' if place.tree() == new else 'old'}"] += 1
        if place.tree() == new:
            assert place.run("revert").code == 0
        assert place.tree() == old, what
    return ends


def test_a_signal_at_any_moment_leaves_one_of_the_two_ends(disk: Path) -> None:
    """20 moments."""
    ends = strike_at_random(disk, 20, SEED)

    assert any("old" in end for end in ends)


@pytest.mark.torture
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_signals_at_any_moment_leave_one_of_the_two_ends(disk: Path, part: int) -> None:
    strike_at_random(disk, 100, random.SystemRandom().randrange(10**9))
