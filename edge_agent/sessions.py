"""The sessions of one run: opens, feeds and hangs up what the agent asks for, by epoch.

One of them has microphone and loudspeaker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from edge_agent.core.ways import Way
from edge_agent.protocol.client_events import ClientEvent
from edge_agent.session.session import RealtimeSession

logger = logging.getLogger(__name__)


class Sessions:
    """Owns every session's task. ``make`` builds an epoch's session; ``tasks`` is who waits for them.

    A session is opened after ``booked`` has returned: what it costs is written down by then.
    """

    def __init__(
        self,
        make: Callable[[int, Way], RealtimeSession],
        tasks: asyncio.TaskGroup,
        booked: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._make = make
        self._booked = booked
        self._tasks = tasks
        self._open: dict[int, RealtimeSession] = {}
        self._holder = 0
        self._closing: set[asyncio.Task[None]] = set()

    def open(self, epoch: int, way: Way) -> None:
        """Begin session ``epoch`` by ``way``; it reports through its own events."""
        session = self._make(epoch, way)
        self._open[epoch] = session
        self._tasks.create_task(self._hold(epoch, session), name=f"session-{epoch}")

    def hand_over(self, epoch: int) -> RealtimeSession | None:
        """Give microphone and loudspeaker to session ``epoch``, and return it; None if it has ended."""
        holder, session = self._open.get(self._holder), self._open.get(epoch)
        self._holder = epoch
        if holder is not None and holder is not session:
            holder.release_sound()
        if session is not None:
            session.take_sound()
        return session

    def send(self, epoch: int, event: ClientEvent) -> None:
        """Send on session ``epoch``; an event for one that has ended is stale and is dropped."""
        session = self._open.get(epoch)
        if session is not None:
            session.send(event)

    def close(self, epoch: int) -> None:
        """Hang up session ``epoch`` in the background."""
        session = self._open.pop(epoch, None)
        if session is None:
            return
        session.release_sound()  # a goodbye takes seconds, and another session may take over meanwhile
        task = self._tasks.create_task(session.hang_up(), name=f"hang-up-{epoch}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def closed(self, deadline_s: float) -> None:
        """Wait until every hang-up has ended, for ``deadline_s`` at most."""
        if self._closing:
            _, late = await asyncio.wait(self._closing, timeout=deadline_s)
            for task in late:
                logger.warning("%s did not end within %.1f s", task.get_name(), deadline_s)
                task.cancel()

    async def _hold(self, epoch: int, session: RealtimeSession) -> None:
        try:
            if self._booked is not None:
                await self._booked()
            await session.run()
        finally:
            if self._open.get(epoch) is session:
                del self._open[epoch]
