"""The relationships of mapped classes, also those that exist only as a ``backref`` elsewhere."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.classes import classes_in
from hephaestus_codemods.project.infer import class_named, global_value, keyword, lineage, name_of
from hephaestus_codemods.project.values import Class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hephaestus_codemods.project.models import Model, Relationship
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

CLASS: Final = re.compile(rb"^class[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
WORD: Final = re.compile(r"\w+")
#: Loading that waits until the attribute is touched.
WAITING: Final = frozenset({"select", "True"})
#: Loading that comes with the object.
EAGER: Final = frozenset({"joined", "False", "selectin", "subquery", "immediate"})
BACKREF: Final = "sqlalchemy.orm.backref"


@dataclass(frozen=True, slots=True)
class Relation:
    """A relationship as the class sees it that has it.

    *keys* are the attributes of its own foreign keys. *target* is None when the class it leads to
    is not seen. *words* are the names in its declaration: what it is ordered or joined by. One that
    *is_backref* exists only when all mappers are configured.
    """

    attribute: str
    lazy: str | None
    is_collection: bool | None
    target: Class | None
    keys: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
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
        call = next((found for holder in classes if (found := _call(holder, one.attribute))), None)
        keys = _keys(model, target)
        is_collection = one.is_collection
        if is_collection is None and call is not None:
            is_collection = _is_collection(cls, target, call, keys)
        words = frozenset(WORD.findall(ast.unparse(call))) if call is not None else frozenset()
        yield Relation(one.attribute, one.lazy, is_collection, target, keys, words)


def _call(cls: Class, attribute: str) -> ast.Call | None:
    bound = cls.module.scopes.bound(cls.node).get(attribute, ())
    return next((one.value for one in bound if isinstance(one.value, ast.Call)), None)


def _keys(model: Model, target: Class | None) -> frozenset[str]:
    """Return the foreign keys of *model* that lead to *target*, or all when that is not seen."""
    other = target.module.project.model_of(target) if target is not None else None
    table = other.table if other is not None else None
    return frozenset(
        column.attribute
        for column in model.columns
        if column.foreign_key is not None
        and (table is None or column.foreign_key.rpartition(".")[0] == table)
    )


def _is_collection(
    cls: Class, target: Class | None, call: ast.Call, keys: frozenset[str]
) -> bool | None:
    """Say whether many objects belong to one, as the foreign keys tell; None when they do not."""
    if keyword(call, "secondary") is not None:
        return True
    if target is None:
        return None
    if target.node is cls.node:
        return keyword(call, "remote_side") is None
    other, own = (one.module.project.model_of(one) for one in (target, cls))
    back = _keys(other, cls) if other is not None and own is not None else frozenset()
    return bool(back) if bool(back) is not bool(keys) else None


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
    found_ones = _mapped(module, name)
    return found_ones[0] if len(found_ones) == 1 else None


def _mapped(module: Module, name: str) -> tuple[Class, ...]:
    """Return the mapped classes of the project that are called *name*."""
    project, found = module.project, []
    for path in _defined(project).get(name.encode(), ()):
        source = project.readable(path)
        full = f"{source.name}.{name}" if source is not None else name
        cls = class_named(project, full, path)
        if cls is not None and project.model_of(cls) is not None:
            found.append(cls)
    return tuple(found)


def _defined(project: Project) -> Mapping[bytes, list[str]]:
    """Return the files that define classes at their top, by the names of the classes."""
    memo = project.memo.others
    if _defined not in memo:
        paths: dict[bytes, list[str]] = {}
        for path, raw in project.sources():
            for name in CLASS.findall(raw):
                paths.setdefault(name, []).append(path)
        memo[_defined] = paths
    found: Mapping[bytes, list[str]] = memo[_defined]
    return found


def target_of(module: Module, owner: Model, relationship: Relationship) -> Model | None:
    """Return the model that *relationship* of *owner* leads to, as *module* sees it."""
    cls = class_named(module.project, owner.name, module.path)
    target = _target(cls.module, relationship.target) if cls is not None else None
    return module.project.model_of(target) if target is not None else None


# --- Relationships that another class gives ---


@dataclass(frozen=True, slots=True)
class _Back:
    """``relationship("User", backref=given)`` in the class *owner*, which leads to *target*."""

    module: Module
    given: ast.expr
    owner: Class
    target: Class


def _backrefs(cls: Class) -> Iterator[Relation]:
    """Yield the relationships that other classes give *cls*."""
    bases = {one.node for one in lineage(cls) if isinstance(one, Class)}
    for one in _all_backrefs(cls.module):
        found = _backref(one, cls) if one.target.node in bases else None
        if found is not None:
            yield found


def _all_backrefs(module: Module) -> tuple[_Back, ...]:
    memo = module.project.memo.others
    if _all_backrefs not in memo:
        memo[_all_backrefs] = tuple(
            back
            for source in module.project.modules_with(b"backref")
            for node in classes_in(source)
            for back in _given_by(Class(source, node))
        )
    backrefs: tuple[_Back, ...] = memo[_all_backrefs]
    return backrefs


def _given_by(owner: Class) -> Iterator[_Back]:
    """Yield the backrefs that the relationships of *owner* itself make."""
    module = owner.module
    model = (
        module.project.model_of(owner) if "backref" in module.source.segment(owner.node) else None
    )
    for one in model.relationships if model is not None else ():
        call = _call(owner, one.attribute)
        given = keyword(call, "backref") if call is not None else None
        target = _target(module, one.target) if given is not None else None
        if given is not None and target is not None:
            yield _Back(module, given, owner, target)


def _backref(back: _Back, cls: Class) -> Relation | None:
    """Return the relationship of *cls* that *back* makes."""
    module, given, owner = back.module, back.given, back.owner
    lazy: str | None = "select"
    name: ast.expr | None = given
    uselist = None
    if isinstance(given, ast.Call):
        if name_of(module, given.func) != BACKREF or any(one.arg is None for one in given.keywords):
            return None
        name = given.args[0] if given.args else None
        loading, uselist = keyword(given, "lazy"), keyword(given, "uselist")
        lazy = "select" if loading is None else str(getattr(loading, "value", None))
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return None
    model, other = (one.module.project.model_of(one) for one in (cls, owner))
    if model is None or other is None:
        return None
    keys, others = _keys(model, owner), _keys(other, cls)
    is_collection = bool(others) if bool(others) is not bool(keys) else None
    if isinstance(uselist, ast.Constant):
        is_collection = bool(uselist.value)
    words = frozenset(WORD.findall(ast.unparse(given)))
    return Relation(name.value, lazy, is_collection, owner, keys, words, is_backref=True)
