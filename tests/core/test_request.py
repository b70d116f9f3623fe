"""One response.create and its one retry."""

from __future__ import annotations

import pytest

from edge_agent.core.request import TRANSITIONS, Request, RequestState
from edge_agent.errors import IllegalTransition


def test_a_refused_request_is_sent_again_when_the_response_in_the_way_is_done() -> None:
    request = Request()
    request.sent()
    request.refused()
    assert request.response_done()


def test_it_is_sent_again_only_once() -> None:
    request = Request()
    request.sent()
    request.refused()
    request.response_done()
    request.refused()
    assert not request.response_done()


def test_a_response_that_is_done_without_a_refusal_changes_nothing() -> None:
    request = Request()
    assert not request.response_done()
    request.sent()
    assert not request.response_done()


def test_a_refusal_of_what_we_did_not_ask_for_changes_nothing() -> None:
    request = Request()
    request.refused()
    assert not request.response_done()


@pytest.mark.parametrize("refused", [True, False])
def test_a_settled_request_is_not_sent_again(refused: bool) -> None:
    request = Request()
    request.settled()
    request.sent()
    if refused:
        request.refused()
    request.settled()
    request.refused()
    assert not request.response_done()


def test_a_new_request_can_be_retried_again() -> None:
    request = Request()
    for _ in range(2):
        request.sent()
        request.refused()
        assert request.response_done()


def test_a_move_that_the_table_does_not_hold_is_a_bug() -> None:
    with pytest.raises(IllegalTransition, match="request: none -> retried"):
        Request()._set_state(RequestState.RETRIED)


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(RequestState)


def test_a_request_is_outstanding_until_it_is_begun_or_refused() -> None:
    request = Request()
    assert not request.is_outstanding
    request.sent()
    assert request.is_outstanding
    request.refused()
    assert not request.is_outstanding
    assert request.response_done()
    assert request.is_outstanding
    request.settled()
    assert not request.is_outstanding
