"""When a session's successor is wanted, and how long it may wait."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.core.renewal import (
    LEAST_RENEWAL_S,
    READY_LIMIT_S,
    TRANSITIONS,
    Renewal,
    RenewalSettings,
    RenewalState,
)
from edge_agent.errors import IllegalTransition
from tests.core.scenes import new_delays


def renewal(lifetime_s: float | None = 100.0, **changes: Any) -> Renewal:
    """A renewal of a session that began at 1000 s."""
    settings = RenewalSettings(**changes)
    begun = Renewal(settings, new_delays)
    begun.begin(lifetime_s, 1000.0)
    return begun


def due(lifetime_s: float = 100.0) -> Renewal:
    begun = renewal(lifetime_s)
    begun.tick(1000.0 + 0.8 * lifetime_s)
    return begun


def test_most_of_the_life_passes_before_anything_is_wanted() -> None:
    begun = renewal()
    assert begun.next_deadline() == 1080.0
    begun.tick(1079.9)
    assert not begun.is_wanted(is_idle=True)


def test_it_waits_for_an_idle_moment_and_then_for_none() -> None:
    begun = due()
    assert begun.is_wanted(is_idle=True)
    assert not begun.is_wanted(is_idle=False)
    assert begun.next_deadline() == 1095.0
    begun.tick(1095.0)
    assert begun.is_wanted(is_idle=False)
    assert begun.next_deadline() is None


def test_a_session_without_an_end_is_not_renewed() -> None:
    begun = renewal(None)
    assert begun.next_deadline() is None
    begun.tick(1e9)
    assert not begun.is_wanted(is_idle=True)


def test_an_age_makes_it_due_before_the_end_does() -> None:
    begun = renewal(max_age_s=30.0)
    assert begun.next_deadline() == 1030.0
    begun.tick(1030.0)
    assert begun.is_wanted(is_idle=True)
    assert begun.next_deadline() == 1095.0


def test_a_long_context_makes_it_due() -> None:
    begun = renewal(None, max_context_tokens=10_000)
    begun.saw_context(10_000, 1010.0)
    assert begun.next_deadline() is None
    begun.saw_context(10_001, 1020.0)
    assert begun.is_wanted(is_idle=True)


def test_only_one_successor_is_wanted() -> None:
    begun = due()
    begun.opening()
    assert not begun.is_wanted(is_idle=True)
    begun.ready(1082.0)
    assert not begun.is_wanted(is_idle=True)


def test_a_successor_that_finds_no_moment_is_given_up_while_there_is_time() -> None:
    begun = due()
    begun.opening()
    begun.ready(1082.0)
    assert begun.next_deadline() == 1082.0 + READY_LIMIT_S
    assert begun.tick(1082.0 + READY_LIMIT_S)
    begun.given_up(1084.0)
    assert not begun.is_wanted(is_idle=True)
    assert begun.next_deadline() == 1084.0 + LEAST_RENEWAL_S
    begun.tick(1084.0 + LEAST_RENEWAL_S)
    assert begun.is_wanted(is_idle=True)


def test_a_successor_is_kept_when_there_is_no_time_left() -> None:
    begun = due()
    begun.opening()
    begun.ready(1094.0)
    assert not begun.tick(1095.0)
    assert not begun.tick(1094.0 + READY_LIMIT_S)
    assert begun.next_deadline() is None


def test_one_that_fails_is_tried_again_later_each_time() -> None:
    begun = due()
    for wait_s in (1.0, 2.0, 4.0):
        begun.opening()
        assert begun.failed(0.0, 1090.0) == wait_s
        assert begun.next_deadline() == 1090.0 + wait_s
        begun.tick(1090.0 + wait_s)


def test_a_server_that_wants_to_be_left_alone_is() -> None:
    begun = due()
    begun.opening()
    assert begun.failed(900.0, 1080.0) == 900.0
    begun.tick(1100.0)
    assert not begun.is_wanted(is_idle=True)


def test_another_session_begins_with_nothing_of_this_one() -> None:
    begun = due()
    begun.opening()
    begun.begin(50.0, 1090.0)
    assert begun.state is RenewalState.NONE
    assert begun.next_deadline() == 1130.0
    assert not begun.is_wanted(is_idle=True)


def test_without_a_session_there_is_nothing_to_wait_for() -> None:
    begun = due()
    begun.forget()
    assert begun.next_deadline() is None
    assert not begun.is_wanted(is_idle=False)


def test_a_move_that_the_table_does_not_hold_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="renewal: none -> ready"):
        renewal().ready(1.0)


def test_every_state_has_a_row_and_can_be_left() -> None:
    assert set(TRANSITIONS) == set(RenewalState)
    assert all(TRANSITIONS.values())
