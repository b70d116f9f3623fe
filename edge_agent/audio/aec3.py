"""Echo cancellation in software: WebRTC's AEC3, by the package pywebrtc-audio.

The only file that imports pywebrtc_audio and numpy; it is imported only where they are wanted.

At 48 kHz: the canceller itself is cheaper at 16 kHz (by 60 us a period on an EPYC), but bringing three
signals to another rate costs more (110 us), what is heard ends at 8 kHz, and somebody who talks at the same
time loses 2 dB more. Never with WebRTC's gain control: it raises what is left of the echo (34 dB attenuation
become 14).
"""

from __future__ import annotations

import audioop
import enum

import numpy as np
from pywebrtc_audio import AudioProcessor

from edge_agent.audio.echo import NoiseSuppression
from edge_agent.audio.far_end import SILENT_PEAK
from edge_agent.core.pcm import (
    PERIOD_BYTES,
    PERIOD_S,
    PERIOD_SAMPLES,
    SAMPLE_BYTES,
    SAMPLE_RATE_HZ,
    in_periods,
)
from edge_agent.errors import IllegalTransition

QUIET_S = 1.0
"""After so much silence of the loudspeaker the canceller rests: longer than any echo takes (half a second in
a sound server's buffers, and a room's reverberation). What it has learnt of the room outlives the rest: over
pauses of 2 to 30 s the attenuation afterwards was the same, within 1 dB, as of one that never rested."""

QUIET_PERIODS = round(QUIET_S / PERIOD_S)

DELAY_SAMPLES = 431
"""How late AEC3's output is at 48 kHz, 9.0 ms: measured by cross-correlation. What is not cleaned is delayed
by as much, so that resting and working make no step."""

SUPPRESSION_DELAY_SAMPLES = 288
"""How much later it is with noise suppression: 6 ms."""

LEVELS = {
    NoiseSuppression.LOW: 0,
    NoiseSuppression.MODERATE: 1,
    NoiseSuppression.HIGH: 2,
    NoiseSuppression.VERY_HIGH: 3,
}
"""Noise suppression by AudioProcessor's numbers."""

_RISE = np.linspace(0.0, 1.0, PERIOD_SAMPLES, dtype=np.float32)


class Work(enum.Enum):
    """What the canceller does with a period."""

    RESTING = "resting"  # nothing has been played for QUIET_S
    WAKING = "waking"  # it has begun: AEC3 gets its first period, whose output would be of before the rest
    WORKING = "working"


MOVES: dict[Work, frozenset[Work]] = {
    Work.RESTING: frozenset({Work.WAKING}),
    Work.WAKING: frozenset({Work.WORKING}),
    Work.WORKING: frozenset({Work.RESTING}),
}


class Aec3:
    """Cancels while something is played, and rests otherwise; its output is always as late."""

    def __init__(self, noise_suppression: NoiseSuppression) -> None:
        level = LEVELS.get(noise_suppression)
        self._processor = AudioProcessor(
            sample_rate=SAMPLE_RATE_HZ,
            echo_cancellation=True,
            noise_suppression=level is not None,
            ns_level=level or 0,
        )
        delay_samples = DELAY_SAMPLES + (SUPPRESSION_DELAY_SAMPLES if level is not None else 0)
        self._delayed = bytes(delay_samples * SAMPLE_BYTES)
        self._work = Work.RESTING
        self._quiet_periods = 0

    @property
    def work(self) -> Work:
        """What it does now."""
        return self._work

    def process(self, near: bytes, far: bytes) -> bytes:
        """Clean a block, period by period: see EchoCanceller."""
        periods = zip(in_periods(near), in_periods(far or bytes(len(near))), strict=True)
        return b"".join(self._process(*both) for both in periods)

    def _process(self, near: bytes, far: bytes) -> bytes:
        delayed, self._delayed = self._delay(near)
        is_played = audioop.max(far, SAMPLE_BYTES) >= SILENT_PEAK
        self._quiet_periods = 0 if is_played else self._quiet_periods + 1
        match self._work:
            case Work.RESTING if not is_played:
                return delayed
            case Work.RESTING:
                self._cancel(near, far)
                self._set_work(Work.WAKING)
                return delayed
            case Work.WAKING:
                self._set_work(Work.WORKING)
                return _fade(delayed, self._cancel(near, far))
            case Work.WORKING if self._quiet_periods > QUIET_PERIODS:
                self._set_work(Work.RESTING)
                return _fade(self._cancel(near, far), delayed)
            case Work.WORKING:
                return self._cancel(near, far)

    def _delay(self, near: bytes) -> tuple[bytes, bytes]:
        """Return the period that is due of the undisturbed sound, and what waits after it."""
        waiting = self._delayed + near
        return waiting[:PERIOD_BYTES], waiting[PERIOD_BYTES:]

    def _cancel(self, near: bytes, far: bytes) -> bytes:
        cleaned = self._processor.process(np.frombuffer(near, np.int16), np.frombuffer(far, np.int16))
        return cleaned.tobytes()

    def _set_work(self, work: Work) -> None:
        if work not in MOVES[self._work]:
            raise IllegalTransition(f"echo canceller: {self._work.value} -> {work.value}")
        self._work = work


def _fade(before: bytes, after: bytes) -> bytes:
    """Return a period that begins as one sound and ends as the other; both are the same but for the echo."""
    begins, ends = np.frombuffer(before, np.int16), np.frombuffer(after, np.int16)
    return (begins + (ends - begins.astype(np.float32)) * _RISE).astype(np.int16).tobytes()
