"""Functions one call away that ask a query: what they are given, and siblings that ask for many."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.batching.plans import Batch
from hephaestus_codemods.kit.batching.statement import Statement
from hephaestus_codemods.kit.batching.writing import groups
from hephaestus_codemods.kit.breaking import broken
from hephaestus_codemods.kit.expressions import text_of
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.rule import Addition, Import

if TYPE_CHECKING:
    from hephaestus_codemods.kit.batching.plans import Plan
    from hephaestus_codemods.project.askers import Asker
    from hephaestus_codemods.project.module import Module


#: Verbs with which functions that look something up begin.
VERBS = ("get", "fetch", "find", "load", "read", "select", "retrieve", "lookup")


@dataclass(frozen=True)
class Asked:
    """A call in a loop of a function that asks one query; *whole* is it with its ``await``."""

    call: ast.Call
    whole: ast.expr
    asker: Asker
    arguments: dict[str, ast.expr]


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
