"""What must hold of every file that the toy rules and the real ones went over."""

from __future__ import annotations

import ast
import importlib
import io
import sys
import tokenize
import warnings
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from hephaestus_codemods import registry
from hephaestus_codemods.engine.model import Selection
from hephaestus_codemods.engine.run import in_workers, jobs_for
from hephaestus_codemods.engine.workers import Limits
from hephaestus_codemods.patch.replay import replay
from hephaestus_codemods.project.parse import parse
from hephaestus_codemods.project.project import Files
from hephaestus_codemods.project.source import UnreadableSource, decode
from hephaestus_codemods.rule import Safety

from .harness import PACK, Untoyed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hephaestus_codemods.engine.model import FileResult
    from hephaestus_codemods.rule import Rule

#: Why a file as a whole may be left alone.
REASONS = frozenset("encoding null-bytes syntax newer-syntax too-deep too-large".split())
#: Reasons that CPython has as well: it refuses every file that we refuse with one of these.
SHARED_REASONS = frozenset({"syntax", "null-bytes", "newer-syntax"})

#: Toys edit thousands of places of a file, and the machine may be busy.
LIMITS = Limits(seconds=300.0)


def toys() -> tuple[Rule, ...]:
    """Import the two toy rules that edit, as an installed pack."""
    sys.path.insert(0, str(PACK))
    try:
        names = ("toy_keyword", "toy_wrap")
        return tuple(importlib.import_module(f"hostile_toys.{name}.rule").RULE for name in names)
    finally:
        sys.path.remove(str(PACK))


def real_rules() -> tuple[Rule, ...]:
    """Load all built-in rules, and let them look at files that hold none of their needles."""
    listed = registry.find_rules().reachable().values()
    return tuple(replace(registry.load(one), needles=(), in_tests=True) for one in listed)


def rewritten(
    files: Mapping[str, bytes], rules: Sequence[Rule], *, write: bool = True
) -> dict[str, FileResult]:
    """Run *rules* over *files*, each by itself, in workers."""
    chosen = Selection(
        dict.fromkeys((rule.name for rule in rules), Safety.SUGGEST),
        only=None if write else frozenset(),
        options={rule.name: {o.name: o.default for o in rule.options} for rule in rules},
    )
    view = Files(files)
    jobs = jobs_for(view, sorted(files), frozenset(), rules)
    return {
        one.path: one for one in in_workers(view, jobs, rules, chosen, workers=2, limits=LIMITS)
    }


def check(files: Mapping[str, bytes], rules: Sequence[Rule], *, toy: bool) -> Counter[str]:
    """Hold what *rules* make of *files* to every promise; return how the files ended."""
    results = rewritten(files, rules)
    assert results.keys() == files.keys()
    after = {path: one.after for path, one in results.items() if one.after is not None}
    ends: Counter[str] = Counter()
    for path, result in results.items():
        ends[_end(path, files[path], result, toy=toy)] += 1
    again = rewritten(after, rules)
    settled = {path for path, one in again.items() if one.after is None}
    assert settled == after.keys(), "a second run changes nothing"
    return ends


def _end(path: str, before: bytes, result: FileResult, *, toy: bool) -> str:
    for failure in result.failures:
        if failure.rule is None and not failure.ours:
            assert failure.code in REASONS, (path, failure)
            assert failure.code not in SHARED_REASONS or not cpython_reads(before), (path, failure)
            assert result.after is None, path
            return failure.code
        # A toy edits where its edit is wrong: the gate that sees it is the promise kept.
        assert toy, (path, failure)
        assert failure.code == "gate", (path, failure)
    if result.after is None:
        return "unchanged"
    only_the_edits(before, result)
    same_but_for_the_toys(path, before, result)
    return "changed"


def only_the_edits(before: bytes, result: FileResult) -> None:
    """The steps, made in the plainest way, lead to the new bytes; without all sites to the old."""
    text = before
    for step in result.steps:
        for edit in sorted(step.edits, key=lambda edit: edit.start, reverse=True):
            text = text[: edit.start] + edit.new + text[edit.end :]
    assert text == result.after, result.path
    everyone = frozenset(owner for s in result.steps for e in s.edits for owner in e.owners)
    assert replay(before, result.steps, everyone) == before, result.path


def same_but_for_the_toys(path: str, before: bytes, result: FileResult) -> None:
    """Without what the toys put in, and they count it, the program is the old one."""
    assert result.after is not None
    counts = Counter(site.rule for site in result.sites if site.status == "applied")
    if counts.keys() - {"toy-keyword", "toy-wrap"}:
        return
    old, new = decode(path, before), decode(path, result.after)
    assert (old.encoding, old.bom) == (new.encoding, new.bom)
    toyed = Untoyed()
    # Our parser, for syntax newer than the Python that runs us; its own test compares it to ast.
    assert ast.dump(toyed.visit(parse(new).tree)) == ast.dump(parse(old).tree), path
    assert toyed.keywords == counts["toy-keyword"], path
    assert toyed.wraps == counts["toy-wrap"], path
    assert comments(old.text) == comments(new.text), path


def comments(text: str) -> list[str]:
    """Return the comments of *text* in their order."""
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    try:
        return [token.string for token in tokens if token.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError):  # our tokenizer is stricter than the parser
        return []


def cpython_reads(raw: bytes) -> bool:
    """Say whether the Python that runs us accepts *raw* as a file that we may decode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            decode("a.py", raw)
            compile(raw, "a.py", "exec", flags=ast.PyCF_ONLY_AST, dont_inherit=True)
        except (SyntaxError, ValueError, UnreadableSource, RecursionError, MemoryError):
            return False
    return True
