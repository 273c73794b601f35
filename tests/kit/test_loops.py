"""Loops as text: what in them depends on the item, what they change, and what can be repeated."""

import ast

import pytest

from hephaestus_codemods.kit.loops import (
    Loop,
    assigned_in,
    changed_in,
    is_computable,
    is_condition,
    loop_around,
    runs_first,
)
from hephaestus_codemods.project.module import Module
from hephaestus_codemods.project.project import Project


def module_of(text: str) -> Module:
    """Return *text* as a module."""
    return Project.from_files({"app.py": text}).module_at("app.py")


def marked(module: Module) -> ast.Call:
    """Return the call ``here(…)``."""
    return next(one for one in module.calls if ast.unparse(one.func) == "here")


def loop_of(text: str) -> Loop | None:
    """Return the loop around ``here(…)``."""
    module = module_of(text)
    return loop_around(module, marked(module))


#: What runs over what, as text; None where nothing runs once for each item, or not at once.
LOOPS = {
    "for x in xs:\n    here(x)": "x in xs",
    "for x in xs:\n    if x:\n        y = [here(x)]": "x in xs",
    "for a in b:\n    for x in xs:\n        here(x)": "x in xs",
    "y = [here(x) for x in xs]": "x in xs",
    "y = {here(x): 1 for x in xs if x}": "x in xs",
    "y = {x for x in xs if here(x)}": "x in xs",
    "for a in b:\n    y = [x for x in here(a)]": "a in b",
    "for a in b:\n    f(x for x in here(a))": "a in b",
    "for x in here(xs):\n    pass": None,
    "for x in xs:\n    pass\nelse:\n    here(x)": None,
    "y = (here(x) for x in xs)": None,
    "y = [here(x, z) for x in xs for z in x]": None,
    "for x in xs:\n    def f():\n        here(x)": None,
    "for x in xs:\n    while x:\n        here(x)": None,
    "async def f():\n    async for x in xs:\n        here(x)": None,
    "y = [x for x in here(xs)]": None,
    "here(x)": None,
}


@pytest.mark.parametrize("text", LOOPS)
def test_the_loop_around(text: str) -> None:
    """The innermost one, if the place surely runs once for each of its items."""
    loop = loop_of(text)
    found = None if loop is None else f"{ast.unparse(loop.target)} in {ast.unparse(loop.iterable)}"

    assert found == LOOPS[text]


VARIES = {
    "for x in xs:\n    here(x)": True,
    "for x, y in xs:\n    here(f(y))": True,
    "for x in xs:\n    z = 1\n    here(z)": True,
    "for x in xs:\n    with open(p) as z:\n        here(z)": True,
    "for x in xs:\n    f(z := 1)\n    here(z.a)": True,
    "z = 1\nfor x in xs:\n    here(z)": False,
    "for x in xs:\n    here(1)": False,
}


@pytest.mark.parametrize("text", VARIES)
def test_what_varies(text: str) -> None:
    """All that reads a name which the loop binds."""
    loop = loop_of(text)
    assert loop is not None

    assert loop.varies(marked(loop.module)) is VARIES[text]


#: The body of ``for x in xs``, and what of ``x.key`` and ``xs`` it changes.
CHANGES = {
    "here(x.key); x.other = 1": None,
    "here(x.key); ys.append(x)": None,
    "here(x.key); y[x.key] = 1": None,
    "here(x.key); x.key = 1": "x.key",
    "here(x.key); del x.key": "x.key",
    "here(x.key); x.key += 1": "x.key",
    "here(x.key); x.update(a)": "x",
    "here(x.key); xs.append(1)": None,
    "here(x['key']); x['key'] = 1": "x['key']",
    "here(x['key']); x['other'] = 1": None,
    "here(x['key']); x[other] = 1": "x",
    "here(x['key']); x.pop('key')": "x",
    "here(xs); xs.append(1)": "xs",
    "here(xs); xs[0] = 1": None,
    "here(xs); del xs[n]": "xs",
}


@pytest.mark.parametrize("text", CHANGES)
def test_what_a_loop_changes(text: str) -> None:
    """Of the parts that an expression looks at."""
    loop = loop_of(f"for x in xs:\n    {text}")
    assert loop is not None

    changed = changed_in(loop, marked(loop.module).args[0])

    assert (None if changed is None else ast.unparse(changed)) == CHANGES[text]


FIRST = {
    "y = [here(x) for x in xs]": True,
    "y = f([here(x) for x in xs], g())": True,
    "y = f(g(), [here(x) for x in xs])": False,
    "y = [here(x) for x in xs] if a else b": False,
    "y = a and [here(x) for x in xs]": False,
    "while [here(x) for x in xs]:\n    pass": False,
    "if a:\n    pass\nelif [here(x) for x in xs]:\n    pass": False,
    "if [here(x) for x in xs]:\n    pass": True,
    "y = [[here(x) for x in xs] for z in zs]": False,
    "for x in xs:\n    here(x)": True,
}


@pytest.mark.parametrize("text", FIRST)
def test_what_runs_first(text: str) -> None:
    """Code in front of the statement runs just before the loop, and only when it does."""
    loop = loop_of(text)
    assert loop is not None

    assert runs_first(loop) is FIRST[text]


ASSIGNED = {
    "y = x.a\n    here(y)": "x.a",
    "if x:\n        y = x.a\n    here(y)": None,
    "if x:\n      y = x.a\n      here(y)": "x.a",
    "y = 1\n    y = 2\n    here(y)": None,
    "y, z = x\n    here(y)": None,
}


@pytest.mark.parametrize("text", ASSIGNED)
def test_what_a_variable_of_the_body_is(text: str) -> None:
    """The one assignment that has run before in the same round."""
    loop = loop_of(f"def f(xs):\n  for x in xs:\n    {text}")
    assert loop is not None
    name = marked(loop.module).args[0]
    assert isinstance(name, ast.Name)

    found = assigned_in(loop, name)

    assert (None if found is None else ast.unparse(found.value)) == ASSIGNED[text]


COMPUTABLE = {
    "x": True,
    "x.a['b'][0]": True,
    "1": True,
    "int(x.a)": True,
    "str(int(x))": True,
    "x.get('key')": True,
    "x.get('key', 0)": True,
    "f'{x.a}-{y}'": True,
    "uuid.UUID(x)": True,
    "f(x)": False,
    "x.get(key)": False,
    "x.get('key', f())": False,
    "int(f(x))": False,
    "int(*x)": False,
    "f'{x:{f()}}'": False,
    "x + 1": False,
    "x[f()]": False,
}


@pytest.mark.parametrize("text", COMPUTABLE)
def test_what_can_be_computed_twice(text: str) -> None:
    """Reading and converting plain values, and no more."""
    module = module_of(f"import uuid\nhere({text})")

    assert is_computable(module, marked(module).args[0]) is COMPUTABLE[text]


CONDITIONS = {
    "x": True,
    "not x.a": True,
    "x.a is None": True,
    "x.a in ('a', 'b') and x.b != 1": True,
    "x.a in known": True,
    "len(x.a) > 1": True,
    "isinstance(x, str)": True,
    "int(x) == 1": True,
    "f(x)": False,
    "x.a in f()": False,
    "f(x) == 1": False,
    "(y := x)": False,
}


@pytest.mark.parametrize("text", CONDITIONS)
def test_what_is_a_condition(text: str) -> None:
    """Comparisons and combinations of what can be computed twice."""
    module = module_of(f"here({text})")

    assert is_condition(module, marked(module).args[0]) is CONDITIONS[text]
