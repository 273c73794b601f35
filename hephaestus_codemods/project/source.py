r"""One file of the target: its bytes, its text, and how positions map between them.

``ast`` counts columns in UTF-8 bytes of the decoded line and ends lines at ``\\n``, ``\\r\\n`` and
a lone ``\\r``; rules and edits count characters of :attr:`Source.text`. This module is the only
place where the two meet.
"""

from __future__ import annotations

import codecs
import re
import tokenize
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ast

#: Stateless text codecs; anything else (utf-7, rot13, third-party codecs) is never executed.
CODECS: Final = frozenset(
    "ascii utf-8 iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 "
    "iso8859-9 iso8859-10 iso8859-11 iso8859-13 iso8859-14 iso8859-15 iso8859-16 cp1250 cp1251 "
    "cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp437 cp850 cp866 koi8-r koi8-u mac-roman "
    "shift_jis euc_jp euc_kr cp932 cp949 gbk gb2312 gb18030 big5 cp950".split()
)
LINE_END = re.compile("\r\n|\n|\r")


class UnreadableSource(Exception):
    """The bytes are no Python text that we may touch; *code* names the reason for the report."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Source:
    """A decoded file; *path* is relative to the root, with forward slashes."""

    path: str
    raw: bytes
    text: str
    encoding: str
    bom: bool

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Character offsets at which the lines of the tokenizer start."""
        return (0, *(match.end() for match in LINE_END.finditer(self.text)))

    @cached_property
    def _ascii(self) -> bool:
        return self.text.isascii()

    def offset(self, line: int, column: int) -> int:
        """Turn a position of ``ast`` (line from 1, column in UTF-8 bytes) into characters."""
        start = self.line_starts[line - 1]
        if self._ascii or column == 0:
            return start + column
        stop = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        return start + len(self.text[start:stop].encode()[:column].decode())

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the character offsets at which *node* starts and ends (no decorators)."""
        at: ast.expr = node  # type: ignore[assignment]  # every node with a position has these
        assert at.end_lineno is not None
        assert at.end_col_offset is not None
        return (
            self.offset(at.lineno, at.col_offset),
            self.offset(at.end_lineno, at.end_col_offset),
        )

    def segment(self, node: ast.AST) -> str:
        """Return the text of *node* exactly as it stands in the file."""
        start, end = self.span(node)
        return self.text[start:end]

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and the column (both from 1, in characters) of *offset*."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def indent(self, offset: int) -> str:
        """Return the white space that opens the line of *offset*."""
        start = self.line_starts[self.position(offset)[0] - 1]
        return re.match(r"[ \t\f]*", self.text[start:]).group()  # type: ignore[union-attr]

    def newline(self, offset: int) -> str:
        """Return the line ending in use at *offset*: its line's own, else the one before it."""
        line = self.position(offset)[0]
        ends = list(LINE_END.finditer(self.text, 0))
        if not ends:
            return "\n"
        return ends[min(line, len(ends)) - 1].group()

    def encode(self, text: str) -> bytes:
        """Encode *text* as this file is encoded; raise UnreadableSource when it cannot be."""
        try:
            body = text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise UnreadableSource(
                "encoding",
                f"{self.path}: {self.encoding} cannot hold {error.object[error.start]!r}",
            ) from error
        return (codecs.BOM_UTF8 if self.bom else b"") + body


def decode(path: str, raw: bytes) -> Source:
    """Decode *raw* as the tokenizer would, with an allowed codec and without losing a byte."""
    if b"\0" in raw:
        raise UnreadableSource("null-bytes", f"{path} holds null bytes")
    try:
        cookie, _ = tokenize.detect_encoding(BytesIO(raw).readline)
    except SyntaxError as error:
        raise UnreadableSource("encoding", f"{path}: {error}") from error
    bom = raw.startswith(codecs.BOM_UTF8)
    encoding = "utf-8" if cookie == "utf-8-sig" else codecs.lookup(cookie).name
    if encoding not in CODECS:
        raise UnreadableSource("encoding", f"{path}: codec {encoding} is not one we execute")
    body = raw[len(codecs.BOM_UTF8) :] if bom else raw
    try:
        text = body.decode(encoding)
        exact = text.encode(encoding) == body
    except UnicodeError as error:
        raise UnreadableSource("encoding", f"{path} is not valid {encoding}: {error}") from error
    if not exact:
        raise UnreadableSource("encoding", f"{path}: {encoding} does not give the same bytes back")
    return Source(path, raw, text, encoding, bom)
