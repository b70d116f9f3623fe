"""The microphone's packets from the thread that encoded them to the server, over real WebRTC."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import aiortc.rtcrtpreceiver
import aiortc.rtp
import pytest

from edge_agent.core.lapse import Reception
from edge_agent.session import direct_sender
from tests.session.bench import PACKET_SAMPLES, Bench, Packet
from tests.session.peer_server import PATIENCE_S, PeerServer, eventually


class Ear:
    """Notes every RTP packet that the server receives."""

    def __init__(self, server: PeerServer) -> None:
        receiver: Any = server.call.connection.getReceivers()[0]
        self.heard: list[aiortc.rtp.RtpPacket] = []
        receiver._handle_rtp_packet = self._take
        self._receiver = receiver

    async def _take(self, packet: aiortc.rtp.RtpPacket, arrival_time_ms: int) -> None:
        self.heard.append(packet)

    def told(self) -> Any:
        """What the newest sender report said, None before the first."""
        stats = self._receiver._RTCRtpReceiver__stats.values()
        return next((one for one in stats if one.type == "remote-outbound-rtp"), None)


async def started(server: PeerServer) -> tuple[Bench, Ear]:
    """Return a session that is up, and what its server hears."""
    bench = Bench(server)
    await bench.up()
    await eventually(lambda: bench.sound.deliver)
    return bench, Ear(server)


def speak(bench: Bench, number: int, payload: bytes = b"sound") -> None:
    """Deliver the packet that was captured after ``number`` others."""
    assert bench.sound.deliver is not None
    bench.sound.deliver(Packet(payload, number * PACKET_SAMPLES))


def sender_of(bench: Bench) -> Any:
    """Return aiortc's sender inside a session."""
    transport: Any = bench.session._transport
    return transport._peer._connection.getSenders()[0]


async def test_packets_are_sent_while_the_loop_does_something_else(server: PeerServer) -> None:
    bench, ear = await started(server)
    for number in range(10):
        speak(bench, number)
    assert bench.session.counters.packets_sent == 10  # and the loop had no turn
    assert bench.session.counters.bytes_sent == 10 * len(b"sound")
    await eventually(lambda: len(ear.heard) == 10)
    await bench.session.hang_up()


async def test_stream_counts_packets_and_samples(server: PeerServer) -> None:
    bench, ear = await started(server)
    spoken = [0, 1, 2, 50, 51]
    for number in spoken:
        speak(bench, number, str(number).encode())
    await eventually(lambda: len(ear.heard) == len(spoken))
    ssrc = sender_of(bench)._ssrc
    await bench.session.hang_up()
    first = ear.heard[0]
    assert first.sequence_number < 2**15
    for index, (number, packet) in enumerate(zip(spoken, ear.heard, strict=True)):
        assert packet.ssrc == ssrc
        assert packet.payload_type == 96
        assert packet.sequence_number == first.sequence_number + index
        assert packet.timestamp == (first.timestamp + number * PACKET_SAMPLES) % 2**32
        assert packet.payload == str(number).encode()
        assert packet.extensions.mid == "0"
    assert [packet.marker for packet in ear.heard] == [1, 0, 0, 1, 0]


async def test_numbers_wrap(server: PeerServer) -> None:
    bench, ear = await started(server)
    speak(bench, 0)
    peer: Any = bench.session._transport
    peer._peer._sender._next_sequence_number = 2**16 - 1
    speak(bench, 2**40)
    speak(bench, 2**40 + 1)
    await eventually(lambda: len(ear.heard) == 3)
    await bench.session.hang_up()
    assert [packet.sequence_number for packet in ear.heard[1:]] == [2**16 - 1, 0]


async def test_sender_reports_tell_what_was_sent(server: PeerServer) -> None:
    bench, ear = await started(server)
    for number in range(7):
        speak(bench, number)
    await eventually(lambda: ear.told() is not None and ear.told().packetsSent == 7)
    assert ear.told().bytesSent == 7 * len(b"sound")
    assert abs(ear.told().remoteTimestamp.timestamp() - time.time()) < 60
    stats = await sender_of(bench).getStats()
    await bench.session.hang_up()
    (outbound,) = [one for one in stats.values() if one.type == "outbound-rtp"]
    assert outbound.packetsSent == 7


async def test_what_the_server_has_missed_is_known(server: PeerServer) -> None:
    bench, ear = await started(server)
    peer: Any = bench.session._transport
    speak(bench, 0)
    await eventually(lambda: len(ear.heard) == 1)
    # The server's own statistics, as the receiver that Ear stands in for would keep them.
    statistics = aiortc.rtcrtpreceiver.StreamStatistics(48_000)
    ear._receiver._RTCRtpReceiver__remote_streams[ear.heard[0].ssrc] = statistics
    statistics.add(ear.heard[0])
    await eventually(lambda: bench.session.counters.reception is not None)
    assert bench.session.counters.reception == Reception(1, 0)
    assert bench.session.counters.first_packet_at is not None
    peer._peer._sender._next_sequence_number += 5
    speak(bench, 6)
    await eventually(lambda: len(ear.heard) == 2)
    statistics.add(ear.heard[1])
    await eventually(lambda: bench.session.counters.reception == Reception(7, 5))
    await bench.session.hang_up()


async def test_reports_and_packets_of_two_threads_do_not_spoil_each_other(server: PeerServer) -> None:
    bench, ear = await started(server)
    report = aiortc.rtp.RtcpRrPacket(ssrc=sender_of(bench)._ssrc)

    deadline = time.monotonic() + PATIENCE_S

    def capture() -> None:
        for number in range(2000):
            speak(bench, number)
            while number - len(ear.heard) > 100 and time.monotonic() < deadline:
                time.sleep(0.001)  # a socket's buffer holds a few hundred

    thread = threading.Thread(target=capture)
    thread.start()
    while thread.is_alive():
        await sender_of(bench)._send_rtcp([report])
        await asyncio.sleep(0.001)  # the loop reads one datagram a turn
    await eventually(lambda: len(ear.heard) == 2000)
    await bench.session.hang_up()


async def test_what_can_not_be_sent_is_counted(server: PeerServer) -> None:
    bench, ear = await started(server)
    speak(bench, 0, b"")
    speak(bench, 1)
    transport = sender_of(bench).transport
    pairs = transport.transport._connection._nominated
    pair = pairs.pop(direct_sender.COMPONENT)
    speak(bench, 2)
    pairs[direct_sender.COMPONENT] = pair
    speak(bench, 3, b"x" * 1600)
    speak(bench, 4)
    await eventually(lambda: len(ear.heard) == 2)
    counters = bench.session.counters
    deliver = bench.sound.deliver
    await bench.session.hang_up()
    assert (counters.packets_sent, counters.packets_dropped) == (2, 3)
    assert deliver is not None
    deliver(Packet(b"too late", 0))
    assert bench.session.counters.packets_sent == 2


async def test_path_may_change(server: PeerServer) -> None:
    bench, ear = await started(server)
    speak(bench, 0)
    connection = sender_of(bench).transport.transport._connection
    pair = connection._nominated[direct_sender.COMPONENT]
    other = type(pair)(pair.protocol, pair.remote_candidate)
    connection._nominated[direct_sender.COMPONENT] = other
    speak(bench, 1)
    await eventually(lambda: len(ear.heard) == 2)
    await bench.session.hang_up()


async def test_relay_is_sent_to_in_the_loop(server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, ear = await started(server)
    connection = sender_of(bench).transport.transport._connection
    transport = connection._nominated[direct_sender.COMPONENT].protocol.transport
    monkeypatch.setattr(transport, "get_extra_info", lambda name, default=None: default)
    thread = threading.Thread(target=speak, args=(bench, 0))
    thread.start()
    await eventually(lambda: len(ear.heard) == 1)
    thread.join()
    await bench.session.hang_up()


async def test_unknown_aiortc_sends_through_the_public_track(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(direct_sender, "_PACKETS", "_RTCRtpSender__packets_sent")
    bench, ear = await started(server)
    for number in range(5):
        speak(bench, number)
    await eventually(lambda: len(ear.heard) == 5)
    await eventually(lambda: bench.session.counters.packets_sent == 5)
    await bench.session.hang_up()
    assert "the microphone goes through the event loop" in caplog.text
