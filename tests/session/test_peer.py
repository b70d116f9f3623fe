"""The peer connection itself: offers, answers of all kinds, sound both ways."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import threading
import time

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from edge_agent.core.faults import FaultKind
from edge_agent.errors import SignalingError
from edge_agent.session.microphone_track import MicrophoneTrack
from edge_agent.session.peer import Peer
from tests.session.bench import OPENAI, PACKET_SAMPLES, Bench, FakeSound, loudness, opus_packets
from tests.session.peer_server import PeerServer, eventually
from tests.system.holdings import open_files

OPENAI_ANSWER = "\r\n".join(
    [
        "v=0",
        "o=- 7075162086859809594 1777287993 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=msid-semantic:WMS *",
        "a=fingerprint:sha-256 " + ":".join(["AE"] * 32),
        "a=ice-lite",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=setup:active",
        "a=mid:0",
        "a=ice-ufrag:hcFtabcdefgh",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 minptime=10;useinbandfec=1",
        "a=ssrc:4176682926 cname:realtimeapi",
        "a=ssrc:4176682926 msid:realtimeapi audio",
        "a=msid:realtimeapi audio",
        "a=sendrecv",
        "a=candidate:657706698 1 udp 2130706431 127.0.0.1 9 typ host ufrag hcFtabcdefgh",
        "a=candidate:1561877326 1 tcp 1671430143 127.0.0.1 9 typ host tcptype passive ufrag hcFtabcdefgh",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=setup:active",
        "a=mid:1",
        "a=sendrecv",
        "a=sctp-port:5000",
        "a=max-message-size:1073741823",
        "a=ice-ufrag:hcFtabcdefgh",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "",
    ]
)
"""The shape of OpenAI's answers: ICE-lite, one fingerprint for all, a TCP candidate, no end of candidates."""


async def test_offer_is_complete_and_names_no_stranger() -> None:
    peer = Peer((), FakeSound())
    offer = await peer.make_offer()
    await peer.close(1.0)
    assert offer.count("m=audio") == offer.count("m=application") == 1
    assert offer.index("m=audio") < offer.index("m=application")
    assert "a=sendrecv" in offer
    assert "typ host" in offer
    assert "srflx" not in offer
    assert offer.endswith("\r\n")
    codecs = [line for line in offer.split("\r\n") if line.startswith("a=rtpmap")]
    assert codecs == ["a=rtpmap:96 opus/48000/2"]


async def test_answer_in_the_shape_of_openai_is_taken() -> None:
    peer = Peer((), FakeSound())
    await peer.make_offer()
    await peer.accept(OPENAI_ANSWER)
    assert "UDP" in peer.what_is_missing()
    await peer.close(1.0)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("a=fingerprint:sha-256", "a=nothing:sha-256"),
        ("m=audio 9", "m=audio 0"),
        ("m=application 9", "m=application 0"),
        ("opus/48000/2", "PCMU/8000"),
        ("a=setup:active", "a=setup:actpass"),
        ("a=mid:1", "a=mid:7"),
        ("a=ice-pwd", "a=ice-nothing"),
        ("a=rtcp-mux", "a=x"),
        ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=x"),
        ("a=sctp-port:5000", "a=sctp-port:x"),
    ],
)
async def test_answers_that_can_not_be_used(wrong: str, right: str) -> None:
    assert wrong in OPENAI_ANSWER
    peer = Peer((), FakeSound())
    await peer.make_offer()
    with pytest.raises(SignalingError) as caught:
        await peer.accept(OPENAI_ANSWER.replace(wrong, right))
    assert caught.value.fault.kind is FaultKind.BAD_ANSWER
    await peer.close(1.0)


async def test_machine_without_a_network_reaches_itself(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ifaddr.get_adapters", list)
    bench = Bench(server)
    await bench.up()
    await bench.session.hang_up()


async def test_loopback_is_not_offered_when_there_is_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.session.peer._find_host_addresses", lambda *_: ["192.0.2.1"])
    assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["192.0.2.1"]


async def test_microphone_packets_arrive_as_they_were_encoded(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    deliver = bench.sound.deliver
    assert deliver is not None
    packets = opus_packets(40)

    def speak() -> None:
        for packet in packets:
            deliver(packet)
            time.sleep(0.005)

    capture = threading.Thread(target=speak)
    capture.start()
    await eventually(lambda: len(server.call.frames) >= 30)
    capture.join()
    heard = server.call.frames
    times = [frame.pts for frame in heard]
    assert all(
        later is not None and earlier is not None and later - earlier == PACKET_SAMPLES
        for earlier, later in itertools.pairwise(times)
    )
    assert loudness(b"".join(bytes(frame.planes[0]) for frame in heard)) > 5000
    await eventually(lambda: bench.session.counters.packets_sent == len(packets))
    await bench.session.hang_up()
    assert bench.sound.times_disconnected == 1


async def test_microphone_is_connected_only_once_the_session_is_up(server: PeerServer) -> None:
    server.greeting = []
    bench = Bench(server, OPENAI)
    assert (await bench.fault()).kind is FaultKind.TIMEOUT
    assert (bench.sound.times_connected, bench.sound.times_disconnected) == (0, 0)


async def test_connection_without_a_channel_section_of_the_server_is_refused() -> None:
    """A server that knows no data channels answers without that section."""
    peer = Peer((), FakeSound())
    offer = await peer.make_offer()
    audio_only = offer[: offer.index("m=application")].replace("BUNDLE 0 1", "BUNDLE 0")
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await other.setRemoteDescription(RTCSessionDescription(audio_only, "offer"))
    await other.setLocalDescription(await other.createAnswer())
    with pytest.raises(SignalingError):
        await peer.accept(other.localDescription.sdp)
    await peer.close(1.0)
    await other.close()


async def test_closing_twice_and_before_anything_was_done() -> None:
    peer = Peer((), FakeSound())
    await peer.close(1.0)
    await peer.close(1.0)
    assert not peer.send("x")


async def test_track_counts_nothing_without_a_reader() -> None:
    track = MicrophoneTrack()
    await asyncio.sleep(0)
    assert (track.packets_sent, track.packets_dropped) == (0, 0)


async def test_close_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    peer = Peer((), FakeSound())
    with monkeypatch.context() as patched:
        patched.setattr(RTCPeerConnection, "close", lambda _: asyncio.Event().wait())
        await peer.close(0.05)
    assert "did not close" in caplog.text
    await peer.close(1.0)


async def test_connecting_that_is_broken_off_leaves_no_complaint() -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    peer = Peer((), FakeSound())
    await peer.make_offer()
    await peer.accept(OPENAI_ANSWER)
    for transport in peer._connection._RTCPeerConnection__iceTransports:  # type: ignore[attr-defined] # a lever
        await transport.stop()
    await peer.close(5.0)
    await eventually(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    gc.collect()
    assert complaints == []


async def test_offer_that_is_broken_off_at_any_moment_leaves_no_socket() -> None:
    def sockets() -> int:
        return sum(file.startswith("socket:") for file in open_files(os.getpid()))

    before = sockets()
    for turns in range(30):
        peer = Peer((), FakeSound())
        offering = asyncio.create_task(peer.make_offer())
        for _ in range(turns):
            await asyncio.sleep(0)
        offering.cancel()
        await asyncio.wait({offering})
        await peer.close(5.0)
    await eventually(lambda: sockets() <= before)
