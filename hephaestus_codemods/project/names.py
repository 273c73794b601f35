"""Resolves what a name of one module refers to, through imports and re-exports of the project."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.known import STARS, canonical, starred
from hephaestus_codemods.project.scopes import BindingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding

IMPORTS: Final = frozenset({BindingKind.IMPORT, BindingKind.FROM_IMPORT})
BUILTINS: Final = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a name refers to; *module* is set when that is a module of the project.

    *library* says that it is no object of the project.
    """

    name: str
    module: Module | None = None
    library: bool = False


Symbols = frozenset[Symbol]
NOTHING: Final[Symbols] = frozenset()


def symbols(module: Module, node: ast.expr) -> Symbols:
    """Return everything that *node* may refer to; nothing when it may be unknown."""
    match node:
        case ast.Name(id=name):
            return _of_name(module, name, node)
        case ast.Attribute(value=value, attr=attr):
            if is_patched(module, node):
                return NOTHING
            return _merged(member(module, one, attr) for one in symbols(module, value))
    return NOTHING


def _merged(parts: Iterable[Symbols]) -> Symbols:
    """Unite what alternatives may be; one unknown alternative makes everything unknown."""
    found: set[Symbol] = set()
    for part in parts:
        if not part:
            return NOTHING
        found |= part
    return frozenset(found)


def _of_name(module: Module, name: str, node: ast.expr) -> Symbols:
    found = module.scopes.lookup(name, node)
    if found is None:
        return _unbound(module, name)
    scope, bindings = found
    if scope is module.tree:
        return exported(module, name)
    if all(binding.kind in IMPORTS for binding in bindings):
        return _merged(imported(module, binding) for binding in bindings)
    return NOTHING


def _unbound(module: Module, name: str) -> Symbols:
    if module.scopes.stars:
        found = from_stars(module, name)
        if found is not None:
            return found
    if name in BUILTINS:
        return frozenset({Symbol(f"builtins.{name}", library=True)})
    return NOTHING


def exported(module: Module, name: str) -> Symbols:
    """Return what the global *name* of *module* refers to."""
    answers = module.project.memo.exports
    # A name that is only ever imported in a circle is defined by nothing.
    work = lambda: _exported(module, name)  # noqa: E731
    return answers.settle((module, name), work, NOTHING, NOTHING, check=False)


def _exported(module: Module, name: str) -> Symbols:
    bound = module.scopes.bound(module.tree).get(name)
    if bound is None:
        return _not_bound(module, name)
    bindings = _without_fallbacks(bound)
    if is_hidden(module, bindings):
        return NOTHING
    if any(binding.kind in IMPORTS for binding in bindings):
        if all(binding.kind in IMPORTS for binding in bindings):
            return _merged(imported(module, binding) for binding in bindings)
        return NOTHING
    if len(bindings) != 1:
        return NOTHING
    return _defined(module, bindings[0])


def is_hidden(module: Module, bindings: Sequence[Binding]) -> bool:
    """Say whether a star import behind *bindings* may bind the global name again."""
    if not module.scopes.stars:
        return False
    last = max(getattr(one.node, "lineno", 0) for one in bindings)
    behind = [node for node in module.scopes.stars if node.lineno > last]
    found = from_stars(module, bindings[0].name, behind) if behind else None
    if found is None:
        return False
    if not found or not all(one.kind in IMPORTS for one in bindings):
        return True
    return found != _merged(imported(module, one) for one in bindings)


def _without_fallbacks(bindings: Sequence[Binding]) -> Sequence[Binding]:
    """Leave out ``name = None`` beside an import, and what ``@overload`` and setters repeat."""
    if any(binding.kind in IMPORTS for binding in bindings):
        return [binding for binding in bindings if not is_none(binding)]
    defs = [binding for binding in bindings if not _is_overload(binding.node)]
    return defs or bindings


def is_none(binding: Binding) -> bool:
    """Say whether *binding* only marks that there is no value (yet)."""
    value = binding.value
    plain = binding.kind in (BindingKind.ASSIGN, BindingKind.ANNOTATED) and binding.path == ()
    return plain and isinstance(value, ast.Constant) and value.value is None


def is_type_checking(test: ast.expr) -> bool:
    """Say whether *test* is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``."""
    name = test.id if isinstance(test, ast.Name) else getattr(test, "attr", None)
    return name == "TYPE_CHECKING"


def only_for_types(module: Module, node: ast.AST) -> bool:
    """Say whether *node* stands in a block that runs for type checkers only."""
    inner = node
    for around in module.ancestors(node):
        if isinstance(around, ast.If) and is_type_checking(around.test):
            return inner in around.body
        inner = around
    return False


def _is_overload(node: ast.AST) -> bool:
    return any(
        (isinstance(one, ast.Name) and one.id == "overload")
        or (isinstance(one, ast.Attribute) and one.attr in ("overload", "setter", "deleter"))
        for one in getattr(node, "decorator_list", ())
    )


def _defined(module: Module, binding: Binding) -> Symbols:
    here = frozenset({Symbol(f"{module.name}.{binding.name}")})
    match binding.kind:
        case BindingKind.FUNCTION | BindingKind.CLASS:
            return here
        case BindingKind.ASSIGN | BindingKind.ANNOTATED if binding.path == ():
            if isinstance(binding.value, ast.Name | ast.Attribute):
                return symbols(module, binding.value) or here
            return here
        case BindingKind.TYPE_PARAMETER:
            return here
    return NOTHING


def _not_bound(module: Module, name: str) -> Symbols:
    """Look for a submodule or a star import that gives *module* the name."""
    if module.is_package:
        inner = module.project.module(f"{module.name}.{name}", near=module.path)
        if inner is not None:
            return frozenset({Symbol(inner.name, inner)})
    if "__getattr__" in module.scopes.bound(module.tree):
        return NOTHING
    return from_stars(module, name) or NOTHING


def from_stars(
    module: Module, name: str, stars: Sequence[ast.ImportFrom] | None = None
) -> Symbols | None:
    """Return what a star import makes of *name*; None when surely none binds it."""
    found: Symbols | None = None
    for node in module.scopes.stars if stars is None else stars:
        target = absolute(module, node)
        source = module.project.module(target, near=module.path) if target else None
        if source is not None:
            found = _through_star(source, name, found)
        elif target not in STARS:
            return NOTHING
        elif name in starred(target):
            found = frozenset({Symbol(canonical(f"{target}.{name}"), library=True)})
    return found


def _through_star(source: Module, name: str, before: Symbols | None) -> Symbols | None:
    """Return what ``from source import *`` makes of *name*, which meant *before* until then."""
    public = public_names(source)
    listed = name in public if public is not None else not name.startswith("_")
    if not listed:
        return before
    if name in source.scopes.bound(source.tree) or public is not None:
        return exported(source, name)
    inner = from_stars(source, name)
    return before if inner is None else inner


def public_names(module: Module) -> frozenset[str] | None:
    """Return the names in ``__all__``; None when there is none, or it is not literal."""
    names: set[str] = set()
    listed = module.scopes.bound(module.tree).get("__all__")
    for binding in listed or ():
        if not isinstance(binding.value, ast.List | ast.Tuple):
            return None
        for one in binding.value.elts:
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                names.add(one.value)
    return frozenset(names) if listed else None


def imported(module: Module, binding: Binding) -> Symbols:
    """Return what an import binds."""
    alias = binding.alias
    assert alias is not None
    if isinstance(binding.node, ast.Import):
        name = alias.name if alias.asname else alias.name.partition(".")[0]
        return dotted(module, name)
    assert isinstance(binding.node, ast.ImportFrom)
    target = absolute(module, binding.node)
    if target is None:
        return NOTHING
    source = module.project.module(target, near=module.path)
    inner = own_submodule(module, source, alias.name)
    if inner is not None:
        return frozenset({Symbol(inner.name, inner)})
    return _merged(member(module, one, alias.name) for one in dotted(module, target))


def own_submodule(module: Module, source: Module | None, name: str) -> Module | None:
    """Return the module that a package imports from itself: ``from package import module``."""
    if source is not module or not module.is_package:
        return None
    return module.project.module(f"{module.name}.{name}", near=module.path)


def dotted(module: Module, name: str) -> Symbols:
    """Return the module that ``import name`` means in *module*."""
    found = module.project.module(name, near=module.path)
    if found is not None:
        return frozenset({Symbol(found.name, found)})
    return frozenset({Symbol(canonical(name), library=True)})


def member(module: Module, owner: Symbol, attr: str) -> Symbols:
    """Return what ``owner.attr`` refers to, in *module*."""
    if owner.module is not None:
        return exported(owner.module, attr)
    name = f"{owner.name}.{attr}"
    if owner.library:
        # A namespace package of the project has no file of its own.
        inner = module.project.module(name, near=module.path)
        if inner is not None:
            return frozenset({Symbol(inner.name, inner)})
        return frozenset({Symbol(canonical(name), library=True)})
    return frozenset({Symbol(name)})


def absolute(module: Module, node: ast.ImportFrom) -> str | None:
    """Return the absolute name of the module that *node* imports from."""
    if not node.level:
        return node.module
    parts = module.name.split(".")
    keep = len(parts) - node.level + module.is_package
    if keep <= 0:
        return None
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def is_patched(module: Module, node: ast.Attribute) -> bool:
    """Say whether this file itself assigns to the same dotted name."""
    if node.attr not in module.stored_attributes:
        return False
    text = ast.dump(node.value)
    return any(ast.dump(store.value) == text for store in module.stored_attributes[node.attr])
