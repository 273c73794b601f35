"""What a query in a loop asks for: by which key, and what its answer is."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeGuard

from packaging.version import Version

from hephaestus_codemods.project.callgraph import resolve
from hephaestus_codemods.project.queries import Form, Gives, model_at
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.project.queries import Equals, Link, Query, Selected

#: Methods of a query that say nothing about which rows there are, or in which order.
HARMLESS: Final = frozenset({"options", "execution_options"})
#: The version with which ``session.get_one`` came.
GET_ONE: Final = Version("2.0.22")
#: Execution options with which loaded objects are overwritten, or rows come in portions.
ANEW: Final = frozenset({"populate_existing", "yield_per", "stream_results", "autoflush", None})
#: Methods that make it another question; the message says what they do.
OTHER_QUESTIONS: Final = {
    "with_for_update": "it locks the row it reads: locks are taken one by one on purpose",
    "group_by": "it groups rows",
    "having": "it groups rows",
    "distinct": "it leaves out equal rows",
    "offset": "it skips rows",
    "slice": "it takes a part of the rows",
    "limit": "it takes a number of rows for each key",
    "join": "it joins other tables",
    "outerjoin": "it joins other tables",
    "join_from": "it joins other tables",
    "select_from": "it names its tables itself",
    "with_entities": "what it reads is changed on the way",
    "with_only_columns": "what it reads is changed on the way",
    "populate_existing": "it overwrites loaded objects each time",
    "yield_per": "it reads in portions",
}


@dataclass(frozen=True)
class Shape:
    """A question about one *key* of one table, of which *selected* is read.

    *unique* says that at most one row has a given key.
    """

    query: Query
    key: Equals
    selected: Selected
    unique: bool

    @property
    def is_whole(self) -> bool:
        """Whether whole objects are read, not one column of them."""
        return self.selected.column is None

    @property
    def is_by_other(self) -> bool:
        """Whether the key belongs to a table that is joined: a row does not hold its key."""
        return self.key.model != self.selected.model

    @property
    def is_by_primary_key(self) -> bool:
        """Whether nothing but the primary key says which object is meant."""
        key, query = self.key, self.query
        names = tuple(column.attribute for column in key.model.primary_key)
        return names == (key.column.attribute,) and len(query.equals) == 1 and not query.others

    def is_dropped(self, link: Link) -> bool:
        """Say whether *link* makes no difference for one row, and would for many."""
        if not self.unique or self.query.gives is not Gives.ONE_OR_NONE:
            return False
        return link.name == "order_by" or (link.name == "limit" and _is_one(link.call))


def _is_one(call: ast.Call) -> bool:
    given = call.args[0] if len(call.args) == 1 else None
    return isinstance(given, ast.Constant) and given.value == 1


def shape_of(query: Query, varies: Callable[[ast.AST], bool]) -> Shape | Refusal:
    """Return the shape of *query*, or why it has none that can be batched.

    *varies* says of a part of it whether it changes from round to round.
    """
    varying = [one for one in query.equals if varies(one.value)]
    if any(varies(one) for one in query.others):
        message = "a condition other than key == value changes from item to item"
        return Refusal("varying-condition", message)
    given = [one for link in query.links for one in (*link.call.args, *link.call.keywords)]
    if any(varies(one) for one in given):
        return Refusal("varying-query", "the query itself changes from item to item")
    if query.session is not None and (varies(query.session) or _is_made(query.session)):
        message = f"{ast.unparse(query.session)} may be another session for each item"
        return Refusal("session-per-item", message)
    if not varying:
        return _unkeyed(query, varies)
    if len(varying) > 1:
        names = " and ".join(one.column.attribute for one in varying)
        return Refusal("composite-key", f"{names} change together: an IN of pairs is needed")
    if query.selected is None or len(query.selected) != 1:
        return Refusal("several-columns", "it reads several things, or something computed")
    key, selected = varying[0], query.selected[0]
    if not _is_joined(query, key) and any(one.model != selected.model for one in query.equals):
        return Refusal("foreign-key", "the condition is about another table than what is read")
    known = (one.column.attribute for one in query.equals)
    unique = key.model == selected.model and key.model.is_unique(*known)
    shape = Shape(query, key, selected, unique)
    return _other_question(shape) or shape


def _is_joined(query: Query, key: Equals) -> bool:
    """Say whether the table of *key* is joined, so that each row has one key of its own."""
    joined = [link.call.args[0] for link in query.links if link.name == "join" and link.call.args]
    return any(model_at(query.module, one) == key.model for one in joined)


def _is_made(session: ast.expr) -> bool:
    """Say whether the session comes out of a call, which may make a new one each time."""
    return any(isinstance(one, ast.Call) for one in ast.walk(session))


def _unkeyed(query: Query, varies: Callable[[ast.AST], bool]) -> Refusal:
    if query.others and not query.equals:
        return Refusal("not-by-key", "its condition compares no column with a value of the item")
    own = {one.id for step in query.steps for one in ast.walk(step) if _is_bound(one)}
    read = [one for one in ast.walk(query.whole) if isinstance(one, ast.Name)]
    if any(varies(one) for one in read if one.id not in own):
        return Refusal("varying-query", "the query itself changes from item to item")
    return Refusal("same-each-time", "it asks the same for every item: it could move out as it is")


def _is_bound(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _other_question(shape: Shape) -> Refusal | None:
    query = shape.query
    many = query.gives in (Gives.LIST, Gives.RESULT)
    for link in query.links:
        if link.name == "execution_options" and _reads_anew(link.call):
            return Refusal("query-has-execution-options", "it reads loaded objects anew each time")
        if link.name in HARMLESS or (link.name == "order_by" and many) or shape.is_dropped(link):
            continue
        if link.name == "join" and many and shape.is_whole and shape.is_by_other:
            continue
        if link.name == "order_by":
            return Refusal("first-of-many", "the order decides which row is the first")
        why = OTHER_QUESTIONS.get(link.name, "what it does to the rows is not known")
        return Refusal(f"query-has-{link.name.replace('_', '-')}", f"{link.name}(): {why}")
    if query.extra:
        options = ", ".join(str(one.arg) for one in query.extra)
        return Refusal("get-has-options", f"get() has options of its own: {options}")
    if query.gives is Gives.ONE and not _can_get_one(shape):
        message = "it raises when there is no row: that has to happen in the loop, as today"
        return Refusal("must-raise", message)
    if query.rows:
        return Refusal("rows-wanted", "its result holds rows, not objects or values")
    return _unclear_condition(shape)


def _can_get_one(shape: Shape) -> bool:
    """Say whether ``session.get_one`` raises where the query does."""
    query = shape.query
    if not shape.is_whole or not shape.is_by_primary_key or query.session is None:
        return False
    floor = query.module.project.target.version_floor("sqlalchemy", query.module.path)
    return query.form is Form.GET or (floor is not None and floor >= GET_ONE)


def _reads_anew(call: ast.Call) -> bool:
    return any(one.arg in ANEW for one in call.keywords) or bool(call.args)


def _unclear_condition(shape: Shape) -> Refusal | None:
    """Return why a condition may join another table, or may not be the same each time."""
    module = shape.query.module
    models = (shape.selected.model, shape.key.model)
    for condition in shape.query.others:
        for node in ast.walk(condition):
            if isinstance(node, ast.Attribute):
                found = model_at(module, node.value)
                if found is not None and found not in models:
                    message = f"{ast.unparse(node)} in a condition belongs to another table"
                    return Refusal("foreign-key", message)
            if isinstance(node, ast.Call) and resolve(module, node).functions:
                message = f"{ast.unparse(node.func)}() in a condition may give something else"
                return Refusal("varying-condition", message)
    return None
