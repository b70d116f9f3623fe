from __future__ import annotations

import math

import pytest

from edge_agent.core.volume import LOUDEST_PERCENT, clamped, decibels_of, gain_of, percent_of


@pytest.mark.parametrize(
    ("percent", "gain", "decibels"),
    [(100, 1.0, 0.0), (50, 0.125, -18.06), (10, 0.001, -60.0), (150, 3.375, 10.57)],
)
def test_a_percentage_is_as_loud_as_elsewhere(percent: int, gain: float, decibels: float) -> None:
    assert gain_of(percent) == pytest.approx(gain)
    assert decibels_of(percent) == pytest.approx(decibels, abs=0.01)


def test_nothing_is_silent() -> None:
    assert gain_of(0) == 0.0
    assert decibels_of(0) == -math.inf
    assert percent_of(-math.inf) == 0


@pytest.mark.parametrize("percent", range(1, LOUDEST_PERCENT + 1))
def test_decibels_and_percentages_are_the_same_thing(percent: int) -> None:
    assert percent_of(decibels_of(percent)) == percent


@pytest.mark.parametrize(("asked", "got"), [(-10, 0), (0, 0), (70, 70), (LOUDEST_PERCENT, 150), (151, 150)])
def test_a_volume_stays_in_its_range(asked: int, got: int) -> None:
    assert clamped(asked) == got
