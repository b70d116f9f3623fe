"""How loud it is: levels in dBFS, and a meter."""

from __future__ import annotations

import math

FULL_SCALE = 32_768
FLOOR_DBFS = -96.0
"""What digital silence reads as: one step of 16 bit is 96 dB below full scale."""

_FLOOR_MAGNITUDE = FULL_SCALE * math.pow(10.0, FLOOR_DBFS / 20.0)

FALL_DB_PER_S = 20.0 / 1.7
"""How fast a meter falls back: 20 dB in 1.7 s, IEC 60268-10 type I."""

_FALL_PER_S = math.pow(10.0, -FALL_DB_PER_S / 20.0)


def to_dbfs(magnitude: float) -> float:
    """Return a sample magnitude in dB relative to full scale, never below FLOOR_DBFS."""
    # Asked before the logarithm: what a meter shows after minutes of silence is too small to be divided.
    return 20.0 * math.log10(magnitude / FULL_SCALE) if magnitude > _FLOOR_MAGNITUDE else FLOOR_DBFS


def from_dbfs(level_dbfs: float) -> float:
    """Return the sample magnitude of a level."""
    return FULL_SCALE * math.pow(10.0, level_dbfs / 20.0)


class PeakMeter:
    """A meter that jumps up and falls slowly, so that one who looks five times a second misses nothing.

    Fed by one thread, read by any.
    """

    def __init__(self) -> None:
        self._magnitude = 0.0

    @property
    def level_dbfs(self) -> float:
        """What the meter shows now, FLOOR_DBFS to 0."""
        return to_dbfs(self._magnitude)

    def feed(self, magnitude: int, duration_s: float) -> None:
        """Take the peak of a block."""
        self._magnitude = max(float(magnitude), self._magnitude * _FALL_PER_S**duration_s)

    def reset(self) -> None:
        """Fall to the floor at once: nothing is measured any more."""
        self._magnitude = 0.0
