"""The processes that share a server's connections, and the sizes that this leaves for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Established, Precondition, Refusal
from hephaestus_rules.sqlalchemy_engine_pool_options.budget import (
    USUAL,
    Budget,
    default_connections,
)
from hephaestus_rules.sqlalchemy_engine_pool_options.guards import refusal_of
from hephaestus_rules.sqlalchemy_engine_pool_options.places import place_of
from hephaestus_rules.sqlalchemy_engine_pool_options.site import ENGINE_FACTORIES, site_of

if TYPE_CHECKING:
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.rule import Options

#: Engines that are refused for these reasons open no connection of the server, or keep none.
ASIDE_CODES = frozenset({"not-the-service", "sqlite", "sqlite-default"})


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one pool, with the budget that they come from.

    *unknown* names what nobody says: then the sizes are for a person to check.
    """

    budget: Budget
    pool_size: int
    max_overflow: int
    unknown: tuple[str, ...] = ()

    def precondition(self) -> Precondition:
        """Say that the server has as many connections as all processes may open."""
        detail = self.budget.explain(self.pool_size, self.max_overflow)
        if not self.unknown:
            return Precondition("connection budget", Established.PROVED, detail)
        detail = f"{detail}; assumed: {', '.join(self.unknown)}"
        return Precondition("connection budget", Established.ASSUMED, detail)


def sizes_for(project: Project, backends: frozenset[str], options: Options) -> Sizes | Refusal:
    """Return the sizes that fit the deployment of *project*, or the reason why none do.

    *backends* are the databases that the engine may lead to.
    """
    connections, allowed = _connections(project, backends, options)
    processes, unknown = _processes(project, options)
    unknown = (*unknown, *allowed)
    budget = Budget(connections, processes, engines_of(project))
    if allowed and not project.deployment.max_connections and budget.each < USUAL:
        return Refusal(
            "budget",
            f"if {allowed[0]}, {budget.shares()}, fewer than the {USUAL} of today: set "
            "max-connections to what the server allows",
        )
    if budget.is_too_small:
        return Refusal(
            "budget",
            f"of {connections} connections {budget.shares()}: put a pooler in front of the server",
        )
    wanted = int(options["pool-size"]), int(options["max-overflow"])
    return Sizes(budget, *budget.fit(*wanted), unknown)


def _connections(
    project: Project, backends: frozenset[str], options: Options
) -> tuple[int, tuple[str, ...]]:
    """Return how many connections the server allows, and what had to be assumed for that.

    A file of the repository may configure another server than the one of production.
    """
    told = int(options["max-connections"])
    if told:
        return told, ()
    found = min(project.deployment.max_connections, key=lambda one: one.value, default=None)
    if found is not None:
        return found.value, (f"max_connections is {found.value}, as {found.where} says",)
    usual, server = default_connections(backends)
    return usual, (f"max_connections is {usual}, {server}'s default",)


def _processes(project: Project, options: Options) -> tuple[int, tuple[str, ...]]:
    """Return how many processes run the application, and what had to be assumed for that."""
    told = int(options["processes"])
    if told:
        return told, ()
    found = project.deployment.processes
    if found is None:
        return 1, ("one process runs the application",)
    if not project.deployment.replicas:
        return found.value, (f"one replica of {found.where} runs",)
    return found.value, ()


def engines_of(project: Project) -> int:
    """Count the engines that one process of the service keeps."""
    count = 0
    for module in project.modules_with(b"create_engine", b"create_async_engine", tests=True):
        for call in module.calls:
            if module.qualified_name(call.func) in ENGINE_FACTORIES:
                site = site_of(module, call)
                refusal = refusal_of(site)
                if refusal is None or refusal.code not in ASIDE_CODES:
                    count += place_of(module, call).engines
    return max(count, 1)
