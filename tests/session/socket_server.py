"""A Realtime server for tests that speaks WebSocket, with levers: aiohttp and JSON, nothing of edge-agent."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType

from aiohttp import WSMsgType, web

from tests.session.peer_server import Json, created, eventually, updated

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SocketServer:
    """Takes one session at a time at any path. An asynchronous context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.received: list[Json] = []
        self.answer: Answer | None = None
        """Answers in place of a session."""
        self.answers_pings = True
        self.pings = 0
        self._tls = tls
        self._socket: web.WebSocketResponse | None = None
        self._over = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> SocketServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._connect)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        scheme = "http" if self._tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def socket(self) -> web.WebSocketResponse:
        """The session's."""
        assert self._socket is not None
        return self._socket

    def types(self) -> list[str]:
        """What the client said, sound left out."""
        return [event["type"] for event in self.received if event["type"] != "input_audio_buffer.append"]

    def sound(self) -> bytes:
        """What the client's microphone heard."""
        heard = [event["audio"] for event in self.received if event["type"] == "input_audio_buffer.append"]
        return b"".join(base64.b64decode(audio) for audio in heard)

    async def say(self, event: Json) -> None:
        await self.socket.send_str(json.dumps(event))

    async def heard(self, kind: str) -> Json:
        """Wait for an event of the client and return it."""
        await eventually(lambda: kind in self.types(), kind)
        return next(event for event in self.received if event["type"] == kind)

    def drop(self) -> None:
        """Cut the connection without a word."""
        transport = self.requests[-1].transport
        assert transport is not None
        transport.abort()

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.answer is not None:
            return await self.answer(request)
        self._socket = socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await self.say(created())
        async for message in socket:
            if message.type is WSMsgType.PING:
                self.pings += 1
                if self.answers_pings:
                    await socket.pong(message.data)
                continue
            event = json.loads(message.data)
            self.received.append(event)
            if event["type"] == "session.update":
                await self.say(updated())
        return socket
