"""Which endpoint and which transport is tried next, and when an earlier one is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.policy import (
    HEALTHY_AFTER_S,
    PARKED,
    RETURN_AFTER_S,
    TRANSPORT_AGAIN_AFTER_S,
    Cap,
    Caps,
    Trouble,
)
from edge_agent.core.ways import NETWORK_TROUBLES, Offer, TransportKind, Way, Ways

BOTH = (TransportKind.WEBRTC, TransportKind.WEBSOCKET)
CLOUD, OTHER, LOCAL = Offer("cloud"), Offer("other"), Offer("local", is_paid=False)
FIRST, SECOND, THIRD = Way(0), Way(1), Way(2)
SOCKET = Way(0, TransportKind.WEBSOCKET)

QUOTA = Fault(FaultKind.ERROR_EVENT, "no credit", "insufficient_quota")
REFUSED = Fault(FaultKind.NETWORK, "refused")
LOST = Fault(FaultKind.LOST, "gone")
EXPIRED = Fault(FaultKind.EXPIRED, "an hour")
NO_PATH = Fault(FaultKind.NO_PATH, "UDP is blocked")
DIALECT = Fault(FaultKind.SETUP_REFUSED, "unknown parameter", "unknown_parameter")
FORBIDDEN = Fault(FaultKind.HTTP_STATUS, "not here", http_status=404)


def most() -> float:
    """Chance at its worst: every wait takes as long as it can."""
    return 1.0


def ways(*offers: Offer, caps: Caps | None = None) -> Ways:
    return Ways(offers or (CLOUD, OTHER, LOCAL), most, caps)


def up(made: Ways, way: Way, now: float) -> None:
    made.opening(way, now)
    made.opened(way, now)


def fail(made: Ways, fault: Fault, now: float) -> Way:
    """Try what is due and let it fail; return what it was."""
    way, at = made.next(now)
    assert at == now
    made.opening(way, now)
    made.failed(way, fault, now)
    return way


def test_the_first_endpoint_is_tried_first_and_at_once() -> None:
    assert ways().next(5.0) == (FIRST, 5.0)


@pytest.mark.parametrize("fault", [QUOTA, REFUSED, DIALECT, FORBIDDEN, NO_PATH])
def test_an_endpoint_that_can_not_be_used_is_left_for_the_next_at_once(fault: Fault) -> None:
    made = ways()
    assert fail(made, fault, 5.0) == FIRST
    assert made.next(5.0) == (SECOND, 5.0)
    assert fail(made, fault, 5.0) == SECOND
    assert made.next(5.0) == (THIRD, 5.0)


def test_a_lost_session_is_followed_at_the_same_endpoint_once() -> None:
    made = ways()
    up(made, FIRST, 0.0)
    made.failed(FIRST, LOST, 10.0)
    assert made.next(10.0) == (FIRST, 11.0)
    up(made, FIRST, 11.0)
    made.failed(FIRST, LOST, 12.0)
    assert made.next(12.0) == (SECOND, 12.0)


def test_sessions_that_each_live_for_a_minute_stay_at_their_endpoint() -> None:
    made = ways()
    now = 0.0
    for _ in range(5):
        up(made, FIRST, now)
        made.failed(FIRST, LOST, now + HEALTHY_AFTER_S)
        way, now = made.next(now + HEALTHY_AFTER_S)
        assert way == FIRST


def test_expiry_never_leaves_an_endpoint() -> None:
    made = ways()
    up(made, FIRST, 0.0)
    made.failed(FIRST, EXPIRED, 3600.0)
    assert made.next(3600.0) == (FIRST, 3600.0)
    for now in (3600.0, 3610.0, 3620.0):
        up(made, FIRST, now)
        made.failed(FIRST, EXPIRED, now + 1.0)
        assert made.next(now + 1.0)[0] == FIRST


def test_when_all_are_left_the_one_that_is_due_first_is_waited_for() -> None:
    made = ways(CLOUD, OTHER)
    fail(made, QUOTA, 0.0)
    fail(made, REFUSED, 0.0)
    assert made.next(0.0) == (SECOND, 1.0)


def test_the_preferred_endpoint_is_tried_again_beside_the_one_in_use_at_growing_intervals() -> None:
    made = ways(CLOUD, LOCAL)
    fail(made, REFUSED, 0.0)
    up(made, SECOND, 0.0)
    now = 0.0
    for wait_s in (*RETURN_AFTER_S, RETURN_AFTER_S[-1]):
        assert made.better_at(SECOND, now) == now + wait_s
        assert made.better_than(SECOND, now + wait_s - 0.1) is None
        now += wait_s
        assert made.better_than(SECOND, now) == FIRST
        made.opening(FIRST, now)
        made.failed(FIRST, REFUSED, now, beside=SECOND)
    assert made.next(now) == (SECOND, now)


def test_trouble_with_the_account_is_tried_again_after_its_own_time() -> None:
    made = ways(CLOUD, LOCAL)
    fail(made, QUOTA, 0.0)
    up(made, SECOND, 0.0)
    assert made.better_at(SECOND, 0.0) == PARKED.steps_s[0]


def test_back_at_the_preferred_endpoint_nothing_is_better() -> None:
    made = ways(CLOUD, LOCAL)
    fail(made, REFUSED, 0.0)
    up(made, SECOND, 0.0)
    up(made, FIRST, 20.0)
    made.closed(SECOND, 20.0)
    assert made.better_at(FIRST, 20.0) is None
    made.failed(FIRST, LOST, 20.0 + HEALTHY_AFTER_S)
    assert made.next(90.0)[0] == FIRST


def test_a_preferred_endpoint_that_accepts_and_drops_is_returned_to_ever_more_rarely() -> None:
    made = ways(CLOUD, LOCAL)
    up(made, FIRST, 0.0)
    made.failed(FIRST, LOST, 0.1)
    up(made, FIRST, 1.1)
    returns = []
    now = 1.2
    made.failed(FIRST, LOST, now)
    for _ in range(4):
        up(made, SECOND, now)
        at = made.better_at(SECOND, now)
        assert at is not None
        returns.append(at - now)
        up(made, FIRST, at)
        made.closed(SECOND, at)
        now = at + 0.1
        made.failed(FIRST, LOST, now)
        assert made.next(now)[0] == SECOND
    assert returns == pytest.approx(RETURN_AFTER_S[:4])


def test_another_network_makes_what_it_may_mend_due_at_once() -> None:
    made = ways(CLOUD, OTHER, LOCAL)
    fail(made, QUOTA, 0.0)
    fail(made, REFUSED, 0.0)
    up(made, THIRD, 0.0)
    made.hurry(3.0, NETWORK_TROUBLES)
    assert made.better_than(THIRD, 3.0) == SECOND


def test_a_person_may_hurry_everything() -> None:
    made = ways(CLOUD)
    fail(made, QUOTA, 0.0)
    made.hurry(3.0, frozenset(Trouble))
    assert made.next(3.0) == (FIRST, 3.0)


def test_a_blocked_udp_changes_the_transport_and_not_the_endpoint() -> None:
    made = ways(Offer("cloud", BOTH), LOCAL)
    assert fail(made, NO_PATH, 0.0) == FIRST
    assert made.next(0.0) == (SOCKET, 0.0)
    up(made, SOCKET, 0.0)
    assert made.next(50.0) == (SOCKET, 50.0)


def test_webrtc_is_tried_again_beside_the_web_socket_at_growing_intervals() -> None:
    made = ways(Offer("cloud", BOTH))
    fail(made, NO_PATH, 0.0)
    up(made, SOCKET, 0.0)
    now = 0.0
    for wait_s in (*TRANSPORT_AGAIN_AFTER_S, TRANSPORT_AGAIN_AFTER_S[-1]):
        assert made.better_at(SOCKET, now) == now + wait_s
        now += wait_s
        assert made.better_than(SOCKET, now) == FIRST
        made.opening(FIRST, now)
        made.failed(FIRST, NO_PATH, now, beside=SOCKET)
        assert made.next(now) == (SOCKET, now)


def test_another_network_makes_webrtc_worth_a_try() -> None:
    made = ways(Offer("cloud", BOTH))
    fail(made, NO_PATH, 0.0)
    up(made, SOCKET, 0.0)
    made.hurry(5.0, NETWORK_TROUBLES)
    assert made.better_than(SOCKET, 5.0) == FIRST


def test_a_server_without_web_sockets_is_left_when_webrtc_has_no_path_either() -> None:
    made = ways(Offer("cloud", BOTH), LOCAL)
    fail(made, NO_PATH, 0.0)
    assert fail(made, FORBIDDEN, 0.0) == SOCKET
    assert made.next(0.0) == (SECOND, 0.0)


def test_the_last_endpoint_does_not_swap_transports_in_a_loop() -> None:
    made = ways(Offer("cloud", BOTH))
    fail(made, NO_PATH, 0.0)
    fail(made, NO_PATH, 0.0)
    _, at = made.next(0.0)
    assert at == 1.0


def test_a_renewal_that_fails_beside_its_session_changes_nothing() -> None:
    made = ways(CLOUD, LOCAL)
    up(made, FIRST, 0.0)
    made.opening(FIRST, 50.0, planned=True)
    made.failed(FIRST, REFUSED, 50.0, beside=FIRST)
    assert made.next(50.0) == (FIRST, 50.0)


def test_a_full_storm_breaker_is_waited_for_by_a_person_too() -> None:
    made = ways(CLOUD, caps=Caps(unplanned=(Cap(2, 100.0),)))
    for now in (0.0, 5.0):
        up(made, FIRST, now)
        made.failed(FIRST, LOST, now)
    made.hurry(10.0, frozenset(Trouble))
    assert made.next(10.0) == (FIRST, 100.0)


def test_a_full_cap_of_paid_sessions_leads_to_an_endpoint_that_costs_nothing() -> None:
    made = ways(CLOUD, LOCAL, caps=Caps(paid=(Cap(1, 100.0),)))
    up(made, FIRST, 0.0)
    made.failed(FIRST, LOST, 90.0)
    assert made.next(91.0) == (SECOND, 91.0)
    assert made.next(101.0) == (FIRST, 101.0)


faults = st.sampled_from([QUOTA, REFUSED, LOST, EXPIRED, NO_PATH, DIALECT, FORBIDDEN])


@given(
    offers=st.lists(
        st.builds(Offer, st.just("any"), st.sampled_from([BOTH, BOTH[:1]]), st.booleans()),
        min_size=1,
        max_size=3,
    ),
    lives=st.lists(st.tuples(faults, st.sampled_from([None, 0.0, 1.0, 70.0]), st.booleans()), max_size=80),
)
def test_whatever_fails_the_caps_hold_and_something_is_tried_again(
    offers: list[Offer], lives: list[tuple[Fault, float | None, bool]]
) -> None:
    """Each life is an attempt that fails, or a session of some seconds; now and then a person hurries."""
    made = Ways(offers, lambda: 0.0)
    opened: list[tuple[float, bool]] = []
    now = 0.0
    for fault, life_s, is_hurried in lives:
        if is_hurried:
            made.hurry(now, frozenset(Trouble))
        way, at = made.next(now)
        assert now <= at <= now + 24 * 3600.0, "it never gives up for good"
        now = at
        made.opening(way, now)
        if life_s is not None:
            made.opened(way, now)
            opened.append((now, offers[way.endpoint].is_paid))
            now += life_s
        made.failed(way, fault, now)
    for began, is_paid in opened:
        assert sum(began <= at < began + 600.0 and paid is is_paid for at, paid in opened) <= 10
        assert sum(began <= at < began + 3600.0 and paid for at, paid in opened) <= 60
