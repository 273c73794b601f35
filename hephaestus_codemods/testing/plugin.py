"""The pytest plugin: rule pages as tests, and a real PostgreSQL and Redis as fixtures.

Load it with one line of ``pyproject.toml``, in this project and in a rule pack of your own::

    [tool.pytest.ini_options]
    addopts = ["-p", "hephaestus_codemods.testing.plugin"]

Every ``README.md`` beside a ``rule.py`` is then collected (the format stands in
:mod:`hephaestus_codemods.testing.cases`), and these fixtures exist:

============== ======== ==========================================================================
fixture        scope    gives
============== ======== ==========================================================================
pg_url         session  the URL of a PostgreSQL server (start your databases from it)
pg_database    function the URL of a new, empty database, dropped afterwards
redis_url      session  the URL of a Redis server
redis_keyspace function the URL of an empty logical database, emptied afterwards
redis_prefix   function a random prefix for keys; they are deleted afterwards
============== ======== ==========================================================================

Each process of pytest-xdist has servers of its own, started when the first test asks for them.
Importing this module loads neither LibCST nor any rule.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.testing import services

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hephaestus_codemods.testing.cases import Case
    from hephaestus_codemods.testing.pages import Page


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the README of every rule folder."""
    if file_path.name == "README.md" and file_path.with_name("rule.py").exists():
        return PageFile.from_parent(parent, path=file_path)
    return None


class PageFile(pytest.File):
    """The page of a rule: one item for the page itself, and one for each case."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yield the tests of the page."""
        from hephaestus_codemods.testing.pages import read_page  # noqa: PLC0415  # loads the rule

        page = read_page(self.path)
        yield PageItem.from_parent(self, name="the page", page=page, case=None)
        for case in page.cases:
            yield PageItem.from_parent(self, name=case.name, page=page, case=case)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """Show what cannot be read."""
        return _shown(self, excinfo) or str(super().repr_failure(excinfo))


class PageItem(pytest.Item):
    """One case of a page, or (without a case) the page as a whole."""

    def __init__(
        self, *, name: str, parent: pytest.Collector, page: Page, case: Case | None
    ) -> None:
        super().__init__(name, parent)
        self.page = page
        self.case = case
        # ``-k pool_options`` and ``-k pool-options`` both select the rule
        self.extra_keyword_matches |= {page.rule.name, page.rule.name.replace("-", "_")}

    def runtest(self) -> None:
        """Hold the case to every promise."""
        from hephaestus_codemods.testing import pages, promises  # noqa: PLC0415

        if self.case is None:
            pages.check_page(self.page)
        else:
            promises.check_case(self.page.rule, self.case)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """Show what is wrong with the case."""
        return _shown(self, excinfo) or str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Name the line of the case."""
        line = self.case.line if self.case else 1
        return self.path, line - 1, f"{self.page.rule.name}: {self.name}"


def _shown(node: pytest.Item | pytest.Collector, info: pytest.ExceptionInfo[BaseException]) -> str:
    """Say where in the README something is wrong and what, without a trace."""
    from hephaestus_codemods.testing.cases import CaseError  # noqa: PLC0415  # only for failures

    error = info.value
    return f"{node.path}:{error.line}: {error}" if isinstance(error, CaseError) else ""


@contextmanager
def _service(start: AbstractContextManager[str]) -> Iterator[str]:
    """Yield a service's URL; when there is none, fail where services are required, else skip."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(start)
        except services.ServiceUnavailable as error:
            if services.required():
                pytest.fail(str(error), pytrace=False)
            pytest.skip(str(error))
        yield url


@pytest.fixture(scope="session")
def pg_url() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server."""
    with _service(services.postgres()) as url:
        yield url


@pytest.fixture
def pg_database(pg_url: str) -> Iterator[str]:
    """Yield the URL of a new database."""
    with services.fresh_database(pg_url) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Yield the URL of a Redis server."""
    with _service(services.redis()) as url:
        yield url


@pytest.fixture
def redis_keyspace(redis_url: str) -> Iterator[str]:
    """Yield the URL of an empty logical database."""
    with services.fresh_keyspace(redis_url) as url:
        yield url


@pytest.fixture
def redis_prefix(redis_url: str) -> Iterator[str]:
    """Yield a prefix for keys of this test alone."""
    from redis import Redis  # noqa: PLC0415  # imported where the driver is needed

    prefix = f"hcodemod:{secrets.token_hex(6)}:"
    yield prefix
    with Redis.from_url(redis_url) as client:
        for key in client.scan_iter(match=f"{prefix}*"):
            client.delete(key)
