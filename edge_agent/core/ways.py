"""Which way to a server: an endpoint of the list, and a transport to it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class TransportKind(enum.Enum):
    """What carries a session; the value is its name in configuration files."""

    WEBRTC = "webrtc"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a server: ``endpoint`` counts from 0, in the order of the configuration."""

    endpoint: int = 0
    transport: TransportKind = TransportKind.WEBRTC


FIRST_WAY = Way()
"""To the endpoint that is preferred."""
