"""The form of what goes over the control socket: one JSON object a line, of limited length."""

from __future__ import annotations

import asyncio

import msgspec

from edge_agent.control.messages import Message

MAX_LINE_BYTES = 65_536
"""Longest line in either direction; a client event of some hundred bytes is usual."""

SEND_LIMIT_S = 30.0
"""Whoever takes nothing for so long (a stopped process) is given up."""

CONNECT_LIMIT_S = 2.0
"""Longest wait for the answer of a local socket, which comes at once or not at all."""


def line_of(message: Message) -> bytes:
    """Return ``message`` as it goes over the socket."""
    return msgspec.json.encode(message) + b"\n"


async def next_line(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next line with its newline, b"" for one that is too long (and skipped), None at the end."""
    is_too_long = False
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            is_too_long = True
            await reader.readexactly(error.consumed)
        except asyncio.IncompleteReadError:
            return None
        else:
            return b"" if is_too_long else line
