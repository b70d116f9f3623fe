"""How loud a percentage is."""

from __future__ import annotations

import math

LOUDEST_PERCENT = 150
"""Above 100 samples are amplified, for voices that are too soft on a card's own full volume: +10.6 dB."""

STEP_PERCENT = 10
"""What one press of a button changes: about 3 dB in the upper half, which everybody notices."""

LOUDNESS_EXPONENT = 3.0
"""Amplitude over percentage. The cube is what PulseAudio and most players use (``pa_sw_volume_to_linear``):
50 % are -18 dB, and equal steps sound about equal."""


def clamped(percent: int) -> int:
    """Return the nearest volume that there is."""
    return min(max(percent, 0), LOUDEST_PERCENT)


def gain_of(percent: int) -> float:
    """Return the factor for the samples' amplitude; 1.0 at 100 %."""
    return math.pow(percent / 100, LOUDNESS_EXPONENT)


def decibels_of(percent: int) -> float:
    """Return the same in dB, minus infinity at 0 %."""
    return 20.0 * LOUDNESS_EXPONENT * math.log10(percent / 100) if percent > 0 else -math.inf


def percent_of(decibels: float) -> int:
    """Return the percentage that is so loud, of a card's control whose loudest is 0 dB."""
    return round(100.0 * math.pow(10.0, decibels / (20.0 * LOUDNESS_EXPONENT)))
