"""Whether the clock can be trusted, as kernel and timesyncd show it."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from edge_agent.session import clock


def test_the_sign_of_timesyncd_is_enough(tmp_path: Path) -> None:
    sign = tmp_path / "synchronized"
    sign.touch()
    assert clock.is_set(sign)


def test_without_the_sign_the_kernel_is_asked(tmp_path: Path) -> None:
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(clock.TIMEX_BYTES))
    assert clock.is_set(tmp_path / "synchronized") is (state != clock.TIME_ERROR)


def test_a_clock_before_this_program_is_wrong_whatever_anybody_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = tmp_path / "synchronized"
    sign.touch()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert not clock.is_set(sign)
