"""Tells the agent at once that there is a network again: the kernel says so, or one of the servers answers.

The kernel knows this machine's own links. That a router further away works again shows only by trying.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from edge_agent.core.events import Event, LinkDown, LinkUp, NetworkChanged
from edge_agent.core.faults import FaultKind
from edge_agent.network.kernel_watch import KernelWatch
from edge_agent.session.path_probe import PathProbe

logger = logging.getLogger(__name__)

SETTLE_S = 0.3
"""An address comes before its route: a change is passed on when nothing more has come for so long."""

SEEK_EVERY_S = 1.0
"""Pause between two tries to reach a server's machine while there is no way to it: one packet each."""

TOLD_AGAIN_AFTER_S = 2.5
TIMES_TOLD = 2
"""A way that has come back is told twice: the agent may have tried so shortly before that it must wait."""

SOUGHT = frozenset(
    {FaultKind.PATH_DEAD, FaultKind.LOST, FaultKind.NETWORK, FaultKind.TIMEOUT, FaultKind.NO_PATH}
)
"""After these there may be no way to the server."""


class Networks:
    """Watches from :meth:`run` on. ``urls`` are the servers that are sought; ``post`` takes the events."""

    def __init__(self, urls: Iterable[str], post: Callable[[Event], None]) -> None:
        self._post = post
        self._searches = [_Search(url, post) for url in dict.fromkeys(urls)]
        self._settling: asyncio.TimerHandle | None = None

    def saw(self, event: Event) -> None:
        """Take what the agent is told: whether there is a session, or why not."""
        match event:
            case LinkUp():
                for search in self._searches:
                    search.is_on.clear()
            case LinkDown(fault=fault) if fault.kind in SOUGHT:
                for search in self._searches:
                    search.is_on.set()
            case _:
                pass

    async def run(self) -> None:
        """Watch until cancelled."""
        kernel = KernelWatch(self._changed)
        kernel.start()
        try:
            async with asyncio.TaskGroup() as searching:
                for search in self._searches:
                    searching.create_task(search.run(), name="search")
        finally:
            kernel.close()
            if self._settling is not None:
                self._settling.cancel()

    def _changed(self, what: str) -> None:
        logger.debug("network: %s", what)
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self._post, NetworkChanged())


class _Search:
    """Looks for one server while there is no session with any: another may be reached sooner."""

    def __init__(self, url: str, post: Callable[[Event], None]) -> None:
        self.is_on = asyncio.Event()
        self._path = PathProbe(url)
        self._post = post

    async def run(self) -> None:
        """Look, whenever it is on, until cancelled."""
        await self._path.prepare()
        while True:
            await self.is_on.wait()
            await self._seek()

    async def _seek(self) -> None:
        """Try to reach the server until that works, or there is a session. Once it works it is not sought."""
        was_closed = False
        while self.is_on.is_set():
            if await self._path.is_open():
                self.is_on.clear()
                break
            was_closed = True
            await asyncio.sleep(SEEK_EVERY_S)
        if not was_closed:
            return
        for _ in range(TIMES_TOLD):
            logger.debug("a server can be reached again")
            self._post(NetworkChanged())
            await asyncio.sleep(TOLD_AGAIN_AFTER_S)
