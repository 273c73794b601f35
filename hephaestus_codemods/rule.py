"""What a rule is, and what it says about the code it looks at.

A rule is a pure function of a module, the facts about its project, and options: it reads no file,
no clock and no network. It answers with :class:`Finding` objects; the engine decides which of
them are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from hephaestus_codemods.safety import Safety as Safety  # noqa: PLC0414  # rules take it from here

if TYPE_CHECKING:
    import ast

    from hephaestus_codemods.project.module import Module

#: A value that a rule's option may hold; configuration of a target can hold nothing else.
Scalar = bool | int | float | str
Options = Mapping[str, Scalar]


class Task(StrEnum):
    """The seed's four tasks; a rule belongs to one or more."""

    API = "api_optimization"
    CHAT = "chat_backend_optimization"
    REPORT = "report_generation_optimization"
    CACHE = "cache_optimization"


class Established(StrEnum):
    """How a precondition was established."""

    PROVED = "proved"
    """The code shows it."""

    ASSUMED = "assumed"
    """It is likely, and stands in the report for a person to check; lowers the class by one."""

    TESTED = "tested"
    """Evidence from a run shows it."""

    FAILED = "failed"
    """It does not hold: the site is refused."""


@dataclass(frozen=True, slots=True)
class Precondition:
    """A fact that the rewrite needs, and how we know it."""

    name: str
    established: Established
    detail: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters ``start:end`` of the module's text; an insertion has start == end."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """A name that new code needs: ``from module import name as alias``, or ``import module``."""

    module: str
    name: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Addition:
    """A new definition beside an old one, perhaps in another file: *text* defines *name*.

    It stands after the function *beside* of the file *path* (``get_user``, ``Users.get``), in the
    same class if that is one. Two sites that need the same one share it.
    """

    path: str
    beside: str
    name: str
    text: str
    imports: tuple[Import, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """All that a rewrite of one site needs; it is applied whole or not at all.

    *edits* touch the module that was searched. *requirements* are PEP 508 strings. *support*
    names modules of the support package (files in the rule's ``inject/``); *lifespans* names those
    of them whose ``lifespan`` has to run with the application. *additions* are new definitions
    that the edits call.
    """

    edits: tuple[Edit, ...]
    imports: tuple[Import, ...] = ()
    requirements: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    lifespans: tuple[str, ...] = ()
    additions: tuple[Addition, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a site is left alone: a machine-readable *code* and a sentence for the owner."""

    code: str
    message: str


class CannotEdit(Exception):
    """Raised by a finding's *change*: the layout of the code is not understood; it is refused."""


@dataclass(frozen=True)
class Finding:
    """A site that a rule recognised: either a change, or the reason why there is none.

    *base* is the class when every precondition is proved. *change* is called only when the site
    is to be rewritten, so that scanning stays cheap.
    """

    node: ast.AST
    message: str
    base: Safety = Safety.SAFE
    preconditions: tuple[Precondition, ...] = ()
    change: Callable[[], Change] | None = None
    refusal: Refusal | None = None

    @cached_property
    def safety(self) -> Safety:
        """The class after each assumed precondition has lowered it by one step."""
        assumed = sum(p.established is Established.ASSUMED for p in self.preconditions)
        return self.base.lowered(assumed)


def refuse(
    node: ast.AST,
    code: str,
    message: str,
    preconditions: Iterable[Precondition] = (),
    base: Safety = Safety.SAFE,
) -> Finding:
    """Say that the site at *node* is left alone, and why."""
    return Finding(node, message, base, tuple(preconditions), refusal=Refusal(code, message))


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a rule that users may change; its type is the type of *default*."""

    name: str
    default: Scalar
    help: str
    minimum: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rewrite: its name is the name of its folder, with dashes.

    *needles* decide from the bytes of a file whether it is parsed at all: in each group at least
    one must occur. Where that lets too many pass, *worth* looks at the bytes again, with all the
    words that files *tell* each other (names of functions, say). *after* names rules whose edits
    come first. *in_tests* says that test files are searched too.
    """

    module: str
    summary: str
    find: Callable[[Module, Options], Iterable[Finding]]
    needles: tuple[tuple[bytes, ...], ...]
    tasks: tuple[Task, ...] = (Task.API,)
    version: int = 1
    safety: Safety = Safety.REVIEW
    options: tuple[Option, ...] = ()
    after: tuple[str, ...] = ()
    in_tests: bool = False
    tell: Callable[[bytes], Iterable[bytes]] | None = None
    worth: Callable[[bytes, frozenset[bytes]], bool] | None = None

    @property
    def package(self) -> str:
        """The import name of the rule's folder."""
        return self.module.removesuffix(".rule")

    @cached_property
    def name(self) -> str:
        """The one name of the rule: on the command line, in reports and in suppressions."""
        return self.package.rpartition(".")[2].replace("_", "-")

    def matches(self, raw: bytes) -> bool:
        """Say whether a file with these bytes can hold a site at all."""
        return all(any(needle in raw for needle in group) for group in self.needles)
