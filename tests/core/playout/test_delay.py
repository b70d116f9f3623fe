from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from edge_agent.core.playout.delay import (
    FIRST_TARGET_S,
    GAP_S,
    LARGEST_TARGET_S,
    MARGIN,
    RECENT_EVENTS,
    SMALLEST_MARGIN_S,
    WINDOW_EVENTS,
    DelayEstimate,
)

PACKET_S = 0.020
MEDIA_S = 5_000.0
"""The sender's clock at the beginning: it has nothing to do with ours."""


def observed(
    delay_s: Callable[[int], float], packets: int, *, first: int = 0, estimate: DelayEstimate | None = None
) -> DelayEstimate:
    """An estimate that has seen ``packets``, each ``delay_s(n)`` after it was sent."""
    estimate = estimate or DelayEstimate()
    arrivals = [(n * PACKET_S + delay_s(n), MEDIA_S + n * PACKET_S) for n in range(first, first + packets)]
    for arrived_at, media_s in sorted(arrivals):
        estimate.observe(arrived_at, media_s)
    return estimate


def uniform(largest_s: float) -> Callable[[int], float]:
    chance = random.Random(1)
    return lambda _: chance.uniform(0.0, largest_s)


def test_before_anything_arrived_the_first_target_counts() -> None:
    estimate = DelayEstimate()
    assert estimate.target_s == FIRST_TARGET_S
    assert estimate.delay_s(12.0, MEDIA_S) == 0.0
    assert estimate.media_s(12.0) < -1e9


def test_without_jitter_next_to_nothing_is_waited_for() -> None:
    assert observed(lambda _: 0.050, 200).target_s < SMALLEST_MARGIN_S + 0.001


@pytest.mark.parametrize("largest_s", [0.040, 0.100])
def test_with_jitter_the_target_becomes_as_large_as_the_jitter(largest_s: float) -> None:
    assert observed(uniform(largest_s), 500).target_s == pytest.approx(largest_s * MARGIN, rel=0.15)


def test_the_path_itself_does_not_count() -> None:
    jitter_s = list(map(uniform(0.040), range(300)))
    short, long = observed(lambda n: jitter_s[n], 300), observed(lambda n: 3.0 + jitter_s[n], 300)
    assert short.target_s == pytest.approx(long.target_s)


def test_what_is_late_once_in_a_while_is_not_waited_for() -> None:
    assert observed(lambda n: 0.150 if n % 100 == 50 else 0.0, 400).target_s < 0.010


def test_the_target_follows_when_the_jitter_grows_and_when_it_ends() -> None:
    estimate = observed(lambda _: 0.0, 300)
    observed(uniform(0.080), 60, first=300, estimate=estimate)
    assert estimate.target_s > 0.060
    observed(lambda _: 0.0, WINDOW_EVENTS, first=360, estimate=estimate)
    assert estimate.target_s < 0.005


def test_the_target_stays_below_what_a_conversation_bears() -> None:
    assert observed(lambda n: 0.9 * (n % 2), 300).target_s <= LARGEST_TARGET_S


def test_the_delay_is_that_of_playout_behind_a_fastest_packet() -> None:
    estimate = observed(lambda n: 0.030 * (n % 2), 100)
    assert estimate.delay_s(10.0, MEDIA_S + 9.9) == pytest.approx(0.1)
    assert estimate.media_s(10.0) == pytest.approx(MEDIA_S + 10.0)


def test_packets_that_arrive_together_are_one_event() -> None:
    # Wi-Fi hands over three at once: the first of them waited 40 ms, every time.
    in_threes = observed(lambda n: 0.020 * (2 - n % 3), 300)
    assert in_threes.target_s == pytest.approx(0.040, abs=0.010)


@pytest.mark.parametrize("spacing_s", [0.0, 0.006, 0.010])
def test_a_stall_says_nothing_about_the_jitter(spacing_s: float) -> None:
    # Nothing for 300 ms, then all that was held back, as fast as the path can.
    def stalled(n: int) -> float:
        return max(0.0, 2.300 + (n - 100) * spacing_s - n * PACKET_S) if n >= 100 else 0.0

    assert observed(stalled, 150).target_s < FIRST_TARGET_S


@pytest.mark.parametrize("is_advanced", [True, False])
def test_a_pause_does_not_make_the_target_larger(is_advanced: bool) -> None:
    pause_s = 2.0
    estimate = observed(lambda _: 0.0, 100)
    for n in range(100, 110):
        media_s = MEDIA_S + n * PACKET_S + (pause_s if is_advanced else 0.0)
        estimate.observe(n * PACKET_S + pause_s, media_s)
        assert estimate.target_s < FIRST_TARGET_S
    assert estimate.delay_s(109 * PACKET_S + pause_s, media_s) == pytest.approx(0.0, abs=1e-6)


def test_what_is_known_of_the_jitter_outlives_a_pause() -> None:
    estimate = observed(uniform(0.080), 300)
    before_s = estimate.target_s
    observed(lambda _: 2.0, 1, first=300, estimate=estimate)
    assert estimate.target_s == pytest.approx(before_s, rel=0.1)


@pytest.mark.parametrize("jump_s", [-10_000.0, -1.5, 1.5, 10_000.0])
def test_another_clock_of_the_sender_is_measured_anew(jump_s: float) -> None:
    estimate = observed(lambda _: 0.0, 100)
    for n in range(100, 105):
        estimate.observe(n * PACKET_S, MEDIA_S + n * PACKET_S + jump_s)
    assert estimate.delay_s(2.0, MEDIA_S + 2.0 + jump_s) == pytest.approx(0.0, abs=1e-6)
    assert estimate.target_s < FIRST_TARGET_S


def test_the_worst_of_the_last_seconds_is_known_apart() -> None:
    estimate = observed(lambda n: 0.150 if n == 390 else 0.0, 400)
    assert estimate.target_s < 0.010
    assert estimate.recent_peak_s == pytest.approx(0.150)
    observed(lambda _: 0.0, RECENT_EVENTS, first=400, estimate=estimate)
    assert estimate.recent_peak_s == pytest.approx(0.0)


def test_a_clock_that_drifts_is_followed() -> None:
    slow = observed(lambda n: n * PACKET_S * 100e-6, 30_000)  # ten minutes: 60 ms
    assert slow.target_s < SMALLEST_MARGIN_S + 0.003
    assert slow.delay_s(30_000 * PACKET_S + 0.060, MEDIA_S + 30_000 * PACKET_S) == pytest.approx(0, abs=0.002)


@effort(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.001, PACKET_S, GAP_S, 3.0]) | st.floats(0, 5),
            st.floats(-1e5, 1e5) | st.floats(0, 0.1),
        ),
        max_size=80,
    ),
    st.integers(1, 20),
)
def test_whatever_arrives_the_target_is_one_and_memory_bounded(
    arrivals: list[tuple[float, float]], rounds: int
) -> None:
    estimate, now = DelayEstimate(), 100.0
    for since_last_s, delay_s in arrivals * rounds:
        now += since_last_s
        estimate.observe(now, now - delay_s)
        assert 0 <= estimate.target_s <= LARGEST_TARGET_S
        assert estimate.recent_peak_s >= 0
        kept = (len(estimate._events), len(estimate._highest), len(estimate._lowest))
        assert kept[0] <= WINDOW_EVENTS
        assert len(set(kept)) == 1
        assert len(estimate._recent) <= RECENT_EVENTS
    assert all(before <= after for before, after in pairwise(estimate._lowest))
    observed(lambda _: now + GAP_S, WINDOW_EVENTS, estimate=estimate)
    assert estimate.target_s < 0.005
