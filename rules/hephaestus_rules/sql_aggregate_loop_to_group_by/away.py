"""Aggregates one call away: the loop calls a function of the project that counts for one key.

The function gets a sibling that counts for many; the loop calls it once, before the first round.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import comments_in
from hephaestus_codemods.kit.loops import Loop, calls_in_loops
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.aggregates import Kind
from hephaestus_codemods.project.askers import asker_of, may_ask
from hephaestus_codemods.project.callgraph import resolve
from hephaestus_codemods.project.queries import query_of
from hephaestus_codemods.rule import CannotEdit, Change, Refusal
from hephaestus_rules.sql_aggregate_loop_to_group_by.rewrite import (
    Batch,
    Plan,
    asked_once,
    named,
)
from hephaestus_rules.sql_aggregate_loop_to_group_by.shapes import Question, question_of
from hephaestus_rules.sql_aggregate_loop_to_group_by.uses import Use, use_of
from hephaestus_rules.sql_select_loop_to_batch.away import (
    VERBS,
    Asked,
    Sibling,
    arguments_of,
    called_by,
    given_to,
    passed_to,
    with_await,
)
from hephaestus_rules.sql_select_loop_to_batch.rewrite import collected

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query

#: First words of functions after which their names say what is counted, or looked for.
TELLING = frozenset({*VERBS, "count", "has", "have", "sum", "compute", "calculate"})


@dataclass(frozen=True)
class Counted:
    """A call *asked* in a loop, of a function that returns what *use* says."""

    asked: Asked
    use: Use


def counted_in_loops(module: Module) -> list[tuple[Counted, Loop]]:
    """Return the calls in loops, given something that changes, of functions that only count."""
    found: list[tuple[Counted, Loop]] = []
    for call, loop in calls_in_loops(module):
        if not isinstance(call, ast.Call) or not may_ask(module, call):
            continue
        if not any(loop.varies(one) for one in given_to(call)):
            continue
        if query_of(module, call) is not None:
            continue
        function = resolve(module, call).function
        asker = asker_of(function.module, function.node, _returned) if function else None
        use = use_of(asker.query) if asker is not None else None
        arguments = arguments_of(call, asker) if asker is not None else None
        if asker is not None and use is not None and not use.reads and arguments is not None:
            asked = Asked(call, with_await(module, call), asker, arguments)
            found.append((Counted(asked, use), loop))
    return found


def _returned(module: Module, answer: ast.expr) -> Query | None:
    """Return the query of which *answer* says no more than the number, or whether rows exist."""
    for node in ast.walk(answer):
        query = query_of(module, node) if isinstance(node, ast.Call | ast.Await) else None
        use = use_of(query) if query is not None else None
        if query is not None and use is not None:
            return query if use.node is answer else None
    return None


def question_asked(counted: Counted, loop: Loop) -> tuple[Question, str] | Refusal:
    """Return the question behind a call, and the parameter that is its key."""
    asked = counted.asked
    varying = [name for name, node in asked.arguments.items() if loop.varies(node)]
    name = asked.asker.node.name
    if len(varying) != 1:
        message = f"{' and '.join(varying)} of {name}() change together"
        return Refusal("composite-key", message)
    awaited = asked.whole is not asked.call
    if awaited is not isinstance(asked.asker.node, ast.AsyncFunctionDef):
        return Refusal("not-awaited", f"{name}() is started here, and awaited elsewhere")
    parameter = varying[0]
    found = question_of(counted.use.aggregate, lambda node: asked.asker.mentions(node, parameter))
    if isinstance(found, Refusal):
        return Refusal(found.code, f"{name}(): {found.message}")
    if not isinstance(found.shape.key.value, ast.Name):
        return Refusal("computed-key", f"{name}() computes the key from {parameter}")
    return found, parameter


def rewritten_away(plan: Plan, asked: Asked, parameter: str) -> Change:
    """Return the change: a new function beside the one that is called, and one call of it."""
    module = plan.loop.module
    if comments_in(module, *module.source.span(asked.whole)):
        raise CannotEdit("a comment stands inside the call")
    sibling = _Counting(plan, asked, parameter)
    addition = sibling.addition()
    name = named(plan, sibling.answer)
    wait = "await " if asked.whole is not asked.call else ""
    called, imports = called_by(asked, module, addition.name)
    keys = collected(plan.loop, plan.key, plan.items)
    value = f"{wait}{called}({', '.join(passed_to(module, asked, parameter, keys))})"
    edits, others = asked_once(plan, name, value)
    return Change(tuple(edits), (*imports, *sorted(others)), additions=(addition,))


class _Counting(Sibling):
    """The function that counts for many keys."""

    def __init__(self, plan: Plan, asked: Asked, parameter: str) -> None:
        super().__init__(plan, asked, parameter)  # type: ignore[arg-type]  # it reads the shape
        self.batch = Batch.of(plan.question, self.many, asked.asker.node)
        self.written = self.batch.asked
        self.answer = self._answer()

    def _answer(self) -> str:
        """Return a name for the answers, with the words of the function that gives one."""
        batch = self.batch
        verb, _, told = self.asker.node.name.lstrip("_").partition("_")
        usual = batch.name(told if verb in TELLING else "")
        if verb not in TELLING or told in ("", batch.noun, plural(batch.noun)):
            return usual
        match batch.aggregate.kind:
            case Kind.EXISTS:
                is_about_rows = batch.noun in told
                return f"{plural(batch.key)}_with_{told}" if is_about_rows else usual
            case Kind.COUNT if not told.endswith("_count"):
                return f"{told}_count_by_{batch.key}"
            case Kind.COUNT:
                return f"{plural(told)}_by_{batch.key}"
            case Kind.VALUE:
                return f"{told}_by_{batch.key}"

    def _docstring(self) -> list[str]:
        if ast.get_docstring(self.asker.node) is None:
            return []
        words = self.answer.replace("_", " ")
        if self.batch.aggregate.kind is Kind.EXISTS:
            keys, _, what = words.partition(" with ")
            return [f'    """Return which of these {keys} have {what}."""']
        return [f'    """Return the {words}."""']

    def _returns(self) -> str:
        """Return the annotation of the answer, where the function that is called has one."""
        key, given = self._key_type(), self.asker.node.returns
        if not key or given is None:
            return ""
        aggregate = self.batch.aggregate
        if aggregate.kind is Kind.EXISTS:
            return f"set[{key}]"
        value = self.asker.module.source.segment(given)
        if aggregate.kind is Kind.COUNT or all(one.nullable is False for one in aggregate.columns):
            value = value.removesuffix(" | None")
        return f"dict[{key}, {value}]"

    def _body(self) -> str:
        indent, width = self.asker.node.col_offset + 4, self.written.width
        return f"return {broken(self.batch.value(), indent, 7, width)}"
