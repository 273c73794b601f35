"""Deletions in a loop, which may take rows of other tables with them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.queries import SESSIONS, built_at, model_at
from hephaestus_codemods.project.values import Class, Instance
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.models import Model
    from hephaestus_codemods.project.module import Module


def deleted_in(loop: Loop, model: Model) -> Refusal | None:
    """Return why a deletion in *loop* may change the rows of *model*, which others belong to.

    The database deletes along foreign keys, the session along relationships.
    """
    for node in loop.nodes():
        deleted = _deleted(loop.module, node) if isinstance(node, ast.Call) else None
        if deleted is not None and (belongs(model, deleted.table) or _reaches(deleted, model)):
            name = deleted.name.rpartition(".")[2]
            message = f"the loop deletes objects of {name}: what belongs to them may go with them"
            return Refusal("writes-table", message)
    return None


def belongs(model: Model, table: str | None) -> bool:
    """Say whether rows of *model* refer to rows of *table* by a foreign key."""
    keys = [one.foreign_key or "" for one in model.columns]
    return table is not None and any(key.startswith(f"{table}.") for key in keys)


def _reaches(deleted: Model, model: Model) -> bool:
    """Say whether a collection of *deleted* holds objects of *model*, by whatever table."""
    short = model.name.rpartition(".")[2]
    return not belongs(deleted, model.table) and any(
        one.target is None or one.target.rpartition(".")[2] == short
        for one in deleted.relationships
    )


def _deleted(module: Module, node: ast.Call) -> Model | None:
    """Return the class of what *node* deletes."""
    if module.qualified_name(node.func) in ("sqlalchemy.delete", "sqlmodel.delete"):
        return model_at(module, node.args[0]) if node.args else None
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "delete":
        return None
    owner = node.func.value
    if module.kind(owner) in SESSIONS and node.args:
        found = value(module, node.args[0])
        of = found.of if isinstance(found, Instance) else None
        return module.project.model(of.name, module.path) if isinstance(of, Class) else None
    if kinds.QUERY in kinds.lineage(module.kind(owner) or ""):
        built = built_at(module, owner)
        return built.selected[0].model if built is not None and built.selected else None
    return None
