"""One ``response.create`` of ours, and its one retry.

A server refuses it with ``conversation_already_has_active_response`` while another response is being made.
The refusal always comes before that response's ``response.done``, which is the moment to ask again: once.
"""

from __future__ import annotations

import enum

from edge_agent.errors import IllegalTransition

ALREADY_ACTIVE = "conversation_already_has_active_response"
"""The error code of that refusal."""


class RequestState(enum.Enum):
    """How far the request is."""

    NONE = "none"
    SENT = "sent"
    REFUSED = "refused"  # to be sent again when the response in the way is done
    RETRIED = "retried"  # if this is refused too, time ends the wait


TRANSITIONS: dict[RequestState, dict[RequestState, str]] = {
    RequestState.NONE: {RequestState.SENT: "an answer is wanted"},
    RequestState.SENT: {
        RequestState.SENT: "another answer is wanted",
        RequestState.REFUSED: "another response is active",
        RequestState.NONE: "a response began, or nobody wants it any more",
    },
    RequestState.REFUSED: {
        RequestState.SENT: "another answer is wanted",
        RequestState.RETRIED: "a response is done",
        RequestState.NONE: "a response began, or nobody wants it any more",
    },
    RequestState.RETRIED: {
        RequestState.SENT: "another answer is wanted",
        RequestState.NONE: "a response began, or nobody wants it any more",
    },
}
"""The legal moves and what makes them; any other is a bug."""


class Request:
    """The request that is under way, if there is one."""

    def __init__(self) -> None:
        self.state = RequestState.NONE

    @property
    def is_outstanding(self) -> bool:
        """Whether the server has been asked and has not begun or refused: to ask again would cost twice."""
        return self.state in (RequestState.SENT, RequestState.RETRIED)

    def sent(self) -> None:
        """``response.create`` was sent."""
        self._set_state(RequestState.SENT)

    def refused(self) -> None:
        """An error said that another response is active; without a request of ours that changes nothing."""
        if self.state is RequestState.SENT:
            self._set_state(RequestState.REFUSED)

    def response_done(self) -> bool:
        """A response is done. Return whether the request is to be sent again now."""
        if self.state is not RequestState.REFUSED:
            return False
        self._set_state(RequestState.RETRIED)
        return True

    def settled(self) -> None:
        """A response began, or nobody wants one any more."""
        if self.state is not RequestState.NONE:
            self._set_state(RequestState.NONE)

    def _set_state(self, new: RequestState) -> None:
        if new not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"request: {self.state.value} -> {new.value}")
        self.state = new
