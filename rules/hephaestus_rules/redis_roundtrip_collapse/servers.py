"""Which commands the server of the target knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from hephaestus_codemods.rule import Established, Precondition

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module


def since(module: Module, version: str, command: str) -> Precondition:
    """Say how sure it is that the server has *command*, which came with Redis *version*."""
    name = f"the server knows {command} (Redis {version})"
    found = module.project.deployment.server_floor("redis", "valkey")
    if found is not None and found.value >= Version(version):
        return Precondition(name, Established.PROVED, f"{found.value} in {found.where}")
    return Precondition(name, Established.ASSUMED, "no file of the project says which server runs")
