"""A call that makes an engine, with what is known about it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import argument
from hephaestus_rules.sqlalchemy_engine_pool_options.arguments import Arguments, arguments_of
from hephaestus_rules.sqlalchemy_engine_pool_options.urls import UNKNOWN, Target, target_of

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

ENGINE_FACTORIES: Final = frozenset(
    {"sqlalchemy.create_engine", "sqlalchemy.ext.asyncio.create_async_engine"}
)
CONFIG_FACTORIES: Final = frozenset(
    {"sqlalchemy.engine_from_config", "sqlalchemy.ext.asyncio.async_engine_from_config"}
)


@dataclass(frozen=True, slots=True)
class Site:
    """An engine call: its keywords, its URL, and the database behind that."""

    module: Module
    call: ast.Call
    arguments: Arguments
    url: ast.expr | None
    target: Target

    def text(self, node: ast.AST) -> str:
        """Return the text of *node*, on one line."""
        return " ".join(self.module.source.segment(node).split())


def site_of(module: Module, call: ast.Call) -> Site:
    """Return what is known of the engine that *call* makes."""
    arguments = arguments_of(module, call)
    url = argument(call, 0, "url") or arguments.given.get("url")
    target = target_of(module, url) if url is not None else UNKNOWN
    return Site(module, call, arguments, url, target)


def is_done(site: Site) -> bool:
    """Say whether the engine asks ``pool_options`` already."""
    unpacked = (one.value for one in site.call.keywords if one.arg is None)
    names = (site.module.qualified_name(v.func) for v in unpacked if isinstance(v, ast.Call))
    return any((name or "").endswith(".db_pool.pool_options") for name in names)
