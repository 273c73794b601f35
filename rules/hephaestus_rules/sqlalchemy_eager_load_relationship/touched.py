"""Which relationships a loop touches: always, sometimes, or in a way that forbids loading them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.loops import MUTATORS
from hephaestus_codemods.project.infer import class_named, global_value
from hephaestus_codemods.project.nodes import Function
from hephaestus_codemods.project.values import Class
from hephaestus_codemods.rule import Established, Precondition, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.models import Model, Relationship
    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sqlalchemy_eager_load_relationship.origins import Loaded, Run

#: Loading that waits until the attribute is touched.
WAITING: Final = frozenset({"select", "True"})
AWAITED: Final = "awaitable_attrs"
COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Step:
    """One relationship on the way: *owner* is the model that has it."""

    owner: Model
    attribute: str


Path = tuple[Step, ...]


@dataclass
class Touched:
    """The relationships to load, those that stay, with reasons, and what is known of them."""

    paths: list[Path] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)
    known: tuple[Precondition, ...] = ()


def touched_in(loaded: Loaded) -> Touched:
    """Return what the loops over *loaded* touch of each object."""
    touched = Touched()
    for run, name in loaded.runs:
        _walk(loaded, touched, run, name, loaded.model, ())
    done = eager_in(loaded)
    touched.paths = [one for one in touched.paths if _names(one) not in done]
    touched.refused = {k: v for k, v in touched.refused.items() if tuple(k.split(".")) not in done}
    names = sorted({".".join(step.attribute for step in path) for path in touched.paths})
    if names:
        each = Precondition(
            "each object is asked for it", Established.PROVED, f"{', '.join(names)}, in every round"
        )
        touched.known = (each,)
    return touched


def _names(path: Path) -> tuple[str, ...]:
    return tuple(step.attribute for step in path)


def eager_in(loaded: Loaded) -> set[tuple[str, ...]]:
    """Return the relationships that the query's own options load with its objects."""
    found: set[tuple[str, ...]] = set()
    for link in loaded.query.links:
        for option in link.call.args if link.name == "options" else ():
            names = tuple(_loaded_by(option))
            found |= {names[: end + 1] for end in range(len(names))}
    return found


def _loaded_by(option: ast.expr) -> list[str]:
    """Return the attributes that ``selectinload(A.x).joinedload(B.y)`` names, in order."""
    names: list[str] = []
    while isinstance(option, ast.Call):
        names += [given.attr for given in option.args if isinstance(given, ast.Attribute)]
        if not isinstance(option.func, ast.Attribute):
            break
        option = option.func.value
    return names[::-1]


def _walk(
    loaded: Loaded, touched: Touched, run: Run, name: str, model: Model, before: Path
) -> None:
    module = loaded.module
    for node in _uses(module, run, name):
        relationship = _relationship(model, node)
        if relationship is None:
            continue
        path = (*before, Step(model, relationship.attribute))
        text = ".".join(step.attribute for step in path)
        loaded.places.setdefault(text, node)
        refusal = _refusal(module, run, node, relationship)
        if refusal is not None:
            touched.refused.setdefault(text, refusal)
            continue
        touched.refused.pop(text, None)
        if path not in touched.paths:
            touched.paths.append(path)
        _deeper(loaded, touched, node, relationship, path)


def _uses(module: Module, run: Run, name: str) -> Iterator[ast.Attribute]:
    """Yield what the loop reads of its item: ``item.x`` and ``item.awaitable_attrs.x``."""
    parts: list[ast.AST] = [*run.body] if isinstance(run, ast.For) else _element(run)
    for part in parts:
        for node in ast.walk(part):
            if not isinstance(node, ast.Name) or node.id != name:
                continue
            parent = module.parents.get(node)
            if isinstance(parent, ast.Attribute) and parent.attr == AWAITED:
                parent = module.parents.get(parent)
            if isinstance(parent, ast.Attribute):
                yield parent


def _element(run: Run) -> list[ast.AST]:
    assert not isinstance(run, ast.For)
    first = run.generators[0]
    inner = [*first.ifs, *run.generators[1:]]
    if isinstance(run, ast.DictComp):
        return [run.key, run.value, *inner]
    return [run.elt, *inner]


def _relationship(model: Model, node: ast.Attribute) -> Relationship | None:
    found = next((one for one in model.relationships if one.attribute == node.attr), None)
    return found if found is not None and found.lazy in WAITING else None


def _refusal(
    module: Module, run: Run, node: ast.Attribute, relationship: Relationship
) -> Refusal | None:
    parent = module.parents.get(node)
    if not isinstance(node.ctx, ast.Load):
        return Refusal("changed", f"the loop sets {node.attr}")
    if isinstance(parent, ast.Attribute) and parent.attr in MUTATORS:
        return Refusal("changed", f"the loop changes {node.attr}")
    if (
        isinstance(parent, ast.Call)
        and parent.args == [node]
        and module.qualified_name(parent.func) in ("builtins.len", "builtins.bool")
    ):
        return Refusal("only-counted", f"only the number of {node.attr} is asked for")
    if _is_conditional(module, run, node):
        return Refusal("conditional", f"{node.attr} is touched in some rounds only")
    return None


def _is_conditional(module: Module, run: Run, node: ast.AST) -> bool:
    """Say whether some rounds of *run* may not come to *node*."""
    child = node
    for around in module.ancestors(node):
        if around is run:
            break
        match around:
            case ast.If(test=test) | ast.IfExp(test=test) if child is not test:
                return True
            case ast.BoolOp(values=values) if child is not values[0]:
                return True
            case ast.Try() | ast.TryStar() | ast.While() | ast.Match():
                return True
        if isinstance(around, Function):
            return True
        child = around
    if isinstance(run, ast.For):
        before = run.body[: run.body.index(child)] if child in run.body else []
        return any(_leaves(one) for one in before)
    return bool(run.generators[0].ifs)


def _leaves(statement: ast.stmt) -> bool:
    return any(
        isinstance(one, ast.Continue | ast.Break | ast.Return) for one in ast.walk(statement)
    )


def _deeper(
    loaded: Loaded, touched: Touched, node: ast.Attribute, relationship: Relationship, path: Path
) -> None:
    """Follow a loop over the related objects, or a step to the one related object."""
    module = loaded.module
    target = target_of(module, path[-1].owner, relationship)
    if target is None:
        return
    parent = module.parents.get(node)
    if isinstance(parent, ast.Await):
        parent = module.parents.get(parent)
    if isinstance(parent, ast.comprehension) and isinstance(parent.target, ast.Name):
        run = module.parents[parent]
        if parent.iter is node and isinstance(run, COMPREHENSIONS):
            _walk(loaded, touched, run, parent.target.id, target, path)
    elif isinstance(parent, ast.For) and isinstance(parent.target, ast.Name):
        _walk(loaded, touched, parent, parent.target.id, target, path)
    elif isinstance(parent, ast.Attribute):
        inner = _relationship(target, parent)
        if inner is not None and not relationship.is_collection:
            deeper = (*path, Step(target, inner.attribute))
            if deeper not in touched.paths:
                touched.paths.append(deeper)


def target_of(module: Module, owner: Model, relationship: Relationship) -> Model | None:
    """Return the model that *relationship* leads to, by its name in the model's own file."""
    if relationship.target is None:
        return None
    name = relationship.target.rpartition(".")[2]
    cls = class_named(module.project, owner.name, module.path)
    if cls is None:
        return None
    found = global_value(cls.module, name)
    if isinstance(found, Class):
        return module.project.model(found.name, cls.module.path)
    candidates = [
        model
        for source in module.project.modules_with(b"class " + name.encode() + b"(")
        if (model := module.project.model(f"{source.name}.{name}", source.path)) is not None
    ]
    return candidates[0] if len(candidates) == 1 else None
