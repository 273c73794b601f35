"""How the session of a legacy query is written at its place."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.expressions import Where, text_of
from hephaestus_codemods.kit.names import name_for
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import has_member, is_subclass, lineage, value
from hephaestus_codemods.project.values import Class, Instance, Library
from hephaestus_codemods.project.variables import bindings_of
from hephaestus_rules.sqlalchemy_exists_over_count.limits import is_inline

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Import
    from hephaestus_rules.sqlalchemy_exists_over_count.fetches import Fetch


def session_of(module: Module, fetch: Fetch) -> tuple[str, Import | None] | None:
    """Return the text of the session that *fetch* asks, and the import it needs.

    None when the session stands nowhere: behind ``M.query`` of a scoped session.
    """
    if fetch.session is None:
        return _of_flask(module, fetch)
    is_local = isinstance(fetch.session, ast.Name) and _is_fixed(module, fetch.session)
    same = is_local or module.qualified_name(fetch.session) is not None
    if is_inline(fetch) or same:
        return text_of(module, fetch.session, Where.OPERAND), None
    return f"{text_of(module, fetch.query, Where.OPERAND)}.session", None


def _is_fixed(module: Module, node: ast.Name) -> bool:
    bindings = bindings_of(module, node)
    return bindings is not None and len(bindings) == 1


def _of_flask(module: Module, fetch: Fetch) -> tuple[str, Import | None] | None:
    """Return ``db.session``, for the ``db`` whose ``db.Model`` the class is."""
    found = value(module, fetch.source) if fetch.source is not None else None
    entity = found.args[0] if isinstance(found, Instance) and found.args else None
    cls = entity.of if isinstance(entity, Instance) else None
    for one in lineage(cls) if isinstance(cls, Class) else ():
        for base in one.node.bases if isinstance(one, Class) else ():
            if isinstance(one, Class) and _is_flask_model(one.module, base):
                assert isinstance(base, ast.Attribute)
                return _named(module, one.module, base.value, fetch)
    return None


def _is_flask_model(module: Module, base: ast.expr) -> bool:
    if not isinstance(base, ast.Attribute) or base.attr != "Model":
        return False
    found = value(module, base.value)
    if not isinstance(found, Instance):
        return False
    extension = Library(kinds.FLASK_SQLALCHEMY)
    if isinstance(found.of, Library):
        return found.of == extension
    own = [one for one in lineage(found.of) if isinstance(one, Class)]
    replaced = any(has_member(one, name) for one in own for name in ("session", "Model"))
    return is_subclass(found.of, extension) and not replaced


def _named(
    module: Module, home: Module, db: ast.expr, fetch: Fetch
) -> tuple[str, Import | None] | None:
    qualified = home.qualified_name(db)
    if qualified is None:
        return None
    if home is module:
        return f"{module.source.segment(db)}.session", None
    found = name_for(module, qualified, fetch.node)
    return None if found is None else (f"{found[0]}.session", found[1])
