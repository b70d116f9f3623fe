"""A wait for the network is cut short when there is one again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from edge_agent import networks
from edge_agent.core.events import Event, LinkDown, LinkUp, NetworkChanged
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.networks import Networks
from edge_agent.session.path_probe import PathProbe
from tests.session.peer_server import eventually


class Way:
    """Whether there is a way to the server, and how often somebody has looked."""

    def __init__(self) -> None:
        self.is_open = False
        self.looks = 0


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    way = Way()

    async def is_open(_: PathProbe) -> bool:
        way.looks += 1
        return way.is_open

    monkeypatch.setattr(PathProbe, "is_open", is_open)
    monkeypatch.setattr(networks, "SEEK_EVERY_S", 0.01)
    monkeypatch.setattr(networks, "TOLD_AGAIN_AFTER_S", 0.01)
    return way


@pytest.fixture
async def posted(way: Way) -> AsyncIterator[tuple[Networks, list[Event]]]:
    events: list[Event] = []
    watch = Networks(["http://127.0.0.1:1"], events.append)
    task = asyncio.create_task(watch.run())
    yield watch, events
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def lost(kind: FaultKind) -> LinkDown:
    return LinkDown(1, Fault(kind, "gone"))


async def test_server_that_can_be_reached_again_is_told(
    way: Way, posted: tuple[Networks, list[Event]]
) -> None:
    watch, events = posted
    watch.saw(lost(FaultKind.PATH_DEAD))
    await eventually(lambda: way.looks >= 3)
    assert events == []
    way.is_open = True
    await eventually(lambda: len(events) == networks.TIMES_TOLD)
    assert set(map(type, events)) == {NetworkChanged}


async def test_server_that_is_reached_at_once_is_looked_for_once(
    way: Way, posted: tuple[Networks, list[Event]]
) -> None:
    watch, events = posted
    way.is_open = True
    watch.saw(lost(FaultKind.NETWORK))
    await eventually(lambda: way.looks == 1)
    await asyncio.sleep(0.05)
    assert (way.looks, events) == (1, [])


async def test_nobody_looks_for_a_server_that_answers(way: Way, posted: tuple[Networks, list[Event]]) -> None:
    watch, _ = posted
    watch.saw(lost(FaultKind.HTTP_STATUS))
    await asyncio.sleep(0.05)
    assert way.looks == 0
    watch.saw(lost(FaultKind.PATH_DEAD))
    await eventually(lambda: way.looks > 0)
    watch.saw(LinkUp(2, "sess_1", None))
    await asyncio.sleep(0.05)
    looks = way.looks
    await asyncio.sleep(0.05)
    assert way.looks == looks


async def test_a_server_that_is_not_the_first_is_sought_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "SEEK_EVERY_S", 0.01)
    reached = {"first.invalid": False, "second.invalid": False}

    async def is_open(path: PathProbe) -> bool:
        return reached[path.host]

    async def prepare(_: PathProbe) -> None:
        return None

    monkeypatch.setattr(PathProbe, "is_open", is_open)
    monkeypatch.setattr(PathProbe, "prepare", prepare)
    events: list[Event] = []
    watch = Networks([f"http://{host}" for host in reached], events.append)
    task = asyncio.create_task(watch.run())
    watch.saw(lost(FaultKind.NO_PATH))
    await asyncio.sleep(0.05)
    assert events == []
    reached["second.invalid"] = True
    await eventually(lambda: events)
    assert events == [NetworkChanged()]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_changes_in_a_row_are_told_once(
    way: Way, posted: tuple[Networks, list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "SETTLE_S", 0.05)
    watch, events = posted
    for what in ("address 192.0.2.7", "default route"):
        watch._changed(what)
    await eventually(lambda: events)
    assert events == [NetworkChanged()]
