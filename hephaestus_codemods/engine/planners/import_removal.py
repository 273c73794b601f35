"""Imports that our own edit left without a use, and that nothing else can see."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.engine.planners.import_places import AnyImport, is_ours
from hephaestus_codemods.kit.bindings import Bindings, absolute, bound_name
from hephaestus_codemods.kit.layout import comment_above, line_start, line_stop
from hephaestus_codemods.kit.statements import delete_statement
from hephaestus_codemods.rule import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Names are reached by text there: nothing about uses can be proved.
DYNAMIC: Final = frozenset({"globals", "locals", "vars", "eval", "exec", "__import__"})


def removals(known: Bindings, orphaned: Iterable[str], taken: Sequence[Edit]) -> list[Edit]:
    """Return the deletions of the imports of *orphaned* that have no use; none meets *taken*."""
    if known.module.is_package or any(known.reads(name) for name in DYNAMIC):
        return []
    gone: dict[AnyImport, list[str]] = {}
    for name in orphaned:
        node = _removable(known, name)
        if node is not None:
            gone.setdefault(node, []).append(name)
    found = [edit for node, names in gone.items() for edit in _deletion(known, node, names)]
    return [one for one in found if not any(_meets(one, other) for other in taken)]


def _meets(one: Edit, other: Edit) -> bool:
    return one.start <= other.end and other.start <= one.end


def _removable(known: Bindings, name: str) -> AnyImport | None:
    """Return the import of *name* when it may go."""
    bound = known.top.get(name, ())
    module = known.module
    if len(bound) != 1 or not isinstance(bound[0].node, AnyImport) or known.reads(name):
        return None
    node = bound[0].node
    if node not in module.tree.body or not _is_plain(node, name) or _is_mentioned(known, name):
        return None
    source = absolute(module, node) if isinstance(node, ast.ImportFrom) else known.loads(bound[0])
    alone = len(node.names) == 1
    effects = alone and (source is None or is_ours(module, source.partition(".")[0]))
    return None if effects or source == "__future__" or _is_imported_from(known, name) else node


def _is_plain(node: AnyImport, name: str) -> bool:
    """Say whether the import is not the re-export idiom ``import x as x``."""
    return all(
        alias.asname != alias.name for alias in node.names if bound_name(node, alias) == name
    )


def _is_mentioned(known: Bindings, name: str) -> bool:
    """Say whether a string (``__all__``, an annotation) or a type comment may mean *name*."""
    module = known.module
    word = re.compile(rf"\b{re.escape(name)}\b")
    if any(word.search(line) for line in re.findall(r"#\s*type:[^\r\n]*", module.source.text)):
        return True
    strings = (
        node.value
        for node in module.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return any(word.search(text) and _is_code(text) for text in strings)


def _is_code(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_imported_from(known: Bindings, name: str) -> bool:
    """Say whether another file of the project mentions both this module and *name*."""
    module = known.module
    last = module.name.rpartition(".")[2].encode()
    word = re.compile(rb"\b" + re.escape(name.encode()) + rb"\b")
    for path in module.project.layout.files:
        raw = b"" if path == module.path else module.project.read(path) or b""
        if last in raw and word.search(raw):
            return True
    return False


def _deletion(known: Bindings, node: AnyImport, names: list[str]) -> list[Edit]:
    """Return the edits that take *names* out of *node*; none when a comment would go too."""
    source = known.module.source
    start, end = source.span(node)
    line = source.text[start : line_stop(source, end)]
    if "#" in line:
        return []
    kept = [alias for alias in node.names if bound_name(node, alias) not in names]
    if kept:
        return _shortened(known, node, names)
    above = comment_above(source, start)
    return (
        list(delete_statement(known.module, node) or ())
        if above == line_start(source, start)
        else []
    )


def _shortened(known: Bindings, node: AnyImport, names: list[str]) -> list[Edit]:
    """Take *names* out of the list of names, each with the comma that it no longer needs."""
    spans = [known.module.source.span(alias) for alias in node.names]
    gone = [bound_name(node, alias) in names for alias in node.names]
    last = max(number for number, one in enumerate(gone) if not one)
    edits = [
        Edit(spans[number][0], spans[number + 1][0], "") for number in range(last) if gone[number]
    ]
    tail = [Edit(spans[last][1], spans[-1][1], "")] if gone[-1] else []
    return edits + tail
