"""The order of events, on a transport that does what a test says: no network, no waiting."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable

import pytest

from edge_agent.core.events import Event, LinkDown, LinkUp, ServerSaid
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.errors import IllegalTransition, SignalingError
from edge_agent.protocol.objects import JsonObject
from edge_agent.protocol.profiles import PROFILES
from edge_agent.protocol.session_object import SessionWishes
from edge_agent.session.endpoint import Deadlines, Endpoint
from edge_agent.session.session import EARLY_EVENTS_LIMIT, TRANSITIONS, Phase, RealtimeSession
from edge_agent.session.transport import Opened, SoundRoad, TransportCounters
from tests.session.bench import FakeSound
from tests.session.peer_server import Json, created, eventually, updated

LOST = Fault(FaultKind.LOST, "gone")


class FakeTransport:
    """Says what is in ``script``, then waits until the test ends it."""

    loses = False

    def __init__(self, script: list[Json]) -> None:
        self.script = deque(json.dumps(event) for event in script)
        self.end: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
        self.refusal: Fault | None = None
        self.done: list[str] = []
        self.opened_with: JsonObject = {}
        self.counters = TransportCounters()

    async def open(self, session: JsonObject) -> Opened:
        self.done.append("open")
        self.opened_with = session
        if self.refusal is not None:
            raise SignalingError(self.refusal)
        return Opened(call_id="call_1", session_sent=True)

    local_address = None
    is_stuck = False

    async def check(self) -> bool:
        return False

    def take_sound(self) -> None:
        self.done.append("take sound")

    def release_sound(self) -> None:
        self.done.append("release sound")

    def send(self, text: str) -> bool:
        self.done.append(json.loads(text)["type"])
        return True

    async def receive(self) -> str | bytes | Fault:
        if self.script:
            return self.script.popleft()
        return await asyncio.shield(self.end)

    async def forward(self, take: Callable[[str | bytes], None]) -> Fault:
        while not isinstance(message := await self.receive(), Fault):
            take(message)
        return message

    async def hang_up(self) -> None:
        self.done.append("hang up")

    async def close(self) -> None:
        self.done.append("close")


def session_on(transport: FakeTransport, posted: list[Event], profile: str = "local") -> RealtimeSession:
    def new_transport(endpoint: Endpoint, sound: SoundRoad) -> FakeTransport:
        return transport

    endpoint = Endpoint("test", "https://example.org", PROFILES[profile], deadlines=Deadlines())
    wishes = SessionWishes(model="wished-model")
    return RealtimeSession(3, endpoint, wishes, FakeSound(), posted.append, new_transport=new_transport)


async def test_steps_come_in_order() -> None:
    posted: list[Event] = []
    transport = FakeTransport([created(), updated(), {"type": "rate_limits.updated"}])
    transport.end.set_result(LOST)
    await session_on(transport, posted).run()
    assert transport.done == ["open", "session.update", "close"]
    assert transport.opened_with["model"] == "wished-model"
    assert [type(event) for event in posted] == [LinkUp, ServerSaid, ServerSaid, ServerSaid, LinkDown]
    assert posted[-1] == LinkDown(3, LOST)


async def test_refused_call_is_the_only_thing_posted() -> None:
    posted: list[Event] = []
    transport = FakeTransport([])
    transport.refusal = Fault(FaultKind.HTTP_STATUS, "no", http_status=401)
    await session_on(transport, posted).run()
    assert posted == [LinkDown(3, transport.refusal)]
    assert transport.done == ["open", "hang up", "close"]


async def test_confirmation_that_comes_before_the_greeting_counts_as_both() -> None:
    posted: list[Event] = []
    transport = FakeTransport([updated(), updated()])
    transport.end.set_result(LOST)
    await session_on(transport, posted).run()
    assert isinstance(posted[0], LinkUp)


async def test_too_many_early_events_are_dropped_at_the_end() -> None:
    posted: list[Event] = []
    chatter: list[Json] = [{"type": "chatter", "n": n} for n in range(EARLY_EVENTS_LIMIT + 50)]
    transport = FakeTransport([created(), *chatter, updated()])
    transport.end.set_result(LOST)
    await session_on(transport, posted).run()
    assert len(posted) == 1 + EARLY_EVENTS_LIMIT + 1


async def test_error_is_blamed_only_while_the_session_is_set_up() -> None:
    posted: list[Event] = []
    wrong: Json = {"type": "error", "error": {"type": "x", "code": "insufficient_quota", "message": "m"}}
    transport = FakeTransport([created(), updated(), wrong])
    transport.end.set_result(LOST)
    await session_on(transport, posted).run()
    assert posted[-1] == LinkDown(3, LOST)


async def test_error_before_the_settings_were_sent_is_remembered_but_is_no_refusal() -> None:
    posted: list[Event] = []
    wrong: Json = {"type": "error", "error": {"type": "x", "code": "insufficient_quota", "message": "m"}}
    transport = FakeTransport([wrong, created()])
    transport.end.set_result(LOST)
    await session_on(transport, posted).run()
    (down,) = posted
    assert isinstance(down, LinkDown)
    assert (down.fault.kind, down.fault.code) == (FaultKind.LOST, "insufficient_quota")


async def test_a_session_runs_once() -> None:
    posted: list[Event] = []
    transport = FakeTransport([])
    transport.end.set_result(LOST)
    session = session_on(transport, posted)
    await session.run()
    with pytest.raises(IllegalTransition):
        await session.run()
    assert len(posted) == 1


async def test_hang_up_while_it_ends_by_itself_posts_nothing() -> None:
    posted: list[Event] = []
    transport = FakeTransport([created(), updated()])
    session = session_on(transport, posted)
    task = asyncio.create_task(session.run())
    await eventually(lambda: session.phase is Phase.UP)
    posted.clear()
    transport.end.set_result(LOST)
    await session.hang_up()
    await task
    assert posted == []
    assert transport.done[-1] == "close"


def test_every_phase_can_end() -> None:
    for phase, following in TRANSITIONS.items():
        assert phase is Phase.OVER or following & {Phase.CLOSING, Phase.OVER}
