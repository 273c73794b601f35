"""The report as JSON, which is the source of every other format."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.report.redact import redact

if TYPE_CHECKING:
    from hephaestus_codemods.report.model import Report


def dumps(report: Report) -> bytes:
    """Return the report in the form of the published schema, keys and lists in a fixed order."""
    body = asdict(report) | {"totals": report.totals}
    text = json.dumps(_safe(body), indent=2, ensure_ascii=True, sort_keys=True)
    return (text + "\n").encode("ascii")


def schema() -> bytes:
    """Return the JSON Schema of the report."""
    return (files(__package__) / "schema" / "report-1.json").read_bytes()


def _safe(value: Any) -> Any:
    """Mask secrets in all texts."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _safe(one) for key, one in value.items()}
        case list() | tuple():
            return [_safe(one) for one in value]
    return value
