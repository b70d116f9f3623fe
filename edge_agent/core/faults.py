"""What went wrong with the server or the way to it, and how the agent reacts.

One classifier serves every channel on which a failure can arrive: HTTP statuses of the handshake, ``error``
events, ``response.done`` with a failed status, failed transcriptions and the end of the connection.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FaultKind(enum.Enum):
    """Where a fault was seen."""

    NETWORK = "network"  # DNS, refused, reset, unreachable
    TIMEOUT = "timeout"  # a step passed its deadline
    TLS = "tls"  # the certificate or the handshake was not acceptable
    HTTP_STATUS = "http_status"  # the server answered the call with something else than 2xx
    BAD_ANSWER = "bad_answer"  # 2xx, but not an SDP answer that can be used
    ERROR_EVENT = "error_event"  # an `error` event
    SETUP_REFUSED = "setup_refused"  # an `error` event that answers the session's first `session.update`
    RESPONSE_FAILED = "response_failed"  # `response.done` with status failed
    TRANSCRIPTION_FAILED = "transcription_failed"
    CLOSED = "closed"  # the server ended the connection
    LOST = "lost"  # the connection ended without a word
    EXPIRED = "expired"  # the session reached its maximum age


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure, in words for a person and in fields for the classifier.

    ``message`` never holds a secret. ``code``, ``error_type`` and ``param`` are the provider's own words
    (``error.code``, ``error.type``, ``error.param``); ``retry_after_s`` is the server's ``Retry-After``.
    """

    kind: FaultKind
    message: str
    code: str | None = None
    error_type: str | None = None
    param: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None
