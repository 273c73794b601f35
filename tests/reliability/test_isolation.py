"""I15: whatever one rule does on one file, all other results are those of a run without it."""

from __future__ import annotations

import importlib
import itertools
import resource
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.engine.model import Selection
from hephaestus_codemods.engine.run import in_workers, jobs_for
from hephaestus_codemods.engine.workers import Limits
from hephaestus_codemods.flows.files import DiskFiles
from hephaestus_codemods.rule import Safety
from tests.engine.toys import run

from .harness import PACK, TOYS, Place, made
from .shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hephaestus_codemods.engine.model import FileResult
    from hephaestus_codemods.rule import Rule

KINDS = ("segv", "abort", "oom", "hang", "raise", "exit", "recursion", "handles")
MORE_KINDS = ("vanish", "busy in C", "stack")
WORKERS = (1, 2, 5)
LIMITS = Limits(seconds=1.0, memory_bytes=640 << 20)
GOOD = {f"good_{n}.py": f"x = f({n})\n\n\ndef g():\n    return h(f(x))\n" for n in range(24)}
BAD = 'x = f(1)\npoison("{kind}")\ny = f(2)\n'


@pytest.fixture(scope="module")
def toys() -> Iterator[tuple[Rule, ...]]:
    """Import the toy rules as an installed pack."""
    sys.path.insert(0, str(PACK))
    names = ("toy_keyword", "toy_poison", "toy_wrap")
    yield tuple(importlib.import_module(f"hostile_toys.{name}.rule").RULE for name in names)
    sys.path.remove(str(PACK))


@pytest.fixture(autouse=True)
def few_handles() -> Iterator[None]:
    """Let a process run out of handles before it has opened a million."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def results(place: Place, rules: tuple[Rule, ...], workers: int) -> dict[str, FileResult]:
    paths = sorted(place.tree())
    view = DiskFiles(place.root, frozenset(paths))
    chosen = Selection(dict.fromkeys((rule.name for rule in rules), Safety.SAFE))
    jobs = jobs_for(view, paths, frozenset(), rules)
    found = in_workers(view, jobs, rules, chosen, workers=workers, limits=LIMITS)
    return {result.path: result for result in found}


@pytest.mark.parametrize(
    ("kind", "workers"),
    [*itertools.product(KINDS, WORKERS), *itertools.product(MORE_KINDS, [2])],
)
def test_one_rule_on_one_file_fails_alone(
    place: Place, toys: tuple[Rule, ...], kind: str, workers: int
) -> None:
    keyword, poison, wrap = toys
    place.put({**GOOD, "good_11_bad.py": BAD.format(kind=kind)})
    without = results(place, (keyword, wrap), workers)
    started = time.monotonic()

    found = results(place, toys, workers)

    assert time.monotonic() - started < 20
    bad = found["good_11_bad.py"]
    assert [failure.rule for failure in bad.failures] == [poison.name]
    assert replace(bad, failures=()) == without["good_11_bad.py"], "the other rules did their work"
    assert bad.after is not None
    assert found == {**without, "good_11_bad.py": bad}


@pytest.mark.torture
@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("kind", KINDS + MORE_KINDS)
def test_poison_at_any_place_among_the_files_fails_alone(
    place: Place, toys: tuple[Rule, ...], kind: str, workers: int, turn: int
) -> None:
    """198 runs with two poison files each, at other places among the files."""
    keyword, poison, wrap = toys
    names = f"good_{turn * 4}_bad.py", f"good_{(turn * 7 + 1) % 24}_worse.py"
    place.put({**GOOD, **dict.fromkeys(names, BAD.format(kind=kind))})
    without = results(place, (keyword, wrap), workers)

    found = results(place, toys, workers)

    for name in names:
        assert [failure.rule for failure in found[name].failures] == [poison.name]
    assert {path: replace(one, failures=()) for path, one in found.items()} == without


def test_a_file_that_cannot_even_be_read_costs_no_rule_its_time(
    place: Place, toys: tuple[Rule, ...]
) -> None:
    """Two attempts and one without rules, not one for each rule."""
    keyword, _, _ = toys
    many = tuple(
        replace(keyword, module=f"hostile_toys.toy_copy_{n}.rule", needles=((b"deep",),))
        for n in range(9)
    )
    # CPython refuses it because of its end; LibCST, asked whether it is newer syntax, hangs.
    place.put({**GOOD, "deep.py": "deep = a" + ".b()" * 3_000 + "\nx = = 1\n"})
    started = time.monotonic()

    found = results(place, (*many, keyword), 2)

    assert time.monotonic() - started < 5 * LIMITS.seconds
    (failure,) = found["deep.py"].failures
    assert failure.rule is None
    assert "longer than 1 second" in failure.message
    assert all(one.after is not None for path, one in found.items() if path != "deep.py")


def deep_code_costs_only_itself(disk: Path, shapes: Iterable[str], *sizes: int) -> None:
    """Whatever becomes of deep files, others are changed, and every byte comes back."""
    deep = {f"{n}_{size}.py": SHAPES[s](size) for n, s in enumerate(shapes) for size in sizes}
    good = {name: GOOD[name] for name in list(GOOD)[:3]}
    place = made(disk, {**deep, **good}).committed()
    before = place.tree()

    applied = place.json("apply", "--rule", "toy-wrap", limit=3_000)

    faults = {one["code"] for one in applied.report["failures"] if one["ours"]}
    assert applied.code in (0, 2) or (applied.code == 3 and faults == {"gate"}), applied.err
    assert set(applied.statuses()) == set(before)
    for path, (status, code) in applied.statuses().items():
        assert (place.tree()[path] != before[path]) == (status == "changed"), path
        assert status == "changed" or (path in deep and (status == "unchanged" or code)), path
    assert place.run("revert").code == 0
    assert place.tree() == before


@pytest.mark.parametrize("size", [200, 3_000])
def test_deep_code_costs_only_itself(disk: Path, size: int) -> None:
    """Files of every shape, which ended other tools, next to ordinary ones."""
    deep_code_costs_only_itself(disk, SHAPES, size)


@pytest.mark.torture
@pytest.mark.parametrize("shape", SHAPES)
def test_deeper_code_costs_only_itself(disk: Path, shape: str) -> None:
    """Up to 30,000 levels."""
    deep_code_costs_only_itself(disk, [shape], 100, 500, 1_000, 10_000, 30_000)


def test_one_broken_edit_among_hundreds_is_found_and_the_others_stay(
    toys: tuple[Rule, ...],
) -> None:
    """A generator as the only argument takes no keyword: each such edit fails its gate alone."""
    keyword = toys[0]
    bad = ("a(x for x in y)", "b(x for x in y)")
    text = "".join(f"f({n})\n" for n in range(300)) + f"{bad[0]}\n" + "g()\n" * 200 + bad[1]

    result = run(text, keyword)

    assert (
        result.after
        == "".join(
            line
            if line.strip() in bad
            else line.replace(")", "hc_toy=1)" if "()" in line else ", hc_toy=1)")
            for line in text.splitlines(keepends=True)
        ).encode()
    )
    assert [site.line for site in result.sites if site.status == "refused"] == [301, 502]
    assert len(result.failures) == 2
    assert all(failure.ours for failure in result.failures)


def test_a_revert_reads_no_code_in_its_own_process(place: Place) -> None:
    """The edited file ends LibCST with SIGSEGV on an ordinary stack."""
    text = "x = f(1)\n" + "# a line that nobody changes\n" * 9
    place.put({"a.py": text})
    place.committed()
    assert place.run("apply", *TOYS).code == 0
    deep = f"y = {'a or ' * 20_000}a\nz = = 1\n"
    place.put({"a.py": (place.root / "a.py").read_text() + deep})

    done = place.run("revert")

    assert done.code == 0, done.err
    assert place.tree() == {"a.py": (text + deep).encode()}
