"""The server's sound as packets: real WebRTC over loopback, the other side's packets written by hand."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import aiortc.rtp
import pytest
from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack
from aiortc.rtcrtpreceiver import StreamStatistics

from edge_agent.audio.opus import OpusDecoder
from edge_agent.core.events import LinkDown
from edge_agent.core.faults import FaultKind
from edge_agent.core.pcm import SAMPLE_RATE_HZ
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.session import rtp_tap
from tests.session.bench import PACKET_SAMPLES, Bench, loudness
from tests.session.peer_server import LateTone, PeerServer, eventually

OPUS = 96
"""The payload type that our offer gives to Opus."""


class Silent(MediaStreamTrack):
    """A track that never has anything, so that a test sends all the packets."""

    kind = "audio"

    async def recv(self) -> Any:
        await asyncio.Event().wait()


class Wire:
    """Sends packets of any kind as the server."""

    def __init__(self, server: PeerServer) -> None:
        self._sender: Any = server.call.connection.getSenders()[0]
        self.ssrc = int(self._sender._ssrc)

    async def send(self, sequence_number: int, payload: bytes = b"sound", **fields: Any) -> None:
        """Send one RTP packet of 20 ms, after ``sequence_number`` others."""
        padding_size = fields.pop("padding_size", 0)
        packet = aiortc.rtp.RtpPacket(
            payload_type=fields.pop("payload_type", OPUS),
            sequence_number=sequence_number % 2**16,
            timestamp=sequence_number * PACKET_SAMPLES % 2**32,
            ssrc=fields.pop("ssrc", self.ssrc),
            payload=payload,
        )
        packet.padding_size = padding_size
        assert not fields
        await self.send_raw(packet.serialize())

    async def send_raw(self, packet: bytes) -> None:
        """Send anything that SRTP takes."""
        await self._sender.transport._send_rtp(packet)

    def reported(self, name: str) -> float:
        """Return what the newest receiver report said about our stream."""
        stats = self._sender._RTCRtpSender__stats
        reports = [one for one in stats.values() if one.type == "remote-inbound-rtp"]
        return float(getattr(reports[0], name)) if reports else math.nan


async def started(server: PeerServer) -> tuple[Bench, Wire]:
    """Return a session that is up, with a server that sends no sound of its own."""
    server.track = Silent
    bench = Bench(server)
    await bench.up()
    return bench, Wire(server)


async def started_with_tone(server: PeerServer) -> Bench:
    """Return a session that is up, with a server that sends a tone from now on."""
    begins = asyncio.Event()
    server.track = lambda: LateTone(begins)
    bench = Bench(server)
    await bench.up()
    begins.set()
    return bench


def peer_of(bench: Bench) -> Any:
    """Return the peer connection inside a session."""
    transport: Any = bench.session._transport
    return transport._peer


def receiver_of(bench: Bench) -> Any:
    """Return aiortc's receiver inside a session."""
    return peer_of(bench)._connection.getReceivers()[0]


def ice_of(bench: Bench) -> Any:
    """Return aioice's connection inside a session."""
    return receiver_of(bench).transport.transport._connection


@pytest.fixture
def unknown_aiortc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let aiortc look as if its jitter buffer had another name."""
    rtp_tap._tell_unknown.cache_clear()
    monkeypatch.setattr(rtp_tap, "_JITTER_BUFFER", "_RTCRtpReceiver__playout_buffer")
    yield
    rtp_tap._tell_unknown.cache_clear()


async def test_packets_come_as_they_were_sent_and_decode(server: PeerServer) -> None:
    bench = await started_with_tone(server)
    packets = bench.sound.packets
    await eventually(lambda: len(packets) >= 20)
    assert bench.session.counters.sound_packets_received == len(packets)
    await bench.session.hang_up()
    first = packets[0]
    for index, packet in enumerate(packets[:20]):
        assert packet.ssrc == first.ssrc
        assert packet.sequence_number == first.sequence_number + index
        assert packet.timestamp == (first.timestamp + index * PACKET_SAMPLES) % 2**32
        assert packet.arrived_at >= first.arrived_at
    decoder = OpusDecoder()
    assert loudness(b"".join(decoder.decode(packet.payload) for packet in packets)) > 5000
    assert bench.sound.blocks == []


async def test_order_gaps_and_wraps_are_handed_on(server: PeerServer) -> None:
    bench, wire = await started(server)
    sent = [65_533, 65_535, 65_534, 65_538, 65_536]
    for number in sent:
        await wire.send(number, str(number).encode())
    await eventually(lambda: len(bench.sound.packets) == len(sent))
    await bench.session.hang_up()
    assert [packet.sequence_number for packet in bench.sound.packets] == [n % 2**16 for n in sent]
    assert [packet.payload for packet in bench.sound.packets] == [str(n).encode() for n in sent]
    assert {packet.ssrc for packet in bench.sound.packets} == {wire.ssrc}


async def test_packets_come_the_same_way_without_the_short_cut(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(rtp_tap, "_CODECS", "_RTCRtpReceiver__codec_table")
    bench, wire = await started(server)
    assert "data_received" not in vars(ice_of(bench))
    for number in range(20):
        await wire.send(number)
    await eventually(lambda: len(bench.sound.packets) == 20)
    await bench.session.hang_up()
    assert "a turn of the loop more" in caplog.text


async def test_only_the_first_packet_of_a_source_waits_in_a_queue(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, wire = await started(server)
    queued: list[bytes] = []
    queue = ice_of(bench)._queue
    put = queue.put_nowait

    def note(item: tuple[bytes, int]) -> None:
        queued.append(item[0])
        put(item)

    def have_come(packets: int) -> bool:
        return len(bench.sound.packets) == packets

    monkeypatch.setattr(queue, "put_nowait", note)
    for number in range(20):
        await wire.send(number)
        await wire.send(number, ssrc=7)
        await eventually(partial(have_come, 2 * number + 2))
    monkeypatch.undo()
    await bench.session.hang_up()
    assert len([datagram for datagram in queued if datagram[1] & 127 == OPUS]) == 2


async def test_datagrams_of_a_stranger_change_nothing(server: PeerServer) -> None:
    bench, wire = await started(server)
    await wire.send(0)
    (candidate, *_) = ice_of(bench).local_candidates
    forged = aiortc.rtp.RtpPacket(payload_type=OPUS, ssrc=wire.ssrc, payload=b"forged").serialize()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in (
            b"",
            b"\x80",
            b"\x80\x60",
            forged,
            forged.ljust(3000, b"x"),
            b"\x80\xc8".ljust(3000),
        ):
            stranger.sendto(datagram, (candidate.host, candidate.port))
    await wire.send(1)
    await eventually(lambda: len(bench.sound.packets) == 2)
    assert not any(isinstance(event, LinkDown) for event in bench.events)
    await bench.session.hang_up()
    assert {packet.payload for packet in bench.sound.packets} == {b"sound"}


async def test_nothing_is_handed_on_after_the_close(server: PeerServer) -> None:
    bench, wire = await started(server)
    await wire.send(0)
    await eventually(lambda: bench.sound.packets)
    closing = asyncio.create_task(peer_of(bench).close(5.0))
    await asyncio.sleep(0)
    await wire.send(1)
    await closing
    assert len(bench.sound.packets) == 1
    await bench.fault()


async def test_another_source_is_handed_on(server: PeerServer) -> None:
    bench, wire = await started(server)
    for number in range(3):
        await wire.send(number)
        await wire.send(7000 + number, ssrc=12345)
    await eventually(lambda: len(bench.sound.packets) == 6)
    await bench.session.hang_up()
    assert [packet.ssrc for packet in bench.sound.packets] == [wire.ssrc, 12345] * 3


async def test_packets_without_sound_are_counted_and_kept_back(server: PeerServer) -> None:
    bench, wire = await started(server)
    await wire.send(0)
    await wire.send(1, b"")
    await wire.send(2, b"", padding_size=20)
    await wire.send(3, padding_size=20)
    await eventually(lambda: len(bench.sound.packets) == 2)
    counters = bench.session.counters
    await bench.session.hang_up()
    assert [packet.sequence_number for packet in bench.sound.packets] == [0, 3]
    assert {packet.payload for packet in bench.sound.packets} == {b"sound"}
    assert (counters.sound_packets_received, counters.sound_packets_empty) == (2, 2)


async def test_garbage_is_dropped(server: PeerServer) -> None:
    bench, wire = await started(server)
    header = bytes([0x80, OPUS, 0, 1, 0, 0, 0, 0]) + wire.ssrc.to_bytes(4)
    await wire.send(0)
    await wire.send(1, payload_type=13)
    await wire.send(2, payload_type=111)
    await wire.send(3, padding_size=4)
    await wire.send_raw(bytes([0xA0]) + header[1:3] + b"\x04" + header[4:] + b"sound\xff")  # padding > packet
    await wire.send_raw(header[:3] + b"\x05" + header[4:] + b"sound")
    await eventually(lambda: len(bench.sound.packets) == 3)
    assert bench.session.counters.sound_packets_empty == 0
    await bench.session.hang_up()
    assert [packet.sequence_number for packet in bench.sound.packets] == [0, 3, 5]


async def test_server_is_told_of_loss_and_jitter(server: PeerServer) -> None:
    bench, wire = await started(server)
    for number in range(200):
        if number % 10 != 5:
            await wire.send(number)
    await eventually(lambda: wire.reported("packetsLost") == 20)
    assert wire.reported("jitter") > 100  # sent at once, but 20 ms apart by their timestamps
    report = await receiver_of(bench).getStats()
    await bench.session.hang_up()
    (inbound,) = [one for one in report.values() if one.type == "inbound-rtp"]
    assert (inbound.packetsReceived, inbound.packetsLost) == (180, 20)
    (transport,) = [one for one in report.values() if one.type == "transport"]
    assert transport.packetsReceived > 180
    assert transport.bytesReceived > 180 * len(b"sound")
    assert len(bench.sound.packets) == 180


def test_packets_are_counted_as_aiortc_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    chance, lead_s = random.Random(1), 1.7e9
    ours: Any = StreamStatistics(SAMPLE_RATE_HZ)
    theirs: Any = StreamStatistics(SAMPLE_RATE_HZ)
    now, number = 1000.0, 65_000
    monkeypatch.setattr(time, "time", lambda: now + lead_s)
    for index in range(2000):  # over the wrap of their numbers, with losses, and some out of order or doubled
        number += chance.choice((1, 1, 1, 2, 5, 0, -1))
        now += chance.random() * 0.040
        packet = RtpPacket(1, number % 2**16, number // 2 * PACKET_SAMPLES, b"sound", now)
        theirs.add(packet)
        if index:
            rtp_tap._count(packet, ours, lead_s)
        else:
            ours.add(packet)
        assert vars(ours) == vars(theirs)
    assert ours.cycles > 0
    assert ours.packets_lost > 0


@pytest.mark.parametrize("set_by_s", [0.0, 365 * 86_400.0])
def test_neither_a_wrap_nor_a_clock_that_is_set_is_jitter_for_long(
    monkeypatch: pytest.MonkeyPatch, set_by_s: float
) -> None:
    statistics: Any = StreamStatistics(SAMPLE_RATE_HZ)
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + set_by_s)
    first, limit = 2**32 - 100 * PACKET_SAMPLES, 2**32 if set_by_s else 2
    for number in range(600):
        timestamp = (first + number * PACKET_SAMPLES) % 2**32
        packet: Any = RtpPacket(1, number, timestamp, b"sound", number * 0.020)
        if number:
            rtp_tap._count(packet, statistics, 1.7e9)
        else:
            statistics.add(packet)
        assert statistics.jitter < limit  # a report has room for 32 bits (RFC 3550 section 6.4.1)
    assert statistics.jitter <= 1


async def test_only_the_newest_sources_are_reported_on(server: PeerServer) -> None:
    bench, wire = await started(server)
    for ssrc in range(1, 301):
        await wire.send(ssrc, ssrc=ssrc)
    await eventually(lambda: len(bench.sound.packets) == 300)
    statistics = receiver_of(bench)._RTCRtpReceiver__remote_streams
    assert list(statistics) == [297, 298, 299, 300]
    await bench.session.hang_up()


async def test_nothing_of_aiortc_grows_behind_the_tap(server: PeerServer) -> None:
    bench, wire = await started(server)
    receiver = receiver_of(bench)
    sent = 0

    def all_arrived() -> bool:
        return len(bench.sound.packets) == sent

    while sent < 5000:
        for _ in range(50):  # a socket's buffer holds a few hundred
            await wire.send(sent)
            sent += 1
        await eventually(all_arrived)
    assert receiver._RTCRtpReceiver__decoder_queue.qsize() == 0
    assert receiver.track._queue.qsize() == 0
    assert ice_of(bench)._queue.qsize() == 0
    await bench.session.hang_up()


async def test_track_still_ends_the_session(server: PeerServer) -> None:
    bench, wire = await started(server)
    await wire.send(0)
    await eventually(lambda: bench.sound.packets)
    await server.call.connection.getSenders()[0].stop()  # RTCP BYE
    fault = await bench.fault()
    assert fault.kind is FaultKind.CLOSED
    assert "sound ended" in fault.message


async def test_unknown_aiortc_plays_the_public_track(
    server: PeerServer, unknown_aiortc: None, caplog: pytest.LogCaptureFixture
) -> None:
    bench = await started_with_tone(server)
    await eventually(lambda: len(bench.sound.blocks) >= 20)
    assert any("decoder" in thread.name for thread in threading.enumerate())
    await bench.session.hang_up()
    assert bench.sound.packets == []
    assert {len(block) for block in bench.sound.blocks} == {PACKET_SAMPLES * 2}
    assert loudness(b"".join(bench.sound.blocks)) > 5000
    assert bench.session.counters.sound_packets_received == len(bench.sound.blocks)
    assert f"aiortc {aiortc.__version__} is not known" in caplog.text


async def test_unknown_aiortc_is_told_once(
    server: PeerServer, unknown_aiortc: None, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        bench = Bench(server)
        await bench.up()
        await bench.session.hang_up()
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([record for record in warnings if "aiortc" in record.getMessage()]) == 1


async def test_unknown_aiortc_still_ends_with_its_track(server: PeerServer, unknown_aiortc: None) -> None:
    server.track = AudioStreamTrack
    bench = Bench(server)
    await bench.up()
    await eventually(lambda: bench.sound.blocks)
    await server.call.connection.getSenders()[0].stop()
    assert (await bench.fault()).kind is FaultKind.CLOSED


async def test_unknown_aiortc_does_not_hide_a_fault_of_our_own(
    server: PeerServer, unknown_aiortc: None
) -> None:
    bench = Bench(server)
    bench.sound.failure = RuntimeError("no loudspeaker")
    await bench.up()
    assert bench.task is not None
    with pytest.raises(RuntimeError, match="no loudspeaker"):
        await bench.task


@pytest.mark.parametrize(
    "add",
    [
        lambda self, packet, arrived_at: None,
        lambda self, packet: None,
    ],
)
async def test_another_way_to_ask_the_jitter_buffer_is_not_known(
    monkeypatch: pytest.MonkeyPatch, add: Any
) -> None:
    receiver = _new_receiver()
    assert rtp_tap._is_known(receiver)
    monkeypatch.setattr(JitterBuffer, "add", add)
    assert not rtp_tap._is_known(receiver)


def _new_receiver() -> RTCRtpReceiver:
    connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    return connection.addTransceiver("audio").receiver
