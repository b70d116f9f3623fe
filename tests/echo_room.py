"""A room between virtual sound cards: what the loudspeaker plays comes back to the microphone.

::

    loudspeaker ──> delay ──> attenuation and reflections ──┐
    person, who speaks through this process's stdin ────────┼──> microphone
    noise ──────────────────────────────────────────────────┘

Run by ``python -m tests.echo_room`` in an environment of :mod:`tests.virtual_cards`, as a process of its own:
a room does not wait for a busy test. The sound server's blocks of up to 50 ms come on top of its delay.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.audio import alsa
from edge_agent.audio.alsa import AlsaInput, AlsaOutput
from edge_agent.audio.device import DeviceSettings
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE
from tests.virtual_cards import VirtualCards

REVERBERATION_S = 0.060
"""How long the reflections of a small, furnished room are kept; they have fallen by 60 dB in 0.25 s."""

DECAY_PER_S = 6.9 / 0.25
DIRECT_TO_REVERBERANT_DB = 8.0
"""A microphone at arm's length from the loudspeaker."""

NOISE_DBFS = -65.0
"""A quiet room at a good microphone."""

FILL_S = 0.15
"""How late this process may be on a busy machine without a gap; part of the echo's delay. What waits for it
meanwhile is heard later, and is not dropped as a microphone's sound would be."""

NICENESS = -10
"""Air does not wait for a processor: where it is permitted, this process does so less than others."""

END_LIMIT_S = 10.0

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """The echo is ``attenuation_db`` below what the loudspeaker plays, and ``delay_ms`` later."""

    delay_ms: int = 60
    attenuation_db: float = 6.0


class Acoustics:
    """From the loudspeaker's samples to the microphone's, one period at a time."""

    def __init__(self, settings: RoomSettings) -> None:
        self._random = np.random.default_rng(seed=3)
        self._response = self._impulse_response(settings)
        self._reach = len(self._response) + PERIOD_SAMPLES - 1
        self._played: Samples = np.zeros(self._reach + settings.delay_ms * SAMPLE_RATE_HZ // 1000)

    def heard(self, played: bytes, person: bytes) -> bytes:
        """Return what the microphone hears now."""
        self._played = np.concatenate([self._played[PERIOD_SAMPLES:], np.frombuffer(played, "<i2")])
        echo = np.convolve(self._played[: self._reach], self._response, "valid")
        noise = self._random.normal(0.0, 32768 * 10 ** (NOISE_DBFS / 20), PERIOD_SAMPLES)
        mixed = echo + np.frombuffer(person, "<i2") + noise
        return bytes(np.clip(np.rint(mixed), -32768, 32767).astype("<i2").tobytes())

    def _impulse_response(self, settings: RoomSettings) -> Samples:
        """The direct sound and noise that fades; their energy is that of the attenuation."""
        moments_s = np.arange(round(REVERBERATION_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        reflections = self._random.standard_normal(len(moments_s)) * np.exp(-DECAY_PER_S * moments_s)
        reflections[0] = 0.0
        reflections *= 10 ** (-DIRECT_TO_REVERBERANT_DB / 20) / np.linalg.norm(reflections)
        reflections[0] = 1.0
        reflections *= 10 ** (-settings.attenuation_db / 20) / np.linalg.norm(reflections)
        return reflections


class Person:
    """What is said into stdin, at the pace of real time; silence while nobody speaks."""

    def __init__(self) -> None:
        self._said = bytearray()
        self._lock = threading.Lock()
        self.has_left = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def take(self) -> bytes:
        """Return the next period."""
        with self._lock:
            block = bytes(self._said[:PERIOD_BYTES])
            del self._said[:PERIOD_BYTES]
        return block.ljust(PERIOD_BYTES, b"\0")

    def _listen(self) -> None:
        while said := os.read(sys.stdin.fileno(), 1 << 16):
            with self._lock:
                self._said += said
        self.has_left.set()


class Room:
    """The room as its tests see it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def say(self, pcm_48k_mono: bytes) -> None:
        """Let the person begin to speak; returns at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(pcm_48k_mono + bytes(-len(pcm_48k_mono) % PERIOD_BYTES))
        self._process.stdin.flush()


@contextmanager
def echo_room(cards: VirtualCards, settings: RoomSettings) -> Iterator[Room]:
    """Have a room around these cards for the length of the block."""
    options = ["--delay-ms", str(settings.delay_ms), "--attenuation-db", str(settings.attenuation_db)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.echo_room", *options],
        env=os.environ | cards.environment,
        stdin=subprocess.PIPE,
    )
    try:
        yield Room(process)
    finally:
        try:
            process.communicate(timeout=END_LIMIT_S)
        finally:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay-ms", type=int, required=True)
    parser.add_argument("--attenuation-db", type=float, required=True)
    options = parser.parse_args()
    acoustics = Acoustics(RoomSettings(options.delay_ms, options.attenuation_db))
    person = Person()
    alsa.OLDEST_CAPTURE_S = math.inf
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    with (
        closing(AlsaInput.open("answer", DeviceSettings())) as loudspeaker,
        closing(AlsaOutput.open("strictquestion", DeviceSettings(playout_fill_s=FILL_S))) as microphone,
    ):
        microphone.write(SILENCE)
        while not person.has_left.is_set():
            microphone.write(acoustics.heard(loudspeaker.read(), person.take()))


if __name__ == "__main__":
    main()
