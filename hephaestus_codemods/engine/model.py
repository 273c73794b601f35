"""What travels between the parent and its workers: plain, frozen, picklable values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hephaestus_codemods.patch.model import Step
    from hephaestus_codemods.rule import Addition, Precondition, Refusal, Safety, Scalar


class SiteStatus(StrEnum):
    """How a candidate site ended; every site ends in exactly one of these."""

    APPLIED = "applied"
    """Its change is in the new text."""

    SUGGESTED = "suggested"
    """It can be rewritten, but was not selected: by scan, by its class or by its line."""

    REFUSED = "refused"
    """A precondition does not hold; the code is left alone."""

    SUPPRESSED = "suppressed"
    """The owner said so in a comment."""

    CONFLICT = "conflict"
    """Another rule's edit took its place; the reason names it."""


@dataclass(frozen=True, slots=True)
class Site:
    """A candidate site in the original text of a file.

    *start* and *end* are character offsets; *line* and *column* count from 1.
    """

    id: str
    rule: str
    path: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    message: str
    safety: Safety
    status: SiteStatus
    refusal: Refusal | None = None
    preconditions: tuple[Precondition, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, or a rule on a file, that could not be handled.

    *rule* is None when the file itself is the cause. *ours* says that we broke a promise.
    """

    code: str
    message: str
    rule: str | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What the applied changes of a file ask of the rest of the project, with the sites asking."""

    support: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requirements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lifespans: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    additions: Mapping[Addition, tuple[str, ...]] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Say whether anything is asked for."""
        return bool(self.support or self.requirements or self.lifespans or self.additions)

    @property
    def owners(self) -> frozenset[str]:
        """The sites that ask for something."""
        kinds = (self.support, self.requirements, self.lifespans, self.additions)
        return frozenset(one for kind in kinds for ids in kind.values() for one in ids)


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file.

    *after* is None when nothing changed. *consulted* gives the hash of each file that the answer
    rests on, None for one that was looked for and is not there.
    """

    path: str
    sites: tuple[Site, ...] = ()
    failures: tuple[Failure, ...] = ()
    before: bytes = b""
    after: bytes | None = None
    steps: tuple[Step, ...] = ()
    needs: Needs = field(default_factory=Needs)
    unused_suppressions: tuple[tuple[int, str], ...] = ()
    skip_file: bool = False
    consulted: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which findings of which rules are to be written.

    *ceiling* gives the least safe class that may be written per rule; a rule that is not in it is
    not run. *lines* limits a path to ranges of lines; *only* limits the run to these site ids.
    *refused* holds sites that planning has since refused (a pin conflict, an edited support file).
    *oldest_minor* is the minor version of the oldest Python 3 that the target supports, where the
    settings name it; otherwise its manifests do. *known* are the names of all installed rules.
    """

    ceiling: Mapping[str, Safety]
    lines: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    only: frozenset[str] | None = None
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    oldest_minor: int | None = None
    known: frozenset[str] = frozenset()
