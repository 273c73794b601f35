"""toy-faults: breaks a promise, raises, dies or never ends, as the called name says."""

from __future__ import annotations

import ast
import os
import signal
import time
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Change, Edit, Finding, Options, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module


def find(module: Module, options: Options) -> Iterator[Finding]:
    """Misbehave for each ``fault.KIND()``."""
    for call in module.calls:
        match call.func:
            case ast.Attribute(ast.Name("fault"), "broken"):
                edit = Edit(*module.source.span(call), "not python (")
                yield Finding(call, "this breaks the file", change=lambda e=edit: Change((e,)))
            case ast.Attribute(ast.Name("fault"), "raises"):
                raise KeyError("a fault of the rule")
            case ast.Attribute(ast.Name("fault"), "dies"):
                os.kill(os.getpid(), signal.SIGKILL)
            case ast.Attribute(ast.Name("fault"), "waits"):
                time.sleep(60)


RULE = Rule(__name__, summary="Do what no rule may do", find=find, needles=((b"fault.",),))
