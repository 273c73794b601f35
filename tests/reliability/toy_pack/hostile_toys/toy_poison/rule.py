"""Does to its process what the file says: ``poison("abort")`` aborts it."""

from __future__ import annotations

import ast
import ctypes
import os
import sys
import time
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Finding, Rule, Safety

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Options

KEPT: list[bytearray] = []


def _hoard() -> None:
    """Eat all memory that there is, and never give it back."""
    size = 64 << 20
    while size > 4096:
        try:
            KEPT.append(bytearray(size))
        except MemoryError:
            size //= 2
    raise MemoryError


def _leak_handles() -> None:
    while True:
        os.dup(0)


def _recurse(depth: int = 0) -> int:
    return _recurse(depth + 1) + 1


def _raise() -> None:
    raise KeyError("a fault of the rule")


def _overflow() -> None:
    """Overflow the stack of C, which no limit of Python sees."""
    callback = ctypes.CFUNCTYPE(ctypes.c_int)

    def down() -> int:
        return int(callback(down)())

    sys.setrecursionlimit(10**9)
    down()


POISONS: Mapping[str, Callable[[], object]] = {
    "segv": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "oom": _hoard,
    "hang": lambda: time.sleep(600),
    "raise": _raise,
    "exit": sys.exit,
    "recursion": _recurse,
    "handles": _leak_handles,
    "vanish": lambda: os._exit(0),
    "busy in C": lambda: sum(range(10**12)),
    "stack": _overflow,
}


def find(module: Module, options: Options) -> Iterator[Finding]:
    for call in module.calls:
        match call:
            case ast.Call(func=ast.Name("poison"), args=[ast.Constant(str(kind))]):
                POISONS[kind]()
                yield Finding(call, "survived")


RULE = Rule(__name__, "Do harm", find, needles=((b"poison",),), safety=Safety.SAFE, in_tests=True)
