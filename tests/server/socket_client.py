"""A plain client of the embedded server over a WebSocket: aiohttp and JSON, nothing of edge-agent."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from av import AudioFrame, AudioResampler

from tests.server.client import DEADLINE_S, RATE_HZ, Event, speech

WIRE_RATE_HZ = 24_000
WIRE_BYTES_PER_MS = WIRE_RATE_HZ // 1000 * 2
PIECE_MS = 40


def wire_sound(text: str) -> bytes:
    """Return ``text`` spoken, at the rate of the wire."""
    pcm = speech(text)
    frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.sample_rate = RATE_HZ
    frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
    resampler = AudioResampler(format="s16", layout="mono", rate=WIRE_RATE_HZ)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(bytes(part.planes[0])[: part.samples * 2] for part in parts)


class SocketClient:
    """One session. Collects all events and all sound; ``async with`` opens and closes it."""

    def __init__(self, url: str, query: str = "", key: str | None = None) -> None:
        self.events: list[Event] = []
        self.pcm = bytearray()
        self.is_closed = asyncio.Event()
        self._url = f"{url}/v1/realtime{query}"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._spoken = bytearray()
        self._changed = asyncio.Event()
        self._seen = 0

    async def __aenter__(self) -> SocketClient:
        async with AsyncExitStack() as unconnected:
            await unconnected.enter_async_context(self._http)
            self._socket = await self._http.ws_connect(self._url, headers=self._headers)
            unconnected.pop_all()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._speak())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._socket is not None
        await self._socket.close()
        await self._http.close()

    async def send(self, kind: str, **fields: Any) -> None:
        assert self._socket is not None
        await self._socket.send_str(json.dumps({"type": kind, **fields}))

    async def ping(self) -> None:
        assert self._socket is not None
        await self._socket.ping()

    def say(self, text: str) -> None:
        """Say ``text`` at the pace of real time; otherwise there is silence."""
        self._spoken += wire_sound(text)

    @property
    def is_done(self) -> bool:
        """Whether everything is said."""
        return not self._spoken

    async def wait(self, kind: str, matches: Callable[[Event], bool] = lambda _: True) -> Event:
        """Return the next event of that type after those that were waited for, and pass over the others."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    while self._seen < len(self.events):
                        self._seen += 1
                        event = self.events[self._seen - 1]
                        if event["type"] == kind and matches(event):
                            return event
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind}; there were {self.types}") from None

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def heard_ms(self) -> int:
        """How much sound has come."""
        return len(self.pcm) // WIRE_BYTES_PER_MS

    async def _read(self) -> None:
        assert self._socket is not None
        async for message in self._socket:
            event = json.loads(message.data)
            if event["type"] in ("response.output_audio.delta", "response.audio.delta"):
                self.pcm += base64.b64decode(event["delta"])
            self.events.append(event)
            self._changed.set()
        self.is_closed.set()

    async def _speak(self) -> None:
        began_at, sent_ms = time.monotonic(), 0
        while True:
            piece = bytes(self._spoken[: PIECE_MS * WIRE_BYTES_PER_MS])
            del self._spoken[: PIECE_MS * WIRE_BYTES_PER_MS]
            audio = base64.b64encode(piece.ljust(PIECE_MS * WIRE_BYTES_PER_MS, b"\0")).decode()
            await self.send("input_audio_buffer.append", audio=audio)
            sent_ms += PIECE_MS
            await asyncio.sleep(max(0.0, began_at + sent_ms / 1000 - time.monotonic()))
