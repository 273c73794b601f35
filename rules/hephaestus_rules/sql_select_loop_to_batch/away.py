"""Queries one call away: the loop calls a function of the project that asks for one key.

The function gets a sibling that asks for many; the loop calls it once, before the first round.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import comments_in, text_of
from hephaestus_codemods.kit.loops import Loop, calls_in_loops
from hephaestus_codemods.kit.names import fresh_name
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project.aggregates import counts
from hephaestus_codemods.project.askers import Asker, asker_of, may_ask
from hephaestus_codemods.project.callgraph import resolve
from hephaestus_codemods.project.queries import query_of
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import Addition, CannotEdit, Change, Import, Refusal
from hephaestus_rules.sql_select_loop_to_batch.forms import Batch
from hephaestus_rules.sql_select_loop_to_batch.rewrite import (
    answered,
    before_loop,
    collected,
    groups,
)
from hephaestus_rules.sql_select_loop_to_batch.shapes import shape_of
from hephaestus_rules.sql_select_loop_to_batch.statement import Statement

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sql_select_loop_to_batch.forms import Plan
    from hephaestus_rules.sql_select_loop_to_batch.shapes import Shape

#: Verbs with which functions that look something up begin.
VERBS = ("get", "fetch", "find", "load", "read", "select", "retrieve", "lookup")


@dataclass(frozen=True)
class Asked:
    """A call in a loop of a function that asks one query; *whole* is it with its ``await``."""

    call: ast.Call
    whole: ast.expr
    asker: Asker
    arguments: dict[str, ast.expr]


def asked_in_loops(module: Module) -> list[tuple[Asked, Loop]]:
    """Return the calls in loops, given something that changes, of functions that only ask."""
    found: list[tuple[Asked, Loop]] = []
    for call, loop in calls_in_loops(module):
        if not isinstance(call, ast.Call) or not may_ask(module, call):
            continue
        if not any(loop.varies(one) for one in given_to(call)):
            continue
        if query_of(module, call) is not None:
            continue
        function = resolve(module, call).function
        asker = asker_of(function.module, function.node) if function is not None else None
        if function is None or asker is None or counts(asker.query):
            continue
        arguments = arguments_of(call, asker)
        if arguments is not None:
            found.append((Asked(call, with_await(module, call), asker, arguments), loop))
    return found


def given_to(call: ast.Call) -> list[ast.expr]:
    """Return all that *call* is given."""
    return [*call.args, *(one.value for one in call.keywords)]


def with_await(module: Module, call: ast.Call) -> ast.expr:
    """Return *call*, with the ``await`` in front of it."""
    parent = module.parents.get(call)
    return parent if isinstance(parent, ast.Await) else call


def arguments_of(call: ast.Call, asker: Asker) -> dict[str, ast.expr] | None:
    """Return what each parameter is given; None when that is not seen."""
    names = [one.arg for one in (*asker.node.args.posonlyargs, *asker.node.args.args)]
    if isinstance(asker.module.scopes.outer(asker.node), ast.ClassDef):
        names = names[1:]  # it is read from an object: no decorator says otherwise
    if any(isinstance(one, ast.Starred) for one in call.args) or len(call.args) > len(names):
        return None
    found = dict(zip(names, call.args, strict=False))
    for one in call.keywords:
        if one.arg is None or one.arg in found:
            return None
        found[one.arg] = one.value
    return found


def shape_asked(asked: Asked, loop: Loop) -> tuple[Shape, str] | Refusal:
    """Return the question behind a call, and the parameter that is its key."""
    varying = [name for name, node in asked.arguments.items() if loop.varies(node)]
    name = asked.asker.node.name
    if len(varying) != 1:
        message = f"{' and '.join(varying)} of {name}() change together"
        return Refusal("composite-key", message)
    awaited = asked.whole is not asked.call
    if awaited is not isinstance(asked.asker.node, ast.AsyncFunctionDef):
        return Refusal("not-awaited", f"{name}() is started here, and awaited elsewhere")
    parameter = varying[0]
    shape = shape_of(asked.asker.query, lambda node: asked.asker.mentions(node, parameter))
    if isinstance(shape, Refusal):
        return Refusal(shape.code, f"{name}(): {shape.message}")
    if not isinstance(shape.key.value, ast.Name):
        return Refusal("computed-key", f"{name}() computes the key from {parameter}")
    return shape, parameter


def rewritten_away(plan: Plan, asked: Asked, parameter: str) -> Change:
    """Return the change: a new function beside the one that is called, and one call of it."""
    loop, module = plan.loop, plan.loop.module
    if comments_in(module, *module.source.span(asked.whole)):
        raise CannotEdit("a comment stands inside the call")
    sibling = Sibling(plan, asked, parameter)
    addition = sibling.addition()
    name = fresh_name(module, sibling.answer, loop.place)
    wait = "await " if asked.whole is not asked.call else ""
    called, imports = called_by(asked, module, addition.name)
    keys = collected(loop, plan.key, plan.items)
    value = f"{wait}{called}({', '.join(passed_to(module, asked, parameter, keys))})"
    column = len(module.source.indent(module.source.span(loop.place)[0]))
    width = line_length(module.project, module.path)
    text = f"{name} = {broken(value, column, len(name) + 3, width)}"
    key = text_of(module, plan.key.given)
    found = f"{name}[{key}]" if plan.batch is Batch.GROUPS else f"{name}.get({key})"
    before = before_loop(loop, plan.items, text)
    edits = answered(loop, before, asked.whole, found, plan.items, width)
    return Change(tuple(edits), imports, additions=(addition,))


def called_by(asked: Asked, module: Module, name: str) -> tuple[str, tuple[Import, ...]]:
    """Return how the new function is called here, and the import that it needs."""
    if isinstance(asked.call.func, ast.Attribute):
        return f"{module.source.segment(asked.call.func.value)}.{name}", ()
    home = asked.asker.module
    return name, () if home is module else (Import(home.name, name),)


def passed_to(module: Module, asked: Asked, parameter: str, keys: str) -> list[str]:
    """Return the arguments of the call for all keys."""
    key = asked.arguments[parameter]
    passed = [keys if one is key else text_of(module, one) for one in asked.call.args]
    for one in asked.call.keywords:
        is_key = one.value is key
        text = f"{plural(parameter)}={keys}" if is_key else module.source.segment(one)
        passed.append(text)
    return passed


class Sibling:
    """The function that asks for many keys."""

    def __init__(self, plan: Plan, asked: Asked, parameter: str) -> None:
        self.plan = plan
        self.asker = asked.asker
        self.parameter = parameter
        self.many = plural(parameter)
        self.written = Statement(plan.shape, self.many, asked.asker.node)
        self.column = plan.shape.key.column.attribute
        column = plan.shape.selected.column
        self.answer = (
            f"{plural(column.attribute if column else self.written.noun)}_by_{self.column}"
        )

    def addition(self) -> Addition:
        """Return the new definition."""
        asker = self.asker
        verb = asker.node.name.lstrip("_").partition("_")[0]
        verb = verb if verb in VERBS else VERBS[0]
        private = "_" if asker.node.name.startswith("_") else ""
        name = f"{private}{verb}_{self.answer}"
        kind = "async def" if isinstance(asker.node, ast.AsyncFunctionDef) else "def"
        head = self._head(f"{kind} {name}")
        lines = [head, *self._docstring(), *_indented(self._body())]
        beside = asker.module.qualified_path(asker.node)
        imports = tuple(sorted(self.written.imports))
        return Addition(asker.module.path, beside, name, "\n".join(lines), imports)

    def _docstring(self) -> list[str]:
        if ast.get_docstring(self.asker.node) is None:
            return []
        what, by = self.answer.rsplit("_by_", 1)
        words = what.replace("_", " "), self.many.replace("_", " "), by.replace("_", " ")
        return [f'    """Return the {words[0]} with these {words[1]}, by {words[2]}."""']

    def _head(self, start: str) -> str:
        returns = self._returns()
        end = f") -> {returns}:" if returns else "):"
        parameters = self._parameters()
        line = f"{start}({', '.join(parameters)}{end}"
        if len(line) + self.asker.node.col_offset <= 88:
            return line
        inner = f"    {', '.join(parameters)}"
        if len(inner) + self.asker.node.col_offset <= 88:
            return f"{start}(\n{inner}\n{end}"
        return f"{start}(\n" + "".join(f"    {one},\n" for one in parameters) + end

    def _parameters(self) -> list[str]:
        args = self.asker.node.args
        positional = [*args.posonlyargs, *args.args]
        defaults = [None] * (len(positional) - len(args.defaults)) + [*args.defaults]
        found = [self._parameter(one, d) for one, d in zip(positional, defaults, strict=True)]
        if args.posonlyargs:
            found.insert(len(args.posonlyargs), "/")
        if args.kwonlyargs:
            found.append("*")
        pairs = zip(args.kwonlyargs, args.kw_defaults, strict=True)
        return [*found, *(self._parameter(one, default) for one, default in pairs)]

    def _parameter(self, one: ast.arg, default: ast.expr | None) -> str:
        source = self.asker.module.source
        if one.arg == self.parameter:
            key = self._key_type()
            return f"{self.many}: {self._collection()}[{key}]" if key else self.many
        text = source.segment(one)
        if default is None:
            return text
        equal = " = " if one.annotation is not None else "="
        return f"{text}{equal}{source.segment(default)}"

    def _collection(self) -> str:
        return self.written.named("collections.abc.Collection")

    def _key_type(self) -> str:
        found = next(one for one in self.asker.parameters if one.arg == self.parameter)
        module = self.asker.module
        minor = module.project.target.minor_floor(module.path)
        if found.annotation is None or (minor is not None and minor < 9):
            return ""
        return module.source.segment(found.annotation)

    def _returns(self) -> str:
        """Return the annotation of the answer, where the function that is called has one."""
        key = self._key_type()
        if not key or self.asker.node.returns is None or self.plan.shape.selected.column:
            return ""
        entity = self.written.entity
        return f"dict[{key}, {f'list[{entity}]' if self.plan.batch is Batch.GROUPS else entity}]"

    def _body(self) -> str:
        written, indent = self.written, self.asker.node.col_offset + 4
        if self.plan.batch is Batch.GROUPS:
            return f"{groups(written, self.answer, indent)}\nreturn {self.answer}"
        column = self.plan.shape.selected.column
        if column is not None:
            entity = written.entity
            sent = written.sent(f"{entity}.{self.column}, {entity}.{column.attribute}")
            sent = f"({sent})" if written.query.is_async else sent
            return f"return {broken(f'dict({sent}.all())', indent, 7)}"
        noun, several = written.noun, plural(written.noun)
        asked = f"{several} = {broken(written.sent(), indent, len(several) + 3)}"
        return f"{asked}\nreturn {{{noun}.{self.column}: {noun} for {noun} in {several}}}"


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.split("\n")]
