"""I1-I7 and I19 on code that nobody wrote for us: Python's own, generated, and mutated."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesmith
import pysource_codegen
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from .harness import TOYS, made
from .oracle import check, cpython_reads, real_rules, rewritten, toys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

LIB = Path(os.__file__).parent
#: What comes with Python to be refused, or to be read with care.
ODD = ("badsyntax", "bad_coding", "coding20731", "tokenize_tests", "encoded_modules", "tests/data/")
SEED = 20_261_127


def lib(*, most_bytes: int = 1_000_000) -> list[Path]:
    """Return the modules of the standard library, the smaller ones first dealt out fairly."""
    found = [path for path in LIB.rglob("*.py") if "site-packages" not in path.parts]
    return sorted(path for path in found if path.stat().st_size <= most_bytes)


def contents(paths: Sequence[Path]) -> dict[str, bytes]:
    return {path.relative_to(LIB).as_posix(): path.read_bytes() for path in paths}


def sampled(count: int, most_bytes: int) -> dict[str, bytes]:
    """Return the odd files and *count* others, the same ones each time."""
    every = lib(most_bytes=most_bytes)
    odd = [path for path in every if any(word in str(path) for word in ODD)]
    rest = [path for path in every if path not in odd]
    return contents([*odd, *random.Random(SEED).sample(rest, count)])


def test_the_standard_library_goes_there_and_back(disk: Path) -> None:
    """300 sampled modules as a project of their own: apply, apply again, revert, as processes."""
    modules = sampled(300, 7_000).items()
    # A folder of this name is taken for an environment, and is not entered.
    files = {f"lib/{path}": raw for path, raw in modules if not path.startswith("venv/")}
    place = made(disk, files).committed()
    words = ("apply", "lib", *TOYS, "--all", "--safety", "suggest")

    first = place.json(*words, limit=600)
    changed = place.tree()
    second = place.json(*words, "--allow-dirty", limit=600)

    assert set(first.statuses()) == {path for path in files if not path.endswith("/")}
    assert {one["code"] for one in first.report["failures"] if one["ours"]} <= {"gate"}
    for path, (status, code) in first.statuses().items():
        assert (changed[path] != files[path]) == (status == "changed"), path
        if status == "failed" and code == "syntax":
            assert not cpython_reads(files[path]), path
        assert status in ("changed", "unchanged") or code, path
    assert sum(status == "changed" for status, _ in first.statuses().values()) > 200
    assert place.tree() == changed
    assert second.report["run"] is None
    assert place.run("revert").code == 0
    assert place.tree() == files


def test_toys_on_the_standard_library_break_nothing() -> None:
    ends = check(sampled(100, 9_000), toys(), toy=True)

    assert ends["changed"] > 90
    assert min(ends["syntax"], ends["encoding"]) > 1


def test_real_rules_read_the_standard_library() -> None:
    """Each built-in rule looks at 300 modules of any size, needles or not, and none fails."""
    ends = check(sampled(300, 60_000), real_rules(), toy=False)

    assert ends["unchanged"] > 250


def test_without_a_selected_site_nothing_changes() -> None:
    """The no-op path."""
    results = rewritten(sampled(60, 12_000), toys(), write=False)

    assert sum(bool(result.sites) for result in results.values()) > 50
    assert {result.after for result in results.values()} == {None}


@pytest.mark.torture
@pytest.mark.parametrize("part", range(16))
def test_toys_on_all_of_the_standard_library_break_nothing(part: int) -> None:
    ends = check(contents(lib(most_bytes=120_000)[part::16]), toys(), toy=True)

    assert ends["changed"] > 60


@pytest.mark.torture
@pytest.mark.parametrize("part", range(4))
def test_real_rules_read_all_of_the_standard_library(part: int) -> None:
    check(contents(lib()[part::4]), real_rules(), toy=False)


def programs(strategy: SearchStrategy[str], count: int, *, same: bool = True) -> list[str]:
    """Draw *count* programs, the same ones each time."""
    found: list[str] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=same,
    )
    @given(strategy)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


def generated(grammar: int, nodes: int, long: int, size: int, *, same: bool = True) -> list[str]:
    """Return programs from the grammar, from trees, and longer ones."""
    start = 0 if same else random.SystemRandom().randrange(10**6)
    return [
        *programs(hypothesmith.from_grammar(), grammar, same=same),
        *programs(hypothesmith.from_node(), nodes, same=same),
        *(pysource_codegen.generate(start + n, node_limit=size) for n in range(long)),
    ]


def as_files(texts: Sequence[str]) -> dict[str, bytes]:
    return {
        f"f{number}.py": text.encode("utf-8", "surrogatepass")
        for number, text in enumerate(dict.fromkeys(texts))
    }


@pytest.mark.filterwarnings("ignore")
def test_generated_programs_are_edited_and_nothing_breaks() -> None:
    """100 programs from the grammar, 20 from trees, and 50 longer ones, which have more to edit."""
    files = as_files(generated(100, 20, 50, 600))

    ends = check(files, toys(), toy=True)
    check(files, real_rules(), toy=False)

    assert ends["changed"] > 30


@pytest.mark.torture
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", range(5))
def test_ten_thousand_generated_programs_are_edited_and_nothing_breaks(part: int) -> None:
    """Other programs each time; a failure shows the file by its bytes."""
    files = as_files(generated(1_700, 200, 100, 1_000, same=False))

    check(files, toys(), toy=True)
    check(files, real_rules(), toy=False)


#: What is put into real files: everything that ever confused a parser or a position.
FRAGMENTS = (
    *(b"\x0c", b"\r", b"\r\n", b"\n", b"\\\n", b"\t", b" ", b"(", b")", b"[", b"]", b"{", b"}"),
    *(b"'", b'"', b'"""', b"f'{", b"}'", b"\xef\xbb\xbf", b"\0", b"\xff", b"\xe2\x80\x8b"),
    *(b"\xc2\xa0", b"#", b":", b";", b",", b"=", b":=", b"*", b"**", b"@", b"->", b"lambda: "),
    *(b"if ", b"else ", b"await ", b"yield ", b"async ", b"match ", b"type ", b"not ", b"global "),
    *(b"def f(): pass\n", b"class C: pass\n", b"import os\n", b"return ", b"del ", b"\xe2\x80\xa8"),
    *(b"# coding: latin-1\n", b"# coding: utf-7\n", b"t'{x}'", b"\xf0\x9f\x98\x80", b"0x", b"1_"),
)


def mutated(raw: bytes, choice: random.Random) -> bytes:
    """Insert, delete, repeat or replace one to four pieces of *raw*."""
    for _ in range(choice.randint(1, 4)):
        at = choice.randrange(len(raw) + 1)
        size = choice.choice((1, 2, 8, 40))
        piece = choice.choice(FRAGMENTS)
        match choice.randrange(4):
            case 0:
                raw = raw[:at] + piece + raw[at:]
            case 1:
                raw = raw[:at] + raw[at + size :]
            case 2:
                raw = raw[: at + size] + raw[at:]
            case _:
                raw = raw[:at] + piece + raw[at + size :]
    return raw


def mutants(count: int, seed: int, most_bytes: int) -> dict[str, bytes]:
    choice = random.Random(seed)
    originals = [raw for raw in contents(lib(most_bytes=most_bytes)).values() if raw]
    return {f"m{seed}_{n}.py": mutated(choice.choice(originals), choice) for n in range(count)}


def test_mutated_files_are_edited_or_refused_and_nothing_breaks() -> None:
    """5,000 mutants of real files."""
    ends = check(mutants(5_000, SEED, 1_500), toys(), toy=True)

    assert ends["changed"] > 500
    assert ends["syntax"] > 500
    assert min(ends["null-bytes"], ends["encoding"]) > 20


@pytest.mark.torture
@pytest.mark.parametrize("part", range(50))
def test_many_mutated_files_are_edited_or_refused_and_nothing_breaks(part: int) -> None:
    """250,000 mutants, other ones each time."""
    seed = random.SystemRandom().randrange(10**9)
    check(mutants(5_000, seed, 3_000), toys(), toy=True)
