"""Where in a file an import goes, and how it is written there."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from hephaestus_codemods.kit.bindings import Bindings, absolute
from hephaestus_codemods.kit.layout import (
    after_line,
    comment_above,
    is_blank_line,
    line_start,
    line_stop,
    lines_of,
    start_of,
)
from hephaestus_codemods.project.roots import import_roots, root_of_imports
from hephaestus_codemods.project.scopes import Definition
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import Edit, Import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hephaestus_codemods.project.module import Module

AnyImport = ast.Import | ast.ImportFrom
Key = tuple[int, str]
#: Comments at the top of a file that belong to the file and not to the statement below them.
FILE_COMMENT = re.compile(
    r"#!|#.*(coding[:=]|copyright|licen[cs]e|spdx|-\*-|vim?:)"
    r"|#\s*(type|mypy|ruff|flake8|pylint|isort|fmt|pyright|hcodemod|noqa)\b",
    re.IGNORECASE,
)
STDLIB, THIRD, FIRST, LOCAL = range(4)


@dataclass(frozen=True, slots=True)
class Line:
    """A new import statement: its *text* goes to *at*, between *lead* and *tail*."""

    at: int
    section: int
    text: str
    lead: str
    tail: str


@dataclass(frozen=True, slots=True)
class New:
    """A new import statement, and what decides about its place: section and module."""

    section: int
    source: str
    text: str


def bound_by(new: Import) -> str:
    """Return the name that *new* binds."""
    return new.alias or new.name or new.module.partition(".")[0]


def target_of(new: Import) -> str:
    """Return what that name means, as a dotted name."""
    if new.name is not None:
        return f"{new.module}.{new.name}"
    return new.module if new.alias else new.module.partition(".")[0]


def additions(known: Bindings, missing: Sequence[Import]) -> tuple[Edit, ...]:
    """Return the insertions that bind all of *missing*, each before its first use."""
    edits: list[Edit] = []
    lines: list[Line] = []
    for source, group in groupby(missing, key=lambda one: one.module):
        news = list(group)
        limit = min(first_use(known, bound_by(one)) for one in news)
        node = _sibling(known.module, source, limit)
        single = node is not None and _is_one_a_line(known.module, source)
        extended = _extended(known.module, node, news) if node and not single else None
        if extended is not None:
            edits += extended
        else:
            lines += _lines(known, news, limit, single=single)
    return (*edits, *_joined(known.module, lines))


def first_use(known: Bindings, name: str) -> int:
    """Return the number of the first top-level statement that reads the global *name*."""
    module = known.module
    using = {[one, *module.ancestors(one)][-2] for one in known.free_reads(name)}
    body = module.tree.body
    return next((number for number, one in enumerate(body) if one in using), len(body))


# --- Into an import of the same module ---


def _sibling(module: Module, source: str, limit: int) -> ast.ImportFrom | None:
    """Return the last unconditional ``from source import …`` above statement *limit*."""
    for node in reversed(module.tree.body[:limit]):
        if (
            isinstance(node, ast.ImportFrom)
            and node.names[0].name != "*"
            and absolute(module, node) == source != "__future__"
        ):
            return node
    return None


def _is_one_a_line(module: Module, source: str) -> bool:
    """Say whether the file imports several names of *source*, each with a line of its own."""
    found = [
        node
        for node in module.tree.body
        if isinstance(node, ast.ImportFrom) and absolute(module, node) == source
    ]
    return len(found) > 1 and all(len(one.names) == 1 for one in found)


def _extended(module: Module, node: ast.ImportFrom, news: list[Import]) -> list[Edit] | None:
    """Return the insertions that add *news* to *node*, or None when it should stay as it is."""
    aliased = any(one.asname for one in node.names)
    one_each = _is_one_each(module, node)
    if any(one.name is None or (one.alias and not aliased and not one_each) for one in news):
        return None
    order = _order_of([one.name for one in node.names])
    placed: dict[int, list[str]] = {}
    for new in sorted(news, key=lambda one: (order or _plain)(one.name or "")):
        index = _index(node, new, order)
        placed.setdefault(index, []).append(_item(new))
    write = _own_line if one_each else _in_line
    if not one_each and not _fits(module, node, placed):
        return _one_each(module, node, placed)
    return [edit for at, items in placed.items() for edit in write(module, node, at, items)]


def _item(new: Import) -> str:
    return f"{new.name} as {new.alias}" if new.alias else str(new.name)


def _index(node: ast.ImportFrom, new: Import, order: Callable[[str], Key] | None) -> int:
    """Return the number of the alias before which *new* goes."""
    if order is None:
        return len(node.names)
    key = order(str(new.name))
    later = (n for n, one in enumerate(node.names) if order(one.name) > key)
    return next(later, len(node.names))


def _order_of(names: Sequence[str]) -> Callable[[str], Key] | None:
    """Return the order in which *names* stand, or None."""
    for order in (_isort, _folded, _plain):
        keys = [order(name) for name in names]
        if all(one <= other for one, other in pairwise(keys)):
            return order
    return None


def _plain(name: str) -> Key:
    return 0, name


def _folded(name: str) -> Key:
    return 0, name.casefold()


def _isort(name: str) -> tuple[int, str]:
    """Order names as isort and ruff do: constants, classes, then the rest."""
    if name.isupper() and len(name) > 1:
        return 0, name.casefold()
    return (1 if name[:1].isupper() else 2), name.casefold()


def _is_one_each(module: Module, node: ast.ImportFrom) -> bool:
    """Say whether each name of a parenthesised import has a line of its own."""
    lines = [one.lineno for one in node.names]
    closing = module.source.text[: module.source.span(node)[1]].rstrip()[-1:] == ")"
    last_end = module.source.span(node.names[-1])[1]
    own_close = line_stop(module.source, last_end) < module.source.span(node)[1]
    return closing and own_close and node.lineno < lines[0] and len({*lines}) == len(lines)


def _one_each(
    module: Module, node: ast.ImportFrom, placed: dict[int, list[str]]
) -> list[Edit] | None:
    """Return the edit that gives each name of a line that is full a line of its own.

    None when more than that stands on the line: brackets, comments, another statement.
    """
    source = module.source
    first, last = source.span(node.names[0])[0], source.span(node.names[-1])[1]
    start, end = source.span(node)
    stop = line_stop(source, start)
    if last != end or source.text[end:stop].strip() or source.text[first - 1] != " ":
        return None
    items: list[str] = []
    for number, one in enumerate(node.names):
        items += [*placed.get(number, ()), source.segment(one)]
    items += placed.get(len(node.names), ())
    eol = source.newline(start)
    return [Edit(first, last, f"({eol}" + "".join(f"    {one},{eol}" for one in items) + ")")]


def _own_line(module: Module, node: ast.ImportFrom, at: int, items: list[str]) -> list[Edit]:
    source = module.source
    first = source.span(node.names[0])[0]
    indent, eol = source.indent(first), source.newline(first)
    if at < len(node.names):
        place = comment_above(source, source.span(node.names[at])[0])
        return [Edit(place, place, "".join(f"{indent}{item},{eol}" for item in items))]
    last = source.span(node.names[-1])[1]
    rest = re.sub(r"#[^\r\n]*", "", source.text[last : source.span(node)[1]])
    comma = "," in rest
    place = after_line(source, last)
    text = f",{eol}".join(indent + item for item in items) + ("," if comma else "") + eol
    return [*([] if comma else [Edit(last, last, ",")]), Edit(place, place, text)]


def _in_line(module: Module, node: ast.ImportFrom, at: int, items: list[str]) -> list[Edit]:
    if at < len(node.names):
        place = module.source.span(node.names[at])[0]
        return [Edit(place, place, "".join(f"{item}, " for item in items))]
    place = module.source.span(node.names[-1])[1]
    return [Edit(place, place, "".join(f", {item}" for item in items))]


def _fits(module: Module, node: ast.ImportFrom, placed: dict[int, list[str]]) -> bool:
    """Say whether no line becomes too long."""
    width = line_length(module.project, module.path)
    for at, items in placed.items():
        one = module.source.span(node.names[min(at, len(node.names) - 1)])[0]
        length = line_stop(module.source, one) - line_start(module.source, one)
        if length + sum(len(item) + 2 for item in items) > width:
            return False
    return True


# --- On a line of its own ---


def _lines(known: Bindings, news: list[Import], limit: int, *, single: bool) -> list[Line]:
    """Return the new lines for *news*, all from one module, above statement *limit*.

    With *single* each name gets one of its own.
    """
    module = known.module
    source = _as_written(module, news[0])
    section = _section(module, source)
    width = line_length(module.project, module.path)
    parts = [[one] for one in news] if single else [news]
    eol = module.source.newline(0)
    statements = [text for part in parts for text in _statements(source, part, eol, width)]
    return [_placed(module, New(section, source, text), limit) for text in statements]


def _statements(source: str, news: list[Import], eol: str, width: int) -> list[str]:
    found = [
        f"import {source}" + (f" as {one.alias}" if one.alias else "")
        for one in news
        if one.name is None
    ]
    plain = sorted((_item(one) for one in news if one.name and not one.alias), key=_isort)
    if plain:
        text = f"from {source} import {', '.join(plain)}"
        broken = f"from {source} import ({eol}" + "".join(f"    {one},{eol}" for one in plain) + ")"
        found.append(text if len(text) <= width or len(plain) == 1 else broken)
    return found + [f"from {source} import {_item(one)}" for one in news if one.name and one.alias]


def _as_written(module: Module, new: Import) -> str:
    """Return the module of *new*, relative when that is how this file imports its own package."""
    if new.name is None or not _writes_relative(module):
        return new.module
    package = module.name.split(".")[: None if module.is_package else -1]
    parts = new.module.split(".")
    common = 0
    while common < min(len(package), len(parts)) and package[common] == parts[common]:
        common += 1
    if not common:
        return new.module
    return "." * (len(package) - common + 1) + ".".join(parts[common:])


def _writes_relative(module: Module) -> bool:
    froms = [node for node in module.tree.body if isinstance(node, ast.ImportFrom)]
    top = module.name.partition(".")[0]
    own = [one for one in froms if not one.level and (one.module or "").partition(".")[0] == top]
    if any(one.level for one in froms):
        return not own
    # Under two names only a relative import finds the same package.
    roots = import_roots(module.project, module.path)
    return len(roots) > 1 and root_of_imports(module.project, module.path) is None


def _section(module: Module, source: str) -> int:
    if source.startswith("."):
        return LOCAL
    top = source.partition(".")[0]
    if top in sys.stdlib_module_names:
        return STDLIB
    return FIRST if is_ours(module, top) else THIRD


def is_ours(module: Module, top: str) -> bool:
    """Say whether the top-level package or module *top* is part of the project."""
    if top == module.name.partition(".")[0]:
        return True
    layout = module.project.layout
    root = layout.root(module.path)
    inside = f"{root}/{top}" if root else top
    return f"{inside}.py" in layout.files or inside in layout.folders


def _source_of(node: AnyImport) -> str:
    if isinstance(node, ast.ImportFrom):
        return "." * node.level + (node.module or "")
    return node.names[0].name


def _placed(module: Module, new: New, limit: int) -> Line:
    found = _imports(module, limit)
    own = [node for node in found if _section(module, _source_of(node)) == new.section]
    if own:
        return _among(module, new, own, limit)
    above = [node for node in found if _section(module, _source_of(node)) < new.section]
    if above:
        return _below(module, new, above[-1], limit, apart=_separated(module, found))
    if found:
        return _above(module, new, found[0], apart=_separated(module, found))
    return _at_top(module, new, limit)


def _imports(module: Module, limit: int) -> list[AnyImport]:
    """Return the unconditional imports above *limit*, of those the ones above any definition."""
    body = module.tree.body[:limit]
    defs = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    first = next((n for n, one in enumerate(body) if isinstance(one, defs)), len(body))
    found = [
        one
        for one in body
        if isinstance(one, AnyImport) and getattr(one, "module", None) != "__future__"
    ]
    early = [one for one in found if one in body[:first]]
    return early or found


def _among(module: Module, new: New, own: list[AnyImport], limit: int) -> Line:
    """Put the line among imports of its section: beside its family, in order if they have one."""
    top = new.source.lstrip(".").partition(".")[0]
    family = [node for node in own if _source_of(node).lstrip(".").partition(".")[0] == top]
    pool = family if family and new.section != LOCAL else _last_run(module, own)
    key = (new.text.startswith("from"), new.source.casefold())
    for order in (lambda k: k, lambda k: (k[1], k[0])):
        keys = [
            order((isinstance(one, ast.ImportFrom), _source_of(one).casefold())) for one in pool
        ]
        if keys == sorted(keys):
            before = [node for node, one in zip(pool, keys, strict=True) if one <= order(key)]
            if not before:
                return _above(module, new, pool[0], apart=False)
            return _below(module, new, before[-1], limit, apart=False)
    return _below(module, new, pool[-1], limit, apart=False)


def _last_run(module: Module, own: list[AnyImport]) -> list[AnyImport]:
    """Return the last of *own* between which nothing but imports stands.

    What runs between imports (``load_dotenv()``, ``patch_all()``) runs before the new one too.
    """
    body = module.tree.body
    start = 0
    for number, (one, other) in enumerate(pairwise(own), 1):
        between = body[body.index(one) + 1 : body.index(other)]
        if not all(isinstance(node, AnyImport | ast.If | ast.Try) for node in between):
            start = number
    return own[start:]


def _separated(module: Module, found: list[AnyImport]) -> bool:
    """Say whether the author puts blank lines between sections (or has only one of them)."""
    for one, other in pairwise(found):
        if _section(module, _source_of(one)) != _section(module, _source_of(other)):
            between = module.source.text[
                module.source.span(one)[1] : start_of(module.source, other)
            ]
            return len(re.findall(r"\r\n|\n|\r", between)) > 1
    return True


def _below(module: Module, new: New, node: ast.stmt, limit: int, *, apart: bool) -> Line:
    source, body = module.source, module.tree.body
    lines = lines_of(source, node, body)
    eol = source.newline(lines.start)
    if limit < len(body) and source.span(body[limit])[0] < lines.end:
        stop = source.span(node)[1]
        return Line(stop, new.section, new.text, "; ", "")
    if not lines.closed:
        return Line(lines.end, new.section, new.text, eol * (1 + apart), "")
    more = apart and lines.end < len(source.text) and not is_blank_line(source, lines.end)
    return Line(lines.end, new.section, new.text, eol * apart, eol * (1 + more))


def _above(module: Module, new: New, node: ast.stmt, *, apart: bool) -> Line:
    source = module.source
    lines = lines_of(source, node, module.tree.body)
    eol = source.newline(lines.start)
    if lines.shared and node is not module.tree.body[0]:
        start = start_of(source, node)
        return Line(start, new.section, new.text, "", "; ")
    top = comment_above(source, lines.start)
    return Line(top or lines.start, new.section, new.text, "", eol * (1 + apart))


def _at_top(module: Module, new: New, limit: int) -> Line:
    """Put the line below docstring, ``__future__`` imports and the comments of the file."""
    body = module.tree.body
    head = [node for node in body[:limit] if _is_future(node)]
    if head:
        return _below(module, new, head[-1], limit, apart=True)
    if body and ast.get_docstring(module.tree, clean=False) is not None:
        return _below(module, new, body[0], limit, apart=True)
    at = _after_file_comments(module)
    source = module.source
    eol = source.newline(at)
    open_end = bool(at) and source.text[at - 1] not in "\r\n"
    more = 0
    if at < len(source.text) and not is_blank_line(source, at):
        # A definition stands apart from what is above it.
        more = 2 if body and isinstance(body[0], Definition) else 1
    return Line(at, new.section, new.text, eol * open_end, "" if open_end else eol * (1 + more))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level


def _after_file_comments(module: Module) -> int:
    """Return where code may start in a file without docstring."""
    source = module.source
    stop = start_of(source, module.tree.body[0]) if module.tree.body else len(source.text)
    starts = [at for at in source.line_starts if at < stop]
    lines = [source.text[at : line_stop(source, at)].strip() for at in starts]
    count = next((n for n, line in enumerate(lines) if line[:1] != "#"), len(lines))
    if count < len(lines) and not lines[count]:
        return after_line(source, starts[count])
    if not module.tree.body:
        return len(source.text)
    ours = [n for n, line in enumerate(lines[:count]) if FILE_COMMENT.match(line)]
    return after_line(source, starts[ours[-1]]) if ours else 0


def _joined(module: Module, lines: Iterable[Line]) -> list[Edit]:
    """Merge lines that go to one place: two insertions at one point have no order."""
    edits = []
    for at, group in groupby(sorted(lines, key=lambda one: one.at), key=lambda one: one.at):
        found = sorted(group, key=lambda one: (one.section, one.text.startswith("from"), one.text))
        edits.append(Edit(at, at, _text(module.source.newline(at), found)))
    return edits


def _text(eol: str, lines: list[Line]) -> str:
    if lines[0].lead == "; " or lines[0].tail == "; ":
        return lines[0].lead + "; ".join(one.text for one in lines) + lines[0].tail
    text = lines[0].lead + lines[0].text
    for one, other in pairwise(lines):
        apart = one.section != other.section
        text += eol * (1 + apart) + other.text
    return text + max((one.tail for one in lines), key=len)
