"""The accounts of a running appliance's parts: real threads on silent devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge_agent.accounts import Accounts
from edge_agent.audio.both_ends import BothEnds
from edge_agent.audio.capture import Capture
from edge_agent.audio.downlink import Downlink
from edge_agent.audio.null import NullInput, NullOutput
from edge_agent.audio.opus import OpusSettings
from edge_agent.audio.playback import Playback
from edge_agent.audio.uplink import EncodedPacket, Uplink
from edge_agent.core.commands import Tell
from edge_agent.core.events import Event
from edge_agent.core.notices import Notice
from edge_agent.session.transport import TransportCounters

DEADLINE_S = 20.0


def crashed(error: BaseException) -> None:
    raise AssertionError(error)


class Bench:
    """Both sound threads, and what was told."""

    def __init__(self) -> None:
        self.told: list[Tell] = []
        self.packets: list[EncodedPacket] = []
        self.uplink = Uplink(OpusSettings())
        downlink, both_ends = Downlink(), BothEnds()
        events: list[Event] = []
        self.capture = Capture(NullInput, self.uplink, events.append, crashed, both_ends)
        self.playback = Playback(NullOutput, downlink, events.append, crashed, (both_ends,))
        self.accounts = Accounts(self.capture, self.playback, self.uplink, downlink, self.told.append)

    def counters(self) -> TransportCounters:
        return TransportCounters(packets_sent=len(self.packets))

    async def hear(self, packets: int) -> None:
        """Wait until that many more packets are sent."""
        target = len(self.packets) + packets
        async with asyncio.timeout(DEADLINE_S):
            while len(self.packets) < target:  # noqa: ASYNC110  the threads have no event to wait for
                await asyncio.sleep(0.005)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    bench.uplink.connect(bench.packets.append)
    bench.capture.start()
    bench.playback.start()
    yield bench
    assert bench.capture.stop(DEADLINE_S)
    assert bench.playback.stop(DEADLINE_S)


async def test_a_session_is_counted_from_its_beginning(bench: Bench) -> None:
    await bench.hear(5)
    bench.packets.clear()  # every session counts its own packets
    bench.accounts.begin(1, bench.counters)
    await bench.hear(5)
    told = bench.accounts.report()
    sent = told["outbound-rtp"]["packetsSent"]
    assert sent is not None
    assert 4 <= sent <= len(bench.packets)
    assert told["media-source"]["totalSamplesCaptured"] == pytest.approx(960 * sent, abs=2 * 960)
    for thread in ("process", "loop", "capture", "playback"):
        assert (told["cpu"][thread] or 0.0) > 0.0


async def test_the_figures_are_told_once_when_a_session_ends(bench: Bench) -> None:
    bench.accounts.begin(1, bench.counters)
    await bench.hear(2)
    bench.accounts.end(1)
    bench.accounts.end(1)
    (told,) = bench.told
    assert told.notice is Notice.SOUND_STATISTICS
    assert int(told.fields["EDGE_PACKETS_SENT"]) >= 1


async def test_without_a_session_nothing_is_told_and_much_is_known(bench: Bench) -> None:
    await bench.hear(2)
    bench.accounts.end(1)
    assert bench.told == []
    told = bench.accounts.report()
    assert (told["process"]["soundSeconds"] or 0) > 0
    assert told["outbound-rtp"]["packetsSent"] == 0


async def test_a_long_session_is_told_of_in_between(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.accounts.TOLD_EVERY_S", 0.01)
    running = asyncio.create_task(bench.accounts.run())
    await bench.hear(2)
    assert bench.told == []
    bench.accounts.begin(1, bench.counters)
    async with asyncio.timeout(DEADLINE_S):
        while len(bench.told) < 2:  # noqa: ASYNC110  the list has no event to wait for
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.wait({running})
