"""The facts about a project for people: short lines, one thing each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hephaestus_codemods.report.redact import redact
from hephaestus_codemods.report.terminal import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.report.facts import Body


def lines(facts: Body) -> Iterator[str]:
    """Yield the inventory line by line."""
    for line in _lines(facts):
        yield redact(line)


def _lines(facts: Body) -> Iterator[str]:
    yield from _versions(facts)
    yield from _process(facts["process"])
    for app in facts["applications"]:
        yield ""
        yield from _application(app)
    if facts["loose_routes"]:
        yield ""
        yield "routes of routers that no application is known to include"
        yield from _routes(facts["loose_routes"])
    for title, one in (("models", _model), ("clients", _client), ("tasks", _task)):
        if facts[title]:
            yield ""
            yield title
            for entry in facts[title]:
                yield from one(entry)
    if facts["settings"]:
        yield ""
        yield "settings"
        for entry in facts["settings"]:
            yield from _settings(entry)
    if facts["functions"] is not None:
        yield ""
        yield "functions"
        for entry in facts["functions"]:
            yield from _function(entry)


def _versions(facts: Body) -> Iterator[str]:
    yield f"project {facts['root']}"
    yield f"python {facts['python'] or 'of unknown version'}"
    for one in facts["libraries"]:
        known = [f"at least {one['floor']}" if one["floor"] else "", _locked(one["locked"])]
        yield f"{one['name']} {', '.join(filter(None, known)) or 'of unknown version'}"


def _locked(version: str | None) -> str:
    return f"locked at {version}" if version else ""


def _process(process: Body) -> Iterator[str]:
    total = process["processes"]
    if total is not None:
        yield f"web processes: {total['value']} ({total['place']})"
    for name in ("poolers", "serverless", "images"):
        for one in process[name]:
            yield f"{name.removesuffix('s')}: {one['value']} ({one['place']})"


def _application(app: Body) -> Iterator[str]:
    kind = app["framework"].rpartition(".")[2]
    where = f" in {app['factory']}" if app["factory"] else ""
    mounted = ", mounted on another" if app["is_mounted"] else ""
    number = counted(len(app["routes"]), "route")
    yield f"{kind} {app['name'] or '?'}{where} ({app['place']}): {number}{mounted}"
    yield from _routes(app["routes"])
    for part in app["parts"]:
        about = f" {part['about']}" if part["about"] else ""
        yield f"  {part['kind']}{about}: {part['name']} ({part['place']})"


def _routes(routes: Iterable[Body]) -> Iterator[str]:
    rows = [
        (
            ",".join(one["methods"]) or one["kind"].upper(),
            one["path"] or "/",
            f"{'async ' if one['is_async'] else ''}{one['handler']}",
            _after(one),
        )
        for one in routes
    ]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(3)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row[:3], widths, strict=True)]
        yield f"  {'  '.join([*cells, row[3]])}".rstrip()


def _after(route: Body) -> str:
    names = [one["name"].rpartition(".")[2] for one in route["dependencies"]]
    parts = [
        f"status {route['status_code']}" if route["status_code"] else "",
        f"after {', '.join(names)}" if names else "",
        "if a condition holds" if route["is_conditional"] else "",
    ]
    return "; ".join(filter(None, parts))


def _model(model: Body) -> Iterator[str]:
    table = model["table"] or "table of unknown name"
    more = "" if model["is_complete"] else ", a base class is unknown"
    yield f"  {model['name']} ({model['place']}): {table}{more}"
    for column in model["columns"]:
        yield f"    {column['attribute']}: {_column(column)}"
    for one in model["relationships"]:
        several = "several " if one["is_collection"] else ""
        loaded = one["lazy"] or "in an unknown way"
        yield f"    {one['attribute']}: {several}{one['target'] or '?'}, loaded {loaded}"


def _column(column: Body) -> str:
    name = f"column {column['name']}" if column["name"] != column["attribute"] else ""
    marks = [
        (column["type"] or "?").rpartition(".")[2],
        name,
        "primary key" if column["primary_key"] else "",
        "unique" if column["unique"] else "",
        "not null" if column["nullable"] is False and not column["primary_key"] else "",
        "index" if column["index"] else "",
        f"references {column['foreign_key']}" if column["foreign_key"] else "",
    ]
    return ", ".join(filter(None, marks))


def _client(client: Body) -> Iterator[str]:
    target = f" {client['target']}" if client["target"] else ""
    where = f"in {client['function']}" if client["function"] else "once per process"
    yield f"  {client['kind']}{target}: {client['maker']}, {where} ({client['place']})"


def _task(task: Body) -> Iterator[str]:
    yield f"  {task['queue']}: {task['name']} ({task['place']})"


def _settings(settings: Body) -> Iterator[str]:
    yield f"  {settings['name']} ({settings['place']})"
    for one in settings["fields"]:
        default = f" = {one['default']}" if one["default"] is not None else ""
        yield f"    {one['name']}: {one['type']}{default}"


def _function(function: Body) -> Iterator[str]:
    effects = function["effects"]
    if not effects:
        yield f"  {function['name']} ({function['place']}): nothing but its result"
        return
    totals = Counter(one["kind"] for one in effects)
    known = ", ".join(totals)
    yield f"  {function['name']} ({function['place']}): {known}"
    for one in effects:
        yield f"    {_effect(one)}"
    if function["is_cut_short"]:
        yield "    and more that is unknown"


def _effect(effect: dict[str, Any]) -> str:
    return f"{effect['kind']} {effect['what']}: {effect['path']}"
