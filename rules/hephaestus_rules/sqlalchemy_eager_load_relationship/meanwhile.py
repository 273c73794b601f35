"""What happens between the query and the last touch: whether loading earlier makes a difference."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.reach import effects_of, unknown_in
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.effects import EffectKind
from hephaestus_codemods.project.effects.database import UNKNOWN_TABLE
from hephaestus_codemods.project.infer import definition, name_of, value
from hephaestus_codemods.project.nodes import walk
from hephaestus_codemods.project.queries import QUERIES, SESSIONS
from hephaestus_codemods.project.values import Class, Instance
from hephaestus_codemods.rule import Established, Precondition, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sqlalchemy_eager_load_relationship.flow import Path, Stretch

#: Methods of a session after which what is loaded has to be read again.
ENDING: Final = frozenset(
    {"commit", "rollback", "close", "expire", "expire_all", "expunge", "expunge_all", "refresh"}
    | {"begin", "begin_nested", "invalidate", "reset", "remove"}
)
CHANGING: Final = frozenset({"add", "add_all", "delete", "merge"})
BULK: Final = frozenset(
    {"bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings", "bulk_replace"}
)
SENDING: Final = frozenset({"execute", "scalars", "scalar", "exec"})
LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
UNCHANGED: Final = "nothing changes what is loaded before it is touched"


class Meanwhile:
    """Judges the code between a query and the touches of *paths*."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.classes = {step.relation.target for path in paths for step in path}
        owners = {step.owner for path in paths for step in path}
        self.related = {cls.node for cls in self.classes if cls is not None}
        self.tables = {UNKNOWN_TABLE, *self._tables()}
        self.keys = {
            (owner.node, key)
            for path in paths
            for step in path
            for owner in (step.owner,)
            for key in (*step.relation.keys, step.relation.attribute)
        }
        self.words = {word for path in paths for step in path for word in step.relation.words}
        self.owners = {owner.node for owner in owners}
        self.told: dict[str, None] = {}
        self.is_written = False

    def _tables(self) -> Iterator[str]:
        for cls in self.classes:
            model = cls.module.project.model_of(cls) if cls is not None else None
            if model is not None:
                yield model.table or model.name.rpartition(".")[2]
                yield model.name.rpartition(".")[2]

    def judged(self, stretches: Iterable[Stretch]) -> Refusal | Precondition:
        """Return the first thing that would make a difference, or that there is none."""
        for stretch in stretches:
            if _leaves_block(stretch):
                message = "the `with` block of the query ends before the last touch"
                return Refusal("session-state", message)
            for node in _nodes_of(stretch):
                refusal = self.of_node(stretch.module, node)
                if refusal is not None:
                    return refusal
        detail = f"it writes {', '.join(self.told)}" if self.told else "no call there can write"
        return Precondition(UNCHANGED, Established.PROVED, detail)

    def of_node(self, module: Module, node: ast.AST) -> Refusal | None:
        """Judge one part of the code."""
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                return self.stored(module, node)
            case ast.Call():
                return self.call(module, node)
        return None

    def stored(self, module: Module, node: ast.Attribute) -> Refusal | None:
        """Judge an attribute that is set."""
        owner = _class_of(module, node.value)
        if owner is None or module.project.model_of(owner) is None:
            return None
        if self.decides(owner, node.attr):
            text = ast.unparse(node)
            return Refusal("changed", f"{text} is set before the relationship is touched")
        self.wrote(owner.node.name)
        return None

    def decides(self, owner: Class, name: str) -> bool:
        """Say whether the attribute *name* of *owner* decides what a relationship holds."""
        if (owner.node, name) in self.keys:
            return True
        model = owner.module.project.model_of(owner)
        column = model.column(name) if model is not None else None
        if owner.node not in self.related | self.owners:
            return False
        is_key = column is None or column.primary_key or column.foreign_key is not None
        return is_key or name in self.words

    def wrote(self, what: str) -> None:
        """Remember that something else is written: it is sent at another time."""
        self.told[what] = None
        self.is_written = True

    def call(self, module: Module, node: ast.Call) -> Refusal | None:
        """Judge a call."""
        func = node.func
        kind = module.kind(func.value) if isinstance(func, ast.Attribute) else None
        if isinstance(func, ast.Attribute) and kind in SESSIONS:
            return self.of_session(module, node, func.attr)
        if (
            isinstance(func, ast.Attribute)
            and kind in QUERIES
            and func.attr in ("update", "delete")
        ):
            return self.of_query(module, node)
        made = value(module, func)
        if isinstance(made, Class) and module.project.model_of(made) is not None:
            if made.node in self.related:
                return Refusal("writes-table", f"{made.node.name} is made meanwhile")
            self.wrote(made.node.name)
            return None
        return self.far(module, node)

    def of_session(self, module: Module, node: ast.Call, name: str) -> Refusal | None:
        """Judge a method of a session."""
        if name in ENDING:
            message = f"{name}() comes before the last touch: what is loaded is read again"
            return Refusal("session-state", message)
        if name in CHANGING:
            added = _class_of(module, node.args[0]) if len(node.args) == 1 else None
            is_other = added is not None and added.node not in self.related | self.owners
            if added is None or not (is_other or (name == "add" and added.node in self.owners)):
                message = f"{name}() may change what the relationship holds"
                return Refusal("writes-table", message)
            self.wrote(added.node.name)
        elif name in BULK or (name in SENDING and not _is_select(module, node)):
            return Refusal("writes-table", f"{name}() may change what the relationship holds")
        return None

    def of_query(self, module: Module, node: ast.Call) -> Refusal | None:
        """Judge ``query.update(…)`` and ``query.delete()``."""
        return self.far(module, node) or Refusal(
            "writes-table", f"{ast.unparse(node.func)}() may change what is loaded"
        )

    def far(self, module: Module, node: ast.Call) -> Refusal | None:
        """Judge what the functions do that *node* runs."""
        name = " ".join(ast.unparse(node.func).split())
        unknown = unknown_in(module, node) if not _makes_tuple(module, node) else None
        if unknown is not None:
            return Refusal("unknown-call", f"what {unknown}() does is not known")
        for effect in effects_of(module, node):
            path = effect.path(name)
            match effect.kind:
                case EffectKind.COMMITS | EffectKind.ROLLS_BACK:
                    return Refusal("session-state", f"{path}: what is loaded is read again")
                case EffectKind.WRITES if effect.what in self.tables:
                    return Refusal("writes-table", f"{path}: it may change what is loaded")
                case EffectKind.WRITES:
                    self.wrote(effect.what)
        return None


def _class_of(module: Module, node: ast.expr) -> Class | None:
    found = value(module, node)
    is_known = isinstance(found, Instance) and isinstance(found.of, Class)
    return found.of if is_known else None  # type: ignore[union-attr,return-value]  # just asked


def _makes_tuple(module: Module, node: ast.Call) -> bool:
    """Say whether *node* makes a named tuple."""
    place = definition(module, node.func) if isinstance(node.func, ast.Name) else None
    made = place[1].value if place is not None else None
    if place is None or not isinstance(made, ast.Call):
        return False
    return name_of(place[0], made.func) in ("collections.namedtuple", "typing.NamedTuple")


def _is_select(module: Module, node: ast.Call) -> bool:
    return bool(node.args) and kinds.SELECT in kinds.lineage(module.kind(node.args[0]) or "")


def _nodes_of(stretch: Stretch) -> Iterator[ast.AST]:
    """Yield what runs after the query and before the objects were touched for the last time."""
    module, start, end = stretch.module, stretch.start, _outermost(stretch)
    scope = module.function(stretch.end) or module.tree
    own = set(walk(start)[0]) if start is not None else set()
    inside = set(walk(end)[0])
    since = module.source.span(start)[1] if start is not None else 0
    until = module.source.span(end)[1]
    for node in walk(scope)[0]:
        if isinstance(node, ast.Call | ast.Attribute) and node not in own:
            first, last = module.source.span(node)
            if node in inside or (since <= first and last <= until):
                yield node


def _leaves_block(stretch: Stretch) -> bool:
    """Say whether the query stands in a ``with`` block that the touches are not in.

    It may end a transaction, or a session.
    """
    if stretch.start is None:
        return False
    around = {*stretch.module.ancestors(stretch.end)}
    return any(
        isinstance(one, ast.With | ast.AsyncWith) and one not in around
        for one in stretch.module.ancestors(stretch.start)
    )


def _outermost(stretch: Stretch) -> ast.AST:
    """Return the outermost loop around the end that the query is not in, or the end."""
    module, found = stretch.module, stretch.end
    around = {*module.ancestors(stretch.start)} if stretch.start is not None else set()
    for node in module.ancestors(stretch.end):
        if node in around:
            break
        if isinstance(node, LOOPS):
            found = node
    return found
