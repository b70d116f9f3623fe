"""How long an Opus packet lasts, read from its first byte (RFC 6716 section 3.1)."""

from __future__ import annotations

_SAMPLES_PER_MS = 48

LONGEST_PACKET_SAMPLES = 120 * _SAMPLES_PER_MS
"""120 ms at 48 kHz (RFC 6716 section 3.2.5, R5)."""

_SILK_MS = (10.0, 20.0, 40.0, 60.0)
_HYBRID_MS = (10.0, 20.0)
_CELT_MS = (2.5, 5.0, 10.0, 20.0)

_FRAME_SAMPLES = tuple(
    round(duration_ms * _SAMPLES_PER_MS) for duration_ms in (*_SILK_MS * 3, *_HYBRID_MS * 2, *_CELT_MS * 4)
)
"""Frame length by configuration number, RFC 6716 table 2."""

_MANY = -1
"""A packet of any number of frames: the second byte tells it."""

_PACKET_SAMPLES = tuple((1, 2, 2, 0)[first & 3] * _FRAME_SAMPLES[first >> 3] or _MANY for first in range(256))
"""Packet length by the first byte: a packet of the codes 0 to 2 has one or two frames."""

LARGEST_DTX_BYTES = 2
"""A packet of up to this size says that nothing is said: comfort noise until the next (``opus_encode``)."""


def duration_samples(payload: bytes) -> int | None:
    """Return the packet's length in samples at 48 kHz, None for what is not an Opus packet."""
    if not payload:
        return None
    samples = _PACKET_SAMPLES[payload[0]]
    if samples != _MANY:
        return samples
    frames = payload[1] & 63 if len(payload) > 1 else 0
    samples = frames * _FRAME_SAMPLES[payload[0] >> 3]
    return samples if 0 < samples <= LONGEST_PACKET_SAMPLES else None
