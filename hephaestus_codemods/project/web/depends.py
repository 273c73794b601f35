"""What FastAPI runs before a handler: its dependencies, in the order in which they run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.callgraph import is_method, label, made_function, plain
from hephaestus_codemods.project.classes import method
from hephaestus_codemods.project.infer import definition, function_parts, keyword, name_of, value
from hephaestus_codemods.project.origins import Place, elements, sources
from hephaestus_codemods.project.values import Class, Function, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

DEPENDS: Final = frozenset({"fastapi.Depends", "fastapi.Security"})
MAX_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that is called for a request: *function* is None when it is a library's.

    With *is_known* False it may be anything, and *name* is what stands in the code.
    *needs* are its own dependencies, which run before it.
    """

    name: str
    function: Function | None
    place: str
    needs: tuple[Dependency, ...] = ()
    is_known: bool = True

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop."""
        return self.function is not None and isinstance(self.function.node, ast.AsyncFunctionDef)

    @property
    def is_generator(self) -> bool:
        """Whether it has a part that runs after the handler."""
        if self.function is None or isinstance(self.function.node, ast.Lambda):
            return False
        return bool(function_parts(self.function.module, self.function.node).yields)


def in_order(dependencies: tuple[Dependency, ...]) -> tuple[Dependency, ...]:
    """Return all that runs, each once, what is needed before what needs it."""
    found: dict[tuple[str, str], Dependency] = {}

    def add(one: Dependency) -> None:
        for inner in one.needs:
            add(inner)
        found.setdefault((one.name, _defined(one)), one)

    for one in dependencies:
        add(one)
    return tuple(found.values())


def _defined(one: Dependency) -> str:
    return f"{one.function.module.path}:{one.function.node.lineno}" if one.function else one.name


def listed(module: Module, node: ast.expr | None) -> tuple[Dependency, ...]:
    """Return the dependencies of a list such as ``dependencies=[Depends(check)]``."""
    found = (_of_call(place.module, place.node, None, 0) for place in elements(module, node))
    return tuple(one for one in found if one is not None)


def of_function(function: Function, depth: int = 0) -> tuple[Dependency, ...]:
    """Return the dependencies that the parameters of *function* ask for."""
    if depth > MAX_DEPTH:
        return ()
    found = (
        _of_parameter(function.module, one, default, depth)
        for one, default in _parameters(function)
    )
    return tuple(one for one in found if one is not None)


def _parameters(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    args = function.node.args
    positional = [*args.posonlyargs, *args.args]
    missing = len(positional) - len(args.defaults)
    pairs = list(zip(positional, [*[None] * missing, *args.defaults], strict=True))
    yield from pairs[is_method(function) :]
    yield from zip(args.kwonlyargs, args.kw_defaults, strict=True)


def _of_parameter(
    module: Module, parameter: ast.arg, default: ast.expr | None, depth: int
) -> Dependency | None:
    annotation = Place(module, parameter.annotation) if parameter.annotation is not None else None
    if default is not None:
        found = _of_call(module, default, annotation, depth)
        if found is not None:
            return found
    if annotation is None:
        return None
    inner = list(_annotated(annotation, 0))
    for place in inner[1:]:
        found = _of_call(place.module, place.node, inner[0], depth)
        if found is not None:
            return found
    return None


def _annotated(place: Place, depth: int) -> Iterator[Place]:
    """Yield the parts of ``Annotated[...]``, also behind an alias or in a string."""
    module, node = place.module, place.node
    if depth > MAX_DEPTH:
        return
    match node:
        case ast.Subscript(value=owner, slice=ast.Tuple(elts=parts)):
            if name_of(module, owner) == "typing.Annotated":
                inner = list(_annotated(Place(module, parts[0]), depth + 1))
                yield from inner or [Place(module, parts[0])]
                yield from (Place(module, part) for part in parts[1:])
        case ast.Constant(value=str(text)):
            try:
                parsed = ast.parse(text.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return
            module.adopt(parsed, node)
            yield from _annotated(Place(module, parsed), depth + 1)
        case ast.Name() | ast.Attribute():
            found = definition(module, node)
            if found is not None and found[1].value is not None and found[1].path == ():
                yield from _annotated(Place(found[0], found[1].value), depth + 1)


def _of_call(
    module: Module, node: ast.expr, annotation: Place | None, depth: int
) -> Dependency | None:
    """Understand ``Depends(provider)``; without a provider the annotation says what is made."""
    if isinstance(node, ast.Name | ast.Attribute):
        found = sources(module, node)
        if len(found) != 1:
            return None
        module, node = found[0].module, found[0].node
    if not isinstance(node, ast.Call) or name_of(module, node.func) not in DEPENDS:
        return None
    given = node.args[0] if node.args else keyword(node, "dependency")
    where = f"{module.path}:{node.lineno}"
    if given is not None:
        return _provider(Place(module, given), where, depth)
    return _provider(annotation, where, depth) if annotation is not None else None


def _provider(place: Place, where: str, depth: int) -> Dependency:
    found = made_function(place.module, place.node) or value(place.module, place.node)
    function = _function(found)
    if function is None and isinstance(place.node, ast.Name) and found is None:
        several = sources(place.module, place.node)
        if len(several) == 1 and several[0].node is not place.node:
            return _provider(several[0], where, depth)
    if function is None:
        known = name_of(place.module, place.node)
        text = " ".join(ast.unparse(place.node).split())
        return Dependency(known or text, None, where, is_known=known is not None)
    name = f"{function.module.name}.{label(function)}".removesuffix(".__init__")
    return Dependency(name, function, where, of_function(function, depth + 1))


def _function(found: object) -> Function | None:
    match found:
        case Function():
            return plain(found)
        case Class():
            return _method(found, "__init__")
        case Instance(of=Class() as cls):
            return _method(cls, "__call__")
    return None


def _method(cls: Class, name: str) -> Function | None:
    found = method(cls, name)
    return found.functions[0] if found.functions else None
