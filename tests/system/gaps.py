"""What is missing of a sound that was said where it was heard. Pure arithmetic.

Both are 16-bit samples of a voice at RATE_HZ. What lies between them may be a codec, another level, and a
playout that shortens and lengthens by pitch periods: for each packet the place where it was heard is looked
for anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE_HZ = 16_000
PACKET_SAMPLES = RATE_HZ // 50
"""20 ms."""

STRETCH = 8
"""Packets within which a change of the delay counts as one: the windows that have to do with it."""

SLOT_SAMPLES = RATE_HZ // 200
"""5 ms: a pitch period of a high voice, and what a gap is measured in."""

WINDOW_SAMPLES = 6 * PACKET_SAMPLES
"""What is looked for: 120 ms around a packet. Shorter, and a vowel is like itself in many places."""

REACH_SAMPLES = RATE_HZ // 5
"""A packet is looked for so far from where the whole answer was found."""

CHANGE_COST = 0.4 / PACKET_SAMPLES
"""What a change of the delay has to gain in likeness, summed over packets, for each sample: a vowel is nearly
as like itself one pitch period later (0.01 less)."""

LOUD = 300.0
"""Root mean square of a slot that would be missed, -41 dBFS: the faintest consonants of flite are below."""

QUIETER = 0.25
"""Less than this part of its level (-12 dB) and a slot is missing: more than any codec takes away."""

LIKENESS = 0.3
"""Correlation of a window with what was heard of it. Less: it was not heard at all."""


class Gap(NamedTuple):
    """A piece of what was said that is missing, or that it was held up by: how long, and where in what was
    heard, to half a window."""

    length_s: float
    at_s: float


def longest_gap(said: Samples, heard: Samples) -> Gap:
    """Return the longest gap of ``said`` in ``heard``; 0 s long if there is none.

    Only what is loud can be missing. A retiming of a few ms counts as what it is, as a gap of so long.
    """
    first, gain = _whole(said, heard)
    likeness = _likenesses(said * gain, heard, first)
    places = _path(likeness)
    alike = likeness[np.arange(len(places)), places] > LIKENESS
    levels = _levels(said).reshape(-1, PACKET_SAMPLES // SLOT_SAMPLES)
    begins = first + places + np.arange(len(places)) * PACKET_SAMPLES
    loud = levels > LOUD
    missing = loud & ((_levels_at(heard, begins) < QUIETER * gain * levels) | ~alike[:, None])
    sounds = loud.all(axis=1) & alike
    changes = np.abs(places[STRETCH:] - places[:-STRETCH]) * (sounds[STRETCH:] & sounds[:-STRETCH])
    slots, first_slot = _longest_run(missing.ravel())
    if slots * SLOT_SAMPLES >= changes.max(initial=0):
        return Gap(
            slots * SLOT_SAMPLES / RATE_HZ, begins[first_slot * SLOT_SAMPLES // PACKET_SAMPLES] / RATE_HZ
        )
    changed = int(np.argmax(changes)) + STRETCH // 2
    return Gap(int(changes.max()) / RATE_HZ, begins[changed] / RATE_HZ)


def _whole(said: Samples, heard: Samples) -> tuple[int, float]:
    """Return the least delay to be thought of, and how much louder the whole was heard."""
    whole = int(np.argmax(_correlation(heard, said)))
    part = heard[whole : whole + len(said)]
    return whole - REACH_SAMPLES, float(np.sqrt(float(part @ part) / max(float(said @ said), 1.0)))


def _likenesses(said: Samples, heard: Samples, first: int) -> Samples:
    """Return how like each packet of ``said`` is to what was heard, for each delay from ``first`` on."""
    around = np.concatenate((np.zeros(REACH_SAMPLES), heard, np.zeros(REACH_SAMPLES + len(said))))
    found = []
    for at in range(0, len(said) // PACKET_SAMPLES * PACKET_SAMPLES, PACKET_SAMPLES):
        window_at = max(0, min(at - (WINDOW_SAMPLES - PACKET_SAMPLES) // 2, len(said) - WINDOW_SAMPLES))
        window = said[window_at : window_at + WINDOW_SAMPLES]
        begin = first + REACH_SAMPLES + window_at
        found.append(_likeness(around[begin : begin + 2 * REACH_SAMPLES + len(window)], window))
    return np.array(found)


def _path(likeness: Samples) -> NDArray[np.intp]:
    """Return the delays, one for each packet, that are likest altogether with the least change (Viterbi)."""
    score, came_from = likeness[0], []
    here = np.arange(len(score))
    for packet in likeness[1:]:
        rising, from_below = _best_so_far(score + CHANGE_COST * here)
        falling, from_above = (found[::-1] for found in _best_so_far((score - CHANGE_COST * here)[::-1]))
        below, above = rising - CHANGE_COST * here, falling + CHANGE_COST * here
        came_from.append(np.where(below >= above, from_below, len(score) - 1 - from_above))
        score = packet + np.maximum(below, above)
    path = [int(np.argmax(score))]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1]]))
    return np.array(path[::-1])


def _best_so_far(score: Samples) -> tuple[Samples, NDArray[np.intp]]:
    best = np.maximum.accumulate(score)
    return best, np.maximum.accumulate(np.where(score == best, np.arange(len(score)), 0))


def _correlation(heard: Samples, said: Samples) -> Samples:
    """Return the correlation for each place in ``heard``; what lies behind its end is silence."""
    size = 1 << (len(heard) + len(said) - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size))
    return np.fft.irfft(spectrum, size)[: len(heard)]


def _likeness(heard: Samples, window: Samples) -> Samples:
    """Return the same for each place where the window fits in: 1 for itself, less for what is fainter."""
    energies = np.cumsum(np.concatenate(([0.0], heard**2)))
    wanted = max(float(window @ window), 1.0)
    energy = np.maximum(energies[len(window) :] - energies[: -len(window)], wanted)
    return np.asarray(_correlation(heard, window)[: len(energy)] / np.sqrt(energy * wanted))


def _levels(sound: Samples) -> Samples:
    """Return the root mean square of each slot of the whole packets."""
    packets = sound[: len(sound) // PACKET_SAMPLES * PACKET_SAMPLES]
    return np.asarray(np.sqrt((packets.reshape(-1, SLOT_SAMPLES) ** 2).mean(axis=1)))


def _levels_at(heard: Samples, begins: NDArray[np.intp]) -> Samples:
    silence = max(0, int(begins.max(initial=0)) - len(heard)) + PACKET_SAMPLES
    padded = np.concatenate((heard, np.zeros(silence)))
    return np.array([_levels(padded[begin : begin + PACKET_SAMPLES]) for begin in np.maximum(begins, 0)])


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how long it is and where it begins; 0 and 0 if nothing is set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(int), [0]))))
    if not len(edges):
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    longest = int(np.argmax(lengths))
    return int(lengths[longest]), int(edges[2 * longest])
