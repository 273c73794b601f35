"""How a qualified name can be written at a place of a file, with what the file already has."""

from __future__ import annotations

import builtins
import keyword
import sys
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.bindings import (
    Bindings,
    always_before,
    bindings,
    is_optional,
)
from hephaestus_codemods.project.names import only_for_types
from hephaestus_codemods.rule import Import

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.scopes import Binding

#: The short names under which people know these packages; used only to avoid a collision.
SHORT: Final = {"sqlalchemy": "sa", "numpy": "np", "pandas": "pd"}


def name_for(module: Module, qualified: str, at: ast.AST) -> tuple[str, Import | None] | None:
    """Return the text that means *qualified* at node *at*, and the import it needs, if any.

    What the file imports already is used first: ``sa.func`` where it says ``import sqlalchemy as
    sa``. All but the last part of *qualified* must be the module that holds the name. A new name
    never collides with one that is visible at *at* or used elsewhere in the file. None means that
    the name cannot be had: the file treats the package as optional, or every name is taken.
    """
    known = bindings(module)
    text = _reused(known, qualified, at)
    if text is not None:
        return text, None
    package = qualified.partition(".")[0]
    if package not in sys.stdlib_module_names and is_optional(module, package):
        return None
    return _imported(known, qualified, at)


def is_free(module: Module, name: str, at: ast.AST) -> bool:
    """Say whether new code at *at* may bind *name* without meeting another meaning of it."""
    known = bindings(module)
    if keyword.iskeyword(name) or hasattr(builtins, name):
        return False
    return not known.lookup(name, at) and not known.free_reads(name)


def fresh_name(module: Module, wanted: str, at: ast.AST) -> str:
    """Return *wanted*, or the first of ``wanted_2``, ``wanted_3``, … that is free at *at*."""
    number, name = 1, wanted
    while not is_free(module, name, at):
        number += 1
        name = f"{wanted}_{number}"
    return name


def _reused(known: Bindings, qualified: str, at: ast.AST) -> str | None:
    found = [
        (len(text), text)
        for scope in known.visible(at)
        for name, bound in known.scopes.bound(scope).items()
        for text in _written(known, bound, qualified)
        if _means(known, name, bound, at)
    ]
    return min(found)[1] if found else None


def _written(known: Bindings, bound: list[Binding], qualified: str) -> Iterator[str]:
    """Yield how *qualified* can be written through the name that *bound* binds."""
    target = known.target(bound[0])
    if target is None or not f"{qualified}.".startswith(f"{target}."):
        return
    rest, holder = qualified[len(target) :], qualified.rpartition(".")[0]
    if rest.count(".") <= 1 or any(known.loads(one) == holder for one in bound):
        yield bound[0].name + rest


def _means(known: Bindings, name: str, bound: list[Binding], at: ast.AST) -> bool:
    """Say whether *name* read at *at* surely is what *bound* imports."""
    if known.lookup(name, at) != bound or len({known.target(one) for one in bound}) > 1:
        return False
    module = known.module
    return not _starred(known, bound) and any(
        always_before(module, one.node, at) and not only_for_types(module, one.node)
        for one in bound
    )


def _starred(known: Bindings, bound: list[Binding]) -> bool:
    """Say whether a later star import may bind the name again."""
    last = max(getattr(one.node, "lineno", 0) for one in bound)
    return any(star.lineno > last for star in known.scopes.stars)


def _imported(known: Bindings, qualified: str, at: ast.AST) -> tuple[str, Import | None] | None:
    holder, _, name = qualified.rpartition(".")
    for candidate in _candidates(known, holder, name):
        if _can_hold(known, candidate, qualified, at):
            alias = None if candidate == name else candidate
            new = Import(holder, name, alias) if holder else Import(name, None, alias)
            return candidate, new
    return None


def _candidates(known: Bindings, holder: str, name: str) -> Iterator[str]:
    if not known.scopes.stars:
        yield name
    if not holder:
        yield f"{name}_module"
        return
    package = holder.partition(".")[0]
    yield f"{SHORT.get(package, holder.rpartition('.')[2])}_{name}".lstrip("_")
    yield f"{holder.replace('.', '_')}_{name}".lstrip("_")


def _can_hold(known: Bindings, name: str, qualified: str, at: ast.AST) -> bool:
    """Say whether *name*, bound at module level, may mean *qualified* at *at*."""
    if keyword.iskeyword(name) or hasattr(builtins, name):
        return False
    if not known.is_global(name, at):
        return False
    found = known.top.get(name, [])
    same = all(known.target(one) == qualified for one in found)
    return same and (bool(found) or not known.free_reads(name))
