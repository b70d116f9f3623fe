"""Making sound a little shorter or longer, so that the delay becomes what it should be.

Silence is changed at will. Speech is changed by whole pitch periods, where two of them are alike, and as
seldom as the delay allows (WSOLA, as in WebRTC's NetEQ).
"""

from __future__ import annotations

import math

from edge_agent.core.pcm import PERIOD_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE_HZ
from edge_agent.core.playout.samples import (
    LONGEST_LAG_SAMPLES,
    SHORTEST_LAG_SAMPLES,
    mirrored,
    repetition,
    splice,
)
from edge_agent.core.playout.statistics import PlayoutStatistics

SILENCE_TOLERANCE_S = 0.001
"""Silence is corrected from this error on: less is within what a thread's wake-up varies."""

SHORTEST_BLOCK_SAMPLES = 240
"""5 ms: what is left of a period of silence, so that the playback thread is not driven wild."""

LONGEST_INSERTION_SAMPLES = 480
"""How much a period of silence is lengthened at most."""

LIKENESS_NEEDED = 0.85
"""Two pitch periods that are this alike can be joined without being heard (NetEQ asks for 0.9)."""

OVERSHOOT_SAMPLES = 96
"""2 ms: how far a correction may go beyond the error, for the sake of a whole pitch period."""

PACE = ((0.100, 0.06), (0.040, 0.10), (0.020, 0.25), (0.010, 2.0), (0.005, 10.0))
"""From how many seconds of error on speech is corrected, and after how many seconds without a silence or
another correction. A drift of 100 ppm makes 6 ms a minute; what a stall of 300 ms piles up is gone in three
seconds."""


class Retimer:
    """Corrects blocks of one period. ``error_s`` is how much later than wanted they are played."""

    def __init__(self, statistics: PlayoutStatistics) -> None:
        self._statistics = statistics
        self._calm_at: float | None = None
        """When there was a silence, in which more could have been corrected, or a correction."""

    def silence(self, pcm: bytes, error_s: float, now: float) -> bytes:
        """Return an inaudible period with some milliseconds less or more."""
        self._calm_at = now
        if error_s > SILENCE_TOLERANCE_S:
            left = max(SHORTEST_BLOCK_SAMPLES, PERIOD_SAMPLES - round(error_s * SAMPLE_RATE_HZ))
            self._statistics.removed_samples_for_acceleration += PERIOD_SAMPLES - left
            return pcm[: left * SAMPLE_BYTES]
        if error_s < -SILENCE_TOLERANCE_S:
            more = min(LONGEST_INSERTION_SAMPLES, round(-error_s * SAMPLE_RATE_HZ))
            self._statistics.inserted_samples_for_deceleration += more
            return pcm + mirrored(pcm, more)
        return pcm

    def is_due(self, error_s: float, now: float) -> bool:
        """Return whether speech is to be corrected: the error is large, and the last time long enough ago."""
        if self._calm_at is None:
            self._calm_at = now
        pace_s = next((pace_s for wrong_s, pace_s in PACE if abs(error_s) >= wrong_s), math.inf)
        return now - self._calm_at >= pace_s

    def speech(self, pcm: bytes, error_s: float, now: float) -> bytes:
        """Return SEARCHED_SAMPLES of speech with one pitch period less or more; as they are if none fits."""
        wrong_samples = round(abs(error_s) * SAMPLE_RATE_HZ) + OVERSHOOT_SAMPLES
        lag, likeness = repetition(pcm, min(LONGEST_LAG_SAMPLES, max(SHORTEST_LAG_SAMPLES, wrong_samples)))
        if likeness < LIKENESS_NEEDED:
            return pcm
        self._calm_at = now
        self._statistics.audible_corrections += 1
        if error_s > 0:
            self._statistics.removed_samples_for_acceleration += lag
            return splice(pcm, 0, lag)
        self._statistics.inserted_samples_for_deceleration += lag
        return splice(pcm, lag, 0)
