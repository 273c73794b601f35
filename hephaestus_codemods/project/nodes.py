"""Walks CPython's trees several times faster than ``ast.walk``: only what can hold a name."""

from __future__ import annotations

import ast
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Scope = ast.Module | ast.ClassDef | Function | Comprehension

#: Fields whose values are no nodes, or shared marks such as ``Load()`` and ``Add()``.
LEAVES: Final = frozenset(
    "ctx op ops id attr name names asname module level arg conversion is_async simple "
    "type_ignores type_comment rest kwd_attrs str kind".split()
)
#: Classes whose fields are not in source order, or hold nodes under a name of LEAVES.
FIELDS: Final = {
    "Constant": (),
    "MatchSingleton": (),
    "Import": ("names",),
    "ImportFrom": ("names",),
    "TypeAlias": ("name", "type_params", "value"),
    "FunctionDef": ("decorator_list", "type_params", "args", "returns", "body"),
    "AsyncFunctionDef": ("decorator_list", "type_params", "args", "returns", "body"),
    "ClassDef": ("decorator_list", "type_params", "bases", "keywords", "body"),
    "IfExp": ("body", "test", "orelse"),
}


class _ChildFields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each class of nodes that can hold nodes, in source order."""

    def __missing__(self, node: type[ast.AST]) -> tuple[str, ...]:
        usual = tuple(field for field in node._fields if field not in LEAVES)
        found = self[node] = FIELDS.get(node.__name__, usual)
        return found


CHILD_FIELDS: Final = _ChildFields()


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly in *node*, without contexts and operators."""
    found: list[ast.AST] = []
    values = node.__dict__
    for field in CHILD_FIELDS[type(node)]:
        value = values.get(field)
        if value.__class__ is list:
            found.extend([one for one in value if one is not None])
        elif value is not None:
            found.append(value)
    return found


def walk(root: ast.AST) -> tuple[list[ast.AST], dict[ast.AST, ast.AST]]:
    """Return all nodes, parents before children and in source order, and the parent of each."""
    found: list[ast.AST] = []
    parents: dict[ast.AST, ast.AST] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        found.append(node)
        # The longest loop of a scan, so it makes no list of children.
        for field in reversed(CHILD_FIELDS[type(node)]):
            value = getattr(node, field, None)
            if value.__class__ is list:
                for one in reversed(value):
                    if one is not None:
                        parents[one] = node
                        stack.append(one)
            elif value is not None:
                parents[value] = node
                stack.append(value)
    return found, parents
