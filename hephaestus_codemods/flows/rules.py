"""List the installed rules, print the page of one, start a new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods import registry
from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.new_rule import new_rule
from hephaestus_codemods.patch import fsops

if TYPE_CHECKING:
    from collections.abc import Sequence


def listed(*, as_json: bool = False) -> str:
    """Return the installed rules as lines for people, or as JSON."""
    described = registry.list_rules()
    if as_json:
        rows = [
            {
                "name": one.name,
                "summary": one.summary,
                "pack": one.pack.name,
                "problem": one.problem,
            }
            for one in described
        ]
        return json.dumps(rows, indent=2) + "\n"
    width = max((len(one.name) for one in described), default=0)
    lines = []
    for one in described:
        pack = "" if one.pack.is_builtin else f"  (pack {one.pack.name} {one.pack.version})"
        lines.append(f"{one.name:{width}}  {one.summary or one.problem}{pack}\n")
    return "".join(lines)


def page(name: str) -> str:
    """Return the page of the rule *name*."""
    return registry.readme(registry.load(registry.find_rules().named(name)))


def start_rule(name: str, folder: str) -> Sequence[str]:
    """Write the folder of a new rule and return the paths; nothing that exists is touched."""
    planned = new_rule(name, Path(folder))
    taken = next((path for path in planned if Path(path).parent.exists()), None)
    if taken is not None:
        raise UsageError(f"{taken.parent} exists already: choose another name or folder")
    for path, text in planned.items():
        with fsops.make_path(Path(path).parent.absolute()) as there:
            fsops.create(there, path.name, text.encode(), mode=0o644)
            fsops.sync(there)
    return [str(path) for path in planned]
