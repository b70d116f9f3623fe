"""The other side of the control socket: for the demo, for ``edge-agent stats`` and for tests."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from edge_agent.control.lines import CONNECT_LIMIT_S, MAX_LINE_BYTES, SEND_LIMIT_S, next_line
from edge_agent.control.messages import (
    Message,
    Request,
    ShowStatistics,
    StatisticsShown,
)
from edge_agent.errors import ControlError


class ControlClient:
    """A connection to a running agent. Use as ``async with await ControlClient.connect(path)``."""

    def __init__(self, path: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer
        self._read_message = msgspec.json.Decoder(Message).decode

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connect to a running agent. Raises ControlError when nobody listens at ``path``."""
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_LINE_BYTES)
        except OSError as error:
            raise _nobody(path, error) from error
        return cls(path, reader, writer)

    async def receive(self) -> Message | None:
        """Return the next message, or None when the agent has closed the socket.

        Raises ControlError for a line that is no message of this version.
        """
        try:
            line = await next_line(self._reader)
            return None if line is None else self._read_message(line)
        except ConnectionError:
            return None
        except msgspec.MsgspecError as error:
            raise ControlError(f"{self._path} speaks another version: {error}") from error

    async def send(self, request: Request) -> None:
        """Send one request; it is answered only when it is refused. Raises ControlError if nobody listens."""
        await self.send_line(msgspec.json.encode(request))

    async def send_line(self, line: bytes) -> None:
        """Send one line as it is. Raises ControlError if nobody listens."""
        self._writer.write(line + b"\n")
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await self._writer.drain()
        except OSError as error:
            raise _nobody(self._path, error) from error

    async def close(self) -> None:
        """Disconnect."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def ask_for_statistics(path: Path) -> dict[str, dict[str, float | None]]:
    """Return what the agent at ``path`` counts. Raises ControlError if none answers."""
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S), await ControlClient.connect(path) as client:
            await client.send(ShowStatistics())
            while (message := await client.receive()) is not None:
                if isinstance(message, StatisticsShown):
                    return message.groups
    except TimeoutError as error:
        raise ControlError(f"no agent answers at {path} within {CONNECT_LIMIT_S:g} s") from error
    raise ControlError(f"the agent at {path} has ended")


def _nobody(path: Path, error: OSError) -> ControlError:
    return ControlError(
        f"no agent answers at {path}: {error.strerror or 'it does not take anything'}; is it running?"
    )
