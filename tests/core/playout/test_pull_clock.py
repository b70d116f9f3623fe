from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.pcm import PERIOD_S
from edge_agent.core.playout.pull_clock import LARGEST_LATENESS_S, PullClock


def due_times(clock: PullClock, pulls: list[float]) -> list[float]:
    """Return when each pull was due; a period is played after each."""
    times = []
    for now in pulls:
        times.append(clock.at(now))
        clock.played(PERIOD_S)
    return times


@pytest.mark.parametrize("drift", [-0.0002, 0.0, 0.0002])
def test_pulls_in_time_are_due_when_they_come(drift: float) -> None:
    pulls = [50.0 + n * PERIOD_S * (1 + drift) for n in range(10_000)]
    assert due_times(PullClock(), pulls) == pytest.approx(pulls, abs=1e-3)


def test_a_late_pull_was_due_in_time() -> None:
    pulls = [50.0 + n * PERIOD_S + (0.007 if n % 5 == 3 else 0.0) for n in range(1_000)]
    punctual = [50.0 + n * PERIOD_S for n in range(1_000)]
    assert due_times(PullClock(), pulls) == pytest.approx(punctual, abs=1e-3)


def test_after_a_standstill_the_clock_is_set_anew() -> None:
    clock = PullClock()
    due_times(clock, [50.0, 50.01])
    late = 50.02 + LARGEST_LATENESS_S * 1.5
    assert clock.at(late) == late


def test_a_device_that_stood_still_for_a_moment_is_not_late_for_ever() -> None:
    pulls = [50.0 + n * PERIOD_S + (0.025 if n >= 100 else 0.0) for n in range(400)]
    times = due_times(PullClock(), pulls)
    assert times[-1] == pytest.approx(pulls[-1], abs=1e-3)


def test_blocks_of_any_length_are_taken_for_what_they_are() -> None:
    clock = PullClock()
    clock.at(50.0)
    clock.played(0.005)
    assert clock.at(50.007) == pytest.approx(50.005, abs=1e-4)
    clock.played(0.025)
    assert clock.at(50.031) == pytest.approx(50.030, abs=1e-4)


@given(
    st.lists(
        st.tuples(st.floats(0, 0.020) | st.floats(0, 5), st.sampled_from([0.005, 0.010, 0.025])), max_size=50
    )
)
def test_no_pull_is_due_later_than_it_comes_or_before_the_last_one(pulls: list[tuple[float, float]]) -> None:
    clock, now, times = PullClock(), 50.0, []
    for later_s, duration_s in pulls:
        now += later_s
        times.append(clock.at(now))
        assert now - LARGEST_LATENESS_S <= times[-1] <= now
        clock.played(duration_s)
    assert all(before <= after for before, after in pairwise(times))
