"""The session beside the session in use: when it is opened, what becomes of it, and how it takes over."""

from __future__ import annotations

import pytest

from edge_agent.core.commands import CloseLink, HandOver, OpenLink
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.link import Link, Unwanted
from edge_agent.core.policy import PARKED, Caps
from edge_agent.core.renewal import Renewal, RenewalSettings
from edge_agent.core.ways import Offer, Ways
from tests.core.scenes import chance, new_delays

LOST = Fault(FaultKind.LOST, "gone")
QUOTA = Fault(FaultKind.ERROR_EVENT, "no credit", "insufficient_quota")
EXPIRED = Fault(FaultKind.EXPIRED, "an hour is over", "session_expired")


def due_link() -> Link:
    """A link whose session of 100 s, from 100 s on, is to be renewed: it is 180 s now."""
    link = Link(Ways([Offer()], chance, Caps(unplanned=(), paid=())), Renewal(RenewalSettings(), new_delays))
    link.start(100.0)
    link.up("sess_1", 100.0, 100.0)
    link.tick(180.0)
    return link


def test_a_session_with_an_end_is_followed_by_another() -> None:
    link = due_link()
    assert link.renew(180.0, is_idle=False) == []
    assert link.renew(180.0, is_idle=True) == [OpenLink(2)]
    assert link.renew(180.1, is_idle=True) == []
    assert (link.epoch, link.successor.has(2), link.successor.is_ready) == (1, True, False)
    link.successor.up("sess_2", 100.0, 181.0)
    assert link.successor.is_ready
    assert link.hand_over(182.0) == [HandOver(2), CloseLink(1)]
    assert (link.epoch, link.session_id, link.is_up) == (2, "sess_2", True)
    assert not link.successor.has(2)
    assert link.next_deadline() == pytest.approx(182.0 + 0.8 * 99.0), "its life began before it took over"


def test_a_successor_that_fails_leaves_the_session_alone() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    assert link.successor.down(LOST, 181.0) == 1.0
    assert link.is_up
    assert link.next_deadline() == 182.0
    link.tick(182.0)
    assert link.renew(182.0, is_idle=True) == [OpenLink(3)]


@pytest.mark.parametrize("fault", [QUOTA, Fault(FaultKind.HTTP_STATUS, "no", http_status=401)])
def test_a_successor_that_only_a_person_can_help_is_not_tried_again_soon(fault: Fault) -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    assert link.successor.down(fault, 181.0) == PARKED.steps_s[0]
    assert link.is_up


def test_a_session_that_ends_before_its_successor_is_up_leaves_it_the_attempt() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    assert link.down(EXPIRED, 181.0) == []
    assert (link.epoch, link.is_opening(2), link.phase.value) == (2, True, "reconnect")
    link.up("sess_2", 100.0, 182.0)
    assert link.is_up


def test_a_session_that_ends_after_its_successor_is_up_is_followed_at_once() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    link.successor.up("sess_2", None, 181.0)
    assert link.down(LOST, 181.5) == []
    assert (link.epoch, link.session_id, link.is_up, link.fault) == (2, "sess_2", True, None)


def test_trouble_with_the_account_closes_both() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    assert link.trouble(QUOTA, 181.0) == [CloseLink(1), CloseLink(2)]
    assert link.state.value == "parked"


def test_a_successor_that_waits_too_long_is_closed() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    link.successor.up("sess_2", None, 181.0)
    deadline = link.next_deadline()
    assert deadline is not None
    assert link.tick(deadline) == [CloseLink(2)]
    assert link.is_up


def test_stopping_closes_both() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    assert link.stop(200.0) == [CloseLink(1), CloseLink(2)]
    assert link.next_deadline() is None


def test_a_planned_renewal_keeps_what_a_healthy_session_has_earned() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    link.successor.up("sess_2", 100.0, 181.0)
    link.hand_over(181.0)
    link.down(EXPIRED, 190.0)
    assert link.next_deadline() == 190.0


def test_falling_asleep_closes_a_successor_too() -> None:
    link = due_link()
    link.renew(180.0, is_idle=True)
    assert link.want(Unwanted.QUIET, 180.5) == [CloseLink(1), CloseLink(2)]
