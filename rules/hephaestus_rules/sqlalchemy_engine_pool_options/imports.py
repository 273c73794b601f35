"""Which modules a module of the project imports, and which import it."""

from __future__ import annotations

import ast
import re
from collections import deque
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.names import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

MAX_MODULES: Final = 2000


def imported_names(module: Module) -> Iterator[str]:
    """Yield the dotted names of all that *module* imports, at any place."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(module, node)
            if source is not None:
                yield source
                yield from (f"{source}.{alias.name}" for alias in node.names)


def is_imported(module: Module) -> bool:
    """Say whether another file may import *module*: by its last name, so too often said yes."""
    project, last = module.project, module.name.rpartition(".")[2]
    word = re.compile(rb"\b%s\b" % last.encode())
    paths = (path for path, raw in project.sources() if path != module.path and word.search(raw))
    others = (found for path in paths if (found := project.readable(path)) is not None)
    return any(last in name.split(".") for other in others for name in imported_names(other))


def reaches(start: Module, goal: Module) -> bool:
    """Say whether importing *start* imports *goal*, directly or through other modules."""
    seen, todo = {start.path}, deque([start])
    while todo and len(seen) < MAX_MODULES:
        module = todo.popleft()
        if module.path == goal.path:
            return True
        for name in imported_names(module):
            found = module.project.module(name, near=module.path)
            if found is not None and found.path not in seen:
                seen.add(found.path)
                todo.append(found)
    return bool(todo)
