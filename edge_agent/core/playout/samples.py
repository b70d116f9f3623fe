"""Arithmetic on mono samples, signed 16 bit: what playout needs of it, in C where it counts."""

from __future__ import annotations

import audioop
import math
from array import array

from edge_agent.core.pcm import SAMPLE_BYTES

AUDIBLE_DBFS = -50.0
"""A peak above this is sound: 30 dB below a voice at its usual -20 dBFS, well above a codec's own noise."""

AUDIBLE_PEAK = round(32_768 * 10 ** (AUDIBLE_DBFS / 20))

CROSS_FADE_SAMPLES = 240
"""5 ms: longer than a click, shorter than a pitch period of most voices."""

SHORTEST_LAG_SAMPLES = 120
"""2.5 ms, the pitch of a high voice (400 Hz)."""

LONGEST_LAG_SAMPLES = 720
"""15 ms, the pitch of a very low one (67 Hz); WebRTC's NetEQ searches the same range."""

COMPARED_SAMPLES = 480
"""10 ms: how much of the sound has to be alike."""

_DECIMATION = 4
"""The search compares every fourth sample: pitch lies far below 6 kHz, and it costs a sixteenth."""

_ABOUT_AS_ALIKE = 0.05
"""What a longer lag may be less alike: one correction by two periods is less to hear than two."""

SEARCHED_SAMPLES = LONGEST_LAG_SAMPLES + COMPARED_SAMPLES
"""What :func:`repetition` looks at: 25 ms."""


REJOINED_SAMPLES = 2 * COMPARED_SAMPLES
"""20 ms: what :func:`rejoined` looks at, 10 ms of it for the place where to leave."""


REPLACED_SEARCH_SAMPLES = 240
"""5 ms: how far from where it should be :func:`replaced` looks for a place to join."""


def peak(pcm: bytes) -> int:
    """Return the greatest magnitude, 0 to 32 768."""
    return audioop.max(pcm, SAMPLE_BYTES)


def is_audible(pcm: bytes) -> bool:
    """Return whether a person would hear it."""
    return peak(pcm) > AUDIBLE_PEAK


def repetition(pcm: bytes, longest_lag_samples: int) -> tuple[int, float]:
    """Return after how many samples the beginning of ``pcm`` comes nearly again, and how nearly.

    ``pcm`` holds SEARCHED_SAMPLES at least. The lag lies between SHORTEST_LAG_SAMPLES and the lesser of
    ``longest_lag_samples`` and LONGEST_LAG_SAMPLES; the likeness is the normalised correlation, -1 to 1. Of
    pitch periods as many are taken as are about as alike as one.
    """
    coarse = array("h", pcm)[::_DECIMATION]
    shortest, compared = SHORTEST_LAG_SAMPLES // _DECIMATION, COMPARED_SAMPLES // _DECIMATION
    longest = max(shortest, min(LONGEST_LAG_SAMPLES, longest_lag_samples) // _DECIMATION)
    pattern = coarse[:compared].tobytes()
    offset, _ = audioop.findfit(coarse[shortest : longest + compared].tobytes(), pattern)
    period = shortest + offset  # half a period of a pure tone, which is as alike, but upside down
    lag, likeness = 0, -math.inf
    for multiple in range(period, longest + 1, period):
        alike = _likeness(pattern, coarse[multiple : multiple + compared].tobytes())
        if alike > likeness - _ABOUT_AS_ALIKE:
            lag, likeness = multiple, alike
    return lag * _DECIMATION, likeness


def splice(pcm: bytes, leave_samples: int, join_samples: int) -> bytes:
    """Return ``pcm`` with a cross-fade from ``leave_samples`` to ``join_samples``, and all that follows that.

    A join that lies later shortens the sound, an earlier one lengthens it. CROSS_FADE_SAMPLES have to follow
    on both.
    """
    leave, join = leave_samples * SAMPLE_BYTES, join_samples * SAMPLE_BYTES
    fade_bytes = CROSS_FADE_SAMPLES * SAMPLE_BYTES
    faded = cross_fade(pcm[leave : leave + fade_bytes], pcm[join : join + fade_bytes])
    return pcm[:leave] + faded + pcm[join + fade_bytes :]


def rejoined(made_up: bytes, pcm: bytes) -> tuple[bytes, int]:
    """Return ``pcm`` as it goes on from the beginning of ``made_up``, and how many samples come before it.

    ``made_up`` holds REJOINED_SAMPLES; it is left where the two are most alike.
    """
    compared = min(COMPARED_SAMPLES * SAMPLE_BYTES, len(pcm))
    leave_samples, _ = audioop.findfit(made_up, pcm[:compared])
    leave, fade_bytes = leave_samples * SAMPLE_BYTES, min(CROSS_FADE_SAMPLES * SAMPLE_BYTES, len(pcm))
    faded = cross_fade(made_up[leave : leave + fade_bytes], pcm[:fade_bytes])
    return made_up[:leave] + faded + pcm[fade_bytes:], leave_samples


def replaced(made_up: bytes, pcm: bytes, samples: int) -> bytes:
    """Return ``pcm`` from about ``samples`` on, as it goes on from the beginning of ``made_up``.

    It is joined where the two are most alike, REPLACED_SEARCH_SAMPLES before or behind at most.
    """
    length = len(pcm) // SAMPLE_BYTES
    first = max(0, samples - REPLACED_SEARCH_SAMPLES)
    last = min(samples + REPLACED_SEARCH_SAMPLES, length - CROSS_FADE_SAMPLES)
    join_samples = samples
    if first <= last:
        compared = min(COMPARED_SAMPLES, length - last)
        searched = pcm[first * SAMPLE_BYTES : (last + compared) * SAMPLE_BYTES]
        offset, _ = audioop.findfit(searched, made_up[: compared * SAMPLE_BYTES])
        join_samples = first + offset
    rest = pcm[join_samples * SAMPLE_BYTES :]
    fade_bytes = min(CROSS_FADE_SAMPLES * SAMPLE_BYTES, len(rest))
    return cross_fade(made_up[:fade_bytes], rest[:fade_bytes]) + rest[fade_bytes:]


def cross_fade(old: bytes, new: bytes) -> bytes:
    """Return as many samples as both have, beginning like ``old`` and ending like ``new``."""
    faded, after = array("h", old), array("h", new)
    length = len(faded)
    for at, sample in enumerate(after):
        faded[at] = (faded[at] * (length - at) + sample * at) // length
    return faded.tobytes()


def fade_to_silence(pcm: bytes) -> bytes:
    """Return ``pcm`` falling to nothing towards its end."""
    return cross_fade(pcm, bytes(len(pcm)))


def mirrored(pcm: bytes, samples: int) -> bytes:
    """Return the last ``samples`` of ``pcm`` backwards: they go on from it without a step."""
    return audioop.reverse(pcm[-samples * SAMPLE_BYTES :], SAMPLE_BYTES)


def _likeness(one: bytes, other: bytes) -> float:
    """The normalised correlation: the geometric mean of both regression factors, with their sign."""
    if not audioop.max(one, SAMPLE_BYTES) or not audioop.max(other, SAMPLE_BYTES):
        return 0.0
    forward, backward = audioop.findfactor(one, other), audioop.findfactor(other, one)
    return float(max(0.0, forward * backward) ** 0.5 * (1 if forward > 0 else -1))
