"""The target as a whole: its files, its modules by name, and what was asked of them.

Nothing is read before it is asked for, nothing is imported or executed.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from hephaestus_codemods.project.answers import Answers
from hephaestus_codemods.project.classes import Bases, bases_of, property_names
from hephaestus_codemods.project.glance import names_that_ask
from hephaestus_codemods.project.infer import class_named
from hephaestus_codemods.project.layout import Layout, is_test
from hephaestus_codemods.project.models import Model, model_of
from hephaestus_codemods.project.module import Module
from hephaestus_codemods.project.parse import Parsed, parse
from hephaestus_codemods.project.scopes import Scopes
from hephaestus_codemods.project.source import Source, UnreadableSource, decode

if TYPE_CHECKING:
    import ast
    from collections.abc import Collection, Iterator, Mapping

    from hephaestus_codemods.project.callgraph import Callee, Use
    from hephaestus_codemods.project.deployment import Deployment
    from hephaestus_codemods.project.effects.model import Summary
    from hephaestus_codemods.project.names import Symbols
    from hephaestus_codemods.project.target import Target
    from hephaestus_codemods.project.values import Class, Function, Value
    from hephaestus_codemods.project.web.application import Web
    from hephaestus_codemods.project.web.routes import Table


#: Stands, among the files that an answer rests on, for all Python files together.
EVERY: Final = "**/*.py"


class FileView(Protocol):
    """The files of the target as the engine sees them: with the edits made so far, or none."""

    @property
    def paths(self) -> Collection[str]:
        """The paths of all files that facts may be read from, relative, with forward slashes."""

    def read(self, path: str) -> bytes | None:
        """Return the bytes of *path*, or None when there is no such file."""


@dataclass(frozen=True)
class Files:
    """A view of files that are in memory."""

    contents: Mapping[str, bytes]

    @property
    def paths(self) -> Collection[str]:
        """The paths of all files."""
        return self.contents.keys()

    def read(self, path: str) -> bytes | None:
        """Return the bytes of *path*, or None when there is no such file."""
        return self.contents.get(path)


@dataclass(frozen=True)
class Overlay:
    """A view in which one file has other contents."""

    below: FileView
    path: str
    raw: bytes

    @cached_property
    def paths(self) -> Collection[str]:
        """The paths of all files."""
        paths = self.below.paths
        return paths if self.path in paths else {*paths, self.path}

    def read(self, path: str) -> bytes | None:
        """Return the bytes of *path*, or None when there is no such file."""
        return self.raw if path == self.path else self.below.read(path)


@dataclass(frozen=True, slots=True)
class Digests:
    """The hashes of files, each computed once."""

    view: FileView
    known: dict[str, str | None] = field(default_factory=dict)

    def of(self, path: str) -> str | None:
        """Return the hash of *path*'s bytes, None when it is not there; of all files for EVERY."""
        if path not in self.known:
            raw = self._of_all() if path == EVERY else self.view.read(path)
            self.known[path] = None if raw is None else hashlib.sha256(raw).hexdigest()
        return self.known[path]

    def _of_all(self) -> bytes:
        """Return what differs when any Python file does."""
        paths = sorted(path for path in self.view.paths if path.endswith(".py"))
        lines = (f"{path}\0{self.of(path)}\n" for path in paths)
        return "".join(lines).encode("utf-8", "surrogateescape")


@dataclass(slots=True)
class Memo:
    """Answers given before; they hold for one state of the project."""

    exports: Answers[Symbols] = field(default_factory=Answers)
    values: Answers[Value | None] = field(default_factory=Answers)
    models: dict[Class, Model | None] = field(default_factory=dict)
    subclasses: dict[tuple[str, ast.ClassDef], tuple[Class, ...]] = field(default_factory=dict)
    resolved: dict[tuple[str, ast.Call], Callee] = field(default_factory=dict)
    callees: dict[tuple[str, ast.AST], tuple[Callee, ...]] = field(default_factory=dict)
    own_nodes: dict[ast.AST, list[ast.AST]] = field(default_factory=dict)
    summaries: dict[ast.AST, Summary] = field(default_factory=dict)
    callers: dict[tuple[ast.AST, bool], tuple[Use, ...]] = field(default_factory=dict)
    ancestries: dict[str, frozenset[str]] = field(default_factory=dict)
    roots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: What rules work out about the project as a whole, by who asked what.
    others: dict[object, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """A file that parses, and what is known of it without the rest of the project."""

    source: Source
    parsed: Parsed
    scopes: Scopes


@dataclass(slots=True)
class Consulted:
    """Which files the answers about each file rest on.

    Answers are remembered, so a file read for an earlier question counts for later ones too:
    *edges* keeps what was read on behalf of each file, *common* what was read for nobody in
    particular.
    """

    edges: dict[str, set[str]] = field(default_factory=dict)
    common: set[str] = field(default_factory=set)
    open: list[set[str]] = field(default_factory=list)

    def note(self, path: str, near: str | None = None, *, is_root: bool = False) -> None:
        """Note that *path* was read, for file *near* if that is known."""
        if near is not None:
            self.edges.setdefault(near, set()).add(path)
        elif is_root and self.open and not self.open[-1]:
            self.open[-1].add(path)
        elif not (self.open and path in self.open[-1]):
            self.common.add(path)

    def start(self) -> set[str]:
        """Begin to collect; the first file asked for is what the questions are about."""
        self.open.append(set())
        return self.open[-1]

    def stop(self, asked: set[str]) -> set[str]:
        """Return *asked*, with all files that its answers rest on."""
        self.open.remove(asked)
        found: set[str] = set()
        todo = [*asked, *self.common]
        while todo:
            path = todo.pop()
            if path not in found:
                found.add(path)
                todo += self.edges.get(path, ())
        return found


class Project:
    """The facts about one state of the target, computed when they are asked for."""

    def __init__(self, view: FileView) -> None:
        self.view = view
        self.memo = Memo()
        self._reads: dict[str, Read | UnreadableSource] = {}
        self._modules: dict[str, Module] = {}
        self._consulted = Consulted()

    @classmethod
    def from_files(cls, files: Mapping[str, str | bytes]) -> Project:
        """Return a project whose files are the values of *files*."""
        raw = {p: c.encode() if isinstance(c, str) else c for p, c in files.items()}
        return cls(Files(raw))

    @cached_property
    def layout(self) -> Layout:
        """The dotted names of the project's files."""
        return Layout(self.view.paths, self._read_among_all)

    @property
    def files(self) -> Collection[str]:
        """The paths of all files that facts may be read from."""
        return self.view.paths

    @cached_property
    def target(self) -> Target:
        """The versions of Python and of libraries that the manifests allow."""
        from hephaestus_codemods.project.target import Target  # noqa: PLC0415  # when asked for

        return Target(self.view.paths, self.read)

    @cached_property
    def deployment(self) -> Deployment:
        """How the target is run, as far as its files say."""
        from hephaestus_codemods.project.deployment import Deployment  # noqa: PLC0415  # the same

        return Deployment(self.view.paths, self.read)

    def module_at(self, path: str) -> Module:
        """Return the module in file *path*; raise UnreadableSource when it cannot be parsed."""
        self._consulted.note(path, is_root=True)
        return self._module_at(path)

    def _module_at(self, path: str) -> Module:
        module = self._modules.get(path)
        if module is None:
            read = self._read(path)
            scopes, masked = read.scopes, read.parsed.masked
            name = self.layout.name(path)
            module = Module(read.source, read.parsed.tree, name, self, scopes, masked)
            self._modules[path] = module
        return module

    def _read(self, path: str) -> Read:
        found = self._reads.get(path)
        if found is None:
            found = self._reads[path] = self._parsed(path, self.view.read(path))
        if isinstance(found, UnreadableSource):
            raise found
        return found

    def _parsed(self, path: str, raw: bytes | None) -> Read | UnreadableSource:
        if raw is None:
            return UnreadableSource("missing", f"{path} is not there")
        try:
            source = decode(path, raw)
            parsed = parse(source)
        except UnreadableSource as error:
            return error
        return Read(source, parsed, Scopes(parsed.tree, source.text))

    def module(self, dotted: str, near: str | None = None) -> Module | None:
        """Return the module that ``import dotted`` reads in file *near*, or None.

        None also when the project has no such module, or several, or one that cannot be parsed.
        """
        path = self.layout.find(dotted, near)
        if path is None:
            return None
        self._consulted.note(path, near)
        try:
            return self._module_at(path)
        except UnreadableSource:
            return None

    def model(self, name: str, near: str | None = None) -> Model | None:
        """Return the mapped class with the full name *name*, as file *near* sees it, or None."""
        cls = class_named(self, name, near)
        return self.model_of(cls) if cls is not None else None

    def model_of(self, cls: Class) -> Model | None:
        """Return the model that *cls* is, or None when it is not mapped to a table."""
        if cls not in self.memo.models:
            self.memo.models[cls] = model_of(cls)
        return self.memo.models[cls]

    def read(self, path: str) -> bytes | None:
        """Return the bytes of *path*, noting that they were asked for."""
        self._consulted.note(path)
        return self.view.read(path)

    def sources(self, *, tests: bool = False) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of all Python files in the order of paths, of *tests* if asked."""
        for path in sorted(self.layout.files):
            if tests or not is_test(path):
                yield path, self._read_among_all(path) or b""

    def modules_with(self, *needles: bytes, tests: bool = False) -> Iterator[Module]:
        """Yield the modules that hold one of *needles*, in the order of paths; *tests* if asked."""
        for path, raw in self.sources(tests=tests):
            if any(needle in raw for needle in needles):
                found = self.readable(path)
                if found is not None:
                    yield found

    def _read_among_all(self, path: str) -> bytes | None:
        """Return the bytes of *path* for an answer about the project as a whole."""
        self._consulted.note(EVERY)
        return self.view.read(path)

    def was_asked(self, path: str) -> bool:
        """Say whether some question needed the file *path* parsed."""
        return path in self._reads

    def readable(self, path: str) -> Module | None:
        """Return the module in file *path*, or None when it cannot be parsed."""
        self._consulted.note(path)
        try:
            return self._module_at(path)
        except UnreadableSource:
            return None

    @cached_property
    def asking_names(self) -> frozenset[str]:
        """The names of short functions in which SQLAlchemy may be asked, by their text."""
        found = {name for _, raw in self.sources() for name in names_that_ask(raw)}
        return frozenset(name.decode() for name in found)

    @cached_property
    def bases(self) -> Bases:
        """Which files derive classes, by the names of what they derive from."""
        return bases_of(self)

    @cached_property
    def property_names(self) -> frozenset[str]:
        """The names of all properties of the project's classes."""
        return property_names(self)

    @cached_property
    def relationship_names(self) -> frozenset[str]:
        """The names of all relationships between the project's models."""
        from hephaestus_codemods.project.effects import database  # noqa: PLC0415  # when asked for

        return database.relationship_names(self)

    @cached_property
    def route_table(self) -> Table:
        """The places that declare routes or include routers."""
        from hephaestus_codemods.project.web import routes  # noqa: PLC0415  # when asked for

        return routes.table_of(self)

    @cached_property
    def web(self) -> Web:
        """The applications, with their routes and all that belongs to them."""
        from hephaestus_codemods.project.web.application import Web  # noqa: PLC0415  # the same

        return Web(self)

    def effects(self, function: Function) -> Summary:
        """Return what a call of *function* may do besides giving a value."""
        from hephaestus_codemods.project.effects import summary  # noqa: PLC0415  # when asked for

        return summary.summary_of(function)

    def with_file(self, path: str, raw: bytes) -> Project:
        """Return the project as it is when *path* holds *raw*; trees of other files are shared."""
        changed = Project(Overlay(self.view, path, raw))
        changed._reads = {p: read for p, read in self._reads.items() if p != path}
        changed._consulted = self._consulted
        if "asking_names" in self.__dict__:
            changed.__dict__["asking_names"] = self.asking_names
        if path in self.view.paths:
            changed.layout = self.layout
        return changed

    @contextmanager
    def tracking(self) -> Iterator[dict[str, str | None]]:
        """Collect on which files the answers given meanwhile rest.

        When the block is left, the mapping holds each path with the hash of its bytes, or None
        when there is no such file; EVERY stands for all Python files. It names too many files
        rather than too few.
        """
        result: dict[str, str | None] = {}
        asked = self._consulted.start()
        try:
            yield result
        finally:
            found = self._consulted.stop(asked)
            if EVERY in found:
                found = {path for path in found if path == EVERY or not path.endswith(".py")}
            for path in sorted(found):
                result[path] = self._digests.of(path)

    @cached_property
    def _digests(self) -> Digests:
        return Digests(self.view)
