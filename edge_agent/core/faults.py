"""What went wrong with the server or the way to it; what is done about it says core/policy.py.

One classifier serves every channel on which a failure can arrive: HTTP statuses of the handshake, ``error``
events, ``response.done`` with a failed status, failed transcriptions and the end of the connection.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from edge_agent.protocol import server_events as said
from edge_agent.protocol.objects import ApiError, Response


class FaultKind(enum.Enum):
    """Where a fault was seen."""

    NETWORK = "network"  # DNS, refused, reset, unreachable
    TIMEOUT = "timeout"  # a step passed its deadline
    TLS = "tls"  # the certificate or the handshake was not acceptable
    HTTP_STATUS = "http_status"  # the server answered the call with something else than 2xx
    NO_PATH = "no_path"  # the call was answered, but no media packet gets through (UDP is blocked)
    BAD_ANSWER = "bad_answer"  # 2xx, but not an SDP answer that can be used
    ERROR_EVENT = "error_event"  # an `error` event
    SETUP_REFUSED = "setup_refused"  # an `error` event that answers the session's first `session.update`
    RESPONSE_FAILED = "response_failed"  # `response.done` with status failed
    TRANSCRIPTION_FAILED = "transcription_failed"
    CLOSED = "closed"  # the server ended the connection
    LOST = "lost"  # the connection ended without a word
    PEER_DEAD = "peer_dead"  # nothing comes from the server, though there is a way to it
    PATH_DEAD = "path_dead"  # nothing comes from the server, and there is no way to it
    MOVED = "moved"  # the address from which we sent is no longer ours
    DEAF = "deaf"  # the connection lives, but the sound that the server announced does not come
    EXPIRED = "expired"  # the session reached its maximum age
    UNANSWERED = "unanswered"  # the session lives, but turn after turn is not answered


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure, in words for a person and in fields for the classifier.

    ``message`` never holds a secret. ``code``, ``error_type`` and ``param`` are the provider's own words
    (``error.name``, ``error.type``, ``error.param``); ``retry_after_s`` is the server's ``Retry-After``.
    """

    kind: FaultKind
    message: str
    code: str | None = None
    error_type: str | None = None
    param: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None

    def is_same_as(self, other: Fault) -> bool:
        """Return whether both are the same trouble, met twice.

        A code or a status names the trouble. Words count only without one: a server's may hold the time or
        the id of a request.
        """
        return self._identity == other._identity

    @property
    def _identity(self) -> tuple[object, ...]:
        is_named = self.code is not None or self.http_status is not None
        return (self.kind, self.code, self.http_status, None if is_named else self.message)


class Reaction(enum.Enum):
    """What the agent does about a fault."""

    KEEP = "keep"  # the session is fine: log it
    BACK_OFF = "back_off"  # passing trouble: try again, later each time
    RENEW = "renew"  # this session is over: open the next one
    STOP_AND_TELL = "stop_and_tell"  # only a person can mend it: say so, try again after minutes


BENIGN_CODES = frozenset(
    {
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
        "item_retrieve_invalid_item_id",
        "unsupported_content_type",
    }
)
"""Races that every client of the Realtime API meets now and then; not worth a warning."""

ACCOUNT_CODES = frozenset(
    {
        "insufficient_quota",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
        "model_not_found",
        "beta_api_shape_disabled",
    }
)
"""Trouble with the account, the key or the model: retrying soon can't help."""

TRANSIENT_CODES = frozenset({"rate_limit_exceeded", "inference_rate_limit_exceeded", "server_error"})

RETRYABLE_STATUSES = frozenset({408, 425, 429})
"""4xx statuses that ask for another try (RFC 9110 section 15.5.9, RFC 8470, RFC 6585); 5xx do as well."""


def fault_in(event: said.ServerEvent) -> Fault | None:
    """Return the failure that an event of the server reports, or None. Three kinds of events can."""
    match event:
        case said.ErrorEvent(error=error):
            return _fault(FaultKind.ERROR_EVENT, error)
        case said.ConversationItemInputAudioTranscriptionFailed(error=error):
            return _fault(FaultKind.TRANSCRIPTION_FAILED, error)
        case said.ResponseDone(response=Response(status="failed", status_details=details)):
            return _fault(FaultKind.RESPONSE_FAILED, (details and details.error) or ApiError())
        case said.ResponseDone(response=Response(status="incomplete", status_details=details)):
            reason = (details and details.reason) or "no reason given"
            return Fault(FaultKind.RESPONSE_FAILED, f"it was cut short ({reason})", reason)
        case _:
            return None


def is_benign(fault: Fault) -> bool:
    """Return whether the fault is one of the known harmless races."""
    return fault.code in BENIGN_CODES


def _fault(kind: FaultKind, error: ApiError) -> Fault:
    message = error.message or "the server gave no reason"
    return Fault(kind, message, error.name, error.type or None, error.param)
