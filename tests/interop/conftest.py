"""One foreign server for all tests that do it no harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.foreign import ForeignServer, foreign_server, installed


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    """Install it before any test begins, so that none waits for that; later calls find it."""
    installed()


@pytest.fixture(scope="session")
def foreign() -> Iterator[ForeignServer]:
    """A server that holds two sessions at once."""
    with foreign_server() as server:
        yield server
