"""The loop that gives the agent its events and its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from edge_agent.core import events as happened
from edge_agent.core.commands import CloseLink, Command, FlushPlayout, Gate, OpenLink, SetUplink
from edge_agent.core.events import Event
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.status import AgentState, Status
from edge_agent.protocol.server_events import ResponseOutputAudioTranscriptDelta, UnknownEvent
from edge_agent.runner import INBOX_LIMIT, INBOX_RESERVE, Runner

PATIENCE_S = 10.0
"""Longer than a busy machine takes for anything here; what is waited for ends the wait."""


class FakeDecider:
    """Decides what the test has laid out: commands and states by event, one deadline at a time."""

    def __init__(self) -> None:
        self.state = AgentState.CONNECTING
        self.deadline: float | None = None
        self.reactions: dict[Event, tuple[list[Command], AgentState]] = {}
        self.bug: Exception | None = None
        self.handled: list[tuple[Event, float]] = []
        self.ticked: list[float] = []
        self.stopped = False
        self.revision = 0
        self.asked = 0

    @property
    def status(self) -> Status:
        self.asked += 1
        return Status(self.state, f"cause {len(self.handled)}", "sess_1", "")

    def next_deadline(self) -> float | None:
        return self.deadline

    def start(self, now: float) -> list[Command]:
        return [SetUplink(Gate.CLOSED), OpenLink(1)]

    def stop(self, now: float) -> list[Command]:
        self.stopped = True
        return [CloseLink(1)]

    def handle(self, event: Event, now: float) -> list[Command]:
        self.handled.append((event, now))
        if self.bug is not None:
            raise self.bug
        self.revision += event != trifle()
        commands, self.state = self.reactions.get(event, ([], self.state))
        return commands

    def tick(self, now: float) -> list[Command]:
        self.ticked.append(now)
        self.revision += 1
        self.deadline = None
        return [FlushPlayout()]


class Bench:
    """A runner with its decider, and everything that came out of it in order."""

    def __init__(self) -> None:
        self.decider = FakeDecider()
        self.commands: list[Command] = []
        self.shown: list[AgentState] = []
        self.observed: list[Event] = []
        self.runner = Runner(self.decider, self.commands.append, self._show, self.observed.append)

    @property
    def handled(self) -> list[Event]:
        return [event for event, _ in self.decider.handled]

    def _show(self, status: Status, now: float) -> None:
        self.shown.append(status.state)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.runner.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled(), "only a cancellation ends it"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  the decider has no event to wait for
            await asyncio.sleep(0.001)


def mute(number: int = 0) -> Event:
    return happened.ButtonPressed(f"button {number}")


def chatter() -> Event:
    return happened.ServerSaid(1, UnknownEvent(type="news"))


def trifle() -> Event:
    return happened.ServerSaid(1, ResponseOutputAudioTranscriptDelta(item_id="item_1", delta="the"))


async def test_the_first_commands_are_carried_out_and_the_first_state_is_shown() -> None:
    bench = Bench()
    async with bench.running():
        await until(lambda: bool(bench.shown))
    assert bench.commands == [SetUplink(Gate.CLOSED), OpenLink(1)]
    assert bench.shown == [AgentState.CONNECTING]


async def test_events_are_handled_in_order_and_their_commands_carried_out_in_order() -> None:
    bench = Bench()
    bench.decider.reactions = {
        mute(0): ([SetUplink(Gate.OPEN), FlushPlayout()], AgentState.READY),
        mute(1): ([SetUplink(Gate.CLOSED)], AgentState.READY),
    }
    async with bench.running():
        bench.runner.post(mute(0))
        bench.runner.post(mute(1))
        await until(lambda: len(bench.decider.handled) == 2)
    assert bench.commands[2:] == [SetUplink(Gate.OPEN), FlushPlayout(), SetUplink(Gate.CLOSED)]
    assert [event for event, _ in bench.decider.handled] == [mute(0), mute(1)]
    assert bench.observed == [mute(0), mute(1)]


async def test_what_the_server_says_is_handled_at_once_and_all_else_in_its_turn() -> None:
    bench = Bench()
    async with bench.running():
        await until(lambda: bool(bench.shown))
        bench.runner.post(chatter())
        assert bench.handled == [chatter()]
        bench.runner.post(mute())
        bench.runner.post(trifle())
        assert bench.handled == [chatter()]
        await until(lambda: len(bench.handled) == 3)
    assert bench.handled == [chatter(), mute(), trifle()]


async def test_what_is_posted_meanwhile_is_handled_after_the_commands() -> None:
    bench = Bench()

    def perform(command: Command) -> None:
        bench.commands.append(command)
        if isinstance(command, FlushPlayout):
            bench.runner.post(trifle())
            bench.runner.post(mute())
            assert bench.handled == [chatter()]

    bench.runner = Runner(bench.decider, perform, lambda *_: None, bench.observed.append)
    bench.decider.reactions = {
        chatter(): ([FlushPlayout(), SetUplink(Gate.OPEN)], AgentState.READY),
        trifle(): ([SetUplink(Gate.CLOSED)], AgentState.READY),
    }
    async with bench.running():
        await until(lambda: len(bench.commands) == 2)
        bench.runner.post(chatter())
        assert bench.handled == [chatter(), trifle(), mute()]
    assert bench.commands[2:] == [FlushPlayout(), SetUplink(Gate.OPEN), SetUplink(Gate.CLOSED)]


@pytest.mark.parametrize("is_said", [True, False])
async def test_a_bug_ends_it_wherever_it_shows(is_said: bool) -> None:
    bench = Bench()
    bug = ArithmeticError("a bug")
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    running = asyncio.create_task(bench.runner.run())
    await until(lambda: bool(bench.shown))
    bench.decider.bug = bug
    if is_said:
        with pytest.raises(ArithmeticError):
            bench.runner.post(chatter())
    else:
        bench.runner.post(mute())
    with pytest.raises(ArithmeticError) as raised:
        await running
    assert raised.value is bug
    bench.runner.post(trifle())
    assert len(bench.handled) == 1


async def test_nothing_is_handled_once_it_is_cancelled() -> None:
    bench = Bench()
    running = asyncio.create_task(bench.runner.run())
    await until(lambda: bool(bench.shown))
    bench.runner.post(mute())
    running.cancel()
    bench.runner.post(chatter())
    await asyncio.wait({running})
    bench.runner.post(chatter())
    assert running.cancelled()
    assert bench.handled == []


async def test_a_state_is_shown_once_however_often_its_cause_changes() -> None:
    bench = Bench()
    bench.decider.reactions = {mute(1): ([], AgentState.READY), mute(3): ([], AgentState.MUTED)}
    async with bench.running():
        for number in range(5):
            bench.runner.post(mute(number))
        await until(lambda: len(bench.decider.handled) == 5)
    assert bench.shown == [AgentState.CONNECTING, AgentState.READY, AgentState.MUTED]


async def test_what_changes_nothing_is_handled_without_a_look_at_the_state() -> None:
    bench = Bench()
    async with bench.running():
        for event in (mute(), trifle(), trifle()):
            bench.runner.post(event)
        await until(lambda: len(bench.decider.handled) == 3)
    assert bench.decider.asked == 2  # at the start, and once more


async def test_a_deadline_that_comes_nearer_is_kept() -> None:
    bench = Bench()
    now = asyncio.get_running_loop().time()
    bench.decider.deadline = now + 2 * PATIENCE_S
    async with bench.running():
        await until(lambda: bool(bench.shown))
        bench.decider.deadline = now + 0.05
        bench.runner.post(mute())
        await until(lambda: bool(bench.decider.ticked))


async def test_a_deadline_is_kept_without_any_event() -> None:
    bench = Bench()
    due = asyncio.get_running_loop().time() + 0.05
    bench.decider.deadline = due
    async with bench.running():
        await until(lambda: bool(bench.decider.ticked))
    (ticked_at,) = bench.decider.ticked
    assert ticked_at >= due
    assert bench.commands[-1] == FlushPlayout()


async def test_a_deadline_that_passed_is_kept_in_a_flood_of_events_too() -> None:
    bench = Bench()
    bench.decider.deadline = asyncio.get_running_loop().time() - 1.0
    for _ in range(100):
        bench.runner.post(chatter())
    async with bench.running():
        await until(lambda: len(bench.decider.handled) == 100)
    (_, first_handled_at), (_, second_handled_at), *_ = bench.decider.handled
    assert first_handled_at <= bench.decider.ticked[0] <= second_handled_at


async def test_time_that_events_are_given_never_goes_back() -> None:
    bench = Bench()
    for _ in range(100):
        bench.runner.post(chatter())
    async with bench.running():
        await until(lambda: len(bench.decider.handled) == 100)
    times = [at for _, at in bench.decider.handled]
    assert times == sorted(times)


async def test_a_full_inbox_refuses_the_servers_newest_and_counts_it() -> None:
    bench = Bench()
    for _ in range(INBOX_LIMIT + 3):
        bench.runner.post(chatter())
    assert bench.runner.refused == 3


async def test_the_end_of_a_session_finds_room_where_the_server_does_not() -> None:
    bench = Bench()
    for _ in range(INBOX_LIMIT + 1):
        bench.runner.post(chatter())
    end = happened.LinkDown(1, Fault(FaultKind.LOST, "gone"))
    bench.runner.post(end)
    assert bench.runner.refused == 1
    async with bench.running():
        await until(lambda: len(bench.decider.handled) == INBOX_LIMIT + 1)
    assert bench.decider.handled[-1][0] == end


async def test_nothing_else_fills_the_inbox_without_end() -> None:
    bench = Bench()
    for number in range(INBOX_LIMIT + INBOX_RESERVE + 5):
        bench.runner.post(mute(number))
    assert bench.runner.refused == 5


async def test_progress_grows_with_every_event_and_with_time_alone() -> None:
    bench = Bench()
    async with bench.running():
        bench.runner.post(mute())
        await until(lambda: bench.runner.progress >= 1)
        before = bench.runner.progress
        await until(lambda: bench.runner.progress > before)
    assert len(bench.decider.handled) == 1


async def test_the_last_commands_are_carried_out_after_the_end() -> None:
    bench = Bench()
    async with bench.running():
        await until(lambda: bool(bench.shown))
    bench.runner.stop()
    assert bench.decider.stopped
    assert bench.commands[-1] == CloseLink(1)
