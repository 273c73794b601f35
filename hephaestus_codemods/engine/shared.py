"""What sites need of other files: definitions, support code, requirements, a place to start.

Each planner changes the sheet for as many sites as it can, and says of the others why not.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import dedent
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from hephaestus_codemods.config.suppressions import suppressions
from hephaestus_codemods.engine.planners.apps import apps
from hephaestus_codemods.engine.planners.lifespan import LifespanPart, plan_lifespan
from hephaestus_codemods.engine.planners.manifests import plan_requirement
from hephaestus_codemods.engine.planners.support import (
    common_source,
    plan_support,
    support_paths,
)
from hephaestus_codemods.engine.rewrite import amended
from hephaestus_codemods.engine.splice import to_byte_span
from hephaestus_codemods.kit.statements import define_after
from hephaestus_codemods.kit.support import support_place
from hephaestus_codemods.patch.model import FileChange, Step
from hephaestus_codemods.patch.records import whole_edit
from hephaestus_codemods.rule import Change, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hephaestus_codemods.engine.model import FileResult
    from hephaestus_codemods.engine.sheet import Owners, Sheet
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.project import Project
    from hephaestus_codemods.project.web.apps import App
    from hephaestus_codemods.rule import Addition

Refused = dict[str, Refusal]
#: Names of what is needed (modules, requirements), each with the sites that need it.
Wanted = dict[str, set[str]]


@dataclass(frozen=True)
class Sources:
    """The texts of the support modules that rules bring, by name, and our own version."""

    support: Mapping[str, str]
    version: str

    def text(self, name: str) -> str:
        """Return the text of a support module: a rule's own, or one that many need."""
        return self.support[name] if name in self.support else common_source(name)


@dataclass
class Asked:
    """What the code around one support package asks for; *path* is a file that asks."""

    path: str
    support: Wanted
    lifespans: Wanted


def asked(project: Project, results: Iterable[FileResult]) -> dict[str, Asked]:
    """Return what is asked for, by the folder of the support package."""
    found: dict[str, Asked] = {}
    for result in results:
        needs = result.needs
        if not needs.support and not needs.lifespans:
            continue
        folder = support_place(project, result.path).folder
        here = found.setdefault(folder, Asked(result.path, defaultdict(set), defaultdict(set)))
        for wanted, needed in ((here.support, needs.support), (here.lifespans, needs.lifespans)):
            for name, ids in needed.items():
                wanted[name] |= {*ids}
    return found


# --- New definitions in other files ---


def plan_additions(sheet: Sheet, results: Sequence[FileResult], oldest: int | None) -> Refused:
    """Add the definitions that new code calls, each once."""
    wanted: dict[Addition, set[str]] = defaultdict(set)
    for result in results:
        for addition, ids in result.needs.additions.items():
            wanted[addition] |= {*ids}
    refused: Refused = {}
    for addition in sorted(wanted):
        owners = tuple(sorted(wanted[addition]))
        refusal = _added(sheet, addition, owners, oldest)
        if refusal is not None:
            refused |= dict.fromkeys(owners, refusal)
    return refused


def _added(sheet: Sheet, addition: Addition, owners: Owners, oldest: int | None) -> Refusal | None:
    module = _amendable(sheet.project, addition.path)
    if isinstance(module, Refusal):
        return module
    anchor = _definition(module, addition.beside)
    if anchor is None:
        message = f"{addition.path}: {addition.beside} is not there any more"
        return Refusal("anchor-missing", message)
    holder = addition.beside.rpartition(".")[0]
    known = _definition(module, f"{holder}.{addition.name}" if holder else addition.name)
    if known is not None:
        span = module.source.span(known)
        if dedent(" " * known.col_offset + module.source.segment(known)) != addition.text:
            message = f"{addition.path} has another {addition.name} already"
            return Refusal("name-taken", message)
        sheet.claim(addition.path, [to_byte_span(module.source, *span)], owners)
        return None
    edits = define_after(module, anchor, [addition.text])
    if edits is None:
        message = f"{addition.path}: nothing can be added after {addition.beside}"
        return Refusal("no-room", message)
    change = Change(edits, addition.imports)
    rule = sheet.rule_of(owners)
    made = amended(sheet.project, addition.path, change, rule, owners, oldest)
    if isinstance(made, Refusal):
        return made
    sheet.step(addition.path, made)
    return None


def _amendable(project: Project, path: str) -> Module | Refusal:
    """Return the module that is to be changed for others, unless its owner says no."""
    module = project.module_at(path)
    if suppressions(module.source).skip_file:
        return Refusal("skip-file", f"{path} would have to change, and a comment keeps it")
    return module


def _definition(module: Module, path: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the one function with the qualified *path* in *module*."""
    found = [
        node
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name == path.rpartition(".")[2]
        and module.qualified_path(node) == path
    ]
    return found[0] if len(found) == 1 else None


# --- A place in the lifespan ---


def plan_lifespans(sheet: Sheet, everything: Mapping[str, Asked], oldest: int | None) -> Refused:
    """Let the applications start the parts that sites need; what they import is asked for too."""
    refused: Refused = {}
    for folder, here in everything.items():
        for name, ids in sorted(here.lifespans.items()):
            owners = tuple(sorted(ids))
            refusal = _started(sheet, folder, here, name, owners, oldest)
            if refusal is not None:
                refused |= dict.fromkeys(owners, refusal)
    return refused


def _started(
    sheet: Sheet, folder: str, here: Asked, name: str, owners: Owners, oldest: int | None
) -> Refusal | None:
    package = support_place(sheet.project, here.path).package
    part = LifespanPart(f"{package}.{name}", "lifespan")
    count = len(_apps_near(sheet.project, folder))
    if not count:
        message = f"{name} has to start with an application, and none is made near {here.path}"
        return Refusal("no-application", message)
    for number in range(count):
        app = _apps_near(sheet.project, folder)[number]  # they move as the text grows
        plan = plan_lifespan(sheet.project, app, part)
        if isinstance(plan, Refusal):
            return plan
        if not plan:
            _claim_part(sheet, app.module, part, owners)
        for path, change in plan.items():
            module = _amendable(sheet.project, path)
            if isinstance(module, Refusal):
                return module
            made = amended(sheet.project, path, change, sheet.rule_of(owners), owners, oldest)
            if isinstance(made, Refusal):
                return made
            sheet.step(path, made)
            for needed in change.support:
                here.support[needed] |= {*owners}
    return None


def _apps_near(project: Project, folder: str) -> list[App]:
    return [
        app for app in apps(project) if support_place(project, app.module.path).folder == folder
    ]


def _claim_part(sheet: Sheet, module: Module, part: LifespanPart, owners: Owners) -> None:
    """Let *owners* need the place in which an earlier change starts *part*."""
    spans = [
        to_byte_span(module.source, *module.source.span(node))
        for node in module.nodes
        if isinstance(node, ast.Name | ast.Attribute)
        and module.qualified_name(node) == part.qualified
    ]
    sheet.claim(module.path, spans, owners)


# --- Support code ---


def plan_supports(sheet: Sheet, everything: Mapping[str, Asked], sources: Sources) -> Refused:
    """Plan one support package for each application that needs one."""
    refused: Refused = {}
    for here in everything.values():
        texts = {name: sources.text(name) for name in here.support}
        owners = {name: tuple(sorted(ids)) for name, ids in here.support.items()}
        everyone = tuple(sorted({one for ids in owners.values() for one in ids}))
        planned = plan_support(sheet.project, here.path, texts, sources.version)
        if isinstance(planned, Refusal):
            refused |= dict.fromkeys(everyone, planned)
            continue
        for path in support_paths(sheet.project, here.path, texts):
            before = sheet.project.read(path)
            name = path.rpartition("/")[2].removesuffix(".py")
            after = planned.get(path, before)
            sheet.put(FileChange(path, before, after, owners=owners.get(name, everyone)))
    return refused


# --- Requirements ---


class _Files(Mapping[str, bytes]):
    """The files of a project as they are now, read when they are asked for."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __getitem__(self, path: str) -> bytes:
        raw = self.project.read(path) if path in self.project.files else None
        if raw is None:
            raise KeyError(path)
        return raw

    def __iter__(self) -> Iterator[str]:
        return iter(self.project.files)

    def __len__(self) -> int:
        return len(self.project.files)

    def __contains__(self, path: object) -> bool:
        return path in self.project.files


def plan_requirements(sheet: Sheet, results: Sequence[FileResult]) -> Refused:
    """Declare what new code imports where the project declares the rest."""
    refused: Refused = {}
    for result in results:
        for text, ids in sorted(result.needs.requirements.items()):
            refusal = _declared(sheet, text, result.path, tuple(sorted(ids)))
            if refusal is not None:
                refused |= dict.fromkeys(ids, refusal)
    return refused


def _declared(sheet: Sheet, text: str, path: str, owners: Owners) -> Refusal | None:
    plan = plan_requirement(_Files(sheet.project), text, path)
    if plan.refusal is not None:
        return plan.refusal
    for manifest in plan.declared_in:
        sheet.claim(manifest, _mentions(sheet, manifest, text), owners)
    for manifest, after in plan.contents.items():
        before = sheet.project.read(manifest) or b""
        step = Step(sheet.rule_of(owners), (whole_edit(before, after, owners),))
        sheet.step(manifest, (step,))
    for folder, command in plan.commands:
        note = f"the requirements changed: run {command!r} in {folder or '.'}"
        if note not in sheet.notes:
            sheet.notes.append(note)
    return None


def _mentions(sheet: Sheet, manifest: str, text: str) -> list[tuple[int, int]]:
    """Return where *manifest* names the distribution of the requirement *text*."""
    name = re.sub(r"[-_.]+", "-", Requirement(text).name)
    pattern = re.escape(name).replace(r"\-", "[-_.]+")
    whole = rb"(?<![\w.-])" + pattern.encode() + rb"(?![\w-])"
    raw = sheet.project.read(manifest) or b""
    return [found.span() for found in re.finditer(whole, raw, re.IGNORECASE)]
