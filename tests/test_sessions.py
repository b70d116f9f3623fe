"""The sessions of one run, over real WebSockets on loopback."""

from __future__ import annotations

import asyncio
from functools import partial

from edge_agent.core.events import Event, LinkUp
from edge_agent.core.ways import FIRST_WAY, Way
from edge_agent.session.session import RealtimeSession
from edge_agent.sessions import Sessions
from tests.session.peer_server import eventually
from tests.session.socket_server import SocketServer
from tests.session.test_websocket import Bench, PlainRoad


async def test_a_session_that_says_goodbye_for_long_takes_nothing_from_the_next() -> None:
    road = PlainRoad()
    benches: dict[int, Bench] = {}

    async with SocketServer() as server, asyncio.TaskGroup() as tasks:

        def make(epoch: int, _: Way) -> RealtimeSession:
            benches[epoch] = Bench(server.url)
            benches[epoch].road = road
            return benches[epoch].session

        def is_up(epoch: int) -> bool:
            first: list[Event] = benches[epoch].events[:1]
            return bool(first) and isinstance(first[0], LinkUp)

        sessions = Sessions(make, tasks)
        for epoch in (1, 2):
            sessions.open(epoch, FIRST_WAY)
            await eventually(partial(is_up, epoch))
        sessions.hand_over(1)
        sessions.close(1)
        assert road.deliver is None
        sessions.hand_over(2)
        await sessions.closed(10.0)
        assert road.deliver is not None
        sessions.close(2)
        await sessions.closed(10.0)
        assert road.deliver is None
