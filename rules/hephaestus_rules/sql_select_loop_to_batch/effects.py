"""What else happens in a loop: whether asking earlier, and once, can make a difference."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.queries import SESSIONS
from hephaestus_codemods.project.values import Class, Instance
from hephaestus_codemods.rule import Established, Precondition, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hephaestus_codemods.kit.loops import Loop
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sql_select_loop_to_batch.shapes import Shape

#: Methods of a session after which loaded objects are read again, or rows are others.
ENDING: Final = frozenset(
    {"commit", "rollback", "close", "expire", "expire_all", "expunge", "expunge_all", "refresh"}
    | {"begin", "begin_nested", "flush", "invalidate", "reset"}
)
ADDING: Final = frozenset({"add", "add_all", "delete", "merge"})
SLEEPS: Final = frozenset({"time.sleep", "asyncio.sleep"})
UNTOUCHED = Precondition(
    "nothing in the loop changes what is read", Established.PROVED, "no call there can write"
)


def obstacle_in(loop: Loop, parts: Iterable[ast.AST], shape: Shape) -> Refusal | Precondition:
    """Return why *shape* must be asked in each round, or the precondition that it need not.

    *parts* are what asks in the loop: they do not count.
    """
    module = loop.module
    own = {id(one) for part in parts for one in ast.walk(part)}
    adds: list[str] = []
    for node in loop.nodes():
        if id(node) in own:
            continue
        match node:
            case ast.Break() | ast.Return():
                return Refusal("early-exit", "the loop may end early: the rest is never asked for")
            case ast.Yield() | ast.YieldFrom():
                message = "the loop hands out items one by one: its reader may stop"
                return Refusal("generator", message)
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                refusal = _written(module, node, shape)
                if refusal is not None:
                    return refusal
            case ast.Call():
                found = _call(module, node, shape)
                if isinstance(found, Refusal):
                    return found
                if found is not None:
                    adds.append(found)
    if not adds:
        return UNTOUCHED
    return Precondition(
        "nothing in the loop changes what is read",
        Established.ASSUMED,
        f"{', '.join(dict.fromkeys(adds))}: objects of other tables are written, perhaps later",
    )


def _written(module: Module, node: ast.Attribute, shape: Shape) -> Refusal | None:
    columns = {one.column.attribute for one in shape.query.equals}
    if node.attr not in columns:
        return None
    owner = value(module, node.value)
    is_known = isinstance(owner, Instance) and isinstance(owner.of, Class)
    if is_known and _model_of(module, node.value) != shape.key.model.name:
        return None
    return Refusal("writes-key", f"the loop sets {node.attr}, by which rows are looked up")


def _call(module: Module, node: ast.Call, shape: Shape) -> Refusal | str | None:
    """Judge a call in the loop: a refusal, something to tell, or nothing."""
    if module.qualified_name(node.func) in SLEEPS:
        return Refusal("waits", "the loop waits between items, perhaps to spare the database")
    if isinstance(node.func, ast.Attribute) and module.kind(node.func.value) in SESSIONS:
        return _of_session(module, node, node.func.attr, shape)
    given = [*node.args, *(one.value for one in node.keywords)]
    if any(module.kind(one) in SESSIONS for one in given):
        name = ast.unparse(node.func)
        return Refusal("unknown-call", f"{name}() gets the session: what it does is not known")
    return None


def _of_session(module: Module, node: ast.Call, name: str, shape: Shape) -> Refusal | str | None:
    if name in ENDING:
        message = f"{name}() in the loop: later rounds have to read again"
        return Refusal("session-state", message)
    if name in ADDING:
        kind = [_model_of(module, one) for one in node.args]
        if len(kind) != 1 or kind[0] is None or kind[0] == shape.key.model.name:
            message = f"{name}() in the loop may change what later rounds find"
            return Refusal("writes-table", message)
        return f"{name}() of {kind[0].rpartition('.')[2]}"
    if name in ("execute", "scalars", "scalar", "exec") and not _is_select(module, node):
        return Refusal("writes-table", f"{name}() in the loop may change what later rounds find")
    return None


def _model_of(module: Module, node: ast.expr) -> str | None:
    found = value(module, node)
    if isinstance(found, Instance) and isinstance(found.of, Class):
        model = module.project.model(found.of.name, module.path)
        return model.name if model is not None else None
    return None


def _is_select(module: Module, node: ast.Call) -> bool:
    return bool(node.args) and kinds.SELECT in kinds.lineage(module.kind(node.args[0]) or "")
