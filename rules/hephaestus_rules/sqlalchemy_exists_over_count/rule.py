"""sqlalchemy-exists-over-count: ask the database whether rows exist, or how many."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.names import name_for
from hephaestus_codemods.project.glance import sqlalchemy_used
from hephaestus_codemods.rule import Change, Finding, Rule, Safety, Task, refuse
from hephaestus_rules.sqlalchemy_exists_over_count import edits
from hephaestus_rules.sqlalchemy_exists_over_count.bound import (
    Bound,
    bound_of,
    length_of,
    number_reads,
    truth_reads,
)
from hephaestus_rules.sqlalchemy_exists_over_count.fetches import (
    Fetch,
    Gives,
    fetch_of,
    may_be_fetch,
)
from hephaestus_rules.sqlalchemy_exists_over_count.firsts import Firsts, firsts_of, limited
from hephaestus_rules.sqlalchemy_exists_over_count.glance import may_ask_less
from hephaestus_rules.sqlalchemy_exists_over_count.limits import (
    Facts,
    for_firsts,
    for_number,
    for_truth,
    gains_nothing,
    is_plain_truth,
    table_of,
)
from hephaestus_rules.sqlalchemy_exists_over_count.sessions import session_of
from hephaestus_rules.sqlalchemy_exists_over_count.uses import (
    Truth,
    is_in_f_string,
    may_be_asked,
    truth_of_first,
    truth_of_list,
    truth_of_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Import, Options


COUNTED: Final = "count the rows in the database instead of fetching them"
LIMITED: Final = "fetch only the rows that are used"


def find(module: Module, options: Options) -> Iterator[Finding]:
    """Yield every fetch of which only the truth or the number of rows is used."""
    for call in module.calls:
        found = _found(module, call)
        if found is not None:
            yield found


def _found(module: Module, call: ast.Call) -> Finding | None:
    if not may_be_fetch(call) or not may_be_asked(module, call):
        return None
    fetch = fetch_of(module, call)
    if fetch is None:
        return None
    if gains_nothing(module, fetch):
        return None
    found = _asked(module, fetch)
    if found is None or found.refusal is not None or not is_in_f_string(module, call):
        return found
    return refuse(
        call, "in-f-string", "the fetch stands in an f-string: give its result a name first"
    )


def _asked(module: Module, fetch: Fetch) -> Finding | None:
    number = length_of(module, fetch.node) if fetch.gives is Gives.LIST else None
    truth = _truth(module, fetch, number)
    if truth is not None:
        return _ask_truth(module, fetch, truth)
    if number is not None:
        return _ask_number(module, fetch, number)
    bound = bound_of(module, fetch, plain=is_plain_truth(module, fetch))
    if bound is not None:
        return _ask_bound(module, fetch, bound)
    firsts = firsts_of(module, fetch)
    return _ask_firsts(module, fetch, firsts) if firsts is not None else None


def _ask_bound(module: Module, fetch: Fetch, bound: Bound) -> Finding:
    """Change the fetch as if its variable stood in the place of its reads, then those."""
    is_number = bool(bound.lengths)
    reads = number_reads if is_number else truth_reads
    if is_number:
        found = _ask_number(module, fetch, fetch.node)
    else:
        found = _ask_truth(module, fetch, Truth(fetch.node, negated=False))
    asked = found.change
    if asked is None:
        return found

    def change() -> Change:
        made = asked()
        return replace(made, edits=(*made.edits, *reads(module, bound)))

    return replace(found, change=change)


def _truth(module: Module, fetch: Fetch, number: ast.expr | None) -> Truth | None:
    if number is not None:
        return truth_of_number(module, number)
    if fetch.gives is Gives.NUMBER:
        return truth_of_number(module, fetch.node)
    if fetch.gives is Gives.LIST:
        return truth_of_list(module, fetch.node)
    truth = truth_of_first(module, fetch.node)
    if truth is None and is_plain_truth(module, fetch):
        truth = truth_of_list(module, fetch.node)
    return truth


def _ask_truth(module: Module, fetch: Fetch, truth: Truth) -> Finding:
    facts = for_truth(module, fetch)
    if facts.refusal is not None:
        return refuse(truth.node, facts.refusal.code, facts.refusal.message)
    base = Safety.SAFE if fetch.gives is Gives.NUMBER else Safety.REVIEW
    message = "ask whether a row exists instead of " + _avoided(fetch)
    if fetch.send is not None:
        return _ask_select(module, fetch, truth, Finding(truth.node, message, base, facts.known))
    session = session_of(module, fetch)
    if session is None:
        reason = "which session M.query uses cannot be seen: write session.query(query.exists())"
        return refuse(truth.node, "no-session", reason)
    text, new = session

    def change_query() -> Change:
        made = edits.truth_of_query(module, fetch, truth, text)
        return Change(made, () if new is None else (new,))

    return Finding(truth.node, message, base, facts.known, change_query)


def _ask_select(module: Module, fetch: Fetch, truth: Truth, found: Finding) -> Finding:
    select: tuple[str, Import | None] | None = None
    if isinstance(fetch.source, ast.Call):
        select = module.source.segment(fetch.source.func), None
    else:
        select = name_for(module, "sqlalchemy.select", truth.node)
    if select is None:
        return refuse(truth.node, "no-name", "the name select is taken here: import it as another")
    name, new = select

    def change() -> Change:
        made = edits.truth_of_select(module, fetch, truth, name)
        return Change(made, () if new is None else (new,))

    return replace(found, change=change)


def _avoided(fetch: Fetch) -> str:
    return {
        Gives.NUMBER: "counting them all",
        Gives.LIST: "fetching them all",
        Gives.FIRST: "fetching one",
    }[fetch.gives]


def _ask_firsts(module: Module, fetch: Fetch, firsts: Firsts) -> Finding | None:
    facts = for_firsts(module, fetch, firsts)
    if facts is None:
        return None
    if facts.refusal is not None:
        return refuse(fetch.node, facts.refusal.code, facts.refusal.message)
    change = lambda: limited(module, fetch, firsts)  # noqa: E731
    return Finding(fetch.node, LIMITED, Safety.REVIEW, facts.known, change)


def _ask_number(module: Module, fetch: Fetch, number: ast.expr) -> Finding:
    facts = for_number(module, fetch)
    if facts.refusal is not None:
        return refuse(number, facts.refusal.code, facts.refusal.message)
    if fetch.send is None:
        change = lambda: edits.number_of_query(module, fetch, number)  # noqa: E731
        return Finding(number, COUNTED, Safety.REVIEW, facts.known, change)
    return _ask_count(module, fetch, number, facts)


def _ask_count(module: Module, fetch: Fetch, number: ast.expr, facts: Facts) -> Finding:
    func = _name_of_func(module, number)
    if func is None:
        return refuse(number, "no-name", "the name func is taken here: import it under another")
    name, new = func
    table = table_of(module, fetch)

    def change() -> Change:
        made = edits.number_of_select(module, fetch, number, table, f"{name}.count")
        return Change(made, () if new is None else (new,))

    return Finding(number, COUNTED, Safety.REVIEW, facts.known, change)


def _name_of_func(module: Module, at: ast.expr) -> tuple[str, Import | None] | None:
    """Return how ``func`` is written; SQLModel gives it too."""
    given = name_for(module, "sqlmodel.func", at)
    if given is not None and given[1] is None:
        return given
    return name_for(module, "sqlalchemy.func", at)


RULE = Rule(
    __name__,
    summary="Ask the database whether rows exist, or how many, instead of fetching them",
    find=find,
    needles=(
        (b"sqlalchemy", b"sqlmodel", b".query"),
        (
            *(b".count()", b".all()", b".first()", b".fetchall()", b".fetchone()"),
            *(b".scalar(", b".scalar_one", b".one()", b".one_or_none()"),
        ),
    ),
    tell=sqlalchemy_used,
    worth=may_ask_less,
    tasks=(Task.API,),
    safety=Safety.REVIEW,
)
