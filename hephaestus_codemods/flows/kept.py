"""What the last scan reported, for as long as nothing has changed that it rests on.

Files are compared as git does it with its index: by size, times and inode, not by content. A file
that was changed shortly before the scan may change once more within one tick of its clock, so such
a scan is not kept.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import hephaestus_codemods
from hephaestus_codemods.flows.files import cache_file, keep, kept
from hephaestus_codemods.report import packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hephaestus_codemods.flows.survey import Survey
    from hephaestus_codemods.report.model import Report

#: The coarsest clock of a file system in use (FAT) ticks once in two seconds.
TICK_NS: Final = 2_000_000_000
#: Failures that may not come again: the machine may have been at fault, or we.
ONCE: Final = frozenset({"crashed", "rule-raised"})


@dataclass(frozen=True)
class Kept:
    """Where the report of a scan is kept, and what it has to rest on to be that of *survey*."""

    file: Path
    state: str
    steady: bool

    def load(self) -> Report | None:
        """Return the report of the last scan, if nothing has changed since."""
        text = kept(self.file)
        return packed.loads(text, self.state) if text is not None else None

    def keep(self, report: Report) -> None:
        """Keep *report* for the next scan, if that would see the same."""
        if self.steady and not any(one.ours or one.code in ONCE for one in report.failures):
            keep(self.file, packed.dumps(replace(report, started="", seconds=0.0), self.state))


def kept_for(survey: Survey) -> Kept:
    """Look at all that a scan of *survey* rests on, without reading any of it."""
    newest = time.time_ns() - TICK_NS
    state = hashlib.sha256()
    steady = True
    for line, changed in _rests_on(survey):
        steady = steady and changed < newest
        state.update(line.encode("utf-8", "surrogateescape"))
    name = cache_file(survey.root, survey.ceiling)
    return Kept(name.with_suffix(".report.json"), state.hexdigest(), steady)


def _rests_on(survey: Survey) -> Iterator[tuple[str, int]]:
    """Yield all that decides what a scan reports, each with the time of its last change."""
    settings = survey.settings
    request = replace(survey.request, jobs=None)
    said = (settings.layers, settings.sets, settings.notes, sorted(survey.catalogue.broken.items()))
    yield f"{hephaestus_codemods.__version__}\0{sys.version}\0{os.getcwd()}\0{survey.root}\n", 0
    yield f"{request!r}\0{said!r}\0{sorted(survey.catalogue.rules)!r}\n", 0
    for one in survey.listed:
        yield f"{one.name}\0{one.folder}\0{one.pack!r}\0{survey.ceiling[one.name]}\n", 0
    for file in survey.discovery.files:
        yield f"{file.path}\0{file.reason}\0{file.message}\n", 0
    for path in sorted(survey.view.paths):
        yield _seen(f"{survey.root}/{path}")
    # What is installed beside us, and our own code: a developer of rules has no new versions.
    for folder in sys.path:
        yield _seen(folder)
    packs = {str(one.folder.parent) for one in survey.listed}
    for folder in sorted({*hephaestus_codemods.__path__, *packs}):
        for path in _code(folder):
            yield _seen(path)


def _seen(path: str) -> tuple[str, int]:
    """Return what differs when *path* does, and when that was."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return f"{path}\0\n", 0
    facts = found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return f"{path}\0{facts}\n", max(found.st_mtime_ns, found.st_ctime_ns)


def _code(folder: str) -> Iterable[str]:
    """Return the files below *folder* that Python runs or that are put into targets."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if one != "__pycache__"]
        found += [os.path.join(place, name) for name in names if name.endswith(".py")]
    return sorted(found)
