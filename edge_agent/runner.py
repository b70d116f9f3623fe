"""The only place where the agent meets a clock: event or deadline -> agent -> commands -> status."""

from __future__ import annotations

import asyncio
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
    """Feeds one agent. ``perform`` and ``show`` must not block: they hand work on."""

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
        self._inbox: asyncio.Queue[Event | None] = asyncio.Queue(INBOX_LIMIT + INBOX_RESERVE + 1)
        """None: the alarm rings."""
        self._alarm: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._followed = -1
        self._shown: AgentState | None = None
        self.progress = 0
        """Grows as long as the loop lives."""
        self.refused = 0
        """Events that found the inbox full."""

    def post(self, event: Event) -> None:
        """Take an event. Call it in the loop's thread; other threads go through call_soon_threadsafe."""
        limit = INBOX_LIMIT if isinstance(event, ServerSaid) else INBOX_LIMIT + INBOX_RESERVE
        if self._inbox.qsize() < limit:
            self._inbox.put_nowait(event)
        else:
            self.refused += 1

    async def run(self) -> None:
        """Run until cancelled."""
        now = asyncio.get_running_loop().time
        self._carry_out(self._agent.start(now()), now())
        try:
            while True:
                self._set_alarm(now())
                event = await self._inbox.get()
                self.progress += 1
                moment = now()
                if event is not None:
                    self._observe(event)
                    self._carry_out(self._agent.handle(event, moment), moment)
                if self._deadline is not None and self._deadline <= moment:
                    self._carry_out(self._agent.tick(moment), moment)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()

    def stop(self) -> None:
        """Carry out the agent's last commands; call it after :meth:`run` has ended."""
        now = asyncio.get_running_loop().time()
        for command in self._agent.stop(now):
            self._perform(command)

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
        if self._inbox.empty():  # else the loop comes round anyway
            self._inbox.put_nowait(None)

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
