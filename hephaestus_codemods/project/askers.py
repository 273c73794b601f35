"""Functions of the project that do nothing but ask one query and hand back its answer."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hephaestus_codemods.project.queries import query_of
from hephaestus_codemods.project.variables import held_by_one_read

if TYPE_CHECKING:
    from collections.abc import Callable

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.queries import Query

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Asker:
    """A function *node* of *module* whose body is *query*, asked and returned."""

    module: Module
    node: Definition
    query: Query

    @property
    def parameters(self) -> tuple[ast.arg, ...]:
        """All parameters that can be given one by one, in order."""
        args = self.node.args
        return (*args.posonlyargs, *args.args, *args.kwonlyargs)

    def mentions(self, node: ast.AST, name: str) -> bool:
        """Say whether *node* reads the parameter *name*."""
        return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))


def may_ask(module: Module, call: ast.Call) -> bool:
    """Say whether a function of the name that is called asks, as far as its text shows."""
    func = call.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", None)
    return name in module.project.asking_names or name in _other_names(module)


def _other_names(module: Module) -> frozenset[str]:
    """Return the names under which this file imports functions that ask."""
    if _other_names not in module.memo:
        module.memo[_other_names] = frozenset(
            alias.asname
            for node in module.nodes
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname and alias.name in module.project.asking_names
        )
    found: frozenset[str] = module.memo[_other_names]
    return found


def asker_of(
    module: Module,
    node: ast.AST,
    query_in: Callable[[Module, ast.expr], Query | None] = query_of,
) -> Asker | None:
    """Return what the function *node* asks; None when it does anything else.

    *query_in* finds the query in what is returned, where that may be more than its result.
    """
    if not isinstance(node, Definition) or node.decorator_list:
        return None
    if node.args.vararg or node.args.kwarg:
        return None
    body = [one for one in node.body if not _is_docstring(one)]
    if not body or not isinstance(body[-1], ast.Return) or body[-1].value is None:
        return None
    answer, held = body[-1].value, None
    if isinstance(answer, ast.Name):
        held = held_by_one_read(module, answer)
        if held is None:
            return None
        answer = held.value
    query = query_in(module, answer)
    if query is None or query.is_async is not isinstance(node, ast.AsyncFunctionDef):
        return None
    told = {id(one) for one in (body[-1], held, *query.steps) if one is not None}
    return Asker(module, node, query) if all(id(one) in told for one in body) else None


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
