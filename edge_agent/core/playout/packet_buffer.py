"""Packets that wait to be played, in the order of the sound that they hold."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from edge_agent.core.playout.opus_toc import duration_samples
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.sequence import Unwrapper

LIMIT_PACKETS = 150
"""Three seconds of 20 ms packets: what a path may deliver at once after it stood still. Overflow rule: the
oldest is dropped."""

LARGEST_MISORDER = 100
LARGEST_DROPOUT = 3000
"""A sequence number farther away than this is that of a new stream, if the next one follows it (RFC 3550
appendix A.1); alone it is that of a packet that was on its way for seconds."""

LONGEST_WAY_SAMPLES = 480_000
"""Ten seconds: a number and a time that lie less far back are old, however many of them arrive in a row."""


@dataclass(frozen=True, slots=True)
class WaitingPacket:
    """A packet with its numbers unwrapped; times in samples of the stream."""

    sequence: int
    timestamp: int
    duration: int
    payload: bytes
    arrived_at: float

    @property
    def end(self) -> int:
        """The timestamp of the sample that follows it."""
        return self.timestamp + self.duration


class PacketBuffer:
    """Sorts, and finds out when a new stream begins. Bounded by LIMIT_PACKETS."""

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._sequences = Unwrapper(16)
        self._timestamps = Unwrapper(32)
        self._waiting: list[WaitingPacket] = []
        self._after_stray: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def head(self) -> WaitingPacket | None:
        """The packet with the earliest sound."""
        return self._waiting[0] if self._waiting else None

    def accept(self, packet: RtpPacket) -> tuple[WaitingPacket | None, bool]:
        """Return the packet with its numbers unwrapped, None if it is no Opus or a stray; and whether a
        stream begins: then what waits belongs to the older one.
        """
        duration = duration_samples(packet.payload)
        if duration is None or self._is_stray(packet):
            return None, False
        begins = self._begins_stream(packet)
        if begins:
            self._ssrc = packet.ssrc
            self._sequences, self._timestamps = Unwrapper(16), Unwrapper(32)
        return WaitingPacket(
            self._sequences.unwrap(packet.sequence_number),
            self._timestamps.unwrap(packet.timestamp),
            duration,
            packet.payload,
            packet.arrived_at,
        ), begins

    def put(self, packet: WaitingPacket) -> int:
        """Let an accepted packet wait; returns how many were dropped: itself if it is there already, or the
        oldest ones."""
        at = bisect_left(self._waiting, packet.timestamp, key=_timestamp)
        if at < len(self._waiting) and self._waiting[at].timestamp < packet.end:
            return 1
        if at > 0 and self._waiting[at - 1].end > packet.timestamp:
            return 1
        self._waiting.insert(at, packet)
        excess = len(self._waiting) - LIMIT_PACKETS
        del self._waiting[: max(0, excess)]
        return max(0, excess)

    def pop(self) -> WaitingPacket:
        """Remove and return the head. Raises IndexError if nothing waits."""
        return self._waiting.pop(0)

    def clear(self) -> int:
        """Drop all that waits; returns how many packets that were. The stream goes on."""
        dropped = len(self._waiting)
        self._waiting.clear()
        return dropped

    def _is_stray(self, packet: RtpPacket) -> bool:
        """Whether the number comes out of nowhere, and not for the second time in a row."""
        expected, self._after_stray = self._after_stray, None
        if packet.ssrc != self._ssrc or self._is_near(packet) or packet.sequence_number == expected:
            return False
        is_old = -LARGEST_DROPOUT < self._sequences.ahead(packet.sequence_number) < 0 and (
            -LONGEST_WAY_SAMPLES < self._timestamps.ahead(packet.timestamp) < 0
        )
        self._after_stray = None if is_old else (packet.sequence_number + 1) % 2**16
        return True

    def _begins_stream(self, packet: RtpPacket) -> bool:
        if packet.ssrc != self._ssrc or not self._is_near(packet):
            return True
        # A later number with an earlier time: the sender's clock was set anew.
        is_later = self._sequences.ahead(packet.sequence_number) > 0
        return is_later and self._timestamps.ahead(packet.timestamp) < 0

    def _is_near(self, packet: RtpPacket) -> bool:
        return -LARGEST_MISORDER <= self._sequences.ahead(packet.sequence_number) <= LARGEST_DROPOUT


def _timestamp(packet: WaitingPacket) -> int:
    return packet.timestamp
