"""Where output goes: data to stdout, words to stderr; escaped, and without the target's secrets."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, TextIO

from hephaestus_codemods.errors import TargetError
from hephaestus_codemods.report.redact import redact
from hephaestus_codemods.report.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def unread(stream: TextIO) -> Iterator[None]:
    """Go on when the reader of *stream* went away (``| head``): the exit code still counts."""
    try:
        yield
        stream.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # what is left goes nowhere, when Python ends too
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            raise TargetError(f"the output cannot be written: {error.strerror}") from error


def data(content: bytes) -> None:
    """Write bytes that a program reads."""
    with unread(sys.stdout):
        sys.stdout.buffer.write(content)


def listed(lines: Iterable[str]) -> None:
    """Write a line each to stdout."""
    shown = "".join(f"{printable(redact(line))}\n" for line in lines)
    data(shown.encode("utf-8", "backslashreplace"))


def told(text: str) -> None:
    """Say something to the person at the terminal; its line breaks are ours."""
    lines = (printable(redact(line)) for line in text.split("\n"))
    with unread(sys.stderr):
        sys.stderr.write("\n".join(lines) + "\n")
