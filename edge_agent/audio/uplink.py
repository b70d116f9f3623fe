"""From the microphone's blocks to the packets of a session: the gate, the encoder and the sample clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.audio.encoding import Encoder, OpusPackets, PlainPackets
from edge_agent.audio.opus import OpusSettings
from edge_agent.core.pcm import PERIOD_SAMPLES, SILENCE, MicrophoneForm


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One packet; ``timestamp_samples`` counts at 48 kHz since the start and never goes back."""

    payload: bytes
    timestamp_samples: int
    duration_samples: int


class Uplink:
    """Encodes while a session is connected; a closed gate sends silence, so that RTP goes on.

    ``feed`` and ``skip`` belong to the capture thread, the rest to any thread. Raises OpusError if libopus is
    missing. The gate is closed at first.
    """

    def __init__(self, settings: OpusSettings) -> None:
        self._opus = OpusPackets(settings)
        self._encoder: Encoder = self._opus
        self._lock = threading.Lock()
        self._deliver: Callable[[EncodedPacket], None] | None = None
        self._gate_is_open = False
        self._clock_samples = 0
        self._pending: list[bytes] = []

    @property
    def is_connected(self) -> bool:
        """Whether a session takes packets."""
        return self._deliver is not None

    @property
    def gate_is_open(self) -> bool:
        """Whether the microphone is heard, if a session is connected."""
        return self._gate_is_open

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
            self._pending.clear()
            self._deliver = deliver

    def disconnect(self) -> None:
        """End the delivery: nothing is delivered after this returns."""
        with self._lock:
            self._deliver = None

    def open_gate(self) -> None:
        """Let the microphone through, from the next block on."""
        self._gate_is_open = True

    def close_gate(self) -> None:
        """Send silence in place of the microphone, from the next block on."""
        self._gate_is_open = False

    def feed(self, block: bytes) -> None:
        """Take one period of the microphone."""
        with self._lock:
            self._clock_samples += PERIOD_SAMPLES
            if self._deliver is None:
                return
            self._pending.append(block if self._gate_is_open else SILENCE)
            if len(self._pending) == self._encoder.packet_periods:
                self._send(self._deliver)

    def skip(self, samples: int) -> None:
        """Advance the sample clock over sound that was lost or never captured."""
        with self._lock:
            self._clock_samples += max(0, samples)
            self._pending.clear()

    def _send(self, deliver: Callable[[EncodedPacket], None]) -> None:
        payload = self._encoder.encode(b"".join(self._pending))
        self._pending.clear()
        if payload:
            packet_samples = self._encoder.packet_periods * PERIOD_SAMPLES
            deliver(EncodedPacket(payload, self._clock_samples - packet_samples, packet_samples))
