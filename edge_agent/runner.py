"""The only place where the agent meets a clock: event or deadline -> agent -> commands -> status."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from edge_agent.core.commands import Command
from edge_agent.core.events import Event, ServerSaid
from edge_agent.core.status import AgentState, Status

INBOX_LIMIT = 2000
"""Events that may wait for the agent; a burst of transcript deltas is some hundreds.
Overflow rule: the server's newest is refused and counted, since the agent follows ids and deadlines and can
miss an event. Anything else has INBOX_RESERVE more places: a lost LinkDown could not be made up for."""

INBOX_RESERVE = 500
"""Places that the server can't take; fingers, devices and sessions are slow."""

PULSE_S = 1.0
"""The loop comes round at least this often, so that its progress can be seen by the watchdog."""


class Decider(Protocol):
    """What the runner needs of :class:`edge_agent.core.agent.Agent`."""

    @property
    def status(self) -> Status: ...
    @property
    def revision(self) -> int: ...
    def next_deadline(self) -> float | None: ...
    def start(self, now: float) -> list[Command]: ...
    def stop(self, now: float) -> list[Command]: ...
    def handle(self, event: Event, now: float) -> list[Command]: ...
    def tick(self, now: float) -> list[Command]: ...


class Runner:
    """Feeds one agent. ``perform`` and ``show`` must not block: they hand work on.

    What the server says, a dozen times a second, is handled before :meth:`post` returns if nothing waits: a
    turn of the loop costs more than most of it. Anything else is handled after whoever posts it has gone on,
    and what is posted while an event is handled, or its commands are carried out, after that event.
    """

    def __init__(
        self,
        agent: Decider,
        perform: Callable[[Command], None],
        show: Callable[[Status, float], None],
        observe: Callable[[Event], None],
    ) -> None:
        self._agent = agent
        self._perform = perform
        self._show = show
        self._observe = observe
        self._inbox: deque[Event | None] = deque()
        """None: the alarm rings."""
        self._is_handling = False
        self._life: asyncio.Future[None] | None = None
        """Not done while :meth:`run` waits; nothing is handled before and after."""
        self._alarm: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._followed = -1
        self._shown: AgentState | None = None
        self.progress = 0
        """Grows as long as the loop lives."""
        self.refused = 0
        """Events that found the inbox full."""

    def post(self, event: Event) -> None:
        """Take an event. Call it in the loop's thread; other threads go through call_soon_threadsafe.

        Raises, as :meth:`run` does, what was raised on the way if it is handled at once.
        """
        is_said = isinstance(event, ServerSaid)
        if len(self._inbox) >= (INBOX_LIMIT if is_said else INBOX_LIMIT + INBOX_RESERVE):
            self.refused += 1
            return
        comes_round_anyway = bool(self._inbox) or self._is_handling or not self._is_alive
        self._inbox.append(event)
        if comes_round_anyway:
            return
        if is_said:
            self._come_round()
        else:
            asyncio.get_running_loop().call_soon(self._come_round)

    async def run(self) -> None:
        """Run until cancelled. Raises what the agent raises, or who carries out its commands."""
        loop = asyncio.get_running_loop()
        self._carry_out(self._agent.start(loop.time()), loop.time())
        self._life = loop.create_future()
        try:
            self._handle_all()
            await self._life
        finally:
            self._life.cancel()
            if self._alarm is not None:
                self._alarm.cancel()

    def stop(self) -> None:
        """Carry out the agent's last commands; call it after :meth:`run` has ended."""
        now = asyncio.get_running_loop().time()
        for command in self._agent.stop(now):
            self._perform(command)

    @property
    def _is_alive(self) -> bool:
        return self._life is not None and not self._life.done()

    def _come_round(self) -> None:
        """Handle what waits, outside of :meth:`run`, which raises what goes wrong here, too."""
        if not self._is_alive:
            return
        try:
            self._handle_all()
        except BaseException as error:
            if self._life is not None and not self._life.done():
                self._life.set_exception(error)
            raise

    def _handle_all(self) -> None:
        """Handle what waits, in order, until nothing does."""
        now = asyncio.get_running_loop().time
        self._is_handling = True
        try:
            while self._inbox:
                self._handle(self._inbox.popleft(), now())
        finally:
            self._is_handling = False
        self._set_alarm(now())

    def _handle(self, event: Event | None, now: float) -> None:
        self.progress += 1
        if event is not None:
            self._observe(event)
            self._carry_out(self._agent.handle(event, now), now)
        if self._deadline is not None and self._deadline <= now:
            self._carry_out(self._agent.tick(now), now)

    def _set_alarm(self, now: float) -> None:
        """Have the alarm ring at the next deadline, or the next pulse; one that rings in time is let be."""
        until = now + PULSE_S if self._deadline is None else min(self._deadline, now + PULSE_S)
        if self._alarm is not None:
            if self._alarm.when() <= until:
                return
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(until, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if not self._inbox:
            self._inbox.append(None)
        self._come_round()

    def _carry_out(self, commands: list[Command], now: float) -> None:
        for command in commands:
            self._perform(command)
        if self._agent.revision == self._followed:
            return
        self._followed = self._agent.revision
        self._deadline = self._agent.next_deadline()
        status = self._agent.status
        if status.state is not self._shown:
            self._shown = status.state
            self._show(status, now)
