"""What every test gets: nothing is kept in the home of who runs the tests, and properties take their time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Properties are about results, not about how busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    return folder


@pytest.fixture
def _midday(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let it be about midday where the test and its processes are: no day ends meanwhile."""
    with monkeypatch.context() as there:
        west_of_utc_h = time.gmtime().tm_hour - 12  # as POSIX counts in TZ
        there.setenv("TZ", f"NOON{west_of_utc_h:+d}")
        time.tzset()
        yield
    time.tzset()
