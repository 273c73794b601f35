"""Settings that hold for all tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples everywhere: a failure that CI sees is seen here too. `make torture` draws more.
settings.register_profile("commit", derandomize=True, deadline=None, database=None)
settings.load_profile("commit")
