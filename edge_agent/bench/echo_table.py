"""How well the echo is taken out: a table of hard cases, ours beside SpeexDSP and nothing at all.

Blocks take the road that they take in the daemon: written to the loudspeaker on its clock, queued in FarEnd,
taken when the microphone's thread has a block, its thread late by milliseconds now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from edge_agent.audio.aec3 import Aec3
from edge_agent.audio.device import DeviceSettings
from edge_agent.audio.echo import EchoCanceller, NoiseSuppression
from edge_agent.audio.far_end import FarEnd
from edge_agent.bench.echo_scene import LEAD_IN_S, Case, Scene, Signal, make_scene
from edge_agent.bench.speexdsp import SpeexCanceller
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_S, SAMPLE_RATE_HZ

CASES = (
    Case("echo after 40 ms", delay_s=0.040),
    Case("echo after 120 ms", delay_s=0.120),
    Case("clocks 100 ppm apart", delay_s=0.080, ppm=100.0, far_only_s=120.0),
    Case("strong distortion", delay_s=0.080, drive=6.0),
    Case("voice 12 dB below the echo", delay_s=0.080, echo_db=6.0, near_db=-12.0),
)
"""The third is long enough for the loudspeaker to gain a period on the microphone."""

LEARNING_S = 3.0
"""How long a canceller may take to learn the room."""

REQUIRED = {"attenuation_learning_db": 30.0, "near_end_loss_db": 7.0, "separability_db": 25.0}
"""At least, at most, at least; for the first three cases."""

LATEST_S = 0.006
"""How late a thread is at most, by chance; more is what device buffers are for."""

FRAME_S = 0.020
"""Levels are taken over frames of this length."""

ACTIVE_DBFS = -45.0
"""A frame at least this loud sounds."""

RINGING_FRAMES = 3
"""So long after a voice its end may still sound."""

LONGEST_DELAY_S = 0.060


class _Nobody:
    """Leaves the echo in."""

    def process(self, near: bytes, far: bytes) -> bytes:
        return near


STACKS: dict[str, Callable[[], EchoCanceller]] = {
    "edge-agent": lambda: Aec3(NoiseSuppression.NONE),
    "edge-agent with noise suppression": lambda: Aec3(NoiseSuppression.MODERATE),
    "libspeexdsp": SpeexCanceller,
    "none": _Nobody,
}

Row = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Run:
    """What came out of a canceller, what it cost, and how often FarEnd was aligned anew."""

    out: Signal
    cpu_share: float
    alignments: int


def rows(cases: tuple[Case, ...] = CASES) -> list[Row]:
    """Measure every case with every stack; takes about a minute and a half.

    In dB: how much less of the echo is left (while learning, later, in the worst second), how much quieter
    the person becomes, and how far the person stands out of what is left of the echo. What was not measured
    is None: libspeexdsp where it is not installed. Raises EdgeAgentError without flite.
    """
    return [row for case in cases for row in _rows_of(case)]


def _rows_of(case: Case) -> Iterator[Row]:
    scene = make_scene(case)
    for stack, make in STACKS.items():
        name: Row = {"case": case.name, "stack": stack}
        try:
            canceller = make()
        except OSError:
            yield name | _measures(case, scene, None)
        else:
            yield name | _measures(case, scene, converse(case, scene, canceller))


def converse(case: Case, scene: Scene, canceller: EchoCanceller) -> Run:
    """Let a case happen, block by block, in the order in which two threads would do it."""
    far, near = _blocks(scene.far), _blocks(scene.microphone)
    far_end = FarEnd()
    cleaned: list[bytes] = []
    cpu_s = 0.0
    for is_write, number in _calls(case, len(near)):
        if is_write:
            far_end.played(far[number])
            continue
        began_s = time.thread_time()
        cleaned.append(canceller.process(near[number], far_end.take()))
        cpu_s += time.thread_time() - began_s
    return Run(_signal(cleaned), cpu_s / (len(near) * PERIOD_S), far_end.steps)


def _calls(case: Case, count: int) -> list[tuple[bool, int]]:
    """Return the writes and reads in the order of time.

    A block is written when the loudspeaker's buffer wants it, and read when its last sample is there.
    """
    chance = np.random.default_rng(8)
    numbers = np.arange(count)
    due_s = np.maximum(0.0, numbers * PERIOD_S / (1 + case.ppm * 1e-6) - DeviceSettings().playout_fill_s)
    written_s = due_s + chance.uniform(0, LATEST_S, count)
    read_s = (numbers + 1) * PERIOD_S + chance.uniform(0, LATEST_S, count)
    calls = [(at_s, True, number) for number, at_s in enumerate(accumulate(written_s, max))]
    calls += [(at_s, False, number) for number, at_s in enumerate(accumulate(read_s, max))]
    return [(is_write, number) for _, is_write, number in sorted(calls)]


def _measures(case: Case, scene: Scene, run: Run | None) -> Row:
    """Return the figures of a run, all of them None without one."""
    if run is None:
        names = ("attenuation_learning_db", "attenuation_db", "worst_second_db", "near_end_loss_db")
        return dict.fromkeys((*names, "separability_db", "delay_ms", "cpu_share", "alignments"))
    talk = slice(round(case.talk_at_s * SAMPLE_RATE_HZ), None)
    delay_samples = _delay_samples(scene.near[talk], run.out[talk])
    out = np.concatenate([run.out[delay_samples:], np.zeros(delay_samples)])
    microphone, cleaned = _levels(scene.microphone), _levels(out)
    learning = slice(_frame(LEAD_IN_S), _frame(LEAD_IN_S + LEARNING_S))
    learnt = slice(learning.stop, _frame(case.talk_at_s))
    seconds = [
        slice(at, at + _frame(1.0)) for at in range(learnt.start, learnt.stop - _frame(1.0), _frame(1.0))
    ]

    def attenuation_db(part: slice) -> float:
        return _mean_db(microphone[part]) - _mean_db(cleaned[part])

    return {
        "attenuation_learning_db": attenuation_db(learning),
        "attenuation_db": attenuation_db(learnt),
        "worst_second_db": min(map(attenuation_db, seconds)),
        **_double_talk(scene, cleaned, learnt.stop),
        "delay_ms": 1000 * delay_samples / SAMPLE_RATE_HZ,
        "cpu_share": run.cpu_share,
        "alignments": run.alignments,
    }


def _double_talk(scene: Scene, cleaned: Signal, begin: int) -> dict[str, float]:
    """How much quieter the person became, and how far the person stands out of what is left of the echo."""
    near, echo = _levels(scene.near), _levels(scene.echo)
    talks = near > 10 ** (ACTIVE_DBFS / 10)
    rings = np.convolve(talks, np.ones(RINGING_FRAMES), "full")[: len(talks)] > 0
    sounds = echo > 10 ** (ACTIVE_DBFS / 10)
    both, echo_only = talks & sounds, ~rings & sounds
    echo_only[: begin - _frame(2.0)] = False
    return {
        "near_end_loss_db": _mean_db(near[talks]) - _mean_db(cleaned[talks]),
        "separability_db": _mean_db(cleaned[both]) - _mean_db(cleaned[echo_only]),
    }


def _levels(signal: Signal) -> Signal:
    """Return the power of each frame."""
    samples = round(FRAME_S * SAMPLE_RATE_HZ)
    powers: Signal = np.mean(signal[: len(signal) // samples * samples].reshape(-1, samples) ** 2, axis=1)
    return powers


def _frame(at_s: float) -> int:
    return round(at_s / FRAME_S)


def _mean_db(powers: Signal) -> float:
    return float(10 * np.log10(np.mean(powers) + 1e-12))


def _delay_samples(original: Signal, late: Signal) -> int:
    """Return by how much one signal is later, by the greatest cross-correlation up to LONGEST_DELAY_S."""
    products = fftconvolve(late, original[::-1])
    from_zero = products[len(original) - 1 :][: round(LONGEST_DELAY_S * SAMPLE_RATE_HZ)]
    return int(np.argmax(from_zero))


def _blocks(signal: Signal) -> list[bytes]:
    samples: NDArray[np.int16] = np.clip(np.round(signal * 32768), -32768, 32767).astype(np.int16)
    pcm = samples.tobytes()
    return [pcm[at : at + PERIOD_BYTES] for at in range(0, len(pcm) - PERIOD_BYTES + 1, PERIOD_BYTES)]


def _signal(blocks: list[bytes]) -> Signal:
    return np.frombuffer(b"".join(blocks), np.int16) / 32768
