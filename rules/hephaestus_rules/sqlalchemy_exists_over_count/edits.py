"""The edits that put a question to the database in the place of fetched rows."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.calls import WIDTH
from hephaestus_codemods.kit.expressions import Where, comments_in, text_of
from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.rule import CannotEdit, Change, Edit

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sqlalchemy_exists_over_count.chains import Link
    from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch
    from hephaestus_rules.sqlalchemy_exists_over_count.uses import Truth

STEP = "    "


def truth_of_query(module: Module, fetch: Fetch, truth: Truth, session: str) -> tuple[Edit, ...]:
    """Ask ``session.query(q.exists()).scalar()`` in the place of *truth*."""
    source = module.source
    start, end = source.span(truth.node)
    first, last = source.span(fetch.query)
    dot = _dot(module, fetch)
    breaks = LINE_END.search(source.text[last:dot]) is not None
    keep_comments(module, (start, first), (dot if breaks else last, end))
    head = f"{_negation(truth)}{session}.query("
    rest = source.text[end : line_stop(source, end)]
    width = _column(module, start) + len(f"{head}.exists()).scalar(){rest}") + last - first
    inner = _wrapped(module, fetch.query, start, must=breaks or width > WIDTH)
    if breaks and inner.after:
        tail = Edit(dot, end, f"{STEP}.exists(){inner.after}).scalar()")
    else:
        keep_comments(module, (last, end))
        tail = Edit(last, end, f"{inner.link}.exists(){inner.after}).scalar()")
    opening = _shortened(module, Edit(start, first, head + inner.before))
    return (opening, *inner.indents, _shortened(module, tail))


def truth_of_select(module: Module, fetch: Fetch, truth: Truth) -> Change:
    """Ask ``session.scalar(select(select(...).exists()))`` in the place of *truth*."""
    assert isinstance(fetch.source, ast.Call)
    source = module.source
    first, last = source.span(fetch.query)
    select = source.segment(fetch.source.func)
    rest = source.text[last : line_stop(source, last)]
    width = _column(module, first) + len(f"{select}(.exists()){rest}") + last - first
    inner = _wrapped(module, fetch.query, first, must=width > WIDTH)
    return Change(
        (
            *_sent(module, fetch, truth.node, _negation(truth)),
            Edit(first, first, f"{select}({inner.before}"),
            *inner.indents,
            Edit(last, last, f"{inner.link}.exists(){inner.after})"),
        )
    )


def _dot(module: Module, fetch: Fetch) -> int:
    """Return where the dot of the last call of the chain stands."""
    assert isinstance(fetch.node.func, ast.Attribute)
    end = module.source.span(fetch.node.func)[1] - len(fetch.node.func.attr)
    return module.source.text.rindex(".", 0, end)


def _column(module: Module, offset: int) -> int:
    return module.source.position(offset)[1] - 1


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
    return (*sent, counted, *gone)


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
    assert isinstance(fetch.node.func, ast.Attribute)
    end = module.source.span(fetch.node.func)[1]
    return Edit(end - len(fetch.node.func.attr), end, name)


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
    keep_comments(module, (start, called), (sent, end))
    awaiting = "await " if fetch.is_async else ""
    session = text_of(module, fetch.session, Where.OPERAND)
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
    ends = [found.end() + start for found in LINE_END.finditer(source.text[start:end])]
    if _has_long_string(node) or not (ends or must):
        return Wrapping()
    base, eol = source.indent(at), source.newline(at)
    lined = bool(ends) and source.text[ends[-1] : end].strip().startswith(".")
    found = Wrapping(eol + base + STEP, eol + base + STEP if lined else "", eol + base)
    stands_right = source.text[line_start(source, start) : start] == base + STEP and at < start
    if not stands_right:
        found.indents = tuple(Edit(at, at, STEP) for at in ends if source.text[at] not in "\r\n")
    return found


def _has_long_string(node: ast.expr) -> bool:
    return any(
        isinstance(one, ast.Constant | ast.JoinedStr) and one.lineno != one.end_lineno
        for one in ast.walk(node)
    )
