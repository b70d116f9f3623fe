"""Tones to play and ears to hear them with, for the sound tests."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable

from edge_agent.core.pcm import PERIOD_BYTES, SAMPLE_RATE_HZ

DEADLINE_S = 20.0
"""How long a test waits for something that takes milliseconds on an idle machine."""

PEAK = 12_000


def tone(
    hz: float, seconds: float, *, peak: int = PEAK, rate_hz: int = SAMPLE_RATE_HZ, channels: int = 1
) -> bytes:
    """A sine as signed 16 bit samples, the same in each channel."""
    step = 2 * math.pi * hz / rate_hz
    samples = array("h")
    for at in range(round(seconds * rate_hz)):
        samples.extend([round(peak * math.sin(step * at))] * channels)
    return samples.tobytes()


def silence(seconds: float) -> bytes:
    """Digital silence, 48 kHz mono."""
    return bytes(2 * round(seconds * SAMPLE_RATE_HZ))


def amplitude(pcm: bytes, hz: float) -> float:
    """How strong a sine of ``hz`` is in 48 kHz mono samples: its peak (Goertzel's algorithm)."""
    samples = array("h", pcm)
    factor = 2 * math.cos(2 * math.pi * hz / SAMPLE_RATE_HZ)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    power = last * last + before * before - factor * last * before
    return 2 * math.sqrt(max(0.0, power)) / len(samples) if samples else 0.0


def heard_s(pcm: bytes, hz: float) -> float:
    """For how long a sine of ``hz`` (a multiple of 200) sounds at half PEAK or more, in steps of 5 ms."""
    step_bytes = PERIOD_BYTES // 2
    steps = (pcm[at : at + step_bytes] for at in range(0, len(pcm), step_bytes))
    return 0.005 * sum(amplitude(step, hz) > PEAK / 2 for step in steps)


def blocks_of(pcm: bytes) -> list[bytes]:
    """Cut into periods; the last may be short."""
    return [pcm[at : at + PERIOD_BYTES] for at in range(0, len(pcm), PERIOD_BYTES)]


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll until ``condition`` holds; fails after DEADLINE_S."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S} s in vain: {what}"
        time.sleep(0.002)
