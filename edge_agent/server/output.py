"""The way out: packets of answers, made faster than real time, leave one by one at the pace of the sound."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet
from av.stream import Stream

from edge_agent.server.voice import PACKET_S, Speech

RTP_CLOCK_HZ = 48_000
"""Clock rate of Opus over RTP, whatever the sampling rate (RFC 7587 section 4.1)."""

PACKET_TICKS = int(RTP_CLOCK_HZ * PACKET_S)

LATE_LIMIT_S = 0.200
"""Who is later than this lets the time pass instead of sending a burst: receivers hold some 0.3 s at most."""


class Idle(enum.Enum):
    """What leaves while there is nothing to say."""

    SILENCE = "silence"  # packets of silence, as most servers do
    PAUSE = "pause"  # nothing; timestamps go on
    STOPPED = "stopped"  # nothing, and nothing ever again


@dataclass(slots=True)
class _Loaded:
    response_id: str
    packets: deque[bytes]
    has_started: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A packet or None; ``started`` is the response that begins with it, ``drained`` one that is over."""

    payload: bytes | None
    started: str | None = None
    drained: str | None = None


class OutputBuffer:
    """What is to be played, in order. Bounded by the conversation: one response at a time is made."""

    def __init__(self) -> None:
        self._queue: deque[_Loaded] = deque()

    def load(self, response_id: str, speech: Speech) -> None:
        """Add the sound of a response."""
        self._queue.append(_Loaded(response_id, deque(speech.packets)))

    def take(self) -> Taken:
        """Return the next packet. An answer is drained one packet after its last, when that was heard."""
        if not self._queue:
            return Taken(None)
        head = self._queue[0]
        started = None if head.has_started else head.response_id
        head.has_started = True
        if head.packets:
            return Taken(head.packets.popleft(), started=started)
        self._queue.popleft()
        return Taken(None, started=started, drained=head.response_id)

    def clear(self) -> None:
        """Throw everything away."""
        self._queue.clear()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to play."""
        return not self._queue


class OutputTrack(MediaStreamTrack):
    """The track that aiortc sends. ``on_started`` and ``on_drained`` get the id of a response."""

    kind = "audio"

    def __init__(
        self, silence: bytes, on_started: Callable[[str], None], on_drained: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.buffer = OutputBuffer()
        self.idle = Idle.SILENCE
        self.spoils_next = False
        """Whether the next packet goes out without its payload."""
        self.sent_packets = 0
        self._silence = silence
        self._on_started = on_started
        self._on_drained = on_drained
        self._ticks = 0
        self._due: float | None = None

    async def recv(self) -> Packet[Stream]:
        """Return the next packet when it is due. Raises MediaStreamError when the track was stopped."""
        while True:
            await self._wait()
            if self.readyState != "live":
                raise MediaStreamError
            payload = self._next_payload()
            if payload is not None:
                return self._packet(payload)

    def _next_payload(self) -> bytes | None:
        if self.idle is Idle.STOPPED:
            return None
        taken = self.buffer.take()
        if taken.started is not None:
            self._on_started(taken.started)
        if taken.drained is not None:
            self._on_drained(taken.drained)
        if self.spoils_next:
            self.spoils_next = False
            return b""
        if taken.payload is not None:
            return taken.payload
        return None if self.idle is Idle.PAUSE else self._silence

    async def _wait(self) -> None:
        """Wait for the next multiple of PACKET_S, and count the time in ticks of the RTP clock."""
        now = asyncio.get_running_loop().time()
        if self._due is None:
            self._due = now
            return
        self._due += PACKET_S
        self._ticks += PACKET_TICKS
        late_s = now - self._due
        if late_s > LATE_LIMIT_S:
            missed = int(late_s / PACKET_S)
            self._due += missed * PACKET_S
            self._ticks += missed * PACKET_TICKS
        await asyncio.sleep(max(0.0, self._due - now))

    def _packet(self, payload: bytes) -> Packet[Stream]:
        packet: Packet[Stream] = Packet(payload)
        packet.pts = self._ticks
        packet.time_base = Fraction(1, RTP_CLOCK_HZ)
        self.sent_packets += 1
        return packet
