"""Follows loaded objects through the code: which relationships are touched of each of them.

An object is followed into loops, through variables, into functions and methods of the project that
are given it, and into the schemas that read it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.loops import MUTATORS
from hephaestus_codemods.project.callgraph import argument_for, callers, resolve
from hephaestus_codemods.project.classes import method, overriding
from hephaestus_codemods.project.infer import decorators
from hephaestus_codemods.project.nodes import Function as FunctionNode
from hephaestus_codemods.project.nodes import walk
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.values import Class, Function
from hephaestus_codemods.project.variables import binding_of, reads_of
from hephaestus_codemods.rule import Refusal
from hephaestus_rules.sqlalchemy_eager_load_relationship.guards import (
    COMPREHENSIONS,
    Region,
    always_runs,
    early_end,
)
from hephaestus_rules.sqlalchemy_eager_load_relationship.relations import Relation, relations_of
from hephaestus_rules.sqlalchemy_eager_load_relationship.schemas import (
    READING,
    class_at,
    field_named,
    fields_of,
    is_decorated,
    is_schema,
    reads_attributes,
    response_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_rules.sqlalchemy_eager_load_relationship.objects import Objects

AWAITED: Final = "awaitable_attrs"
PROPERTIES: Final = frozenset(
    {"builtins.property", "functools.cached_property", "sqlalchemy.ext.hybrid.hybrid_property"}
)
#: Calls that give the same objects again.
SAME: Final = frozenset(
    f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "sorted", "reversed")
)
KEYED: Final = frozenset({"builtins.sorted", "builtins.min", "builtins.max"})
COUNTING: Final = frozenset({"builtins.len", "builtins.bool"})
#: Functions and variables that are followed one into another, and callers of callers.
DEEP, FAR = 12, 3
ELSEWHERE: Final = "query-elsewhere"


@dataclass(frozen=True, slots=True)
class Step:
    """One relationship on the way: *owner* is the class of the objects that have it."""

    owner: Class
    relation: Relation


Path = tuple[Step, ...]


def names_of(path: Path) -> tuple[str, ...]:
    """Return the attributes of *path*."""
    return tuple(step.relation.attribute for step in path)


@dataclass
class Touch:
    """What is known of one path: *why* it need not be touched each time, where that is so.

    *counted* says that nothing but its length or truth is asked for.
    """

    path: Path
    module: Module
    node: ast.AST
    why: Refusal | None
    counted: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Code that runs between the query and the last touch: from *start* to the end of *end*."""

    module: Module
    start: ast.AST | None
    end: ast.AST


@dataclass(frozen=True, slots=True)
class Walk:
    """Where an object is: the code around that runs for each, and the *path* that led to it.

    *why* says why that code may not run. *back* is the call whose function is being read.
    """

    module: Module
    cls: Class
    region: Region
    path: Path = ()
    why: Refusal | None = None
    back: tuple[Walk, ast.expr] | None = None
    depth: int = 0

    def deeper(self) -> Walk:
        """Return the same, one function or variable further."""
        return replace(self, depth=self.depth + 1)


@dataclass
class Touched:
    """All that is touched of the objects of one query, by the attributes on the way."""

    touches: dict[tuple[str, ...], Touch] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    uses: int = 0


def touched_of(objects: Objects) -> list[Touched]:
    """Return what is touched of *objects*, for each entity that the query reads."""
    found = []
    for number, entity in enumerate(objects.entities):
        if entity is None or not _is_worth_it(objects, entity.cls):
            continue
        tracker = _Tracker(objects, number if objects.rows else None)
        tracker.start(entity.cls)
        found.append(tracker.touched)
    return found


def _is_worth_it(objects: Objects, cls: Class) -> bool:
    """Say whether objects of *cls* can have anything to load one by one."""
    waiting = [one for one in relations_of(cls).values() if one.waits or one.is_eager]
    if objects.is_async and not _awaits(objects.module):
        return False
    if not objects.is_one:
        return bool(waiting)
    targets = [one.target for one in waiting]
    return any(target is None or relations_of(target) for target in targets)


def _awaits(module: Module) -> bool:
    """Say whether the project awaits attributes of objects anywhere."""
    memo = module.project.memo.others
    if AWAITED not in memo:
        word = AWAITED.encode()
        memo[AWAITED] = any(word in raw for _, raw in module.project.sources())
    found: bool = memo[AWAITED]
    return found


@dataclass
class _Tracker:
    """Follows the objects of one entity of a query; *place* is its number in each row."""

    objects: Objects
    place: int | None
    touched: Touched = field(default_factory=Touched)
    far: int = 0

    # --- Where they come from ---

    def start(self, cls: Class) -> None:
        """Follow what the query itself gives."""
        objects = self.objects
        scope = objects.module.function(objects.whole) or objects.module.tree
        region = Region(scope, after=objects.whole)
        walk_ = Walk(objects.module, cls, region)
        if objects.is_paged:
            self.page(walk_, objects.whole)
        elif objects.is_one:
            self.one(walk_, objects.whole)
        else:
            self.many(walk_, objects.whole)

    def page(self, at: Walk, node: ast.expr) -> None:
        """Follow a page of objects to its items."""
        parent = at.module.parents.get(node)
        if isinstance(parent, ast.Attribute):
            if parent.attr == "items":
                self.many(at, parent)
            return
        for read in self.reads(at, node):
            self.page(at.deeper(), read)

    def stretch(self, at: Walk, end: ast.AST) -> None:
        """Remember that what stands before *end* runs before the objects are touched.

        What a function does that is called meanwhile is known by its effects.
        """
        if at.back is None and isinstance(at.region.node, FunctionNode | ast.Module):
            self.touched.stretches.append(Stretch(at.module, at.region.after, end))

    # --- One object ---

    def one(self, at: Walk, node: ast.expr) -> None:
        """Follow the object *node* to what is read of it."""
        if at.depth > DEEP:
            return
        module = at.module
        parent = module.parents.get(node)
        match parent:
            case ast.Attribute(attr=attr) if attr == AWAITED:
                holder = module.parents.get(parent)
                if isinstance(holder, ast.Attribute):
                    self.attribute(at, holder, awaited=True)
            case ast.Attribute():
                self.attribute(at, parent, awaited=False)
            case ast.Call() if node is not parent.func:
                self.passed(at, parent, node, many=False)
            case ast.keyword():
                call = module.parents.get(parent)
                if isinstance(call, ast.Call):
                    self.passed(at, call, node, many=False)
            case ast.Await() | ast.IfExp() | ast.BoolOp() | ast.NamedExpr() | ast.Return():
                self.through(at, node, parent, many=False)
            case ast.Subscript() if self.place is not None and not at.path:
                pass
            case _:
                for read in self.reads(at, node):
                    self.one(at.deeper(), read)

    def through(self, at: Walk, node: ast.expr, parent: ast.AST, *, many: bool) -> None:
        """Follow what *parent* makes of *node* without changing it."""
        follow = self.many if many else self.one
        if isinstance(parent, ast.Return):
            self.returned(at, parent, many=many)
            return
        if isinstance(parent, ast.IfExp) and node is parent.test:
            return
        if isinstance(parent, ast.BoolOp) and parent.values[-1] is not node and many is False:
            return
        assert isinstance(parent, ast.expr)
        if isinstance(parent, ast.NamedExpr):
            for read in self.reads(at, node):
                follow(at.deeper(), read)
        follow(at.deeper(), parent)

    def reads(self, at: Walk, node: ast.expr) -> tuple[ast.Name, ...]:
        """Return the reads of the variable that *node* is put into."""
        module, parent = at.module, at.module.parents.get(node)
        binding = binding_of(module, node)
        if binding is None and isinstance(parent, ast.AnnAssign | ast.NamedExpr):
            target = parent.target
            found = (
                module.scopes.lookup(target.id, target) if isinstance(target, ast.Name) else None
            )
            if found is not None and len(found[1]) == 1:
                binding = found[1][0]
        return (reads_of(module, binding) or ()) if binding is not None else ()

    def attribute(self, at: Walk, node: ast.Attribute, *, awaited: bool) -> None:
        """Judge an attribute that is read of an object."""
        relation = relations_of(at.cls).get(node.attr)
        if relation is None:
            self.member(at, node)
            return
        if self.objects.is_async and not awaited and not relation.is_eager:
            return
        whole: ast.expr = node
        parent = at.module.parents.get(node)
        if isinstance(parent, ast.Await):
            whole = parent
        path = (*at.path, Step(at.cls, relation))
        self.note(at, path, whole, node)
        if relation.target is None:
            return
        inner = replace(at, cls=relation.target, path=path).deeper()
        self.one(inner, whole)
        self.many(inner, whole)

    def note(self, at: Walk, path: Path, whole: ast.expr, node: ast.Attribute) -> None:
        """Remember a touch of *path*."""
        module = at.module
        why = at.why or self.skipped(at, node, node)
        touch = Touch(path, module, node, why, counted=_is_counted(module, whole))
        if _is_changed(module, node):
            touch.changed = True
        self.remember(touch)

    def remember(self, touch: Touch) -> None:
        """Keep the surest touch of a path; a change stays one."""
        names = names_of(touch.path)
        known = self.touched.touches.get(names)
        if known is None:
            self.touched.touches[names] = touch
            return
        known.changed = known.changed or touch.changed
        known.counted = known.counted and touch.counted
        if known.why is not None and (touch.why is None or known.why.code == "only-counted"):
            known.why, known.module, known.node = touch.why, touch.module, touch.node

    def skipped(self, at: Walk, node: ast.AST, subject: ast.expr) -> Refusal | None:
        """Return why *node* may not run each time that the code around the object does.

        *subject* is what it looks at: where that is missing, there is nothing to load.
        """
        if always_runs(at.module, node, at.region, _harmless(at, subject)):
            return None
        text = " ".join(ast.unparse(subject).split())
        return Refusal("conditional", f"{text} is looked at in some cases only")

    def member(self, at: Walk, node: ast.Attribute) -> None:
        """Follow a property or a method of the project's class into its body."""
        if not isinstance(node.ctx, ast.Load) or overriding(at.cls, node.attr):
            return
        functions = method(at.cls, node.attr).functions
        if len(functions) != 1:
            return
        function = functions[0]
        marks = set(decorators(function.module, function.node))
        parent = at.module.parents.get(node)
        is_call = isinstance(parent, ast.Call) and parent.func is node
        if not is_call and not marks & PROPERTIES:
            return
        if is_call and marks - {None}:
            return
        args = function.node.args
        first = next((one.arg for one in (*args.posonlyargs, *args.args)), None)
        if first is not None:
            whole = parent if is_call and isinstance(parent, ast.Call) else node
            self.inside(at, function, first, whole, node.value)

    def inside(
        self,
        at: Walk,
        function: Function,
        name: str,
        call: ast.expr,
        subject: ast.expr,
        *,
        many: bool = False,
    ) -> None:
        """Follow an object into *function*, which has it as the parameter *name*."""
        if at.depth > DEEP or isinstance(function.node, ast.Lambda) or _is_open(at, function):
            return
        why = at.why or self.skipped(at, call, subject)
        is_coroutine = isinstance(function.node, ast.AsyncFunctionDef)
        whole = at.module.parents.get(call) if is_coroutine else call
        back = (at, whole) if isinstance(whole, ast.expr) else None
        inner = replace(
            at.deeper(),
            module=function.module,
            region=Region(function.node),
            why=why,
            back=back,
        )
        for read in parameter_reads(function, name):
            (self.many if many else self.one)(inner, read)

    def passed(self, at: Walk, call: ast.Call, node: ast.expr, *, many: bool) -> None:
        """Follow what is passed to *call*: a function of the project, or a schema."""
        module = at.module
        if isinstance(call.func, ast.Attribute) and call.func.attr in READING:
            schema = class_at(module, call.func.value)
            if schema is not None and is_schema(schema) and call.args[:1] == [node]:
                self.read_by(at, schema, call, node)
                return
        made = class_at(module, call.func)
        if made is not None and is_schema(made):
            given = next((one.arg for one in call.keywords if one.value is node), None)
            inner = field_named(made, given) if given is not None else None
            if inner is not None and reads_attributes(inner):
                self.read_by(at, inner, call, node)
            return
        function = resolve(module, call).function
        if function is None:
            return
        args = function.node.args
        for one in (*args.posonlyargs, *args.args, *args.kwonlyargs):
            if argument_for(module, function, one.arg, call) is node:
                self.inside(at, function, one.arg, call, node, many=many)

    # --- Schemas ---

    def read_by(
        self,
        at: Walk,
        schema: Class,
        node: ast.AST,
        subject: ast.expr,
        seen: tuple[Class, ...] = (),
    ) -> None:
        """Note what *schema* reads of the object, or the objects, *subject* at *node*."""
        if self.objects.is_async or schema in seen or at.depth > DEEP:
            return
        why = at.why or self.skipped(at, node, subject)
        for one in fields_of(schema):
            relation = relations_of(at.cls).get(one.attribute)
            if relation is None:
                self.computed(at, one.attribute, node, why)
                continue
            path = (*at.path, Step(at.cls, relation))
            self.remember(Touch(path, at.module, node, why))
            if relation.target is not None and one.schema is not None:
                inner = replace(at, cls=relation.target, path=path, why=why).deeper()
                self.read_by(inner, one.schema, node, subject, (*seen, schema))

    def computed(self, at: Walk, name: str, node: ast.AST, why: Refusal | None) -> None:
        """Follow a property that a schema reads."""
        functions = method(at.cls, name).functions
        if len(functions) != 1 or overriding(at.cls, name):
            return
        function = functions[0]
        if not PROPERTIES & set(decorators(function.module, function.node)):
            return
        args = function.node.args
        first = next((one.arg for one in (*args.posonlyargs, *args.args)), None)
        inner = replace(
            at.deeper(), module=function.module, region=Region(function.node), why=why, back=None
        )
        for read in parameter_reads(function, first) if first is not None else ():
            self.one(inner, read)

    # --- Many objects ---

    def many(self, at: Walk, node: ast.expr) -> None:
        """Follow the collection *node* to the loops over it."""
        if at.depth > DEEP:
            return
        module = at.module
        parent = module.parents.get(node)
        match parent:
            case ast.For(iter=given) if given is node:
                self.each(at, parent, parent.target)
            case ast.comprehension(iter=given, is_async=0) if given is node:
                self.each(at, module.parents[parent], parent.target, parent)
            case ast.Call() if node is not parent.func:
                self.collected(at, parent, node)
            case ast.keyword():
                call = module.parents.get(parent)
                if isinstance(call, ast.Call):
                    self.passed(at, call, node, many=True)
            case ast.Subscript(slice=ast.Slice()):
                partly = Refusal("conditional", "only a part of the list is run over")
                self.many(replace(at, why=at.why or partly).deeper(), parent)
            case ast.Dict():
                self.answered(at, parent, node)
            case ast.Tuple():
                outer = module.parents.get(parent)
                if isinstance(outer, ast.Return):
                    self.returned(at, outer, many=True, part=parent.elts.index(node))
            case ast.Await() | ast.IfExp() | ast.BoolOp() | ast.NamedExpr() | ast.Return():
                self.through(at, node, parent, many=True)
            case _:
                for read in self.reads(at, node):
                    self.many(at.deeper(), read)

    def collected(self, at: Walk, call: ast.Call, node: ast.expr) -> None:
        """Follow a collection that is passed to *call*."""
        name = at.module.qualified_name(call.func)
        if name in KEYED:
            for one in call.keywords:
                if one.arg == "key" and isinstance(one.value, ast.Lambda):
                    self.keyed(at, one.value, call)
        if name in SAME:
            self.many(at.deeper(), call)
        elif name in ("builtins.enumerate", "builtins.zip"):
            number = 1 if name == "builtins.enumerate" else call.args.index(node)
            self.unpacked(at, call, number)
        elif name not in COUNTING:
            self.passed(at, call, node, many=True)

    def keyed(self, at: Walk, key: ast.Lambda, call: ast.Call) -> None:
        """Follow the objects into the *key* by which they are sorted."""
        names = [one.arg for one in key.args.args]
        if len(names) != 1:
            return
        why = at.why or self.skipped(at, call, call.args[0])
        inner = replace(at.deeper(), region=Region(key), why=why, back=None)
        self.stretch(at, call)
        for read in parameter_reads(Function(at.module, key), names[0]):
            self.one(inner, read)

    def unpacked(self, at: Walk, call: ast.Call, number: int) -> None:
        """Follow a loop over ``enumerate(objects)`` or ``zip(objects, …)``."""
        parent = at.module.parents.get(call)
        target = getattr(parent, "target", None)
        if not isinstance(target, ast.Tuple) or number >= len(target.elts):
            return
        if isinstance(parent, ast.For) and parent.iter is call:
            self.each(at, parent, target.elts[number])
        elif isinstance(parent, ast.comprehension) and parent.iter is call:
            self.each(at, at.module.parents[parent], target.elts[number], parent)

    def each(
        self, at: Walk, run: ast.AST, target: ast.expr, clause: ast.comprehension | None = None
    ) -> None:
        """Follow each object of a collection through the rounds of *run*."""
        ended = early_end(at.module, run)
        early = Refusal(*ended) if ended is not None else None
        is_inner = clause is not None and run is at.region.node
        given = clause.iter if clause is not None else getattr(run, "iter", target)
        why = at.why or self.skipped(at, clause if is_inner and clause else run, given) or early
        number = run.generators.index(clause) if isinstance(run, COMPREHENSIONS) and clause else 0
        inner = replace(at, region=Region(run, number), why=why, back=None)
        self.touched.uses += 1
        self.stretch(at, run)
        for node, name in self.items(at, target):
            for read in _reads_in(at.module, run, name):
                for found in [read] if node is None else _picked(at.module, read, node):
                    self.one(inner, found)

    def items(self, at: Walk, target: ast.expr) -> Iterator[tuple[str | int | None, str]]:
        """Yield the variables that hold the object, with how it is taken out of them, if it is."""
        in_row = self.place is not None and not at.path
        if in_row and isinstance(target, ast.Tuple):
            assert self.place is not None
            found = target.elts[self.place] if self.place < len(target.elts) else None
            if isinstance(found, ast.Name):
                yield None, found.id
        elif in_row and isinstance(target, ast.Name):
            assert self.place is not None
            yield self.place, target.id
            entity = self.objects.entities[self.place]
            if entity is not None:
                yield entity.cls.node.name, target.id
        elif isinstance(target, ast.Name):
            yield None, target.id

    # --- Results of functions ---

    def answered(self, at: Walk, holder: ast.Dict, node: ast.expr) -> None:
        """Follow ``return {"items": objects}`` of a handler to the schema that reads it."""
        parent = at.module.parents.get(holder)
        function = at.module.function(holder)
        if not isinstance(parent, ast.Return) or function is None or at.back is not None:
            return
        schema = response_of(Function(at.module, function))
        key = next(k for k, v in zip(holder.keys, holder.values, strict=True) if v is node)
        if schema is None or not isinstance(key, ast.Constant):
            return
        inner = field_named(schema, str(key.value))
        if inner is not None:
            self.served(at, parent, inner, node)

    def served(self, at: Walk, place: ast.Return, schema: Class, subject: ast.expr) -> None:
        """Note what the framework reads of each object that a handler returns."""
        self.stretch(at, place)
        self.touched.uses += 1
        self.read_by(at, schema, place, subject)

    def returned(self, at: Walk, place: ast.Return, *, many: bool, part: int | None = None) -> None:
        """Follow what a function returns: to the call that is being read, or to all callers.

        *part* is the number of the object, or the collection, in a tuple that is returned.
        """
        if at.back is not None:
            before, call = at.back
            if part is not None:
                return
            why = at.why or self.skipped(at, place, place.value or call)
            back = replace(before, cls=at.cls, path=at.path, why=why).deeper()
            (self.many if many else self.one)(back, call)
            return
        if self.place is not None or place.value is None:
            return
        around = at.module.function(place)
        if around is None or isinstance(around, ast.Lambda) or around is not at.region.node:
            return
        function = Function(at.module, around)
        schema = response_of(function)
        if schema is not None and part is None:
            self.served(at, place, schema, place.value)
        elif schema is None and not is_decorated(function) and not at.path:
            self.called(at, function, place, many=many, part=part)

    def called(
        self, at: Walk, function: Function, place: ast.Return, *, many: bool, part: int | None
    ) -> None:
        """Keep what every caller of *function* touches of what it returns."""
        why = at.why or self.skipped(at, place, place.value or ast.Name("", ast.Load()))
        if any(isinstance(one, ast.With | ast.AsyncWith) for one in at.module.ancestors(place)):
            why = why or Refusal("session-state", "the function leaves a `with` block that loads")
        uses = [use for use in callers(function) if not isinstance(use.node, ast.Constant)]
        if not uses or self.far >= FAR:
            return
        self.stretch(at, place)
        found: list[Touched] = []
        for use in uses:
            call = use.module.parents.get(use.node)
            inner = _Tracker(self.objects, self.place, far=self.far + 1)
            if use.is_call and use.sure and isinstance(call, ast.Call):
                inner.result(at, use.module, call, function, why, many=many, part=part)
            found.append(inner.touched)
        self.merge(found, function)

    def result(
        self,
        at: Walk,
        module: Module,
        call: ast.Call,
        function: Function,
        why: Refusal | None,
        *,
        many: bool,
        part: int | None,
    ) -> None:
        """Follow what *call* gives, or a *part* of it, as far as the function that calls."""
        whole: ast.AST | None = call
        if isinstance(function.node, ast.AsyncFunctionDef):
            whole = module.parents.get(call)
        if not isinstance(whole, ast.expr) or (
            whole is not call and not isinstance(whole, ast.Await)
        ):
            return
        region = Region(module.function(call) or module.tree, after=whole)
        there = Walk(module, at.cls, region, why=why)
        given = [whole] if part is None else _parts_of(module, whole, part)
        for one in given:
            (self.many if many else self.one)(there, one)

    def merge(self, found: list[Touched], function: Function) -> None:
        """Take over what all callers touch; the rest is touched by some of them only."""
        names = {name for one in found for name in one.touches}
        for name in sorted(names):
            touches = [one.touches[name] for one in found if name in one.touches]
            first = next((one for one in touches if one.why is not None), touches[0])
            if len(touches) < len(found):
                text = ".".join(name)
                message = f"not every caller of {function.module.qualified_path(function.node)}"
                message = f"{message}() touches {text}"
                first = replace(first, why=Refusal(ELSEWHERE, message))
            changed = any(one.changed for one in touches)
            counted = all(one.counted for one in touches)
            self.remember(replace(first, changed=changed, counted=counted))
        for one in found:
            self.touched.stretches += one.stretches
            self.touched.uses += one.uses


# --- Small questions ---


def parameter_reads(function: Function, name: str) -> list[ast.Name]:
    """Return the reads of a parameter that is bound by nothing else."""
    found = []
    for node in walk(function.node)[0]:
        if isinstance(node, ast.Name) and node.id == name:
            place = function.module.scopes.lookup(name, node)
            if place is None or place[0] is not function.node:
                continue
            if not isinstance(node.ctx, ast.Load) or len(place[1]) != 1:
                return []
            if place[1][0].kind is BindingKind.PARAMETER:
                found.append(node)
    return found


def _reads_in(module: Module, run: ast.AST, name: str) -> list[ast.Name]:
    """Return the reads of the loop variable *name*; none when something else binds it in *run*."""
    parts: list[ast.AST] = [*run.body] if isinstance(run, ast.For) else [run]
    own = run if isinstance(run, COMPREHENSIONS) else None
    found: list[ast.Name] = []
    for node in (one for part in parts for one in walk(part)[0]):
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        place = module.scopes.lookup(name, node)
        if not isinstance(node.ctx, ast.Load):
            if own is None:
                return []
            continue
        is_own = place is not None and isinstance(place[0], COMPREHENSIONS)
        if is_own == (own is not None) and (own is None or (place and place[0] is own)):
            found.append(node)
    return found


def _picked(module: Module, read: ast.Name, how: str | int) -> list[ast.expr]:
    """Return ``row.Order`` or ``row[0]``, where the variable of the row is read so."""
    parent = module.parents.get(read)
    match parent:
        case ast.Attribute(attr=attr) if attr == how:
            return [parent]
        case ast.Subscript(slice=ast.Constant(value=number)) if number == how:
            return [parent]
    return []


def _parts_of(module: Module, whole: ast.expr, part: int) -> list[ast.expr]:
    """Return what reads a *part* of the tuple *whole*: ``whole[0]``, or a variable for it."""
    parent = module.parents.get(whole)
    match parent:
        case ast.Subscript(slice=ast.Constant(value=number)) if number == part:
            return [parent]
        case ast.Assign(targets=[ast.Tuple(elts=parts)]) if part < len(parts):
            target = parts[part]
        case _:
            return []
    if not isinstance(target, ast.Name):
        return []
    found = module.scopes.lookup(target.id, target)
    if found is None or len(found[1]) != 1 or not isinstance(found[0], FunctionNode):
        return []
    return [
        one
        for one in walk(found[0])[0]
        if isinstance(one, ast.Name) and one.id == target.id and isinstance(one.ctx, ast.Load)
    ]


def _is_open(at: Walk, function: Function) -> bool:
    """Say whether *function* is being read already."""
    if at.region.node is function.node:
        return True
    return at.back is not None and _is_open(at.back[0], function)


def _is_counted(module: Module, node: ast.expr) -> bool:
    """Say whether nothing but the length or the truth of *node* is asked for."""
    parent = module.parents.get(node)
    match parent:
        case ast.Call(func=func, args=[given]) if given is node:
            return module.qualified_name(func) in COUNTING
        case ast.UnaryOp(op=ast.Not()) | ast.While():
            return True
        case ast.If(test=test) | ast.IfExp(test=test):
            return test is node
    return False


def _is_changed(module: Module, node: ast.Attribute) -> bool:
    """Say whether the relationship *node* is set, or what it holds is changed."""
    if not isinstance(node.ctx, ast.Load):
        return True
    parent = module.parents.get(node)
    if isinstance(parent, ast.Subscript) and not isinstance(parent.ctx, ast.Load):
        return True
    if isinstance(parent, ast.Attribute) and parent.attr in MUTATORS:
        call = module.parents.get(parent)
        return isinstance(call, ast.Call) and call.func is parent
    return isinstance(parent, ast.AugAssign)


def _harmless(at: Walk, node: ast.expr) -> frozenset[str]:
    """Return what may be tested before *node*: the object itself, its foreign key, its owner."""
    texts: set[str] = set()
    inner = node
    while isinstance(inner, ast.Attribute):
        texts.add(ast.unparse(inner))
        inner = inner.value
    if isinstance(inner, ast.Name):
        texts.add(inner.id)
    if isinstance(node, ast.Attribute):
        relation = relations_of(at.cls).get(node.attr)
        keys = relation.keys if relation is not None else frozenset()
        texts |= {f"{ast.unparse(node.value)}.{key}" for key in keys}
    return frozenset(texts)
