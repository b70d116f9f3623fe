"""Reading RTP."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.playout.packet import RtpPacket

HEADER = struct.pack("!BBHLL", 0x80, 0xE0, 65_535, 2**32 - 1, 12_345)


def with_first_byte(first: int, rest: bytes) -> bytes:
    """Return a packet with other flags."""
    return bytes([first]) + HEADER[1:] + rest


def test_plain_packet() -> None:
    assert RtpPacket.parse(HEADER + b"sound", 1.5) == RtpPacket(12_345, 65_535, 2**32 - 1, b"sound", 1.5)


@pytest.mark.parametrize(
    ("first", "rest", "payload"),
    [
        (0x80, b"", b""),
        (0x82, b"\0\0\0\1\0\0\0\2sound", b"sound"),  # two contributing sources
        (0x90, b"\xbe\xde\0\1\x10\x30\0\0sound", b"sound"),  # an extension of one word
        (0x90, b"\xbe\xde\0\0", b""),
        (0x91, b"\0\0\0\1\xbe\xde\0\0sound", b"sound"),
        (0xA0, b"sound\0\0\3", b"sound"),  # padding
        (0xA0, b"\0\0\0\4", b""),
    ],
)
def test_what_surrounds_the_payload_is_left_out(first: int, rest: bytes, payload: bytes) -> None:
    assert RtpPacket.parse(with_first_byte(first, rest), 0.0).payload == payload


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (0x40, b"sound"),  # version 1
        (0x82, b"\0\0\0\1"),
        (0x90, b""),
        (0x90, b"\xbe\xde\0"),
        (0x90, b"\xbe\xde\0\2\0\0\0\0"),
        (0xA0, b"sound\0"),
        (0xA0, b"sound\7"),
        (0xA0, b""),
    ],
)
def test_what_is_cut_off_is_no_packet(first: int, rest: bytes) -> None:
    with pytest.raises(ValueError, match="RTP"):
        RtpPacket.parse(with_first_byte(first, rest), 0.0)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_packet_or_a_value_error(datagram: bytes) -> None:
    try:
        packet = RtpPacket.parse(datagram, 0.0)
    except ValueError:
        return
    assert packet.payload in datagram
