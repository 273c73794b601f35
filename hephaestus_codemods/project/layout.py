"""Says under which dotted name the project imports each of its files, and finds files by name.

The root of a file is the first folder without ``__init__.py``. Folders without one may also be
namespace packages: then the way the project's own files import each other decides.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

IMPORTED = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)(?=[ \t.,;]|$)", re.MULTILINE)
TESTS = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")


def is_test(path: str) -> bool:
    """Say whether *path* belongs to tests, whose patches do not concern production code."""
    return TESTS.search(path) is not None


@dataclass
class Layout:
    """The Python files of a project, by path and by dotted name.

    *read* is asked only where folders without ``__init__.py`` leave a choice.
    """

    paths: Collection[str]
    read: Callable[[str], bytes | None]
    _names: dict[str, str] = field(default_factory=dict)
    _roots: dict[str, str] = field(default_factory=dict)

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths of all Python files."""
        return frozenset(path for path in self.paths if path.endswith(".py"))

    @cached_property
    def folders(self) -> frozenset[str]:
        """The folders that hold a Python file, at any depth; the root is ``""``."""
        found: set[str] = set()
        for path in self.files:
            folder = parent(path)
            while folder not in found:
                found.add(folder)
                folder = parent(folder)
        return frozenset(found)

    def name(self, path: str) -> str:
        """Return the dotted name under which *path* is imported."""
        name = self._names.get(path)
        if name is None:
            name = self._names[path] = dotted(path, self.root(path))
        return name

    def root(self, path: str) -> str:
        """Return the folder from which *path* is imported."""
        folder = parent(path)
        while folder and f"{folder}/__init__.py" in self.files:
            folder = parent(folder)
        found = self._roots.get(folder)
        if found is None:
            found = self._roots[folder] = self._chosen_root(folder)
        return found

    def _chosen_root(self, folder: str) -> str:
        """Choose among *folder* and those above it the one that imports speak for."""
        if folder == "" or folder.rpartition("/")[2] == "src":
            return folder
        scored = [(self._score(folder, root), root) for root in (folder, *above(folder))]
        best = max(score for score, _ in scored)
        return next(root for score, root in scored if score == best) if best else folder

    def _score(self, folder: str, root: str) -> int:
        """Count the imports under *root* that *root* would serve with files of *folder*."""
        if root != folder:
            below = folder[len(root) :].lstrip("/").partition("/")[0]
            return self._imports(root)[below]
        return sum(
            count
            for name, count in self._imports(folder).items()
            if self._has(f"{folder}/{name}") and name not in self._shadowed
        )

    _shadowed = frozenset({"redis", "celery", "typing", "types", "logging", "email", "enum"})

    def _has(self, stem: str) -> bool:
        return f"{stem}.py" in self.files or stem in self.folders

    def _imports(self, root: str) -> Counter[str]:
        found = self._imports_by_root.get(root)
        if found is None:
            found = self._imports_by_root[root] = Counter()
            for path, names in self._tops.items():
                if not root or path.startswith(f"{root}/"):
                    found.update(names)
        return found

    @cached_property
    def _imports_by_root(self) -> dict[str, Counter[str]]:
        return {}

    @cached_property
    def _tops(self) -> dict[str, set[str]]:
        """The first parts of what each file imports absolutely."""
        found = {}
        for path in sorted(self.files):
            raw = self.read(path) or b""
            found[path] = {name.decode() for name in IMPORTED.findall(raw)}
        return found

    @cached_property
    def _by_last(self) -> dict[str, list[str]]:
        """The paths by the last part of their dotted name."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.files):
            if f"{path.removesuffix('.py')}/__init__.py" in self.files:
                continue  # Python imports the package beside it.
            stem = path.removesuffix(".py").removesuffix("/__init__")
            found[stem.rpartition("/")[2]].append(path)
        return found

    def find(self, name: str, near: str | None = None) -> str | None:
        """Return the path that ``import name`` reads in file *near*, or None.

        Several services of one repository may each have an ``app.db``: then the one that shares
        most folders with *near* is meant; without such a one nothing is.
        """
        found = [path for path in self._candidates(name) if path != near or "." in name]
        if near is None:
            return found[0] if len(found) == 1 else None
        serving = [path for path in found if self._serves(path, name, near)]
        found = serving or [path for path in found if "." in name or "src" in path.split("/")]
        shared = [(shared_folders(path, near), path) for path in found]
        best = max((score for score, _ in shared), default=0)
        chosen = [path for score, path in shared if score == best]
        return chosen[0] if len(chosen) == 1 else None

    def _serves(self, path: str, name: str, near: str) -> bool:
        root = folder_above(path, name)
        return root == "" or near.startswith(f"{root}/")

    def _candidates(self, name: str) -> Iterator[str]:
        stem = name.replace(".", "/")
        for path in self._by_last.get(name.rpartition(".")[2], ()):
            if self.name(path) == name:
                yield path
            elif "." in name and f"/{path}".endswith((f"/{stem}.py", f"/{stem}/__init__.py")):
                # Imported under a second name: the project's files must do so themselves.
                root = folder_above(path, name)
                if f"{root}/__init__.py" not in self.files and not self._has_name(name):
                    yield path

    def _has_name(self, name: str) -> bool:
        last = self._by_last.get(name.rpartition(".")[2], ())
        return any(self.name(path) == name for path in last)

    def is_package(self, name: str, near: str | None = None) -> bool:
        """Say whether *name* is a folder of the project without ``__init__.py``."""
        stem = name.replace(".", "/")
        roots = {self.root(near)} if near is not None else set(self._roots.values()) or {""}
        return any((f"{root}/{stem}" if root else stem) in self.folders for root in roots)


def parent(path: str) -> str:
    """Return the folder of *path*; that of a file at the top is ``""``."""
    return path.rpartition("/")[0]


def above(folder: str) -> Iterator[str]:
    """Yield the folders above *folder*, the nearest first."""
    while folder:
        folder = parent(folder)
        yield folder


def folder_above(path: str, name: str) -> str:
    """Return the folder from which *path* has the dotted *name*."""
    stem = path.removesuffix(".py").removesuffix("/__init__")
    return stem[: len(stem) - len(name)].rstrip("/")


def dotted(path: str, root: str) -> str:
    """Return the dotted name of *path* seen from *root*."""
    stem = path[len(root) + 1 if root else 0 :].removesuffix(".py")
    stem = stem.removesuffix("/__init__") if stem != "__init__" else "__init__"
    return stem.replace("/", ".")


def shared_folders(one: str, other: str) -> int:
    """Count the folders that two paths share."""
    count = 0
    for left, right in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if left != right:
            break
        count += 1
    return count
