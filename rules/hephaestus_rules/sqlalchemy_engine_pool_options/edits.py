"""The text of pool settings: as keywords, as entries of a dict, or asked for at run time."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.calls import add_keywords, replace_argument
from hephaestus_codemods.kit.expressions import comments_in
from hephaestus_codemods.kit.names import fresh_name, name_for
from hephaestus_codemods.kit.statements import insert_before
from hephaestus_codemods.kit.support import support_module
from hephaestus_codemods.rule import Change, Edit, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Scalar
    from hephaestus_rules.sqlalchemy_engine_pool_options.site import Site

#: What ``pool_options`` returns on its own; only other values are written into the call.
DEFAULTS: Final[Mapping[str, Scalar]] = {
    "pool_size": 10,
    "max_overflow": 10,
    "pool_timeout": 10,
    "pool_recycle": 1800,
    "pool_pre_ping": True,
    "pool_use_lifo": True,
}
NOT_UNDERSTOOD: Final = Refusal(
    "layout", "the text of this call is not understood well enough to add keywords to it"
)
#: Calls that read the environment: as cheap as a name, and the same each time.
READS: Final = frozenset({"os.getenv", "os.environ.get"})


def plain_change(site: Site, settings: Mapping[str, Scalar]) -> Change | Refusal:
    """Return the settings as keywords, or as entries of the dict that the call unpacks."""
    missing = {name: repr(v) for name, v in settings.items() if name not in site.arguments.given}
    literal = site.arguments.literal
    if isinstance(literal, ast.Dict):
        edits = _entries(site.module, literal, missing)
    else:
        edits = add_keywords(site.module, literal or site.call, missing)
    return Change(edits) if edits is not None else NOT_UNDERSTOOD


def _entries(
    module: Module, literal: ast.Dict, missing: Mapping[str, str]
) -> tuple[Edit, ...] | None:
    """Return the insertion of entries behind the last one of a dict."""
    source = module.source
    start, end = source.span(literal)
    items = [f'"{name}": {value}' for name, value in missing.items()]
    if not literal.values:
        return (Edit(start + 1, start + 1, ", ".join(items)),) if end - start == 2 else None
    key, value = literal.keys[-1], literal.values[-1]
    assert key is not None
    first, last = source.span(key)[0], source.span(value)[1]
    if comments_in(module, last, end) or source.text[last:end].strip(" \t\r\n,}"):
        return None
    indent = source.indent(first)
    opens_line = source.text[:first].endswith(source.newline(first) + indent)
    glue = source.newline(first) + indent if opens_line else " "
    return (Edit(last, last, "".join(f",{glue}{item}" for item in items)),)


def guarded_change(site: Site, settings: Mapping[str, Scalar]) -> Change | Refusal:
    """Return the settings that ``pool_options`` gives for the URL when the program runs."""
    assert site.url is not None
    wanted = f"{support_module(site.module, 'db_pool')}.pool_options"
    name = name_for(site.module, wanted, site.call)
    if name is None:
        return Refusal("name-taken", "`pool_options` already means something else in this file")
    function, needed = name
    again = _again(site, site.url)
    if isinstance(again, Refusal):
        return again
    url, binding = again
    words = [url, *_differences(site, settings)]
    edits = add_keywords(site.module, site.call, {"**": f"{function}({', '.join(words)})"})
    if edits is None:
        return NOT_UNDERSTOOD
    imports = (needed,) if needed is not None else ()
    return Change(_joined((*binding, *edits)), imports, support=("db_pool",))


def _joined(edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Return *edits* with insertions right beside a replaced text in one edit with it."""
    found: list[Edit] = []
    for one in sorted(edits):
        last = found[-1] if found else None
        if last is not None and last.end == one.start and one.start in (last.start, one.end):
            found[-1] = Edit(last.start, one.end, last.text + one.text)
        else:
            found.append(one)
    return tuple(found)


def _differences(site: Site, settings: Mapping[str, Scalar]) -> list[str]:
    given = site.arguments.given
    wanted = {**DEFAULTS, **settings, **{name: None for name in DEFAULTS if name in given}}
    return [f"{name}={value!r}" for name, value in wanted.items() if value != DEFAULTS[name]]


def _again(site: Site, url: ast.expr) -> tuple[str, tuple[Edit, ...]] | Refusal:
    """Return the text that means the URL a second time, and the edits that this needs."""
    text = site.module.source.segment(url)
    if is_repeatable(site.module, url) and "\n" not in text and "\r" not in text:
        return text, ()
    bound = _bound(site, url, text)
    shown = f"{site.text(url.func)}(…)" if isinstance(url, ast.Call) else site.text(url)
    return bound or Refusal(
        "url-expression", f"`{shown}` would be evaluated twice: bind it to a name first"
    )


def is_repeatable(module: Module, url: ast.expr) -> bool:
    """Say whether *url* may be evaluated twice: a name, an attribute, or the environment."""
    match url:
        case ast.Name():
            return True
        case ast.Attribute(value=value):
            return is_repeatable(module, value)
        case ast.Subscript(value=value, slice=ast.Constant()):
            return module.qualified_name(value) == "os.environ"
        case ast.Call(func=func, args=[inner], keywords=[]):
            name = module.qualified_name(func)
            if name in READS:
                return isinstance(inner, ast.Constant)
            return name in ("builtins.str", "sqlalchemy.engine.make_url") and is_repeatable(
                module, inner
            )
    return False


def _bound(site: Site, url: ast.expr, text: str) -> tuple[str, tuple[Edit, ...]] | None:
    """Bind the URL to a new name in front of the statement that makes the engine."""
    module = site.module
    statement = module.statement(site.call)
    if isinstance(url, ast.Await) or not _runs_first(module, statement, url):
        return None
    if isinstance(module.parents.get(statement), ast.ClassDef):
        return None
    name = fresh_name(module, "database_url", site.call)
    new = insert_before(module, statement, f"{name} = {_at_margin(module, url, text)}")
    replaced = replace_argument(module, url, name)
    return (name, (*new, *replaced)) if new is not None and replaced is not None else None


def _runs_first(module: Module, statement: ast.stmt, url: ast.expr) -> bool:
    """Say whether *statement* evaluates *url* always, and only names and constants before it."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.Return | ast.Expr):
        return False
    around = {one for one in module.ancestors(url) if one is not module.tree}
    inside = [one for one in ast.walk(statement) if one in around]
    if not all(isinstance(one, ast.Call | ast.keyword | ast.stmt) for one in inside):
        return False
    start = module.source.span(url)[0]
    before = (
        one
        for one in ast.walk(statement)
        if isinstance(one, ast.expr) and one not in around and module.source.span(one)[0] < start
    )
    return all(isinstance(one, ast.Name | ast.Attribute | ast.Constant) for one in before)


def _at_margin(module: Module, url: ast.expr, text: str) -> str:
    """Return the lines of *text* as they are when its first one is not indented."""
    source = module.source
    indent = source.indent(source.span(url)[0])
    first, *rest = text.splitlines()
    return "\n".join([first, *(line.removeprefix(indent) for line in rest)])
