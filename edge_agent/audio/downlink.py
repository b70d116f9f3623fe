"""From what a session receives to what the loudspeaker's thread plays."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from edge_agent.audio.answer_stream import AnswerStream
from edge_agent.audio.opus import OpusDecoder, OpusError
from edge_agent.core.pcm import PERIOD_BYTES, SAMPLE_BYTES, SILENCE, PcmQueue
from edge_agent.core.playout.jitter_buffer import JitterBuffer
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.queued import QueuedPlayout
from edge_agent.core.playout.statistics import PlayoutStatistics
from edge_agent.core.playout.streamed import Note

QUEUE_LIMIT_PERIODS = 40
"""400 ms of decoded sound may wait for the loudspeaker: a server paces its sound, more than that is old."""

CONCEALMENT_STEP_SAMPLES = 120
"""2.5 ms: what libopus conceals is a multiple of it (documentation of ``opus_decode``)."""


class Downlink:
    """The receiving half of the sound road; safe between threads. Raises OpusError if libopus is missing.

    A session gives packets (:meth:`receive`), decoded sound (:meth:`play`) or whole answers
    (:meth:`open_stream`), the playback thread pulls. Packets may be fetched when it does (:meth:`connect`),
    and are decoded then. ``device_s`` is how much the device holds of what it was given, ``complexity`` that
    of the decoder (:class:`~edge_agent.audio.opus.OpusDecoder`).
    """

    def __init__(self, device_s: float = 0.0, complexity: int = 0) -> None:
        self._device_s = device_s
        self._stream: AnswerStream | None = None
        self._lock = threading.Lock()
        self._decoder = _Decoder(complexity)
        self._jitter_buffer = JitterBuffer(self._decoder)
        self._queue = PcmQueue(QUEUE_LIMIT_PERIODS * PERIOD_BYTES)
        self._queued = QueuedPlayout(self._queue)
        self._ignores_until = -math.inf
        self._read: Callable[[], None] = _nothing

    def connect(self, read: Callable[[], None]) -> None:
        """Call ``read`` before sound is pulled, flushed or cleared: what has come is received first."""
        self._read = read

    def disconnect(self) -> None:
        """Call it no more."""
        self._read = _nothing

    @property
    def statistics(self) -> PlayoutStatistics:
        """The counters of all sound that came in packets; they go on counting."""
        return self._jitter_buffer.statistics

    @property
    def undecodable_packets(self) -> int:
        """How many packets libopus has refused; only grows."""
        return self._decoder.refused_packets

    def receive(self, packet: RtpPacket) -> None:
        """Take a packet of the server's sound, in the order of arrival."""
        with self._lock:
            self._jitter_buffer.insert(packet)

    def play(self, pcm: bytes) -> None:
        """Take sound that is decoded already, 48 kHz mono. Overflow rule: the oldest is dropped."""
        self._queue.put(pcm)

    def open_stream(self, tell: Callable[[Note], None]) -> AnswerStream:
        """Return where answers go that come faster than they are played, in place of an earlier such."""
        self._stream = AnswerStream(self._device_s, tell)
        return self._stream

    def pull(self, now: float) -> bytes:
        """Return what is to be played next: a period, more or less; SILENCE itself if nothing is due."""
        self._read()
        if now < self._ignores_until:
            self._queue.clear()
        with self._lock:
            block = self._jitter_buffer.pull(now)
        if block is SILENCE:
            block = self._queued.next_block()
        if block is SILENCE and self._stream is not None:
            block = self._stream.next_block()
        return block

    def flush(self, now: float, ignore_s: float) -> None:
        """Drop all that waits, and what is still on its way: the sound of the next ``ignore_s``."""
        self._read()
        self._ignores_until = now + ignore_s
        self._queue.clear()
        if self._stream is not None:
            self._stream.cut_off()
        with self._lock:
            self._jitter_buffer.flush(now, ignore_s)

    def clear(self) -> None:
        """Drop all that waits."""
        self._read()
        self._queue.clear()
        if self._stream is not None:
            self._stream.cut_off()
        with self._lock:
            self._jitter_buffer.clear()


class _Decoder:
    """libopus as the jitter buffer wants it: a packet that can't be decoded is as good as lost."""

    def __init__(self, complexity: int = 0) -> None:
        self._complexity = complexity
        self._opus = OpusDecoder(complexity)
        self.is_neural = self._opus.is_neural
        self.refused_packets = 0

    def decode(self, payload: bytes, samples: int) -> bytes:
        try:
            return self._opus.decode(payload)
        except OpusError:
            self.refused_packets += 1
            return self.conceal(samples)

    def recover(self, next_payload: bytes, samples: int) -> bytes:
        try:
            return self._opus.recover(next_payload, samples)
        except OpusError:
            return self.conceal(samples)

    def conceal(self, samples: int) -> bytes:
        # libopus conceals in steps of 2.5 ms only.
        steps = math.ceil(samples / CONCEALMENT_STEP_SAMPLES)
        return self._opus.conceal(steps * CONCEALMENT_STEP_SAMPLES)[: samples * SAMPLE_BYTES]

    def keep(self) -> None:
        self._opus.keep()

    def take_back(self) -> None:
        self._opus.take_back()

    def reset(self) -> None:
        self._opus = OpusDecoder(self._complexity)


def _nothing() -> None:
    return None
