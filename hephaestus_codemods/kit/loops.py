"""Loops that run over items one by one, and what in them depends on the item."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.bindings import always_before
from hephaestus_codemods.project.nodes import Function, walk
from hephaestus_codemods.project.variables import only_binding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp
Looping = ast.For | Comprehension
#: What a call may stand in that runs another number of times, or at another time, than a loop.
Apart = Function | ast.ClassDef | ast.AsyncFor | ast.While

#: Methods that change the collection they are called on.
MUTATORS: Final = frozenset(
    """append appendleft extend extendleft insert add update pop popitem popleft remove discard
    clear sort reverse setdefault difference_update intersection_update""".split()
)
#: Conversions that give the same for the same, and do nothing else.
CONVERSIONS: Final = frozenset({"builtins.int", "builtins.str", "uuid.UUID"})


@dataclass(frozen=True)
class Loop:
    """A ``for`` statement, or a comprehension with one ``for`` clause that runs at once.

    *place* is the statement before which code that runs once can stand.
    """

    module: Module
    node: ast.For | Comprehension
    target: ast.expr
    iterable: ast.expr
    place: ast.stmt

    @cached_property
    def targets(self) -> frozenset[str]:
        """The names that stand for the item."""
        return frozenset(n.id for n in ast.walk(self.target) if isinstance(n, ast.Name))

    @cached_property
    def bound(self) -> frozenset[str]:
        """The names that may change from round to round: targets, and what the body binds."""
        return self.targets.union(*map(stored_in, self.inside))

    @property
    def body(self) -> list[ast.stmt]:
        """The statements of a ``for``; none in a comprehension."""
        return self.node.body if isinstance(self.node, ast.For) else []

    @property
    def inside(self) -> list[ast.AST]:
        """All that runs once for each item."""
        match self.node:
            case ast.For(body=body):
                return [*body]
            case ast.DictComp(key=key, value=value):
                return [key, value, *self.guards]
            case ast.ListComp(elt=element) | ast.SetComp(elt=element):
                return [element, *self.guards]

    @property
    def guards(self) -> list[ast.expr]:
        """The ``if`` clauses of a comprehension."""
        return [] if isinstance(self.node, ast.For) else self.node.generators[0].ifs

    def nodes(self) -> Iterator[ast.AST]:
        """Yield everything inside, functions that are only defined there left out."""
        stack: list[ast.AST] = [*self.inside]
        while stack:
            node = stack.pop()
            yield node
            if not isinstance(node, Function):
                stack += ast.iter_child_nodes(node)

    def varies(self, node: ast.AST) -> bool:
        """Say whether *node* reads a name that changes from round to round."""
        return any(isinstance(one, ast.Name) and one.id in self.bound for one in ast.walk(node))


@lru_cache(maxsize=1024)  # asked for every call in a loop; a node is only equal to itself
def stored_in(node: ast.AST) -> frozenset[str]:
    """Return the names that the code in *node* binds or deletes."""
    return frozenset(
        one.id
        for one in walk(node)[0]
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    )


@lru_cache(maxsize=8)  # every rule about loops asks it of every call of the file
def _looped(module: Module) -> frozenset[ast.AST]:
    """Return all nodes of *module* that stand in a loop, its head included."""
    found: set[ast.AST] = set()
    for node in module.nodes:
        if isinstance(node, Looping) and node not in found:
            found.update(walk(node)[0])
    return frozenset(found)


def loop_around(module: Module, node: ast.AST) -> Loop | None:
    """Return the innermost loop whose body holds *node*, within its function."""
    if node not in _looped(module):
        return None
    child = node
    for around in module.ancestors(node):
        if isinstance(around, ast.GeneratorExp) and not _is_run_over(around, node):
            return None
        if isinstance(around, Apart):
            return None
        if isinstance(around, ast.For) and child in around.body:
            return Loop(module, around, around.target, around.iter, around)
        if isinstance(around, Comprehension) and not _is_run_over(around, node):
            if len(around.generators) != 1 or around.generators[0].is_async:
                return None
            clause = around.generators[0]
            return Loop(module, around, clause.target, clause.iter, module.statement(around))
        child = around
    return None


def calls_in_loops(module: Module) -> Sequence[tuple[ast.Await | ast.Call, Loop]]:
    """Return the calls that stand in a loop, with their ``await``, and the loop around each."""
    if calls_in_loops not in module.memo:
        looped = _looped(module)
        module.memo[calls_in_loops] = [
            (node, loop)
            for node in module.nodes
            if node in looped and isinstance(node, ast.Await | ast.Call)
            if (loop := loop_around(module, node)) is not None
        ]
    found: list[tuple[ast.Await | ast.Call, Loop]] = module.memo[calls_in_loops]
    return found


def _is_run_over(around: Comprehension | ast.GeneratorExp, node: ast.AST) -> bool:
    """Say whether *node* belongs to the first iterable, which is evaluated once."""
    return any(one is node for one in ast.walk(around.generators[0].iter))


def runs_first(loop: Loop) -> bool:
    """Say whether nothing of its statement runs before the comprehension *loop*, or instead of it.

    Then code in front of the statement runs just before it.
    """
    if isinstance(loop.node, ast.For):
        return True
    module, node = loop.module, loop.node
    start = module.source.span(node)[0]
    child: ast.AST = node
    for around in module.ancestors(node):
        if isinstance(around, ast.IfExp | ast.BoolOp | ast.comprehension | Comprehension):
            return False
        if isinstance(around, ast.stmt):
            if isinstance(around, ast.While) or (
                isinstance(around, ast.If) and module.source.segment(around).startswith("elif")
            ):
                return False
            break
        child = around
    statement = module.statement(child)
    return not any(
        isinstance(one, ast.Call | ast.Await | ast.Yield | ast.YieldFrom)
        and module.source.span(one)[1] <= start
        for one in ast.walk(statement)
    )


def assigned_in(loop: Loop, node: ast.Name) -> ast.Assign | None:
    """Return the one assignment of *node*, when it has surely run before it in the same round."""
    binding = only_binding(loop.module, node)
    if binding is None or not isinstance(binding.node, ast.Assign):
        return None
    if loop.node not in loop.module.ancestors(binding.node):
        return None
    return binding.node if always_before(loop.module, binding.node, node) else None


def changes_of(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions whose objects *node* itself changes: ``x`` in ``x.append(1)``."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in MUTATORS:
            yield owner
        case ast.Attribute(value=owner, ctx=ast.Store() | ast.Del()):
            yield node
        case ast.Subscript(value=owner, slice=index, ctx=ast.Store() | ast.Del()):
            yield node
            if not isinstance(index, ast.Constant):
                yield owner


def changed_in(loop: Loop, node: ast.expr) -> ast.expr | None:
    """Return what the loop changes of all that *node* looks at, or None."""
    looked_at = {ast.dump(_loaded(one)) for one in ast.walk(node) if isinstance(one, ast.expr)}
    for inner in loop.nodes():
        for changed in changes_of(inner):
            if ast.dump(_loaded(changed)) in looked_at:
                return changed
    return None


def _loaded(node: ast.expr) -> ast.expr:
    """Return *node* as it reads where its value is only looked at."""
    match node:
        case ast.Attribute(value=owner, attr=attr):
            return ast.Attribute(owner, attr, ast.Load())
        case ast.Subscript(value=owner, slice=index):
            return ast.Subscript(owner, index, ast.Load())
    return node


def is_readable(node: ast.expr) -> bool:
    """Say whether *node* only looks at names, attributes, items and constants."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Attribute(value=value):
            return is_readable(value)
        case ast.Subscript(value=value, slice=index):
            return is_readable(value) and is_readable(index)
    return False


def is_computable(module: Module, node: ast.expr) -> bool:
    """Say whether *node* can be worked out twice, by reading and converting plain values."""
    if is_readable(node):
        return True
    if isinstance(node, ast.JoinedStr):
        held = [one for one in node.values if isinstance(one, ast.FormattedValue)]
        return all(is_computable(module, one.value) and not one.format_spec for one in held)
    if not isinstance(node, ast.Call) or node.keywords or not node.args:
        return False
    if _is_lookup(node):
        assert isinstance(node.func, ast.Attribute)
        return is_readable(node.func.value)
    given = node.args[0]
    one = len(node.args) == 1 and not isinstance(given, ast.Starred)
    return one and module.qualified_name(node.func) in CONVERSIONS and is_computable(module, given)


def _is_lookup(node: ast.Call) -> bool:
    """Say whether *node* is ``item.get("key")``, with a constant default or none."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "get":
        return False
    key, *rest = node.args
    return (
        isinstance(key, ast.Constant)
        and isinstance(key.value, str)
        and len(rest) <= 1
        and all(isinstance(one, ast.Constant) for one in rest)
    )


def is_condition(module: Module, node: ast.expr) -> bool:
    """Say whether *node* compares and combines what can be read."""
    match node:
        case ast.BoolOp(values=values):
            return all(is_condition(module, one) for one in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return is_condition(module, operand)
        case ast.Compare(left=left, comparators=others):
            return all(_is_compared(module, one) for one in (left, *others))
        case ast.Call(func=ast.Name() as func, args=[given, _], keywords=[]):
            return module.qualified_name(func) == "builtins.isinstance" and is_readable(given)
    return is_computable(module, node)


def _is_compared(module: Module, node: ast.expr) -> bool:
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return all(is_readable(one) for one in parts)
        case ast.Call(func=ast.Name() as func, args=[given], keywords=[]):
            if module.qualified_name(func) == "builtins.len":
                return is_readable(given)
    return is_computable(module, node)
