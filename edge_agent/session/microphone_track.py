"""The microphone as a WebRTC track of packets that we encoded ourselves.

aiortc needs a track in any case; packets go through it where they can't go directly (``direct_sender.py``).
aiortc packs an ``av.Packet`` as it is, so its own encoder (stereo, 96 kbit/s, in an executor) never runs.
See https://aiortc.readthedocs.io/en/latest/helpers.html and MediaStreamTrack.recv.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from fractions import Fraction

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from edge_agent.session.transport import EncodedPacket

TIME_BASE = Fraction(1, 48_000)
"""Opus always counts at 48 kHz on the wire (RFC 7587 section 4.1)."""

WAITING_LIMIT_PACKETS = 25
"""Half a second of 20 ms packets. Overflow rule: the oldest is dropped, as late speech is worth least."""


class MicrophoneTrack(MediaStreamTrack):
    """Packets go in from one thread and out, in the loop, at the pace at which they came. No packet, no RTP.

    The capture time of a packet is its RTP timestamp, so a pause is one on the server's clock as well. aiortc
    marks every packet as the first of a spurt (RFC 7587 section 4.1 wants that after a pause only); receivers
    go by the timestamps.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._reader_loop = asyncio.get_running_loop()
        self._packets: deque[EncodedPacket] = deque(maxlen=WAITING_LIMIT_PACKETS)
        self._arrived = asyncio.Event()
        self._is_waking = False
        self.packets_sent = 0
        self.packets_dropped = 0
        self.bytes_sent = 0
        """Payload alone."""

    def deliver(self, packet: EncodedPacket) -> None:
        """Take one packet. Called in one thread; never blocks, never raises."""
        if not packet.payload:
            # An empty RTP payload would stop a decoder like FFmpeg's for good.
            self.packets_dropped += 1
            return
        if len(self._packets) == WAITING_LIMIT_PACKETS:
            self.packets_dropped += 1
        self._packets.append(packet)
        if not self._is_waking:  # a loop that is late is woken once, not once for every packet
            self._is_waking = True
            # The loop may be closed: the process ends, and the capture thread has not heard of it yet.
            with contextlib.suppress(RuntimeError):
                self._reader_loop.call_soon_threadsafe(self._wake)

    async def recv(self) -> av.Packet[av.stream.Stream]:
        """Wait for the next packet. Raises MediaStreamError once the track is stopped."""
        while not self._packets and self.readyState == "live":
            self._arrived.clear()
            await self._arrived.wait()
        if self.readyState != "live":
            raise MediaStreamError
        waiting = self._packets.popleft()
        packet = av.Packet(waiting.payload)
        packet.pts = waiting.timestamp_samples
        packet.time_base = TIME_BASE
        self.packets_sent += 1
        self.bytes_sent += len(waiting.payload)
        return packet

    def stop(self) -> None:
        """End the track; what waits is dropped."""
        super().stop()
        self._packets.clear()
        self._arrived.set()

    def _wake(self) -> None:
        self._is_waking = False  # first: what is delivered from here on wakes again
        self._arrived.set()
