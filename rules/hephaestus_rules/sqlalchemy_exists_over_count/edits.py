"""The edits that put a question to the database in the place of fetched rows."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.expressions import Where, comments_in, text_of
from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import CannotEdit, Change, Edit
from hephaestus_rules.sqlalchemy_exists_over_count.counts import Counted, counted_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Link
    from hephaestus_codemods.project.source import Source
    from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch
    from hephaestus_rules.sqlalchemy_exists_over_count.uses import Truth

STEP = "    "


def truth_of_query(module: Module, fetch: Fetch, truth: Truth, session: str) -> tuple[Edit, ...]:
    """Ask ``session.query(q.exists()).scalar()`` in the place of *truth*."""
    source = module.source
    start, end = source.span(truth.node)
    first, last = source.span(fetch.query)
    dot = dot_of(module, fetch)
    breaks = LINE_END.search(source.text[last:dot]) is not None
    keep_comments(module, (start, first), (dot if breaks else last, end))
    counted = _uncounted(module, fetch)
    head = f"{_negation(truth)}{session}.query("

    def around(inner: Wrapping) -> tuple[Edit, ...]:
        if breaks and inner.after:
            kept = line_start(source, dot) if comments_in(module, last, dot) else last
            lead = inner.before if kept == last else inner.before.lstrip("\r\n")
            tail = Edit(kept, end, f"{lead}.exists(){inner.after}).scalar()")
        else:
            keep_comments(module, (last, end))
            tail = Edit(last, end, f"{inner.link}.exists(){inner.after}).scalar()")
        opening = _shortened(module, Edit(start, first, head + inner.before))
        beside = _beside(inner.indents, counted)
        return (opening, *beside, *counted, _shortened(module, tail))

    whole = () if breaks else around(_wrapped(module, fetch.query, start, must=False))
    if whole and _fits(module, whole):
        return whole
    inner = _wrapped(module, fetch.query, start, must=True)
    found = around(inner)
    chained = None if _has_lines(module, fetch) else _chained(module, fetch, inner)
    return found if chained is None or _fits(module, found) else around(chained)


def truth_of_select(module: Module, fetch: Fetch, truth: Truth, select: str) -> tuple[Edit, ...]:
    """Ask ``session.scalar(select(select(...).exists()))`` in the place of *truth*."""
    first, last = module.source.span(fetch.query)
    counted = _uncounted(module, fetch)
    sent = _sent(module, fetch, truth.node, _negation(truth))

    def around(inner: Wrapping, outer: Wrapping) -> tuple[Edit, ...]:
        opening = f"{outer.before}{select}({inner.before}"
        closing = f"{inner.link}.exists(){inner.after}){outer.after}"
        insertions = Edit(first, first, opening), Edit(last, last, closing)
        return (*sent, *insertions, *_beside(inner.indents, counted), *counted)

    return _laid_out(module, fetch, around)


def _laid_out(
    module: Module, fetch: Fetch, around: Callable[[Wrapping, Wrapping], tuple[Edit, ...]]
) -> tuple[Edit, ...]:
    """Return the edits of the first layout that fits: on the line, in brackets, in two of them."""
    source = module.source
    first, _ = source.span(fetch.query)
    base, eol = source.indent(first), source.newline(first)
    is_first = not source.text[line_start(source, first) : first].strip()
    inner = _wrapped(module, fetch.query, first, must=True)
    tight = Wrapping()
    if _has_lines(module, fetch):
        hugs = not is_first and not inner.link and bool(inner.after)
        return around(tight if hugs else inner, tight)
    outer = Wrapping(f"{eol}{base}{STEP}", "", f"{eol}{base}")
    deep = Wrapping(f"{eol}{base}{STEP * 2}", "", f"{eol}{base}{STEP}")
    found = around(tight, tight)
    wider = [(inner, tight)] if is_first else [(tight, outer), (deep, outer)]
    chained = _chained(module, fetch, wider[-1][0])
    if chained is not None:
        wider.append((chained, wider[-1][1]))
    for one in wider:
        if _fits(module, found):
            break
        found = around(*one)
    return found


def _has_lines(module: Module, fetch: Fetch) -> bool:
    return LINE_END.search(module.source.segment(fetch.query)) is not None


def _fits(module: Module, edits: tuple[Edit, ...]) -> bool:
    """Say whether the lines that *edits* touch are no longer than others of the project."""
    source = module.source
    start = line_start(source, min(one.start for one in edits))
    end = line_stop(source, max(one.end for one in edits))
    text, at = "", start
    for one in sorted(edits):
        text += source.text[at : one.start] + one.text
        at = one.end
    width = line_length(module.project, module.path)
    return all(len(line) <= width for line in LINE_END.split(text + source.text[at:end]))


def _uncounted(module: Module, fetch: Fetch) -> tuple[Edit, ...]:
    """Return the edits that let a query read the rows that it counts."""
    counted = counted_of(module, fetch) if fetch.count is not None else None
    if fetch.count is None or not isinstance(counted, Counted):
        return ()
    start, end = module.source.span(fetch.count)
    keep_comments(module, (start, end))
    read = Edit(start, end, module.source.segment(counted.entity.node))
    return (read,) if counted.origin is None else (read, _without(module, counted.origin))


def _beside(indents: tuple[Edit, ...], others: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Return the indentations that stand in none of the *others*."""
    return tuple(
        one for one in indents if not any(other.start <= one.start <= other.end for other in others)
    )


def dot_of(module: Module, fetch: Fetch) -> int:
    """Return where the dot of the last call of the chain stands."""
    function = _last(fetch)
    end = module.source.span(function)[1] - len(function.attr)
    return module.source.text.rindex(".", 0, end)


def number_of_query(module: Module, fetch: Fetch, number: ast.expr) -> Change:
    """Turn ``len(q.all())`` into ``q.count()``."""
    start, end = module.source.span(number)
    first, last = module.source.span(fetch.node)
    keep_comments(module, (start, first), (last, end))
    lines = LINE_END.search(module.source.segment(fetch.node)) is not None
    opening, closing = ("(", ")") if lines else ("", "")
    return Change(
        (Edit(start, first, opening), _renamed(module, fetch, "count"), Edit(last, end, closing))
    )


def number_of_select(
    module: Module, fetch: Fetch, number: ast.expr, table: ast.expr, count: str
) -> tuple[Edit, ...]:
    """Turn ``len(session.scalars(select(M)...).all())`` into a ``SELECT count(*)`` of *table*."""
    assert isinstance(fetch.source, ast.Call)
    entity = fetch.source.args[0]
    start, end = module.source.span(entity)
    stop = module.source.span(fetch.source)[1]
    origin = f".select_from({module.source.segment(table)})"
    gone = [_without(module, link) for link in fetch.links if link.name == "order_by"]
    if gone and gone[0].start == stop:
        gone[0] = replace(gone[0], text=origin)
    else:
        gone.append(Edit(stop, stop, origin))
    sent = _sent(module, fetch, number, "")
    counted = Edit(start, end, f"{count}()")

    first, last = module.source.span(fetch.query)

    def around(_: Wrapping, outer: Wrapping) -> tuple[Edit, ...]:
        if not outer.before:
            return (*sent, counted, *gone)
        return (*sent, Edit(first, first, outer.before), counted, *_closed(gone, last, outer.after))

    return _laid_out(module, fetch, around)


def _closed(edits: list[Edit], last: int, after: str) -> tuple[Edit, ...]:
    """Put *after* at *last*, behind what one of *edits* puts there."""
    there = [one for one in edits if one.end == last]
    others = [one for one in edits if one.end != last]
    return (
        *others,
        Edit(there[0].start if there else last, last, "".join(x.text for x in there) + after),
    )


def _shortened(module: Module, edit: Edit) -> Edit:
    """Return *edit* without the text at its ends that the file has already."""
    old, new = module.source.text[edit.start : edit.end], edit.text
    same = max(n for n in range(len(old) + 1) if new.startswith(old[:n]))
    old, new = old[same:], new[same:]
    tail = max(n for n in range(len(old) + 1) if new.endswith(old[len(old) - n :]))
    return Edit(edit.start + same, edit.end - tail, new[: len(new) - tail])


def _negation(truth: Truth) -> str:
    return "not " if truth.negated else ""


def keep_comments(module: Module, *spans: tuple[int, int]) -> None:
    """Raise CannotEdit when an edit would delete a comment in one of *spans*."""
    if any(comments_in(module, start, end) for start, end in spans):
        raise CannotEdit("a comment stands in what would be replaced")


def _renamed(module: Module, fetch: Fetch, name: str) -> Edit:
    function = _last(fetch)
    end = module.source.span(function)[1]
    return Edit(end - len(function.attr), end, name)


def _last(fetch: Fetch) -> ast.Attribute:
    """Return the last method of the chain."""
    assert isinstance(fetch.node, ast.Call)
    assert isinstance(fetch.node.func, ast.Attribute)
    return fetch.node.func


def _sent(module: Module, fetch: Fetch, place: ast.expr, negation: str) -> tuple[Edit, ...]:
    """Return the edits outside of the statement that is sent: it gives one value now."""
    assert fetch.send is not None
    assert fetch.session is not None
    start, end = module.source.span(place)
    if fetch.holder is not None:
        first, last = module.source.span(fetch.holder)
        keep_comments(module, (last, end))
        one = "scalar" if _is_execute(fetch.send) else "one"
        return Edit(start, first, negation), Edit(last, end, f".{one}()")
    if fetch.is_exec:
        first, last = module.source.span(fetch.node)
        keep_comments(module, (start, first), (last, end))
        return Edit(start, first, negation), _renamed(module, fetch, "one"), Edit(last, end, "")
    called, sent = module.source.span(fetch.send.func)[1], module.source.span(fetch.send)[1]
    awaiting = "await " if fetch.is_async else ""
    session = text_of(module, fetch.session, Where.OPERAND)
    begin = module.source.span(module.parents[fetch.send] if fetch.is_async else fetch.send)[0]
    opening = module.source.text[start:begin]
    if opening.startswith("(") and LINE_END.search(opening):
        # The brackets around it stand on lines of their own: they stay.
        closing = module.source.text.index(")", sent) + 1
        keep_comments(module, (begin, called), (closing, end))
        renamed = Edit(begin, called, f"{awaiting}{session}.scalar")
        outside = [Edit(start, start, negation)] if negation else []
        return *outside, _shortened(module, renamed), Edit(closing, end, "")
    keep_comments(module, (start, called), (sent, end))
    return Edit(start, called, f"{negation}{awaiting}{session}.scalar"), Edit(sent, end, "")


def _is_execute(send: ast.Call) -> bool:
    return isinstance(send.func, ast.Attribute) and send.func.attr == "execute"


def _without(module: Module, link: Link) -> Edit:
    assert isinstance(link.call.func, ast.Attribute)
    start = module.source.span(link.call.func.value)[1]
    end = module.source.span(link.call)[1]
    keep_comments(module, (start, end))
    return Edit(start, end, "")


# --- Layout ---


class Wrapping:
    """The text around an expression that goes into brackets, in lines of its own if it has any."""

    def __init__(self, before: str = "", link: str = "", after: str = "") -> None:
        self.before = before
        self.link = link
        self.after = after
        self.indents: tuple[Edit, ...] = ()


def _wrapped(module: Module, node: ast.expr, at: int, *, must: bool) -> Wrapping:
    """Return what puts *node* on lines of its own in the statement that starts its text *at*."""
    source = module.source
    start, end = source.span(node)
    lines = LINE_END.search(source.text[start:end]) is not None
    if _has_long_string(node) or not (lines or must):
        return Wrapping()
    base, eol = source.indent(at), source.newline(at)
    link = eol + base + STEP if is_lined(module, node) else ""
    found = Wrapping(eol + base + STEP, link, eol + base)
    stands_right = source.text[line_start(source, start) : start] == base + STEP and at < start
    if not stands_right:
        found.indents = tuple(_indents(module, node, base + STEP))
    return found


def _indents(module: Module, node: ast.expr, wanted: str) -> Iterator[Edit]:
    """Yield the edits of the lines of *node* when its first line is indented as *wanted*.

    Dots between lines stand below the first; all else keeps its place beside what it belongs to.
    """
    source = module.source
    start, end = source.span(node)
    first = LINE_END.split(source.text[start:end])[0].rstrip()
    opens = first.endswith(("(", "[", "{"))
    shift = len(wanted) - (len(source.indent(start)) if opens else _column(source, start))
    joints = [one for one in _joints(module, node) if LINE_END.search(source.text[slice(*one)])]
    at = start
    for joint, stop in (*joints, (end, end)):
        for line in _lines(source, at, joint):
            yield _moved(source, line, max(len(source.indent(line)) + shift, len(wanted)))
        if joint < stop and "#" in source.text[joint:stop]:
            yield from (_moved(source, line, len(wanted)) for line in _lines(source, joint, stop))
        elif joint < stop:
            yield _shortened(module, Edit(joint, stop, f"{source.newline(joint)}{wanted}."))
        shift, at = len(wanted) + 1 - _column(source, stop), stop


def _joints(module: Module, node: ast.expr) -> list[tuple[int, int]]:
    """Return what stands between the calls of the chain *node*, its dots included."""
    found = []
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        end = module.source.span(node.func)[1]
        found.append((module.source.span(node.func.value)[1], end - len(node.func.attr)))
        node = node.func.value
    return found[::-1]


def _lines(source: Source, start: int, end: int) -> list[int]:
    """Return where the lines in the span start that are not empty."""
    found = [one.end() for one in LINE_END.finditer(source.text, start, end)]
    return [at for at in found if source.text[at] not in "\r\n"]


def _moved(source: Source, line: int, width: int) -> Edit:
    """Indent a line by *width*: with more spaces, or with fewer."""
    old = len(source.indent(line))
    return Edit(line, line + max(old - width, 0), " " * (width - old))


def _column(source: Source, offset: int) -> int:
    return source.position(offset)[1] - 1


def is_lined(module: Module, node: ast.expr) -> bool:
    """Say whether the last call of the chain *node* stands on a line of its own."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    start, end = module.source.span(node.func.value)[1], module.source.span(node.func)[1]
    return LINE_END.search(module.source.text[start:end]) is not None


def _chained(module: Module, fetch: Fetch, around: Wrapping) -> Wrapping | None:
    """Return *around* with each call of a chain that stands on one line on a line of its own."""
    source = module.source
    first, last = source.span(fetch.query)
    dots = [_before(module, link.call) for link in fetch.links if _is_in(module, link, first, last)]
    if len(dots) < 2 or not isinstance(fetch.source, ast.Call) or not around.before:
        return None
    found = Wrapping(around.before, around.before, around.after)
    found.indents = tuple(Edit(at, at, around.before) for at in dots)
    return found


def _before(module: Module, call: ast.Call) -> int:
    assert isinstance(call.func, ast.Attribute)
    return module.source.span(call.func.value)[1]


def _is_in(module: Module, link: Link, first: int, last: int) -> bool:
    start, end = module.source.span(link.call)
    return first <= start and end <= last


def _has_long_string(node: ast.expr) -> bool:
    return any(
        isinstance(one, ast.Constant | ast.JoinedStr) and one.lineno != one.end_lineno
        for one in ast.walk(node)
    )
