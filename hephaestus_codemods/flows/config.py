"""Show, check and describe the configuration that a run would have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hephaestus_codemods import registry
from hephaestus_codemods.config.schema import schema
from hephaestus_codemods.config.settings import DEFAULT, keys
from hephaestus_codemods.flows.place import root_of
from hephaestus_codemods.flows.survey import settings_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hephaestus_codemods.config.settings import Settings
    from hephaestus_codemods.flows.survey import Request
    from hephaestus_codemods.registry import Catalogue
    from hephaestus_codemods.rule import Rule


def _loaded(request: Request) -> tuple[Settings, tuple[Rule, ...]]:
    """Return the settings and the rules within reach; all options are checked on the way."""
    root = root_of(request.paths[0] if request.paths else ".")
    catalogue = registry.find_rules()
    settings = settings_for(root, request, catalogue)
    rules = _within_reach(catalogue, (*settings.packs, *request.packs))
    settings.options(rules)
    return settings, rules


def _within_reach(catalogue: Catalogue, packs: Sequence[str]) -> tuple[Rule, ...]:
    return tuple(registry.load(one) for one in catalogue.reachable(packs).values())


def shown(request: Request, *, as_json: bool = False) -> Sequence[str]:
    """Return lines with every setting, its value and who set it; options of rules included."""
    settings, rules = _loaded(request)
    rows = [
        (name, _plain(getattr(settings, name.replace("-", "_"))), settings.origins.get(name))
        for name in keys()
        if name != "rules"
    ]
    chosen = settings.options(rules)
    for rule in rules:
        for option in rule.options:
            value = chosen.get(rule.name, {}).get(option.name, option.default)
            name = f'rules."{rule.name}".{option.name}'
            rows.append((name, value, settings.option_origin(rule.name, option.name)))
    if as_json:
        body = {name: {"value": value, "from": origin or DEFAULT} for name, value, origin in rows}
        return json.dumps(body, indent=2).splitlines()
    return [f"{name} = {json.dumps(value)}  # {origin or DEFAULT}" for name, value, origin in rows]


def _plain(value: object) -> Any:
    match value:
        case tuple():
            return list(value)
        case dict():
            return {name: _plain(one) for name, one in value.items()}
    return value


def validated(request: Request) -> Sequence[str]:
    """Return which files speak and what is odd about them; raise UsageError for a wrong one."""
    settings, _ = _loaded(request)
    spoken = [f"{layer.origin}: valid" for layer in settings.layers]
    return [*settings.notes, *(spoken or ["there is no configuration: the defaults hold"])]


def described() -> str:
    """Return the JSON Schema of the configuration with the options of our own rules."""
    rules = _within_reach(registry.find_rules(), ())
    return json.dumps(schema(rules), indent=2) + "\n"
