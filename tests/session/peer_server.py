"""A small real Realtime server on loopback: aiohttp for the call, aiortc for the rest, levers for everything.

Tests set the levers before the session starts and use :class:`Call` afterwards. It has no mind of its own:
it greets, confirms ``session.update``, and says what a test tells it to say.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aioice.ice
from aiohttp import web
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack
from av import AudioFrame

Json = dict[str, Any]
Answerer = Callable[[web.Request], Awaitable[web.StreamResponse]]

POLL_S = 0.005
PATIENCE_S = 20.0
"""Longest wait for something that has to happen; generous, for machines under load."""


async def eventually(holds: Callable[[], object], what: str = "") -> None:
    """Poll until ``holds()`` is true. Fails the test after PATIENCE_S."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event to set
            await asyncio.sleep(POLL_S)


def created(**session: object) -> Json:
    """Return ``session.created`` as OpenAI sends it, cut down."""
    whole = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "expires_at": None, **session}
    return {"type": "session.created", "event_id": "event_1", "session": whole}


def updated(**session: object) -> Json:
    """Return ``session.updated``."""
    return {"type": "session.updated", "event_id": "event_2", "session": {"type": "realtime", **session}}


def error(code: str | None = None, message: str = "no", **fields: object) -> Json:
    """Return an ``error`` event."""
    about = {"type": "invalid_request_error", "code": code, "message": message, "param": None, **fields}
    return {"type": "error", "event_id": "event_3", "error": about}


@dataclass(frozen=True)
class Request:
    """One HTTP request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Tone(AudioStreamTrack):
    """A square wave loud enough to be told from silence, 20 ms a frame."""

    async def recv(self) -> AudioFrame:
        silent = await super().recv()
        assert isinstance(silent, AudioFrame)
        frame = AudioFrame(format="s16", layout="mono", samples=silent.samples)
        half = b"\x00\x30" * 10 + b"\x00\xd0" * 10
        frame.planes[0].update((half * silent.samples)[: frame.planes[0].buffer_size])
        frame.pts, frame.sample_rate, frame.time_base = silent.pts, silent.sample_rate, silent.time_base
        return frame


class LateTone(Tone):
    """The same, from when ``begins`` is set on: nothing of it comes before the test is ready."""

    def __init__(self, begins: asyncio.Event) -> None:
        super().__init__()
        self._begins = begins

    async def recv(self) -> AudioFrame:
        await self._begins.wait()
        return await super().recv()


@dataclass
class Call:
    """One call: what came, and the means to say and do things."""

    connection: RTCPeerConnection
    on_message: Callable[[Call, Json], None]
    greeting: list[Json]
    channel: RTCDataChannel | None = None
    received: list[Json] = field(default_factory=list)
    frames: list[AudioFrame] = field(default_factory=list)
    ended: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def attach(self) -> None:
        """Listen to the connection."""

        @self.connection.on("datachannel")
        def _(channel: RTCDataChannel) -> None:
            self.channel = channel
            channel.on("message", self._heard)
            channel.on("close", self._closed)
            for event in self.greeting:
                self.say(event)

        @self.connection.on("track")
        def _(track: MediaStreamTrack) -> None:
            self.tasks.append(asyncio.create_task(self._listen(track)))

    def say(self, event: Json) -> None:
        """Send one event."""
        self.say_raw(json.dumps(event))

    def say_raw(self, message: str | bytes) -> None:
        """Send anything."""
        assert self.channel is not None
        self.channel.send(message)

    def types(self) -> list[str]:
        """Names of the client's events so far."""
        return [str(event["type"]) for event in self.received]

    async def close(self) -> None:
        """End the call as a polite server does."""
        await self.connection.close()

    def vanish(self) -> None:
        """Stop answering, without a word."""
        for transport in self.connection._RTCPeerConnection__iceTransports:  # type: ignore[attr-defined] # a lever
            for protocol in transport._connection._protocols:
                protocol.transport.abort()

    def _heard(self, message: str | bytes) -> None:
        event = json.loads(message)
        self.received.append(event)
        self.on_message(self, event)

    def _closed(self) -> None:
        self.ended = True

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self.frames.append(frame)
        except MediaStreamError:
            return


def confirm(call: Call, event: Json) -> None:
    """Do what every server does: confirm the settings."""
    if event["type"] == "session.update":
        call.say(updated())


def silent(call: Call, event: Json) -> None:
    """Say nothing."""


class PeerServer:
    """The server. ``async with PeerServer() as server`` runs it; leaving ends all of it."""

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._tls = tls
        self._port = port
        self.url = ""
        self.requests: list[Request] = []
        self.calls: list[Call] = []
        self.answer_call: Answerer | None = None
        """Answers the POST of the call instead of WebRTC."""
        self.answer_token: Answerer | None = None
        self.answer_hang_up: Answerer | None = None
        self.greeting = [created()]
        self.on_message: Callable[[Call, Json], None] = confirm
        self.status = 201
        self.location: str | None = "/v1/realtime/calls/rtc_u1_test"
        self.sdp_path: tuple[str, ...] = ()
        self.edit_answer: Callable[[str], str] = lambda sdp: sdp
        self.track: Callable[[], MediaStreamTrack] = AudioStreamTrack
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> PeerServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._dispatch)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"{'https' if self._tls else 'http'}://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for call in self.calls:
            await call.close()
            for task in call.tasks:
                task.cancel()
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def call(self) -> Call:
        """The newest call."""
        return self.calls[-1]

    def paths(self) -> list[str]:
        """Method and path of every request so far."""
        return [f"{request.method} {request.path}" for request in self.requests]

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(Request(request.method, request.path_qs, dict(request.headers), body))
        if request.method == "DELETE" or request.path.endswith("/hangup"):
            return await self.answer_hang_up(request) if self.answer_hang_up else web.Response()
        if "secrets" in request.path or "sessions" in request.path:
            return await self.answer_token(request) if self.answer_token else _token()
        if self.answer_call is not None:
            return await self.answer_call(request)
        return await self._take(request, body)

    async def _take(self, request: web.Request, body: bytes) -> web.Response:
        answer = self.edit_answer(await self._answer_sdp(_offer_of(request, body)))
        headers = {} if self.location is None else {"Location": self.location}
        if not self.sdp_path:
            return web.Response(
                status=self.status, text=answer, content_type="application/sdp", headers=headers
            )
        nested: object = answer
        for name in reversed(self.sdp_path):
            nested = {name: nested}
        return web.json_response(nested, status=self.status, headers=headers)

    async def _answer_sdp(self, offer: str) -> str:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        call = Call(connection, self.on_message, list(self.greeting))
        call.attach()
        self.calls.append(call)
        connection.addTrack(self.track())
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return str(connection.localDescription.sdp)


def _offer_of(request: web.Request, body: bytes) -> str:
    kind = request.content_type
    if kind == "application/sdp":
        return body.decode()
    if kind == "application/json":
        return str(json.loads(body)["sdp"])
    parts = parts_of(request.headers["Content-Type"], body)
    return parts["sdp"][1].decode()


def parts_of(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Take a multipart body apart: name -> (content type, content), byte for byte (RFC 7578)."""
    boundary = b"--" + content_type.split("boundary=")[1].strip('"').encode()
    found: dict[str, tuple[str, bytes]] = {}
    for part in body.split(boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.decode().split("\r\n"))
        }
        name = fields["content-disposition"].split('name="')[1].split('"')[0]
        found[name] = (fields["content-type"], content.removesuffix(b"\r\n"))
    return found


def _token() -> web.Response:
    return web.json_response({"value": "ek_test_0123456789", "expires_at": 1})


def quick_consent(monkeypatch: Any) -> None:
    """Let ICE consent expire within a second or two instead of half a minute."""
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.2)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
