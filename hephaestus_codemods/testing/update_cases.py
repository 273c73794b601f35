"""Rewriting the ``+`` side of README cases from what the rules do now (``make update-cases``).

The author then reads the git diff, line by line. The ``-`` side, code that is left alone and
everything around the blocks stay as they are.
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import HcodemodError
from hephaestus_codemods.testing.cases import CaseError
from hephaestus_codemods.testing.pages import read_page
from hephaestus_codemods.testing.running import run_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.testing.cases import CaseFile
    from hephaestus_codemods.testing.pages import Page


def main(arguments: Sequence[str]) -> int:
    """Update the pages under the folders given, or under this one; 1 if one could not be."""
    failed = False
    for path in rule_pages([Path(word) for word in arguments] or [Path()]):
        try:
            page = read_page(path)
            text, notes = updated(page)
        except (CaseError, HcodemodError) as error:
            failed = True
            print(f"{path}: {error}", file=sys.stderr)  # noqa: T201  # this is a command
            continue
        for note in notes:
            failed = True
            print(f"{path}:{note}", file=sys.stderr)  # noqa: T201
        if text != page.text:
            path.write_text(text, encoding="utf-8")
            print(f"{path}: updated")  # noqa: T201
    return int(failed)


def rule_pages(places: Sequence[Path]) -> Iterator[Path]:
    """Yield the READMEs that lie beside a ``rule.py``, at or under *places*."""
    for place in places:
        found = [place] if place.is_file() else sorted(place.rglob("README.md"))
        yield from (path for path in found if path.with_name("rule.py").exists())


def updated(page: Page) -> tuple[str, tuple[str, ...]]:
    """Return the page with each ``diff`` block as the rule makes it, and what it cannot say."""
    lines = page.text.splitlines(keepends=True)
    notes: list[str] = []
    for case in reversed(page.cases):
        files = run_rule(page.rule, case.before, case.options).files
        for file in reversed(case.files):
            got = files[file.path].decode()
            if got == file.after:
                continue
            if file.before in (file.after, got):
                verb = "now left alone" if got == file.before else "now rewritten"
                notes.append(f"{file.line}: this code is {verb}: change the kind of the block")
                continue
            stop = next(n for n in range(file.line, len(lines) + 1) if _closes(lines[n - 1]))
            lines[file.line - 1 : stop - 1] = as_diff(file, got)
    return "".join(lines), tuple(reversed(notes))


def as_diff(file: CaseFile, got: str) -> list[str]:
    """Return the lines of a ``diff`` block with full context."""
    old, new = file.before.splitlines(keepends=True), got.splitlines(keepends=True)
    lines: list[str] = []
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            lines += [f" {line}" if line != "\n" else line for line in old[start:end]]
        else:
            lines += [f"-{line}" for line in old[start:end]]
            lines += [f"+{line}" for line in new[new_start:new_end]]
    return [line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}" for line in lines]


NO_NEWLINE = "\\ No newline at end of file\n"


def _closes(line: str) -> bool:
    return line.lstrip().startswith("```")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
