"""Writes a batch as a colleague would: a few lines before the loop, and a look-up inside it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.breaking import broken, put_in_place
from hephaestus_codemods.kit.expressions import comments_in, flat_text_of
from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.kit.names import is_free
from hephaestus_codemods.kit.statements import delete_statement, insert_before
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.queries import Form, Gives
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.project.variables import only_binding, reads_of
from hephaestus_codemods.rule import CannotEdit, Change, Edit
from hephaestus_rules.sql_select_loop_to_batch.forms import Batch, Plan
from hephaestus_rules.sql_select_loop_to_batch.statement import Statement
from hephaestus_rules.sql_select_loop_to_batch.types import column_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sql_select_loop_to_batch.items import Items
    from hephaestus_rules.sql_select_loop_to_batch.keys import Key

#: Kinds of collections that ``in_`` takes as they are.
PLAIN_COLLECTIONS: Final = frozenset({"builtins.list", "builtins.tuple", "builtins.set"})


def rewritten(plan: Plan) -> Change:
    """Return the change that makes *plan* true."""
    return _Writer(plan).change()


class _Writer:
    """The parts of one rewrite, and the imports they need."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = plan.loop
        self.module = plan.loop.module
        self.query = plan.shape.query
        self.asked = Statement(
            plan.shape, collected(plan.loop, plan.key, plan.items), plan.loop.place
        )
        self.column = len(self.module.source.indent(self.module.source.span(plan.loop.place)[0]))

    def change(self) -> Change:
        """Return all edits of the rewrite."""
        module, query = self.module, self.query
        for part in (query.whole, *query.steps):
            if comments_in(module, *module.source.span(part)):
                raise CannotEdit("a comment stands inside the query")
        before, found = self._batch()
        edits = [*before_loop(self.loop, self.plan.items, before)]
        if found is not None:
            width = self.asked.width
            edits = answered(self.loop, edits, query.whole, found, self.plan.items, width)
            for step in query.steps:
                edits += needed(delete_statement(module, step))
        return Change(tuple(edits), tuple(sorted(self.asked.imports)))

    def _batch(self) -> tuple[str, str | None]:
        """Return the statement before the loop, and what takes the place of the query."""
        match self.plan.batch:
            case Batch.PREFETCH:
                return self._prefetch()
            case Batch.BY_KEY:
                return self._by_key()
            case Batch.GROUPS:
                return self._groups()

    def _prefetch(self) -> tuple[str, str | None]:
        name = self.asked.fresh(f"_{plural(self.asked.noun)}")
        sent = self.asked.sent()
        sent = f"({sent})" if self.query.is_async else sent
        comment = "# They stay in the session, where the loop finds them by their keys."
        found = None if self.query.form is Form.GET else self._got()
        return f"{comment}\n{self._assigned(name, f'{sent}.all()')}", found

    def _got(self) -> str:
        wait = "await " if self.query.is_async else ""
        key = flat_text_of(self.module, self.plan.key.given)
        if self.query.session is None:
            return f"{self.asked.entity}.query.get({key})"
        get = "get_one" if self.query.gives is Gives.ONE else "get"
        text = f"{wait}{self.asked.session}.{get}({self.asked.entity}, {key})"
        return f"({text})" if wait and self._is_operand() else text

    def _by_key(self) -> tuple[str, str | None]:
        asked, shape = self.asked, self.plan.shape
        noun, column = asked.noun, shape.key.column.attribute
        if shape.selected.column is not None:
            value = shape.selected.column.attribute
            name = self._answer(value)
            sent = asked.sent(f"{asked.entity}.{column}, {asked.entity}.{value}")
            sent = f"({sent})" if self.query.is_async else sent
            return self._assigned(name, f"dict({sent}.all())"), self._looked_up(name)
        name = self._answer(noun)
        text = by_key(name, noun, column, asked.sent(), self.column, asked.width)
        return text, self._looked_up(name)

    def _answer(self, noun: str) -> str:
        """Return a name for the dictionary; where it is taken, one that says whose keys it has."""
        column = self.plan.shape.key.column.attribute
        key = self.plan.key.node
        role = key.attr.removesuffix("_id") if isinstance(key, ast.Attribute) else ""
        role = "" if role == getattr(key, "attr", "") else role
        wanted, other = f"{plural(noun)}_by_{column}", f"{plural(role)}_by_{column}"
        place = self.loop.place
        if role and not is_free(self.module, wanted, place) and is_free(self.module, other, place):
            return other
        return self.asked.fresh(wanted)

    def _looked_up(self, name: str) -> str:
        return f"{name}.get({flat_text_of(self.module, self.plan.key.given)})"

    def _groups(self) -> tuple[str, str | None]:
        shape = self.plan.shape
        column = shape.selected.column
        noun = column.attribute if column is not None else self.asked.noun
        name = self._answer(noun)
        text = groups(self.asked, name, self.column)
        found = f"{name}[{flat_text_of(self.module, self.plan.key.given)}]"
        is_shared = not _is_only_read(self.module, self.query.whole) and not self._is_own_key()
        return text, f"list({found})" if is_shared else found

    def _is_own_key(self) -> bool:
        """Say whether each item has a key of its own: that of its table."""
        key = self.plan.key.node
        if not isinstance(key, ast.Attribute) or not isinstance(key.value, ast.Name):
            return False
        column = column_at(self.module, key)
        return column is not None and column.primary_key

    def _is_operand(self) -> bool:
        parent = self.module.parents.get(self.query.whole)
        return isinstance(
            parent, ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.Compare
        )

    def _assigned(self, name: str, value: str) -> str:
        return f"{name} = {broken(value, self.column, len(name) + 3, self.asked.width)}"


def by_key(name: str, noun: str, column: str, sent: str, indent: int, width: int) -> str:
    """Return the statement that makes a dictionary from key to object."""
    made = f"{{{noun}.{column}: {noun} for {noun} in {sent}}}"
    return f"{name} = {broken(made, indent, len(name) + 3, width)}"


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


#: Functions that only go through what they are given.
GOING_THROUGH: Final = frozenset(
    f"builtins.{name}"
    for name in (
        *("len", "list", "tuple", "set", "frozenset", "sorted", "sum", "min", "max"),
        *("any", "all", "bool", "dict", "enumerate"),
    )
)


def _is_only_read(module: Module, node: ast.expr) -> bool:
    """Say whether the list *node* is gone through and then forgotten."""
    parent = module.parents.get(node)
    match parent:
        case ast.For(iter=given) | ast.comprehension(iter=given):
            return given is node
        case ast.Call(func=ast.Name() as func):
            return module.qualified_name(func) in GOING_THROUGH
        case ast.Call(func=ast.Attribute(attr="extend" | "join" | "update")):
            return True
        case ast.If() | ast.IfExp() | ast.UnaryOp() | ast.Compare() | ast.Starred():
            return not (isinstance(parent, ast.IfExp) and node is not parent.test)
        case ast.Subscript(value=value, ctx=ast.Load()):
            return value is node and not isinstance(parent.slice, ast.Slice)
        case ast.Assign(targets=[ast.Name() as target]):
            binding = only_binding(module, target)
            reads = reads_of(module, binding) if binding is not None else None
            return reads is not None and all(_is_only_read(module, one) for one in reads)
    return False


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
