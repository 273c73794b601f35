"""What FastAPI itself reports of an application: its routes, and what runs before each handler.

It needs nothing but the standard library and the application, so that it also runs as a script in
the environment of a target: ``python reported.py app.main:app`` prints JSON.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any


def reported(app: Any, prefix: str = "") -> list[dict[str, Any]]:
    """Return the routes of *app* and of what is mounted on it, in a form that can be compared."""
    found = []
    for route in _routes(app):
        endpoint = getattr(route, "endpoint", None)
        path = prefix + getattr(route, "path", "")
        if endpoint is not None:
            found += _of_route(route, endpoint, path)
        elif getattr(route, "app", None) is not None:
            found += reported(route.app, path)
    return found


def _routes(app: Any) -> list[Any]:
    found = []
    for route in getattr(app, "routes", None) or ():
        # Newer versions keep an included router as one entry.
        inner = getattr(route, "effective_route_contexts", None)
        found += [one.starlette_route or one for one in inner()] if inner is not None else [route]
    return found


def _of_route(route: Any, endpoint: Any, path: str) -> list[dict[str, Any]]:
    common = {
        "path": path,
        "dependencies": [_name(one.call) for one in _needs(getattr(route, "dependant", None))],
    }
    methods = sorted(set(getattr(route, "methods", None) or ()) - {"HEAD"})
    if inspect.isclass(endpoint):
        own = [name for name in ("get", "post", "put", "patch", "delete") if name in vars(endpoint)]
        own = own or ["on_receive"]
        return [
            common
            | {
                "methods": [] if name == "on_receive" else [name.upper()],
                "endpoint": f"{_name(endpoint)}.{name}",
            }
            for name in own
        ]
    return [common | {"methods": methods, "endpoint": _name(endpoint)}]


def _needs(dependant: Any) -> list[Any]:
    return list(dependant.dependencies) if dependant is not None else []


def _name(call: Any) -> str:
    while hasattr(call, "func") and hasattr(call, "keywords"):
        call = call.func
    call = inspect.unwrap(call)
    if not inspect.isroutine(call) and not inspect.isclass(call):
        call = type(call).__call__
    return f"{call.__module__}.{call.__qualname__}".replace(".<locals>", "")


def load(name: str) -> Any:
    """Return the application ``module:attribute``; a factory is called."""
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.removesuffix("()").split("."):
        found = getattr(found, part)
    return found() if attribute.endswith("()") else found


if __name__ == "__main__":
    sys.path[0] = ""  # what lies beside this file is no business of the application
    sys.stdout.write(json.dumps(reported(load(sys.argv[1]))))
