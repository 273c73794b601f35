"""What a TTL is: known to be positive, likely to be, or neither."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.rule import Established, Precondition, Refusal
from hephaestus_rules.redis_roundtrip_collapse.keys import is_repeatable

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

UNITS: Final = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
#: Functions that compute and do nothing else; a clock and dice may be asked a moment earlier.
CALCULATIONS: Final = frozenset(
    """builtins.int builtins.max builtins.min builtins.round builtins.abs math.ceil math.floor
    random.randint random.uniform random.random random.randrange random.choice time.time
    datetime.timedelta datetime.datetime.now datetime.datetime.utcnow""".split()
)
NAME: Final = "the TTL is a positive whole number or a timedelta"


def lifetime(module: Module, node: ast.expr) -> Precondition | Refusal:
    """Say how sure it is that ``ex=`` accepts *node* as ``EXPIRE`` does.

    ``EXPIRE key 0`` deletes the key, while ``SET … EX 0`` is an error.
    """
    value = constant(module, node)
    if isinstance(value, bool | float | str | bytes):
        message = f"{value!r} is not a whole number of seconds"
        return Refusal("ttl-not-an-integer", message)
    if isinstance(value, int):
        if value <= 0:
            return Refusal("ttl-not-positive", f"a TTL of {value} deletes the key")
        return Precondition(NAME, Established.PROVED, f"{value} seconds")
    length = _timedelta(module, node)
    if length is not None:
        if length <= 0:
            return Refusal("ttl-not-positive", "a timedelta that is not positive deletes the key")
        return Precondition(NAME, Established.PROVED, "a positive timedelta")
    if not _is_arithmetic(module, node):
        message = "the TTL is computed by a call that would now run before the first command"
        return Refusal("ttl-computed", message)
    return Precondition(
        NAME, Established.ASSUMED, f"{module.source.segment(node)} is not a constant"
    )


def constant(module: Module, node: ast.expr) -> object:
    """Return the value of a constant, of arithmetic on constants, or of a constant's name."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = constant(module, operand)
            return -inner if isinstance(inner, int | float) else None
        case ast.BinOp(left=left, op=ast.Mult() | ast.Add() as op, right=right):
            one, other = constant(module, left), constant(module, right)
            if type(one) is int and type(other) is int:
                return one * other if isinstance(op, ast.Mult) else one + other
            return None
        case ast.Name() | ast.Attribute():
            return _named(module, node)
    return None


def _named(module: Module, node: ast.expr) -> object:
    """Return the value of a name that a module of the project binds once, at its top."""
    name = module.qualified_name(node)
    if name is None:
        return None
    holder, _, plain = name.rpartition(".")
    home = module if holder == module.name else module.project.module(holder, module.path)
    if home is None:
        return None
    values = [
        one.value
        for one in home.tree.body
        if isinstance(one, ast.Assign | ast.AnnAssign)
        and any(isinstance(t, ast.Name) and t.id == plain for t in _targets(one))
    ]
    if len(values) != 1 or not isinstance(values[0], ast.Constant | ast.BinOp | ast.UnaryOp):
        return None
    return constant(home, values[0])


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def known_length(module: Module, node: ast.expr) -> float | None:
    """Return the whole number that *node* is, or the seconds of a timedelta, when it is known."""
    value = constant(module, node)
    if type(value) is int:
        return value
    return _timedelta(module, node) if value is None else None


def _timedelta(module: Module, node: ast.expr) -> float | None:
    """Return the seconds of ``timedelta(…)`` with constant arguments."""
    if not isinstance(node, ast.Call) or module.qualified_name(node.func) != "datetime.timedelta":
        return None
    given = [("days", one) for one in node.args[:1]] + [
        (k.arg or "", k.value) for k in node.keywords
    ]
    values = [(UNITS.get(unit), constant(module, one)) for unit, one in given]
    if len(node.args) > 1 or not all(unit and isinstance(n, int) for unit, n in values):
        return None
    return float(sum(unit * n for unit, n in values if unit and isinstance(n, int)))


def _is_arithmetic(module: Module, node: ast.expr) -> bool:
    """Say whether *node* only computes a number or timedelta, and asks nobody."""
    if is_repeatable(module, node):
        return True
    match node:
        case ast.BinOp(left=left, right=right):
            return _is_arithmetic(module, left) and _is_arithmetic(module, right)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _is_arithmetic(module, inner)
        case ast.BoolOp(values=values):
            return all(_is_arithmetic(module, one) for one in values)
        case ast.Call():
            given = (*node.args, *(one.value for one in node.keywords))
            if not all(_is_arithmetic(module, one) for one in given):
                return False
            if isinstance(node.func, ast.Attribute) and node.func.attr == "total_seconds":
                return not given and _is_arithmetic(module, node.func.value)
            return module.qualified_name(node.func) in CALCULATIONS
    return False
