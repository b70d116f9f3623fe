"""The watch over real sessions: limits shortened, everything else as it is."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

import pytest

from edge_agent.core import lapse, liveness
from edge_agent.core.events import (
    LinkDoubted,
    LinkDown,
    LinkLapsed,
    LinkMended,
    LinkStirred,
    LinkTrusted,
    LinkUp,
    ServerSaid,
)
from edge_agent.core.faults import FaultKind
from edge_agent.server.peer_hooks import cut_off
from edge_agent.session import watch
from edge_agent.session.watch import is_gone
from tests.session.bench import Bench
from tests.session.peer_server import LateTone, PeerServer, Tone, eventually

SOUND_ALL_THE_TIME_PACKETS = 60
SOUND_ALL_THE_TIME_S = 1.0
"""So much sound before anything was announced, and no look without any: this server never stops sending."""

HOLE_S = 0.08
"""Shorter than the time between two quick looks."""

QUIET_S = 0.2
"""Nothing is under way any more after so long."""

SEVERAL = 20
"""Questions a hundredth of a second apart: ten packets' time."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every limit is a fifth of what it is."""
    monkeypatch.setattr(watch, "LOOK_EVERY_S", watch.LOOK_EVERY_S / 5)
    for module in (liveness, lapse):
        for name in vars(module):
            if name.endswith("_S"):
                monkeypatch.setattr(module, name, getattr(module, name) / 5)
    monkeypatch.setattr(liveness, "ASLEEP_AFTER_S", liveness.ASLEEP_AFTER_S * 5)


def kinds(bench: Bench) -> list[type]:
    return [type(event) for event in bench.events if not isinstance(event, ServerSaid)]


async def test_peer_that_vanishes_is_doubted_and_then_given_up(server: PeerServer, quick: None) -> None:
    bench = Bench(server)
    await bench.up()
    cut_off(server.call.connection)
    fault = await bench.fault()
    assert fault.kind is FaultKind.PEER_DEAD
    assert kinds(bench) == [LinkUp, LinkLapsed, LinkDoubted, LinkDown]


async def test_lapse_comes_before_its_doubt_also_if_one_look_finds_both(
    server: PeerServer, quick: None
) -> None:
    bench = Bench(server)
    await bench.up()
    cut_off(server.call.connection)
    await eventually(lambda: time.monotonic() - (bench.session.counters.datagram_at or 0.0) > QUIET_S)
    time.sleep(liveness.DOUBT_AFTER_S - QUIET_S)  # noqa: ASYNC251 - no look meanwhile
    await eventually(lambda: LinkDoubted(bench.epoch) in bench.events)
    assert kinds(bench)[:3] == [LinkUp, LinkLapsed, LinkDoubted]
    await bench.session.hang_up()


async def test_peer_that_comes_back_is_trusted_again(server: PeerServer, quick: None) -> None:
    bench = Bench(server)
    await bench.up()
    connection = server.call.connection.getSenders()[0].transport.transport._connection
    ways = [(protocol, protocol.send_data, protocol.send_stun) for protocol in connection._protocols]
    cut_off(server.call.connection)
    await eventually(lambda: LinkDoubted(bench.epoch) in bench.events)
    for protocol, send_data, send_stun in ways:
        vars(protocol).update(send_data=send_data, send_stun=send_stun)
        del protocol.datagram_received
    await eventually(lambda: LinkTrusted(bench.epoch) in bench.events)
    await eventually(lambda: LinkMended in kinds(bench))
    await bench.session.hang_up()
    told = [kind for kind in kinds(bench) if kind is not LinkStirred]  # a report may be there at once
    assert told == [LinkUp, LinkLapsed, LinkDoubted, LinkTrusted, LinkMended]


def sounds_all_the_time(bench: Bench) -> bool:
    """Whether every look of the last second has found sound."""
    arrived_at = [packet.arrived_at for packet in bench.sound.packets[-SOUND_ALL_THE_TIME_PACKETS:]]
    holes_s = [later - sooner for sooner, later in pairwise(arrived_at)]
    return sum(holes_s) > SOUND_ALL_THE_TIME_S and max(holes_s) < HOLE_S


async def test_announced_sound_that_stops_ends_the_session(server: PeerServer, quick: None) -> None:
    server.track = Tone
    bench = Bench(server)
    await bench.up()
    await eventually(lambda: sounds_all_the_time(bench))
    server.call.say({"type": "output_audio_buffer.started", "event_id": "e", "response_id": "resp_1"})
    await eventually(lambda: "output_audio_buffer.started" in bench.said())
    server.call.connection.getSenders()[0].replaceTrack(None)
    fault = await bench.fault()
    assert fault.kind is FaultKind.DEAF


def no_more_sound(bench: Bench) -> Callable[[], bool]:
    """Return a question that is true when nothing has come since it was asked several times before."""
    counts: deque[int] = deque(maxlen=SEVERAL)

    def is_silent() -> bool:
        counts.append(bench.session.counters.sound_packets_received)
        return len(counts) == SEVERAL and counts[0] == counts[-1]

    return is_silent


def answer(response_id: str, status: str) -> dict[str, object]:
    part = {"type": "output_audio", "transcript": "hello"}
    item = {"type": "message", "id": f"item_of_{response_id}", "role": "assistant", "content": [part]}
    return {"id": response_id, "object": "realtime.response", "status": status, "output": [item]}


async def test_answer_of_a_server_that_tells_nothing_more_ends_the_session_if_nothing_of_it_comes(
    server: PeerServer, quick: None
) -> None:
    server.track = Tone
    bench = Bench(server)
    await bench.up()
    await eventually(lambda: bench.session.counters.sound_packets_received > 0)
    server.call.connection.getSenders()[0].replaceTrack(None)
    await eventually(no_more_sound(bench))
    for event, status in (("response.created", "in_progress"), ("response.done", "completed")):
        server.call.say({"type": event, "event_id": event, "response": answer("resp_1", status)})
    fault = await bench.fault()
    assert fault.kind is FaultKind.DEAF
    assert "has made an answer" in fault.message


async def test_sound_that_cannot_be_decoded_is_no_sound(server: PeerServer, quick: None) -> None:
    begins = asyncio.Event()
    server.track = lambda: LateTone(begins)
    bench = Bench(server)
    bench.sound.count_all_as_undecodable = True
    await bench.up()
    begins.set()
    server.call.say({"type": "output_audio_buffer.started", "event_id": "e", "response_id": "resp_1"})
    fault = await bench.fault()
    assert fault.kind is FaultKind.DEAF


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", False), ("::1", False), ("192.0.2.77", True), (None, False), ("no address", False)],
)
def test_address_is_gone_if_nothing_can_be_bound_to_it(address: str | None, expected: bool) -> None:
    assert is_gone(address) is expected
