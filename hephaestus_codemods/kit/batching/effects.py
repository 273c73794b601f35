"""What else happens in a loop: whether asking earlier, and once, can make a difference."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.deletions import belongs, deleted_in
from hephaestus_codemods.kit.batching.reach import effects_of, unknown_in
from hephaestus_codemods.kit.loops import changes_of
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.effects import EffectKind
from hephaestus_codemods.project.effects.database import UNKNOWN_TABLE
from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.queries import SESSIONS, model_at
from hephaestus_codemods.project.values import Class, Instance
from hephaestus_codemods.project.variables import only_binding, reads_of
from hephaestus_codemods.rule import Established, Precondition, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.kit.batching.shapes import Shape
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module

#: Methods of a session after which loaded objects are read again, or rows are others.
ENDING: Final = frozenset(
    {"commit", "rollback", "close", "expire", "expire_all", "expunge", "expunge_all", "refresh"}
    | {"begin", "begin_nested", "flush", "invalidate", "reset", "remove"}
)
ADDING: Final = frozenset({"add", "add_all", "delete", "merge"})
#: Methods of a session that only look at what it holds.
LOOKING: Final = frozenset(
    {"get", "get_one", "query", "is_modified", "in_transaction", "no_autoflush"}
)
SENDING: Final = frozenset({"execute", "scalars", "scalar", "exec"})
SLEEPS: Final = frozenset({"time.sleep", "asyncio.sleep", "gevent.sleep", "trio.sleep"})
UNTOUCHED: Final = "nothing in the loop changes what is read"


def obstacle_in(loop: Loop, parts: Iterable[ast.AST], shape: Shape) -> Refusal | Precondition:
    """Return why *shape* must be asked in each round, or the precondition that it need not.

    *parts* are what asks in the loop: they do not count.
    """
    return _Body(loop, tuple(parts), shape).judged()


@dataclass(frozen=True)
class _Body:
    """The body of a loop that asks for a shape."""

    loop: Loop
    parts: tuple[ast.AST, ...]
    shape: Shape

    @property
    def module(self) -> Module:
        """The module of the loop."""
        return self.loop.module

    def judged(self) -> Refusal | Precondition:
        """Return the first obstacle, or what else is written meanwhile."""
        own = {id(one) for part in self.parts for one in ast.walk(part)}
        told: list[str] = []
        for node in self.loop.nodes():
            if id(node) in own:
                continue
            found = self._of_node(node)
            if isinstance(found, Refusal):
                return found
            if found:
                told.append(found)
        gone = deleted_in(self.loop, self.shape.key.model)
        if gone is not None:
            return gone
        if not told:
            return Precondition(UNTOUCHED, Established.PROVED, "no call there can write")
        detail = f"{', '.join(dict.fromkeys(told))}: not what is read here"
        return Precondition(UNTOUCHED, Established.PROVED, detail)

    def _of_node(self, node: ast.AST) -> Refusal | str | None:
        match node:
            case ast.Break() | ast.Return() if not self._is_for_missing(node):
                return Refusal("early-exit", "the loop may end early: the rest is never asked for")
            case ast.Yield() | ast.YieldFrom():
                message = "the loop hands out items one by one: its reader may stop"
                return Refusal("generator", message)
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                return self._written(node)
            case ast.AsyncFor() | ast.AsyncWith() | ast.With():
                return self._of_block(node)
            case ast.Call():
                return self._call(node)
        return None

    def _is_for_missing(self, node: ast.Break | ast.Return) -> bool:
        """Say whether the loop ends here only where no row was found: an error, not a search."""
        answer = next((self._assigned(part) for part in self.parts if self._assigned(part)), None)
        if answer is None:
            return False
        child: ast.AST = node
        for around in self.module.ancestors(node):
            if around is self.loop.node:
                return False
            if isinstance(around, ast.If) and child in around.body:
                return _is_none_test(around.test, answer)
            child = around
        return False

    def _assigned(self, part: ast.AST) -> str | None:
        """Return the variable that the answer *part* is put into."""
        parent = self.module.parents.get(part)
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
            target = parent.targets[0]
            return target.id if isinstance(target, ast.Name) else None
        return None

    def _written(self, node: ast.Attribute) -> Refusal | None:
        """Judge an attribute that is set: whether rows are found, or read, by it."""
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            return None
        model = self.shape.key.model
        owner = _model_of(self.module, node.value)
        if self._is_joined:
            message = f"the loop sets {node.attr}: a joined table may give other rows"
            return Refusal("writes-key", message) if owner is not None else None
        if owner is not None and owner != model.name:
            return None
        if node.attr in self._read_attributes:
            return Refusal("writes-key", f"the loop sets {node.attr}, by which rows are chosen")
        related = {one.attribute for one in model.relationships}
        if node.attr in related and self._is_by_foreign_key:
            message = f"the loop sets {node.attr}, which may change by what rows are found"
            return Refusal("writes-key", message)
        return None

    @property
    def _is_joined(self) -> bool:
        """Whether rows of several tables decide which are found."""
        return any(link.name == "join" for link in self.shape.query.links)

    @property
    def _read_attributes(self) -> frozenset[str]:
        """The columns that decide which rows are found, or that are read alone."""
        query = self.shape.query
        found = {one.column.attribute for one in query.equals}
        filtered = [link.call.keywords for link in query.chain if link.name == "filter_by"]
        found |= {one.arg for keywords in filtered for one in keywords if one.arg}
        nodes = [*query.others, *(link.call for link in query.links if link.name == "order_by")]
        for node in nodes:
            found |= {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
        if self.shape.selected.column is not None:
            found.add(self.shape.selected.column.attribute)
        return frozenset(found)

    def _of_block(self, node: ast.With | ast.AsyncWith | ast.AsyncFor) -> Refusal | None:
        if isinstance(node, ast.AsyncFor):
            return None
        for item in node.items:
            if self.module.kind(item.context_expr) in kinds.SESSIONS | kinds.ASYNC_SESSIONS:
                return Refusal("session-per-item", "the loop opens a session for each item")
        return None

    # --- Calls ---

    def _call(self, node: ast.Call) -> Refusal | str | None:
        """Judge a call in the loop: a refusal, something to tell, or nothing."""
        module = self.module
        if module.qualified_name(node.func) in SLEEPS:
            return Refusal("waits", "the loop waits between items, perhaps to spare the database")
        if isinstance(node.func, ast.Attribute) and module.kind(node.func.value) in SESSIONS:
            return self._of_session(node, node.func.attr)
        if self._makes_row(node):
            name = self.shape.key.model.name.rpartition(".")[2]
            message = f"the loop makes objects of {name}: later rounds may find them"
            return Refusal("writes-table", message)
        return self._far(node) or self._changed(node)

    def _far(self, node: ast.Call) -> Refusal | str | None:
        """Judge what the functions do that *node* runs."""
        module, model = self.module, self.shape.key.model
        name = " ".join(ast.unparse(node.func).split())
        unknown = unknown_in(module, node)
        if unknown is not None:
            return Refusal("unknown-call", f"what {unknown}() does is not known")
        own = {model.table, model.name.rpartition(".")[2], UNKNOWN_TABLE}
        written: list[str] = []
        for effect in effects_of(module, node):
            path = effect.path(name)
            match effect.kind:
                case EffectKind.COMMITS | EffectKind.ROLLS_BACK | EffectKind.FLUSHES:
                    return Refusal("session-state", f"{path}: later rounds have to read again")
                case EffectKind.SLEEPS:
                    return Refusal("waits", f"{path}: the loop waits between items")
                case EffectKind.WRITES if effect.what in own or self._is_joined:
                    message = f"{path}: it may change what later rounds find"
                    return Refusal("writes-table", message)
                case EffectKind.WRITES if belongs(model, effect.what):
                    message = f"{path}: what belongs to it may be written too"
                    return Refusal("writes-table", message)
                case EffectKind.WRITES:
                    written.append(effect.what)
        return f"{name}() writes {' and '.join(dict.fromkeys(written))}" if written else None

    def _makes_row(self, node: ast.Call) -> bool:
        """Say whether *node* makes an object of the class that is looked up."""
        found = model_at(self.module, node.func)
        if found is None:
            return False
        return self._is_joined or found.name == self.shape.key.model.name

    @property
    def _is_by_foreign_key(self) -> bool:
        """Whether a foreign key may decide which rows are found: a relationship sets it."""
        model, found = self.shape.key.model, self._read_attributes
        columns = [model.column(one) for one in found]
        return any(one is None or one.foreign_key is not None for one in columns)

    def _changed(self, node: ast.Call) -> Refusal | None:
        """Judge a collection that is changed: a relationship is a foreign key on the other side."""
        if not self._is_by_foreign_key:
            return None
        for changed in changes_of(node):
            if not isinstance(changed, ast.Attribute):
                continue
            owner = _owner(self.module, changed.value)
            if owner is None:
                continue
            relationship = next(
                (one for one in owner.relationships if one.attribute == changed.attr), None
            )
            target = (relationship.target or "") if relationship is not None else None
            short = self.shape.key.model.name.rpartition(".")[2]
            if target is not None and (not target or target.rpartition(".")[2] == short):
                message = f"the loop changes {ast.unparse(changed)}: later rounds may find others"
                return Refusal("writes-table", message)
        return None

    def _of_session(self, node: ast.Call, name: str) -> Refusal | str | None:
        if name in ENDING:
            message = f"{name}() in the loop: later rounds have to read again"
            return Refusal("session-state", message)
        if name in ADDING:
            return self._added(node, name)
        if name in LOOKING or (name in SENDING and _is_select(self.module, node)):
            return None
        message = f"{name}() in the loop may change what later rounds find"
        return Refusal("writes-table", message)

    def _added(self, node: ast.Call, name: str) -> Refusal | str | None:
        added = [_owner(self.module, one) for one in node.args]
        known = len(added) == 1 and added[0] is not None and not self._is_joined
        if not known or added[0] is None or added[0].name == self.shape.key.model.name:
            message = f"{name}() in the loop may change what later rounds find"
            return Refusal("writes-table", message)
        keys = {one.attribute for one in added[0].primary_key}
        if any(one.attr in keys for one in self._attributes_of(node.args[0])):
            message = f"{name}() in the loop: the query also sends it, and its new key is read"
            return Refusal("writes-table", message)
        return f"{name}() of {added[0].name.rpartition('.')[2]}"

    def _attributes_of(self, node: ast.expr) -> Iterator[ast.Attribute]:
        """Yield what is read of the object *node* in its function."""
        binding = only_binding(self.module, node) if isinstance(node, ast.Name) else None
        reads = reads_of(self.module, binding) if binding is not None else ()
        for one in reads or ():
            parent = self.module.parents.get(one)
            if isinstance(parent, ast.Attribute):
                yield parent


def _is_none_test(test: ast.expr, name: str) -> bool:
    """Say whether *test* is true only where the variable *name* holds nothing."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=found)):
            return found == name
        case ast.Compare(
            left=ast.Name(id=found), ops=[ast.Is()], comparators=[ast.Constant(value=None)]
        ):
            return found == name
    return False


def _owner(module: Module, node: ast.expr) -> Model | None:
    """Return the mapped class whose object *node* is, when that is known."""
    found = value(module, node)
    if isinstance(found, Instance) and isinstance(found.of, Class):
        return module.project.model(found.of.name, module.path)
    return None


def _model_of(module: Module, node: ast.expr) -> str | None:
    found = _owner(module, node)
    return found.name if found is not None else None


def _is_select(module: Module, node: ast.Call) -> bool:
    return bool(node.args) and kinds.SELECT in kinds.lineage(module.kind(node.args[0]) or "")
