"""Whether what the microphone hears is the loudspeaker: two envelopes that rise and fall together.

An echo follows what is played, syllable by syllable, however much a room colours it; a person talks in a
rhythm of their own. So the levels of both, one a period, are correlated. Knows no sound, only levels.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from operator import mul

WINDOW_PERIODS = 200
"""2 s: some eight syllables. With 1 s two voices are alike by chance twice as often (95th percentile 0.72
instead of 0.54)."""

LONGEST_LAG_PERIODS = 50
"""500 ms between playing and hearing: two device buffers and a room, with a sound server between."""

LAG_STEP_PERIODS = 2
"""An envelope hardly changes in 20 ms: looking at every lag finds nothing more and takes twice the time."""

FLOOR_DBFS = -60.0
"""What is quieter counts as silence. A small room's noise lies there; what an echo canceller leaves of an
echo lies below."""

LEAST_SPREAD_DB = 1.0
"""Standard deviation of an envelope that says something; steady noise varies by half of it."""

ECHO_LIKENESS = 0.75
"""From here on the microphone hears the loudspeaker. Measured with two pairs of flite's voices in a synthetic
room: an echo reached 0.86 to 0.98 (5th to 95th percentile) at delays of 20 to 300 ms; another voice 0.0 to
0.54, and 0.74 at most in 1,200 windows, also when it began in the middle of what was played."""


class Envelopes:
    """The last two seconds of both levels.

    Fed by one thread; another one may take a :meth:`snapshot` under a lock that both hold.
    """

    def __init__(self) -> None:
        self._played: deque[float] = deque(maxlen=WINDOW_PERIODS + LONGEST_LAG_PERIODS)
        self._heard: deque[float] = deque(maxlen=WINDOW_PERIODS)

    def add(self, played_dbfs: float, heard_dbfs: float) -> None:
        """Take the levels of one period; levels below FLOOR_DBFS are raised to it."""
        self._played.append(max(FLOOR_DBFS, played_dbfs))
        self._heard.append(max(FLOOR_DBFS, heard_dbfs))

    def clear(self) -> None:
        """Forget: what follows does not belong to what was."""
        self._played.clear()
        self._heard.clear()

    def snapshot(self) -> tuple[Sequence[float], Sequence[float]]:
        """Return what was played and what was heard, the newest last, for :func:`likeness`."""
        return tuple(self._played), tuple(self._heard)


def likeness(played: Sequence[float], heard: Sequence[float]) -> float:
    """Return how much of ``heard`` follows ``played``: 0 not at all, 1 in everything.

    The greatest normalised correlation over lags of 0 to LONGEST_LAG_PERIODS. 0 while either is steady, or
    shorter than WINDOW_PERIODS. Takes about a millisecond.
    """
    if len(heard) < WINDOW_PERIODS:
        return 0.0
    deviations, energy = _centred(heard[-WINDOW_PERIODS:])
    if energy == 0.0:
        return 0.0
    return max((_correlation(stretch, deviations, energy) for stretch in _lagging(played)), default=0.0)


def _lagging(played: Sequence[float]) -> Iterator[Sequence[float]]:
    """Yield a window of what was played for every lag that the history reaches back to."""
    for end in range(len(played), WINDOW_PERIODS - 1, -LAG_STEP_PERIODS):
        yield played[end - WINDOW_PERIODS : end]


def _correlation(stretch: Sequence[float], deviations: Sequence[float], energy: float) -> float:
    others, other_energy = _centred(stretch)
    if other_energy == 0.0:
        return 0.0
    product: float = sum(map(mul, others, deviations))
    return min(1.0, max(0.0, product / math.sqrt(energy * other_energy)))


def _centred(levels: Sequence[float]) -> tuple[Sequence[float], float]:
    """Return the deviations from the mean and the sum of their squares; 0 for a steady level."""
    mean = sum(levels) / len(levels)
    deviations = [level - mean for level in levels]
    energy = sum(map(mul, deviations, deviations))
    return deviations, energy if energy >= len(levels) * LEAST_SPREAD_DB**2 else 0.0
