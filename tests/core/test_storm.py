"""How many sessions are opened at most, whatever goes wrong."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.policy import Cap, Caps
from edge_agent.core.storm import StormBreaker

CAPS = Caps(unplanned=(Cap(3, 100.0),), paid=(Cap(5, 1000.0),))


def test_nothing_is_held_back_below_the_cap() -> None:
    storm = StormBreaker(CAPS)
    storm.opening(1.0, planned=False, paid=True)
    assert storm.allowed_at(planned=False, paid=True) == -math.inf


def test_a_full_window_waits_for_its_oldest_to_leave() -> None:
    storm = StormBreaker(CAPS)
    for now in (10.0, 20.0, 30.0):
        storm.opening(now, planned=False, paid=False)
    assert storm.allowed_at(planned=False, paid=False) == 110.0
    assert storm.allowed_at(planned=True, paid=True) == -math.inf


def test_planned_sessions_are_bounded_where_they_cost_money() -> None:
    storm = StormBreaker(CAPS)
    for now in range(5):
        storm.opening(float(now), planned=True, paid=True)
    assert storm.allowed_at(planned=True, paid=True) == 1000.0
    assert storm.allowed_at(planned=True, paid=False) == -math.inf


def test_an_attempt_that_made_no_session_does_not_count() -> None:
    storm = StormBreaker(CAPS)
    for now in (10.0, 20.0, 30.0):
        storm.opening(now, planned=False, paid=False)
    storm.came_to_nothing(20.0)
    assert storm.allowed_at(planned=False, paid=False) == -math.inf


@given(st.lists(st.tuples(st.floats(0.0, 60.0), st.booleans(), st.booleans()), max_size=120))
def test_no_window_ever_holds_more_than_its_cap(wishes: list[tuple[float, bool, bool]]) -> None:
    storm = StormBreaker(CAPS)
    now, opened = 0.0, list[tuple[float, bool, bool]]()
    for pause_s, planned, paid in wishes:
        now += pause_s
        if storm.allowed_at(planned=planned, paid=paid) <= now:
            storm.opening(now, planned=planned, paid=paid)
            opened.append((now, planned, paid))
    for at, *_ in opened:
        unplanned = [paid for now, planned, paid in opened if not planned and at <= now < at + 100.0]
        paid_ones = [now for now, _, paid in opened if paid and at <= now < at + 1000.0]
        assert unplanned.count(True) <= 3
        assert unplanned.count(False) <= 3
        assert len(paid_ones) <= 5
