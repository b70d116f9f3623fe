"""The device's own sounds: a few short notes each, made by arithmetic.

Every note's period is a whole number of samples, so that one period is computed and repeated: a small board
has nothing to wait for.
"""

from __future__ import annotations

import audioop
import functools
import math
from array import array
from dataclasses import dataclass

from edge_agent.core.commands import Earcon
from edge_agent.core.pcm import SAMPLE_BYTES, SAMPLE_RATE_HZ

PEAK = 4_125
"""-18 dBFS: a little softer than a voice, which peaks at -15 to -10, and 30 dB above a quiet room."""

ATTACK_S = 0.010
"""How long a note swells: shorter clicks, longer sounds late."""

DECAY_S = 0.060
"""How fast a note fades, to a third of its amplitude: a struck bar's, not an organ's."""

RELEASE_S = 0.010
"""The end of a note goes to nothing, so that cutting it off does not click."""

STAIR_SAMPLES = 24
"""The envelope changes every 0.5 ms, by a tenth of the peak at most."""


@dataclass(frozen=True, slots=True)
class Note:
    """A tone of 48 kHz divided by ``period_samples``, or a rest if that is 0, for ``duration_s``."""

    period_samples: int
    duration_s: float


LOW, THIRD, FOURTH, FIFTH, OCTAVE = 96, 80, 72, 64, 48
"""500 Hz and what is a minor third (6:5), a fourth, a fifth and an octave above it: all within what the small
loudspeaker of a device can do, and no interval needs a rounded period."""

NOTES: dict[Earcon, tuple[Note, ...]] = {
    Earcon.AWAKE: (Note(FIFTH, 0.07), Note(OCTAVE, 0.13)),
    Earcon.ASLEEP: (Note(OCTAVE, 0.07), Note(FIFTH, 0.13)),
    Earcon.NOT_HEARD: (Note(FOURTH, 0.08), Note(0, 0.04), Note(FOURTH, 0.12)),
    Earcon.BUDGET: (Note(OCTAVE, 0.10), Note(FOURTH, 0.10), Note(LOW, 0.20)),
    Earcon.ERROR: (Note(THIRD, 0.12), Note(0, 0.04), Note(LOW, 0.24)),
}
"""Up: it is your turn. Down: it is over. Twice the same: once more, please. Short: awake has to be through
before the person's next word is."""


@functools.cache
def sound_of(earcon: Earcon) -> bytes:
    """Return an earcon as 48 kHz mono s16."""
    return b"".join(_played(note) for note in NOTES[earcon])


def _played(note: Note) -> bytes:
    samples = round(note.duration_s * SAMPLE_RATE_HZ)
    if not note.period_samples:
        return bytes(samples * SAMPLE_BYTES)
    angle = 2 * math.pi / note.period_samples
    period = array("h", (round(PEAK * math.sin(angle * at)) for at in range(note.period_samples))).tobytes()
    tone = (period * (samples // note.period_samples + 1))[: samples * SAMPLE_BYTES]
    stair_bytes = STAIR_SAMPLES * SAMPLE_BYTES
    return b"".join(
        audioop.mul(tone[at : at + stair_bytes], SAMPLE_BYTES, _strength(at / stair_bytes, samples))
        for at in range(0, len(tone), stair_bytes)
    )


def _strength(stair: float, samples: int) -> float:
    """Return how loud a note of so many samples is on one stair of its envelope, 0 to 1."""
    t_s = stair * STAIR_SAMPLES / SAMPLE_RATE_HZ
    left_s = samples / SAMPLE_RATE_HZ - t_s - STAIR_SAMPLES / SAMPLE_RATE_HZ
    decay = math.exp(-max(0.0, t_s - ATTACK_S) / DECAY_S)
    return min(1.0, t_s / ATTACK_S, left_s / RELEASE_S) * decay
