"""The registry: finds rule packs by entry point, and imports a rule only when it is asked for.

A pack is an import package that an installed distribution names in the entry-point group
``hephaestus.rules``. Each of its folders with a ``rule.py`` is a rule; there is no list to edit.
Packs are trusted code: only what is installed counts, never what lies in the working folder.
"""

from __future__ import annotations

import heapq
import importlib
import importlib.util
import os
import re
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import installed
from hephaestus_codemods.errors import BrokenPromise, HcodemodError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from hephaestus_codemods.rule import Rule

GROUP = "hephaestus.rules"
OURS = "hephaestus-codemods"
#: A rule's folder: what can be imported, and becomes a name by turning _ into -.
FOLDER = re.compile(r"[a-z][a-z0-9_]*")
#: Characters that make a name a pattern.
WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Pack:
    """A set of rules that one distribution brings; users name it by the distribution."""

    name: str
    package: str
    version: str

    @property
    def is_builtin(self) -> bool:
        """Say whether the pack comes with the tool itself."""
        return self.name == OURS


@dataclass(frozen=True, slots=True)
class Listed:
    """A rule that lies in an installed pack; its code is imported by :func:`load`."""

    name: str
    package: str
    folder: Path
    pack: Pack


@dataclass(frozen=True)
class Catalogue:
    """What is installed: rules by name, and for each broken pack a sentence why."""

    rules: Mapping[str, Listed]
    broken: Mapping[str, str]

    def reachable(self, packs: Collection[str] = ()) -> dict[str, Listed]:
        """Return our own rules and those of the *packs* that the user named (S13)."""
        named = {canonical(pack) for pack in packs}
        return {
            name: rule
            for name, rule in self.rules.items()
            if rule.pack.is_builtin or rule.pack.name in named
        }

    def named(self, name: str) -> Listed:
        """Return the rule *name* from any pack; raise UsageError with a guess without one."""
        if name in self.rules:
            return self.rules[name]
        raise UsageError(f"there is no rule {name!r}{self.guess(name)}")

    def matching(self, pattern: str, packs: Collection[str] = ()) -> tuple[str, ...]:
        """Return the reachable rules that *pattern* names; raise UsageError when none is."""
        within = self.reachable(packs)
        found = tuple(sorted(name for name in within if fnmatchcase(name, pattern)))
        if found:
            return found
        if pattern in self.rules:
            pack = self.rules[pattern].pack.name
            raise UsageError(
                f"the rule {pattern!r} comes from the pack {pack!r}, which you have not named: "
                f"use --rule {pattern}, or packs = [{pack!r}] in your own configuration"
            )
        what = "no rule matches" if is_pattern(pattern) else "there is no rule"
        raise UsageError(f"{what} {pattern!r}{self.guess(pattern)}")

    def guess(self, name: str) -> str:
        """Return what to try instead of *name*, as the end of a sentence."""
        import difflib  # noqa: PLC0415  # only for the mistake

        near = difflib.get_close_matches(name.replace("_", "-"), self.rules, 1)
        hint = f". Did you mean {near[0]!r}?" if near else ". See 'hcodemod rules'"
        return hint + "".join(f"\n{sentence}" for sentence in self.broken.values())


def is_pattern(name: str) -> bool:
    """Say whether *name* may stand for several rules."""
    return not WILD.isdisjoint(name)


def canonical(distribution: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def find_rules() -> Catalogue:
    """List the rules of all installed packs without importing any; names are unique."""
    rules: dict[str, Listed] = {}
    broken: dict[str, str] = {}
    for pack in find_packs():
        try:
            listed = list(_rules_in(pack))
        except UsageError as error:
            broken[pack.name] = str(error)
            continue
        for rule in listed:
            _refuse_twins(rules.get(rule.name), rule)
            rules[rule.name] = rule
    return Catalogue(dict(sorted(rules.items())), broken)


def find_packs() -> tuple[Pack, ...]:
    """Return the packs of all installed distributions, ours first."""
    packs: dict[tuple[str, str], Pack] = {}
    seen: set[str] = set()
    for distribution in installed.naming(GROUP, _trusted_path()):
        name = canonical(distribution.name)
        if name in seen:  # shadowed by the same distribution earlier on the path
            continue
        seen.add(name)
        for package in distribution.values:
            packs[name, package] = Pack(name, package, distribution.version)
    return tuple(sorted(packs.values(), key=lambda p: (not p.is_builtin, p.name, p.package)))


def _trusted_path() -> list[str]:
    """Return where distributions are looked for: never in the working folder, a target's maybe."""
    here = os.path.realpath(os.curdir)
    own = Path(__file__).resolve().parents[1]
    if own == Path(here):
        return list(sys.path)
    return [folder for folder in sys.path if folder and os.path.realpath(folder) != here]


def _rules_in(pack: Pack) -> Iterator[Listed]:
    folders = _folders(pack)
    if not folders:
        raise UsageError(
            f"the rule pack {pack.name} {pack.version} is broken: it names the package "
            f"{pack.package!r}, which is not there. Reinstall it or remove it"
        )
    for folder in folders:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if FOLDER.fullmatch(entry.name) and os.path.isfile(os.path.join(entry.path, "rule.py")):
                package = f"{pack.package}.{entry.name}"
                yield Listed(entry.name.replace("_", "-"), package, Path(entry.path), pack)


def _folders(pack: Pack) -> list[str]:
    """Return the folders of the pack's package, found without importing any part of it."""
    top, *inner = pack.package.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    folders = [os.path.join(place, *inner) for place in spec.submodule_search_locations or ()]
    return [folder for folder in folders if os.path.isdir(folder)]


def _refuse_twins(one: Listed | None, other: Listed) -> None:
    if one is None:
        return
    raise UsageError(
        f"two rules have the name {one.name!r}: {one.package} of {one.pack.name} "
        f"{one.pack.version} and {other.package} of {other.pack.name} {other.pack.version}. "
        "Remove one of the packs"
    )


def load(listed: Listed) -> Rule:
    """Import a rule; raise UsageError (BrokenPromise for our own) when it cannot be."""
    from hephaestus_codemods.rule import Rule  # noqa: PLC0415  # names alone need no rule

    module = f"{listed.package}.rule"
    try:
        rule = importlib.import_module(module).RULE
    except Exception as error:
        raise _unusable(listed, f"{type(error).__name__}: {error}") from error
    if not isinstance(rule, Rule):
        raise _unusable(listed, f"{module}.RULE is a {type(rule).__name__}, not a Rule")
    if rule.name != listed.name:
        raise _unusable(listed, f"it calls itself {rule.name!r}: use Rule(__name__, …)")
    return rule


def _unusable(listed: Listed, reason: str) -> HcodemodError:
    kind = BrokenPromise if listed.pack.is_builtin else UsageError
    pack = f"{listed.pack.name} {listed.pack.version}"
    return kind(f"the rule {listed.name} of the pack {pack} cannot be loaded: {reason}")


@dataclass(frozen=True, slots=True)
class Described:
    """A line of the list of rules: *problem* says why a rule has no summary."""

    name: str
    summary: str
    pack: Pack
    problem: str = ""


def list_rules(catalogue: Catalogue | None = None) -> tuple[Described, ...]:
    """Return name and summary of every installed rule; a broken one costs only itself."""
    found = catalogue or find_rules()
    return tuple(_described(listed) for listed in found.rules.values())


def _described(listed: Listed) -> Described:
    try:
        return Described(listed.name, load(listed).summary, listed.pack)
    except HcodemodError as error:
        return Described(listed.name, "", listed.pack, str(error))


def readme(rule: Rule) -> str:
    """Return the page of *rule*."""
    folder = importlib.util.find_spec(rule.package)
    for place in (folder and folder.submodule_search_locations) or ():
        page = Path(place, "README.md")
        if page.is_file():
            return page.read_text(encoding="utf-8")
    raise UsageError(f"the rule {rule.name} has no README.md beside {rule.module}: reinstall it")


def fingerprint(listed: Listed) -> str:
    """Return the SHA-256 of all files of a rule, so that a report says what exactly ran."""
    import hashlib  # noqa: PLC0415  # only for reports

    digest = hashlib.sha256()
    for path in sorted(listed.folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            name, content = path.relative_to(listed.folder).as_posix(), path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def ordered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Sort *rules* so that each stands behind those it names in ``after``, else by name."""
    by_name = {rule.name: rule for rule in rules}
    waits = {name: set(rule.after) & by_name.keys() for name, rule in by_name.items()}
    free = [name for name, before in waits.items() if not before]
    heapq.heapify(free)
    done: list[Rule] = []
    while free:
        name = heapq.heappop(free)
        done.append(by_name[name])
        del waits[name]
        for other, before in waits.items():
            if name in before:
                before.remove(name)
                if not before:
                    heapq.heappush(free, other)
    if waits:
        circle = ", ".join(
            f"{name} after {', '.join(sorted(waits[name]))}" for name in sorted(waits)
        )
        raise BrokenPromise(f"rules have an order, but these wait for each other: {circle}")
    return tuple(done)
