"""One client of the control socket, on the agent's side."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from edge_agent.control.lines import MAX_LINE_BYTES, SEND_LIMIT_S, line_of, next_line
from edge_agent.control.messages import Refused

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 256
"""Messages that may wait for one client, about ten seconds' worth while the agent speaks.
Overflow rule: the oldest is dropped and counted."""


class Connection:
    """One connection: a reader that takes lines, and a writer with a queue that has a limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: deque[bytes] = deque(maxlen=QUEUE_LIMIT)
        self._has_work = asyncio.Event()
        self._dropped = 0

    def put(self, line: bytes) -> None:
        if len(self._waiting) == QUEUE_LIMIT:
            self._dropped += 1
        self._waiting.append(line)
        self._has_work.set()

    async def serve(self, take: Callable[[bytes], Refused | None]) -> None:
        """Serve until the client goes or takes nothing for too long, or this is cancelled."""
        writing = asyncio.create_task(self._write_lines(), name="control-writer")
        reading = asyncio.create_task(self._read_lines(take), name="control-reader")
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writer.transport.abort()
            writing.cancel()
            reading.cancel()
            outcomes = await asyncio.gather(writing, reading, return_exceptions=True)
        if self._dropped:
            logger.info("a control client was too slow: %d messages dropped", self._dropped)
        for outcome in outcomes:
            # An OSError is the client: it has gone, or it took nothing for too long.
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
                raise outcome

    async def _read_lines(self, take: Callable[[bytes], Refused | None]) -> None:
        while True:
            line = await next_line(self._reader)
            if line is None:
                return
            answer = Refused(f"a line may have {MAX_LINE_BYTES} bytes") if line == b"" else take(line)
            if answer is not None:
                self.put(line_of(answer))

    async def _write_lines(self) -> None:
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            while self._waiting:
                self._writer.write(self._waiting.popleft())
                async with asyncio.timeout(SEND_LIMIT_S):
                    await self._writer.drain()
