"""The files of a run while it is planned: each as it will be, and the steps that make it so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hephaestus_codemods.patch.model import ByteEdit, FileChange, Step
from hephaestus_codemods.patch.replay import replay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hephaestus_codemods.project.project import Project

Owners = tuple[str, ...]


@dataclass
class Sheet:
    """The changes planned so far, by path, and the *project* as they leave it.

    *rules* tells the rule of each site.
    """

    project: Project
    rules: Mapping[str, str]
    changes: dict[str, FileChange] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, change: FileChange) -> None:
        """Take a whole change in; it must be the first of its file."""
        assert change.path not in self.changes, change.path
        self.changes[change.path] = change
        if change.after is not None and change.writes:
            self.project = self.project.with_file(change.path, change.after)

    def step(self, path: str, steps: Sequence[Step]) -> None:
        """Add *steps* to what becomes of the file *path*, which is there already."""
        known = self.changes.get(path)
        before = known.before if known else self.project.read(path)
        assert before is not None, path
        whole = (*(known.steps if known else ()), *steps)
        after = replay(before, whole)
        self.changes[path] = FileChange(path, before, after, steps=whole)
        self.project = self.project.with_file(path, after)

    def claim(self, path: str, spans: Iterable[tuple[int, int]], owners: Owners) -> None:
        """Let *owners* need the bytes at *spans* of *path*, whoever wrote them.

        A later revert of the site that wrote them then leaves them there.
        """
        raw = self.project.read(path) or b""
        edits = tuple(ByteEdit(start, end, raw[start:end], owners) for start, end in sorted(spans))
        if edits:
            self.step(path, (Step(self.rule_of(owners), edits),))

    def rule_of(self, owners: Iterable[str]) -> str:
        """Return the rule that speaks for *owners*: the first by name."""
        return min(self.rules[owner] for owner in owners)
