"""What the command line names: files, folders, and lines of files."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass

from hephaestus_codemods.errors import UsageError

LINES = re.compile(r"(?P<path>.+):(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?", re.DOTALL)
#: Names looked at for a guess; a folder may hold millions.
MOST_NAMES = 2_000


@dataclass(frozen=True, slots=True)
class Argument:
    """A file or a folder inside the root; *path* is relative to it, "" is the root itself."""

    path: str
    is_folder: bool
    lines: tuple[int, int] | None = None


def locate(root: str, folder: str, text: str) -> Argument:
    """Return what *text*, written in *folder*, names inside *root* (both without links).

    ``PATH:LINE`` and ``PATH:FIRST-LAST`` limit a file to lines; a file with such a name wins.
    """
    if "\0" in text or not text:
        raise UsageError(f"{text!r} is no path")
    path, lines = os.path.join(folder, text), None
    if not os.path.lexists(path) and (match := LINES.fullmatch(text)):
        path, lines = os.path.join(folder, match["path"]), _lines(text, match)
    if not os.path.lexists(path):
        raise UsageError(f"{text!r} is not there{_guess(path, text)}")
    real = os.path.realpath(path)
    if not os.path.exists(real):
        raise UsageError(f"{text!r} is a link to nowhere")
    is_folder = os.path.isdir(real)
    if is_folder and lines:
        raise UsageError(f"{text!r} names lines of a folder: name a file")
    return Argument(_inside(root, real, text), is_folder, lines)


def without_lines(text: str) -> str:
    """Return the path of ``PATH:LINE``, and any other text as it is."""
    match = None if os.path.lexists(text) else LINES.fullmatch(text)
    return match["path"] if match else text


def _lines(text: str, match: re.Match[str]) -> tuple[int, int]:
    first = int(match["first"])
    last = int(match["last"] or first)
    if first < 1 or last < first:
        raise UsageError(f"{text!r} names no lines: they count from 1, and the first comes first")
    return first, last


def _inside(root: str, real: str, text: str) -> str:
    if real == root:
        return ""
    start = root if root.endswith("/") else f"{root}/"
    if not real.startswith(start):
        raise UsageError(f"{text!r} leads to {real!r}, outside of the root {root!r}")
    return real.removeprefix(start)


def _guess(path: str, text: str) -> str:
    folder, name = os.path.split(path.rstrip("/"))
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MOST_NAMES), strict=False)]
    except OSError:
        return ""
    near = difflib.get_close_matches(name, names, 1)
    return (
        f". Did you mean {os.path.join(os.path.dirname(text.rstrip('/')), near[0])!r}?"
        if near
        else ""
    )
