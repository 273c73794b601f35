"""The one report of a run; every format is drawn from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import BrokenPromise

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "hephaestus.report/1"


class FileStatus(StrEnum):
    """How a discovered file ended."""

    CHANGED = "changed"
    """Its bytes differ."""

    UNCHANGED = "unchanged"
    """It was looked at, or its bytes showed that no rule has anything to say about it."""

    SUPPRESSED = "suppressed"
    """A comment in it says that it stays as it is."""

    FAILED = "failed"
    """It could not be read, handled or written."""

    SKIPPED = "skipped"
    """It was not looked at: the reason says why."""


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule that ran, and where it came from."""

    name: str
    version: int
    pack: str
    pack_version: str


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A discovered file and its one status; *reason* is empty when the status says it all."""

    path: str
    status: FileStatus
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A precondition of a rewrite and how it was established."""

    name: str
    established: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """A candidate site and its one status; lines and columns count from 1 in the original file."""

    id: str
    rule: str
    path: str
    line: int
    column: int
    end_line: int
    safety: str
    status: str
    message: str
    code: str = ""
    reason: str = ""
    preconditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class FailureEntry:
    """Something that could not be done; *ours* says that the fault is ours."""

    path: str
    code: str
    message: str
    rule: str | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class UnusedSuppression:
    """A comment that keeps nothing any more, or that never did."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Report:
    """What a command found and did. *run* is None when nothing was recorded."""

    command: str
    tool_version: str
    python: str
    root: str
    started: str
    seconds: float
    run: str | None = None
    rules: tuple[RuleEntry, ...] = ()
    files: tuple[FileEntry, ...] = ()
    sites: tuple[SiteEntry, ...] = ()
    failures: tuple[FailureEntry, ...] = ()
    unused_suppressions: tuple[UnusedSuppression, ...] = ()
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    schema: str = field(default=SCHEMA)

    @property
    def totals(self) -> Mapping[str, Mapping[str, int]]:
        """Count files and sites by status."""
        files = Counter(str(one.status) for one in self.files)
        sites = Counter(one.status for one in self.sites)
        return {"files": dict(sorted(files.items())), "sites": dict(sorted(sites.items()))}

    def check(self) -> Report:
        """Return the report; raise BrokenPromise when it counts something twice or not at all."""
        paths = Counter(one.path for one in self.files)
        ids = Counter((one.path, one.id) for one in self.sites)
        twice = [str(name) for name, count in (*paths.items(), *ids.items()) if count > 1]
        if twice:
            raise BrokenPromise(f"the report counts {twice[0]} twice")
        named = {site.path for site in self.sites} | {one.path for one in self.failures}
        lost = named - set(paths)
        if lost:
            raise BrokenPromise(f"the report forgets the file {min(lost)}")
        return self
