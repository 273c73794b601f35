"""Small rules that show one property of the engine each."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.model import FileResult, Selection
from hephaestus_codemods.engine.run import answer, jobs_for
from hephaestus_codemods.project.project import Files
from hephaestus_codemods.rule import Change, Edit, Finding, Import, Rule, Safety, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options

Find = "Callable[[Module, Options], Iterator[Finding]]"


def rule(name: str, find: Find, **more: object) -> Rule:
    """Return a rule of that name which looks at every file."""
    return Rule(f"toys.{name.replace('-', '_')}.rule", name, find, needles=(), **more)


def calls(module: Module, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a plain name."""
    for call in module.calls:
        if isinstance(call.func, ast.Name) and call.func.id == name:
            yield call


def adds_keyword(name: str, keyword: str, *, base: Safety = Safety.SAFE) -> Rule:
    """Return a rule that adds ``keyword=1`` to every call of ``f``."""

    def find(module: Module, options: Options) -> Iterator[Finding]:
        for call in calls(module, "f"):
            if all(one.arg != keyword for one in call.keywords):
                end = module.source.span(call)[1] - 1
                comma = ", " if call.args or call.keywords else ""
                edit = Edit(end, end, f"{comma}{keyword}=1")
                yield Finding(
                    call, "a keyword is missing", base, change=lambda e=edit: Change((e,))
                )

    return rule(name, find)


def replaces(name: str, old: str, new: str, *needs: Import) -> Rule:
    """Return a rule that writes *new* where *old* stands as an expression."""

    def find(module: Module, options: Options) -> Iterator[Finding]:
        for node in module.nodes:
            if isinstance(node, ast.expr) and module.source.segment(node) == old:
                edit = Edit(*module.source.span(node), new)
                yield Finding(node, "old", change=lambda e=edit: Change((e,), imports=needs))

    return rule(name, find)


def refuses(name: str, called: str) -> Rule:
    """Return a rule that refuses every call of *called*."""

    def find(module: Module, options: Options) -> Iterator[Finding]:
        for call in calls(module, called):
            yield refuse(call, "not-today", "it is not the day for it")

    return rule(name, find)


def raises(name: str) -> Rule:
    """Return a rule with a fault."""

    def find(module: Module, options: Options) -> Iterator[Finding]:
        raise KeyError("a fault of the rule")
        yield

    return rule(name, find)


def run(
    text: str | bytes,
    *rules: Rule,
    path: str = "app.py",
    others: Mapping[str, str] | None = None,
    **selection: object,
) -> FileResult:
    """Rewrite one file in this process."""
    raw = text.encode() if isinstance(text, str) else text
    files = {path: raw} | {name: body.encode() for name, body in (others or {}).items()}
    view = Files(files)
    ceiling = dict.fromkeys((one.name for one in rules), Safety.SUGGEST)
    chosen = Selection(**{"ceiling": ceiling, **selection})
    (job,) = jobs_for(view, [path], frozenset(), rules)
    return answer(view, rules, chosen)(job)


def after(text: str, *rules: Rule, **selection: object) -> str:
    """Return the text that the rules leave."""
    result = run(text, *rules, **selection)
    return (result.before if result.after is None else result.after).decode()
