"""Making sound louder or softer: without a click, and with a limiter."""

from __future__ import annotations

import audioop

from edge_agent.core.pcm import FADE_SAMPLES, SAMPLE_BYTES, SILENCE
from edge_agent.core.playout.samples import peak

CEILING = 29_204
"""-1 dBFS: what a limiter leaves for a loudspeaker's amplifier and for a resampler's overshoot."""

RELEASE_PER_BLOCK = 10.0 ** (0.4 / 20.0)
"""How fast the limiter lets go: 40 dB/s (0.4 dB in 10 ms), so a word pumps no louder within itself."""

PIECE_SAMPLES = 24
"""A change of gain is made in stairs of 0.5 ms over FADE_SAMPLES, each of a tenth of it."""

_PIECE_BYTES = PIECE_SAMPLES * SAMPLE_BYTES
_STAIRS = FADE_SAMPLES // PIECE_SAMPLES


class Gain:
    """A factor for the amplitude of a stream of mono s16 blocks.

    Above 1.0 a limiter holds the peaks at CEILING. It looks no further ahead than the block itself: an attack
    takes FADE_SAMPLES, in which samples may stick at full scale; they never wrap around. ``set`` is for any
    thread, as is ``set_ducking``; ``apply`` for one.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self._wanted = gain
        self._ducking = 1.0
        self._gain = gain
        self._reduction = 1.0

    @property
    def wanted(self) -> float:
        """What was set last."""
        return self._wanted

    def set(self, gain: float) -> None:
        """Change the factor, from the next block on."""
        self._wanted = gain

    def set_ducking(self, gain: float) -> None:
        """Multiply with another factor, 0 to 1, from the next block on: softer for a moment."""
        self._ducking = gain

    def apply(self, block: bytes) -> bytes:
        """Return a block as loud as it should be; the very same object where nothing is to be done."""
        wanted = self._wanted * self._ducking
        if block is SILENCE:
            self._gain, self._reduction = wanted, 1.0
            return block
        before, self._gain = self._gain, self._limited(wanted, block)
        if self._gain != before:
            return _changing(block, before, self._gain)
        return block if self._gain == 1.0 else audioop.mul(block, SAMPLE_BYTES, self._gain)

    def _limited(self, wanted: float, block: bytes) -> float:
        if wanted <= 1.0:
            self._reduction = 1.0
            return wanted
        allowed = CEILING / max(1.0, wanted * peak(block))
        self._reduction = min(1.0, allowed, self._reduction * RELEASE_PER_BLOCK)
        return wanted * self._reduction


def _changing(block: bytes, before: float, after: float) -> bytes:
    """Go from one gain to another in stairs."""
    stairs = [before + (after - before) * (stair + 1) / _STAIRS for stair in range(_STAIRS)]
    changing = b"".join(
        audioop.mul(block[at * _PIECE_BYTES : (at + 1) * _PIECE_BYTES], SAMPLE_BYTES, gain)
        for at, gain in enumerate(stairs)
    )
    return changing + audioop.mul(block[_STAIRS * _PIECE_BYTES :], SAMPLE_BYTES, after)
