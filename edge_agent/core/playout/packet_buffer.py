"""Packets that wait to be played, in the order of the sound that they hold."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

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

LEAVING_S = 1.0
"""For so long after a new stream's beginning what arrives of the former one is its rest, and not played."""


class WaitingPacket(NamedTuple):
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


class _Stream:
    """The numbers of one source, as long as its clock is not set anew."""

    def __init__(self, first: RtpPacket) -> None:
        self._ssrc = first.ssrc
        self._sequences, self._timestamps = Unwrapper(16), Unwrapper(32)
        self._sequences.unwrap(first.sequence_number)
        self._timestamps.unwrap(first.timestamp)

    def take(self, packet: RtpPacket, duration: int) -> WaitingPacket | None:
        """Return the packet with its numbers unwrapped, None if this stream does not hold it."""
        number, time = self._ahead(packet)
        if packet.ssrc != self._ssrc or not _is_near(number, time):
            return None
        sequence, timestamp = self._sequences.advance(number), self._timestamps.advance(time)
        return WaitingPacket(sequence, timestamp, duration, packet.payload, packet.arrived_at)

    def holds(self, packet: RtpPacket) -> bool:
        """Return whether it would take the packet."""
        return packet.ssrc == self._ssrc and _is_near(*self._ahead(packet))

    def has_passed(self, packet: RtpPacket) -> bool:
        """Return whether the packet is an old one of this stream, or one that was there already."""
        number, time = self._ahead(packet)
        is_old = -LARGEST_DROPOUT <= number <= 0 and -LONGEST_WAY_SAMPLES <= time <= 0
        return packet.ssrc == self._ssrc and is_old

    def begins_anew(self, packet: RtpPacket) -> bool:
        """Return whether the packet shows that the sender's clock was set anew: a later number, an earlier
        time. Or that there is another source."""
        number, time = self._ahead(packet)
        return packet.ssrc != self._ssrc or (0 < number <= LARGEST_DROPOUT and time < 0)

    def _ahead(self, packet: RtpPacket) -> tuple[int, int]:
        return self._sequences.ahead(packet.sequence_number), self._timestamps.ahead(packet.timestamp)


class PacketBuffer:
    """Sorts, and finds out when a new stream begins. Bounded by LIMIT_PACKETS."""

    def __init__(self) -> None:
        self._stream: _Stream | None = None
        self._former: _Stream | None = None
        self._left_at = -math.inf
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
        if duration is None:
            return None, False
        if self._stream is not None:
            waiting = self._stream.take(packet, duration)
            if waiting is not None:
                self._after_stray = None
                return waiting, False
            if not self._begins_stream(self._stream, packet):
                return None, False
        self._former, self._stream = self._stream, _Stream(packet)
        self._left_at = packet.arrived_at
        return self._stream.take(packet, duration), True

    def put(self, packet: WaitingPacket) -> int:
        """Let an accepted packet wait; returns how many were dropped: itself if it is there already, or the
        oldest ones."""
        if not self._waiting or self._waiting[-1].end <= packet.timestamp:
            self._waiting.append(packet)
            return self._drop_excess()
        at = bisect_left(self._waiting, packet.timestamp, key=_timestamp)
        if at < len(self._waiting) and self._waiting[at].timestamp < packet.end:
            return 1
        if at > 0 and self._waiting[at - 1].end > packet.timestamp:
            return 1
        self._waiting.insert(at, packet)
        return self._drop_excess()

    def pop(self) -> WaitingPacket:
        """Remove and return the head. Raises IndexError if nothing waits."""
        return self._waiting.pop(0)

    def clear(self) -> int:
        """Drop all that waits; returns how many packets that were. The stream goes on."""
        dropped = len(self._waiting)
        self._waiting.clear()
        return dropped

    def _drop_excess(self) -> int:
        excess = len(self._waiting) - LIMIT_PACKETS
        if excess <= 0:
            return 0
        del self._waiting[:excess]
        return excess

    def _begins_stream(self, stream: _Stream, packet: RtpPacket) -> bool:
        expected, self._after_stray = self._after_stray, None
        if stream.has_passed(packet) or self._is_of_former(packet):
            return False
        if stream.begins_anew(packet) or packet.sequence_number == expected:
            return True
        self._after_stray = (packet.sequence_number + 1) % 2**16
        return False

    def _is_of_former(self, packet: RtpPacket) -> bool:
        if self._former is None:
            return False
        is_leaving = packet.arrived_at - self._left_at < LEAVING_S
        return self._former.has_passed(packet) or (is_leaving and self._former.holds(packet))


def _is_near(number: int, time: int) -> bool:
    """Return whether a number and a time lie on the same side of the newest ones, and near."""
    return -LARGEST_MISORDER <= number <= LARGEST_DROPOUT and (time >= 0 if number > 0 else time <= 0)


def _timestamp(packet: WaitingPacket) -> int:
    return packet.timestamp
