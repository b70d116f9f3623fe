"""The production appliance with a mouth and an ear in place of sound devices: how soon does it fall silent?

The mouth asks a question with a long answer, and asks it again as soon as the answer has been heard for a
while. Measured is the time from the arrival of ``input_audio_buffer.speech_started`` on the data channel to
the last audible sample that the device was given (a server's silence decodes to samples of one or two).

usage: python -m edge_agent.bench.stacks.barge_in CONFIG QUESTION.wav COUNT
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
import wave
from array import array
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from edge_agent import host
from edge_agent.appliance import Appliance
from edge_agent.audio.interrupt import Interrupt
from edge_agent.audio.null import NullInput
from edge_agent.audio.pace import sleep
from edge_agent.config.loader import load_config
from edge_agent.core.events import Event
from edge_agent.core.pcm import BYTES_PER_S, PERIOD_BYTES, SAMPLE_BYTES, SILENCE
from edge_agent.core.playout.samples import AUDIBLE_PEAK
from edge_agent.core.ways import Way
from edge_agent.journal import LogFormat, configure_logging
from edge_agent.parts import Parts, parts_of
from edge_agent.session.session import RealtimeSession
from edge_agent.supervision import Supervisor

FILL_S = 0.030
"""How full a sound card's buffer is kept; the buffer itself is what a barge-in has to drop."""

HEARD_S = 0.6
"""An answer has to sound so long before it is interrupted."""

PATIENCE_S = 8.0
"""Without an answer for so long, the question is asked again."""

SETTLED_S = 0.5
"""Silence of the device that ends one measurement."""

LIMIT_S = 8.0
"""For each interruption; a turn takes some three seconds."""


class Ear:
    """A loudspeaker with a buffer like a card's; notes when it sounds and what it was given last."""

    xruns = 0
    drift_ppm = None
    restarts_in_time = True

    def __init__(self) -> None:
        self._empty_at_s = 0.0
        self.sounds_since_s = math.inf
        self.last_sound_s = -math.inf

    def wait(self, interrupt: Interrupt | None = None) -> None:
        """Wait until less than FILL_S is left, or ``interrupt`` is set."""
        left_s = self._empty_at_s - FILL_S - time.monotonic()
        if left_s > 0:
            sleep(left_s, interrupt)

    def write(self, block: bytes) -> None:
        """Take a block into the buffer."""
        now = time.monotonic()
        audible = [at for at, sample in enumerate(array("h", block)) if abs(sample) > AUDIBLE_PEAK]
        if audible:
            if now - self.last_sound_s > SETTLED_S:
                self.sounds_since_s = now
            self.last_sound_s = now + audible[-1] * SAMPLE_BYTES / BYTES_PER_S
        self._empty_at_s = max(self._empty_at_s, now) + len(block) / BYTES_PER_S

    def drop(self) -> None:
        """Empty the buffer."""
        self._empty_at_s = time.monotonic()

    def queued_s(self) -> float:
        """What is in the buffer."""
        return max(0.0, self._empty_at_s - time.monotonic())

    def close(self) -> None:
        """Nothing to let go."""

    def sounds_for(self, now: float) -> float:
        """Seconds for which it has been sounding; 0 if it is silent."""
        return max(0.0, now - self.sounds_since_s) if now - self.last_sound_s < SETTLED_S else 0.0


class Mouth(NullInput):
    """A microphone that hears ``question`` whenever ``ear`` has heard enough of an answer, or none at all."""

    def __init__(self, question: bytes, ear: Ear) -> None:
        super().__init__()
        self._question = question
        self._ear = ear
        self._left = b""
        self._last_asked_s = -math.inf

    def read(self) -> bytes:
        """Wait one period and return what is heard."""
        super().read()
        now = time.monotonic()
        waited_s = now - self._last_asked_s
        if not self._left and (self._ear.sounds_for(now) >= HEARD_S or waited_s > PATIENCE_S):
            self._left = self._question
            self._last_asked_s = now
        block, self._left = self._left[:PERIOD_BYTES], self._left[PERIOD_BYTES:]
        return block.ljust(PERIOD_BYTES, b"\0") if block else SILENCE


@dataclass(frozen=True, slots=True)
class WatchedParts(Parts):
    """The parts of a configuration, with somebody who sees each event arrive."""

    saw: Callable[[str], None]

    def make_session(
        self,
        epoch: int,
        way: Way,
        post: Callable[[Event], None],
        on_wire: Callable[[str], None],
        on_malformed: Callable[[str], None],
    ) -> RealtimeSession:
        """Return the session of an epoch, watched."""

        def watch(wire_type: str) -> None:
            self.saw(wire_type)
            on_wire(wire_type)

        return Parts.make_session(self, epoch, way, post, watch, on_malformed)


async def run(config: Path, question: bytes, count: int) -> list[float]:
    """Interrupt so many answers; return how long each went on, in milliseconds."""
    ear = Ear()
    arrived: asyncio.Queue[float] = asyncio.Queue()

    def saw(wire_type: str) -> None:
        now = time.monotonic()
        if wire_type == "input_audio_buffer.speech_started" and ear.sounds_for(now) > 0:
            arrived.put_nowait(now)

    given = replace(
        parts_of(load_config(config)),
        open_input=lambda: Mouth(question, ear),
        open_output=lambda: ear,
    )
    values = {field.name: getattr(given, field.name) for field in fields(given)}
    appliance = Appliance(WatchedParts(**values, saw=saw), Supervisor())
    stop = asyncio.Event()
    living = asyncio.create_task(appliance.run(stop, host.settle))
    found_ms: list[float] = []
    try:
        async with asyncio.timeout(LIMIT_S * count):
            while len(found_ms) < count:
                at_s = await arrived.get()
                await asyncio.sleep(SETTLED_S)
                found_ms.append(max(0.0, ear.last_sound_s - at_s) * 1000)
    except TimeoutError:
        sys.stderr.write(f"only {len(found_ms)} of {count} answers were interrupted in time\n")
    stop.set()
    await living
    return found_ms


def main() -> None:
    """Print one line with the list."""
    config, wav, count = sys.argv[1:]
    with wave.open(wav) as sound:
        question = sound.readframes(sound.getnframes())
    assert len(question) % SAMPLE_BYTES == 0
    configure_logging("info", LogFormat.TERMINAL, ())
    host.prepare()
    found_ms = asyncio.run(run(Path(config), question, int(count)))
    sys.stdout.write(json.dumps({"barge_in_ms": found_ms}) + "\n")


if __name__ == "__main__":
    main()
