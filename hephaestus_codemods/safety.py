"""How safe a change is: the word that rules, settings and reports share."""

from __future__ import annotations

from enum import StrEnum


class Safety(StrEnum):
    """How much a person has to look at a change, from least to most."""

    SAFE = "safe"
    """Every result, error, order and side effect is the same; every precondition is proved."""

    REVIEW = "review"
    """The same on the normal path; something observable can change, or one fact is only likely."""

    SUGGEST = "suggest"
    """Results or guarantees change, or facts outside the code decide: shown, written on request."""

    @property
    def rank(self) -> int:
        """Order the classes: 0 is the safest."""
        return list(Safety).index(self)

    def lowered(self, times: int) -> Safety:
        """Return the class *times* steps less safe."""
        return list(Safety)[min(self.rank + times, len(Safety) - 1)]
