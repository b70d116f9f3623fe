"""The clock of a sound card: how fast it runs, and whether there is one."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_agent.audio.alsa_card import CardShape, PcmHandle, stamp_times
from edge_agent.core.drift import ClockDrift
from edge_agent.errors import AudioDeviceError

DRIFT_BLOCKS = 10
"""How often the device's clock is read: ten times a second is plenty for a measurement that takes minutes."""

TIMESTAMP_LIMIT_S = 0.5
"""A device's own time stamp that is farther away from now is none."""

PACE_CHECK_S = 5.0
FASTEST_PACE = 2.0
"""A card that moves PACE_CHECK_S of sound this many times faster than real time has no clock (ALSA's null, a
broken driver): without this check it would take a whole processor."""


class CardClock:
    """Measures how fast a card runs. Where the card stamps its position with the time, that is used."""

    def __init__(self, handle: PcmHandle, shape: CardShape) -> None:
        self._handle = handle
        self._shape = shape
        self._drift = ClockDrift()
        self._blocks = 0
        self.drift_ppm: float | None = None
        stamp_times(handle)

    def block(self, moved_frames: Callable[[int], int]) -> None:
        """A block has been moved; ``moved_frames`` makes the card's position of what ``avail`` says."""
        self._blocks += 1
        if self._blocks < DRIFT_BLOCKS:
            return
        self._blocks = 0
        avail_frames, at_s = self._look()
        if 0 <= avail_frames <= self._shape.buffer_frames:
            self._drift.update(moved_frames(avail_frames) / self._shape.format.rate_hz, at_s)
            self.drift_ppm = self._drift.ppm

    def _look(self) -> tuple[int, float]:
        seconds, nanoseconds, avail_frames = self._handle.htimestamp()
        at_s, now = seconds + nanoseconds * 1e-9, time.monotonic()
        # pyalsaaudio does not look at the result of the call: after an error the three are anything.
        if abs(now - at_s) < TIMESTAMP_LIMIT_S and 0 <= avail_frames <= self._shape.buffer_frames:
            return avail_frames, at_s
        return self._handle.avail(), now


class PaceCheck:
    """Notices a device without a clock."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._moved_s = 0.0
        self._since_s = time.monotonic()

    def count(self, moved_s: float) -> None:
        """Count a block's length. Raises AudioDeviceError if the last PACE_CHECK_S were much too fast."""
        self._moved_s += moved_s
        if self._moved_s < PACE_CHECK_S:
            return
        now = time.monotonic()
        elapsed_s, moved_s = now - self._since_s, self._moved_s
        self._moved_s, self._since_s = 0.0, now
        if elapsed_s * FASTEST_PACE < moved_s:
            raise AudioDeviceError(
                f"{self._name}: expected a device that keeps real time, got "
                f"{moved_s:.0f} s of sound in {elapsed_s:.2f} s; "
                "name a sound card, see: edge-agent devices"
            )
