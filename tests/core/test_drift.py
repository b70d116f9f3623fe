from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.drift import CREDIBLE_PPM, LONGEST_GAP_S, STEP_POSITIONS, ClockDrift

INTERVAL_S = 0.1


def positions(
    ppm: float, seconds: float, *, jitter_s: float = 0.0, seed: int = 1, begin_s: float = 5000.0
) -> Iterator[tuple[float, float]]:
    """Where a device is that runs ``ppm`` fast, seen up to ``jitter_s`` too late."""
    chance = random.Random(seed)
    for count in range(round(seconds / INTERVAL_S)):
        at_s = count * INTERVAL_S
        yield at_s * (1 + ppm * 1e-6), begin_s + at_s + chance.uniform(0.0, 2 * jitter_s)


def measured(points: Iterator[tuple[float, float]]) -> ClockDrift:
    drift = ClockDrift()
    for moved_s, at_s in points:
        drift.update(moved_s, at_s)
    return drift


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ppm", [-100.0, 0.0, 100.0])
def test_a_crystal_is_known_to_5_ppm_after_4_minutes_of_5_ms_jitter(ppm: float, seed: int) -> None:
    drift = measured(positions(ppm, 240, jitter_s=0.005, seed=seed))
    assert drift.ppm == pytest.approx(ppm, abs=5)
    assert drift.error_ppm < CREDIBLE_PPM


@pytest.mark.parametrize("ppm", [-100.0, 100.0])
def test_it_stays_known_for_hours(ppm: float) -> None:
    drift = ClockDrift()
    for count, (moved_s, at_s) in enumerate(positions(ppm, 3 * 3600, jitter_s=0.005)):
        drift.update(moved_s, at_s)
        if count * INTERVAL_S > 300:
            assert drift.ppm == pytest.approx(ppm, abs=5)


def test_nothing_is_claimed_at_first() -> None:
    assert ClockDrift().ppm is None
    assert measured(positions(50, 0.3)).ppm is None
    assert measured(positions(50, 5, jitter_s=0.005)).ppm is None


def test_an_exact_clock_is_known_at_once() -> None:
    assert measured(positions(37, 2)).ppm == pytest.approx(37, abs=0.1)


def test_a_change_of_temperature_is_followed() -> None:
    drift = measured(positions(-20, 600, jitter_s=0.005))
    for moved_s, at_s in positions(20, 1500, jitter_s=0.005, begin_s=5600):
        drift.update(600 * (1 - 20e-6) + moved_s, at_s)
    assert drift.ppm == pytest.approx(20, abs=5)


def test_late_looks_do_not_count() -> None:
    drift = ClockDrift()
    for count, (moved_s, at_s) in enumerate(positions(80, 400, jitter_s=0.002)):
        late_s = 0.2 if count % 50 == 49 else 0.0
        drift.update(moved_s, at_s + late_s if late_s < INTERVAL_S else at_s)
        drift.update(moved_s - late_s, at_s)  # seen as 200 ms behind
    assert drift.ppm == pytest.approx(80, abs=3)


def test_lost_samples_move_the_line_and_leave_its_slope() -> None:
    drift = ClockDrift()
    lost_s = 0.0
    for count, (moved_s, at_s) in enumerate(positions(-60, 900, jitter_s=0.005)):
        if count % 1800 == 1799:  # an xrun of 150 ms every three minutes
            lost_s += 0.15
        drift.update(moved_s - lost_s, at_s)
        if count > 3000:
            assert drift.ppm == pytest.approx(-60, abs=5)


@pytest.mark.parametrize("pause_s", [LONGEST_GAP_S + 1, -5.0])
def test_a_long_pause_or_a_step_back_starts_anew(pause_s: float) -> None:
    drift = measured(positions(100, 300))
    drift.update(0.0, 5300 + pause_s)
    assert drift.ppm is None
    for moved_s, at_s in positions(-100, 10, begin_s=5300 + pause_s):
        drift.update(moved_s, at_s)
    assert drift.ppm == pytest.approx(-100, abs=1)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(min_value=-1.0, max_value=1.0), min_size=0, max_size=30),
    st.floats(min_value=-100, max_value=100),
    st.integers(min_value=0, max_value=1000),
)
def test_no_series_of_jumps_makes_it_diverge(jumps: list[float], ppm: float, seed: int) -> None:
    drift = ClockDrift()
    offset_s, left = 0.0, list(jumps)
    for count, (moved_s, at_s) in enumerate(positions(ppm, 400, jitter_s=0.003, seed=seed)):
        if left and count % 100 == 99:
            offset_s += left.pop()
        drift.update(moved_s + offset_s, at_s)
    assert drift.error_ppm < float("inf")
    if drift.ppm is not None:
        assert abs(drift.ppm - ppm) < 100


def test_a_step_needs_a_row_of_outliers() -> None:
    drift = measured(positions(0, 60, jitter_s=0.001))
    before = drift.ppm
    for count in range(STEP_POSITIONS - 1):
        drift.update(50.0, 5060.0 + count * INTERVAL_S)
    assert drift.ppm == pytest.approx(before)
