"""Which commands the server and the client library of the target know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packaging.version import Version

from hephaestus_codemods.project.kinds import AIOREDIS, ASYNC_REDIS, ASYNC_REDIS_CLUSTER
from hephaestus_codemods.rule import Established, Precondition, Refusal

if TYPE_CHECKING:
    import ast

    from hephaestus_codemods.project.module import Module

#: redis-py has getex and getdel since then.
CLIENT: Final = Version("4.0")
SERVER: Final = Version("6.2")


def knows(module: Module, client: ast.expr, command: str) -> Precondition | Refusal:
    """Say how sure it is that server and library have GETEX and GETDEL (Redis 6.2)."""
    server = module.project.deployment.server_floor("redis", "valkey")
    library = module.project.target.version_floor("redis", module.path)
    kind = module.kind(client)
    if kind == AIOREDIS or (library is not None and library < CLIENT):
        return Refusal("client-too-old", f"{command.lower()} needs redis-py 4.0 or newer")
    if server is not None and server.value < SERVER:
        message = f"{server.where} runs Redis {server.value}; {command} came with 6.2"
        return Refusal("server-too-old", message)
    name = f"the server knows {command} (Redis 6.2), and the library too (redis-py 4.0)"
    unknown = [] if server is not None else ["no file of the project says which server runs"]
    if library is None and kind not in (ASYNC_REDIS, ASYNC_REDIS_CLUSTER):
        unknown.append("no manifest says which redis-py")
    if unknown:
        return Precondition(name, Established.ASSUMED, "; ".join(unknown))
    assert server is not None
    return Precondition(name, Established.PROVED, f"{server.value} in {server.where}")


def library_refusal(module: Module, client: ast.expr) -> Refusal | None:
    """Refuse the client of aioredis unless it surely is version 2, which speaks as redis-py."""
    if module.kind(client) != AIOREDIS:
        return None
    floor = module.project.target.version_floor("aioredis", module.path)
    if floor is not None and floor >= Version("2"):
        return None
    return Refusal("aioredis-1", "aioredis 1 has other arguments, and no manifest asks for 2")
