"""Tell what every run and revert did to one file, and what it would be without some sites."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hephaestus_codemods.patch.journal import digest
from hephaestus_codemods.patch.model import ByteEdit
from hephaestus_codemods.patch.replay import NOTHING, DependsOn, Weave

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hephaestus_codemods.patch.manifest import File
    from hephaestus_codemods.patch.records import History

#: A site id can come back in a later run, so here each is ``<run>/<site>``.
Qualified = str


@dataclass(slots=True)
class Chapter:
    """Runs that each began with what the one before had left; no edit of anyone else between.

    *born* and *died* are the owners when the file was created, or deleted, by a run.
    """

    weave: Weave
    mode: int
    folders: tuple[str, ...] = ()
    born: set[Qualified] | None = None
    died: frozenset[Qualified] | None = None

    def owners(self) -> frozenset[Qualified]:
        """Return every site that has a part in it."""
        return self.weave.owners() | (self.born or set()) | (self.died or frozenset())

    def content(self, without: frozenset[Qualified]) -> bytes | None:
        """Return the file without some sites; None when there is then no file.

        Raises DependsOn when a site that stays needs one that goes.
        """
        if self.died is not None and not self.died <= without:
            return None
        if self.born is None or not self.born <= without:
            return self.weave.text(without)
        staying = self.weave.owners() - without
        if staying:
            raise DependsOn(staying, self.born)
        return None


@dataclass(slots=True)
class Story:
    """All that our runs did to one file, oldest chapter first."""

    chapters: list[Chapter] = field(default_factory=list)

    def owners(self) -> frozenset[Qualified]:
        """Return every site that has a part in the file."""
        return NOTHING.union(*(chapter.owners() for chapter in self.chapters))


def tell(history: History, path: str, read: Callable[[str, str], bytes]) -> Story:
    """Return the story of *path*; ``read(run, hash)`` fetches an old content."""
    story = Story()
    removed: frozenset[Qualified] = NOTHING
    for _, event in sorted(_events(history, path), key=lambda pair: pair[0]):
        if isinstance(event, frozenset):
            removed |= event
        else:
            run, file = event
            _add(story, run, file, removed, read)
    return story


def _events(
    history: History, path: str
) -> Iterable[tuple[str, frozenset[Qualified] | tuple[str, File]]]:
    for run in history.runs:
        yield from ((run.id, (run.id, file)) for file in run.files if file.path == path)
    for revert in history.reverts:
        yield (
            revert.id,
            frozenset(qualify(r, s) for r, sites in revert.sites.items() for s in sites),
        )


def qualify(run: str, site: str) -> Qualified:
    """Return the name of a site of a run."""
    return f"{run}/{site}"


def _add(
    story: Story,
    run: str,
    file: File,
    removed: frozenset[Qualified],
    read: Callable[[str, str], bytes],
) -> None:
    owners = {qualify(run, owner) for owner in file.owners}
    if file.before == file.after and not file.steps:
        _claim(story, owners)
        return
    if file.before is None:
        weave = Weave.of(read(run, str(file.after)))
        story.chapters.append(Chapter(weave, file.mode, file.folders, born=owners))
        return
    if file.after is None:
        weave = Weave.of(read(run, file.before))
        story.chapters.append(Chapter(weave, file.mode, died=frozenset(owners)))
        return
    if not _continues(story, file, removed):
        if file.before == file.after:  # it needs what none of our runs wrote
            return
        story.chapters.append(Chapter(Weave.of(read(run, file.before)), file.mode))
        removed = NOTHING
    weave = story.chapters[-1].weave
    for step in file.steps:
        weave.apply([_qualified(edit, run) for edit in step.edits], removed)


def _claim(story: Story, owners: set[Qualified]) -> None:
    """Note that these sites need the file that an earlier run created."""
    born = [chapter.born for chapter in story.chapters if chapter.born is not None]
    if born:
        born[-1] |= owners


def _continues(story: Story, file: File, removed: frozenset[Qualified]) -> bool:
    """Say whether the run began with what we had left."""
    if not story.chapters:
        return False
    try:
        return digest(story.chapters[-1].content(removed)) == file.before
    except DependsOn:
        return False


def _qualified(edit: ByteEdit, run: str) -> ByteEdit:
    owners = tuple(qualify(run, owner) for owner in edit.owners)
    return ByteEdit(edit.start, edit.end, edit.new, owners)
