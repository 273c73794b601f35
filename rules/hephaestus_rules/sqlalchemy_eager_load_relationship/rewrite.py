"""Adds loading options to a query, where a colleague would, and as formatters lay them out."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.bindings import absolute
from hephaestus_codemods.kit.breaking import broken, broken_inside
from hephaestus_codemods.kit.calls import add_arguments, add_keywords, keyword
from hephaestus_codemods.kit.expressions import comments_in, flat_text_of
from hephaestus_codemods.kit.layout import line_start, line_stop
from hephaestus_codemods.kit.lists import insert_item
from hephaestus_codemods.kit.names import name_for
from hephaestus_codemods.project.infer import global_value, value
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.project.values import Class
from hephaestus_codemods.project.variables import held_by_one_read
from hephaestus_codemods.rule import CannotEdit, Change, Edit, Import
from hephaestus_rules.sqlalchemy_eager_load_relationship.flow import names_of
from hephaestus_rules.sqlalchemy_eager_load_relationship.options import loaded_by

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sqlalchemy_eager_load_relationship.flow import Path, Step
    from hephaestus_rules.sqlalchemy_eager_load_relationship.objects import Objects

LOADER: Final = "selectinload"
#: Leads to a relationship that is loaded already, and leaves it as it is.
LEADING: Final = "defaultload"
KEYWORD: Final = re.compile(r"\w+=(?!=)")
#: Methods of a query that give a number, whatever its options.
NUMBERS: Final = frozenset({"count", "exists"})


@dataclass
class _Node:
    """What is loaded after *step*; *loader* is the option that does it."""

    step: Step
    loader: str
    inner: dict[str, _Node] = field(default_factory=dict)


def with_options(objects: Objects, paths: list[Path], eager: set[tuple[str, ...]]) -> Change:
    """Return the change after which the query loads *paths*; *eager* are loaded by it already."""
    return _Writer(objects, eager).change(paths)


class _Writer:
    """Writes the options, and the imports they need."""

    def __init__(self, objects: Objects, eager: set[tuple[str, ...]]) -> None:
        self.objects = objects
        self.module = objects.module
        self.eager = eager
        self.imports: set[Import] = set()
        self.edits: list[Edit] = []

    def change(self, paths: list[Path]) -> Change:
        """Return all edits."""
        new = [path for path in paths if not self.extends(path, paths)]
        roots: dict[str, _Node] = {}
        for path in new:
            self.grow(roots, path)
        texts = [self.option(one) for one in roots.values()]
        if texts:
            self.edits += self.added(texts)
        return Change(tuple(self.edits), tuple(sorted(self.imports)))

    # --- The options ---

    def grow(self, nodes: dict[str, _Node], path: Path) -> None:
        """Add *path* to the tree of *nodes*."""
        for end, step in enumerate(path, 1):
            is_there = step.relation.is_eager or names_of(path[:end]) in self.eager
            loader = LEADING if is_there else LOADER
            node = nodes.setdefault(step.relation.attribute, _Node(step, loader))
            nodes = node.inner

    def option(self, node: _Node) -> str:
        """Return the option that loads *node*."""
        return self.named(f"sqlalchemy.orm.{node.loader}") + self.loaded(node)

    def loaded(self, node: _Node, owner: str | None = None) -> str:
        """Return what follows the name of the loader of *node*."""
        text = f"({owner or self.entity(node.step)}.{node.step.relation.attribute})"
        return text + self.below(node)

    def below(self, node: _Node) -> str:
        """Return what follows the option for *node* to load what is inside."""
        inner = [*node.inner.values()]
        if not inner:
            return ""
        if len(inner) == 1:
            only = inner[0]
            return f".{only.loader}{self.loaded(only, self.named_class(only.step.owner))}"
        found = (
            self.named(f"sqlalchemy.orm.{one.loader}")
            + self.loaded(one, self.named_class(one.step.owner))
            for one in inner
        )
        return f".options({', '.join(found)})"

    def entity(self, step: Step) -> str:
        """Return how the query names the class that it reads."""
        nodes = [
            one.node
            for one in self.objects.entities
            if one is not None and one.cls.node is step.owner.node
        ]
        return self.module.source.segment(nodes[0])

    def named(self, qualified: str) -> str:
        """Return how *qualified* is written at the query."""
        found = name_for(self.module, qualified, self.objects.whole)
        if found is None:
            raise CannotEdit(f"{qualified} cannot be imported here")
        if found[1] is not None:
            self.imports.add(found[1])
        return found[0]

    def named_class(self, cls: Class) -> str:
        """Return how the mapped class *cls* is written at the query."""
        short = cls.node.name
        first = next(one for one in self.objects.entities if one is not None)
        around = self.module.source.segment(first.node).rpartition(".")[0]
        for text in filter(None, (f"{around}.{short}" if around else "", short)):
            if self.means(text, cls):
                return text
        source = self.source_of(cls)
        if source is None or cls.module is self.module:
            message = f"importing {short} here may close a circle of imports"
            raise CannotEdit(message)
        return self.named(f"{source}.{short}")

    def means(self, text: str, cls: Class) -> bool:
        """Say whether *text* at the query is the class *cls*."""
        node = ast.parse(text, mode="eval").body
        self.module.adopt(node, self.objects.whole)
        found = value(self.module, node)
        return isinstance(found, Class) and found.node is cls.node

    def source_of(self, cls: Class) -> str | None:
        """Return a module that is imported here already and has the class *cls*."""
        home = cls.module.name
        named = {
            node.module or ""
            for node in self.module.tree.body
            if isinstance(node, ast.ImportFrom) and not node.level
        }
        around = sorted((one for one in named if home.startswith(f"{one}.")), reverse=True)
        sources = [home, *around] if home in named else [*around, home]
        is_known = {
            one.name for one in imported_by(self.module) if self.module not in imported_by(one)
        }
        for name in sources:
            found = self.module.project.module(name, near=self.module.path)
            if found is None or found.name not in is_known:
                continue
            held = global_value(found, cls.node.name)
            if isinstance(held, Class) and held.node is cls.node:
                return found.name
        return None

    # --- Where they go ---

    def extends(self, path: Path, paths: list[Path]) -> bool:
        """Write *path* behind an option that loads its beginning, if there is one."""
        names = names_of(path)
        for option in self.objects.options:
            ways = [*loaded_by(option)]
            given = tuple(name for _, name in ways[0])
            if (
                len(ways) > 1
                or not given
                or given != names[: len(given)]
                or len(given) == len(names)
            ):
                continue
            others = [one for one in paths if names_of(one)[: len(given)] == given]
            if others[0] == path:
                nodes: dict[str, _Node] = {}
                for one in others:
                    self.grow(nodes, one)
                node = self.descend(nodes, given)
                end = self.module.source.span(option)[1]
                edit = Edit(end, end, self.below(node))
                self.edits.append(fitted(self.module, option, edit) or edit)
            return True
        return False

    def descend(self, nodes: dict[str, _Node], names: tuple[str, ...]) -> _Node:
        """Return the node that *names* lead to."""
        node = nodes[names[0]]
        for name in names[1:]:
            node = node.inner[name]
        return node

    def added(self, texts: list[str]) -> tuple[Edit, ...]:
        """Return the edits that give the query the options *texts*."""
        if self.objects.get is not None:
            return self.to_get(self.objects.get, texts)
        given = next((one.call for one in self.objects.links if one.name == "options"), None)
        if given is not None and given.args:
            return self.argued(given, texts)
        place = self.place()
        if comments_in(self.module, *self.module.source.span(place)):
            raise CannotEdit("a comment stands inside the query")
        return tuple(appended(self.module, place, texts))

    def to_get(self, call: ast.Call, texts: list[str]) -> tuple[Edit, ...]:
        """Return the edits that give ``session.get`` the options *texts*."""
        given = keyword(call, "options")
        if given is None:
            return self.argued(call, [f"options=[{', '.join(texts)}]"])
        if not isinstance(given, ast.List):
            raise CannotEdit("the options are given as something else than a list")
        edits: list[Edit] = []
        for text in texts:
            edits += self.needed(insert_item(self.module, given, text, len(given.elts)))
        return tuple(edits)

    def argued(self, call: ast.Call, texts: list[str]) -> tuple[Edit, ...]:
        """Return the edits that give *call* the arguments *texts*."""
        source = self.module.source
        if "\n" not in source.segment(call):
            end = source.span([*call.args, *call.keywords][-1])[1]
            new = "".join(f", {text}" for text in texts)
            found = fitted(self.module, call, Edit(end, end, new))
            if found is not None:
                return (found,)
        named = dict(text.split("=", 1) for text in texts if KEYWORD.match(text))
        return self.needed(
            add_keywords(self.module, call, named)
            if named
            else add_arguments(self.module, call, texts)
        )

    def needed(self, edits: tuple[Edit, ...] | None) -> tuple[Edit, ...]:
        """Return *edits*; say that there are none."""
        if edits is None:
            raise CannotEdit("how the options are laid out is not understood")
        return edits

    def place(self) -> ast.expr:
        """Return the expression behind which the options go: where the query is written out.

        A query that grows in a variable gets them where it starts, if it is used for nothing else.
        """
        node = self.objects.statement
        while isinstance(node, ast.Name):
            held = held_by_one_read(self.module, node)
            if held is None:
                return self.start_of(node)
            node = held.value
        return node

    def start_of(self, node: ast.Name) -> ast.expr:
        """Return the assignment's value that starts the query in the variable *node*."""
        grown = [one for one in self.objects.grown if one.name == node.id]
        starts = [
            one.value for one in grown if one.value is not None and not _reads(one.value, node.id)
        ]
        found = self.module.scopes.lookup(node.id, node)
        scope = found[0] if found is not None else self.module.tree
        others = [
            one
            for one in ast.walk(scope)
            if isinstance(one, ast.Name) and one.id == node.id and isinstance(one.ctx, ast.Load)
            if one is not node and not self.is_growing(one) and not self.is_number(one)
        ]
        is_simple = len(starts) == 1 and isinstance(starts[0], ast.Call | ast.Attribute)
        return starts[0] if is_simple and not others else node

    def is_growing(self, node: ast.Name) -> bool:
        """Say whether *node* is read to make the query grow."""
        statement = self.module.statement(node)
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            return isinstance(target, ast.Name) and target.id == node.id
        return False

    def is_number(self, node: ast.Name) -> bool:
        """Say whether the query *node* is only counted."""
        parent = self.module.parents.get(node)
        return isinstance(parent, ast.Attribute) and parent.attr in NUMBERS


def _reads(node: ast.expr, name: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))


def imported_by(module: Module) -> list[Module]:
    """Return the modules of the project that are imported when *module* is."""
    found: dict[str, Module] = {}
    todo = [module]
    while todo:
        for one in _imports(todo.pop()):
            if one.path not in found and one is not module:
                found[one.path] = one
                todo.append(one)
    return [*found.values()]


def _imports(module: Module) -> list[Module]:
    found: list[Module] = []
    for node in module.tree.body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            names = [base, *(f"{base}.{one.name}" for one in node.names)] if base else []
        for name in names:
            source = module.project.module(name, near=module.path)
            if source is not None:
                found.append(source)
    return found


# --- Layout ---


def line_length_of(module: Module) -> int:
    """Return how long the lines of *module* may be."""
    return line_length(module.project, module.path)


def appended(module: Module, place: ast.expr, texts: list[str]) -> list[Edit]:
    """Return the edits that call ``.options(…)`` behind the expression *place*."""
    source = module.source
    end = source.span(place)[1]
    text = f".options({', '.join(texts)})"
    lead = _lead(module, place)
    if lead:
        width = line_length_of(module)
        column = len(lead.rpartition("\n")[2].expandtabs(4))
        return [Edit(end, end, lead + _indented(broken_inside(text, column, width), lead))]
    edit = Edit(end, end, text)
    laid_out = fitted(module, place, edit)
    if laid_out is None and _fits(module, edit):
        laid_out = edit
    return [laid_out or Edit(end, end, _hanging(module, end, texts))]


def _fits(module: Module, edit: Edit) -> bool:
    """Say whether the line of *edit*, an insertion, does not get too long by it."""
    source = module.source
    length = line_stop(source, edit.start) - line_start(source, edit.start)
    return length + len(edit.text) <= line_length_of(module)


def fitted(module: Module, place: ast.expr, edit: Edit) -> Edit | None:
    """Return *edit*, an insertion, or the whole expression around *place* laid out with it.

    None where the line gets too long, and the expression is not laid out now as we would do it.
    """
    width = line_length_of(module)
    if _fits(module, edit) and not _closes(module, place):
        return edit
    for unit in (_Unit.around(module, place, width), _Unit.alone(module, place, width)):
        found = unit.with_edit(place, edit) if unit is not None else None
        if found is not None:
            return found
    return None


def _closes(module: Module, place: ast.expr) -> bool:
    """Say whether *place* ends on a line that only closes brackets: a call there looks odd."""
    source = module.source
    start, end = source.span(place)
    line = source.text[line_start(source, end) : end]
    return "\n" in source.text[start:end] and line.lstrip()[:1] in (")", "]", "}")


@dataclass(frozen=True)
class _Unit:
    """An expression that formatters lay out as a whole: the right side of a statement.

    *used* is what stands before it on its first line, *tail* behind it. *inside* says that it
    stands on lines of its own inside brackets.
    """

    module: Module
    node: ast.expr
    used: int
    tail: int
    inside: bool
    width: int

    @classmethod
    def around(cls, module: Module, place: ast.expr, width: int) -> _Unit | None:
        """Return the unit that *place* stands in."""
        source, statement = module.source, module.statement(place)
        node, tail = _right_side(statement)
        if node is None or place not in ast.walk(node):
            return None
        first, start = source.span(statement)[0], source.span(node)[0]
        before = source.text[first:start]
        if "\n" not in before and not before.endswith("("):
            return cls(module, node, len(before), tail, inside=False, width=width)
        if re.fullmatch(r"[^\n]*\([ \t]*\r?\n[ \t]*", before):
            return cls(module, node, 0, 0, inside=True, width=width)
        return None

    @classmethod
    def alone(cls, module: Module, place: ast.expr, width: int) -> _Unit | None:
        """Return the expression around *place* that has a line inside brackets for itself."""
        source = module.source
        end = source.span(place)[1]
        first, last = line_start(source, end), line_stop(source, end)
        line = source.text[first:last]
        comma = line.rstrip().endswith(",")
        for one in (place, *module.ancestors(place)):
            if not isinstance(one, ast.expr):
                return None
            if source.segment(one) == line.strip().removesuffix(","):
                return cls(module, one, 0, int(comma), inside=True, width=width)
        return None

    def with_edit(self, place: ast.expr, edit: Edit) -> Edit | None:
        """Return the unit laid out with *edit*, an insertion into *place*.

        None unless it is laid out now as we would do it.
        """
        module, source = self.module, self.module.source
        start, end = source.span(self.node)
        now = source.text[start:end]
        if "\n" not in now:
            at = edit.start - start
            return Edit(start, end, self.written(now[:at] + edit.text + now[at:]))
        try:
            old, inner = flat_text_of(module, self.node), flat_text_of(module, place)
        except CannotEdit:
            return None
        if old.count(inner) != 1 or now != self.written(old):
            return None
        at = len(inner) - len(source.text[edit.start : source.span(place)[1]])
        new = inner[:at] + edit.text + inner[at:]
        return Edit(start, end, self.written(old.replace(inner, new)))

    def written(self, text: str) -> str:
        """Return how the unit is laid out when it reads *text*."""
        source = self.module.source
        start = source.span(self.node)[0]
        column = len(source.indent(start).expandtabs(4))
        if self.inside:
            found = broken_inside(text, column, self.width, self.tail)
        else:
            found = broken(text, column, self.used, self.width, self.tail)
        return found.replace("\n", source.newline(start) + source.indent(start))


def _lead(module: Module, place: ast.expr) -> str:
    """Return the line break that stands before the calls of the chain, if there is one."""
    source = module.source
    around = module.parents.get(place)
    inner = place.func if isinstance(place, ast.Call) else None
    for owner, dotted in ((place, around), (getattr(inner, "value", None), inner)):
        if owner is None or not isinstance(dotted, ast.Attribute) or dotted.value is not owner:
            continue
        gap = source.text[source.span(owner)[1] : source.span(dotted)[1]].rpartition(".")[0]
        if "\n" in gap and "#" not in gap:
            return gap
    return ""


def _indented(text: str, lead: str) -> str:
    newline = lead[: len(lead) - len(lead.rpartition("\n")[2])]
    pad = lead.rpartition("\n")[2]
    eol = "\r\n" if "\r\n" in newline else "\n"
    return text.replace("\n", eol + pad)


def _hanging(module: Module, end: int, texts: list[str]) -> str:
    """Return the call with each option on a line of its own."""
    source = module.source
    outer = source.newline(end) + source.indent(end)
    return f".options({outer}    " + f",{outer}    ".join(texts) + f",{outer})"


def _right_side(statement: ast.stmt) -> tuple[ast.expr | None, int]:
    """Return the expression of *statement* that may be put on several lines, and what follows."""
    match statement:
        case (
            ast.Assign(value=value_)
            | ast.Return(value=ast.expr() as value_)
            | ast.Expr(value=value_)
        ):
            return value_, 0
        case ast.AnnAssign(value=ast.expr() as value_):
            return value_, 0
        case ast.For(iter=value_):
            return value_, 1
    return None, 0
