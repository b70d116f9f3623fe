"""Tells the agent at once that there is a network again: the kernel says so, or a server can be reached.

The kernel knows this machine's own links. That a router further away works again shows only by trying.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edge_agent.core.events import Event, LinkDown, LinkUp, NetworkChanged
from edge_agent.core.faults import FaultKind
from edge_agent.network.kernel_watch import KernelWatch
from edge_agent.session.path_probe import PathProbe

logger = logging.getLogger(__name__)

SETTLE_S = 0.3
"""An address comes before its route: a change is passed on when nothing more has come for so long."""

SEEK_EVERY_S = 1.0
"""Pause between two tries to reach the server's machine while there is no way to it: one packet each."""

TOLD_AGAIN_AFTER_S = 2.5
TIMES_TOLD = 2
"""A way that has come back is told twice: the agent may have tried so shortly before that it must wait."""

SOUGHT = frozenset(
    {FaultKind.PATH_DEAD, FaultKind.LOST, FaultKind.NETWORK, FaultKind.TIMEOUT, FaultKind.NO_PATH}
)
"""After these there may be no way to the server."""


class Networks:
    """Watches from :meth:`run` on. ``url`` is the server that is sought; ``post`` takes the events."""

    def __init__(self, url: str, post: Callable[[Event], None]) -> None:
        self._path = PathProbe(url)
        self._post = post
        self._is_sought = asyncio.Event()
        self._settling: asyncio.TimerHandle | None = None

    def saw(self, event: Event) -> None:
        """Take what the agent is told: whether there is a session, or why not."""
        match event:
            case LinkUp():
                self._is_sought.clear()
            case LinkDown(fault=fault) if fault.kind in SOUGHT:
                self._is_sought.set()
            case _:
                pass

    async def run(self) -> None:
        """Watch until cancelled."""
        kernel = KernelWatch(self._changed)
        kernel.start()
        try:
            await self._path.prepare()
            while True:
                await self._is_sought.wait()
                await self._seek()
        finally:
            kernel.close()
            if self._settling is not None:
                self._settling.cancel()

    async def _seek(self) -> None:
        """Try to reach the server until that works, or there is a session. Once it works it is not sought."""
        was_closed = False
        while self._is_sought.is_set():
            if await self._path.is_open():
                self._is_sought.clear()
                break
            was_closed = True
            await asyncio.sleep(SEEK_EVERY_S)
        if not was_closed:
            return
        for _ in range(TIMES_TOLD):
            logger.debug("the server can be reached again")
            self._post(NetworkChanged())
            await asyncio.sleep(TOLD_AGAIN_AFTER_S)

    def _changed(self, what: str) -> None:
        logger.debug("network: %s", what)
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self._post, NetworkChanged())
