"""What hephaestus put into this application; each part can be switched off while it runs.

``HEPHAESTUS_DISABLE`` is a comma-separated list of part names, or ``all``: a part that is named
there gives the original behaviour back.
"""

from __future__ import annotations

import os


def disabled(name: str) -> bool:
    """Say whether the operator switched off the part *name*."""
    names = {part.strip() for part in os.getenv("HEPHAESTUS_DISABLE", "").split(",")}
    return name in names or "all" in names
