"""Whether somebody speaks in the room: enough to wake for, judged on the device itself and cheaply.

Louder than what the room has been like lately, and made of waves as slow as a voice's. It may be wrong once
for a new noise, never for long: what goes on becomes the room. Whoever is woken by it listens better.
"""

from __future__ import annotations

import audioop
import math
from collections import deque

from edge_agent.core.pcm import SAMPLE_BYTES

LEAST_DBFS = -50.0
"""What is softer is too far away to be talking to the device. Speech at arm's length is at -40 and above."""

ABOVE_FLOOR_DB = 9.0
"""How far a voice stands out of the room's noise, in RMS."""

CROSSINGS = range(3, 61)
"""How often voiced sound crosses zero in a period of 10 ms: below is hum, above hiss (white noise: 240)."""

WINDOW_PERIODS = 40
ENOUGH_PERIODS = 10
"""So many periods of voice within so many. Measured with 20 utterances of four voices of flite at -35 dBFS,
in quiet, hum, hiss and fans at -45 to -60: 117 of 120 were noticed, 0.4 s after they began (median; 0.56 s
at most). Of 18 noises at -25 to -45 dBFS that begin all of a sudden none was a voice after 5 s; of 14 periods
115 were noticed, 8 made noises voices more often. webrtcvad noticed all 120, 0.1 s sooner, but went on to
hear voices in loud noise (30 times a minute), and costs a library."""

FLOOR_PIECE_PERIODS = 10
FLOOR_PIECES = 20
"""The room's noise is the softest tenth of a second of the last two: speech pauses within as long."""

_LEAST = 32_768 * 10 ** (LEAST_DBFS / 20)
_RATIO = 10 ** (ABOVE_FLOOR_DB / 20)


class VoiceActivity:
    """Hears one period of 10 ms at a time. Fed by one thread."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=WINDOW_PERIODS)
        self._piece: list[int] = []
        self._pieces: deque[float] = deque(maxlen=FLOOR_PIECES)

    def reset(self) -> None:
        """Forget the voice, not the room."""
        self._recent.clear()

    def feed(self, block: bytes) -> bool:
        """Take a period of mono s16 at 48 kHz; returns whether somebody speaks."""
        level = audioop.rms(block, SAMPLE_BYTES)
        is_loud = level > max(_LEAST, self._floor * _RATIO)
        self._recent.append(is_loud and audioop.cross(block, SAMPLE_BYTES) in CROSSINGS)
        self._learn(level)
        return sum(self._recent) >= ENOUGH_PERIODS

    @property
    def _floor(self) -> float:
        return min(self._pieces, default=math.inf)  # in a room that it does not know yet nothing is loud

    def _learn(self, level: int) -> None:
        self._piece.append(level)
        if len(self._piece) == FLOOR_PIECE_PERIODS:
            self._pieces.append(math.sqrt(sum(each * each for each in self._piece) / FLOOR_PIECE_PERIODS))
            self._piece.clear()
