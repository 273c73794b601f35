"""Reading the target from the disk, and keeping what scans found between runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hephaestus_codemods.engine import cache as caching
from hephaestus_codemods.patch import fsops, journal

if TYPE_CHECKING:
    from collections.abc import Collection

#: Manifests and locks are data, and may be larger than any file that is parsed.
MOST_DATA_BYTES = 20_000_000


@dataclass(frozen=True)
class DiskFiles:
    """The files below *root*, of which only those in *paths* are ever opened."""

    root: Path
    paths: Collection[str]
    digests: dict[str, str | None] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of *path*, or None when it is not there or not ours to read."""
        if path not in self.paths:
            return None
        try:
            handle = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(MOST_DATA_BYTES)

    def digest(self, path: str) -> str | None:
        """Return the hash of *path*'s bytes, or None when it is not there."""
        if path not in self.digests:
            raw = self.read(path)
            self.digests[path] = None if raw is None else caching.digest(raw)
        return self.digests[path]


def cache_file(root: Path) -> Path:
    """Return where the findings for *root* are kept: with the user, never with the target."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
    return Path(home) / "hcodemod" / f"{name}.json"


def load_cache(root: Path, signature: str) -> caching.Cache:
    """Return what earlier scans of *root* found; empty when there is nothing that holds."""
    try:
        return caching.loads(cache_file(root).read_bytes(), signature)
    except OSError:
        return caching.Cache(signature)


def keep_cache(root: Path, cache: caching.Cache) -> None:
    """Keep *cache* for the next scan; a cache that cannot be kept is no failure."""
    path = cache_file(root)
    with contextlib.suppress(OSError), fsops.make_path(path.parent) as folder:
        content = caching.dumps(cache)
        journal.replace(folder, path.name, journal.temporary_name(), content, 0o600)
