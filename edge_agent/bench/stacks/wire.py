"""The Python stacks' side of the protocol: JSON lines on stdin and stdout."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LINE_LIMIT_BYTES = 1 << 20
"""An SDP has some KiB."""


class Wire:
    """Lines from and to the bench."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def open(cls) -> Wire:
        """Read this process's stdin from now on."""
        reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        return cls(reader)

    def say(self, message: Mapping[str, object]) -> None:
        """Write one line at once."""
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    async def hear(self) -> dict[str, Any]:
        """Return the next line; an empty one once the bench has gone."""
        line = await self._reader.readline()
        return json.loads(line) if line else {}


class Recording:
    """What came out of a stack, block by block, each with the moment at which it began to play."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._pcm: list[bytes] = []
        self._blocks: list[tuple[float, int, int]] = []

    def add(self, at_s: float, pcm: bytes) -> None:
        """Note one block. Any one thread may call."""
        self._pcm.append(pcm)
        self._blocks.append((at_s, len(pcm) // 2 // self._channels, self._channels))

    def write(self, path: Path) -> list[tuple[float, int, int]]:
        """Write the sound to ``path`` and return the blocks."""
        count = len(self._blocks)
        path.write_bytes(b"".join(self._pcm[:count]))
        return self._blocks[:count]
