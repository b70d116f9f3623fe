"""From what a stack played to the figures of one round."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from edge_agent.bench.impairments import LEAD_IN_S, PACKET_S, PACKET_SAMPLES, Case, Schedule
from edge_agent.bench.reception import Reception
from edge_agent.bench.speech import Speech
from edge_agent.bench.timeline import (
    RATE_HZ,
    WINDOW_S,
    DelayAt,
    Samples,
    Timeline,
    aligned,
    at_comparing_rate,
    delays,
    found_later_s,
    longest_hole_s,
    timeline_of,
)

RECOVERED_S = 0.010
"""Back is within one period of the delay before."""

STEP_S = 0.5
"""STOI does not align by itself: it is given the output in pieces of this length, each at its own delay."""


TAIL_S = 0.060
"""The last three packets before a pause: what a buffer that waits for more packets holds back."""

TAIL_LIMIT_S = 3.0
"""A pause and the largest delay: sound that was held back is heard by then."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One stack in one round; None is what could not be measured."""

    delay_median_ms: float | None
    delay_p95_ms: float | None
    delay_after_ms: float | None
    recovery_s: float | None
    tail_ms: float | None
    gap_ms: float | None
    concealed_share: float | None
    lost_share: float
    pesq: float | None
    stoi: float | None
    cpu_share: float
    rss_mib: float
    track: tuple[tuple[float, float], ...] = ()
    """Delay over time, for a plot: seconds since the sender began, milliseconds."""

    def as_dict(self) -> dict[str, float | None]:
        """Return the figures by name, without the track."""
        return {name: value for name, value in asdict(self).items() if name != "track"}


@dataclass(frozen=True, slots=True)
class Axis:
    """The sender's time axis: clean sound at RATE_HZ and a moment of sending for every 20 ms of it."""

    clean: Samples
    sent_at_s: list[float]


def axis_of(speech: Speech, schedule: Schedule, sent_at_s: Sequence[float]) -> Axis:
    """Return the clean sound with the sender's pause as silence in it."""
    frames = speech.clean.reshape(-1, PACKET_SAMPLES)
    at, gap = schedule.pause_at, 0
    if at is not None:
        gap = round((schedule.due_s[at] - schedule.due_s[at - 1]) / PACKET_S) - 1
        frames = np.insert(frames, [at] * gap, 0, axis=0)
        sent_at_s = [
            *sent_at_s[:at],
            *(sent_at_s[at - 1] + PACKET_S * (1 + index) for index in range(gap)),
            *sent_at_s[at:],
        ]
    return Axis(at_comparing_rate(frames.reshape(-1)), list(sent_at_s))


def figures_of(case: Case, speech: Speech, schedule: Schedule, reception: Reception) -> Figures:
    """Measure one reception."""
    if not reception.blocks:
        return _nothing(schedule, reception)
    axis = axis_of(speech, schedule, reception.sent_at_s)
    timeline = timeline_of(reception.blocks)
    span_s = (LEAD_IN_S, len(axis.clean) / RATE_HZ)
    track = [
        at
        for at in delays(timeline, axis.clean, axis.sent_at_s)
        if span_s[0] <= at.clean_s < span_s[1] - WINDOW_S  # what comes after the end was made up by the stack
    ]
    if not track:
        return _nothing(schedule, reception)
    values = np.array([at.delay_s for at in track])
    last_third_s = span_s[1] - (span_s[1] - span_s[0]) / 3
    after = [at.delay_s for at in track if at.clean_s >= last_third_s]
    clean = axis.clean[round(span_s[0] * RATE_HZ) : round(span_s[1] * RATE_HZ)]
    begins_s = axis.sent_at_s[0]
    before_s = float(
        np.median([at.delay_s for at in track if at.clean_s < schedule.disturbed_from_s] or values)
    )
    lag_s = float(
        np.median([at.axis_s for at in track if at.clean_s < schedule.disturbed_from_s] or before_s)
    )
    whole = aligned(timeline, [DelayAt(0.0, before_s, lag_s)], begins_s, span_s, span_s[1] - span_s[0])
    pieces = aligned(timeline, track, begins_s, span_s, STEP_S)
    return Figures(
        delay_median_ms=float(np.median(values)) * 1000,
        delay_p95_ms=float(np.percentile(values, 95)) * 1000,
        delay_after_ms=float(np.median(after)) * 1000 if after else None,
        recovery_s=recovery_s(track, schedule, before_s) if case.recovers else None,
        tail_ms=_tail_ms(timeline, axis, schedule),
        gap_ms=longest_hole_s(timeline, axis.clean, track, begins_s, LEAD_IN_S) * 1000,
        concealed_share=_concealed_share(reception),
        lost_share=schedule.lost_share,
        pesq=pesq_of(clean, whole),
        stoi=stoi_of(clean, pieces),
        cpu_share=reception.cpu_share,
        rss_mib=reception.rss_mib,
        track=tuple((at.clean_s, at.delay_s * 1000) for at in track),
    )


def recovery_s(track: Sequence[DelayAt], schedule: Schedule, before_s: float) -> float | None:
    """Return how long after the disturbance the delay is back for good; None if it never is."""
    ends_s = schedule.disturbed_until_s
    after = [at for at in track if at.clean_s >= ends_s]
    # A single window may be found a pitch period away from where it is.
    steady = []
    for index, at in enumerate(after):
        first = max(0, min(index - 1, len(after) - 3))
        near_s = [near.delay_s for near in after[first : first + 3]]
        steady.append((at.clean_s, float(np.median(near_s))))
    late = [clean_s for clean_s, delay_s in steady if delay_s > before_s + RECOVERED_S]
    later = [clean_s for clean_s, _ in steady if clean_s > max(late, default=-1.0)]
    return max(0.0, min(later) - ends_s) if later else None


def _tail_ms(timeline: Timeline, axis: Axis, schedule: Schedule) -> float | None:
    """Return the delay of the last sound before the sender's pause; None if it is never heard."""
    if schedule.pause_at is None:
        return None
    ends_s = schedule.pause_at * PACKET_S
    sound = axis.clean[round((ends_s - TAIL_S) * RATE_HZ) : round(ends_s * RATE_HZ)]
    due_s = axis.sent_at_s[0] + ends_s - TAIL_S
    late_s = found_later_s(timeline, sound, due_s, TAIL_LIMIT_S)
    return None if late_s is None else late_s * 1000


def _concealed_share(reception: Reception) -> float | None:
    before, after = reception.counters
    if "concealedSamples" not in after:
        return None
    total = after["totalSamplesReceived"] - before["totalSamplesReceived"]
    return (after["concealedSamples"] - before["concealedSamples"]) / total if total else None


def pesq_of(clean: Samples, heard: Samples) -> float | None:
    """Return wideband PESQ (ITU-T P.862.2), 1.0 to 4.64; None if it is not installed or finds no speech."""
    try:
        from pesq import NoUtterancesError, pesq
    except ImportError:
        return None
    try:
        return float(pesq(RATE_HZ, clean, heard, "wb"))
    except NoUtterancesError:
        return None


def stoi_of(clean: Samples, heard: Samples) -> float | None:
    """Return the short-time objective intelligibility (Taal 2011), 0 to 1; None if it is not installed."""
    try:
        from pystoi import stoi
    except ImportError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(stoi(clean, heard, RATE_HZ))


def _nothing(schedule: Schedule, reception: Reception) -> Figures:
    return Figures(
        delay_median_ms=None,
        delay_p95_ms=None,
        delay_after_ms=None,
        recovery_s=None,
        tail_ms=None,
        gap_ms=None,
        concealed_share=None,
        lost_share=schedule.lost_share,
        pesq=None,
        stoi=None,
        cpu_share=reception.cpu_share,
        rss_mib=reception.rss_mib,
    )
