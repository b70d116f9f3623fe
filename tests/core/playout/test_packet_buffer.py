from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from edge_agent.core.playout.packet import RtpPacket
from edge_agent.core.playout.packet_buffer import LIMIT_PACKETS, PacketBuffer
from tests.core.playout.scenes import CELT_2_5_MS, SILK_60_MS, Sender


def put(buffer: PacketBuffer, packets: list[RtpPacket]) -> int:
    """Accept and put all of them; returns how many were dropped."""
    dropped = 0
    for packet in packets:
        waiting, _ = buffer.accept(packet)
        dropped += 1 if waiting is None else buffer.put(waiting)
    return dropped


def drained(buffer: PacketBuffer) -> list[bytes]:
    return [buffer.pop().payload for _ in range(len(buffer))]


def payloads(packets: list[RtpPacket]) -> list[bytes]:
    return [packet.payload for packet in packets]


def begins(buffer: PacketBuffer, packet: RtpPacket) -> bool:
    return buffer.accept(packet)[1]


def test_packets_come_out_in_the_order_of_their_sound() -> None:
    packets = Sender(sequence=65_530, timestamp=2**32 - 3 * 960).send(0.0, 0.4)
    shuffled = packets[:1] + random.Random(1).sample(packets[1:], len(packets) - 1)
    buffer = PacketBuffer()
    assert put(buffer, shuffled) == 0
    assert drained(buffer) == payloads(packets)
    assert buffer.head is None


def test_a_packet_waits_once() -> None:
    packets = Sender().send(0.0, 0.2)
    buffer = PacketBuffer()
    assert put(buffer, [*packets, *packets]) == len(packets)
    assert drained(buffer) == payloads(packets)


def test_sound_that_overlaps_what_waits_is_dropped() -> None:
    packets = Sender(timestamp=9_600).send(0.0, 0.060)
    buffer = PacketBuffer()
    put(buffer, packets)
    for offset_samples in (-120, 1, 840):
        overlapping = packets[1]._replace(timestamp=packets[1].timestamp + offset_samples)
        assert put(buffer, [overlapping]) == 1
    assert drained(buffer) == payloads(packets)


def test_a_packet_between_two_is_taken_if_it_fits() -> None:
    packets = Sender().send(0.0, 0.060)
    buffer = PacketBuffer()
    assert put(buffer, [packets[0], packets[2], packets[1]]) == 0
    assert drained(buffer) == payloads(packets)


def test_overflow_drops_the_oldest() -> None:
    packets = Sender(toc=CELT_2_5_MS).send(0.0, 0.0025 * (LIMIT_PACKETS + 10))
    buffer = PacketBuffer()
    assert put(buffer, packets) == 10
    assert len(buffer) == LIMIT_PACKETS
    assert drained(buffer) == payloads(packets[10:])


def test_what_is_cleared_is_counted_and_the_stream_goes_on() -> None:
    packets = Sender().send(0.0, 0.2)
    buffer = PacketBuffer()
    put(buffer, packets[:6])
    assert buffer.clear() == 6
    assert not begins(buffer, packets[6])


def test_what_is_no_opus_is_not_accepted() -> None:
    packet = Sender().send(0.0, 0.02)[0]._replace(payload=b"")
    assert PacketBuffer().accept(packet) == (None, False)


def test_the_first_packet_begins_a_stream_and_the_next_does_not() -> None:
    first, second = Sender(sequence=65_535, timestamp=2**32 - 960).send(0.0, 0.040)
    buffer = PacketBuffer()
    assert begins(buffer, first)
    assert not begins(buffer, second)


def test_another_source_begins_a_stream() -> None:
    buffer = PacketBuffer()
    put(buffer, Sender(ssrc=1).send(0.0, 0.1))
    assert begins(buffer, Sender(ssrc=2).send(0.1, 0.02)[0])


@pytest.mark.parametrize(
    ("sequence", "timestamp"), [(2_000, 2**31), (2_000, 10**6), (5_300, 0), (40_000, 0), (60_000, 2**32 - 1)]
)
def test_a_number_from_nowhere_begins_a_stream_when_the_next_one_follows(
    sequence: int, timestamp: int
) -> None:
    buffer = PacketBuffer()
    put(buffer, Sender(sequence=2_200, timestamp=4_800).send(0.0, 0.1))
    first, second, third = Sender(sequence=sequence, timestamp=timestamp).send(0.1, 0.06)
    assert buffer.accept(first) == (None, False)
    assert begins(buffer, second)
    assert not begins(buffer, third)


def test_a_packet_that_was_on_its_way_for_seconds_is_not_a_stream() -> None:
    sender = Sender()
    old = sender.send(0.0, 3.0)
    buffer = PacketBuffer()
    put(buffer, old)
    buffer.clear()
    for stray, packet in zip((old[3], old[4], old[5]), sender.send(3.0, 0.06), strict=True):
        assert buffer.accept(stray) == (None, False)
        assert not begins(buffer, packet)
        assert put(buffer, [packet]) == 0
    assert [buffer.accept(stray) for stray in old[6:20]] == [(None, False)] * 14


@pytest.mark.parametrize("ahead_s", [0.02, 1.0, 30.0, 3600.0])
def test_a_pause_of_any_length_is_the_same_stream(ahead_s: float) -> None:
    sender = Sender(timestamp=2**32 - 4_800)
    buffer = PacketBuffer()
    put(buffer, sender.send(0.0, 0.1))
    sender.pause(ahead_s)
    assert not begins(buffer, sender.send(ahead_s, 0.02)[0])


def test_a_time_before_the_last_one_with_the_next_number_is_that_of_a_new_clock() -> None:
    sender = Sender(timestamp=480_000)
    buffer = PacketBuffer()
    put(buffer, sender.send(0.0, 0.1))
    sender.timestamp = 0
    assert begins(buffer, sender.send(0.1, 0.02)[0])


@pytest.mark.parametrize("ssrc", [1, 2])
def test_what_is_left_of_an_older_stream_does_not_bring_it_back(ssrc: int) -> None:
    old = Sender(timestamp=480_000).send(0.0, 0.2)
    new = Sender(ssrc=ssrc, sequence=10).send(0.2, 0.2)
    buffer = PacketBuffer()
    put(buffer, old[:-1])
    assert begins(buffer, new[0])
    for left in old[3:]:
        assert buffer.accept(left) == (None, False)
    assert not begins(buffer, new[1])


def test_a_source_may_come_back() -> None:
    one, other = Sender(ssrc=1), Sender(ssrc=2)
    buffer = PacketBuffer()
    turns = [(one, 0.0), (other, 0.2), (one, 3.0), (other, 5.0)]
    for sender, start in turns:
        first, *rest = sender.send(start, 0.2)
        assert begins(buffer, first)
        buffer.clear()
        assert put(buffer, rest) == 0


def test_packets_of_any_length_are_sorted_together() -> None:
    sender = Sender(toc=SILK_60_MS)
    packets = sender.send(0.0, 0.12)
    sender.toc = CELT_2_5_MS
    packets += sender.send(0.12, 0.01)
    buffer = PacketBuffer()
    assert put(buffer, packets[:1] + packets[:0:-1]) == 0
    assert drained(buffer) == payloads(packets)


@effort(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.integers(0, 65_535) | st.integers(0, 300),
            st.integers(0, 2**32 - 1) | st.integers(0, 300).map(lambda n: n * 480),
            st.binary(max_size=3) | st.sampled_from([bytes([9 << 3]), bytes([16 << 3])]),
        ),
        max_size=300,
    )
)
def test_whatever_comes_waits_in_order_without_overlap_and_bounded(
    packets: list[tuple[int, int, int, bytes]],
) -> None:
    buffer = PacketBuffer()
    for number, (ssrc, sequence, timestamp, payload) in enumerate(packets):
        waiting, begins = buffer.accept(RtpPacket(ssrc, sequence, timestamp, payload, number * 0.01))
        if begins:
            buffer.clear()
        if waiting is not None:
            buffer.put(waiting)
        assert len(buffer) <= LIMIT_PACKETS
    end = None
    while buffer.head is not None:
        packet = buffer.pop()
        assert end is None or packet.timestamp >= end
        end = packet.end
