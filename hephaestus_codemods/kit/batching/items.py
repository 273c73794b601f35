"""What a loop runs over, so that it can be run over twice."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.expressions import flat_text_of
from hephaestus_codemods.kit.loops import Loop, changed_in, is_readable
from hephaestus_codemods.kit.names import fresh_name, is_free
from hephaestus_codemods.kit.words import plural
from hephaestus_codemods.project import kinds
from hephaestus_codemods.project.callgraph import resolve
from hephaestus_codemods.project.classes import method
from hephaestus_codemods.project.effects import DATABASE, WAITING, EffectKind
from hephaestus_codemods.project.effects.summary import summary_of
from hephaestus_codemods.project.infer import value
from hephaestus_codemods.project.nodes import Function
from hephaestus_codemods.project.values import Class, Instance, is_instance
from hephaestus_codemods.rule import Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

#: Kinds of values that give the same items each time.
COLLECTIONS: Final = frozenset(
    {"builtins.list", "builtins.tuple", "builtins.set", "builtins.dict", "builtins.frozenset"}
    | {"typing.Sequence", "typing.List", "typing.Set", "typing.Tuple", "typing.Dict"}
    | {"typing.Collection", "typing.Mapping", "sqlalchemy.orm.Mapped"}
)
#: Functions that give the same items each time when their arguments do.
VIEWS: Final = frozenset({f"builtins.{name}" for name in ("enumerate", "zip", "range")})
#: Functions that give the items of their argument, perhaps in another order.
REARRANGING: Final = frozenset(
    f"builtins.{name}" for name in ("sorted", "reversed", "list", "tuple", "set", "frozenset")
)
MAPPING_VIEWS: Final = frozenset({"items", "values", "keys"})
#: What SQLAlchemy gives that is asked, or gone through, once.
FETCHED: Final = frozenset({kinds.QUERY, kinds.RESULT, kinds.SCALAR_RESULT})
STREAMS: Final = frozenset({"typing.IO", "io.StringIO", "csv.DictReader", "csv.reader"})
PORTIONS: Final = frozenset({"yield_per", "partitions", "stream", "iter_lines", "stream_results"})
#: Fewer keys than this are not worth a batch.
FEW: Final = 3


@dataclass(frozen=True)
class Items:
    """The text that gives the items; *setup* is a statement that has to stand before the loop.

    *node* is the expression of the items where it is another than that of the loop. With *renamed*
    the loop runs over the new variable. *known* says that it surely is a
    collection; *most* is how many items there are at the most, when the code says it.
    """

    text: str
    setup: str = ""
    renamed: bool = False
    node: ast.expr | None = None
    known: bool = True
    most: int | None = None


def items_of(loop: Loop) -> Items | Refusal:
    """Return how the items of *loop* are collected, or why they cannot be."""
    module, node = loop.module, loop.iterable
    changed = changed_in(loop, node)
    if changed is not None:
        message = f"the loop changes {ast.unparse(changed)} while it runs over it"
        return Refusal("items-change", message)
    if _is_streamed(module, node):
        return Refusal("streamed", "the items come in portions: they may not fit in memory at once")
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return _literal(module, node)
    if _does_more(module, node):
        message = "what gives the items does more than that, in between the rounds"
        return Refusal("streamed", message)
    inner = _rearranged(module, node)
    if inner is not node and _is_held(module, inner):
        return Items(module.source.segment(inner), node=inner)
    if _is_view(module, node) or _is_held(module, node):
        return Items(module.source.segment(node))
    if isinstance(node, ast.Call) and module.qualified_name(node.func) in (
        "itertools.count",
        "itertools.cycle",
        "builtins.iter",
    ):
        return Refusal("endless", "the items may never end")
    if isinstance(node, ast.Name) and _is_own(module, node):
        name = node.id
        return Items(name, f"{name} = list({name})", known=False)
    inside = _held_once(module, node)
    if inside is not None:
        text = module.source.segment(node)
        return Items(text, f"{inside} = list({inside})", known=False)
    wanted = _wanted(loop)
    name = wanted if is_free(module, wanted, loop.place) else f"all_{wanted}"
    name = fresh_name(module, name, loop.place)
    text = flat_text_of(module, node)
    if module.kind(node) == kinds.LIST:
        return Items(name, f"{name} = {text}", renamed=True)
    if FETCHED & set(kinds.lineage(module.kind(node) or "")) and not isinstance(node, ast.Name):
        wrapped = f"({text})" if isinstance(node, ast.Await) else text
        return Items(name, f"{name} = {wrapped}.all()", renamed=True)
    return Items(name, f"{name} = list({text})", renamed=True, known=False)


def _is_held(module: Module, node: ast.expr) -> bool:
    """Say whether *node* is a collection that is stored, and not made anew by a property."""
    if module.kind(node) not in COLLECTIONS or not is_readable(node):
        return False
    if not isinstance(node, ast.Attribute):
        return True
    owner = value(module, node.value)
    if not isinstance(owner, Instance) or not isinstance(owner.of, Class):
        return True
    return not method(owner.of, node.attr).functions


def _does_more(module: Module, node: ast.expr) -> bool:
    """Say whether a generator of the project reads, writes or waits while it gives items."""
    if not isinstance(node, ast.Call):
        return False
    made = value(module, node)
    if not is_instance(made, "typing.Generator", "typing.Iterator", "typing.Iterable"):
        return False
    functions = resolve(module, node).functions
    kinds_of_work = DATABASE | WAITING | {EffectKind.MUTATES}
    return any(summary_of(one).has(*kinds_of_work) for one in functions)


def _rearranged(module: Module, node: ast.expr) -> ast.expr:
    """Return the collection whose items *node* has, perhaps in another order."""
    while (
        isinstance(node, ast.Call)
        and len(node.args) == 1
        and module.qualified_name(node.func) in REARRANGING
    ):
        node = node.args[0]
    return node


def _literal(module: Module, node: ast.List | ast.Tuple | ast.Set) -> Items | Refusal:
    if len(node.elts) < FEW:
        return Refusal("few-keys", f"there are only {len(node.elts)} items")
    if not all(is_readable(one) for one in node.elts):
        return Refusal("computed-items", "the items are computed in the head of the loop")
    return Items(module.source.segment(node), most=len(node.elts))


def _is_view(module: Module, node: ast.expr) -> bool:
    """Say whether *node* looks at collections in a way that can be repeated."""
    if not isinstance(node, ast.Call) or node.keywords:
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr in MAPPING_VIEWS and not node.args:
        owner = node.func.value
        return module.kind(owner) in (None, *COLLECTIONS) and is_readable(owner)
    if module.qualified_name(node.func) not in VIEWS:
        return False
    return all(isinstance(one, ast.Constant) or _is_held(module, one) for one in node.args)


def _is_streamed(module: Module, node: ast.expr) -> bool:
    """Say whether the items are read bit by bit on purpose."""
    if module.kind(node) in STREAMS:
        return True
    names = (getattr(one, "attr", getattr(one, "arg", None)) for one in ast.walk(node))
    return any(name in PORTIONS for name in names)


def _held_once(module: Module, node: ast.expr) -> str | None:
    """Return the variable that ``enumerate`` looks at, if nobody reads it later."""
    if not isinstance(node, ast.Call) or node.keywords or len(node.args) != 1:
        return None
    given = node.args[0]
    if module.qualified_name(node.func) not in VIEWS | REARRANGING:
        return None
    return given.id if isinstance(given, ast.Name) and _is_own(module, given) else None


def _is_own(module: Module, node: ast.Name) -> bool:
    """Say whether *node* is a local variable that is not read after its loop."""
    found = module.scopes.lookup(node.id, node)
    if found is None or not isinstance(found[0], Function):
        return False
    if module.scopes.scope(node) is not found[0]:
        return False
    return not any(
        isinstance(one, ast.Name) and one.id == node.id and one.lineno > node.lineno
        for one in ast.walk(found[0])
    )


def _wanted(loop: Loop) -> str:
    if isinstance(loop.iterable, ast.Attribute):
        return loop.iterable.attr.lstrip("_") or "items"
    if isinstance(loop.target, ast.Name):
        return plural(loop.target.id.strip("_") or "item")
    return "items"
