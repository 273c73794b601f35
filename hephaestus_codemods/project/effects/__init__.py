"""What functions do besides giving a value: work in databases and elsewhere, and its paths."""

from hephaestus_codemods.project.effects.model import (
    DATABASE,
    WAITING,
    Effect,
    EffectKind,
    Summary,
)

__all__ = ["DATABASE", "WAITING", "Effect", "EffectKind", "Summary"]
