"""Which functions a function calls, and who calls it.

A call runs functions of the project, something of a library, or something unknown. A method that
classes of the project override may run any of them: all are listed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project import classes
from hephaestus_codemods.project.infer import (
    decorators,
    definition,
    function_parts,
    lineage,
    name_of,
    value,
)
from hephaestus_codemods.project.infer.members import PROPERTIES
from hephaestus_codemods.project.infer.returns import CONTEXT_MANAGERS, REGISTERING, TRANSPARENT
from hephaestus_codemods.project.names import IMPORTS, symbols
from hephaestus_codemods.project.nodes import children
from hephaestus_codemods.project.scopes import BindingKind
from hephaestus_codemods.project.values import Class, Function, Instance, Library, Method

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.project.module import Module

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
#: Library functions and methods that start what they are given and do not wait for it.
SPAWNING: Final = frozenset(
    """asyncio.create_task asyncio.ensure_future asyncio.run_coroutine_threadsafe
    asyncio.TaskGroup.create_task asyncio.AbstractEventLoop.create_task
    asyncio.AbstractEventLoop.call_soon asyncio.AbstractEventLoop.call_later
    asyncio.AbstractEventLoop.call_soon_threadsafe asyncio.Task.add_done_callback
    fastapi.BackgroundTasks.add_task starlette.background.BackgroundTask
    starlette.background.BackgroundTasks.add_task fastapi.BackgroundTask
    threading.Thread threading.Timer multiprocessing.Process
    concurrent.futures.ThreadPoolExecutor.submit concurrent.futures.ProcessPoolExecutor.submit
    signal.signal atexit.register weakref.finalize gevent.spawn""".split()
)
#: Decorators of libraries that run nothing of their own around the function.
HARMLESS: Final = frozenset(
    """pydantic.field_validator pydantic.validator pydantic.model_validator pydantic.root_validator
    pydantic.field_serializer pydantic.model_serializer pydantic.computed_field
    sqlalchemy.orm.validates sqlalchemy.orm.declared_attr sqlalchemy.orm.reconstructor
    sqlalchemy.ext.hybrid.hybrid_property sqlalchemy.ext.hybrid.hybrid_method
    sqlalchemy.event.listens_for functools.singledispatch functools.total_ordering
    dataclasses.dataclass warnings.deprecated typing.deprecated typing.runtime_checkable
    pytest.fixture contextlib.ContextDecorator fastapi_utils.cbv.cbv fastapi_restful.cbv.cbv
    click.command click.group click.option click.argument click.pass_context""".split()
)
VALIDATORS: Final = frozenset(
    """pydantic.field_validator pydantic.validator pydantic.model_validator
    pydantic.root_validator""".split()
)
#: Names by which a class is set up, in the order in which Python runs them.
SETTING_UP: Final = ("__new__", "__init__", "__post_init__", "model_post_init")

STRAIGHT: Final = (BindingKind.ASSIGN, BindingKind.WALRUS, BindingKind.WITH)
LOOPS: Final = (BindingKind.FOR, BindingKind.COMPREHENSION)
#: Longer chains of calls and attributes are not followed.
MAX_STEPS: Final = 30


class How(StrEnum):
    """How a place runs what it runs."""

    CALL = "call"
    """A call as it is written."""

    READ = "read"
    """An attribute that is a property."""

    ENTER = "enter"
    """A ``with`` statement on an object of the project."""

    ITERATE = "iterate"
    """A loop over an object of the project."""

    CALLBACK = "callback"
    """A function that is passed to the call, which may run it."""

    SPAWN = "spawn"
    """A function or coroutine that is started and not waited for."""

    WRAP = "wrap"
    """A decorator of the project: what it puts around the function."""


@dataclass(frozen=True, slots=True)
class Callee:
    """What *node*, a place in some function, may run.

    *functions* are functions of the project, *libraries* names of libraries' functions,
    methods (``sqlalchemy.orm.Session.execute``) and classes. *unknown* says why there may be
    more; *parameter* names the parameter that is called, *of* the function that has it.
    """

    node: ast.AST
    how: How
    functions: tuple[Function, ...] = ()
    libraries: tuple[str, ...] = ()
    unknown: str | None = None
    parameter: str | None = None
    of: ast.AST | None = None

    @property
    def function(self) -> Function | None:
        """The one function of the project that surely runs, if it is one."""
        sure = len(self.functions) == 1 and not self.libraries and self.unknown is None
        return self.functions[0] if sure else None

    @property
    def library(self) -> str | None:
        """The one function or method of a library that surely runs, if it is one."""
        sure = len(self.libraries) == 1 and not self.functions and self.unknown is None
        return self.libraries[0] if sure else None


def plain(function: Function) -> Function:
    """Return *function* as it is defined, whatever it was read from."""
    return function if function.owner is None else Function(function.module, function.node)


def label(function: Function) -> str:
    """Return the short name by which people know *function*: ``UserService.load``."""
    if isinstance(function.node, ast.Lambda):
        around = function.module.function(function.node)
        outer = label(Function(function.module, around)) if around is not None else "module"
        return f"{outer}.<lambda>"
    return function.module.qualified_path(function.node)


def own_nodes(module: Module, node: ast.AST) -> list[ast.AST]:
    """Return what runs when function or module *node* runs, without functions defined inside."""
    memo = module.project.memo.own_nodes
    if node not in memo:
        memo[node] = _own_nodes(node)
    return memo[node]


def _own_nodes(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.Lambda():
            start: list[ast.AST] = [node.body]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Module():
            start = [*node.body]
        case _:
            start = [node]
    found: list[ast.AST] = []
    stack = start[::-1]
    while stack:
        one = stack.pop()
        kind = type(one)
        if kind is ast.Lambda:
            continue
        if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
            stack += one.decorator_list[::-1]  # type: ignore[attr-defined]  # both have it
            continue
        found.append(one)
        inner = children(one)
        if kind is ast.AnnAssign:
            annotation = one.annotation  # type: ignore[attr-defined]
            inner = [part for part in inner if part is not annotation]
        if inner:
            inner.reverse()
            stack += inner
    return found


def callees(module: Module, function: ast.AST) -> tuple[Callee, ...]:
    """Return what the places in *function* run, in source order; decorators come first."""
    memo = module.project.memo.callees
    key = (module.path, function)
    if key not in memo:
        try:
            memo[key] = tuple(_callees(module, function))
        except RecursionError:
            why = "it is nested too deeply"
            memo[key] = (Callee(function, How.CALL, unknown=why),)
    return memo[key]


def _callees(module: Module, function: ast.AST) -> Iterator[Callee]:
    yield from _wrappers(module, function)
    names = module.project.property_names
    for node in own_nodes(module, function):
        match node:
            case ast.Call():
                yield from _of_call(module, node)
            case ast.Attribute(ctx=ast.Load(), attr=attr) if attr in names:
                yield from _of_read(module, node)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    yield from _of_with(module, node, item.context_expr)
            case ast.For(iter=given) | ast.AsyncFor(iter=given) | ast.comprehension(iter=given):
                yield from _of_loop(module, node, given)


def _of_call(module: Module, call: ast.Call) -> Iterator[Callee]:
    found = resolve(module, call)
    spawning = any(name in SPAWNING for name in found.libraries)
    if is_spawned(module, call):
        yield Callee(call, How.SPAWN, found.functions, found.libraries, found.unknown)
    else:
        yield found
    how = How.SPAWN if spawning else How.CALLBACK
    for given in (*call.args, *(one.value for one in call.keywords)):
        passed = passed_function(module, given)
        if passed is not None:
            yield Callee(given, how, (plain(passed),))


def is_spawned(module: Module, call: ast.Call) -> bool:
    """Say whether *call* makes a coroutine that is given to something that starts it."""
    parent = module.parents.get(call)
    if not isinstance(parent, ast.Call) or parent.func is call:
        return False
    return any(name in SPAWNING for name in resolve(module, parent).libraries)


def passed_function(module: Module, node: ast.expr) -> Function | None:
    """Return the function of the project that *node* hands over without calling it."""
    if isinstance(node, ast.Lambda):
        return Function(module, node)
    is_partial = isinstance(node, ast.Call) and name_of(module, node.func) == "functools.partial"
    if isinstance(node, ast.Name | ast.Attribute) or is_partial:
        found = value(module, node)
        return found if isinstance(found, Function) else None
    return None


def resolve(module: Module, call: ast.Call) -> Callee:
    """Return what *call* itself runs."""
    memo = module.project.memo.resolved
    key = (module.path, call)
    if key not in memo:
        memo[key] = _resolved(module, call)
    return memo[key]


def _resolved(module: Module, call: ast.Call) -> Callee:
    inherited = _of_super(module, call)
    if inherited is not None:
        return inherited
    found = value(module, call.func)
    match found:
        case Function():
            return _function(module, call, found)
        case Class():
            return _constructed(call, found)
        case Library(name=name):
            return Callee(call, How.CALL, libraries=(name,))
        case Method(owner=Instance(of=owner), name=name):
            return Callee(call, How.CALL, libraries=(f"{owner.name}.{name}",))
        case Instance(of=Library(name=name)):
            return Callee(call, How.CALL, libraries=(f"{name}.__call__",))
        case Instance(of=Class() as cls):
            return _method(call, cls, "__call__")
    names = symbols(module, call.func)
    if names and all(one.library for one in names):
        return Callee(call, How.CALL, libraries=tuple(sorted(one.name for one in names)))
    return _unresolved(module, call)


def _unresolved(module: Module, call: ast.Call) -> Callee:
    func = call.func
    if isinstance(func, ast.Attribute):
        owner = value(module, func.value)
        if isinstance(owner, Instance) and isinstance(owner.of, Class):
            return _method(call, owner.of, func.attr)
        if isinstance(owner, Class):
            return _method(call, owner, func.attr)
        made = made_by(module, func.value)
        if made is not None:
            return Callee(call, How.CALL, libraries=(f"{made}.{func.attr}",))
        return Callee(call, How.CALL, unknown=f"`{_short(func.value)}` is of unknown kind")
    if isinstance(func, ast.Name):
        found = module.scopes.lookup(func.id, func)
        if found is not None and all(b.kind is BindingKind.PARAMETER for b in found[1]):
            reason = f"`{func.id}` is a parameter"
            return Callee(call, How.CALL, unknown=reason, parameter=func.id, of=found[0])
    return Callee(call, How.CALL, unknown=f"`{_short(func)}` is of unknown kind")


def made_by(module: Module, node: ast.expr, depth: int = 0) -> str | None:
    """Return how an object of unknown kind came out of a library: ``re.match().groups()[]``."""
    if depth > MAX_STEPS:
        return None
    match node:
        case ast.Call():
            found = resolve(module, node).library
            return f"{found}()" if found is not None else None
        case ast.Attribute(value=owner, attr=attr):
            found = made_by(module, owner, depth + 1)
            return f"{found}.{attr}" if found is not None else None
        case ast.Subscript(value=owner):
            found = made_by(module, owner, depth + 1)
            return f"{found}[]" if found is not None else None
        case ast.Await(value=inner) | ast.NamedExpr(value=inner):
            return made_by(module, inner, depth + 1)
        case ast.Name():
            return _made_variable(module, node, depth)
    return None


def _made_variable(module: Module, node: ast.Name, depth: int) -> str | None:
    found = module.scopes.lookup(node.id, node)
    if found is None or len(found[1]) != 1:
        return None
    source, binding = module, found[1][0]
    if binding.kind in IMPORTS:
        place = definition(module, node)
        if place is None:
            return None
        source, binding = place
    if binding.value is None or binding.path is None:
        return None
    if binding.kind not in (*STRAIGHT, *LOOPS):
        return None
    made = made_by(source, binding.value, depth + 1)
    is_part = binding.kind in LOOPS or binding.path
    return f"{made}[]" if made is not None and is_part else made


def _short(node: ast.expr) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def _function(module: Module, call: ast.Call, found: Function) -> Callee:
    owner = found.owner
    name = getattr(found.node, "name", "")
    others: tuple[Function, ...] = ()
    if isinstance(owner, Instance) and isinstance(owner.of, Class) and not _is_made(module, call):
        others = classes.overriding(owner.of, name)
    functions = (plain(found), *others)
    if others and classes.is_abstract(found):
        functions = others
    return Callee(call, How.CALL, tuple(dict.fromkeys(functions)))


def _is_made(module: Module, call: ast.Call) -> bool:
    """Say whether the receiver is made on the spot, so that its class is exact."""
    func = call.func
    made = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Call)
    return made and isinstance(value(module, func.value.func), Class)  # type: ignore[attr-defined]


def _method(call: ast.AST, cls: Class, name: str, how: How = How.CALL) -> Callee:
    found = classes.method(cls, name)
    if found.functions:
        others = classes.overriding(cls, name)
        return Callee(call, how, tuple(dict.fromkeys((*found.functions, *others))))
    if found.base is not None:
        return Callee(call, how, libraries=(f"{found.base}.{name}",))
    others = classes.overriding(cls, name)
    why = f"{cls.node.name} does not say what `{name}` is"
    return Callee(call, how, others, unknown=why)


def _of_super(module: Module, call: ast.Call) -> Callee | None:
    """Understand ``super().method()``."""
    func = call.func
    if not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Call):
        return None
    if name_of(module, func.value.func) != "builtins.super":
        return None
    owner = next((one for one in module.ancestors(call) if isinstance(one, ast.ClassDef)), None)
    if owner is None:
        return None
    found = classes.method(Class(module, owner), func.attr, beyond=True)
    if found.functions:
        return Callee(call, How.CALL, found.functions)
    if found.base is not None:
        return Callee(call, How.CALL, libraries=(f"{found.base}.{func.attr}",))
    if found.missing:
        return Callee(call, How.CALL, libraries=(f"builtins.object.{func.attr}",))
    return Callee(call, How.CALL, unknown=f"a base of {owner.name} is unknown")


def _constructed(call: ast.Call, cls: Class) -> Callee:
    """Return what runs when an instance of *cls* is made."""
    functions: dict[Function, None] = {}
    libraries: dict[str, None] = {}
    unknown = None
    for one in lineage(cls):
        if one is None:
            unknown = f"a base of {cls.node.name} is unknown"
        elif isinstance(one, Library):
            libraries[one.name] = None
        else:
            for name in SETTING_UP:
                if not any(getattr(f.node, "name", "") == name for f in functions):
                    functions |= dict.fromkeys(classes.own_functions(one, name)[-1:])
            functions |= dict.fromkeys(_validators(one))
    if any(getattr(one.node, "name", "") == "__init__" for one in functions):
        libraries, unknown = {}, None
    return Callee(call, How.CALL, tuple(functions), tuple(libraries), unknown)


def _validators(cls: Class) -> Iterator[Function]:
    for node in cls.node.body:
        if isinstance(node, ast.FunctionDef) and VALIDATORS & set(decorators(cls.module, node)):
            yield Function(cls.module, node)


def _of_read(module: Module, node: ast.Attribute) -> Iterator[Callee]:
    parent = module.parents.get(node)
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    owner = value(module, node.value)
    if not isinstance(owner, Instance) or not isinstance(owner.of, Class):
        return
    for one in lineage(owner.of):
        if not isinstance(one, Class):
            return
        functions = classes.own_functions(one, node.attr)
        if functions:
            if PROPERTIES & set(decorators(one.module, functions[0].node)):
                others = classes.overriding(owner.of, node.attr)
                yield Callee(node, How.READ, (functions[0], *others))
            return


def _of_with(module: Module, node: ast.With | ast.AsyncWith, given: ast.expr) -> Iterator[Callee]:
    found = value(module, given)
    if isinstance(found, Instance) and isinstance(found.of, Class):
        prefix = "__a" if isinstance(node, ast.AsyncWith) else "__"
        for name in ("enter__", "exit__"):
            yield _method(given, found.of, f"{prefix}{name}", How.ENTER)


def _of_loop(module: Module, node: ast.AST, given: ast.expr) -> Iterator[Callee]:
    found = value(module, given)
    if isinstance(found, Instance) and isinstance(found.of, Class):
        is_async = isinstance(node, ast.AsyncFor) or getattr(node, "is_async", False)
        yield _method(given, found.of, "__aiter__" if is_async else "__iter__", How.ITERATE)


def _wrappers(module: Module, function: ast.AST) -> Iterator[Callee]:
    """Yield what decorators put around *function*, the outermost first."""
    for decorator in getattr(function, "decorator_list", ()):
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = name_of(module, target)
        if name in TRANSPARENT | PROPERTIES | HARMLESS or name in CONTEXT_MANAGERS:
            continue
        if isinstance(target, ast.Attribute) and target.attr in ("setter", "deleter", "getter"):
            continue
        around = _given_back(module, decorator, function)
        if around is not None:
            if around:
                yield Callee(decorator, How.WRAP, around)
            continue
        if isinstance(target, ast.Attribute) and _registers(module, target):
            continue
        if name is not None and module.project.module(name.rpartition(".")[0]) is None:
            yield Callee(decorator, How.WRAP, libraries=(name,))
        else:
            why = f"the decorator `{_short(target)}` is not understood"
            yield Callee(decorator, How.WRAP, unknown=why)


def _given_back(
    module: Module, decorator: ast.expr, function: ast.AST
) -> tuple[Function, ...] | None:
    """Return what a decorator of the project puts in the place of a function; None if unknown.

    Nothing when it hands the function itself back.
    """
    made = value(module, decorator.func if isinstance(decorator, ast.Call) else decorator)
    found: list[Function | str] = [made] if isinstance(made, Function) else []
    for _ in range(2 if isinstance(decorator, ast.Call) else 1):
        found = [one for maker in found if isinstance(maker, Function) for one in _results(maker)]
    functions = tuple(plain(one) for one in found if isinstance(one, Function))
    return functions if found else None


def made_function(module: Module, node: ast.expr) -> Function | None:
    """Return the function that *node* is, by its name or as what one of the project gives."""
    found = value(module, node)
    if isinstance(found, Function):
        return found
    maker = value(module, node.func) if isinstance(node, ast.Call) else None
    made = _results(maker) if isinstance(maker, Function) else []
    only = made[0] if len(made) == 1 else None
    return only if isinstance(only, Function) else None


def _results(function: Function) -> list[Function | str]:
    """Return the functions that *function* gives, and the names of its parameters that it does."""
    node, module = function.node, function.module
    if isinstance(node, ast.Lambda):
        return []
    found: list[Function | str] = []
    names = {one.arg for one in (*node.args.posonlyargs, *node.args.args)}
    for one in function_parts(module, node).returns:
        given = _unwrapped(module, one.value)
        inner = value(module, given) if given is not None else None
        if isinstance(inner, Function):
            found.append(inner)
        elif isinstance(given, ast.Name) and given.id in names:
            found.append(given.id)
    return found


def _unwrapped(module: Module, node: ast.expr | None) -> ast.expr | None:
    """See through ``return cast(T, wrapper)`` and ``return wraps(f)(wrapper)``."""
    if isinstance(node, ast.Call) and node.args:
        func = node.func
        if name_of(module, func) == "typing.cast" and len(node.args) == 2:
            return node.args[1]
        if isinstance(func, ast.Call) and name_of(module, func.func) == "functools.wraps":
            return node.args[0]
    return node


def _registers(module: Module, target: ast.Attribute) -> bool:
    """Say whether a decorator only tells a framework about the function."""
    if target.attr not in REGISTERING:
        return False
    found = value(module, target.value)
    return isinstance(found, Instance) and isinstance(found.of, Library | Class)


@dataclass(frozen=True, slots=True)
class Use:
    """A place that names a function: *around* is the function it stands in, None at the top.

    *is_call* tells calls from places that hand it over. With *sure* False the receiver is
    unknown, or the name stands in a string: it may be something else.
    """

    module: Module
    node: ast.AST
    around: ast.AST | None
    is_call: bool
    sure: bool = True


def callers(function: Function, *, tests: bool = False) -> tuple[Use, ...]:
    """Return the places that name *function*: calls, and others that may lead to calls.

    The places that make an object of a class are those that run its ``__init__``.
    """
    memo = function.module.project.memo.callers
    key = (function.node, tests)
    if key not in memo:
        memo[key] = tuple(_callers(function, tests=tests))
    return memo[key]


def _callers(function: Function, *, tests: bool) -> Iterator[Use]:
    word = _word_for(function)
    if word is None:
        return
    for module in function.module.project.modules_with(word.encode(), tests=tests):
        names = {word, *module.renamed.get(word, ())}
        nodes = [node for name in names for node in module.mentions.get(name, ())]
        for node in sorted(nodes, key=lambda one: (one.lineno, one.col_offset)):
            use = _use(module, node, function)
            if use is not None:
                yield use


def _word_for(function: Function) -> str | None:
    """Return the word that stands wherever *function* is called."""
    if isinstance(function.node, ast.Lambda):
        return None
    owner = function.module.scopes.outer(function.node)
    makes = function.node.name in SETTING_UP and isinstance(owner, ast.ClassDef)
    return owner.name if makes and isinstance(owner, ast.ClassDef) else function.node.name


def _use(module: Module, node: ast.expr, function: Function) -> Use | None:
    around = module.function(node)
    if isinstance(node, ast.Constant):
        return Use(module, node, around, is_call=False, sure=False)
    parent = module.parents.get(node)
    is_call = isinstance(parent, ast.Call) and parent.func is node
    found = value(module, node)
    if isinstance(found, Function) and found.node is function.node:
        return Use(module, node, around, is_call)
    if is_call and isinstance(parent, ast.Call):
        runs = resolve(module, parent).functions
        if any(one.node is function.node for one in runs):
            return Use(module, node, around, is_call)
    if found is None and isinstance(node, ast.Attribute) and _may_be_method(module, node, function):
        return Use(module, node, around, is_call, sure=False)
    return None


def _may_be_method(module: Module, node: ast.Attribute, function: Function) -> bool:
    """Say whether ``x.name`` of an unknown x may be *function*: only methods are read so."""
    owner = function.module.scopes.outer(function.node)
    return isinstance(owner, ast.ClassDef) and value(module, node.value) is None


def functions_in(module: Module) -> Iterable[Function]:
    """Return all functions that *module* defines, lambdas aside."""
    return [
        Function(module, node)
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def argument_for(
    module: Module, function: Function, parameter: str, call: ast.AST
) -> ast.expr | None:
    """Return what *call* in *module* passes for *parameter*; None when that cannot be seen."""
    args = function.node.args
    names = [one.arg for one in (*args.posonlyargs, *args.args)]
    if not isinstance(call, ast.Call):
        return None
    given = next((one.value for one in call.keywords if one.arg == parameter), None)
    if given is not None or parameter not in names:
        return given
    number = names.index(parameter) - _is_bound(module, function, call)
    before = call.args[: number + 1]
    if number < 0 or len(before) <= number or any(isinstance(one, ast.Starred) for one in before):
        return None
    return before[number]


def _is_bound(module: Module, function: Function, call: ast.Call) -> bool:
    """Say whether the first parameter is passed by what the method is read from."""
    if not is_method(function):
        return False
    if not isinstance(call.func, ast.Attribute) or is_made_by(function, call):
        return True
    is_class = isinstance(value(module, call.func.value), Class)
    marks = decorators(function.module, function.node)
    return not is_class or "builtins.classmethod" in marks


def is_made_by(function: Function, call: ast.AST) -> bool:
    """Say whether *call* makes the object that *function* sets up."""
    name = getattr(function.node, "name", "")
    if not isinstance(call, ast.Call) or name not in SETTING_UP:
        return False
    return not isinstance(call.func, ast.Attribute) or call.func.attr != name


def first_parameter(function: Function) -> str | None:
    """Return the name of the first parameter of *function*, ``self`` in most methods."""
    args = function.node.args
    return next((one.arg for one in (*args.posonlyargs, *args.args)), None)


def is_method(function: Function) -> bool:
    """Say whether the first parameter of *function* is what it is called on."""
    owner = function.module.scopes.outer(function.node)
    if not isinstance(owner, ast.ClassDef) or isinstance(function.node, ast.Lambda):
        return False
    return "builtins.staticmethod" not in decorators(function.module, function.node)
