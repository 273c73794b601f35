"""Reads, extends and changes what a file declares, whatever its format, and checks the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from hephaestus_codemods.engine.planners.declared import (
    Declaring,
    Entry,
    Kind,
    NotUnderstood,
)
from hephaestus_codemods.engine.planners.declared_lines import lines_add, lines_change, lines_of
from hephaestus_codemods.engine.planners.declared_lists import (
    pep621,
    pep621_add,
    pep621_change,
    setup_py,
    setup_py_edit,
)
from hephaestus_codemods.engine.planners.declared_tables import keyed, keyed_add, keyed_change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from packaging.requirements import Requirement


def entries(store: Declaring) -> list[Entry]:
    """Return what the file declares for run time."""
    return READERS[store.kind](store)


def with_added(store: Declaring, requirement: Requirement) -> bytes:
    """Return the file with one requirement more."""
    return _checked(store, ADDERS[store.kind](store, requirement), requirement)


def with_changed(store: Declaring, entry: Entry, requirement: Requirement) -> bytes:
    """Return the file with *requirement* in the place of *entry*."""
    return _checked(store, CHANGERS[store.kind](store, entry, requirement), requirement, entry)


def _checked(store: Declaring, raw: bytes, wanted: Requirement, gone: Entry | None = None) -> bytes:
    """Hold an edit to its promise: the file declares *wanted*, and all else as before."""
    before = [one.text for one in entries(store)]
    if gone is not None:
        before.remove(gone.text)
    after = entries(Declaring(store.kind, store.path, raw))
    new = next((one for one in after if _is(one, wanted) and after.count(one) == 1), None)
    rest = [one.text for one in after if one is not new]
    if new is None or rest != before:
        raise NotUnderstood(f"{store.path} cannot be edited without touching more than one line")
    return raw


def _is(entry: Entry, wanted: Requirement) -> bool:
    one = entry.requirement
    return one is not None and (
        canonicalize_name(one.name) == canonicalize_name(wanted.name)
        and one.specifier == wanted.specifier
        and one.extras == wanted.extras
        and str(one.marker) == str(wanted.marker)
    )


READERS: Final[Mapping[Kind, Callable[[Declaring], list[Entry]]]] = {
    Kind.PEP621: pep621,
    Kind.POETRY: keyed,
    Kind.SETUP_CFG: lines_of,
    Kind.SETUP_PY: setup_py,
    Kind.REQUIREMENTS: lines_of,
    Kind.PIPFILE: keyed,
}
ADDERS: Final[Mapping[Kind, Callable[[Declaring, Requirement], bytes]]] = {
    Kind.PEP621: pep621_add,
    Kind.POETRY: keyed_add,
    Kind.SETUP_CFG: lines_add,
    Kind.SETUP_PY: lambda store, new: setup_py_edit(store, None, new),
    Kind.REQUIREMENTS: lines_add,
    Kind.PIPFILE: keyed_add,
}
CHANGERS: Final[Mapping[Kind, Callable[[Declaring, Entry, Requirement], bytes]]] = {
    Kind.PEP621: pep621_change,
    Kind.POETRY: keyed_change,
    Kind.SETUP_CFG: lines_change,
    Kind.SETUP_PY: setup_py_edit,
    Kind.REQUIREMENTS: lines_change,
    Kind.PIPFILE: keyed_change,
}
