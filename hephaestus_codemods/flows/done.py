"""From results to the report of a command, and to its exit code."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hephaestus_codemods import __version__
from hephaestus_codemods.report.model import (
    Condition,
    FailureEntry,
    FileEntry,
    FileStatus,
    Report,
    RuleEntry,
    SiteEntry,
    UnusedSuppression,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hephaestus_codemods.engine.model import FileResult, Site
    from hephaestus_codemods.flows.target import Target


@dataclass(frozen=True)
class Done:
    """What a command did: its report, and the patch of what it changed or would change.

    *found* says whether there is, or was, something to write.
    """

    report: Report
    patch: bytes = b""
    found: bool = False

    def exit_code(self, *, findings_are_1: bool, strict: bool = False) -> int:
        """Return 3, 2, 1 or 0: the gravest that holds."""
        if self.report.interrupted:
            return 130
        if any(failure.ours for failure in self.report.failures):
            return 3
        statuses = {str(file.status) for file in self.report.files}
        if self.report.failures or "failed" in statuses or (strict and "skipped" in statuses):
            return 2
        return int(findings_are_1 and self.found)


@dataclass(frozen=True)
class Clock:
    """When a command began, for people and for measuring."""

    started: str
    ticks: float


def clock() -> Clock:
    """Start to measure a command."""
    return Clock(datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter())


def passed(since: Clock) -> float:
    """Return the seconds that a command has taken so far."""
    return round(time.perf_counter() - since.ticks, 3)


@dataclass(frozen=True)
class Written:
    """The run that was recorded, the paths that it *changed*, and problems with some files."""

    run: str | None = None
    problems: Mapping[str, tuple[str, str]] | None = None
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    changed: frozenset[str] = frozenset()


def report(
    target: Target,
    results: Sequence[FileResult],
    command: str,
    started: Clock,
    written: Written | None = None,
) -> Report:
    """Return the checked report of a command."""
    written = written or Written()
    problems = written.problems or {}
    return Report(
        command,
        __version__,
        sys.version.split()[0],
        str(target.root),
        started.started,
        passed(started),
        run=written.run,
        rules=tuple(_rules(target)),
        files=tuple(_files(target, results, written)),
        sites=tuple(_site(site) for result in results for site in result.sites),
        failures=(
            *(
                FailureEntry(result.path, one.code, one.message, one.rule, one.ours)
                for result in results
                for one in result.failures
            ),
            *(FailureEntry(path, code, message) for path, (code, message) in problems.items()),
        ),
        unused_suppressions=tuple(
            UnusedSuppression(result.path, line, text)
            for result in results
            for line, text in result.unused_suppressions
        ),
        notes=(*target.notes, *written.notes),
        interrupted=written.interrupted,
    ).check()


def _rules(target: Target) -> Iterator[RuleEntry]:
    for rule in target.rules:
        pack = target.catalogue.named(rule.name).pack
        yield RuleEntry(rule.name, rule.version, pack.name, pack.version)


def _files(target: Target, results: Sequence[FileResult], written: Written) -> Iterator[FileEntry]:
    by_path = {result.path: result for result in results}
    problems = written.problems or {}
    known = set()
    for file in target.discovery.files:
        known.add(file.path)
        if file.path in problems:
            yield FileEntry(file.path, FileStatus.FAILED, *problems[file.path])
        elif file.reason is not None:
            yield FileEntry(file.path, FileStatus.SKIPPED, file.reason, file.message)
        else:
            yield _file(file.path, by_path.get(file.path), changed=file.path in written.changed)
    for path in sorted({*written.changed, *problems} - known):
        code = problems.get(path)
        yield FileEntry(path, FileStatus.FAILED, *code) if code else _file(path, None, changed=True)


def _file(path: str, result: FileResult | None, *, changed: bool) -> FileEntry:
    if changed and (result is None or result.after is None):
        return FileEntry(
            path, FileStatus.CHANGED, "shared", "sites of other files need this change"
        )
    if result is None:
        return FileEntry(path, FileStatus.UNCHANGED)
    if result.skip_file:
        return FileEntry(path, FileStatus.SUPPRESSED, "skip-file", "a comment in it says so")
    if changed:
        return FileEntry(path, FileStatus.CHANGED)
    whole = next((one for one in result.failures if one.rule is None), None)
    if whole is not None:
        return FileEntry(path, FileStatus.FAILED, whole.code, whole.message)
    return FileEntry(path, FileStatus.UNCHANGED)


def _site(site: Site) -> SiteEntry:
    return SiteEntry(
        site.id,
        site.rule,
        site.path,
        site.line,
        site.column,
        site.end_line,
        str(site.safety),
        str(site.status),
        site.message,
        site.refusal.code if site.refusal else "",
        site.refusal.message if site.refusal else "",
        tuple(Condition(one.name, str(one.established), one.detail) for one in site.preconditions),
    )
