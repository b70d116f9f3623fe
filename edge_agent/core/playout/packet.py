"""One packet of the server's sound, as it came from the network."""

from __future__ import annotations

import struct
from typing import NamedTuple, Self

_HEADER = struct.Struct("!BBHLL")
_VERSION = 2


class RtpPacket(NamedTuple):
    """What of an RTP packet (RFC 3550 section 5.1) matters to playout.

    ``sequence_number`` 0 to 65535 and ``timestamp`` 0 to 2**32 - 1 wrap around; the timestamp counts at
    48 kHz for Opus (RFC 7587 section 4.1). ``arrived_at`` is monotonic seconds.
    """

    ssrc: int
    sequence_number: int
    timestamp: int
    payload: bytes
    arrived_at: float

    @classmethod
    def parse(cls, datagram: bytes, arrived_at: float) -> Self:
        """Read a decrypted packet (RFC 3550 sections 5.1 and 5.3.1). Raises ValueError for what is no RTP."""
        if len(datagram) < _HEADER.size:
            raise ValueError(f"RTP: expected a header of {_HEADER.size} bytes, got {len(datagram)} bytes")
        first, _, sequence_number, timestamp, ssrc = _HEADER.unpack_from(datagram)
        begin, end = _HEADER.size + 4 * (first & 0x0F), len(datagram)
        if first & 0x10:  # an extension, its length in words after two bytes of its own
            begin += 4 + 4 * int.from_bytes(datagram[begin + 2 : begin + 4])
        if first & 0x20:  # padded: the last byte says by how much, itself included
            end -= datagram[-1] or end
        if begin > end or first >> 6 != _VERSION:
            raise ValueError("RTP: another version, or its parts do not fit in")
        return cls(ssrc, sequence_number, timestamp, datagram[begin:end], arrived_at)
