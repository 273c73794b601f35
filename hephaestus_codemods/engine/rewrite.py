"""Rewriting one file: rules in their order, each until it has nothing left, to a fixpoint.

Every round is spliced from a fresh parse, so that nested sites, several rules at one call and
sites that only an earlier edit made possible all land in one run and are counted once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from hephaestus_codemods.engine.find import Found, Search, chosen, raised, search
from hephaestus_codemods.engine.formatter import laid_out
from hephaestus_codemods.engine.gates import broken_promise, bytes_differ, masked_touched
from hephaestus_codemods.engine.model import (
    Failure,
    FileResult,
    Needs,
    Selection,
    Site,
    SiteStatus,
)
from hephaestus_codemods.engine.planners.imports import plan_imports
from hephaestus_codemods.engine.splice import Taken, Trail, apart, origin, splice, to_bytes
from hephaestus_codemods.errors import is_exhaustion
from hephaestus_codemods.patch.model import ByteEdit, Step
from hephaestus_codemods.project.source import Source, UnreadableSource, decode
from hephaestus_codemods.project.style import line_length
from hephaestus_codemods.rule import CannotEdit, Change, Edit, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.rule import Import, Rule

#: More passes than this over all rules mean that two rules undo each other.
MAX_PASSES = 10
#: More rounds than this of one rule on one file mean that it never finds an end.
MAX_ROUNDS = 100
IDENTIFIER = re.compile(r"[^\W\d]\w*")

T = TypeVar("T")
Key = tuple[str, int, int]
#: An edit and the ids of the sites that need it.
Owned = tuple[Edit, tuple[str, ...]]


class Unsettled(Exception):
    """The rules do not come to an end on this file; the message names them."""


@dataclass(frozen=True)
class Planned:
    """A change that is about to be made, for the site that it belongs to."""

    key: Key
    site: Site
    change: Change


@dataclass(frozen=True)
class Draft:
    """The text of a file after some steps, and how its characters came there."""

    project: Project
    module: Module
    trails: tuple[Trail, ...] = ()
    steps: tuple[Step, ...] = ()
    minor: int | None = None

    def key(self, site: Site) -> Key:
        """Identify *site*, found in this text, by its place in the original."""
        return site.rule, *origin(self.trails, site.start, site.end)


@dataclass
class Work:
    """What is known so far about the sites of the file under work."""

    original: Source
    selection: Selection
    sites: dict[Key, Site] = field(default_factory=dict)
    applied: dict[Key, Change] = field(default_factory=dict)
    banned: dict[Key, Refusal] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def rewrite(project: Project, path: str, rules: Sequence[Rule], selection: Selection) -> FileResult:
    """Rewrite the file at *path*, or say of every site why it stays as it is."""
    module = project.module_at(path)
    first = search(module, rules, selection)
    work = Work(module.source, selection, failures=list(first.failures))
    work.sites = {(s.rule, s.start, s.end): s for s in (one.site for one in first.found)}
    draft = Draft(project, module)
    try:
        if any(chosen(site, selection) for site in work.sites.values()):
            minor = selection.oldest_minor or project.target.minor_floor(path)
            draft = _to_fixpoint(work, replace(draft, minor=minor), rules)
    except Unsettled as error:
        return _given_up(work, first, str(error))
    steps = _with_all_owners(draft.steps)
    after = draft.module.source.raw
    broken = bytes_differ(work.original.raw, after, steps)
    if broken is not None:
        return _given_up(work, first, broken)
    return FileResult(
        path,
        sites=_settled(work, draft),
        failures=tuple(work.failures),
        before=work.original.raw,
        after=after if after != work.original.raw else None,
        steps=steps,
        needs=_needs(work),
        unused_suppressions=first.unused_suppressions,
        skip_file=first.skip_file,
    )


def _to_fixpoint(work: Work, draft: Draft, rules: Sequence[Rule]) -> Draft:
    """Apply *rules* again and again until none changes the text."""
    busy: list[str] = []
    for _ in range(MAX_PASSES):
        busy = []
        for rule in rules:
            before = draft
            draft = _exhausted(work, draft, rule)
            if draft is not before:
                busy.append(rule.name)
        if not busy:
            return draft
    raise Unsettled(f"the text does not settle: {' and '.join(busy)} change it again and again")


def _exhausted(work: Work, draft: Draft, rule: Rule) -> Draft:
    """Apply *rule* until it has nothing left that may be written."""
    for _ in range(MAX_ROUNDS):
        batch = _batch(work, draft, rule)
        if not batch:
            return draft
        draft = _with_batch(work, draft, rule, batch)
    raise Unsettled(f"{rule.name} still changes the file after {MAX_ROUNDS} rounds")


def _batch(work: Work, draft: Draft, rule: Rule) -> list[Planned]:
    """Return the changes of *rule* to the current text that fit together."""
    if not rule.matches(draft.module.source.raw):
        return []
    looked = search(draft.module, [rule], work.selection)
    work.failures += [failure for failure in looked.failures if failure not in work.failures]
    taken = Taken()
    batch: list[Planned] = []
    for one in looked.found:
        planned = _planned(work, draft, rule, one)
        if planned is not None and taken.fits(planned.change.edits):
            taken.take(planned.change.edits)
            batch.append(planned)
    return batch


def _planned(work: Work, draft: Draft, rule: Rule, one: Found) -> Planned | None:
    key = draft.key(one.site)
    site = work.sites.get(key) or _at_origin(work.original, one.site, key)
    wanted = replace(one.site, id=site.id, line=site.line, end_line=site.end_line)
    if key in work.banned or not chosen(wanted, work.selection) or one.finding.change is None:
        return None
    if key in work.applied:
        raise Unsettled(_circle(work, key, site))
    wanted = replace(wanted, start=key[1], end=key[2], column=site.column)
    try:
        return Planned(key, wanted, one.finding.change())
    except CannotEdit as error:
        work.banned[key] = Refusal("layout", str(error))
        return None
    except Exception as error:  # a rule is a guest: its fault is a result
        if is_exhaustion(error):
            raise
        failure = raised(rule, error)
        work.failures.append(failure)
        work.banned[key] = Refusal("rule-raised", failure.message)
        return None


def _circle(work: Work, key: Key, site: Site) -> str:
    """Say which rules rewrite the same place again and again."""
    others = {rule for rule, start, end in work.applied if start < key[2] and key[1] < end}
    if len(others) == 1:
        return f"{site.rule} finds its own rewrite again in line {site.line}"
    return f"{' and '.join(sorted(others))} rewrite line {site.line} again and again"


def _at_origin(original: Source, site: Site, key: Key) -> Site:
    """Give a site that only an earlier edit made possible its place in the original text."""
    line, column = original.position(key[1])
    return replace(site, line=line, column=column, end_line=original.position(key[2])[0])


def _with_batch(work: Work, draft: Draft, rule: Rule, batch: Sequence[Planned]) -> Draft:
    """Make all changes of *batch*; when they break a promise, leave out those that do."""
    kept, made = _sound(work, draft, rule, batch)
    _note(work, kept)
    return made


def _sound(
    work: Work, draft: Draft, rule: Rule, batch: Sequence[Planned]
) -> tuple[Sequence[Planned], Draft]:
    """Return those of *batch* that break no promise, and the text with them.

    The others are found by halving: a file may hold hundreds of sites and one that is broken.
    """
    made = _with_changes(draft, rule, batch)
    if isinstance(made, Draft):
        return batch, made
    if len(batch) == 1:
        work.banned[batch[0].key] = made
        if made.code == "gate":
            work.failures.append(Failure("gate", made.message, rule.name, ours=True))
        return (), draft
    middle = len(batch) // 2
    first, with_first = _sound(work, draft, rule, batch[:middle])
    second, with_second = _sound(work, draft, rule, batch[middle:])
    if not first or not second:
        return (first, with_first) if first else (second, with_second)
    both = _with_changes(draft, rule, (*first, *second))
    if isinstance(both, Draft):
        return (*first, *second), both
    # Each half is sound alone; what is left of the second is found again in the next round.
    return first, with_first


def _note(work: Work, batch: Iterable[Planned]) -> None:
    for one in batch:
        work.sites[one.key] = replace(one.site, status=SiteStatus.APPLIED)
        work.applied[one.key] = one.change


def amended(
    project: Project,
    path: str,
    change: Change,
    rule: str,
    owners: tuple[str, ...],
    oldest: int | None,
) -> tuple[Step, ...] | Refusal:
    """Return the steps that make *change*, which sites of other files need, in the file *path*."""
    draft = Draft(
        project, project.module_at(path), minor=oldest or project.target.minor_floor(path)
    )
    owned = [(edit, owners) for edit in change.edits]
    made = _spliced(draft, rule, owned, change.imports)
    return made if isinstance(made, Refusal) else made.steps


def _with_changes(draft: Draft, rule: Rule, batch: Sequence[Planned]) -> Draft | Refusal:
    """Return the text with *batch* and its imports, or why there can be none."""
    owned = [(edit, (one.site.id,)) for one in batch for edit in one.change.edits]
    return _spliced(draft, rule.name, owned, {n for one in batch for n in one.change.imports})


def _spliced(
    draft: Draft, rule: str, owned: Sequence[Owned], imports: Iterable[Import]
) -> Draft | Refusal:
    """Return the text with the edits *owned* and with *imports*, or why there can be none."""
    owners = tuple(dict.fromkeys(owner for _, ids in owned for owner in ids))
    try:
        body = _stepped(draft, rule, owned)
        if isinstance(body, Refusal):
            return body
        needed = sorted(imports)
        gone = _identifiers(draft.module.source.text[edit.start : edit.end] for edit, _ in owned)
        edits = plan_imports(body.module, needed, gone)
        if isinstance(edits, Refusal):
            return edits
        return _stepped(body, rule, [(edit, owners) for edit in edits]) if edits else body
    except UnreadableSource as error:
        return Refusal(error.code, str(error))


def _stepped(draft: Draft, rule: str, owned: Sequence[Owned]) -> Draft | Refusal:
    """Splice *owned* into the draft and hold the result to the gates."""
    old = draft.module.source
    owned = [(apart(old.text, edit), ids) for edit, ids in owned]
    new = _gated(old, owned, draft.minor)
    if isinstance(new, Refusal):
        return new
    width = line_length(draft.project, old.path)
    laid = laid_out(old, new, owned, width)
    again = _gated(old, laid, draft.minor) if laid is not None else None
    if laid is not None and isinstance(again, Source):
        owned, new = laid, again
    edits = [edit for edit, _ in owned]
    project = draft.project.with_file(old.path, new.raw)
    return Draft(
        project,
        project.module_at(old.path),
        (*draft.trails, Trail.of(edits)),
        (*draft.steps, Step(rule, to_bytes(old, owned))),
        draft.minor,
    )


def _gated(old: Source, owned: Sequence[Owned], minor: int | None) -> Source | Refusal:
    """Return the text with the edits *owned*, or which promise they would break."""
    edits = [edit for edit, _ in owned]
    new = decode(old.path, old.encode(splice(old.text, edits)))
    masked = masked_touched(old, edits)
    if masked is not None:
        return Refusal("newer-syntax", masked)
    broken = broken_promise(old, new, edits, minor)
    return Refusal("gate", broken) if broken is not None else new


def _identifiers(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in IDENTIFIER.findall(text)}


def _with_all_owners(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Let an edit that binds names (an import) belong to every site whose new text uses them."""
    users = [
        (_identifiers([edit.new.decode("latin-1")]), edit.owners)
        for step in steps
        for edit in step.edits
        if len(edit.owners) == 1
    ]
    return tuple(
        Step(step.rule, tuple(_shared(edit, users) for edit in step.edits)) for step in steps
    )


def _shared(edit: ByteEdit, users: Sequence[tuple[set[str], tuple[str, ...]]]) -> ByteEdit:
    text = edit.new.decode("latin-1")
    if not re.search(r"\bimport\b", text) and len(edit.owners) == 1:
        return edit
    names = _identifiers([text])
    more = {owner for used, owners in users if used & names for owner in owners}
    return replace(edit, owners=tuple(sorted({*edit.owners, *more})))


def _needs(work: Work) -> Needs:
    def asked(kind: Callable[[Change], Iterable[T]]) -> dict[T, tuple[str, ...]]:
        found: dict[T, list[str]] = {}
        for key, change in work.applied.items():
            for wanted in kind(change):
                found.setdefault(wanted, []).append(work.sites[key].id)
        return {wanted: tuple(ids) for wanted, ids in found.items()}

    return Needs(
        asked(lambda change: (*change.support, *change.lifespans)),
        asked(lambda change: change.requirements),
        asked(lambda change: change.lifespans),
        asked(lambda change: change.additions),
    )


def _given_up(work: Work, first: Search, broken: str) -> FileResult:
    """Leave the whole file as it was, and say that this is our fault."""
    refusal = Refusal("gate", broken)
    sites = (one.site for one in first.found)
    return FileResult(
        work.original.path,
        sites=tuple(
            replace(site, status=SiteStatus.REFUSED, refusal=refusal)
            if chosen(site, work.selection)
            else site
            for site in sites
        ),
        failures=(*work.failures, Failure("gate", broken, ours=True)),
        before=work.original.raw,
        unused_suppressions=first.unused_suppressions,
    )


def _settled(work: Work, draft: Draft) -> tuple[Site, ...]:
    """Give each site the one status in which it ended."""
    sites = [_status(work, draft, key, site) for key, site in work.sites.items()]
    return tuple(sorted(sites, key=lambda site: (site.start, site.end, site.rule)))


def _status(work: Work, draft: Draft, key: Key, site: Site) -> Site:
    if site.status is not SiteStatus.SUGGESTED:
        return site
    refusal = work.selection.refused.get(site.id) or work.banned.get(key)
    if refusal is not None:
        return replace(site, status=SiteStatus.REFUSED, refusal=refusal)
    if not chosen(site, work.selection):
        return site
    taker = _taker(work, site)
    message = f"{taker} rewrote the code that this site stood in" if taker else "it vanished"
    return replace(site, status=SiteStatus.CONFLICT, refusal=Refusal("conflict", message))


def _taker(work: Work, site: Site) -> str | None:
    """Return the rule whose applied site overlaps *site*."""
    for rule, start, end in work.applied:
        if start < site.end and site.start < end:
            return rule
    return None
