"""Where received messages wait: bounded by number and by size, and closed by the reason of the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from edge_agent.core.faults import Fault

MESSAGES_LIMIT = 1024
"""A long answer is some hundreds of messages; a stalled loop may find ten seconds of them."""

BYTES_LIMIT = 8 * 1024 * 1024
"""All waiting messages together. One message may have 256 KiB, which is what we announce in SDP."""


class MessageQueue:
    """First in, first out. Overflow rule: the newest message is dropped and counted.

    For one loop and one reader. ``put`` is made to be an event handler: it never blocks, and raises only what
    the taker of :meth:`forward` raises.
    """

    def __init__(self) -> None:
        self._waiting: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        """Not done while somebody waits in :meth:`get` or :meth:`forward`."""
        self._take: Callable[[str | bytes], None] | None = None
        """Who gets the messages while :meth:`forward` waits."""
        self._end: Fault | None = None
        self._bug: BaseException | None = None
        self.received = 0
        self.dropped = 0

    def put(self, message: str | bytes) -> None:
        """Take one message; its size counts in characters if it is text."""
        self.received += 1
        is_full = len(self._waiting) >= MESSAGES_LIMIT or self._waiting_bytes + len(message) > BYTES_LIMIT
        if is_full or self._end is not None:
            self.dropped += 1
            return
        if self._take is not None and self._reader is not None and not self._reader.done():
            self._hand_on(message, self._take, self._reader)
            return
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        self._wake()

    def end(self, fault: Fault) -> None:
        """Nothing comes any more. The first reason stays."""
        if self._end is None:
            self._end = fault
            self._wake()

    def fail(self, bug: BaseException) -> None:
        """Let who reads raise ``bug``, now or later: it is ours, and no reason of an end. The first stays."""
        if self._bug is None:
            self._bug = bug
            self._wake()

    @property
    def ended(self) -> Fault | None:
        """Why nothing comes any more, or None."""
        return self._end

    async def get(self) -> str | bytes | Fault:
        """Wait for the next message; after the last one, return the reason of the end, always again.

        Raises what :meth:`fail` was given.
        """
        while not self._waiting and self._bug is None:
            if self._end is not None:
                return self._end
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        if self._bug is not None:
            raise self._bug
        return self._taken_out()

    async def forward(self, take: Callable[[str | bytes], None]) -> Fault:
        """Hand what waits to ``take``, and then every message as it is put; return the reason of the end.

        Raises what :meth:`fail` was given, and what ``take`` raises; so does the :meth:`put` that called it.
        """
        while self._waiting:
            take(self._taken_out())
        if self._end is None and self._bug is None:
            self._reader, self._take = asyncio.get_running_loop().create_future(), take
            try:
                await self._reader
            finally:
                self._take = None
        if self._bug is not None:
            raise self._bug
        assert self._end is not None
        return self._end

    def _hand_on(
        self, message: str | bytes, take: Callable[[str | bytes], None], reader: asyncio.Future[None]
    ) -> None:
        try:
            take(message)
        except BaseException as error:
            if not reader.done():
                reader.set_exception(error)
            raise

    def _taken_out(self) -> str | bytes:
        message = self._waiting.popleft()
        self._waiting_bytes -= len(message)
        return message

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
