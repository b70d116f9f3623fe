"""What is told when another endpoint or another transport takes over, and how often aloud."""

from __future__ import annotations

from edge_agent.core.commands import Tell
from edge_agent.core.failover import Failover
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.notices import Notice
from edge_agent.core.policy import HEALTHY_AFTER_S
from edge_agent.core.ways import Offer, TransportKind, Way
from edge_agent.protocol import client_events as ask

BOTH = (TransportKind.WEBRTC, TransportKind.WEBSOCKET)
OFFERS = (
    Offer("cloud", BOTH),
    Offer("other", announcement="The other one speaks"),
    Offer("local", announcement='I have no "internet"'),
)
FIRST, SECOND, THIRD = Way(0), Way(1), Way(2)


def why(endpoint: int) -> Fault:
    return Fault(FaultKind.NETWORK, f"fault of {endpoint}")


def notices(replies: list[Tell | ask.ClientEvent]) -> list[Notice]:
    return [reply.notice for reply in replies if isinstance(reply, Tell)]


def spoken(replies: list[Tell | ask.ClientEvent]) -> list[object]:
    created = [reply for reply in replies if isinstance(reply, ask.ResponseCreate)]
    return [(event.response or {})["instructions"] for event in created]


def test_nothing_is_told_while_the_way_stays_the_same() -> None:
    failover = Failover(OFFERS)
    assert [failover.session_began(FIRST, why, now) for now in (0.0, 10.0, 5000.0)] == [[], [], []]


def test_a_device_that_begins_at_a_second_endpoint_says_why() -> None:
    (told, *_) = Failover(OFFERS).session_began(THIRD, why, 0.0)
    assert isinstance(told, Tell)
    assert told.notice is Notice.ENDPOINT_LEFT
    assert told.text == "endpoint local has taken over, because cloud can't be used: fault of 0"


def test_the_announcement_is_said_in_the_words_of_the_configuration() -> None:
    replies = Failover(OFFERS).session_began(THIRD, why, 0.0)
    assert spoken(replies) == ["Say \"I have no 'internet'\""]


def test_one_sentence_is_said_however_far_it_goes_and_however_often() -> None:
    failover = Failover(OFFERS)
    replies = [
        failover.session_began(way, why, now)
        for now, way in enumerate([FIRST, SECOND, THIRD, FIRST, THIRD, FIRST, SECOND])
    ]
    assert [len(spoken(each)) for each in replies] == [0, 1, 0, 0, 0, 0, 0]
    left, back = Notice.ENDPOINT_LEFT, Notice.ENDPOINT_BACK
    assert [notices(each) for each in replies] == [[], [left], [left], [back], [left], [back], [left]]


def test_it_is_said_again_once_the_preferred_endpoint_has_worked_for_a_while() -> None:
    failover = Failover(OFFERS)
    failover.session_began(SECOND, why, 0.0)
    failover.session_began(FIRST, why, 10.0)
    assert spoken(failover.session_began(SECOND, why, 10.0 + HEALTHY_AFTER_S))


def test_an_endpoint_that_is_left_because_of_its_price_is_told_so() -> None:
    (told, *_) = Failover(OFFERS, lambda endpoint, now: endpoint > 0).session_began(THIRD, why, 0.0)
    assert isinstance(told, Tell)
    assert told.text == "endpoint local has taken over, because the budget for cloud is spent"
    assert told.fields["EDGE_ERROR_CODE"] == "budget"


def test_another_transport_is_told_and_not_announced() -> None:
    failover = Failover(OFFERS)
    replies = failover.session_began(Way(0, TransportKind.WEBSOCKET), why, 0.0)
    assert notices(replies) == [Notice.TRANSPORT_CHANGED]
    assert spoken(replies) == []
    assert notices(failover.session_began(FIRST, why, 1.0)) == [Notice.TRANSPORT_CHANGED]
