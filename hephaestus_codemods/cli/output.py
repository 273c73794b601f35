"""Where output goes: data to stdout, everything for people to stderr, nothing unescaped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hephaestus_codemods.report.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


def data(content: bytes) -> None:
    """Write bytes that a program reads."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def listed(lines: Iterable[str]) -> None:
    """Write a line each to stdout."""
    data("".join(f"{printable(line)}\n" for line in lines).encode("utf-8", "backslashreplace"))


def told(text: str) -> None:
    """Say something to the person at the terminal; its line breaks are ours."""
    lines = (printable(line) for line in text.split("\n"))
    sys.stderr.write("\n".join(lines) + "\n")
