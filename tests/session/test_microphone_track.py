from __future__ import annotations

import asyncio
import threading

import pytest
from aiortc.mediastreams import MediaStreamError

from edge_agent.session.microphone_track import TIME_BASE, WAITING_LIMIT_PACKETS, MicrophoneTrack
from tests.session.bench import Packet


async def test_packets_keep_their_bytes_and_capture_time() -> None:
    track = MicrophoneTrack()
    track.deliver(Packet(b"abc", 960))
    track.deliver(Packet(b"def", 48_000 * 3600 * 24 * 30))
    first, second = await track.recv(), await track.recv()
    assert (bytes(first), first.pts, first.time_base) == (b"abc", 960, TIME_BASE)
    assert second.pts == 48_000 * 3600 * 24 * 30
    assert track.packets_sent == 2


async def test_waits_for_a_packet_from_another_thread() -> None:
    track = MicrophoneTrack()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    thread = threading.Thread(target=track.deliver, args=(Packet(b"x", 0),))
    thread.start()
    assert bytes(await waiting) == b"x"
    thread.join()


async def test_drops_the_oldest_when_nobody_reads() -> None:
    track = MicrophoneTrack()
    for number in range(WAITING_LIMIT_PACKETS + 2):
        track.deliver(Packet(b"x", number))
    await asyncio.sleep(0)
    assert track.packets_dropped == 2
    assert (await track.recv()).pts == 2


async def test_empty_packets_are_not_sent() -> None:
    track = MicrophoneTrack()
    track.deliver(Packet(b"", 0))
    track.deliver(Packet(b"x", 1))
    assert (await track.recv()).pts == 1
    assert track.packets_dropped == 1


async def test_stopping_ends_the_wait_and_drops_what_waits() -> None:
    track = MicrophoneTrack()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    track.deliver(Packet(b"x", 0))
    await asyncio.sleep(0)
    with pytest.raises(MediaStreamError):
        await track.recv()


def test_capture_thread_outlives_the_loop() -> None:
    async def make() -> MicrophoneTrack:
        return MicrophoneTrack()

    with asyncio.Runner() as runner:
        track = runner.run(make())
    for number in range(3):
        track.deliver(Packet(b"x", number))
    assert track.packets_dropped == 0


async def test_a_loop_that_is_late_finds_the_newest_packets_and_is_woken_once() -> None:
    track = MicrophoneTrack()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)

    def speak() -> None:
        for number in range(10 * WAITING_LIMIT_PACKETS):
            track.deliver(Packet(b"x", number))

    thread = threading.Thread(target=speak)
    thread.start()
    thread.join()  # the loop stands still meanwhile
    first = await waiting
    assert first.pts == 9 * WAITING_LIMIT_PACKETS
    rest = [(await track.recv()).pts for _ in range(WAITING_LIMIT_PACKETS - 1)]
    assert rest == list(range(9 * WAITING_LIMIT_PACKETS + 1, 10 * WAITING_LIMIT_PACKETS))
    assert track.packets_dropped == 9 * WAITING_LIMIT_PACKETS
    track.deliver(Packet(b"y", 1))
    assert bytes(await track.recv()) == b"y"
