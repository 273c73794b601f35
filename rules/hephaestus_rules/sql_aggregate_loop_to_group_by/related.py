"""Collections of which a loop asks only how many there are: ``len(user.posts)``."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.batching.conditions import bounded
from hephaestus_codemods.kit.batching.effects import obstacle_in
from hephaestus_codemods.kit.batching.items import items_of
from hephaestus_codemods.kit.batching.shapes import Shape
from hephaestus_codemods.kit.batching.types import Family, family_of
from hephaestus_codemods.kit.loops import Comprehension, Loop, runs_first
from hephaestus_codemods.kit.names import fresh_name, name_for
from hephaestus_codemods.kit.words import plural, snake
from hephaestus_codemods.project.aggregates import Kind
from hephaestus_codemods.project.infer import class_named
from hephaestus_codemods.project.queries import Equals, Gives, Selected, model_at
from hephaestus_codemods.project.variables import only_binding, reads_of
from hephaestus_codemods.rule import CannotEdit, Change, Established, Precondition, Refusal
from hephaestus_rules.sql_aggregate_loop_to_group_by.loaded import Loaded, loaded_by, runs_in
from hephaestus_rules.sql_aggregate_loop_to_group_by.rewrite import (
    Grouped,
    membership,
    put_in_loop,
    written_before,
)
from hephaestus_rules.sqlalchemy_eager_load_relationship.options import eager_in, options_in
from hephaestus_rules.sqlalchemy_eager_load_relationship.relations import WAITING, target_of
from hephaestus_rules.sqlalchemy_exists_over_count.uses import truth_of_list, truth_of_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.kit.batching.items import Items
    from hephaestus_codemods.project.models import Column, Model, Relationship
    from hephaestus_codemods.project.module import Module

#: The collection is a query, sent each time.
DYNAMIC: Final = "dynamic"
#: Arguments of ``relationship`` with which it still holds all rows that name the object.
HARMLESS: Final = frozenset(
    """back_populates backref lazy cascade order_by passive_deletes passive_updates info doc
    argument cascade_backrefs single_parent""".split()
)
NOT_LOADED: Final = "nothing has filled the collections before"


@dataclass(frozen=True)
class Related:
    """*node* asks how many, or whether, objects of *target* belong to the item *name*.

    They name it by the column *key*, which holds the item's column *own*.
    """

    loaded: Loaded
    loop: Loop
    name: str
    node: ast.expr
    negated: bool
    kind: Kind
    target: Model
    key: Column
    own: Column


def related_in_loops(module: Module) -> Iterator[tuple[ast.expr, Loop, Related | Refusal]]:
    """Yield what loops over loaded objects ask of their collections, or why it has to stay."""
    for run, name, iterable in runs_in(module):
        loop = _loop(module, run)
        # What is asked of an item is seen here; what the items are may stand in other files.
        reads = [one for one in _reads(module, loop, name) if _may_ask(module, one)] if loop else []
        loaded = loaded_by(module, iterable) if reads else None
        if loop is None or loaded is None:
            continue
        for node in reads:
            relationship = _relationship(loaded, node)
            is_query = relationship is not None and relationship.lazy == DYNAMIC
            asked = _asked(module, node, is_query=is_query)
            if relationship is None or asked is None:
                continue
            if _is_collection(loaded, relationship, asked[0]):
                yield asked[0], loop, _found(loaded, loop, name, relationship, asked)


def _may_ask(module: Module, node: ast.Attribute) -> bool:
    """Say whether the number, or the truth, of *node* is asked, as a list or as a query."""
    return any(_asked(module, node, is_query=one) is not None for one in (False, True))


def _loop(module: Module, run: ast.AST) -> Loop | None:
    if isinstance(run, ast.For):
        return Loop(module, run, run.target, run.iter, run)
    if not isinstance(run, Comprehension) or len(run.generators) != 1:
        return None
    clause = run.generators[0]
    return Loop(module, run, clause.target, clause.iter, module.statement(run))


def _reads(module: Module, loop: Loop, name: str) -> Iterator[ast.Attribute]:
    """Yield what the loop reads of its item."""
    for node in loop.nodes():
        match node:
            case ast.Attribute(value=ast.Name(id=found), ctx=ast.Load()) if found == name:
                yield node


def _relationship(loaded: Loaded, node: ast.Attribute) -> Relationship | None:
    found = (one for one in loaded.model.relationships if one.attribute == node.attr)
    relationship = next(found, None)
    if relationship is None or (relationship.attribute,) in eager_in(
        options_in(loaded.query.links)
    ):
        return None
    return relationship if relationship.lazy in (*WAITING, DYNAMIC) else None


def _is_collection(loaded: Loaded, relationship: Relationship, asked: ast.expr) -> bool:
    """Say whether many belong to one: it says so, it is counted, or the foreign key says so."""
    if relationship.is_collection is not None:
        return relationship.is_collection
    is_counted = any(isinstance(one, ast.Call) for one in ast.walk(asked))
    return is_counted or not isinstance(_key(loaded, relationship), Refusal)


def _asked(
    module: Module, node: ast.Attribute, *, is_query: bool
) -> tuple[ast.expr, bool, Kind] | None:
    """Return the expression that asks no more of the collection *node* than its number.

    *is_query* says that it is a query, which is counted in its own way and always true.
    """
    parent = module.parents.get(node)
    match parent:
        case ast.Attribute(attr="count") if is_query:
            call = module.parents.get(parent)
            if isinstance(call, ast.Call) and call.func is parent and not call.args:
                return _number(module, call)
            return None
        case _ if is_query:
            return None
        case ast.Call(func=func, args=[given], keywords=[]) if given is node:
            if module.qualified_name(func) == "builtins.len":
                return _number(module, parent)
    truth = truth_of_list(module, node)
    return (truth.node, truth.negated, Kind.EXISTS) if truth is not None else None


def _number(module: Module, node: ast.expr) -> tuple[ast.expr, bool, Kind]:
    truth = truth_of_number(module, node)
    if truth is not None:
        return truth.node, truth.negated, Kind.EXISTS
    return node, False, Kind.COUNT


def _found(
    loaded: Loaded,
    loop: Loop,
    name: str,
    relationship: Relationship,
    asked: tuple[ast.expr, bool, Kind],
) -> Related | Refusal:
    module, attribute = loaded.module, relationship.attribute
    node, negated, kind = asked
    if loaded.query.is_async:
        return Refusal("async-session", f"{attribute} is no plain attribute of an async session")
    if relationship.lazy != DYNAMIC and _is_loaded(module, loop, name, attribute):
        message = f"{attribute} is used otherwise too, so that it is loaded anyway"
        return Refusal("collection-used", message)
    keyed = _key(loaded, relationship)
    if isinstance(keyed, Refusal):
        return keyed
    target, key, own = keyed
    family = family_of(module, key)
    if family not in (Family.NUMBER, Family.UUID) or family is not family_of(module, own):
        return Refusal(
            "key-type", f"{key.attribute} has a type whose values may be equal otherwise"
        )
    if _escapes(loaded, loop, name):
        return Refusal("escapes", f"{name} is handed on, and may be asked for {attribute} again")
    if _is_filled(loaded, loop, target, attribute):
        message = f"{attribute} may hold objects that are not in the database yet"
        return Refusal("pending", message)
    return Related(loaded, loop, name, node, negated, kind, target, key, own)


def _key(loaded: Loaded, relationship: Relationship) -> tuple[Model, Column, Column] | Refusal:
    """Return the class in the collection, its foreign key, and the column that this names."""
    model = loaded.model
    message = f"by which column {relationship.attribute} belongs to it cannot be seen"
    unclear = Refusal("relationship", message)
    target = target_of(loaded.module, model, relationship)
    if target is None or target == model or relationship.is_collection is False:
        return unclear
    if not _is_plain(loaded, relationship) or len(model.primary_key) != 1 or not target.complete:
        return unclear
    own = model.primary_key[0]
    names = f"{model.table or snake(model.name.rpartition('.')[2])}.{own.name}"
    keys = [one for one in target.columns if one.foreign_key == names]
    back = any((one.foreign_key or "").startswith(f"{target.table}.") for one in model.columns)
    return (target, keys[0], own) if len(keys) == 1 and not back else unclear


def _is_plain(loaded: Loaded, relationship: Relationship) -> bool:
    """Say whether the relationship is told by nothing but the foreign key."""
    cls = class_named(loaded.module.project, loaded.model.name, loaded.module.path)
    bound = cls.module.scopes.bound(cls.node).get(relationship.attribute, []) if cls else []
    call = bound[0].value if len(bound) == 1 else None
    if call is None:
        return len(bound) == 1
    if not isinstance(call, ast.Call) or len(call.args) > 1:
        return False
    return all(one.arg in HARMLESS for one in call.keywords)


def _is_loaded(module: Module, loop: Loop, name: str, attribute: str) -> bool:
    """Say whether more is asked of the collection than its number."""
    reads = (one for one in _reads(module, loop, name) if one.attr == attribute)
    return any(_asked(module, one, is_query=False) is None for one in reads)


def _escapes(loaded: Loaded, loop: Loop, name: str) -> bool:
    """Say whether the item, or the list of them, is given to others."""
    module = loaded.module
    for node in loop.nodes():
        if isinstance(node, ast.Name) and node.id == name:
            parent = module.parents.get(node)
            if not (isinstance(parent, ast.Attribute) and parent.value is node):
                return True
    if not isinstance(loop.iterable, ast.Name):
        return False
    binding = only_binding(module, loop.iterable)
    reads = reads_of(module, binding) if binding is not None else None
    return reads is None or not all(_is_gone_through(module, one) for one in reads)


def _is_gone_through(module: Module, node: ast.Name) -> bool:
    parent = module.parents.get(node)
    match parent:
        case ast.For(iter=given) | ast.comprehension(iter=given):
            return given is node
        case ast.Call(func=ast.Name() as func):
            return module.qualified_name(func) == "builtins.len"
    return truth_of_list(module, node) is not None


def _is_filled(loaded: Loaded, loop: Loop, target: Model, attribute: str) -> bool:
    """Say whether the function makes objects of *target*, or puts some into the collection."""
    module = loaded.module
    scope = module.scopes.scope(loop.place)
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and model_at(module, node.func) == target:
            return True
        if isinstance(node, ast.Attribute) and node.attr == attribute:
            parent = module.parents.get(node)
            is_called = isinstance(parent, ast.Attribute) and parent.attr != "count"
            if is_called or not isinstance(node.ctx, ast.Load):
                return True
    return False


# --- The rewrite ---


def shape_of_related(related: Related) -> Shape:
    """Return the question about the rows that belong to one item."""
    node = related.node
    equal = Equals(node, related.target, related.key, node, node)
    selected = Selected(node, related.target)
    query = replace(
        related.loaded.query,
        selected=(selected,),
        gives=Gives.LIST,
        equals=(equal,),
        others=(),
        links=(),
        chain=(),
        steps=(),
        unique=False,
    )
    return Shape(query, equal, selected, unique=False)


def preconditions_of(related: Related) -> tuple[Items, tuple[Precondition, ...]] | Refusal:
    """Return how the items are collected, and what the rewrite needs; or why it must not be."""
    loop, shape = related.loop, shape_of_related(related)
    items = items_of(loop)
    if isinstance(items, Refusal):
        return items
    if not runs_first(loop):
        message = "the comprehension runs after other code of its statement, or not always"
        return Refusal("not-first", message)
    obstacle = obstacle_in(loop, (related.node,), shape)
    if isinstance(obstacle, Refusal):
        return obstacle
    column = f"{related.target.name.rpartition('.')[2]}.{related.key.attribute}"
    keyed = Precondition(
        "each item asks for one key", Established.PROVED, f"all rows of one {column} are counted"
    )
    fresh = Precondition(
        NOT_LOADED, Established.ASSUMED, "what a session holds already may differ from its rows"
    )
    return items, (keyed, obstacle, bounded(items), fresh)


def rewritten_related(related: Related, items: Items) -> Change:
    """Return the change: the rows are counted by their foreign key."""
    loop, module = related.loop, related.loop.module
    shape, own = shape_of_related(related), f"{related.name}.{related.own.attribute}"
    keys = f"{{{own} for {module.source.segment(loop.target)} in {items.text}}}"
    found = name_for(module, related.target.name, loop.place)
    if found is None:
        raise CannotEdit(f"{related.target.name} cannot be imported here")
    entity, new = found
    asked = Grouped(shape, keys, loop.place, named_entity=entity)
    asked.imports |= {new} if new is not None else set()
    noun, column = snake(entity.rpartition(".")[2]), related.key.attribute
    node = related.node
    if related.kind is Kind.COUNT:
        name = fresh_name(module, f"{noun}_counts_by_{column}", loop.place)
        value = asked.grouped(f"{asked.named('sqlalchemy.func')}.count()")
        text = f"{name}.get({own}, 0)"
    else:
        name = fresh_name(module, f"{plural(column)}_with_{plural(noun)}", loop.place)
        value = asked.distinct()
        node, text = membership(module, related.node, own, name, negated=related.negated)
    before = written_before(loop, items, name, value)
    edits = put_in_loop(loop, before, node, text, items)
    return Change(tuple(edits), tuple(sorted(asked.imports)))
