"""What the loudspeaker played and the microphone heard of late: where it shows who speaks."""

from __future__ import annotations

import threading

from edge_agent.core.likeness import LONGEST_LAG_PERIODS, WINDOW_PERIODS
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SAMPLE_BYTES

JOINED_BLOCKS = 64
"""About a second of sound is kept too long, which spares a count of bytes for each block."""


class BothEnds:
    """The last two seconds of what was heard, and half a second more of what was played.

    For any threads. The loudspeaker's and the microphone's blocks (48 kHz mono, s16) come each at their own
    time, but both without gaps: so the newest of both are as far apart as sound takes from here to here.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._played = _Tail((WINDOW_PERIODS + LONGEST_LAG_PERIODS) * PERIOD_BYTES)
        self._heard = _Tail(WINDOW_PERIODS * PERIOD_BYTES)

    def played(self, block: bytes) -> None:
        """Take what was handed to the loudspeaker."""
        with self._lock:
            self._played.add(block)

    def flushed(self, unplayed_bytes: int) -> None:
        """Forget the newest so much of what was played: it will not sound."""
        with self._lock:
            self._played.cut(unplayed_bytes)

    def stopped(self) -> None:
        """Forget what was played: the loudspeaker has gone."""
        with self._lock:
            self._played.clear()

    def heard(self, block: bytes) -> None:
        """Take what the microphone gave."""
        with self._lock:
            self._heard.add(block)

    def missed(self, samples: int) -> None:
        """Let so much of the microphone's sound be missing."""
        self.heard(bytes(min(samples, WINDOW_PERIODS * PERIOD_SAMPLES) * SAMPLE_BYTES))

    def deafened(self) -> None:
        """Forget what was heard: the microphone has gone."""
        with self._lock:
            self._heard.clear()

    def snapshot(self) -> tuple[bytes, bytes]:
        """Return what was played and heard, each up to now, for :func:`edge_agent.core.likeness.likeness`."""
        with self._lock:
            return self._played.whole(), self._heard.whole()


class _Tail:
    """The newest ``limit_bytes`` of a sound. Overflow rule: the oldest go, many blocks at a time."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._blocks: list[bytes] = []

    def add(self, block: bytes) -> None:
        self._blocks.append(block)
        if len(self._blocks) > JOINED_BLOCKS:
            self._blocks = [self.whole()]

    def cut(self, n_bytes: int) -> None:
        """Take the newest so much back."""
        kept = self.whole()[: -n_bytes or None]
        self.clear()
        self.add(kept)

    def clear(self) -> None:
        self._blocks.clear()

    def whole(self) -> bytes:
        return b"".join(self._blocks)[-self._limit_bytes :]
