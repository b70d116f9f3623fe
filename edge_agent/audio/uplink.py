"""From the microphone's blocks to the packets of a session: the gate, the encoder and the sample clock.

What is said while no session can hear it is held for a while, and sent when one can.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from edge_agent.audio.encoding import Encoder, OpusPackets, PlainPackets
from edge_agent.audio.opus import OpusSettings
from edge_agent.core.commands import Gate
from edge_agent.core.pcm import PERIOD_BYTES, PERIOD_SAMPLES, SAMPLE_BYTES, MicrophoneForm
from edge_agent.core.preroll import LISTENED_S, Preroll

PREROLL_S = 10.0
"""How much is held by default."""


class EncodedPacket(NamedTuple):
    """One packet; ``timestamp_samples`` counts at 48 kHz since the start and never goes back.

    It counts what was sent, which is what was captured but for what was held back, or told late.
    """

    payload: bytes
    timestamp_samples: int
    duration_samples: int


class Uplink:
    """Encodes while a session is connected; a gate that is not open sends silence, so that RTP goes on.

    While the gate is open or holds, the newest ``preroll_s`` of the microphone are kept, LISTENED_S while it
    listens; a closed one forgets them. ``feed`` and ``skip`` belong to the capture thread, the rest to any
    thread. Raises OpusError if libopus is missing. The gate is closed at first.
    """

    def __init__(self, settings: OpusSettings, preroll_s: float = PREROLL_S) -> None:
        self._opus = OpusPackets(settings)
        self._encoder: Encoder = self._opus
        self._lock = threading.Lock()
        self._deliver: Callable[[EncodedPacket], None] | None = None
        self._gate = Gate.CLOSED
        self._preroll = Preroll(preroll_s)
        self._on_caught_up: Callable[[], None] = _nobody
        self._on_paused: Callable[[], None] = _nobody
        self._awaits_pause = False
        self._clock_samples = 0
        self._sent_samples = 0
        self._pending = b""

    @property
    def is_connected(self) -> bool:
        """Whether a session takes packets."""
        return self._deliver is not None

    @property
    def gate_is_open(self) -> bool:
        """Whether the microphone is heard, if a session is connected."""
        return self._gate is Gate.OPEN

    @property
    def clock_samples(self) -> int:
        """The sample clock: what was fed and skipped since the start."""
        return self._clock_samples

    def connect(
        self, deliver: Callable[[EncodedPacket], None], form: MicrophoneForm = MicrophoneForm.OPUS
    ) -> None:
        """Hand every packet from now on to ``deliver``, in the capture thread; it must not wait or raise."""
        with self._lock:
            self._encoder = self._opus if form is MicrophoneForm.OPUS else PlainPackets()
            self._encoder.reset()
            self._pending = b""
            self._deliver = deliver

    def disconnect(self) -> None:
        """End the delivery: nothing is delivered after this returns."""
        with self._lock:
            self._deliver = None

    def tell_caught_up_to(self, on_caught_up: Callable[[], None]) -> None:
        """Call ``on_caught_up`` in the capture thread each time that all of a ``since`` has been sent."""
        self._on_caught_up = on_caught_up

    def tell_paused_to(self, on_paused: Callable[[], None]) -> None:
        """Call ``on_paused`` in the capture thread after each :meth:`await_pause`."""
        self._on_paused = on_paused

    def await_pause(self) -> None:
        """Tell as soon as nobody speaks and nothing waits to be sent, with the next block at the earliest."""
        with self._lock:
            self._awaits_pause = True

    def set_gate(self, gate: Gate, since: float | None = None, pause_s: float = 0.0) -> None:
        """Open, hold, keep or close, from the next block on.

        With ``since`` (monotonic seconds) an open gate first sends what was heard from then on and is still
        held, without its silences and a little faster than it was said; ``pause_s`` of silence go before it.
        """
        with self._lock:
            self._gate = gate
            match gate:
                case Gate.CLOSED:
                    self._preroll.clear()
                case Gate.LISTENING | Gate.HOLDING | Gate.KEEPING:
                    self._preroll.stop()
                case Gate.OPEN if since is not None:
                    self._preroll.recall(time.monotonic() - since, pause_s)

    def feed(self, block: bytes) -> None:
        """Take one block of the microphone, whole periods."""
        with self._lock:
            was_behind = self._preroll.is_behind
            self._clock_samples += len(block) // SAMPLE_BYTES
            for each in self._heard(block):
                self._sent_samples += len(each) // SAMPLE_BYTES
                if self._deliver is not None:
                    self._encode(each, self._deliver)
            has_caught_up = was_behind and not self._preroll.is_behind
            has_paused = self._awaits_pause and self._preroll.is_pausing and not self._preroll.is_behind
            self._awaits_pause &= not has_paused
        if has_caught_up:
            self._on_caught_up()
        if has_paused:
            self._on_paused()

    def skip(self, samples: int) -> None:
        """Advance the sample clock over sound that was lost or never captured."""
        with self._lock:
            self._clock_samples += max(0, samples)
            self._sent_samples += max(0, samples)
            self._preroll.skip(max(0, samples) // PERIOD_SAMPLES)
            self._pending = b""

    def _heard(self, block: bytes) -> list[bytes]:
        """Return what the session hears now, which is not always what the microphone hears."""
        if self._gate is Gate.OPEN and self._deliver is not None:
            return self._preroll.take(block)
        if self._gate is Gate.KEEPING:
            self._preroll.skip(len(block) // PERIOD_BYTES)
        elif self._gate is not Gate.CLOSED:
            self._preroll.hold(block)
        if self._gate is Gate.LISTENING:
            self._preroll.forget_older(LISTENED_S)
        return [bytes(len(block))]

    def _encode(self, block: bytes, deliver: Callable[[EncodedPacket], None]) -> None:
        pcm = self._pending + block
        packet_samples = self._encoder.packet_periods * PERIOD_SAMPLES
        packet_bytes = packet_samples * SAMPLE_BYTES
        while len(pcm) >= packet_bytes:
            payload = self._encoder.encode(pcm[:packet_bytes])
            if payload:
                begin_samples = self._sent_samples - len(pcm) // SAMPLE_BYTES
                deliver(EncodedPacket(payload, begin_samples, packet_samples))
            pcm = pcm[packet_bytes:]
        self._pending = pcm


def _nobody() -> None:
    return None
