"""Reads requirements and Python versions from manifests and locks, as data: nothing is executed."""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hephaestus_codemods.project.layout import parent

Read = Callable[[str], bytes | None]
REQUIREMENTS: Final = re.compile(
    r"(?:^|[-_.])(?:requirements|constraints)(?:[-_.\w]*)\.(?:txt|in)$"
)
DEVELOPMENT: Final = re.compile(r"dev|test|doc|lint|ci|typing|mypy|build", re.IGNORECASE)
FROM_PYTHON: Final = re.compile(
    r"^\s*FROM\s+(?:--\S+\s+)?(?:\S*/)?python:(\d+\.\d+(?:\.\d+)?)", re.MULTILINE | re.IGNORECASE
)
CLASSIFIER: Final = re.compile(r"Programming Language :: Python :: (3\.\d+)\b")
LOCKS: Final = frozenset({"uv.lock", "poetry.lock", "pdm.lock"})
#: Larger files are no manifests; locks of big projects have a few megabytes.
MAX_BYTES: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class Stated:
    """What one line of a manifest says: which versions of *name* it allows, and where it stands.

    *locked* marks a lock file, or an image and its Python; *folder* is where it holds.
    """

    name: str
    specifiers: SpecifierSet
    folder: str
    where: str
    locked: bool = False
    is_development: bool = False

    @property
    def exact(self) -> Version | None:
        """The one version that is allowed, if there is one."""
        pinned = [one for one in self.specifiers if one.operator in ("==", "===")]
        if len(pinned) != 1 or pinned[0].version.endswith(".*"):
            return None
        try:
            return Version(pinned[0].version)
        except InvalidVersion:
            return None


@dataclass(frozen=True, slots=True)
class Text:
    """A manifest as text; it knows the line on which something stands."""

    path: str
    body: str

    @property
    def folder(self) -> str:
        """The folder for whose files the manifest speaks."""
        folder = parent(self.path)
        return parent(folder) if folder.rpartition("/")[2] == "requirements" else folder

    def where(self, word: str) -> str:
        """Return ``path:line`` of the first line that holds *word*."""
        pattern = re.escape(word).replace(r"\-", "[-_.]")
        found = re.search(pattern, self.body, re.IGNORECASE)
        if found is None:
            return self.path
        return f"{self.path}:{self.body.count(chr(10), 0, found.start()) + 1}"

    def state(
        self, name: str, specifiers: SpecifierSet, *, locked: bool = False, group: str = ""
    ) -> Stated:
        """State that *specifiers* of *name* are allowed by this manifest."""
        name = canonicalize_name(name)
        development = bool(group) and DEVELOPMENT.search(group) is not None
        return Stated(name, specifiers, self.folder, self.where(name), locked, development)


def read_manifest(path: str, read: Read) -> Iterator[Stated]:
    """Yield what the file *path* states, when it is a manifest or a lock that can be read."""
    reader = _reader(path)
    if reader is None:
        return
    raw = read(path)
    if raw is None or len(raw) > MAX_BYTES:
        return
    text = Text(path, raw.decode("utf-8-sig", "replace"))
    try:
        yield from reader(text)
    except (ValueError, TypeError, AttributeError, KeyError, configparser.Error, RecursionError):
        return  # a manifest that does not parse says nothing; tools of the target will complain


def _reader(path: str) -> Callable[[Text], Iterator[Stated]] | None:
    name = path.rpartition("/")[2]
    if name in READERS:
        return READERS[name]
    if name in LOCKS:
        return _lock
    if "Dockerfile" in name or name.endswith(".dockerfile"):
        return _dockerfile
    in_folder = parent(path).rpartition("/")[2] == "requirements" and name.endswith((".txt", ".in"))
    if in_folder or REQUIREMENTS.search(name):
        return _requirements
    if name == "METADATA" and parent(path).endswith(".dist-info"):
        return _metadata
    return None


def _pyproject(text: Text) -> Iterator[Stated]:
    body = tomllib.loads(text.body)
    project = _table(body, "project")
    yield from _python(text, project.get("requires-python"))
    yield from _lines(text, project.get("dependencies"))
    for group, lines in _table(project, "optional-dependencies").items():
        yield from _lines(text, lines, group)
    for group, lines in _table(body, "dependency-groups").items():
        yield from _lines(text, lines, group)
    if "requires-python" not in project:
        yield from _classifiers(text, project.get("classifiers"))
    poetry = _table(_table(body, "tool"), "poetry")
    yield from _poetry(text, _table(poetry, "dependencies"))
    yield from _poetry(text, _table(poetry, "dev-dependencies"), "dev")
    for group, content in _table(poetry, "group").items():
        yield from _poetry(text, _table(content, "dependencies"), group)


def _table(body: object, name: str) -> Mapping[str, object]:
    found = body.get(name) if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _python(text: Text, specifiers: object, *, locked: bool = False) -> Iterator[Stated]:
    found = _specifiers(specifiers)
    if found is not None:
        yield text.state("python", found, locked=locked)


def _specifiers(text: object) -> SpecifierSet | None:
    if not isinstance(text, str):
        return None
    try:
        return SpecifierSet("" if text.strip() == "*" else text)
    except InvalidSpecifier:
        return None


def _classifiers(text: Text, lines: object) -> Iterator[Stated]:
    joined = "\n".join(map(str, lines)) if isinstance(lines, Sequence) else ""
    versions = sorted(map(Version, CLASSIFIER.findall(joined)))
    if versions:
        yield from _python(text, f">={versions[0]}", locked=True)


def _lines(text: Text, lines: object, group: str = "") -> Iterator[Stated]:
    if not isinstance(lines, Sequence) or isinstance(lines, str):
        return
    for line in lines:
        try:
            found = Requirement(line) if isinstance(line, str) else None
        except InvalidRequirement:
            continue
        if found is not None:
            yield text.state(found.name, found.specifier, group=group)


def _poetry(text: Text, table: Mapping[str, object], group: str = "") -> Iterator[Stated]:
    for name, given in table.items():
        for version in given if isinstance(given, list) else [given]:
            wanted = version.get("version", "*") if isinstance(version, Mapping) else version
            found = poetry_specifiers(wanted) if isinstance(wanted, str) else None
            if found is not None:
                yield text.state(name, found, group=group)


def poetry_specifiers(text: str) -> SpecifierSet | None:
    """Return what Poetry means by ``^1.2``, ``~1.2``, ``1.*``, ``1.2`` and PEP 440 forms.

    Of alternatives (``||``) only what the lowest says is kept: its lower bound.
    """
    alternatives = [_poetry_all(part) for part in re.split(r"\s*\|\|?\s*", text)]
    if len(alternatives) == 1:
        return alternatives[0]
    bounds = [_lowest(one) for one in alternatives if one is not None]
    known = [one for one in bounds if one is not None]
    if len(known) != len(alternatives):
        return SpecifierSet()
    return SpecifierSet(f">={min(known)}")


def _poetry_all(text: str) -> SpecifierSet | None:
    parts = [_poetry_one(part.strip()) for part in re.split(r"[,\s]+(?=[\^~<>=!\d*])", text)]
    return _specifiers(",".join(part for part in parts if part))


def _lowest(specifiers: SpecifierSet) -> Version | None:
    found = [one.version for one in specifiers if one.operator in (">=", "==", "~=", ">")]
    return max((Version(one.removesuffix(".*")) for one in found), default=None)


def _poetry_one(text: str) -> str:
    text = re.sub(r"\s+", "", text)
    if text in ("*", ""):
        return ""
    if text[0] == "^":
        return _caret(text[1:])
    if text[0] == "~" and not text.startswith("~="):
        release = Version(text[1:]).release
        upper = [release[0] + 1] if len(release) == 1 else [release[0], release[1] + 1]
        return f">={text[1:]},<{'.'.join(map(str, upper))}"
    return text if text[0] in "<>=!~" else f"=={text}"


def _caret(text: str) -> str:
    release = Version(text).release
    at = next((number for number, part in enumerate(release) if part), len(release) - 1)
    upper = [*release[:at], release[at] + 1]
    return f">={text},<{'.'.join(map(str, upper))}"


def _pipfile(text: Text) -> Iterator[Stated]:
    body = tomllib.loads(text.body)
    yield from _poetry(text, _table(body, "packages"))
    yield from _poetry(text, _table(body, "dev-packages"), "dev")
    required = _table(body, "requires")
    version = required.get("python_full_version") or required.get("python_version")
    if isinstance(version, str):
        yield from _python(text, f"=={version}.*" if version.count(".") == 1 else f"=={version}")


def _requirements(text: Text) -> Iterator[Stated]:
    name = text.path.rpartition("/")[2]
    group = name if DEVELOPMENT.search(name) else ""
    if "constraints" in name:
        return  # constrains what is installed, but installs nothing
    for line in re.sub(r"\\\r?\n", " ", text.body).splitlines():
        bare = re.sub(r"(?:^|\s)#.*|\s--\S.*", "", line).strip()
        if not bare or bare.startswith("-"):
            continue
        try:
            found = Requirement(bare)
        except InvalidRequirement:
            continue
        yield text.state(found.name, found.specifier, group=group)


def _metadata(text: Text) -> Iterator[Stated]:
    head = text.body.partition("\n\n")[0]
    needed = re.findall(r"^Requires-Dist: (.+)$", head, re.MULTILINE)
    plain = [line for line in needed if "extra ==" not in line]
    folder = parent(parent(text.path))
    outer = Text(f"{folder}/METADATA" if folder else "METADATA", text.body)
    yield from _lines(outer, plain)
    yield from _lines(outer, [line for line in needed if line not in plain], "")
    python = re.search(r"^Requires-Python: (.+)$", head, re.MULTILINE)
    yield from _python(outer, python.group(1).strip() if python else None)


def _setup_cfg(text: Text) -> Iterator[Stated]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text.body)
    options = parser["options"] if parser.has_section("options") else {}
    yield from _python(text, options.get("python_requires"))
    yield from _lines(text, options.get("install_requires", "").splitlines())
    if parser.has_section("options.extras_require"):
        for group, lines in parser["options.extras_require"].items():
            yield from _lines(text, lines.splitlines(), group)


def _setup_py(text: Text) -> Iterator[Stated]:
    try:
        tree = ast.parse(text.body)
    except (SyntaxError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setup"):
            given = {one.arg: one.value for one in node.keywords}
            yield from _python(text, _literal(given.get("python_requires")))
            yield from _lines(text, _literal(given.get("install_requires")))


def _literal(node: ast.expr | None) -> object:
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _lock(text: Text) -> Iterator[Stated]:
    packages = tomllib.loads(text.body).get("package", [])
    for package in packages if isinstance(packages, list) else []:
        name, version = package.get("name"), package.get("version")
        found = _specifiers(f"=={version}")
        if isinstance(name, str) and found is not None:
            yield Stated(canonicalize_name(name), found, text.folder, text.path, locked=True)


def _pipfile_lock(text: Text) -> Iterator[Stated]:
    body = json.loads(text.body)
    for group in ("default", "develop"):
        for name, given in _table(body, group).items():
            version = given.get("version") if isinstance(given, Mapping) else None
            found = _specifiers(version)
            if found is not None:
                development = group == "develop"
                where = text.path
                canonical = canonicalize_name(name)
                yield Stated(
                    canonical, found, text.folder, where, locked=True, is_development=development
                )


def _dockerfile(text: Text) -> Iterator[Stated]:
    for version in FROM_PYTHON.findall(text.body):
        wanted = f"=={version}.*" if version.count(".") == 1 else f"=={version}"
        yield from _python(text, wanted, locked=True)


def _python_version(text: Text) -> Iterator[Stated]:
    found = re.search(r"^\s*(?:python-|cpython-)?(3\.\d+)", text.body, re.MULTILINE)
    if found:
        yield from _python(text, f"=={found.group(1)}.*", locked=True)


READERS: Final[dict[str, Callable[[Text], Iterator[Stated]]]] = {
    "pyproject.toml": _pyproject,
    "Pipfile": _pipfile,
    "Pipfile.lock": _pipfile_lock,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
    ".python-version": _python_version,
    "runtime.txt": _python_version,
}
