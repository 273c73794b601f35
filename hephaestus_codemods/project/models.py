"""Which classes of the project are mapped to tables, with their columns and relationships."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import annotated, definition, keyword, lineage, name_of
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.values import Class, Instance, Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding

BASES: Final = frozenset(
    {kinds.DECLARATIVE_BASE, "sqlalchemy.orm.DeclarativeBaseNoMeta", kinds.MADE_BASE}
    | {kinds.FLASK_MODEL}
)
#: Decorators that make a base of a class.
BASE_DECORATORS: Final = frozenset(
    {"sqlalchemy.orm.as_declarative", "sqlalchemy.ext.declarative.as_declarative"}
)
COLUMNS: Final = frozenset(
    {"sqlalchemy.Column", "sqlalchemy.orm.mapped_column", "sqlmodel.Field", "sqlmodel.main.Field"}
)
RELATIONSHIPS: Final = frozenset({"sqlalchemy.orm.relationship", "sqlmodel.Relationship"})
MAPPING_DECORATORS: Final = ("mapped", "mapped_as_dataclass")
MAPPED: Final = frozenset(
    {"sqlalchemy.orm.Mapped", "sqlalchemy.orm.DynamicMapped", "sqlalchemy.orm.WriteOnlyMapped"}
)
#: A plain column holds no such thing; ``ClassVar`` is no column either.
COLLECTIONS: Final = frozenset(
    {"builtins.list", "typing.List", "builtins.set", "typing.Set", "typing.ClassVar"}
)
LOADERS: Final = {
    "sqlalchemy.orm.DynamicMapped": "dynamic",
    "sqlalchemy.orm.WriteOnlyMapped": "write_only",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a model; *attribute* is its name in Python, *type_name* its resolved class.

    *nullable* is None where the code leaves it open. *type_options* are the keywords given to the
    class; a value that is no constant is None.
    """

    attribute: str
    name: str
    type_name: str | None
    primary_key: bool = False
    unique: bool = False
    nullable: bool | None = None
    foreign_key: str | None = None
    index: bool = False
    type_options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship of a model; *target* is the class as it is written, *lazy* None if unknown."""

    attribute: str
    target: str | None
    lazy: str | None
    is_collection: bool | None


@dataclass(frozen=True, slots=True)
class Model:
    """A mapped class.

    *unique* are the column sets that a constraint keeps unique. *complete* says that every base
    class is known, so that no column is missing.
    """

    name: str
    path: str
    table: str | None
    columns: tuple[Column, ...]
    relationships: tuple[Relationship, ...]
    unique: tuple[frozenset[str], ...]
    complete: bool

    @property
    def primary_key(self) -> tuple[Column, ...]:
        """The columns of the primary key."""
        return tuple(column for column in self.columns if column.primary_key)

    def column(self, attribute: str) -> Column | None:
        """Return the column behind *attribute*."""
        return next((one for one in self.columns if one.attribute == attribute), None)

    def is_unique(self, *attributes: str) -> bool:
        """Say whether at most one row has given values of *attributes*."""
        given = frozenset(attributes)
        keys = [frozenset(one.attribute for one in self.primary_key)]
        keys += [frozenset({one.attribute}) for one in self.columns if one.unique]
        return any(key and key <= given for key in (*keys, *self.unique))


def model_of(cls: Class) -> Model | None:
    """Return the model that *cls* is, or None when it is not mapped to a table."""
    line = list(lineage(cls))
    classes = [one for one in line if isinstance(one, Class)]
    if not _is_mapped(cls, classes, line):
        return None
    columns: dict[str, Column] = {}
    relationships: dict[str, Relationship] = {}
    is_sqlmodel = Library(kinds.SQLMODEL) in line
    for one in classes:
        for attribute, binding in _members(one):
            if attribute in columns or attribute in relationships:
                continue
            column = _column(one.module, attribute, binding, is_sqlmodel=is_sqlmodel)
            relationship = None if column else _relationship(one.module, attribute, binding)
            if column is not None:
                columns[attribute] = column
            if relationship is not None:
                relationships[attribute] = relationship
    return Model(
        cls.name,
        cls.module.path,
        _table(classes),
        tuple(columns.values()),
        tuple(relationships.values()),
        tuple(_constraints(classes, columns)),
        complete=None not in line,
    )


def _is_mapped(cls: Class, classes: list[Class], line: list[Class | Library | None]) -> bool:
    if _constant(cls, "__abstract__") is True:
        return False
    libraries = {one.name for one in line if isinstance(one, Library)}
    if kinds.SQLMODEL in libraries:
        return _has_table_keyword(cls)
    if _is_mapped_by_decorator(cls):
        return True
    if not libraries & BASES and not any(map(_is_decorated_base, classes)):
        return False
    is_base = any(name_of(cls.module, base) in BASES for base in cls.node.bases)
    is_base = _is_decorated_base(cls) or (is_base and not _is_made(libraries))
    named = any("__tablename__" in one.module.scopes.bound(one.node) for one in classes)
    own_table = any("__table__" in one.module.scopes.bound(one.node) for one in classes)
    return not is_base and (named or own_table or kinds.FLASK_MODEL in libraries)


def _is_decorated_base(cls: Class) -> bool:
    """Say whether a decorator makes the base of mapped classes of *cls*."""
    for one in cls.node.decorator_list:
        target = one.func if isinstance(one, ast.Call) else one
        if name_of(cls.module, target) in BASE_DECORATORS:
            return True
        if isinstance(target, ast.Attribute) and target.attr == "as_declarative_base":
            return cls.module.kind(target.value) == "sqlalchemy.orm.registry"
    return False


def _is_made(libraries: set[str]) -> bool:
    """Say whether a call, or Flask's extension, made the base: it is one already."""
    return bool(libraries & {kinds.MADE_BASE, kinds.FLASK_MODEL})


def _has_table_keyword(cls: Class) -> bool:
    return any(
        one.arg == "table" and isinstance(one.value, ast.Constant) and one.value.value is True
        for one in cls.node.keywords
    )


def _is_mapped_by_decorator(cls: Class) -> bool:
    for one in cls.node.decorator_list:
        target = one.func if isinstance(one, ast.Call) else one
        if (
            isinstance(target, ast.Attribute)
            and target.attr in MAPPING_DECORATORS
            and cls.module.kind(target.value) == "sqlalchemy.orm.registry"
        ):
            return True
        if name_of(cls.module, target) == "sqlalchemy.orm.mapped_as_dataclass":
            return True
    return False


def _members(cls: Class) -> Iterator[tuple[str, Binding]]:
    """Yield the attributes that the body of *cls* binds once."""
    for name, bindings in cls.module.scopes.bound(cls.node).items():
        if len(bindings) == 1:
            yield name, bindings[0]


def _constant(cls: Class, name: str) -> object:
    bindings = cls.module.scopes.bound(cls.node).get(name, [])
    value = bindings[0].value if len(bindings) == 1 else None
    return value.value if isinstance(value, ast.Constant) else None


def _table(classes: list[Class]) -> str | None:
    found = (_constant(one, "__tablename__") for one in classes)
    return next((one for one in found if isinstance(one, str)), None)


def _column(
    module: Module, attribute: str, binding: Binding, *, is_sqlmodel: bool
) -> Column | None:
    if binding.kind not in (BindingKind.ASSIGN, BindingKind.ANNOTATED):
        return None
    call = binding.value if isinstance(binding.value, ast.Call) else None
    maker = name_of(module, call.func) if call is not None else None
    if maker in RELATIONSHIPS or (call is not None and maker not in COLUMNS):
        return None
    inner, is_mapped = _mapped(module, binding.annotation)
    is_field = is_sqlmodel and binding.annotation is not None and not is_mapped
    if call is None and not (is_mapped or is_field):
        return None
    if call is None and (attribute.startswith("_") or _is_relationship(module, inner)):
        return None
    annotation = inner if is_mapped or is_field else None
    shared = _shared_column(module, annotation)
    calls = [one for one in (call, shared) if one is not None]
    optional, type_name = _type(module, annotation)
    return Column(
        attribute,
        _column_name(call) or attribute,
        _explicit_type(module, call) or type_name,
        primary_key=any(_flag(one, "primary_key") is True for one in calls),
        unique=any(_flag(one, "unique") is True for one in calls),
        nullable=_nullable(calls, optional, annotation),
        foreign_key=next((key for one in calls if (key := _foreign_key(module, one))), None),
        index=any(_flag(one, "index") is True for one in calls),
        type_options=_type_options(module, call),
    )


def _nullable(calls: list[ast.Call], optional: bool, annotation: ast.expr | None) -> bool | None:
    for call in calls:
        given = _flag(call, "nullable")
        if isinstance(given, bool):
            return given
        if _flag(call, "primary_key") is True:
            return False
    return optional if annotation is not None else True


def _mapped(module: Module, annotation: ast.expr | None) -> tuple[ast.expr | None, bool]:
    """Return what stands in ``Mapped[...]``, and whether that is what the annotation is."""
    if isinstance(annotation, ast.Subscript) and name_of(module, annotation.value) in MAPPED:
        return annotation.slice, True
    return annotation, False


def _is_relationship(module: Module, annotation: ast.expr | None) -> bool:
    if isinstance(annotation, ast.Constant):
        return True
    if isinstance(annotation, ast.Subscript) and name_of(module, annotation.value) in COLLECTIONS:
        return True
    found = annotated(module, annotation) if annotation is not None else None
    return isinstance(found, Instance) and isinstance(found.of, Class)


def _shared_column(module: Module, annotation: ast.expr | None) -> ast.Call | None:
    """Return the ``mapped_column(...)`` of ``intpk = Annotated[int, mapped_column(...)]``."""
    if not isinstance(annotation, ast.Name | ast.Attribute):
        return None
    place = definition(module, annotation)
    value = place[1].value if place is not None else None
    if place is None or not isinstance(value, ast.Subscript):
        return None
    parts = value.slice.elts if isinstance(value.slice, ast.Tuple) else []
    return next(
        (
            one
            for one in parts
            if isinstance(one, ast.Call) and name_of(place[0], one.func) in COLUMNS
        ),
        None,
    )


def _type(module: Module, annotation: ast.expr | None) -> tuple[bool, str | None]:
    """Return whether the annotation allows None, and the class that it names."""
    if annotation is None:
        return False, None
    text = ast.unparse(annotation)
    found = annotated(module, annotation)
    name = found.of.name if isinstance(found, Instance) else None
    return "Optional" in text or "None" in text, name


def _column_name(call: ast.Call | None) -> str | None:
    first = call.args[0] if call is not None and call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None


def _explicit_type(module: Module, call: ast.Call | None) -> str | None:
    found = _type_given(module, call)
    return found[0] if found is not None else None


def _type_options(module: Module, call: ast.Call | None) -> tuple[tuple[str, object], ...]:
    found = _type_given(module, call)
    if found is None or not isinstance(found[1], ast.Call):
        return ()
    return tuple(
        (one.arg or "**", one.value.value if isinstance(one.value, ast.Constant) else None)
        for one in found[1].keywords
    )


def _type_given(module: Module, call: ast.Call | None) -> tuple[str, ast.expr] | None:
    """Return the class of the type that *call* is given, and the expression."""
    if call is None:
        return None
    given = [*call.args[:2], *filter(None, [keyword(call, "type_"), keyword(call, "sa_type")])]
    for one in given:
        target = one.func if isinstance(one, ast.Call) else one
        name = name_of(module, target) if isinstance(target, ast.Name | ast.Attribute) else None
        if name is not None and not name.endswith(("ForeignKey", "Sequence", "Identity")):
            return name, one
    return None


def _foreign_key(module: Module, call: ast.Call) -> str | None:
    for one in call.args:
        if isinstance(one, ast.Call) and name_of(module, one.func) == "sqlalchemy.ForeignKey":
            return _column_name(one)
    given = _flag(call, "foreign_key")
    return given if isinstance(given, str) else None


def _flag(call: ast.Call, name: str) -> object:
    given = keyword(call, name)
    return given.value if isinstance(given, ast.Constant) else None


def _relationship(module: Module, attribute: str, binding: Binding) -> Relationship | None:
    call = binding.value if isinstance(binding.value, ast.Call) else None
    maker = name_of(module, call.func) if call is not None else None
    annotation, is_mapped = _mapped(module, binding.annotation)
    if maker not in RELATIONSHIPS and not (is_mapped and call is None):
        return None
    collection, target = _target(annotation)
    if call is not None and target is None:
        target = _column_name(call) or (ast.unparse(call.args[0]) if call.args else None)
    if call is not None and _flag(call, "uselist") is False:
        collection = False
    return Relationship(attribute, target, _lazy(module, call, binding), collection)


def _target(annotation: ast.expr | None) -> tuple[bool | None, str | None]:
    """Return whether an annotation names a collection, and of which class."""
    if annotation is None:
        return None, None
    text = ast.unparse(annotation).replace("'", "").replace('"', "")
    text = text.removeprefix("Optional[").removesuffix(" | None")
    head, bracket, inner = text.partition("[")
    if bracket and head.rpartition(".")[2].lower() in ("list", "set", "sequence", "collection"):
        return True, inner.rstrip("]")
    return False, text.rstrip("]")


def _lazy(module: Module, call: ast.Call | None, binding: Binding) -> str | None:
    if isinstance(binding.annotation, ast.Subscript):
        implied = LOADERS.get(name_of(module, binding.annotation.value) or "")
        if implied is not None:
            return implied
    if call is None:
        return "select"
    given = keyword(call, "lazy")
    options = keyword(call, "sa_relationship_kwargs")
    if given is None and isinstance(options, ast.Dict):
        pairs = zip(options.keys, options.values, strict=True)
        given = next(
            (v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "lazy"), None
        )
    elif options is not None or any(one.arg is None for one in call.keywords):
        return None
    if given is None:
        return "select"
    return str(given.value) if isinstance(given, ast.Constant) else None


def _constraints(classes: list[Class], columns: dict[str, Column]) -> Iterator[frozenset[str]]:
    by_name = {column.name: attribute for attribute, column in columns.items()}
    for one in classes:
        bindings = one.module.scopes.bound(one.node).get("__table_args__", [])
        value = bindings[0].value if len(bindings) == 1 else None
        for part in value.elts if isinstance(value, ast.Tuple) else []:
            if isinstance(part, ast.Call) and _keeps_unique(one.module, part):
                names = [a.value for a in part.args if isinstance(a, ast.Constant)]
                wanted = (
                    names[1:] if name_of(one.module, part.func) == "sqlalchemy.Index" else names
                )
                if wanted and len(wanted) + (wanted is not names) == len(part.args):
                    yield frozenset(by_name.get(str(name), str(name)) for name in wanted)


def _keeps_unique(module: Module, call: ast.Call) -> bool:
    name = name_of(module, call.func)
    if name == "sqlalchemy.Index":
        where = any((one.arg or "").endswith("_where") for one in call.keywords)
        return _flag(call, "unique") is True and not where
    return name in ("sqlalchemy.UniqueConstraint", "sqlalchemy.PrimaryKeyConstraint")
