"""Whether what the microphone hears is the loudspeaker: the same sounds in the same order, and their end.

Levels can't tell: two voices that begin at about the same time rise and fall together. So spectra are
compared, period by period: which of BANDS_HZ stand out from the others. In an echo they are those of what was
played a constant time before; how a room colours them is the same all the time and is left out. And an echo
ends with the loudspeaker: a voice that goes on is a person's.
"""

from __future__ import annotations

import audioop
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from operator import mul

from edge_agent.core.pcm import PERIOD_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE_HZ

WINDOW_PERIODS = 200
"""2 s: what was heard before a server noticed it, and what of it went on when the loudspeaker was stopped."""

LONGEST_LAG_PERIODS = 50
"""500 ms between playing and hearing: two device buffers and a room, with a sound server between."""

RING_PERIODS = 15
"""A room goes on for 150 ms after the loudspeaker, as loud as counts here."""

LEAST_PERIODS = 10
"""Less common sound than 100 ms is no evidence: a server's voice detection takes as long."""

LEAST_SPREAD = 0.1
"""Nepers by which a band must vary to say something; it varies by one or two in speech."""

BANDS_HZ = (300, 400, 500, 650, 850, 1_100, 1_400, 1_800, 2_300, 2_900, 3_500)
"""Where vowels differ. More bands, or a higher floor under them, told echo and person apart less clearly."""

STRIDE = 6
"""Every sixth sample, 8 kHz, is looked at. What folds down from above does so in both sounds alike."""

LOUD_DBFS = -54.0
"""What is quieter is not compared: below it servers hear no voice, and rooms have their noise."""

ECHO_LIKENESS = 0.48
"""From here on the microphone hears the loudspeaker. Measured 0.7 s after servers' events, in conversations
with flite's voices over virtual cards with a room, while the loudspeaker was stopped: 18 echoes that nobody
cancels 0.53 to 0.94, 5 leaks of AEC3 after gaps in the sound 0 to 0.61 (one below 0.54), 21 persons who
began 0 to 2 s after the answer 0 to 0.41."""

_SAMPLES = PERIOD_SAMPLES // STRIDE
_LOUD = round(32_768 * 10 ** (LOUD_DBFS / 20))
_FLOOR = 1_000.0
"""Added to a band's power: next to nothing, so that the logarithm exists."""

Shape = list[float]


def _waves(hz: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return cosine and sine of one band, under a Hann window of one period."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * (at + 0.5) / _SAMPLES) for at in range(_SAMPLES)]
    angles = [2 * math.pi * hz * STRIDE * at / SAMPLE_RATE_HZ for at in range(_SAMPLES)]
    cosine = tuple(map(mul, window, map(math.cos, angles)))
    return cosine, tuple(map(mul, window, map(math.sin, angles)))


_WAVES = tuple(_waves(hz) for hz in BANDS_HZ)


def likeness(played: bytes, heard: bytes) -> float:
    """Return how much of ``heard`` is what was ``played``: 0 nothing, 1 everything.

    Both are 48 kHz mono, s16, and end at about the same time; of what was heard the last WINDOW_PERIODS
    count, of what was played LONGEST_LAG_PERIODS more.

    The greatest product, over lags of 0 to LONGEST_LAG_PERIODS, of the correlation of both spectra and the
    share of what was heard while it can have been an echo. 0 while there is less than WINDOW_PERIODS, or
    less than LEAST_PERIODS in common. Takes 15 ms on a PC, by which sounds that are loud all the time double.
    """
    near = _periods(heard, WINDOW_PERIODS)
    far = _periods(played, WINDOW_PERIODS + LONGEST_LAG_PERIODS)
    if len(near) < WINDOW_PERIODS:
        return 0.0
    ear, mouth = _Spectra.of(near), _Spectra.of(far)
    ends = range(len(far), WINDOW_PERIODS - 1, -1)
    return max((_likeness_at(mouth.window(end), ear) for end in ends), default=0.0)


@dataclass(frozen=True, slots=True)
class _Spectra:
    """A sound, period by period: its power, its spectrum's shape (None: too quiet), if its echo may ring."""

    powers: Sequence[int]
    shapes: Sequence[Shape | None]
    rings: Sequence[bool]

    @classmethod
    def of(cls, periods: Sequence[bytes]) -> _Spectra:
        magnitudes = [audioop.rms(period, SAMPLE_BYTES) for period in periods]
        is_loud = [magnitude >= _LOUD for magnitude in magnitudes]
        shapes = [_shape(period) if loud else None for period, loud in zip(periods, is_loud, strict=True)]
        rings = [any(is_loud[max(0, at - RING_PERIODS) : at + 1]) for at in range(len(is_loud))]
        powers = [magnitude**2 if loud else 0 for magnitude, loud in zip(magnitudes, is_loud, strict=True)]
        return cls(powers, _without_colour(shapes), rings)

    def window(self, end: int) -> _Spectra:
        """Return the WINDOW_PERIODS before ``end``."""
        begin = end - WINDOW_PERIODS
        return _Spectra(self.powers[begin:end], self.shapes[begin:end], self.rings[begin:end])


def _likeness_at(mouth: _Spectra, ear: _Spectra) -> float:
    common = [(one, other) for one, other in zip(mouth.shapes, ear.shapes, strict=True) if one and other]
    if len(common) < LEAST_PERIODS:
        return 0.0
    product = sum(sum(map(mul, one, other)) for one, other in common)
    mouth_energy = sum(sum(map(mul, shape, shape)) for shape, _ in common)
    ear_energy = sum(sum(map(mul, shape, shape)) for _, shape in common)
    if min(mouth_energy, ear_energy) < LEAST_SPREAD**2 * len(common) * len(BANDS_HZ):
        return 0.0
    correlation = product / math.sqrt(mouth_energy * ear_energy)
    share = sum(compress(ear.powers, mouth.rings)) / sum(ear.powers)
    return min(1.0, max(0.0, correlation * share))


def _periods(pcm: bytes, limit_periods: int) -> Sequence[bytes]:
    """Return the last whole periods of a sound up to its end, a sixth of the samples of each."""
    samples = memoryview(pcm).cast("h")
    count = min(limit_periods, len(samples) // PERIOD_SAMPLES)
    begins = range(len(samples) - count * PERIOD_SAMPLES, len(samples), PERIOD_SAMPLES)
    return [samples[at : at + PERIOD_SAMPLES : STRIDE].tobytes() for at in begins]


def _shape(period: bytes) -> Shape:
    """Return how much each band is above or below their mean, in nepers of power."""
    samples = array("h", period)
    levels = [
        math.log(sum(map(mul, cosine, samples)) ** 2 + sum(map(mul, sine, samples)) ** 2 + _FLOOR)
        for cosine, sine in _WAVES
    ]
    mean = sum(levels) / len(levels)
    return [level - mean for level in levels]


def _without_colour(shapes: Sequence[Shape | None]) -> Sequence[Shape | None]:
    """Subtract from every shape what is the same in all of them."""
    present = [shape for shape in shapes if shape is not None]
    means = [sum(levels) / len(levels) for levels in zip(*present, strict=True)]
    return [
        None if shape is None else [level - mean for level, mean in zip(shape, means, strict=True)]
        for shape in shapes
    ]
