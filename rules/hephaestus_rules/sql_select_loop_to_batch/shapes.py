"""What a query in a loop asks for: by which key, and what its answer is."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.queries import Form, Gives
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.project.queries import Equals, Query, Selected

#: Methods of a query that say nothing about which rows there are, or in which order.
HARMLESS: Final = frozenset({"options", "execution_options"})
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
    def is_by_primary_key(self) -> bool:
        """Whether nothing but the primary key says which object is meant."""
        key, query = self.key, self.query
        names = tuple(column.attribute for column in key.model.primary_key)
        return names == (key.column.attribute,) and len(query.equals) == 1 and not query.others


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
    if not varying:
        return _unkeyed(query, varies)
    if len(varying) > 1:
        names = " and ".join(one.column.attribute for one in varying)
        return Refusal("composite-key", f"{names} change together: an IN of pairs is needed")
    if query.selected is None or len(query.selected) != 1:
        return Refusal("several-columns", "it reads several things, or something computed")
    refusal = _other_question(query)
    if refusal is not None:
        return refusal
    key, selected = varying[0], query.selected[0]
    if key.model != selected.model:
        return Refusal("foreign-key", "the key belongs to another table than what is read")
    if query.session is None:
        return Refusal("no-session", "which session Model.query uses cannot be seen")
    known = (one.column.attribute for one in query.equals)
    return Shape(query, key, selected, key.model.is_unique(*known))


def _unkeyed(query: Query, varies: Callable[[ast.AST], bool]) -> Refusal:
    if query.others and not query.equals:
        return Refusal("not-by-key", "its condition compares no column with a value of the item")
    if any(varies(node) for node in ast.walk(query.whole)):
        return Refusal("varying-query", "the query itself changes from item to item")
    return Refusal("same-each-time", "it asks the same for every item: it could move out as it is")


def _other_question(query: Query) -> Refusal | None:
    for link in query.links:
        if link.name in HARMLESS:
            continue
        if link.name == "order_by":
            if query.gives in (Gives.LIST, Gives.RESULT):
                continue
            return Refusal("first-of-many", "the order decides which row is the first")
        why = OTHER_QUESTIONS.get(link.name, "what it does to the rows is not known")
        return Refusal(f"query-has-{link.name.replace('_', '-')}", f"{link.name}(): {why}")
    if query.extra:
        options = ", ".join(str(one.arg) for one in query.extra)
        return Refusal("get-has-options", f"get() has options of its own: {options}")
    if query.gives is Gives.ONE:
        message = "it raises when there is no row: that has to happen in the loop, as today"
        return Refusal("must-raise", message)
    if query.rows and query.form is not Form.LEGACY:
        return Refusal("rows-wanted", "its result holds rows, not objects or values")
    return None
