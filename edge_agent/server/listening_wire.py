"""Messages of the recogniser to its listening process: kind, length, bytes. Back come lines of JSON."""

from __future__ import annotations

import enum
import struct
from typing import BinaryIO

SAMPLE_RATE_HZ = 16_000
"""What the acoustic model of pocketsphinx was trained for; signed 16 bit little endian, mono."""

MAX_BODY_BYTES = 1 << 20
"""Longer messages are not ours."""

_HEADER = struct.Struct("!BI")


class Kind(enum.IntEnum):
    """What a message to the listening process is."""

    BEGIN = 1  # forget what was heard, an utterance begins
    SOUND = 2
    END = 3  # the utterance is over: answer with one line of JSON


def pack(kind: Kind, body: bytes = b"") -> bytes:
    """Return a message."""
    return _HEADER.pack(kind, len(body)) + body


def read_message(stream: BinaryIO) -> tuple[Kind, bytes] | None:
    """Return the next message, or None at the end of the stream. Raises ValueError for what is none."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, length = _HEADER.unpack(header)
    if length > MAX_BODY_BYTES:
        raise ValueError(f"message of {length} bytes")
    body = stream.read(length)
    return (Kind(kind), body) if len(body) == length else None
