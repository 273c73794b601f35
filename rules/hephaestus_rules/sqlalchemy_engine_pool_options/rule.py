"""sqlalchemy-engine-pool-options: size connection pools from what the server can give."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from packaging.version import Version

from hephaestus_codemods.project.layout import is_test
from hephaestus_codemods.rule import (
    Established,
    Finding,
    Option,
    Precondition,
    Refusal,
    Rule,
    Safety,
    Task,
    refuse,
)
from hephaestus_rules.sqlalchemy_engine_pool_options.aside import aside
from hephaestus_rules.sqlalchemy_engine_pool_options.deployment import Sizes, sizes_for
from hephaestus_rules.sqlalchemy_engine_pool_options.edits import guarded_change, plain_change
from hephaestus_rules.sqlalchemy_engine_pool_options.flask import URL, find_urls
from hephaestus_rules.sqlalchemy_engine_pool_options.guards import refusal_of
from hephaestus_rules.sqlalchemy_engine_pool_options.places import Place, place_of
from hephaestus_rules.sqlalchemy_engine_pool_options.processes import refusal_of_process
from hephaestus_rules.sqlalchemy_engine_pool_options.site import (
    CONFIG_FACTORIES,
    ENGINE_FACTORIES,
    Site,
    is_done,
    site_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.rule import Options, Scalar

#: The first SQLAlchemy that tests a connection before lending it.
PRE_PING: Final = Version("1.2")
OPTIONS: Final = (
    Option("pool-size", 10, "connections that a pool keeps open", minimum=1),
    Option("max-overflow", 10, "connections opened above that in a burst", minimum=0),
    Option("pool-timeout", 10, "seconds to wait for a connection before an error", minimum=1),
    Option("pool-recycle", 1800, "seconds after which a connection is replaced", minimum=1),
    Option("pool-pre-ping", True, "test a connection before lending it: one round trip each time"),
    Option("processes", 0, "processes that run at once; 0 means as the deployment says", minimum=0),
    Option(
        "max-connections", 0, "what the server allows; 0 means as the deployment says", minimum=0
    ),
)


def find(module: Module, options: Options) -> Iterator[Finding]:
    """Yield every call that makes an engine: with its pool settings, or why it gets none."""
    chosen = {option.name: options.get(option.name, option.default) for option in OPTIONS}
    for call in module.calls:
        name = module.qualified_name(call.func)
        if name in CONFIG_FACTORIES:
            yield _from_config(module, call)
        elif name in ENGINE_FACTORIES:
            site = site_of(module, call)
            if not is_done(site):
                yield _engine(site, chosen)
    yield from find_urls(module)


def _from_config(module: Module, call: ast.Call) -> Finding:
    reason = aside(module)
    if reason is not None:
        return refuse(call, "not-the-service", f"no request waits for this engine: {reason}")
    return refuse(
        call,
        "engine-from-config",
        "the engine's settings come from a configuration: add sqlalchemy.pool_size, "
        "sqlalchemy.max_overflow and sqlalchemy.pool_recycle there",
    )


def _engine(site: Site, options: Options) -> Finding:
    refusal = refusal_of(site)
    if refusal is not None:
        return _left(site, refusal)
    place = place_of(site.module, site.call)
    refusal = place.refusal or refusal_of_process(site.module)
    if refusal is not None:
        return _left(site, refusal)
    sizes = sizes_for(site.module.project, site.target.backends, options)
    if isinstance(sizes, Refusal):
        return _left(site, sizes)
    settings = _settings(site, sizes, options)
    change = plain_change(site, settings) if is_plain(site) else guarded_change(site, settings)
    if isinstance(change, Refusal):
        return _left(site, change)
    facts = (_dialect(site), _lifetime(place), _budget(site, sizes))
    message = f"bound the pool to {sizes.pool_size} + {sizes.max_overflow} connections"
    return Finding(site.call, message, Safety.SAFE, facts, lambda: change)


def _left(site: Site, refusal: Refusal) -> Finding:
    return refuse(site.call, refusal.code, refusal.message)


def _settings(site: Site, sizes: Sizes, options: Options) -> dict[str, Scalar]:
    """Return the settings in the order in which they are written."""
    wanted = {
        "pool_size": sizes.pool_size,
        "max_overflow": sizes.max_overflow,
        "pool_timeout": options["pool-timeout"],
        "pool_recycle": options["pool-recycle"],
        "pool_pre_ping": options["pool-pre-ping"],
    }
    floor = site.module.project.target.version_floor("sqlalchemy", site.module.path)
    if floor is not None and floor < PRE_PING:
        del wanted["pool_pre_ping"]
    return wanted


def is_plain(site: Site) -> bool:
    """Say whether the code alone decides that this is a server which accepts the keywords."""
    fixed = site.target.fixed and site.target.known and site.target.is_server
    return fixed and (is_written_there(site) or not _tests_use_sqlite(site.module.project))


def is_written_there(site: Site) -> bool:
    """Say whether the URL stands in the call itself, where no test can replace it."""
    return isinstance(site.url, ast.Constant | ast.JoinedStr | ast.BinOp)


def _tests_use_sqlite(project: Project) -> bool:
    tests = (path for path in project.layout.files if is_test(path))
    return any(b"sqlite" in (project.read(path) or b"") for path in tests)


def _dialect(site: Site) -> Precondition:
    name = "the database accepts pool settings"
    if is_plain(site):
        detail = f"the URL is always one of {min(site.target.backends)}"
    else:
        detail = "pool_options() asks the URL at run time, and gives SQLite nothing"
    return Precondition(name, Established.PROVED, detail)


def _lifetime(place: Place) -> Precondition:
    return Precondition("the engine lives as long as its process", Established.PROVED, place.how)


def _budget(site: Site, sizes: Sizes) -> Precondition:
    if site.target.known and site.target.is_server:
        return sizes.precondition()
    return replace(sizes, unknown=("the URL leads to a server", *sizes.unknown)).precondition()


RULE = Rule(
    __name__,
    summary="Size SQLAlchemy's connection pools from what the server can give",
    find=find,
    needles=((b"create_engine", b"create_async_engine", b"engine_from_config", URL.encode()),),
    tasks=(Task.API,),
    safety=Safety.REVIEW,
    options=OPTIONS,
)
