"""Targets on a fast disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .harness import made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .harness import Place

MEMORY = Path("/dev/shm")


@pytest.fixture
def disk() -> Iterator[Path]:
    """Give an empty folder, in memory where there is such a disk."""
    folder = tempfile.mkdtemp(prefix="hcodemod-test-", dir=MEMORY if MEMORY.is_dir() else None)
    yield Path(folder).resolve()
    for path, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(os.path.join(path, name)):
                os.chmod(os.path.join(path, name), 0o700)
    shutil.rmtree(folder)


@pytest.fixture
def place(disk: Path) -> Place:
    """Give an empty target."""
    return made(disk)
