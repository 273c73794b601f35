"""Whether some code surely runs whenever the code around it does."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.bindings import block_of
from hephaestus_codemods.project.nodes import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
#: Calls that go through all of a generator that is their first argument.
CONSUMING: Final = frozenset(
    f"builtins.{name}" for name in "list tuple set frozenset dict sum min max sorted len".split()
) | {"collections.Counter", "collections.OrderedDict", "collections.deque", "math.fsum"}


@dataclass(frozen=True)
class Region:
    """Code that runs as a whole: a function, the rounds of a loop, or what follows *after*.

    *node* is the function, loop or comprehension; *number* is the ``for`` clause of a comprehension
    whose rounds are meant.
    """

    node: ast.AST
    number: int = 0
    after: ast.AST | None = None


def always_runs(
    module: Module, node: ast.AST, region: Region, harmless: frozenset[str] = frozenset()
) -> bool:
    """Say whether *node* runs each time that *region* does.

    A test of nothing but the expressions *harmless*, for their truth or for None, does not count:
    where it fails there is nothing to load.
    """
    after = region.after
    since = {after, *module.ancestors(after)} if after is not None else set()
    if node in since:
        return True
    child = node
    for parent in module.ancestors(node):
        if isinstance(child, ast.stmt) and _leaves_before(module, child, since, harmless):
            return False
        if parent is region.node and parent not in since:
            return _in_region(parent, child, region.number, harmless)
        if parent in since and _side_by_side(parent, child, since):
            return True
        if _may_skip(parent, child, harmless):
            return False
        if parent in since:
            return True
        child = parent
    return False


def _in_region(node: ast.AST, child: ast.AST, number: int, harmless: frozenset[str]) -> bool:
    """Say whether each round comes to *child*, a part of the loop or function *node*."""
    if not isinstance(node, COMPREHENSIONS):
        return True
    clauses = node.generators
    at = clauses.index(child) if isinstance(child, ast.comprehension) else len(clauses)
    if at == number:
        return True
    tests = [test for clause in clauses[number:at] for test in clause.ifs]
    return at == number + 1 and all(_is_harmless(one, harmless) for one in tests)


def _side_by_side(parent: ast.AST, child: ast.AST, since: set[ast.AST]) -> bool:
    """Say whether *child* stands in one block of *parent* with one of *since*."""
    blocks = [block for _, block in ast.iter_fields(parent) if isinstance(block, list)]
    return any(child in block and not since.isdisjoint(block) for block in blocks)


def _may_skip(parent: ast.AST, child: ast.AST, harmless: frozenset[str]) -> bool:
    """Say whether *parent* may leave out its part *child*."""
    match parent:
        case ast.If(test=test) | ast.IfExp(test=test) if child is not test:
            return not _is_harmless(test, harmless)
        case ast.BoolOp(values=[first, *_]) if child is not first:
            before = parent.values[: parent.values.index(child)]  # type: ignore[arg-type]
            return not all(_is_harmless(one, harmless) for one in before)
        case ast.Try() | ast.TryStar():
            return child in parent.handlers
        case ast.For() | ast.AsyncFor():
            return child in parent.body
        case ast.While(test=test):
            return child is not test
        case ast.Match(subject=subject):
            return child is not subject
        case ast.comprehension(iter=given, ifs=tests):
            return child is not given and (child is not tests[0] if tests else True)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return child is not parent.generators[0]
    return isinstance(parent, Function)


def _leaves_before(
    module: Module, child: ast.stmt, since: set[ast.AST], harmless: frozenset[str]
) -> bool:
    """Say whether a statement before *child* in its block may leave the block."""
    block = block_of(module, child) or []
    started = not any(one in since for one in block)
    for one in block:
        if one is child:
            return False
        if started and any(not _is_guard(module, exit_, harmless) for exit_ in exits(one)):
            return True
        started = started or one in since
    return False


def exits(statement: ast.AST, *, inner: bool = False) -> Iterator[ast.AST]:
    """Yield what may end the round or the function that *statement* stands in, errors aside.

    *inner* says that *statement* is inside of a loop that it would end.
    """
    if isinstance(statement, ast.Return) or (
        isinstance(statement, ast.Break | ast.Continue) and not inner
    ):
        yield statement
    if isinstance(statement, Function | ast.ClassDef):
        return
    for one in ast.iter_child_nodes(statement):
        yield from exits(one, inner=inner or isinstance(statement, LOOPS))


def _is_guard(module: Module, leaving: ast.AST, harmless: frozenset[str]) -> bool:
    """Say whether *leaving* only happens where there is nothing to load."""
    parent = module.parents.get(leaving)
    return isinstance(parent, ast.If) and _is_harmless(parent.test, harmless)


def _is_harmless(test: ast.expr, harmless: frozenset[str]) -> bool:
    """Say whether *test* asks whether one of *harmless* is there, and nothing else."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _is_harmless(operand, harmless)
        case ast.BoolOp(values=parts):
            return all(_is_harmless(one, harmless) for one in parts)
        case ast.Compare(left=left, ops=[_], comparators=[ast.Constant(value=None | 0)]):
            return _is_harmless(left, harmless)
        case ast.Call(func=ast.Name(id="len" | "bool"), args=[given], keywords=[]):
            return _is_harmless(given, harmless)
        case ast.Name() | ast.Attribute():
            return ast.unparse(test) in harmless
    return False


def early_end(module: Module, run: ast.AST) -> tuple[str, str] | None:
    """Return why the loop *run* may leave some of its items out: a code and a sentence."""
    if isinstance(run, ast.For):
        for one in run.body:
            if any(not isinstance(exit_, ast.Continue) for exit_ in exits(one)):
                return "early-exit", "the loop may end early: the rest is never touched"
            if any(_hands_out(module, part, run) for part in ast.walk(one)):
                return "generator", "the loop hands out its items: its reader may stop"
    if isinstance(run, ast.GeneratorExp) and not _is_consumed(module, run):
        return "generator", "who reads the generator may stop before its end"
    return None


def _hands_out(module: Module, node: ast.AST, run: ast.For) -> bool:
    is_yield = isinstance(node, ast.Yield | ast.YieldFrom)
    return is_yield and module.function(node) is module.function(run)


def _is_consumed(module: Module, node: ast.GeneratorExp) -> bool:
    """Say whether all of a generator is read at once."""
    parent = module.parents.get(node)
    match parent:
        case ast.Call(func=func, args=[first, *_]) if first is node:
            if isinstance(func, ast.Attribute) and func.attr in ("join", "extend", "update"):
                return True
            return module.qualified_name(func) in CONSUMING
        case ast.Starred():
            return True
    return False
