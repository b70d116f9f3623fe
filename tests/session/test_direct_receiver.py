"""The server's sound past the event loop: real WebRTC over loopback, sorted by the kernel."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from edge_agent.core.pcm import SAMPLE_RATE_HZ
from edge_agent.session import direct_receiver
from edge_agent.session.shared_srtp import SharedSrtp
from tests.session.bench import PACKET_SAMPLES, Bench
from tests.session.peer_server import PATIENCE_S, PeerServer, eventually
from tests.session.test_rtp_tap import Wire, peer_of, receiver_of, started


def reader_of(bench: Bench) -> direct_receiver.DirectReceiver:
    """Return who reads the sound of a session that is up."""
    reader = peer_of(bench)._receiver
    assert isinstance(reader, direct_receiver.DirectReceiver)
    return reader


def pull_by_hand(bench: Bench) -> Callable[[], None]:
    """Let nobody ask for sound any more but the test, and return how it asks."""
    read = bench.sound.read
    assert read is not None
    bench.sound.read = None
    return read


async def known_source(server: PeerServer) -> tuple[Bench, Wire, Callable[[], None]]:
    """Return a session whose server has sent packet 0, and how to ask for the next ones."""
    bench, wire = await started(server)
    await wire.send(0)
    await eventually(lambda: bench.sound.packets)
    return bench, wire, pull_by_hand(bench)


async def test_sound_waits_until_it_is_asked_for(server: PeerServer) -> None:
    bench, wire, read = await known_source(server)
    for number in range(1, 51):
        await wire.send(number)
    await asyncio.sleep(0.05)
    read()
    assert reader_of(bench).datagrams_received == 50
    await bench.session.hang_up()
    assert [packet.sequence_number for packet in bench.sound.packets] == list(range(51))


async def test_arrival_is_when_it_came_and_not_when_it_was_read(server: PeerServer) -> None:
    bench, wire, read = await known_source(server)
    before = time.monotonic()
    await wire.send(1)
    sent = time.monotonic()
    await asyncio.sleep(0.1)
    read()
    await bench.session.hang_up()
    # The two clocks are read one after the other.
    assert before - 0.01 < bench.sound.packets[1].arrived_at < sent + 0.01


async def test_clock_that_is_set_moves_no_arrival(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, wire, read = await known_source(server)
    wall_s, before = time.time, time.monotonic()
    await wire.send(1)
    monkeypatch.setattr(time, "time", lambda: wall_s() + 0.3)
    read()
    await wire.send(2)
    monkeypatch.setattr(time, "time", lambda: wall_s() - 3600)
    read()
    after = time.monotonic()
    monkeypatch.undo()
    await bench.session.hang_up()
    assert [packet.sequence_number for packet in bench.sound.packets] == [0, 1, 2]
    assert all(before - 0.01 < packet.arrived_at <= after for packet in bench.sound.packets[1:])


async def test_server_is_told_of_the_jitter_of_the_network_alone(server: PeerServer) -> None:
    bench, wire, read = await known_source(server)
    for number in range(1, 31):
        await asyncio.sleep(0.02)
        await wire.send(number)
        if number % 5 == 0:
            read()
    statistics = receiver_of(bench)._RTCRtpReceiver__remote_streams[wire.ssrc]
    await bench.session.hang_up()
    jitter = 0.0  # RFC 3550 section 6.4.1
    for before, packet in pairwise(bench.sound.packets):
        taken_s = packet.arrived_at - before.arrived_at
        jitter += (abs(taken_s * SAMPLE_RATE_HZ - PACKET_SAMPLES) - jitter) / 16
    assert len(bench.sound.packets) == 31
    assert statistics.jitter == pytest.approx(jitter, abs=40)  # five at once would be 1000 and more


async def test_loop_that_is_busy_delays_no_sound(server: PeerServer) -> None:
    bench, wire, read = await known_source(server)
    for number in range(1, 4):
        await wire.send(number)
    heard: list[int] = []

    def pull() -> None:
        read()
        heard.append(len(bench.sound.packets))

    thread = threading.Thread(target=pull)
    thread.start()
    thread.join(PATIENCE_S)  # the loop has no turn meanwhile
    await bench.session.hang_up()
    assert heard == [4]


async def test_session_is_watched_without_a_loudspeaker(server: PeerServer) -> None:
    bench, wire, _ = await known_source(server)
    before = bench.session.counters.datagrams_received
    await wire.send(1)
    await eventually(lambda: bench.session.counters.sound_packets_received == 2)
    counters = bench.session.counters
    assert before is not None
    assert counters.datagrams_received is not None
    assert counters.datagrams_received > before
    assert counters.datagram_at is not None
    assert counters.datagram_at >= bench.sound.packets[1].arrived_at
    await bench.session.hang_up()


async def test_all_but_sound_goes_on_to_the_loop(server: PeerServer) -> None:
    bench, wire = await started(server)
    read: list[bytes] = []
    takes = peer_of(bench)._short_cut.takes

    def note(data: bytes, arrived_at: float) -> bool:
        if threading.current_thread() is not threading.main_thread():
            read.append(data)
        return bool(takes(data, arrived_at))

    peer_of(bench)._short_cut.takes = note
    ask = pull_by_hand(bench)
    is_over = threading.Event()

    def pull() -> None:
        while not is_over.wait(0.005):
            ask()

    thread = threading.Thread(target=pull)
    thread.start()
    for number in range(50):
        await wire.send(number)
        server.call.say({"type": "input_audio_buffer.cleared"})
    await eventually(lambda: len(bench.sound.packets) == 50)
    assert await peer_of(bench).check()
    is_over.set()
    thread.join(PATIENCE_S)
    await bench.session.hang_up()
    assert bench.said().count("input_audio_buffer.cleared") == 50
    assert len(read) >= 49
    assert {datagram[0] >> 6 for datagram in read} == {2}
    assert not any(64 <= datagram[1] & 127 < 96 for datagram in read)


async def test_decryption_is_shared_by_both_threads(server: PeerServer) -> None:
    bench, wire, read = await known_source(server)
    transport = receiver_of(bench).transport
    assert isinstance(transport._rx_srtp, SharedSrtp)
    is_over = threading.Event()
    failures: list[BaseException] = []

    def pull() -> None:
        try:
            while not is_over.wait(0.001):
                read()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=pull)
    thread.start()
    for number in range(1, 500):
        await wire.send(number)
        await wire.send(number, ssrc=1000 + number)  # a new source: its packet goes to the loop
        if number % 20 == 0:
            await asyncio.sleep(0.005)
    await eventually(lambda: len(bench.sound.packets) == 999)
    is_over.set()
    thread.join(PATIENCE_S)
    await bench.session.hang_up()
    assert failures == []
    # With so many sources, ours is forgotten again and again, and its next packet takes the other way.
    ours = [packet.sequence_number for packet in bench.sound.packets if packet.ssrc == wire.ssrc]
    assert sorted(ours) == list(range(500))


async def test_session_that_has_given_up_its_sound_hands_nothing_on(server: PeerServer) -> None:
    bench, wire, read = await known_source(server)
    bench.session.release_sound()
    for number in range(1, 6):
        await wire.send(number)
    await eventually(lambda: bench.session.counters.sound_packets_received == 6)
    read()
    await bench.session.hang_up()
    assert len(bench.sound.packets) == 1


async def test_what_the_loudspeaker_raises_ends_the_session(server: PeerServer) -> None:
    bench, wire, read = await known_source(server)
    bench.sound.failure = RuntimeError("no loudspeaker")
    await wire.send(1)
    with pytest.raises(RuntimeError, match="no loudspeaker"):
        read()
    assert bench.task is not None
    with pytest.raises(RuntimeError, match="no loudspeaker"):
        await bench.task


async def test_kernel_that_does_not_sort_wakes_the_loop(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(direct_receiver, "_SO_ATTACH_REUSEPORT_CBPF", 9999)
    bench, wire = await started(server)
    for number in range(20):
        await wire.send(number)
    await eventually(lambda: len(bench.sound.packets) == 20)
    assert bench.sound.read is None
    await bench.session.hang_up()
    assert "the kernel does not sort" in caplog.text


async def test_sockets_are_closed_in_the_end(server: PeerServer) -> None:
    bench, _ = await started(server)
    inlets = [inlet for inlet, _ in reader_of(bench)._inlets.values()]
    assert inlets
    await bench.session.hang_up()
    assert [inlet.fileno() for inlet in inlets] == [-1] * len(inlets)


@pytest.mark.parametrize(
    ("datagram", "is_sound"),
    [
        (b"", False),
        (b"\x80", False),
        (b"\x00\x01\x00\x00", False),  # STUN
        (b"\x16\xfe\xfd\x00", False),  # DTLS
        (b"\x40\x00\x00\x00", False),  # a channel of TURN
        (b"\x80\x60sound", True),
        (b"\x80\xe0marked", True),
        (b"\x90\x6fextended", True),
        (b"\xbf\x00", True),
        (b"\x80\xbfa payload type that RTCP has not", True),
        (b"\x80\xc8sender report", False),
        (b"\x81\xc9receiver report", False),
        (b"\x80\xcebye", False),
        (b"\xc0\x60", False),
        (b"\xff\xff", False),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_kernel_tells_sound_from_all_else(host: str, datagram: bytes, is_sound: bool) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as ice, socket.socket(family, socket.SOCK_DGRAM) as sender:
        ice.bind((host, 0))
        ice.settimeout(PATIENCE_S)
        with direct_receiver._sound_socket(ice) as sound:
            sound.settimeout(PATIENCE_S)
            sender.sendto(datagram, ice.getsockname())
            assert (sound if is_sound else ice).recv(100) == datagram
        sender.sendto(datagram, ice.getsockname())
        assert ice.recv(100) == datagram  # the second socket is gone
