"""sqlalchemy-eager-load-relationship: load what a loop touches with the objects it runs over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hephaestus_codemods.project.glance import may_touch, relationships
from hephaestus_codemods.rule import Finding, Rule, Safety, Task, refuse
from hephaestus_rules.sqlalchemy_eager_load_relationship.origins import Loaded, loops_over_objects
from hephaestus_rules.sqlalchemy_eager_load_relationship.refusals import refusal_of
from hephaestus_rules.sqlalchemy_eager_load_relationship.rewrite import with_options
from hephaestus_rules.sqlalchemy_eager_load_relationship.touched import touched_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options


def find(module: Module, options: Options) -> Iterator[Finding]:  # it has none
    """Yield every query whose objects load more, one by one, in the loop over them."""
    for loaded in loops_over_objects(module):
        yield from _sites(loaded)


def _sites(loaded: Loaded) -> Iterator[Finding]:
    touched = touched_in(loaded)
    if not touched.paths and not touched.refused:
        return
    query = loaded.query
    for path, why in touched.refused.items():
        yield refuse(loaded.places[path], why.code, why.message)
    if not touched.paths:
        return
    refusal = refusal_of(loaded)
    names = ", ".join(".".join(step.attribute for step in path) for path in touched.paths)
    if refusal is not None:
        yield refuse(query.whole, refusal.code, f"{names}: {refusal.message}")
        return
    message = f"{names} of each object is loaded by a statement of its own: load them with it"
    change = partial(with_options, loaded, touched.paths)
    yield Finding(query.whole, message, Safety.SAFE, touched.known, change=change)


RULE = Rule(
    __name__,
    "Load the relationships that a loop touches together with its objects",
    find,
    needles=((b"for ",), (b"select", b".query")),
    tell=relationships,
    worth=may_touch,
    tasks=(Task.API, Task.REPORT),
)
