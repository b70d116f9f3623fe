"""What came out of a stack against what went in: delay, holes and alignment. Pure arithmetic on samples.

The method is one for all stacks. A stack's blocks are laid on a time axis as a sound device would play them.
Windows of that axis are looked for in the clean sound by normalised cross-correlation, which tells which
sample is played when; its delay is that moment less the moment at which the sender handed over the packet
with that sample, less the sample's place in the packet. So 0 is: played as soon as it was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate, resample_poly

from edge_agent.bench.impairments import PACKET_SAMPLES
from edge_agent.core.pcm import SAMPLE_RATE_HZ

RATE_HZ = 16_000
"""All comparing is done at this rate, PESQ's: the speech has nothing above 8 kHz."""

DECIMATION = SAMPLE_RATE_HZ // RATE_HZ

SLACK_S = 0.040
"""A block that comes less than this late continues the one before: any device's buffer bridges it."""

WINDOW_S = 0.160
"""Long enough to hold several sounds, so that one period of a vowel is not taken for the next."""

HOP_S = 0.040
SEARCH_S = 1.0
"""Largest delay that is found; stock aiortc's worst is 0.3 s."""

STRAY_S = 0.050
"""A window that differs from both of its neighbours by more, while they agree, has been found in another,
similar word."""

ALIKE = 0.75
"""Least correlation of a window that counts: what is concealed or stretched inside it lowers it."""

AUDIBLE_DBFS = -50.0
HOLE_DBFS = -65.0
"""A frame of output below this is a hole where the clean sound is audible: 39 dB below active speech."""

FRAME_S = 0.005

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Block:
    """One callback of a stack: it begins to play at ``at_s`` (monotonic)."""

    at_s: float
    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a listener hears from ``begins_s`` on: RATE_HZ, full scale 1.0, silence where nothing came."""

    begins_s: float
    samples: Samples
    lateness_s: Samples
    """For every FRAME_S, how much later its block came than its place on the axis: 0 to SLACK_S."""


@dataclass(frozen=True, slots=True)
class DelayAt:
    """At ``clean_s`` of the clean sound the delay is ``delay_s``; ``axis_s`` of it is seen on the time axis,
    the rest is how much later its block came than its place there."""

    clean_s: float
    delay_s: float
    axis_s: float


def timeline_of(blocks: Sequence[Block]) -> Timeline:
    """Lay blocks on the time axis: gaps become silence, what is early waits. Raises ValueError for none."""
    if not blocks:
        raise ValueError("blocks: expected at least one, got none")
    parts: list[NDArray[np.int16]] = []
    late_s: list[NDArray[np.float64]] = []
    begins_s: float | None = None
    ends_s = 0.0
    for run in _runs(blocks):
        starts_s = run[0].at_s
        if begins_s is None:
            begins_s = ends_s = starts_s = _start_of(run)
        silence = np.zeros(max(0, round((starts_s - ends_s) * SAMPLE_RATE_HZ)), np.int16)
        parts.append(silence)
        late_s.append(np.zeros(len(silence)))
        ends_s += len(silence) / SAMPLE_RATE_HZ
        for block in run:
            parts.append(block.samples)
            late_s.append(np.full(len(block.samples), max(0.0, block.at_s - ends_s)))
            ends_s += len(block.samples) / SAMPLE_RATE_HZ
    assert begins_s is not None
    samples = at_comparing_rate(np.concatenate(parts))
    return Timeline(begins_s, samples, np.concatenate(late_s)[:: round(FRAME_S * SAMPLE_RATE_HZ)])


def _runs(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield the blocks that a device plays without a hole."""
    run: list[Block] = []
    ends_s = blocks[0].at_s
    for block in blocks:
        if block.at_s - ends_s > SLACK_S:
            yield run
            run, ends_s = [], block.at_s
        run.append(block)
        ends_s += len(block.samples) / SAMPLE_RATE_HZ
    yield run


def _start_of(run: Sequence[Block]) -> float:
    """Return when the first run begins: with its first block, or a bit earlier if that one came late."""
    before_s = np.cumsum([0.0, *(len(block.samples) / SAMPLE_RATE_HZ for block in run[:-1])])
    usual_s = float(np.median([block.at_s for block in run] - before_s))
    return min(run[0].at_s, max(usual_s, run[0].at_s - SLACK_S))


def at_comparing_rate(pcm_48k: NDArray[np.int16]) -> Samples:
    """Return 48 kHz PCM at RATE_HZ, full scale 1.0."""
    resampled: Samples = resample_poly(pcm_48k.astype(np.float64) / 32768, 1, DECIMATION)
    return resampled


def delays(
    timeline: Timeline, clean: Samples, sent_at_s: Sequence[float], hop_s: float = HOP_S
) -> list[DelayAt]:
    """Return the delay of every window of the timeline, one each ``hop_s``, that is found in ``clean``.

    ``clean`` is the undisturbed sound at RATE_HZ on the sender's time axis, one packet for each entry of
    ``sent_at_s`` (pauses of the sender are silence in it, with a moment for each packet that was not sent).
    """
    window, hop = round(WINDOW_S * RATE_HZ), round(hop_s * RATE_HZ)
    search = round(SEARCH_S * RATE_HZ)
    packet = PACKET_SAMPLES // DECIMATION
    offset_s = timeline.begins_s - sent_at_s[0]
    found: list[DelayAt] = []
    for start in range(0, len(timeline.samples) - window, hop):
        heard = timeline.samples[start : start + window]
        newest = round((start / RATE_HZ + offset_s) * RATE_HZ) + window // 4
        oldest = max(0, newest - search)
        place = _find(heard, clean[oldest : max(0, newest + window)])
        if place is None:
            continue
        middle = oldest + place + window // 2
        index, within = divmod(middle, packet)
        if index >= len(sent_at_s):
            continue
        played_s = timeline.begins_s + (start + window // 2) / RATE_HZ
        frame = round((start + window // 2) / RATE_HZ / FRAME_S)
        late_s = float(timeline.lateness_s[min(frame, len(timeline.lateness_s) - 1)])
        delay_s = played_s + late_s - within / RATE_HZ - sent_at_s[index]
        found.append(DelayAt(middle / RATE_HZ, delay_s, played_s - middle / RATE_HZ - sent_at_s[0]))
    return _without_strays(found)


def _without_strays(track: list[DelayAt]) -> list[DelayAt]:
    """Drop windows that were found in another, similar word: sound goes on, it never jumps back."""
    kept: list[DelayAt] = []
    for index, at in enumerate(track):
        if kept and at.clean_s < kept[-1].clean_s - STRAY_S:
            continue
        around = track[max(0, index - 1) : index] + track[index + 1 : index + 2]
        lags_s = [other.delay_s for other in around]
        agree = bool(lags_s) and max(lags_s) - min(lags_s) <= STRAY_S
        if not agree or min(abs(at.delay_s - lag_s) for lag_s in lags_s) <= STRAY_S:
            kept.append(at)
    return kept


def _find(heard: Samples, clean: Samples) -> int | None:
    """Return where in ``clean`` the window is, or None if it is nowhere for sure."""
    energy = float(np.sum(heard**2))
    if energy < len(heard) * 10 ** (AUDIBLE_DBFS / 10) or len(clean) < len(heard):
        return None
    products = correlate(clean, heard, mode="valid", method="fft")
    sums = np.concatenate(([0.0], np.cumsum(clean**2)))
    energies = sums[len(heard) :] - sums[: -len(heard)]
    alike = products / np.sqrt(np.maximum(energies, energy / 100) * energy)
    best = int(np.argmax(alike))
    return best if alike[best] >= ALIKE else None


def found_later_s(timeline: Timeline, sound: Samples, due_s: float, within_s: float) -> float | None:
    """Return how much later than ``due_s`` (monotonic) a piece of clean sound is heard; None if it is not."""
    first = round((due_s - timeline.begins_s) * RATE_HZ)
    place = _find(sound, _cut(timeline.samples, first, round(within_s * RATE_HZ)))
    return None if place is None else place / RATE_HZ


def nearest(track: Sequence[DelayAt], clean_s: float) -> DelayAt:
    """Return what was measured nearest to a moment. Raises ValueError for an empty track."""
    return min(track, key=lambda at: abs(at.clean_s - clean_s))


def longest_hole_s(
    timeline: Timeline, clean: Samples, track: Sequence[DelayAt], sent_from_s: float, from_s: float
) -> float:
    """Return the longest silence in the output while the clean sound, as late as it is there, is audible.

    ``sent_from_s`` is the moment of the first sample of ``clean``; what lies before ``from_s`` of it does not
    count.
    """
    frame = round(FRAME_S * RATE_HZ)
    shift_s = timeline.begins_s - sent_from_s
    count = len(timeline.samples) // frame
    heard = _levels(timeline.samples, frame)
    meant = _levels(clean, frame)
    at_s = np.array([at.clean_s + at.axis_s for at in track])
    lags_s = np.interp(np.arange(count) * FRAME_S + shift_s, at_s, np.array([at.axis_s for at in track]))
    places = np.round((np.arange(count) * FRAME_S + shift_s - lags_s) / FRAME_S).astype(int)
    inside = (places >= round(from_s / FRAME_S)) & (places < len(meant))
    audible = np.zeros(count, bool)
    audible[inside] = meant[places[inside]] > AUDIBLE_DBFS
    return longest_run(audible & (heard[:count] < HOLE_DBFS)) * FRAME_S


def longest_run(flags: NDArray[np.bool_]) -> int:
    """Return the length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def aligned(
    timeline: Timeline,
    track: Sequence[DelayAt],
    sent_from_s: float,
    span_s: tuple[float, float],
    step_s: float,
) -> Samples:
    """Return the output that belongs to a span of the clean sound, cut in steps, each at the delay it has."""
    parts = []
    start_s = span_s[0]
    while start_s < span_s[1] - 1e-9:
        end_s = min(start_s + step_s, span_s[1])
        lag_s = nearest(track, (start_s + end_s) / 2).axis_s
        first = round((sent_from_s + start_s + lag_s - timeline.begins_s) * RATE_HZ)
        parts.append(_cut(timeline.samples, first, round((end_s - start_s) * RATE_HZ)))
        start_s = end_s
    return np.concatenate(parts)


def _cut(samples: Samples, first: int, count: int) -> Samples:
    """Return ``count`` samples from ``first`` on; silence outside."""
    cut = np.zeros(count)
    start, end = max(0, first), min(len(samples), first + count)
    if end > start:
        cut[start - first : end - first] = samples[start:end]
    return cut


def _levels(samples: Samples, frame: int) -> NDArray[np.float64]:
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    levels: NDArray[np.float64] = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    return levels
