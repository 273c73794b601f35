"""The parts of a batch as text: what stands before the loop, and the look-up inside it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.breaking import broken, put_in_place
from hephaestus_codemods.kit.expressions import comments_in, flat_text_of
from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.kit.names import is_free
from hephaestus_codemods.kit.statements import insert_before
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.rule import CannotEdit, Edit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.kit.batching.items import Items
    from hephaestus_codemods.kit.batching.keys import Key
    from hephaestus_codemods.kit.batching.statement import Statement
    from hephaestus_codemods.kit.loops import Loop


#: Kinds of collections that ``in_`` takes as they are.
PLAIN_COLLECTIONS: Final = frozenset({"builtins.list", "builtins.tuple", "builtins.set"})


def groups(asked: Statement, name: str, indent: int) -> str:
    """Return the statements that make a dictionary from key to the list of what is read."""
    key, value = asked.shape.key.column.attribute, asked.shape.selected.column
    made = asked.named("collections.defaultdict")
    names = (asked.noun, "found", "row")
    free = (name for name in names if is_free(asked.module, name, asked.place))
    one = next(free, None) or asked.fresh(asked.noun)
    if asked.shape.is_by_other:
        read = f"{asked.entity}, {asked.key}"
        key = asked.fresh(key)
        head, added = f"for {one}, {key} in ", f"    {name}[{key}].append({one})"
    elif value is None:
        head, added, read = f"for {one} in ", f"    {name}[{one}.{key}].append({one})", None
    else:
        first, second = asked.fresh(key), asked.fresh(value.attribute)
        second = f"{second}_value" if first == second else second
        head, added = f"for {first}, {second} in ", f"    {name}[{first}].append({second})"
        read = f"{asked.entity}.{key}, {asked.entity}.{value.attribute}"
    sent = broken(asked.sent(read), indent, len(head), asked.width, tail=1)
    return f"{name} = {made}(list)\n{head}{sent}:\n{added}"


def answered(
    loop: Loop, edits: Iterable[Edit], whole: ast.expr, found: str, items: Items, width: int
) -> list[Edit]:
    """Return *edits*, which stand before the loop, and those that put *found* for *whole*."""
    if not isinstance(loop.node, ast.For):
        given = items.text if items.renamed else None
        joined = _on_one_line(loop, whole, found, given, width)
        if joined is not None:
            return [*(one for one in edits if one.start == one.end), joined]
    return [*edits, put_in_place(loop.module, whole, found, width)]


def _on_one_line(
    loop: Loop, whole: ast.expr, found: str, given: str | None, width: int
) -> Edit | None:
    """Return the edit that closes a comprehension which fits on one line with *found* in it.

    *given* is what it runs over then, if that is another name.
    """
    source = loop.module.source
    start, end = source.span(loop.node)
    if not LINE_END.search(source.text[start:end]) or comments_in(loop.module, start, end):
        return None
    texts = (one for one in ast.walk(loop.node) if isinstance(one, ast.Constant | ast.JoinedStr))
    if any(one.lineno != one.end_lineno for one in texts):
        return None
    parts = [(source.span(whole), found)]
    if given is not None:
        parts.append((source.span(loop.iterable), given))
    text = source.text[start:end]
    for (first, last), new in sorted(parts, reverse=True):
        text = f"{text[: first - start]}{new}{text[last - start :]}"
    text = re.sub(r"\s*[\r\n]+\s*", " ", text)
    text = text[0] + text[1:-1].strip().removesuffix(",") + text[-1]
    before = source.text[line_start(source, start) : start]
    after = source.text[end : line_stop(source, end)]
    return Edit(start, end, text) if len(before) + len(text) + len(after) <= width else None


def collected(loop: Loop, key: Key, items: Items) -> str:
    """Return the text of all keys."""
    module = loop.module
    wanted = flat_text_of(module, key.node)
    if key.inner is not None:
        first = f"for {module.source.segment(loop.target)} in {items.text}{_if(key.guards)}"
        second = f"for {key.inner.target} in {key.inner.items}{_if(key.inner.guards)}"
        return f"{{{wanted} {first} {second}}}"
    target, given, node = _needed_part(loop, key, items)
    if wanted == target and not key.guards:
        is_plain = node is not None and module.kind(node) in PLAIN_COLLECTIONS
        return given if items.setup or is_plain else f"list({given})"
    return f"{{{wanted} for {target} in {given}{_if(key.guards)}}}"


def _if(guards: tuple[str, ...]) -> str:
    """Return the ``if`` clause of a comprehension."""
    several = len(guards) > 1
    text = " and ".join(f"({one})" if several and _is_loose(one) else one for one in guards)
    return f" if {text}" if text else ""


def _is_loose(condition: str) -> bool:
    """Say whether *condition* needs brackets beside an ``and``."""
    node = ast.parse(condition, mode="eval").body
    return isinstance(node, ast.IfExp | ast.Lambda) or (
        isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
    )


def _needed_part(loop: Loop, key: Key, items: Items) -> tuple[str, str, ast.expr | None]:
    """Return what the keys are collected from: target, text and expression of the items.

    Where the loop numbers its items, or has keys and values, one of them may be enough.
    """
    module, target, node = loop.module, loop.target, items.node or loop.iterable
    whole = module.source.segment(target), items.text, None if items.setup else node
    if items.setup or not isinstance(node, ast.Call) or not isinstance(target, ast.Tuple):
        return whole
    read = {one.id for one in ast.walk(key.node) if isinstance(one, ast.Name)}
    for guard in key.guards:
        read |= {one.id for one in ast.walk(ast.parse(guard)) if isinstance(one, ast.Name)}
    first, second, *rest = target.elts
    needs = [
        bool(read & {one.id for one in ast.walk(part) if isinstance(one, ast.Name)})
        for part in (first, second)
    ]
    if rest or all(needs):
        return whole
    if isinstance(node.func, ast.Name) and node.func.id == "enumerate" and needs[1]:
        return module.source.segment(second), module.source.segment(node.args[0]), node.args[0]
    if isinstance(node.func, ast.Attribute) and node.func.attr == "items":
        owner = module.source.segment(node.func.value)
        if needs[0]:
            return module.source.segment(first), owner, node.func.value
        return module.source.segment(second), f"{owner}.values()", None
    return whole


def before_loop(loop: Loop, items: Items, text: str) -> tuple[Edit, ...]:
    """Return the edits that put *text* before the loop, and let it run over collected items."""
    lines = f"{items.setup}\n{text}" if items.setup else text
    edits = needed(insert_before(loop.module, loop.place, lines))
    if not items.renamed:
        return edits
    return (*edits, Edit(*loop.module.source.span(loop.iterable), items.text))


def needed(edits: tuple[Edit, ...] | None) -> tuple[Edit, ...]:
    """Return *edits*, or say that there can be none."""
    if edits is None:
        raise CannotEdit("no statement can be added or taken away there")
    return edits
