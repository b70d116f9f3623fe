from __future__ import annotations

import asyncio
import time

import pytest
from aiortc.mediastreams import MediaStreamError

from edge_agent.server import output
from edge_agent.server.output import LATE_LIMIT_S, PACKET_TICKS, Idle, OutputBuffer, OutputTrack, Taken
from edge_agent.server.voice import PACKET_S, Speech
from tests.server.client import until

SILENCE = b"silence"


def speech(*packets: bytes) -> Speech:
    return Speech(packets)


class Listener:
    """Collects what a track says about its responses."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def started(self, response_id: str) -> None:
        self.heard.append(("started", response_id))

    def drained(self, response_id: str) -> None:
        self.heard.append(("drained", response_id))

    def track(self) -> OutputTrack:
        return OutputTrack(SILENCE, self.started, self.drained)


def test_responses_are_played_one_after_the_other() -> None:
    buffer = OutputBuffer()
    buffer.load("r1", speech(b"1", b"2"))
    buffer.load("r2", speech(b"3"))
    taken = [buffer.take() for _ in range(6)]
    assert taken == [
        Taken(b"1", started="r1"),
        Taken(b"2"),
        Taken(None, drained="r1"),
        Taken(b"3", started="r2"),
        Taken(None, drained="r2"),
        Taken(None),
    ]
    assert buffer.is_empty


def test_a_response_without_sound_begins_and_ends_at_once() -> None:
    buffer = OutputBuffer()
    buffer.load("r1", speech())
    assert buffer.take() == Taken(None, started="r1", drained="r1")


def test_nothing_is_left_after_clearing() -> None:
    buffer = OutputBuffer()
    buffer.load("r1", speech(b"1", b"2"))
    buffer.take()
    buffer.clear()
    assert buffer.take() == Taken(None)


async def test_packets_leave_at_the_pace_of_the_sound_with_timestamps_of_48_khz(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output, "LATE_LIMIT_S", 60.0)
    track = Listener().track()
    began_at = time.monotonic()
    packets = [await track.recv() for _ in range(6)]
    assert time.monotonic() - began_at >= 5 * PACKET_S - 0.005
    assert [packet.pts for packet in packets] == [number * PACKET_TICKS for number in range(6)]
    assert bytes(packets[0]) == SILENCE


async def test_the_beginning_and_the_end_of_a_response_are_told() -> None:
    listener = Listener()
    track = listener.track()
    track.buffer.load("r1", speech(b"1", b"2"))
    payloads = [bytes(await track.recv()) for _ in range(4)]
    assert payloads == [b"1", b"2", SILENCE, SILENCE]
    assert listener.heard == [("started", "r1"), ("drained", "r1")]


async def test_between_utterances_it_can_pause_while_the_timestamps_go_on() -> None:
    track = Listener().track()
    track.idle = Idle.PAUSE
    receiving = asyncio.create_task(track.recv())
    await until(lambda: track._ticks >= 4 * PACKET_TICKS)
    assert not receiving.done()
    track.buffer.load("r1", speech(b"1"))
    packet = await asyncio.wait_for(receiving, 5)
    assert bytes(packet) == b"1"
    assert packet.pts is not None
    assert packet.pts >= 4 * PACKET_TICKS


async def test_stopped_media_stay_stopped() -> None:
    listener = Listener()
    track = listener.track()
    track.idle = Idle.STOPPED
    track.buffer.load("r1", speech(b"1"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(track.recv(), 0.1)
    assert listener.heard == []


async def test_after_a_stall_time_has_passed_instead_of_a_burst() -> None:
    track = Listener().track()
    await track.recv()
    await asyncio.sleep(0)
    time.sleep(LATE_LIMIT_S + 0.2)  # noqa: ASYNC251 - the stall of the event loop that this is about
    began_at = time.monotonic()
    packets = [await track.recv() for _ in range(5)]
    assert time.monotonic() - began_at >= 3 * PACKET_S - 0.005
    assert packets[0].pts is not None
    assert packets[0].pts > LATE_LIMIT_S * 48_000


async def test_a_stopped_track_gives_nothing() -> None:
    track = Listener().track()
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()
