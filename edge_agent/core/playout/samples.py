"""Arithmetic on mono samples, signed 16 bit: what playout needs of it, in C where it counts."""

from __future__ import annotations

import audioop

from edge_agent.core.pcm import SAMPLE_BYTES

AUDIBLE_DBFS = -50.0
"""A peak above this is sound: 30 dB below a voice at its usual -20 dBFS, well above a codec's own noise."""

AUDIBLE_PEAK = round(32_768 * 10 ** (AUDIBLE_DBFS / 20))


def peak(pcm: bytes) -> int:
    """Return the greatest magnitude, 0 to 32 768."""
    return audioop.max(pcm, SAMPLE_BYTES)


def is_audible(pcm: bytes) -> bool:
    """Return whether a person would hear it."""
    return peak(pcm) > AUDIBLE_PEAK
