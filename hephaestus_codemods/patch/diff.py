"""Write patches that ``git apply``, ``patch`` and their reverse take, byte for byte."""

from __future__ import annotations

import stat
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING

from hephaestus_codemods.git import blob_id
from hephaestus_codemods.patch.model import PLAIN_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CONTEXT = 3
NO_BLOB = "0" * 40
_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


@dataclass(frozen=True, slots=True)
class Delta:
    """One file on two sides; None is a side where there is no file. *old_path* names a rename."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = PLAIN_FILE
    old_mode: int | None = None
    old_path: str | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines that were replaced: ``old[a:b]`` by ``new[c:d]``."""

    a: int
    b: int
    c: int
    d: int


def emit(deltas: Iterable[Delta]) -> bytes:
    """Return one patch for all *deltas* that change something, in their order."""
    return b"".join(_file(delta) for delta in deltas)


def _file(delta: Delta) -> bytes:
    header = _header(delta)
    before, after = delta.before or b"", delta.after or b""
    if before == after:
        return header if header.count(b"\n") > 1 else b""
    old = b"/dev/null" if delta.before is None else _side("a/", delta.old_path or delta.path)
    new = b"/dev/null" if delta.after is None else _side("b/", delta.path)
    return b"".join((header, b"--- %s\n+++ %s\n" % (old, new), *_hunks(before, after)))


def _header(delta: Delta) -> bytes:
    source = delta.old_path or delta.path
    lines = [f"diff --git {_quoted('a/' + source)} {_quoted('b/' + delta.path)}"]
    mode, old_mode = _mode(delta.mode), _mode(delta.old_mode or delta.mode)
    blobs = f"index {_blob(delta.before)}..{_blob(delta.after)}"
    if delta.before is None:
        lines += [f"new file mode {mode}", blobs]
    elif delta.after is None:
        lines += [f"deleted file mode {old_mode}", blobs]
    else:
        if mode != old_mode:
            lines += [f"old mode {old_mode}", f"new mode {mode}"]
        if source != delta.path:
            lines += [f"similarity index {_alike(delta.before, delta.after)}%"]
            lines += [f"rename from {_quoted(source)}", f"rename to {_quoted(delta.path)}"]
        if delta.before != delta.after:
            lines += [blobs if mode != old_mode else f"{blobs} {mode}"]
    return "".join(line + "\n" for line in lines).encode("ascii", "surrogateescape")


def _mode(mode: int) -> str:
    return "100755" if mode & stat.S_IXUSR else "100644"


def _blob(content: bytes | None) -> str:
    return NO_BLOB if content is None else blob_id(content)


def _alike(before: bytes, after: bytes) -> int:
    """Say in per cent how many lines both sides share, as git does for a rename."""
    if before == after:
        return 100
    old, new = Counter(lines_of(before)), Counter(lines_of(after))
    return 99 * (old & new).total() // max(1, old.total(), new.total())


def _side(prefix: str, path: str) -> bytes:
    """Name a side in ``---`` or ``+++``; a tab ends a name with spaces."""
    name = _quoted(prefix + path)
    return (name + "\t" if " " in path and not name.startswith('"') else name).encode()


def _quoted(path: str) -> str:
    """Return *path* as C would write it, if it holds what a header cannot."""
    raw = path.encode("utf-8", "surrogateescape")
    if all(0x20 <= byte < 0x7F and byte not in b'"\\' for byte in raw):
        return path
    return '"' + "".join(map(_escaped, raw)) + '"'


def _escaped(byte: int) -> str:
    if byte in _ESCAPES:
        return "\\" + _ESCAPES[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def lines_of(content: bytes) -> list[bytes]:
    r"""Split at ``\n`` and nowhere else: a lone CR or a form feed belongs to its line."""
    lines = content.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _hunks(before: bytes, after: bytes) -> Iterator[bytes]:
    old, new = lines_of(before), lines_of(after)
    for group in _grouped(list(_blocks(old, new, 0, 0))):
        start, end = max(group[0].a - CONTEXT, 0), min(group[-1].b + CONTEXT, len(old))
        shift = group[0].c - group[0].a
        end_new = group[-1].d + end - group[-1].b
        yield f"@@ -{_range(start, end)} +{_range(start + shift, end_new)} @@\n".encode()
        at = start
        for block in group:
            yield from (_line(b" ", line) for line in old[at : block.a])
            yield from (_line(b"-", line) for line in old[block.a : block.b])
            yield from (_line(b"+", line) for line in new[block.c : block.d])
            at = block.b
        yield from (_line(b" ", line) for line in old[at:end])


def _line(sign: bytes, line: bytes) -> bytes:
    return (
        sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"
    )


def _range(start: int, end: int) -> str:
    if end == start:
        return f"{start},0"
    return f"{start + 1}" if end == start + 1 else f"{start + 1},{end - start}"


def _grouped(blocks: list[_Block]) -> Iterator[list[_Block]]:
    """Join blocks whose contexts touch into one hunk."""
    group = blocks[:1]
    for last, block in pairwise(blocks):
        if block.a - last.b > 2 * CONTEXT:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _blocks(old: Sequence[bytes], new: Sequence[bytes], a: int, c: int) -> Iterator[_Block]:
    """Yield what differs, from line *a* of the one and *c* of the other on.

    Lines that occur once on both sides hold the two together, so that a long file with many equal
    lines costs no square of its length.
    """
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    a, c = a + head, c + head
    if not old or not new:
        if old or new:
            yield _Block(a, a + len(old), c, c + len(new))
        return
    anchors = _anchors(old, new)
    if not anchors:
        yield from _compared(old, new, a, c)
        return
    at, at_new = 0, 0
    for i, j in (*anchors, (len(old), len(new))):
        yield from _blocks(old[at:i], new[at_new:j], a + at, c + at_new)
        at, at_new = i + 1, j + 1


def _shared(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    pairs = zip(old, new, strict=False)
    return next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(old), len(new)))


def _compared(old: Sequence[bytes], new: Sequence[bytes], a: int, c: int) -> Iterator[_Block]:
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            yield _Block(a + i, a + j, c + k, c + m)


def _anchors(old: Sequence[bytes], new: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return the longest rising chain of lines that are unique on both sides."""
    once, once_new = _unique(old), _unique(new)
    pairs = [(i, once_new[line]) for line, i in once.items() if line in once_new]
    ends: list[int] = []
    tops: list[int] = []
    previous: list[int] = []
    for n, (_, j) in enumerate(pairs):
        rank = bisect_left(ends, j)
        previous.append(tops[rank - 1] if rank else -1)
        ends[rank : rank + 1] = [j]
        tops[rank : rank + 1] = [n]
    chain = []
    n = tops[-1] if tops else -1
    while n >= 0:
        chain.append(pairs[n])
        n = previous[n]
    return chain[::-1]


def _unique(lines: Sequence[bytes]) -> dict[bytes, int]:
    counts = Counter(lines)
    return {line: i for i, line in enumerate(lines) if counts[line] == 1}
