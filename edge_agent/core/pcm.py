"""The sound format that everything inside speaks, a bounded queue of it, and a fade.

Mono, 48 kHz, signed 16 bit, little endian; blocks of one period. Knows no device and starts no thread: the
queue is where the session's thread and the playback thread meet.
"""

from __future__ import annotations

import enum
import threading
from array import array
from collections.abc import Iterator

SAMPLE_RATE_HZ = 48_000
"""Opus's own rate (RFC 7587 section 4.1) and what every sound card can do: nothing is resampled."""

SAMPLE_BYTES = 2
PERIOD_S = 0.010
"""One block. 10 ms is also the frame of WebRTC's echo canceller."""

PERIOD_SAMPLES = 480
PERIOD_BYTES = PERIOD_SAMPLES * SAMPLE_BYTES
BYTES_PER_S = SAMPLE_RATE_HZ * SAMPLE_BYTES
SILENCE = bytes(PERIOD_BYTES)
"""One period of digital silence."""

FADE_SAMPLES = 240
"""5 ms: long enough not to click, too short to be heard as a tail (the usual length of a de-click ramp)."""


class MicrophoneForm(enum.Enum):
    """What a session wants of the microphone."""

    OPUS = "opus"  # packets for RTP
    PLAIN = "plain"  # 24 kHz mono s16le


class PcmQueue:
    """A bounded queue of samples, safe between threads; no call waits for anything but the lock.

    Overflow rule: the oldest samples are dropped and counted. ``limit_bytes`` is rounded down to whole
    samples. Raises ValueError if not one sample fits.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes - limit_bytes % SAMPLE_BYTES
        if self._limit_bytes <= 0:
            raise ValueError(f"limit_bytes: expected room for one sample at least, got {limit_bytes}")
        self._lock = threading.Lock()
        self._samples = bytearray()
        self._dropped_bytes = 0

    @property
    def queued_bytes(self) -> int:
        """How much waits now."""
        return len(self._samples)

    @property
    def dropped_bytes(self) -> int:
        """How much overflowed since the beginning; :meth:`clear` does not count."""
        return self._dropped_bytes

    def put(self, pcm: bytes) -> None:
        """Append whole samples. Raises ValueError for half a sample: all that follows would be noise."""
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"pcm: expected whole samples of {SAMPLE_BYTES} bytes, got {len(pcm)} bytes")
        with self._lock:
            self._samples += pcm
            excess_bytes = len(self._samples) - self._limit_bytes
            if excess_bytes > 0:
                del self._samples[:excess_bytes]
                self._dropped_bytes += excess_bytes

    def take(self, n_bytes: int) -> bytes:
        """Remove and return the oldest ``n_bytes``; fewer when the queue runs dry, none when it is empty."""
        with self._lock:
            taken = bytes(self._samples[:n_bytes])
            del self._samples[:n_bytes]
        return taken

    def clear(self) -> int:
        """Drop everything that waits; returns how many bytes that was."""
        with self._lock:
            cleared_bytes = len(self._samples)
            self._samples.clear()
        return cleared_bytes


def in_periods(pcm: bytes) -> Iterator[bytes]:
    """Return the periods that a block is made of."""
    return (pcm[at : at + PERIOD_BYTES] for at in range(0, len(pcm), PERIOD_BYTES))


def fade_out(pcm: bytes) -> bytes:
    """Return one period that begins like ``pcm`` and falls to silence within FADE_SAMPLES."""
    faded = array("h", pcm[: FADE_SAMPLES * SAMPLE_BYTES])
    length = len(faded)
    for at, sample in enumerate(faded):
        faded[at] = sample * (length - at) // length
    return faded.tobytes().ljust(PERIOD_BYTES, b"\0")
