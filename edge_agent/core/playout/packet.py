"""One packet of the server's sound, as it came from the network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """What of an RTP packet (RFC 3550 section 5.1) matters to playout.

    ``sequence_number`` 0 to 65535 and ``timestamp`` 0 to 2**32 - 1 wrap around; the timestamp counts at
    48 kHz for Opus (RFC 7587 section 4.1). ``arrived_at`` is monotonic seconds.
    """

    ssrc: int
    sequence_number: int
    timestamp: int
    payload: bytes
    arrived_at: float
