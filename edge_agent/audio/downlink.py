"""From what a session receives to what the loudspeaker's thread plays."""

from __future__ import annotations

import math

from edge_agent.core.pcm import PERIOD_BYTES, PcmQueue
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.queued import QueuedPlayout

QUEUE_LIMIT_PERIODS = 40
"""400 ms of decoded sound may wait for the loudspeaker: a server paces its sound, more than that is old."""


class Downlink:
    """The receiving half of the sound road; safe between threads.

    A session gives packets (:meth:`receive`) or decoded sound (:meth:`play`), the playback thread pulls.
    """

    def __init__(self) -> None:
        self._queue = PcmQueue(QUEUE_LIMIT_PERIODS * PERIOD_BYTES)
        self._queued = QueuedPlayout(self._queue)
        self._ignores_until = -math.inf

    def receive(self, packet: RtpPacket) -> None:
        """Take a packet of the server's sound, in the order of arrival."""

    def play(self, pcm: bytes) -> None:
        """Take sound that is decoded already, 48 kHz mono. Overflow rule: the oldest is dropped."""
        self._queue.put(pcm)

    def pull(self, now: float) -> bytes:
        """Return what is to be played next: a period, SILENCE if nothing is due."""
        if now < self._ignores_until:
            self._queue.clear()
        return self._queued.next_block()

    def flush(self, now: float, ignore_s: float) -> None:
        """Drop all that waits, and what arrives within ``ignore_s``: it was on its way already."""
        self._ignores_until = now + ignore_s
        self._queue.clear()

    def clear(self) -> None:
        """Drop all that waits."""
        self._queue.clear()
