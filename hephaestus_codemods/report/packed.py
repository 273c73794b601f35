"""A report as a few bytes that only we read: the next scan shows it again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

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
    from collections.abc import Mapping


def dumps(report: Report, state: str) -> bytes:
    """Write down *report*, which holds for *state*."""
    return json.dumps({"state": state, "report": asdict(report)}, separators=(",", ":")).encode()


def loads(text: bytes, state: str) -> Report | None:
    """Read a report; None when it is of another state, or broken."""
    try:
        body = json.loads(text)
        return _report(body["report"]) if body["state"] == state else None
    except (ValueError, KeyError, TypeError):
        return None


def _report(body: Mapping[str, Any]) -> Report:
    parts = {
        "rules": [RuleEntry(**one) for one in body["rules"]],
        "files": [
            FileEntry(one["path"], FileStatus(one["status"]), one["code"], one["reason"])
            for one in body["files"]
        ],
        "sites": [_site(one) for one in body["sites"]],
        "failures": [FailureEntry(**one) for one in body["failures"]],
        "unused_suppressions": [UnusedSuppression(**one) for one in body["unused_suppressions"]],
        "notes": body["notes"],
    }
    return Report(**{**body, **{name: tuple(part) for name, part in parts.items()}})


def _site(body: Mapping[str, Any]) -> SiteEntry:
    conditions = tuple(Condition(**one) for one in body["preconditions"])
    return SiteEntry(**{**body, "preconditions": conditions})
