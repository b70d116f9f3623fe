"""When a session is opened, and how long the link waits after which fault."""

from __future__ import annotations

import pytest

from edge_agent.core.commands import CloseLink, OpenLink
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.link import TRANSIENT_WINDOW_S, TRANSITIONS, Link, LinkState, Unwanted
from edge_agent.core.policy import (
    HEALTHY_AFTER_S,
    PARKED,
    RATE_LIMIT,
    RETRY_AFTER_CAP_S,
    WAKE_SPACING_S,
    Caps,
)
from edge_agent.core.renewal import Renewal, RenewalSettings
from edge_agent.core.ways import Offer, Ways
from edge_agent.errors import IllegalTransition
from tests.core.scenes import chance, new_delays

NO_CAPS = Caps(unplanned=(), paid=())
PARKED_FOR_S = PARKED.steps_s

LOST = Fault(FaultKind.LOST, "gone")
QUOTA = Fault(FaultKind.ERROR_EVENT, "no credit", "insufficient_quota")
EXPIRED = Fault(FaultKind.EXPIRED, "an hour is over", "session_expired")
TRANSIENT = Fault(FaultKind.RESPONSE_FAILED, "busy", "rate_limit_exceeded")


def new_link(caps: Caps = NO_CAPS) -> Link:
    return Link(Ways([Offer()], chance, caps), Renewal(RenewalSettings(), new_delays))


def open_link(now: float = 100.0) -> Link:
    link = new_link()
    link.start(now)
    link.up("sess_1", None, now)
    return link


def waiting_link(fault: Fault, now: float = 100.0) -> Link:
    link = new_link()
    link.start(now)
    link.down(fault, now)
    return link


def test_the_first_session_is_asked_for_at_once() -> None:
    link = new_link()
    assert link.phase.value == "not_started"
    assert link.start(100.0) == [OpenLink(1)]
    assert link.phase.value == "first_connect"
    assert link.next_deadline() is None
    assert link.tick(1e9) == []


def test_each_attempt_waits_longer_and_has_a_new_epoch() -> None:
    link = new_link()
    link.start(100.0)
    link.down(LOST, 100.0)
    assert link.next_deadline() == 101.0
    assert link.tick(100.9) == []
    assert link.tick(101.0) == [OpenLink(2)]
    link.down(LOST, 105.0)
    assert link.retry_in_s(105.5) == 1.5
    assert link.tick(107.0) == [OpenLink(3)]


def test_a_fault_that_comes_again_is_known_until_another_comes_or_a_session_was_open() -> None:
    link = new_link()
    known = []
    for fault in (LOST, LOST, QUOTA, QUOTA, LOST):
        now = link.next_deadline() or 100.0
        link.start(now) if link.state.value == "new" else link.tick(now)
        link.down(fault, now)
        known.append(link.failed_alike)
    assert known == [False, True, False, True, False]
    link.tick(1e6)
    link.up("sess_1", None, 1e6)
    link.down(LOST, 1e6)
    assert not link.failed_alike


def test_attempts_are_counted_from_session_to_session() -> None:
    link = waiting_link(LOST)
    assert link.attempts == 1
    link.tick(101.0)
    assert link.attempts == 2
    link.up("sess_1", None, 101.0)
    assert link.attempts == 0


def test_accept_then_drop_keeps_backing_off() -> None:
    link = new_link()
    link.start(100.0)
    waits = []
    for _ in range(6):
        now = link.next_deadline() or 100.0
        link.tick(now)
        link.up("sess", None, now + 0.1)
        link.down(LOST, now + 0.2)
        waits.append(link.retry_in_s(now + 0.2))
    assert waits == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])


def test_a_healthy_minute_forgives_earlier_failures() -> None:
    link = waiting_link(LOST)
    link.tick(101.0)
    link.up("sess", None, 101.0)
    link.down(LOST, 101.0 + HEALTHY_AFTER_S)
    assert link.retry_in_s(101.0 + HEALTHY_AFTER_S) == 1.0


def test_a_healthy_session_that_expires_is_followed_at_once() -> None:
    link = open_link()
    link.down(EXPIRED, 3700.0)
    assert link.next_deadline() == 3700.0
    assert link.tick(3700.0) == [OpenLink(2)]
    assert link.phase.value == "reconnect"


def test_a_session_that_expires_as_soon_as_it_opens_is_backed_off() -> None:
    link = open_link()
    link.down(EXPIRED, 101.0)
    assert link.next_deadline() == 102.0


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [(None, RATE_LIMIT.least_s), (42.0, 42.0), (0.0, 1.0), (1e9, RETRY_AFTER_CAP_S)],
)
def test_rate_limits_are_waited_for(retry_after_s: float | None, wait_s: float) -> None:
    fault = Fault(FaultKind.HTTP_STATUS, "slow down", http_status=429, retry_after_s=retry_after_s)
    assert waiting_link(fault).next_deadline() == 100.0 + wait_s


def test_an_overloaded_server_that_says_nothing_more_is_backed_off_as_usual() -> None:
    fault = Fault(FaultKind.HTTP_STATUS, "busy", http_status=503)
    assert waiting_link(fault).next_deadline() == 101.0


def test_retry_after_of_an_overloaded_server_is_honoured() -> None:
    fault = Fault(FaultKind.HTTP_STATUS, "busy", http_status=503, retry_after_s=30.0)
    assert waiting_link(fault).next_deadline() == 130.0


def test_what_only_a_person_can_mend_is_tried_again_after_minutes_then_hours() -> None:
    link = new_link()
    link.start(100.0)
    waits = []
    for _ in range(4):
        now = link.next_deadline() or 100.0
        link.tick(now)
        link.down(QUOTA, now)
        assert link.phase.value == "parked"
        waits.append(link.retry_in_s(now))
    assert waits == [*PARKED_FOR_S, PARKED_FOR_S[-1]]


def test_a_session_that_opens_but_can_not_be_paid_for_is_parked_longer_each_time() -> None:
    link = open_link()
    link.trouble(QUOTA, 101.0)
    assert link.retry_in_s(101.0) == PARKED_FOR_S[0]
    link.tick(2000.0)
    link.up("sess_2", None, 2000.0)
    link.trouble(QUOTA, 2001.0)
    assert link.retry_in_s(2001.0) == PARKED_FOR_S[1]


def test_a_healthy_session_ends_the_count_of_parkings() -> None:
    link = open_link()
    link.trouble(QUOTA, 101.0)
    link.tick(2000.0)
    link.up("sess_2", None, 2000.0)
    link.trouble(QUOTA, 2000.0 + HEALTHY_AFTER_S)
    assert link.retry_in_s(2000.0 + HEALTHY_AFTER_S) == PARKED_FOR_S[0]


@pytest.mark.parametrize("fault", [LOST, QUOTA])
def test_a_person_cuts_a_wait_short(fault: Fault) -> None:
    link = waiting_link(fault)
    assert link.wake(100.0 + WAKE_SPACING_S) == [OpenLink(2)]


def test_a_person_can_not_make_a_storm_of_attempts() -> None:
    link = waiting_link(QUOTA)
    assert link.wake(100.0 + WAKE_SPACING_S - 0.1) == []


def test_waking_an_open_link_does_nothing() -> None:
    assert open_link().wake(500.0) == []


def test_a_harmless_fault_keeps_the_session() -> None:
    link = open_link()
    assert link.trouble(Fault(FaultKind.ERROR_EVENT, "hm", "something_new"), 101.0) == []
    assert link.is_up


def test_three_transient_errors_in_a_minute_end_the_session() -> None:
    link = open_link()
    assert link.trouble(TRANSIENT, 101.0) == []
    assert link.trouble(TRANSIENT, 110.0) == []
    assert link.trouble(TRANSIENT, 120.0) == [CloseLink(1)]
    assert link.state.value == "waiting"


def test_transient_errors_far_apart_keep_the_session() -> None:
    link = open_link()
    for number in range(10):
        assert link.trouble(TRANSIENT, 101.0 + number * TRANSIENT_WINDOW_S / 2) == []


def test_transient_errors_of_an_earlier_session_do_not_count() -> None:
    link = open_link()
    link.trouble(TRANSIENT, 101.0)
    link.trouble(TRANSIENT, 102.0)
    link.down(LOST, 103.0)
    link.tick(104.0)
    link.up("sess_2", None, 104.0)
    assert link.trouble(TRANSIENT, 105.0) == []


def test_an_expired_session_is_closed_by_us_too() -> None:
    link = open_link()
    assert link.trouble(EXPIRED, 3700.0) == [CloseLink(1)]
    assert link.next_deadline() == 3700.0


def test_only_the_newest_session_counts() -> None:
    link = waiting_link(LOST)
    assert not link.is_current(1)
    link.tick(101.0)
    assert not link.is_current(1)
    assert not link.is_opening(1)
    assert link.is_current(2)
    assert link.is_opening(2)
    link.up("sess_2", None, 102.0)
    assert link.is_current(2)
    assert not link.is_opening(2)


@pytest.mark.parametrize("is_up", [True, False])
def test_stopping_hangs_up_and_ends_everything(is_up: bool) -> None:
    link = open_link() if is_up else new_link()
    link.start(100.0) if not is_up else None
    assert link.stop(200.0) == [CloseLink(1)]
    assert link.stop(200.0) == []
    assert link.session_id == ""
    assert link.phase.value == "not_started"
    assert link.wake(1e6) == []


def test_stopping_a_waiting_link_has_nothing_to_hang_up() -> None:
    assert waiting_link(LOST).stop(200.0) == []


def test_a_move_that_the_table_does_not_hold_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="link: new -> up"):
        new_link().up("sess", None, 1.0)


def test_every_state_has_a_row_and_can_be_left_or_is_the_end() -> None:
    assert set(TRANSITIONS) == set(LinkState)
    assert [state for state in LinkState if not TRANSITIONS[state]] == [LinkState.STOPPED]


# -- sleep ---------------------------------------------------------------------------------------------


def test_a_link_that_is_not_wanted_closes_and_opens_when_it_is() -> None:
    link = open_link()
    assert link.want(Unwanted.QUIET, 200.0) == [CloseLink(1)]
    assert (link.phase.value, link.session_id) == ("asleep", "")
    assert link.want(Unwanted.QUIET, 201.0) == []
    assert link.next_deadline() is None
    assert link.wake(210.0) == [], "who wants no session gets none by a button"
    assert link.want(None, 220.0) == [OpenLink(2)]
    assert link.phase.value == "first_connect"


def test_a_link_that_is_wanted_by_nobody_starts_asleep() -> None:
    link = new_link()
    assert link.want(Unwanted.NO_CONVERSATION, 100.0) == []
    assert link.start(100.0) == []
    assert link.phase.value == "asleep"
    assert link.want(Unwanted.BUDGET, 101.0) == []
    assert link.unwanted is Unwanted.BUDGET
    assert link.want(None, 102.0) == [OpenLink(1)]


@pytest.mark.parametrize("fault", [LOST, QUOTA])
def test_who_wakes_up_does_not_get_round_the_wait(fault: Fault) -> None:
    link = waiting_link(fault)
    state, retry_at = link.state, link.next_deadline()
    assert retry_at is not None
    assert link.want(Unwanted.QUIET, 100.1) == []
    assert link.want(None, 100.2) == []
    assert (link.state, link.next_deadline()) == (state, retry_at)
    link.want(Unwanted.QUIET, 100.3)
    assert link.want(None, retry_at) == [OpenLink(2)]


def test_an_attempt_is_broken_off_when_nobody_wants_it() -> None:
    link = new_link()
    link.start(100.0)
    assert link.want(Unwanted.BUDGET, 100.1) == [CloseLink(1)]
    assert not link.is_current(1)
