"""Arguments of calls: finding them, and edits that add, replace and remove them."""

from __future__ import annotations

import ast
import tokenize
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.expressions import Token, comments_in, tokens_in
from hephaestus_codemods.kit.layout import after_line, comment_above, line_start, line_stop
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import Edit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hephaestus_codemods.project.module import Module

Argument = ast.expr | ast.keyword


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value given for the keyword *name*, or None."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def argument(call: ast.Call, position: int, name: str | None = None) -> ast.expr | None:
    """Return the argument at *position* (from 0) or given as *name*; None when it is not seen.

    It may still be there when :func:`has_unpacking` is true.
    """
    before = call.args[: position + 1]
    if len(before) > position and not any(isinstance(one, ast.Starred) for one in before):
        return call.args[position]
    return keyword(call, name) if name is not None else None


def has_unpacking(call: ast.Call) -> bool:
    """Say whether ``*args`` or ``**kwargs`` may hold arguments that cannot be seen."""
    starred = any(isinstance(one, ast.Starred) for one in call.args)
    return starred or any(one.arg is None for one in call.keywords)


def add_keywords(
    module: Module, call: ast.Call, values: Mapping[str, str]
) -> tuple[Edit, ...] | None:
    """Return the insertions that add ``name=value`` for each of *values* to *call*.

    They follow the layout of the call, and stand before a final ``**kwargs``. The name ``**``
    adds an unpacking of its value. A call that no longer fits on the line that the target's
    formatters allow gets a line for each argument. None when one of the keywords is given
    already, or the call's text is not understood.
    """
    if not values or any(keyword(call, name) is not None for name in values):
        return None
    items = [f"**{v}" if name == "**" else f"{name}={v}" for name, v in values.items()]
    return _added(module, call, items)


def add_arguments(module: Module, call: ast.Call, texts: list[str]) -> tuple[Edit, ...] | None:
    """Return the insertions that add the arguments *texts* at the end of *call*.

    They follow the layout of the call; see :func:`add_keywords`. None when arguments by keyword
    would stand before them, or the call's text is not understood.
    """
    return _added(module, call, texts) if texts and not call.keywords else None


def _added(module: Module, call: ast.Call, items: list[str]) -> tuple[Edit, ...] | None:
    shape = _shape(module, call)
    if shape is None:
        return None
    edits = _insertions(module, shape, items)
    expected = [*_dumps(call), *(_expected(item) for item in items)]
    if sorted(_result(module, call, edits)) != sorted(expected):
        return None
    return _unfolded(module, call, shape, items) or edits


def remove_argument(module: Module, call: ast.Call, gone: ast.expr) -> tuple[Edit, ...] | None:
    """Return the deletion of the argument whose value is *gone*.

    None when a comment would go with it, or the call's text is not understood.
    """
    shape = _shape(module, call)
    if shape is None or shape.bare_generator:
        return None
    values = [
        getattr(one, "value", one) if isinstance(one, ast.keyword) else one
        for one in shape.arguments
    ]
    index = next((n for n, one in enumerate(values) if one is gone), None)
    if index is None:
        return None
    edit = _deletion(shape, index)
    if comments_in(module, edit.start, edit.end):
        return None
    expected = [text for n, text in enumerate(_dumps_in_order(shape)) if n != index]
    return (edit,) if sorted(_result(module, call, (edit,))) == sorted(expected) else None


def replace_argument(module: Module, old: ast.expr, text: str) -> tuple[Edit, ...] | None:
    """Return the edit that puts *text* in the place of the argument value *old*.

    None when a comment would be lost.
    """
    start, end = module.source.span(old)
    if comments_in(module, start, end):
        return None
    return (Edit(start, end, text),)


# --- The shape of a call's text ---


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the brackets and the arguments of a call are, redundant brackets included."""

    opening: int
    closing: int
    arguments: tuple[Argument, ...]
    spans: tuple[tuple[int, int], ...]
    comma: bool
    bare_generator: bool


def _shape(module: Module, call: ast.Call) -> Shape | None:
    start, end = module.source.span(call.func)[1], module.source.span(call)[1]
    tokens = _after_callee(module, start, end)
    if not tokens or tokens[0].text != "(":
        return None
    unsorted: list[Argument] = [*call.args, *call.keywords]
    given = sorted(unsorted, key=lambda one: (one.lineno, one.col_offset))
    bare = len(given) == 1 and module.source.span(given[0])[1] == end
    spans, comma = _pieces(tokens[1:-1])
    if len(spans) != len(given):
        return None
    return Shape(tokens[0].start, tokens[-1].start, tuple(given), tuple(spans), comma, bare)


def _after_callee(module: Module, start: int, end: int) -> list[Token]:
    """Return the tokens from the opening bracket of the arguments on, without comments."""
    opening = start
    while True:
        opening = module.source.text.find("(", opening, end)
        if opening < 0:
            return []
        if not _in_comment(module, start, opening):
            break
        opening += 1
    found = tokens_in(module, opening, end) or ()
    return [token for token in found if token.type != tokenize.COMMENT]


def _in_comment(module: Module, start: int, offset: int) -> bool:
    line = max(start, line_start(module.source, offset))
    return "#" in module.source.text[line:offset]


def _pieces(tokens: Sequence[Token]) -> tuple[list[tuple[int, int]], bool]:
    """Split at the commas between arguments; say whether one trails."""
    spans: list[tuple[int, int]] = []
    depth, first, last = 0, None, None
    for token in tokens:
        if token.type == tokenize.OP and token.text == "," and not depth and first is not None:
            assert last is not None
            spans.append((first.start, last.end))
            first = None
            continue
        depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        first, last = first or token, token
    if first is None or last is None:
        return spans, bool(spans)
    return [*spans, (first.start, last.end)], False


def _dumps(call: ast.Call) -> list[str]:
    return [ast.dump(one) for one in (*call.args, *call.keywords)]


def _dumps_in_order(shape: Shape) -> list[str]:
    return [ast.dump(one) for one in shape.arguments]


def _expected(item: str) -> str:
    call = ast.parse(f"f({item}\n)", mode="eval").body
    assert isinstance(call, ast.Call)
    return _dumps(call)[0]


def _result(module: Module, call: ast.Call, edits: Sequence[Edit]) -> list[str]:
    """Return the arguments that the call has after *edits*, or nothing when it is not Python."""
    start, end = module.source.span(call)
    text = module.source.text[start:end]
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start - start] + edit.text + text[edit.end - start :]
    try:
        new = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return []
    return _dumps(new) if isinstance(new, ast.Call) else []


# --- The edits ---


def _insertions(module: Module, shape: Shape, items: list[str]) -> tuple[Edit, ...]:
    if not shape.arguments:
        return (Edit(shape.opening + 1, shape.opening + 1, ", ".join(items)),)
    if shape.bare_generator:
        opening, closing = shape.opening + 1, shape.closing
        return Edit(opening, opening, "("), Edit(closing, closing, f"), {', '.join(items)}")
    last = shape.arguments[-1]
    unpacks = isinstance(last, ast.keyword) and last.arg is None
    if _is_one_each(module, shape):
        return _own_lines(module, shape, items, before_last=unpacks)
    if _becomes_too_long(module, shape, items):
        return _one_each(module, shape, items, before_last=unpacks)
    return _in_line(module, shape, items, before_last=unpacks)


def _in_line(
    module: Module, shape: Shape, items: list[str], *, before_last: bool
) -> tuple[Edit, ...]:
    start, end = shape.spans[-1]
    if before_last:
        return (Edit(start, start, "".join(f"{item}, " for item in items)),)
    glue = _glue(module, shape, items)
    return (Edit(end, end, "".join(f",{glue}{item}" for item in items)),)


def _unfolded(
    module: Module, call: ast.Call, shape: Shape, items: list[str]
) -> tuple[Edit, ...] | None:
    """Break the call around *call* instead, where *call* then fits on a line of its own."""
    parent = module.parents.get(call)
    outer = module.parents.get(parent) if isinstance(parent, ast.keyword) else parent
    if not isinstance(outer, ast.Call) or outer.func is call or not shape.arguments:
        return None
    around = _shape(module, outer)
    if around is None or not _becomes_too_long(module, shape, items):
        return None
    source = module.source
    if around.closing > line_stop(source, around.opening) or around.bare_generator:
        return None
    own = next(e - s for s, e in around.spans if s <= shape.opening < e)
    indent = len(source.indent(around.opening).expandtabs(4)) + 4
    if shape.bare_generator or indent + own + sum(len(i) + 2 for i in items) + 1 > _width(module):
        return None
    last = shape.arguments[-1]
    unpacks = isinstance(last, ast.keyword) and last.arg is None
    inner = _in_line(module, shape, items, before_last=unpacks)
    return tuple(sorted((*_one_each(module, around, [], before_last=False), *inner)))


def _becomes_too_long(module: Module, shape: Shape, items: list[str]) -> bool:
    """Say whether arguments that stand on one line do not fit on it with *items*."""
    source = module.source
    first = shape.opening if not _is_block(module, shape) else shape.spans[0][0]
    start, stop = line_start(source, first), line_stop(source, first)
    if first == shape.opening and shape.closing > stop:
        return False
    return stop - start + sum(len(item) + 2 for item in items) > _width(module)


def _is_block(module: Module, shape: Shape) -> bool:
    """Say whether all arguments stand on one line of their own, between those of the brackets."""
    source = module.source
    start, end = shape.spans[0][0], shape.spans[-1][1]
    alone = _opens_line(module, start) and _opens_line(module, shape.closing)
    one_line = line_stop(source, start) == line_stop(source, end)
    return alone and one_line and not comments_in(module, shape.opening, shape.closing)


def _width(module: Module) -> int:
    return line_length(module.project, module.path)


def _one_each(
    module: Module, shape: Shape, items: list[str], *, before_last: bool
) -> tuple[Edit, ...]:
    """Give every argument of a call a line of its own, as formatters do."""
    source = module.source
    outer = source.newline(shape.opening) + source.indent(shape.opening)
    inner = outer + ("\t" if outer.endswith("\t") else "    ")
    commas = [source.text.index(",", end) + 1 for _, end in shape.spans[:-1]]
    gaps = zip((shape.opening + 1, *commas), shape.spans, strict=True)
    edits = [Edit(gap, start, inner) for gap, (start, _) in gaps]
    end = shape.spans[-1][1]
    if shape.comma:
        tail = Edit(source.text.index(",", end) + 1, shape.closing, "")
    else:
        tail = Edit(end, shape.closing, ",")
    if before_last:
        new = "".join(f"{item},{inner}" for item in items)
        edits[-1] = replace(edits[-1], text=inner + new)
    else:
        tail = replace(tail, text=tail.text + "".join(f"{inner}{item}," for item in items))
    return (*edits, replace(tail, text=tail.text + outer))


def _opens_line(module: Module, offset: int) -> bool:
    return not module.source.text[line_start(module.source, offset) : offset].strip()


def _is_one_each(module: Module, shape: Shape) -> bool:
    """Say whether every argument and the closing bracket open a line of their own."""
    return all(_opens_line(module, at) for at in (*(s for s, _ in shape.spans), shape.closing))


def _glue(module: Module, shape: Shape, items: list[str]) -> str:
    """Return what stands between the comma and a new argument: a space, or a new line."""
    source = module.source
    start, end = shape.spans[-1]
    fresh = source.newline(start) + source.text[line_start(source, start) : start]
    if len(shape.spans) > 1 and _opens_line(module, start):
        return fresh
    line = line_start(source, start)
    length = line_stop(source, end) - line_start(source, end)
    first = source.position(shape.opening)[0] == source.position(start)[0]
    if not first and length + sum(len(item) + 2 for item in items) > _width(module):
        return source.newline(start) + source.indent(line)
    return " "


def _own_lines(
    module: Module, shape: Shape, items: list[str], *, before_last: bool
) -> tuple[Edit, ...]:
    source = module.source
    start, end = shape.spans[-1]
    indent, eol = source.text[line_start(source, start) : start], source.newline(start)
    if before_last:
        at = comment_above(source, start)
        return (Edit(at, at, "".join(f"{indent}{item},{eol}" for item in items)),)
    at = after_line(source, end)
    text = f",{eol}".join(indent + item for item in items)
    if shape.comma:
        return (Edit(at, at, f"{text},{eol}"),)
    return Edit(end, end, ","), Edit(at, at, f"{text}{eol}")


def _deletion(shape: Shape, index: int) -> Edit:
    start, end = shape.spans[index]
    if len(shape.spans) == 1:
        return Edit(shape.opening + 1, shape.closing, "")
    if index + 1 < len(shape.spans):
        return Edit(start, shape.spans[index + 1][0], "")
    return Edit(shape.spans[index - 1][1], end, "")
