"""What the statements of one function do themselves, without the functions they call."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.callgraph import How, own_nodes
from hephaestus_codemods.project.effects import database, exceptions, mutations
from hephaestus_codemods.project.effects.libraries import effects_of
from hephaestus_codemods.project.effects.model import Effect, EffectKind, Root
from hephaestus_codemods.project.infer import name_of, value
from hephaestus_codemods.project.values import Instance, Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.callgraph import Callee
    from hephaestus_codemods.project.module import Module

LOCKS: Final = frozenset(
    """threading.Lock threading.RLock threading.Semaphore threading.BoundedSemaphore
    threading.Condition asyncio.Lock asyncio.Semaphore asyncio.BoundedSemaphore
    asyncio.Condition filelock.FileLock""".split()
)
#: Results of queries that send one when they are read or run over.
LAZY: Final = database.QUERIES


def place(module: Module, node: ast.AST) -> str:
    """Return ``path:line`` of *node*."""
    return f"{module.path}:{getattr(node, 'lineno', 1)}"


def _effect(
    module: Module,
    node: ast.AST,
    kind: EffectKind,
    what: str,
    runs: str,
    root: Root | None = None,
) -> Effect:
    return Effect(kind, what, runs, place(module, node), root=root)


def statements(module: Module, function: ast.AST) -> Iterator[Effect]:
    """Yield what the statements of *function* do, calls aside."""
    lazy = module.project.relationship_names
    nodes = own_nodes(module, function)
    declared = (node.names for node in nodes if isinstance(node, ast.Global | ast.Nonlocal))
    outer = frozenset(name for names in declared for name in names)
    for node in nodes:
        match node:
            case ast.Raise():
                yield from _of_raise(module, node)
            case ast.Yield() | ast.YieldFrom():
                yield _effect(module, node, EffectKind.YIELDS, "values", "yield")
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                yield from _of_orm(module, node)
            case ast.Attribute(attr="environ"):
                yield from _of_environment(module, node)
            case ast.Attribute(attr=attr) if attr in lazy:
                yield from _of_orm(module, node)
            case ast.Name(id="environ"):
                yield from _of_environment(module, node)
            case ast.With() | ast.AsyncWith():
                yield from _of_with(module, node)
            case ast.For(iter=given) | ast.AsyncFor(iter=given) | ast.comprehension(iter=given):
                yield from _of_loop(module, given)
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Name | ast.Call):
            for target in mutations.changes(module, node, outer):
                runs = _written(node)
                yield _effect(module, node, EffectKind.MUTATES, target.text, runs, target.root)


def _written(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    short = text if len(text) <= 40 else f"{text[:37]}..."
    return short if isinstance(node, ast.Call) else f"{short} ="


def _of_raise(module: Module, node: ast.Raise) -> Iterator[Effect]:
    caught = exceptions.catching(module, node)
    for name in exceptions.raised(module, node):
        if exceptions.escapes(module.project, name, caught):
            runs = f"raise {name.rpartition('.')[2]}"
            yield _effect(module, node, EffectKind.RAISES, name, runs)


def _of_orm(module: Module, node: ast.Attribute) -> Iterator[Effect]:
    for kind, what in database.attribute_touches(module, node):
        yield _effect(module, node, kind, what, ast.unparse(node))


def _of_environment(module: Module, node: ast.expr) -> Iterator[Effect]:
    if name_of(module, node) == "os.environ":
        yield _effect(module, node, EffectKind.ENVIRONMENT, "environment", "os.environ")


def _of_with(module: Module, node: ast.With | ast.AsyncWith) -> Iterator[Effect]:
    for item in node.items:
        found = value(module, item.context_expr)
        if not isinstance(found, Instance) or not isinstance(found.of, Library):
            continue
        if found.of.name in LOCKS:
            runs = f"with {found.of.name}"
            yield _effect(module, item.context_expr, EffectKind.LOCKS, "lock", runs)
        elif found.of.name in database.CONNECTIONS:
            yield _effect(module, node, EffectKind.CONNECTS, "connection", f"with {found.of.name}")


def _of_loop(module: Module, given: ast.expr) -> Iterator[Effect]:
    found = value(module, given)
    if isinstance(found, Instance) and isinstance(found.of, Library) and found.of.name in LAZY:
        table = database.table_of_value(found.args[0]) if found.args else None
        what = table or database.UNKNOWN_TABLE
        yield _effect(module, given, EffectKind.READS, what, "for ... in query")


def of_callee(module: Module, callee: Callee) -> Iterator[Effect]:
    """Yield what *callee* does that is no function of the project."""
    if callee.how is How.SPAWN:
        if callee.functions or callee.unknown:
            name = getattr(callee.functions[0].node, "name", "lambda") if callee.functions else "?"
            yield _effect(module, callee.node, EffectKind.SPAWNS, "task", name)
        return
    if callee.unknown is not None:
        root = Root(callee.of, callee.parameter) if callee.of and callee.parameter else None
        runs = _named(callee)
        yield _effect(module, callee.node, EffectKind.UNKNOWN, callee.unknown, runs, root)
    for name in callee.libraries:
        yield from _of_library(module, callee, name)


def _named(callee: Callee) -> str:
    node = callee.node
    text = ast.unparse(node.func if isinstance(node, ast.Call) else node)
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _of_library(module: Module, callee: Callee, name: str) -> Iterator[Effect]:
    if isinstance(callee.node, ast.Call):
        touched = database.touches(module, callee.node, name)
        if touched is not None:
            for kind, what in touched:
                yield _effect(module, callee.node, kind, what, name)
            return
    known = effects_of(name)
    if known is None:
        reason = f"`{name.partition('()')[0]}` of a library is not known"
        yield _effect(module, callee.node, EffectKind.UNKNOWN, reason, name)
        return
    for kind, what in known:
        if kind is EffectKind.RAISES and not exceptions.escapes(
            module.project, what, exceptions.catching(module, callee.node)
        ):
            continue
        yield _effect(module, callee.node, kind, what, name)
