"""One foreign server for all tests that do it no harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.foreign import INSTALL_LIMIT_S, ForeignServer, foreign_server, installed

TEST_LIMIT_S = 300.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave whichever test comes first the time to install the server."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(INSTALL_LIMIT_S + TEST_LIMIT_S))


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    """Install it before any test begins, so that none waits for that; later calls find it."""
    installed()


@pytest.fixture(scope="session")
def foreign() -> Iterator[ForeignServer]:
    """A server that holds as many sessions at once as a conversation needs."""
    with foreign_server() as server:
        yield server
