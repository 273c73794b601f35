"""What models of pydantic and SQLModel read from the objects that they are made of."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import (
    class_named,
    decorators,
    definition,
    global_value,
    keyword,
    lineage,
    value,
)
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.values import Class, Function, Library
from hephaestus_codemods.project.web.apps import web_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

SCHEMAS: Final = frozenset({"pydantic.BaseModel", "pydantic.main.BaseModel", kinds.SQLMODEL})
#: Class methods that read attributes of what they are given.
READING: Final = frozenset({"model_validate", "from_orm", "validate"})
VALIDATORS: Final = frozenset({"pydantic.model_validator", "pydantic.root_validator"})
#: Around the type of a field that they hold, or may be missing.
HOLDERS: Final = frozenset(
    """list List set Set frozenset FrozenSet tuple Tuple Sequence Iterable Collection Optional
    Annotated Union""".split()
)
FROM_ATTRIBUTES: Final = re.compile(r"\b(?:from_attributes|orm_mode)'?(?: = |=|: )True\b")
METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "api_route"})
#: Decorators that leave what a function gives as it is.
PLAIN: Final = frozenset(
    """builtins.staticmethod builtins.classmethod abc.abstractmethod typing.override
    typing.no_type_check""".split()
)
ROUTERS: Final = frozenset({kinds.FASTAPI, kinds.ROUTER})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a schema: the attribute that it reads, and the schema of what is in it."""

    attribute: str
    schema: Class | None


def is_schema(cls: Class) -> bool:
    """Say whether *cls* is a model of pydantic, and no mapped class."""
    if cls.module.project.model_of(cls) is not None:
        return False
    return any(isinstance(one, Library) and one.name in SCHEMAS for one in lineage(cls))


def schema_at(module: Module, node: ast.expr | None) -> Class | None:
    """Return the schema that the annotation *node* names, whatever holds it."""
    match node:
        case ast.Constant(value=str(text)):
            found = global_value(module, text) if text.isidentifier() else None
            if isinstance(found, Class):
                return found if is_schema(found) else None
            try:
                return schema_at(module, ast.parse(text, mode="eval").body)
            except SyntaxError:
                return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _only([schema_at(module, one) for one in (left, right)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name)) if name in HOLDERS:
            inner = node.slice
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name == "Annotated":
                parts = parts[:1]
            return _only([schema_at(module, one) for one in parts])
        case ast.Name() | ast.Attribute():
            return _named(module, node)
    return None


def _named(module: Module, node: ast.expr) -> Class | None:
    found = value(module, node) if node in module.parents else None
    if found is None and isinstance(node, ast.Name):
        found = global_value(module, node.id)
    if isinstance(found, Class):
        return found if is_schema(found) else None
    place = definition(module, node) if node in module.parents else None
    held = place[1].value if place is not None else None
    is_alias = place is not None and isinstance(held, ast.Subscript | ast.BinOp)
    return schema_at(place[0], held) if is_alias and place is not None else None


def _only(found: list[Class | None]) -> Class | None:
    known = [one for one in found if one is not None]
    return known[0] if len(known) == 1 else None


def fields_of(cls: Class) -> Iterator[Field]:
    """Yield the fields of *cls*; none where a validator may put something else in their place."""
    classes = [one for one in lineage(cls) if isinstance(one, Class)]
    if any(_replaces(one) for one in classes):
        return
    seen: set[str] = set()
    for one in classes:
        for name, bindings in one.module.scopes.bound(one.node).items():
            if name in seen or name.startswith("_") or name == "model_config":
                continue
            seen.add(name)
            last = bindings[-1]
            if last.kind is not BindingKind.ANNOTATED or last.annotation is None:
                continue
            if "ClassVar" in ast.unparse(last.annotation):
                continue
            read = _alias(last.value) or name
            yield Field(read, schema_at(one.module, last.annotation))


def _alias(node: ast.expr | None) -> str | None:
    """Return the other name by which a field is read."""
    if not isinstance(node, ast.Call):
        return None
    given = keyword(node, "validation_alias") or keyword(node, "alias")
    return str(given.value) if isinstance(given, ast.Constant) and given.value else None


def _replaces(cls: Class) -> bool:
    """Say whether a validator of *cls* sees, and may replace, what the model is made of."""
    bound = cls.module.scopes.bound(cls.node)
    return any(
        not VALIDATORS.isdisjoint(name for name in decorators(cls.module, one.node) if name)
        and "after" not in "".join(map(ast.unparse, getattr(one.node, "decorator_list", ())))
        for bindings in bound.values()
        for one in bindings
        if one.kind is BindingKind.FUNCTION
    )


def field_named(cls: Class, name: str) -> Class | None:
    """Return the schema of the field *name* of *cls*."""
    for one in lineage(cls):
        bindings = one.module.scopes.bound(one.node).get(name) if isinstance(one, Class) else None
        if isinstance(one, Class) and bindings:
            return schema_at(one.module, bindings[-1].annotation)
    return None


def reads_attributes(cls: Class) -> bool:
    """Say whether *cls* is told to be made from objects, by the attributes they have."""
    for one in lineage(cls):
        if isinstance(one, Class):
            bound = one.module.scopes.bound(one.node)
            found = [*bound.get("model_config", ()), *bound.get("Config", ())]
            if any(FROM_ATTRIBUTES.search(ast.unparse(b.value or b.node)) for b in found):
                return True
        elif one is None or one.name == kinds.SQLMODEL:
            return one is not None
    return False


def response_of(function: Function) -> Class | None:
    """Return the schema by which FastAPI reads what *function* returns."""
    module, node = function.module, function.node
    for one in getattr(node, "decorator_list", ()):
        func = one.func if isinstance(one, ast.Call) else None
        if not isinstance(func, ast.Attribute) or func.attr not in METHODS:
            continue
        if web_kind(module, func.value) not in ROUTERS:
            continue
        given = keyword(one, "response_model")
        return schema_at(module, given or getattr(node, "returns", None))
    return None


def is_decorated(function: Function) -> bool:
    """Say whether a decorator of *function* may register it, or change what it gives."""
    return not PLAIN.issuperset(decorators(function.module, function.node))


def class_at(module: Module, node: ast.expr) -> Class | None:
    """Return the class of the project that *node* names."""
    found = value(module, node)
    if isinstance(found, Class):
        return found
    name = module.qualified_name(node)
    return class_named(module.project, name, module.path) if name else None
