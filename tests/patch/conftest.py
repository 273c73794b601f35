"""Targets on a fast disk, each with a state folder of its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .harness import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = Path("/dev/shm")


@pytest.fixture
def disk() -> Iterator[Path]:
    """Give an empty folder, in memory where there is such a disk."""
    folder = tempfile.mkdtemp(prefix="hcodemod-test-", dir=MEMORY if MEMORY.is_dir() else None)
    yield Path(folder).resolve()
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def own_state(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's real key and records out of the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(disk / "home"))


@pytest.fixture
def target(disk: Path) -> Target:
    """Give the target with six files that most tests change."""
    return Target(disk / "disk").filled()
