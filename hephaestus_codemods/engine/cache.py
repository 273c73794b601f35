"""What earlier scans found, kept by content: a file is searched again when its answer may differ.

An entry holds for the bytes of the file, the rules that searched it, and the bytes of every other
file that was consulted on the way. A cache never decides what is written: ``apply`` searches the
files that it changes anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.engine.model import FileResult, Site, SiteStatus
from hephaestus_codemods.rule import Established, Precondition, Refusal, Safety

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hephaestus_codemods.engine.run import Job

FORMAT = 1


def digest(raw: bytes) -> str:
    """Return the name under which contents are compared."""
    return hashlib.sha256(raw).hexdigest()


@dataclass
class Cache:
    """Results of scans by path; *signature* says what, besides files, they depend on."""

    signature: str
    entries: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def result(self, job: Job, hashed: Callable[[str], str | None]) -> FileResult | None:
        """Return the result that searching *job* would give, when nothing it rests on changed."""
        entry = self.entries.get(job.path)
        if entry is None or entry["rules"] != list(job.rules):
            return None
        if any(hashed(path) != known for path, known in entry["consulted"].items()):
            return None
        return FileResult(
            job.path,
            sites=tuple(_site(job.path, body) for body in entry["sites"]),
            unused_suppressions=tuple((line, text) for line, text in entry["unused"]),
            skip_file=entry["skip_file"],
        )

    def keep(self, job: Job, result: FileResult) -> None:
        """Remember *result*; one with failures is tried again next time."""
        if result.failures or not result.consulted:
            return
        self.entries[job.path] = {
            "rules": list(job.rules),
            "consulted": dict(result.consulted),
            "sites": [_body(site) for site in result.sites],
            "unused": [list(one) for one in result.unused_suppressions],
            "skip_file": result.skip_file,
        }


def signature(parts: Sequence[object]) -> str:
    """Return a name for everything besides files that results depend on."""
    return digest(json.dumps([FORMAT, *parts], sort_keys=True, default=str).encode())


def loads(text: bytes, wanted: str) -> Cache:
    """Read a cache; one that is broken, or of other rules or options, is empty."""
    try:
        body = json.loads(text)
        if body["signature"] == wanted:
            return Cache(wanted, body["entries"])
    except (ValueError, KeyError, TypeError):
        pass
    return Cache(wanted)


def dumps(cache: Cache) -> bytes:
    """Write a cache down."""
    body = {"signature": cache.signature, "entries": cache.entries}
    return json.dumps(body, separators=(",", ":")).encode()


def _body(site: Site) -> dict[str, Any]:
    body = asdict(site)
    del body["path"]
    return body


def _site(path: str, body: Mapping[str, Any]) -> Site:
    refusal = body["refusal"]
    return Site(
        **{
            **body,
            "path": path,
            "safety": Safety(body["safety"]),
            "status": SiteStatus(body["status"]),
            "refusal": Refusal(**refusal) if refusal else None,
            "preconditions": tuple(
                Precondition(one["name"], Established(one["established"]), one["detail"])
                for one in body["preconditions"]
            ),
        }
    )
