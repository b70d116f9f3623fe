"""Where received messages wait: bounded by number and by size, and closed by the reason of the end."""

from __future__ import annotations

import asyncio
from collections import deque

from edge_agent.core.faults import Fault

MESSAGES_LIMIT = 1024
"""A long answer is some hundreds of messages; a stalled loop may find ten seconds of them."""

BYTES_LIMIT = 8 * 1024 * 1024
"""All waiting messages together. One message may have 256 KiB, which is what we announce in SDP."""


class MessageQueue:
    """First in, first out. Overflow rule: the newest message is dropped and counted.

    For one loop and one reader. ``put`` is made to be an event handler: it never blocks and never raises.
    """

    def __init__(self) -> None:
        self._waiting: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._changed = asyncio.Event()
        self._end: Fault | None = None
        self.received = 0
        self.dropped = 0

    def put(self, message: str | bytes) -> None:
        """Take one message; its size counts in characters if it is text."""
        self.received += 1
        is_full = len(self._waiting) >= MESSAGES_LIMIT or self._waiting_bytes + len(message) > BYTES_LIMIT
        if is_full or self._end is not None:
            self.dropped += 1
            return
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        self._changed.set()

    def end(self, fault: Fault) -> None:
        """Nothing comes any more. The first reason stays."""
        if self._end is None:
            self._end = fault
            self._changed.set()

    @property
    def ended(self) -> Fault | None:
        """Why nothing comes any more, or None."""
        return self._end

    async def get(self) -> str | bytes | Fault:
        """Wait for the next message; after the last one, return the reason of the end, always again."""
        while not self._waiting:
            if self._end is not None:
                return self._end
            self._changed.clear()
            await self._changed.wait()
        message = self._waiting.popleft()
        self._waiting_bytes -= len(message)
        return message
