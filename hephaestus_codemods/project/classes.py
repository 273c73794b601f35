"""Classes of the project: which ones derive from another, and what a method name may run."""

from __future__ import annotations

import ast
import re
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.infer import decorators, has_member, lineage, value
from hephaestus_codemods.project.values import Class, Function, Library

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project

HEADER: Final = re.compile(rb"^[ \t]*class[ \t]+\w+[ \t]*(?:\[[^\]]*\])?\(([^:]*?)\)[ \t]*:", re.M)
PROPERTY: Final = re.compile(
    rb"@[\w.]*property\b[^\n]*\n(?:[ \t]*[@#][^\n]*\n)*[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)"
)
RENAMED: Final = re.compile(rb"\b(\w+)[ \t]+as[ \t]+(\w+)")
WORD: Final = re.compile(rb"\w+")
ABSTRACT: Final = frozenset({"abc.abstractmethod", "abc.abstractproperty"})


@dataclass(frozen=True, slots=True)
class Bases:
    """Which files derive a class from something of that name, and under which other names."""

    paths: dict[bytes, set[str]]
    renamed: dict[bytes, set[bytes]]


def bases_of(project: Project) -> Bases:
    """Read, from the bytes of all files but tests, the names that classes derive from."""
    paths: dict[bytes, set[str]] = defaultdict(set)
    renamed: dict[bytes, set[bytes]] = defaultdict(set)
    for path, raw in project.sources():
        found = HEADER.findall(raw) if b"class" in raw else []
        for bases in found:
            for word in WORD.findall(bases):
                paths[word].add(path)
        if found and b" as " in raw:
            for name, other in RENAMED.findall(raw):
                renamed[name].add(other)
    return Bases(dict(paths), dict(renamed))


def property_names(project: Project) -> frozenset[str]:
    """Return the names of all properties in the project, from the bytes of its files."""
    found: set[str] = set()
    for _, raw in project.sources():
        if b"property" in raw:
            found |= {name.decode() for name in PROPERTY.findall(raw)}
    return frozenset(found)


def subclasses(cls: Class) -> tuple[Class, ...]:
    """Return the classes of the project that derive directly from *cls*, tests aside."""
    memo = cls.module.project.memo.subclasses
    key = (cls.module.path, cls.node)
    if key not in memo:
        memo[key] = tuple(_subclasses(cls))
    return memo[key]


def _subclasses(cls: Class) -> list[Class]:
    project = cls.module.project
    index = project.bases
    name = cls.node.name.encode()
    names = {name, *index.renamed.get(name, ())}
    paths = {path for one in names for path in index.paths.get(one, ())}
    return [
        Class(module, node)
        for path in sorted(paths)
        if (module := project.readable(path)) is not None
        for node in classes_in(module)
        if any(_is_base(module, base, cls) for base in node.bases)
    ]


def _is_base(module: Module, base: ast.expr, cls: Class) -> bool:
    node = base.value if isinstance(base, ast.Subscript) else base
    found = value(module, node)
    return isinstance(found, Class) and found.node is cls.node


def classes_in(module: Module) -> list[ast.ClassDef]:
    """Return all classes that *module* defines."""
    return [node for node in module.nodes if isinstance(node, ast.ClassDef)]


def descendants(cls: Class) -> tuple[Class, ...]:
    """Return all classes of the project that derive from *cls*, however far away."""
    found: dict[ast.ClassDef, Class] = {}
    todo = deque(subclasses(cls))
    while todo:
        one = todo.popleft()
        if one.node not in found:
            found[one.node] = one
            todo.extend(subclasses(one))
    return tuple(found.values())


def own_functions(cls: Class, name: str) -> list[Function]:
    """Return the functions called *name* in the body of *cls* (a property has several)."""
    bindings = cls.module.scopes.bound(cls.node).get(name, ())
    return [
        Function(cls.module, one.node)
        for one in bindings
        if isinstance(one.node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def overriding(cls: Class, name: str) -> tuple[Function, ...]:
    """Return the methods *name* of classes that derive from *cls*."""
    return tuple(one for sub in descendants(cls) for one in own_functions(sub, name)[-1:])


def is_abstract(function: Function) -> bool:
    """Say whether *function* is only there to be overridden."""
    if ABSTRACT & set(decorators(function.module, function.node)):
        return True
    body = getattr(function.node, "body", None)
    rest = [one for one in body if not _says_nothing(one)] if isinstance(body, list) else []
    return len(rest) == 1 and _raises_not_implemented(rest[0])


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _raises_not_implemented(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Raise) or node.exc is None:
        return False
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a name of a class comes from: functions of the project, or a base in a library.

    Neither when a base is unknown; *missing* says that every base is known and none has it.
    """

    functions: tuple[Function, ...] = ()
    base: str | None = None
    missing: bool = False


def method(cls: Class, name: str, *, beyond: bool = False) -> Found:
    """Find the method *name* of *cls*, or with *beyond* what ``super()`` in *cls* would find."""
    for one in lineage(cls):
        if beyond and one == cls:
            continue
        if one is None:
            return Found()
        if isinstance(one, Library):
            if one.name in ("abc.ABC", "typing.Protocol", "enum.Enum") and not name.startswith("_"):
                continue
            return Found(base=one.name)
        functions = own_functions(one, name)
        if functions:
            return Found((functions[-1],))
        if has_member(one, name):
            return Found()
    return Found(missing=True)
