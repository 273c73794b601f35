"""What the engine hands to the patch layer: edits in bytes, in the order they were made."""

from __future__ import annotations

from dataclasses import dataclass

#: Permission bits of a file that we create, unless the change says otherwise.
PLAIN_FILE = 0o644


@dataclass(frozen=True, slots=True)
class ByteEdit:
    """Replace the bytes ``start:end`` of a step's input by *new*; an insertion has start == end.

    *owners* are the ids of the sites that need the edit: it is taken back when all of them are. A
    pure deletion (an import that nothing uses any more) stands only while all of them stand.
    An edit whose *new* equals the bytes it covers changes nothing; it is a claim: its owners are
    added to the owners of the earlier edits that brought these bytes in (an import, say).
    """

    start: int
    end: int
    new: bytes
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Edits that one rule made to one text; they do not overlap."""

    rule: str
    edits: tuple[ByteEdit, ...]


@dataclass(frozen=True, slots=True)
class SiteRef:
    """Where a site lives, so that a revert can select by site, rule or file."""

    id: str
    rule: str
    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after a run; *path* is relative to the root, with slashes.

    ``before=None`` creates the file, ``after=None`` deletes it; *owners* are then the sites that
    need it. A rewritten file has *steps*; without steps the whole change belongs to *owners*.
    ``before == after`` writes nothing and records that *owners* need the file as it is. *mode* is
    used only for created files; others keep theirs.
    """

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = PLAIN_FILE
    steps: tuple[Step, ...] = ()
    owners: tuple[str, ...] = ()

    def all_owners(self) -> frozenset[str]:
        """Return every site that has a part in this file."""
        return frozenset(self.owners).union(
            *(edit.owners for step in self.steps for edit in step.edits)
        )

    @property
    def writes(self) -> bool:
        """Say whether the file differs after the run."""
        return self.before != self.after
