"""What the microphone's sound becomes before it leaves: packets of Opus, or plain samples."""

from __future__ import annotations

from typing import Protocol

from edge_agent.audio.opus import OpusEncoder, OpusSettings
from edge_agent.audio.resample import Resampler
from edge_agent.core.pcm import PERIOD_SAMPLES, SAMPLE_RATE_HZ

LARGEST_DTX_BYTES = 2
"""With DTX a packet of up to this size need not be sent (documentation of ``opus_encode``)."""

PLAIN_RATE_HZ = 24_000
"""The only rate of ``audio/pcm`` (OpenAI's description of the session's formats)."""

PLAIN_PACKET_PERIODS = 4
"""40 ms: every packet becomes an event of its own, and half as many are half the work of the loop."""


class Encoder(Protocol):
    """48 kHz mono to packets; belongs to one thread at a time."""

    @property
    def packet_periods(self) -> int:
        """How many periods of the microphone make a packet."""

    def encode(self, pcm: bytes) -> bytes:
        """Return the packet of so many periods; b"" if it need not be sent."""

    def reset(self) -> None:
        """Begin a new stream."""


class OpusPackets:
    """Opus, as RTP carries it. Raises OpusError if libopus is missing or refuses the settings."""

    def __init__(self, settings: OpusSettings) -> None:
        self._opus = OpusEncoder(settings)
        self._unsent_bytes = LARGEST_DTX_BYTES if settings.dtx else 0
        self.packet_periods = settings.frame_ms * SAMPLE_RATE_HZ // 1000 // PERIOD_SAMPLES

    def encode(self, pcm: bytes) -> bytes:
        """Return the packet; b"" if DTX leaves it out."""
        payload = self._opus.encode(pcm)
        return payload if len(payload) > self._unsent_bytes else b""

    def reset(self) -> None:
        """Forget what was encoded."""
        self._opus.reset()


class PlainPackets:
    """Samples at PLAIN_RATE_HZ (mono, s16le), as events carry them."""

    packet_periods = PLAIN_PACKET_PERIODS

    def __init__(self) -> None:
        self._resampler = Resampler(SAMPLE_RATE_HZ, 1, PLAIN_RATE_HZ)

    def encode(self, pcm: bytes) -> bytes:
        """Return the samples. The first packet is shorter by what the resampler keeps back."""
        return self._resampler.feed(pcm)

    def reset(self) -> None:
        """Forget what was kept back."""
        self._resampler = Resampler(SAMPLE_RATE_HZ, 1, PLAIN_RATE_HZ)
