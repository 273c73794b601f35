"""The imports that new code needs, and those that our own edit left without a use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hephaestus_codemods.engine.planners.import_places import (
    additions,
    bound_by,
    first_use,
    target_of,
)
from hephaestus_codemods.engine.planners.import_removal import removals
from hephaestus_codemods.kit.bindings import Bindings, bindings, is_optional
from hephaestus_codemods.rule import Edit, Import, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding


def plan_imports(
    module: Module, imports: Iterable[Import], orphaned: Iterable[str] = ()
) -> tuple[Edit, ...] | Refusal:
    """Return the edits that bind *imports* in *module*, or why they cannot be had.

    *module* already holds the code that uses them. *orphaned* are names that our edit took out of
    the code: an import of one of them goes too, when nothing else can see it. The edits are sorted
    and do not meet; there are none when nothing is missing.
    """
    known = bindings(module)
    wanted = sorted(set(imports), key=_order)
    refusal = _contradiction(wanted) or next(
        (found for one in wanted if (found := _refusal(known, one))), None
    )
    if refusal is not None:
        return refusal
    missing = [one for one in wanted if not _is_there(known, one)]
    added = additions(known, missing)
    new = {bound_by(one) for one in wanted}
    gone = removals(known, sorted(set(orphaned) - new), added)
    return tuple(sorted((*added, *gone)))


def _order(one: Import) -> tuple[str, str, str]:
    return one.module, one.name or "", one.alias or ""


def _contradiction(wanted: list[Import]) -> Refusal | None:
    """Refuse two imports that bind one name to different things."""
    meaning: dict[str, str] = {}
    for one in wanted:
        name = bound_by(one)
        if meaning.setdefault(name, target_of(one)) != target_of(one):
            message = f"the new code needs {name} as {meaning[name]} and as {target_of(one)}"
            return Refusal("import-collision", message)
    return None


def _refusal(known: Bindings, new: Import) -> Refusal | None:
    module, name = known.module, bound_by(new)
    if new.module == module.name:
        return Refusal("import-self", f"{module.path} would have to import {name} from itself")
    for one in known.top.get(name, ()):
        if known.target(one) != target_of(new):
            line = getattr(one.node, "lineno", 1)
            message = f"{name} means something else since line {line} of {module.path}"
            return Refusal("import-collision", message)
    if is_optional(module, new.module.partition(".")[0]):
        message = f"{module.path} can live without {new.module}: it imports it inside try"
        return Refusal("import-optional", message)
    return None


def _is_there(known: Bindings, new: Import) -> bool:
    """Say whether *new* is bound at run time, before its first use."""
    first = first_use(known, bound_by(new))
    return any(
        _gives(known, one, new) and one.node in known.module.tree.body[:first]
        for one in known.top.get(bound_by(new), ())
    )


def _gives(known: Bindings, bound: Binding, new: Import) -> bool:
    if known.target(bound) != target_of(new):
        return False
    return new.name is not None or f"{known.loads(bound)}.".startswith(f"{new.module}.")
