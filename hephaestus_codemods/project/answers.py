"""Answers each question about the project once, also when questions depend on each other.

A question that comes back to itself is given what is assumed of it. What was worked out under such
an assumption is remembered only for the outermost question concerned, so that no answer depends on
which question was asked first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

#: Deeper or longer questions than these are left unanswered, and not remembered.
MAX_DEPTH: Final = 60
MAX_STEPS: Final = 20_000


@dataclass(slots=True)
class Question(Generic[T]):
    """Something that is being worked out: what it is assumed to be, and whether that mattered."""

    depth: int
    assumed: T
    relied_on: bool = False


@dataclass(slots=True)
class Answers(Generic[T]):
    """Answers given before, and the questions that are open now."""

    known: dict[Hashable, T] = field(default_factory=dict)
    open: dict[Hashable, Question[T]] = field(default_factory=dict)
    lowest: int = MAX_DEPTH
    depth: int = 0
    steps: int = 0

    def settle(
        self, key: Hashable, work_out: Callable[[], T], assumed: T, unknown: T, *, check: bool
    ) -> T:
        """Answer the question *key*; with *check*, an answer must hold under its own assumption."""
        if key in self.known:
            return self.known[key]
        question = self.open.get(key)
        if question is not None:
            question.relied_on = True
            self.lowest = min(self.lowest, question.depth)
            return question.assumed
        if len(self.open) >= MAX_DEPTH:
            return self.cut_short(unknown)
        question = self.open[key] = Question(len(self.open), assumed)
        before, self.lowest = self.lowest, MAX_DEPTH
        try:
            found = work_out()
            if check and question.relied_on and found not in (unknown, assumed):
                question.assumed = found
                found = found if work_out() == found else unknown
        finally:
            del self.open[key]
            inner = self.lowest
            self.lowest = min(before, inner) if inner < question.depth else before
        if inner >= question.depth:
            found = unknown if found == assumed else found
            self.known[key] = found
        return found

    def cut_short(self, unknown: T) -> T:
        """Give up on a part of the open questions: none of their answers is remembered."""
        self.lowest = -1
        return unknown

    def enter(self) -> bool:
        """Take one more step down; False means that it is too deep or takes too long."""
        if self.depth == 0:
            self.steps = 0
        self.steps += 1
        if self.depth >= MAX_DEPTH * 2 or self.steps > MAX_STEPS:
            return False
        self.depth += 1
        return True

    def leave(self) -> None:
        """Come back from a step that :meth:`enter` allowed."""
        self.depth -= 1
