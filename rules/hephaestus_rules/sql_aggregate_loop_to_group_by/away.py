"""Aggregates one call away: the loop calls a function of the project that counts for one key.

The function gets a sibling that counts for many; the loop calls it once, before the first round.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.batching.siblings import (
    VERBS,
    Asked,
    Sibling,
    arguments_of,
    called_by,
    given_to,
    passed_to,
    with_await,
)
from hephaestus_codemods.kit.batching.types import Family, compares_exactly, family_of, may_be_none
from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import comments_in
from hephaestus_codemods.kit.loops import Loop, calls_in_loops
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.aggregates import Kind
from hephaestus_codemods.project.askers import asker_of, may_ask
from hephaestus_codemods.project.callgraph import resolve
from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.queries import query_of
from hephaestus_codemods.project.values import Class, Instance
from hephaestus_codemods.rule import CannotEdit, Change, Established, Precondition, Refusal
from hephaestus_rules.sql_aggregate_loop_to_group_by.rewrite import (
    Batch,
    Plan,
    asked_once,
    keys_of,
    named,
)
from hephaestus_rules.sql_aggregate_loop_to_group_by.shapes import Question, question_of
from hephaestus_rules.sql_aggregate_loop_to_group_by.uses import Use, use_of

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query

#: How columns of these types are annotated.
KEY_TYPES = {
    **dict.fromkeys(("builtins.int", "sqlalchemy.Integer", "sqlalchemy.BigInteger"), "int"),
    **dict.fromkeys(("builtins.str", "sqlalchemy.String", "sqlalchemy.Text"), "str"),
}
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


def question_asked(counted: Counted, loop: Loop) -> tuple[Question, str, str] | Refusal:
    """Return the question behind a call, the parameter that is its key, and what it reads of it."""
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
    match found.shape.key.value:
        case ast.Name():
            return found, parameter, ""
        case ast.Attribute(value=ast.Name(), attr=attribute):
            return found, parameter, attribute
    return Refusal("computed-key", f"{name}() computes the key from {parameter}")


def same_values(plan: Plan) -> Precondition | Refusal:
    """Say whether what a function reads of an object is equal in Python and in the database."""
    module, shape = plan.loop.module, plan.shape
    text = f"{ast.unparse(plan.key.node)}.{plan.attribute}"
    owner = value(module, plan.key.node)
    of = owner.of if isinstance(owner, Instance) else None
    model = module.project.model(of.name, module.path) if isinstance(of, Class) else None
    column = model.column(plan.attribute) if model is not None else None
    family = family_of(shape.query.module, shape.key.column)
    if column is None or family is None:
        return Refusal("key-type", f"the type of {text} is not known: 5 and '5' are one key there")
    if column.nullable is not False or may_be_none(module, plan.key.node):
        return Refusal("null-key", f"{text} may be None: that finds the rows without a value")
    if family_of(module, column) is not family:
        return Refusal("other-type", f"{shape.key.column.attribute} and {text} differ in type")
    if family is Family.TEXT and not compares_exactly(module):
        return Refusal("caseless", "the database may take text as equal whatever its case")
    name = "a key finds in the dictionary what it finds in the table"
    return Precondition(name, Established.PROVED, f"both are {family}")


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
    keys = keys_of(plan)
    usual, own = f"{plural(parameter)}={keys}", f"{sibling.many}={keys}"
    passed = [own if one == usual else one for one in passed_to(module, asked, parameter, keys)]
    text = f"{wait}{called}({', '.join(passed)})"
    edits, others = asked_once(plan, name, text)
    return Change(tuple(edits), (*imports, *sorted(others)), additions=(addition,))


class _Counting(Sibling):
    """The function that counts for many keys."""

    def __init__(self, plan: Plan, asked: Asked, parameter: str) -> None:
        super().__init__(plan, asked, parameter)  # type: ignore[arg-type]  # it reads the shape
        self.attribute = plan.attribute
        if self.attribute:
            self.many = plural(f"{parameter}_{self.attribute}")
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

    def _key_type(self) -> str:
        """Return the annotation of a key; that of an object says nothing of what is read of it."""
        found = super()._key_type()
        if not found or not self.attribute:
            return found
        return KEY_TYPES.get(self.plan.shape.key.column.type_name or "", "")

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
