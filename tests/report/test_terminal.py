"""People read the same report in a file and at a terminal."""

from __future__ import annotations

import io
import re

import pytest

from hephaestus_codemods.report import terminal
from hephaestus_codemods.report.model import Condition, FileEntry, FileStatus, Report, SiteEntry

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def report() -> Report:
    """A report with hostile names, markup, wide characters and a line longer than a window."""
    site = SiteEntry(
        *("s-1", "a-rule", "a/[bold]\x1b[31m.py", 1, 2, 3, "safe", "suggested"),
        message="é 漢字 \u202e :smile: " + "long " * 60,
        preconditions=(Condition("it fits", "assumed", "a\ttab"),),
    )
    file = FileEntry(site.path, FileStatus.UNCHANGED)
    return Report("scan", "1", "3.11", "/x", "now", 0.1, files=(file,), sites=(site,))


@pytest.mark.parametrize("quiet", [False, True])
def test_colours_change_no_word(report, monkeypatch, quiet):
    """Without colours the text is that of a terminal, word for word."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    plain, coloured = io.StringIO(), Terminal()

    terminal.show(report, plain, quiet=quiet)
    terminal.show(report, coloured, quiet=quiet)

    assert ESCAPE.search(coloured.getvalue())
    assert ESCAPE.sub("", coloured.getvalue()) == plain.getvalue().expandtabs()


def test_colours_can_be_asked_for(report, monkeypatch):
    """FORCE_COLOR gives colours to a file, as other tools do."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()

    terminal.show(report, out)

    assert ESCAPE.search(out.getvalue())
