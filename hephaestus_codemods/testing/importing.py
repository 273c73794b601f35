"""Importing the files of a case from memory, so that its assertions can run."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType


@dataclass(frozen=True)
class Files(MetaPathFinder):
    """Finds modules among *sources*: dotted name → text; folders count as packages."""

    sources: Mapping[str, bytes]

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Answer for the modules of the case and the packages around them."""
        package = any(name.startswith(f"{fullname}.") for name in self.sources)
        if fullname not in self.sources and not package:
            return None
        loader = Text(self.sources.get(fullname, b""))
        return ModuleSpec(fullname, loader, origin=f"<{fullname}>", is_package=package)


@dataclass(frozen=True)
class Text(InspectLoader):
    """Loads one module from its text."""

    text: bytes

    def get_source(self, fullname: str) -> str:
        """Return the text, for tracebacks."""
        return self.text.decode("utf-8-sig")


@contextmanager
def importable(sources: Mapping[str, bytes]) -> Iterator[None]:
    """Let the block import *sources*; afterwards ``sys.modules`` is as it was."""
    roots = {name.partition(".")[0] for name in sources}
    before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in roots}
    finder = Files(sources)
    _forget(roots)
    sys.meta_path.insert(0, finder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _forget(roots)
        sys.modules.update(before)


def _forget(roots: set[str]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
        del sys.modules[name]
