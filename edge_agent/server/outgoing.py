"""The event channel's way out, with the faults that a scenario wants of it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque

from edge_agent.protocol.codec import encode_server_event
from edge_agent.protocol.dialect import BETA_SERVER_NAMES, Dialect
from edge_agent.protocol.server_events import (
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseDone,
    ServerEvent,
)
from edge_agent.server.carrier import Channel
from edge_agent.server.scenario import SendMessage

logger = logging.getLogger(__name__)

MAX_BUFFERED_BYTES = 16 << 20
"""A client that does not read this much is gone; the rest is thrown away."""

MAX_COUNTED_TYPES = 200
"""Names of events that are counted; clients may invent more."""

_OUTPUT_EVENTS = (OutputAudioBufferStarted, OutputAudioBufferStopped, OutputAudioBufferCleared)


class Outgoing:
    """Sends events over a channel. Nothing is sent before ``open`` and after the channel has closed."""

    def __init__(self, dialect: Dialect) -> None:
        self.sent: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        """What the finished responses used: ``responses``, and tokens as their usage says."""
        self.delay_s = 0.0
        self.late_stopped_s: float | None = None
        self.hides_output_events = False
        self._dialect = dialect
        self._channel: Channel | None = None
        self._held: deque[ServerEvent] = deque()

    def open(self, channel: Channel) -> None:
        """Send over ``channel`` from now on."""
        self._channel = channel

    def send(self, event: ServerEvent) -> None:
        """Send ``event`` in the words of the dialect, unless a fault wants it otherwise."""
        if self.hides_output_events and isinstance(event, _OUTPUT_EVENTS):
            return
        if self.late_stopped_s is not None:
            if isinstance(event, OutputAudioBufferStopped):
                self._held.append(event)
                return
            if isinstance(event, OutputAudioBufferStarted):
                asyncio.get_running_loop().call_later(self.late_stopped_s, self._release, len(self._held))
        self._encode(event)

    def send_bad_message(self, fault: SendMessage) -> None:
        """Send what is no good event."""
        if self._channel is None or not self._channel.is_open:
            return
        if fault.kind == "binary":
            self._channel.send(b'{"type":"session.updated"}')
        else:
            self._channel.send_as_text(bad_message(fault))

    def _release(self, count: int) -> None:
        for _ in range(min(count, len(self._held))):
            self._encode(self._held.popleft())

    def _encode(self, event: ServerEvent) -> None:
        name = event.wire_type
        if isinstance(event, ResponseDone) and event.response.usage is not None:
            usage = event.response.usage
            self.billed.update(
                responses=1, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens
            )
        if self._dialect is Dialect.BETA:
            name = BETA_SERVER_NAMES.get(name, name)
        for message in encode_server_event(event, self._dialect):
            count(self.sent, name)
            if self.delay_s:
                asyncio.get_running_loop().call_later(self.delay_s, self._transmit, message)
            else:
                self._transmit(message)

    def _transmit(self, message: str) -> None:
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        if channel.waiting_bytes > MAX_BUFFERED_BYTES:
            logger.warning("the client does not read; an event is thrown away")
            return
        try:
            channel.send(message)
        except ValueError:
            logger.warning("an event is larger than the client takes (%d bytes)", len(message))


def count(counter: Counter[str], name: str) -> None:
    """Count ``name``, unless there are too many names already."""
    if name in counter or len(counter) < MAX_COUNTED_TYPES:
        counter[name] += 1


def bad_message(fault: SendMessage) -> bytes:
    """Return the text that ``fault`` wants to be sent."""
    match fault.kind:
        case "oversized":
            start = b'{"type":"response.output_audio_transcript.delta","delta":"'
            return start + b"a" * max(0, fault.size_bytes - len(start) - 2) + b'"}'
        case "unknown":
            return b'{"type":"edge_agent.never_heard_of","event_id":"event_x","value":{"a":[1,2,3]}}'
        case "malformed":
            return b'{"type":"session.updated","session":'
        case "invalid_utf8":
            return b'{"type":"session.updated","event_id":"\xff\xfe\xc3("}'
        case "deep":
            return b'{"type":"session.updated","session":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
        case _:
            return fault.text.encode()
