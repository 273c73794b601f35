"""Cut what a run did into one patch per rule, to be applied one after the other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hephaestus_codemods.patch import diff
from hephaestus_codemods.patch.diff import Delta
from hephaestus_codemods.patch.replay import Weave

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hephaestus_codemods.patch.model import FileChange

#: The rule of a file whose sites name none: only a caller that gives no sites meets it.
NO_RULE = "files"


def delta(change: FileChange) -> Delta:
    """Return a change as the two sides of a patch."""
    return Delta(change.path, change.before, change.after, change.mode)


def stacked(changes: Iterable[FileChange], rules: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Return one patch per rule, named, to be applied one after the other.

    *rules* tells the rule of each site. One that worked in several rounds may have more patches.
    """
    left = {change.path: _stages(change, rules) for change in changes if change.writes}
    patches: list[tuple[str, bytes]] = []
    while any(left.values()):
        rule = _next_rule([[name for name, _ in stages] for stages in left.values() if stages])
        deltas = []
        for stages in left.values():
            while stages and stages[0][0] == rule:
                deltas.append(stages.pop(0)[1])
        patches.append((f"{len(patches) + 1:02}-{rule}.patch", diff.emit(_joined(deltas))))
    return patches


def _stages(change: FileChange, rules: Mapping[str, str]) -> list[tuple[str, Delta]]:
    """Return what each rule in turn makes of a file."""
    if change.before is None or change.after is None:
        return [(rule_of(change.owners, rules), delta(change))]
    stages = []
    weave, text = Weave.of(change.before), change.before
    for step in change.steps:
        weave.apply(step.edits)
        now = weave.text()
        stages.append((step.rule, Delta(change.path, text, now, change.mode)))
        text = now
    return stages


def _joined(deltas: Iterable[Delta]) -> list[Delta]:
    """Make one delta of those of the same file that follow each other."""
    joined: dict[str, Delta] = {}
    for one in deltas:
        first = joined.get(one.path, one)
        joined[one.path] = Delta(one.path, first.before, one.after, one.mode)
    return list(joined.values())


def _next_rule(queues: Sequence[Sequence[str]]) -> str:
    """Choose the rule that fewest files have still to wait for."""
    waiting = Counter(name for queue in queues for name in set(queue) - {queue[0]})
    return min((queue[0] for queue in queues), key=lambda name: (waiting[name], name))


def rule_of(owners: Iterable[str], rules: Mapping[str, str]) -> str:
    """Return the rule that a file belongs to: that of the first site which names one."""
    return next((rules[owner] for owner in owners if owner in rules), NO_RULE)
