"""Bounds: nothing overtaken, nothing waited for; one stray says nothing; what was seen is soon forgotten."""

from __future__ import annotations

import pytest

from edge_agent.core.playout.overtaking import (
    LEAST_WAIT_S,
    LIMIT_PACKETS,
    LONGEST_WAIT_S,
    MEMORY_S,
    OVERTAKEN_S,
    WAIT_MARGIN,
    Overtaking,
)


def after(*arrivals: tuple[int, float, float]) -> Overtaking:
    """What is known after arrivals: sequence, arrived_at, late_s."""
    overtaking = Overtaking()
    for sequence, arrived_at, late_s in arrivals:
        overtaking.observe(sequence, arrived_at, late_s)
    return overtaking


def test_at_first_nothing_is_waited_for() -> None:
    assert Overtaking().wait_s(0.0) == 0.0


@pytest.mark.parametrize("late_s", [0.0, 0.030, 0.100, 5.0])
def test_what_is_late_in_order_is_not_waited_for(late_s: float) -> None:
    assert after((1, 1.0, late_s), (2, 1.01, late_s), (4, 1.02, late_s)).wait_s(1.02) == 0.0


def test_the_same_packet_twice_overtakes_nothing() -> None:
    assert after((1, 1.0, 0.030), (1, 1.02, 0.050)).wait_s(1.02) == 0.0


@pytest.mark.parametrize("late_s", [0.0, 0.010, OVERTAKEN_S, LONGEST_WAIT_S + 0.001, 0.300, 5.0])
def test_what_is_late_by_little_or_far_too_late_is_not_waited_for(late_s: float) -> None:
    assert after((2, 1.0, 0.0), (1, 1.01, late_s)).wait_s(1.01) == 0.0


@pytest.mark.parametrize("late_s", [0.026, 0.030, 0.050, 0.080])
def test_after_one_overtaken_packet_more_is_waited_than_it_was_late(late_s: float) -> None:
    wait_s = after((2, 1.0, 0.0), (1, 1.01, late_s)).wait_s(1.01)
    assert wait_s == max(LEAST_WAIT_S, WAIT_MARGIN * late_s)
    assert late_s < wait_s <= LONGEST_WAIT_S


def test_never_longer_is_waited_than_can_be_bridged() -> None:
    assert after((2, 1.0, 0.0), (1, 1.01, LONGEST_WAIT_S)).wait_s(1.01) == LONGEST_WAIT_S


def test_the_worst_counts_as_long_as_it_is_remembered() -> None:
    overtaking = after((2, 1.0, 0.0), (1, 1.01, 0.070), (4, 1.2, 0.0), (3, 1.21, 0.050))
    assert overtaking.wait_s(1.01 + MEMORY_S) == pytest.approx(WAIT_MARGIN * 0.070)
    assert overtaking.wait_s(1.02 + MEMORY_S) == pytest.approx(WAIT_MARGIN * 0.050)
    assert overtaking.wait_s(1.22 + MEMORY_S) == 0.0


def test_cleared_it_knows_nothing_and_numbers_may_begin_anew() -> None:
    overtaking = after((1002, 1.0, 0.0), (1001, 1.01, 0.050))
    overtaking.clear()
    assert overtaking.wait_s(1.01) == 0.0
    overtaking.observe(1, 1.02, 0.050)
    assert overtaking.wait_s(1.02) == 0.0


def test_however_many_come_it_remembers_the_newest_few() -> None:
    arrivals = [(1000, 1.0, 0.0), (0, 1.0, 0.100)] + [(n, 1.0, 0.030) for n in range(1, 1 + LIMIT_PACKETS)]
    assert after(*arrivals).wait_s(1.0) == LEAST_WAIT_S
