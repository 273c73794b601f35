"""What the manifests and locks of the target say: Python versions and versions of libraries.

A repository may hold several projects: what holds for a file comes from the manifest nearest above
it, then from those of the folders above. What no manifest says is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from hephaestus_codemods.project.layout import above, parent
from hephaestus_codemods.project.manifests import Stated, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from packaging.specifiers import SpecifierSet

#: Operators after which a version is the lowest that is allowed.
LOWER: Final = frozenset({">=", "==", "~=", ">", "==="})
PYTHON: Final = "python"


@dataclass(frozen=True)
class Target:
    """The versions that the target's manifests in *paths* allow; files are read when asked."""

    paths: Collection[str]
    read: Callable[[str], bytes | None]

    @cached_property
    def stated(self) -> dict[str, tuple[Stated, ...]]:
        """Everything that is stated about versions, by the folder for which it holds."""
        found: dict[str, list[Stated]] = {}
        for path in sorted(self.paths):
            for one in read_manifest(path, self.read):
                found.setdefault(one.folder, []).append(one)
        return {folder: tuple(all_stated) for folder, all_stated in found.items()}

    def statements(self, distribution: str, path: str | None = None) -> tuple[Stated, ...]:
        """Return what is stated about *distribution* for the file *path*, or anywhere.

        Statements of the nearest folder that has any, with a lock of a folder above.
        """
        name = canonicalize_name(distribution)
        folders = self._folders(path)
        found = [[one for one in folder if one.name == name] for folder in folders]
        if path is None:
            return tuple(one for group in found for one in group)
        nearest = next((group for group in found if group), [])
        if any(one.locked for one in nearest):
            return tuple(nearest)
        locks = ([one for one in group if one.locked] for group in found)
        return (*nearest, *next((group for group in locks if group), ()))

    def _folders(self, path: str | None) -> Iterator[tuple[Stated, ...]]:
        if path is None:
            yield from self.stated.values()
            return
        folder = parent(path)
        for one in (folder, *above(folder)):
            if one in self.stated:
                yield self.stated[one]

    def has(self, distribution: str, path: str | None = None) -> bool:
        """Say whether some manifest names *distribution*."""
        return bool(self.statements(distribution, path))

    def locked(self, distribution: str, path: str | None = None) -> Version | None:
        """Return the lowest version of *distribution* that a lock or an exact pin names."""
        return min(
            (v for one in self.statements(distribution, path) if (v := one.exact) is not None),
            default=None,
        )

    def version_floor(self, distribution: str, path: str | None = None) -> Version | None:
        """Return the lowest version of *distribution* that may run, or None when unknown.

        That is the lower bound of its requirement; without one, what is locked.
        """
        stated = self.statements(distribution, path)
        wanted = [one for one in stated if not one.locked and not one.is_development]
        floors = [floor(one.specifiers) for one in wanted]
        known = [one for one in floors if one is not None]
        if known and len(known) == len(floors):
            return min(known)
        locked = [one.exact for one in stated if one.locked and one.exact is not None]
        return min(locked) if locked else None

    def allows(self, distribution: str, version: str, path: str | None = None) -> bool:
        """Say whether, for all we know, *version* of *distribution* may run."""
        stated = self.statements(distribution, path)
        wanted = [one for one in stated if not one.is_development]
        if any(one.specifiers for one in wanted if not one.locked):
            wanted = [one for one in wanted if not one.locked]
        return all(one.specifiers.contains(version, prereleases=True) for one in wanted)

    def python_floor(self, path: str | None = None) -> Version | None:
        """Return the oldest Python that the project declares, or that its images run."""
        stated = self.statements(PYTHON, path)
        for group in ([s for s in stated if not s.locked], [s for s in stated if s.locked]):
            floors = [found for one in group if (found := floor(one.specifiers)) is not None]
            if floors:
                return min(floors)
        return None

    def minor_floor(self, path: str | None = None) -> int | None:
        """Return the minor version of the oldest Python 3 that the project supports, if known."""
        found = self.python_floor(path)
        return found.minor if found is not None and found.major == 3 else None


def floor(specifiers: SpecifierSet) -> Version | None:
    """Return the lowest version that *specifiers* allow, or None without a lower bound."""
    versions = [_version(one.version) for one in specifiers if one.operator in LOWER]
    return max((one for one in versions if one is not None), default=None)


def _version(text: str) -> Version | None:
    try:
        return Version(text.removesuffix(".*"))
    except InvalidVersion:
        return None
