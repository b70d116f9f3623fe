"""The pace of a recording, told from looks at its length."""

from __future__ import annotations

import pytest

from tests.system.loudspeaker import RECORDED_HZ, Look, lateness_s

HAND_OVER_AT_S = 5.0


def looks(stops_for_s: float, catches_up: bool) -> list[Look]:
    """Ten seconds, with a stop at the hand-over."""
    found = []
    for tick in range(1000):
        played_s = at_s = tick / 100
        if at_s > HAND_OVER_AT_S:
            stop_s = min(stops_for_s, at_s - HAND_OVER_AT_S)
            played_s -= 0.0 if catches_up and at_s > HAND_OVER_AT_S + stops_for_s else stop_s
        found.append((100.0 + at_s, round(played_s * RECORDED_HZ)))
    return found


def test_an_unbroken_stream_is_never_late() -> None:
    assert lateness_s(looks(0.0, catches_up=False), [105.0]) == pytest.approx((0.0, 0.0), abs=0.001)


def test_what_is_missing_stays_late() -> None:
    assert lateness_s(looks(0.04, catches_up=False), [105.0]) == pytest.approx((0.04, 0.04), abs=0.001)


def test_what_comes_late_is_late_at_the_hand_over_only() -> None:
    assert lateness_s(looks(0.04, catches_up=True), [105.0]) == pytest.approx((0.04, 0.0), abs=0.001)
    assert lateness_s(looks(0.04, catches_up=True), [108.0]) == pytest.approx((0.0, 0.0), abs=0.001)
