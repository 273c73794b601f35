"""sqlalchemy-eager-load-relationship: load what is touched of each object together with them."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.glance import may_touch, relationships
from hephaestus_codemods.rule import (
    Established,
    Finding,
    Precondition,
    Refusal,
    Rule,
    Safety,
    Task,
    refuse,
)
from hephaestus_rules.sqlalchemy_eager_load_relationship.flow import names_of, touched_of
from hephaestus_rules.sqlalchemy_eager_load_relationship.meanwhile import Meanwhile
from hephaestus_rules.sqlalchemy_eager_load_relationship.objects import objects_in
from hephaestus_rules.sqlalchemy_eager_load_relationship.options import eager_in, refusal_of
from hephaestus_rules.sqlalchemy_eager_load_relationship.rewrite import with_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options
    from hephaestus_rules.sqlalchemy_eager_load_relationship.flow import Path, Step, Touch, Touched
    from hephaestus_rules.sqlalchemy_eager_load_relationship.objects import Objects

EACH: Final = "each object is asked for it"
#: Drivers of a database that cannot look for several columns at once.
NO_TUPLES: Final = ("pyodbc", "pymssql", "aioodbc")


def find(module: Module, options: Options) -> Iterator[Finding]:  # it has none
    """Yield every query whose objects load more, one by one, where they are used."""
    for objects in objects_in(module):
        for touched in touched_of(objects):
            yield from _sites(objects, touched)


def _sites(objects: Objects, touched: Touched) -> Iterator[Finding]:
    eager = eager_in(objects.options)
    candidates = [
        touch
        for touch in touched.touches.values()
        if _is_candidate(objects, touch) and names_of(touch.path) not in eager
    ]
    reasons = {names_of(one.path): _reason(one, touched) for one in candidates}
    good = [one.path for one in candidates if reasons[names_of(one.path)] is None]
    bad = [one for one in candidates if reasons[names_of(one.path)] is not None]
    told = set()
    for one in bad:
        why = reasons[names_of(one.path)]
        node = one.node if one.module is objects.module else objects.whole
        if why is not None and node not in told and (node is not objects.whole or not good):
            told.add(node)
            yield refuse(node, why.code, why.message)
    if good:
        yield _finding(objects, touched, _longest(good), eager)


def _is_candidate(objects: Objects, touch: Touch) -> bool:
    """Say whether *touch* sends a statement for each of many objects."""
    if not touch.path[-1].relation.waits:
        return False
    if not all(step.relation.waits or step.relation.is_eager for step in touch.path):
        return False
    start = 1 if _is_shared(objects, touch.path[0]) else 0
    is_one = objects.is_one or start
    return not is_one or any(step.relation.is_collection for step in touch.path[start:-1])


def _is_shared(objects: Objects, step: Step) -> bool:
    """Say whether the query asks for the objects of one *step*: that is loaded once for all."""
    if step.relation.is_collection is not False:
        return False
    names = {step.relation.attribute, *step.relation.keys}
    for link in objects.links:
        if link.name == "filter_by" and any(one.arg in names for one in link.call.keywords):
            return True
        for part in link.call.args if link.name in ("filter", "where") else ():
            match part:
                case ast.Compare(left=ast.Attribute(attr=attr), ops=[ast.Eq()]) if attr in names:
                    return True
    return False


def _reason(touch: Touch, touched: Touched) -> Refusal | None:
    names = names_of(touch.path)
    for end in range(1, len(names) + 1):
        found = touched.touches.get(names[:end])
        if found is not None and found.changed:
            return Refusal("changed", f"{'.'.join(names[:end])} is changed as it is gone through")
    if touch.why is not None:
        return touch.why
    if touch.counted and touch.path[-1].relation.is_collection is not False:
        return Refusal("only-counted", f"only the number of {'.'.join(names)} is asked for")
    return None


def _longest(paths: list[Path]) -> list[Path]:
    """Leave out paths that are the beginning of others."""
    names = [names_of(one) for one in paths]
    return [
        one
        for one in paths
        if not any(other[: len(one)] == names_of(one) for other in names if len(other) > len(one))
    ]


def _finding(
    objects: Objects, touched: Touched, paths: list[Path], eager: set[tuple[str, ...]]
) -> Finding:
    names = ", ".join(".".join(names_of(path)) for path in paths)
    meanwhile = Meanwhile(paths)
    judged = (
        refusal_of(objects.links, objects.options)
        or _unreachable(objects, paths)
        or meanwhile.judged(touched.stretches)
    )
    if isinstance(judged, Refusal):
        return refuse(objects.whole, judged.code, f"{names}: {judged.message}")
    message = f"{names} of each object is loaded by a statement of its own: load them with it"
    each = Precondition(EACH, Established.PROVED, names)
    base = Safety.REVIEW if meanwhile.is_written else Safety.SAFE
    change = partial(with_options, objects, paths, eager)
    return Finding(objects.whole, message, base, (each, judged), change=change)


def _unreachable(objects: Objects, paths: list[Path]) -> Refusal | None:
    """Return why an option for one of *paths* cannot be written, or would not work."""
    is_query = objects.get is None and objects.session_configures
    for step in (step for path in paths for step in path):
        if step.relation.is_backref and not is_query:
            message = f"{step.relation.attribute} is a backref: it may not be there yet"
            return Refusal("backref", message)
        model = step.owner.module.project.model_of(step.owner)
        if model is not None and len(model.primary_key) > 1:
            target = objects.module.project.target
            if any(target.has(one, objects.module.path) for one in NO_TUPLES):
                message = f"{step.owner.node.name} has a key of several columns"
                return Refusal("composite-key", message)
    return None


RULE = Rule(
    __name__,
    "Load the relationships that a loop touches together with its objects",
    find,
    needles=((b"select", b".query", b".get("),),
    tell=relationships,
    worth=may_touch,
    tasks=(Task.API, Task.REPORT),
)
