"""The relationships of mapped classes, also those that exist only as a ``backref`` elsewhere."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.infer import class_named, global_value, keyword, lineage, name_of
from hephaestus_codemods.project.models import RELATIONSHIPS
from hephaestus_codemods.project.values import Class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hephaestus_codemods.project.models import Model, Relationship
    from hephaestus_codemods.project.module import Module

#: Loading that waits until the attribute is touched.
WAITING: Final = frozenset({"select", "True"})
#: Loading that comes with the object.
EAGER: Final = frozenset({"joined", "False", "selectin", "subquery", "immediate"})
BACKREF: Final = "sqlalchemy.orm.backref"


@dataclass(frozen=True, slots=True)
class Relation:
    """A relationship as the class sees it that has it.

    *keys* are the attributes of its own foreign keys. *target* is None when the class it leads to
    is not seen. One that *is_backref* exists only when all mappers are configured.
    """

    attribute: str
    lazy: str | None
    is_collection: bool | None
    target: Class | None
    keys: frozenset[str] = frozenset()
    is_backref: bool = False

    @property
    def waits(self) -> bool:
        """Whether touching it sends a statement."""
        return self.lazy in WAITING

    @property
    def is_eager(self) -> bool:
        """Whether it is loaded with the object anyway."""
        return self.lazy in EAGER


def relations_of(cls: Class) -> Mapping[str, Relation]:
    """Return the relationships of the mapped class *cls*, by attribute."""
    key = (relations_of, cls.node)
    memo = cls.module.memo
    if key not in memo:
        model = cls.module.project.model_of(cls)
        own = {one.attribute: one for one in _own(cls, model)} if model is not None else {}
        back = {one.attribute: one for one in _backrefs(cls)} if model is not None else {}
        memo[key] = {**back, **own}
    found: Mapping[str, Relation] = memo[key]
    return found


def _own(cls: Class, model: Model) -> Iterator[Relation]:
    classes = [one for one in lineage(cls) if isinstance(one, Class)]
    for one in model.relationships:
        targets = (_target(holder.module, one.target) for holder in classes)
        target = next((found for found in targets if found is not None), None)
        table = _table(target)
        keys = frozenset(
            column.attribute
            for column in model.columns
            if column.foreign_key is not None
            and (column.foreign_key.rpartition(".")[0] == table or table is None)
        )
        yield Relation(one.attribute, one.lazy, one.is_collection, target, keys)


def _table(cls: Class | None) -> str | None:
    model = cls.module.project.model_of(cls) if cls is not None else None
    return model.table if model is not None else None


def _target(module: Module, text: str | None) -> Class | None:
    """Return the class that *text* names in *module*, or the only mapped one of that name."""
    if text is None:
        return None
    name = text.removeprefix("lambda:").strip().rpartition(".")[2]
    found = global_value(module, name) if name.isidentifier() else None
    if isinstance(found, Class):
        return found
    if found is not None or not name.isidentifier():
        return None
    candidates = [
        cls
        for source in module.project.modules_with(b"class " + name.encode() + b"(")
        if (cls := class_named(module.project, f"{source.name}.{name}", source.path)) is not None
        if module.project.model_of(cls) is not None
    ]
    return candidates[0] if len(candidates) == 1 else None


def target_of(module: Module, owner: Model, relationship: Relationship) -> Model | None:
    """Return the model that *relationship* of *owner* leads to, as *module* sees it."""
    cls = class_named(module.project, owner.name, module.path)
    target = _target(cls.module, relationship.target) if cls is not None else None
    return module.project.model_of(target) if target is not None else None


# --- Relationships that another class gives ---


def _backrefs(cls: Class) -> Iterator[Relation]:
    """Yield what ``relationship("User", backref="items")`` of other classes gives *cls*."""
    names = [one.node.name.encode() for one in lineage(cls) if isinstance(one, Class)]
    bases = {one.node for one in lineage(cls) if isinstance(one, Class)}
    for module in cls.module.project.modules_with(b"backref"):
        if not any(name in module.source.text.encode() for name in names):
            continue
        for call in module.calls:
            given = keyword(call, "backref")
            if given is None or name_of(module, call.func) not in RELATIONSHIPS:
                continue
            target = _target(module, _first(call))
            owner = next(
                (one for one in module.ancestors(call) if isinstance(one, ast.ClassDef)), None
            )
            if target is None or target.node not in bases or owner is None:
                continue
            found = _backref(module, given, Class(module, owner))
            if found is not None:
                yield found


def _first(call: ast.Call) -> str | None:
    given = call.args[0] if call.args else keyword(call, "argument")
    if isinstance(given, ast.Constant):
        return str(given.value)
    return ast.unparse(given) if given is not None else None


def _backref(module: Module, given: ast.expr, owner: Class) -> Relation | None:
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return Relation(given.value, "select", None, owner, is_backref=True)
    if not isinstance(given, ast.Call) or name_of(module, given.func) != BACKREF:
        return None
    first = given.args[0] if given.args else None
    if not isinstance(first, ast.Constant) or any(one.arg is None for one in given.keywords):
        return None
    lazy, uselist = keyword(given, "lazy"), keyword(given, "uselist")
    loading = "select" if lazy is None else str(getattr(lazy, "value", None))
    is_collection = None if uselist is None else bool(getattr(uselist, "value", None))
    return Relation(str(first.value), loading, is_collection, owner, is_backref=True)
