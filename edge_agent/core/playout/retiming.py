"""Making sound a little shorter or longer, so that the delay becomes what it should be.

Silence is changed at will. Speech is changed by whole pitch periods, where two of them are alike, and as
seldom as the delay allows (WSOLA, as in WebRTC's NetEQ).
"""

from __future__ import annotations

import audioop

from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE_HZ
from edge_agent.core.playout.samples import (
    COMPARED_SAMPLES,
    SEARCHED_SAMPLES,
    mirrored,
    repetition,
    splice,
)
from edge_agent.core.playout.statistics import PlayoutStatistics

SILENCE_TOLERANCE_S = 0.0005
"""Silence is corrected from this error on, where there is one to correct."""

SHORTEST_BLOCK_SAMPLES = 240
"""5 ms: what is left of a block of silence, so that the playback thread is not driven wild."""

LONGEST_INSERTION_SAMPLES = 480
"""How much a block of silence is lengthened at most."""

LIKENESS_NEEDED = 0.85
"""Two pitch periods that are this alike can be joined without being heard (NetEQ asks for 0.9)."""

LENGTHENED_SAMPLES = 480
"""10 ms: how far sound that is played too early may be lengthened beyond the error, so that the next time is
long in coming."""

SHORTENED_SAMPLES = 24
"""0.5 ms: how far sound that is played too late may be shortened beyond the error, for the sake of a whole
pitch period: the target has as much to spare."""

PACE = ((0.100, 0.06), (0.040, 0.10), (0.020, 0.25), (0.0095, 1.0))
"""From how many seconds of error on speech is corrected, and after how many seconds without a silence or
another correction. What a stall of 300 ms piles up is gone within three seconds then; a drift of 100
ppm, which makes 6 ms a minute, takes one correction in a minute and a half."""

SMALLEST_ERROR_S = PACE[-1][0]
"""Speech that is late by less is left as it is."""

UNHURRIED_S = 2.0
"""How long speech that is to become shorter waits for a silence, in which nobody hears it. After a stall of
300 ms PESQ is 3.2, not 2.0, and the delay is back after 2.5 s, not 2.2; a voice without any silence is played
in time again after less than four."""

PATIENCE_S = 10.0
LARGEST_EARLINESS_S = 0.0015
"""Sound that is earlier by less is left alone, silence too: it is less than half of the target's smallest
margin, and next to no packet comes too late for it; but a pause that becomes longer is heard (PESQ 4.3, not
4.6). More of it may wait for a silence, and not for ever: the next packet may be missed."""


SHORTENABLE_SAMPLES = 2 * PERIOD_SAMPLES
"""What it takes to leave out the longest pitch period: two periods."""


class Retimer:
    """Corrects blocks of a period or two. ``error_s`` is how much later than wanted they are played."""

    def __init__(self, statistics: PlayoutStatistics) -> None:
        self._statistics = statistics
        self._calm_at: float | None = None
        """When there was a silence, in which more could have been corrected, or a correction."""
        self._late_since: float | None = None
        """Since when speech is played so late that it is to become shorter."""
        self._history = bytes(SEARCHED_SAMPLES * SAMPLE_BYTES)

    def silence(self, pcm: bytes, error_s: float, now: float) -> bytes:
        """Return an inaudible block with some milliseconds less or more."""
        self._calm_at = now
        if error_s > SILENCE_TOLERANCE_S:
            samples = len(pcm) // SAMPLE_BYTES
            left = max(SHORTEST_BLOCK_SAMPLES, samples - round(error_s * SAMPLE_RATE_HZ))
            self._statistics.removed_samples_for_acceleration += samples - left
            return splice(pcm, 0, samples - left)
        if error_s < -SILENCE_TOLERANCE_S:
            more = min(LONGEST_INSERTION_SAMPLES, round(-error_s * SAMPLE_RATE_HZ))
            self._statistics.inserted_samples_for_deceleration += more
            return pcm + mirrored(pcm, more)
        return pcm

    def is_due(self, error_s: float, now: float) -> bool:
        """Return whether speech is to be corrected: the error is large, the last time long enough ago, and a
        silence was waited for."""
        if self._calm_at is None:
            self._calm_at = now
        if error_s < SMALLEST_ERROR_S:
            self._late_since = None
            if error_s > -LARGEST_EARLINESS_S:
                return False
        elif self._waits_for_silence(now):
            return False
        calm_s = now - self._calm_at
        if any(abs(error_s) >= wrong_s and calm_s >= pace_s for wrong_s, pace_s in PACE):
            return True
        return calm_s >= PATIENCE_S and error_s <= -LARGEST_EARLINESS_S

    def _waits_for_silence(self, now: float) -> bool:
        """Whether what is late waits still. What is early can't: the next packet may be missed."""
        if self._late_since is None:
            self._late_since = now
        return now - self._late_since < UNHURRIED_S

    def played(self, block: bytes) -> None:
        """Remember what was played last: speech is compared with it."""
        self._history = (self._history + block)[-SEARCHED_SAMPLES * SAMPLE_BYTES :]

    @property
    def last_period(self) -> bytes:
        """What was played last, 10 ms of it."""
        return self._history[-PERIOD_BYTES:]

    def shorter(self, pcm: bytes, error_s: float, now: float) -> bytes:
        """Return SHORTENABLE_SAMPLES of speech with some pitch periods less; as they are if none fits."""
        before = self._history[-COMPARED_SAMPLES * SAMPLE_BYTES :]
        lag, likeness = repetition(before + pcm, round(error_s * SAMPLE_RATE_HZ) + SHORTENED_SAMPLES)
        if likeness < LIKENESS_NEEDED:
            return pcm
        self._corrected(now)
        self._statistics.removed_samples_for_acceleration += lag
        return splice(pcm, 0, lag)

    def longer(self, pcm: bytes, error_s: float, now: float) -> bytes:
        """Return a block of speech after some pitch periods that are played again; as it is if none fits."""
        longest_lag = round(-error_s * SAMPLE_RATE_HZ) + LENGTHENED_SAMPLES
        lag, likeness = repetition(audioop.reverse(self._history, SAMPLE_BYTES), longest_lag)
        if likeness < LIKENESS_NEEDED:
            return pcm
        self._corrected(now)
        self._statistics.inserted_samples_for_deceleration += lag
        lag_bytes = lag * SAMPLE_BYTES
        return splice(self._history[-lag_bytes:] + pcm, lag, 0)[lag_bytes:]

    def _corrected(self, now: float) -> None:
        self._calm_at = now
        self._statistics.audible_corrections += 1
