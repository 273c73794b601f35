"""Turn what a run did into JSON and back: the words of a record, without the disk."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.patch import ulid
from hephaestus_codemods.patch.model import ByteEdit, SiteRef, Step
from hephaestus_codemods.patch.state import ForgedError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Details:
    """What a record says about the run, besides the files."""

    tool: str
    rules: Mapping[str, int] = field(default_factory=dict)
    sites: tuple[SiteRef, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file of a run; hashes of None mean that there was, or is, no file."""

    path: str
    before: str | None
    after: str | None
    mode: int
    steps: tuple[Step, ...]
    owners: tuple[str, ...]
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was recorded; *contents* has the hash of every file of the record."""

    id: str
    details: Details
    files: tuple[File, ...]
    contents: Mapping[str, str]

    @property
    def made_at(self) -> float:
        """When the run was made, in seconds since 1970."""
        return ulid.seconds(self.id)

    def owners(self) -> frozenset[str]:
        """Return the ids of all sites that were applied."""
        return frozenset().union(*(owners_of(file) for file in self.files))


@dataclass(frozen=True, slots=True)
class Revert:
    """Sites that were taken back later, by run."""

    id: str
    sites: Mapping[str, tuple[str, ...]]


def owners_of(file: File) -> frozenset[str]:
    """Return the sites that have a part in *file*."""
    return frozenset(file.owners).union(
        *(edit.owners for step in file.steps for edit in step.edits)
    )


def run_body(run: Run) -> dict[str, Any]:
    """Return *run* as JSON takes it."""
    return {
        "format": FORMAT,
        "id": run.id,
        "tool": run.details.tool,
        "rules": dict(run.details.rules),
        "sites": [asdict(site) for site in run.details.sites],
        "files": [_file_body(file) for file in run.files],
        "contents": dict(run.contents),
    }


def read_run(body: Mapping[str, Any]) -> Run:
    """Return the run of a manifest; refuse what another version wrote."""
    try:
        if body["format"] != FORMAT:
            raise ForgedError(f"its format is {body['format']}, this version reads {FORMAT}")
        sites = tuple(SiteRef(**site) for site in body["sites"])
        details = Details(body["tool"], body["rules"], sites)
        files = tuple(_read_file(file) for file in body["files"])
        return Run(body["id"], details, files, body["contents"])
    except (KeyError, TypeError, ValueError) as error:
        raise ForgedError(f"it is no manifest of a run ({error})") from error


def revert_body(revert: Revert) -> dict[str, Any]:
    """Return *revert* as JSON takes it."""
    sites = {run: sorted(sites) for run, sites in revert.sites.items()}
    return {"format": FORMAT, "id": revert.id, "sites": sites}


def read_revert(body: Mapping[str, Any]) -> Revert:
    """Return the revert of a manifest."""
    try:
        return Revert(body["id"], {run: tuple(sites) for run, sites in body["sites"].items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ForgedError(f"it is no manifest of a revert ({error})") from error


def _file_body(file: File) -> dict[str, Any]:
    steps = [
        {"rule": step.rule, "edits": [_edit_body(edit) for edit in step.edits]}
        for step in file.steps
    ]
    return {name: getattr(file, name) for name in _FILE_FIELDS} | {"steps": steps}


_FILE_FIELDS = ("path", "before", "after", "mode", "owners", "folders")


def _read_file(body: Mapping[str, Any]) -> File:
    steps = tuple(
        Step(step["rule"], tuple(_read_edit(edit) for edit in step["edits"]))
        for step in body["steps"]
    )
    return File(
        path=body["path"],
        before=body["before"],
        after=body["after"],
        mode=body["mode"],
        steps=steps,
        owners=tuple(body["owners"]),
        folders=tuple(body["folders"]),
    )


def _edit_body(edit: ByteEdit) -> list[Any]:
    return [edit.start, edit.end, base64.b64encode(edit.new).decode(), list(edit.owners)]


def _read_edit(body: list[Any]) -> ByteEdit:
    start, end, new, owners = body
    return ByteEdit(start, end, base64.b64decode(new), tuple(owners))
