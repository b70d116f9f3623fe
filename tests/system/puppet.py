"""A Realtime server on strings, in a thread of its own: it goes on serving while a test waits for a process.

It is the server of tests/session with a loop to live in. Its levers are set on :attr:`Puppet.server`.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web
from av import AudioFrame

from tests.processes import DEADLINE_S
from tests.session.peer_server import Answerer, Json, PeerServer, Tone

T = TypeVar("T")

SPEECH_STARTED: Json = {
    "type": "input_audio_buffer.speech_started",
    "event_id": "event_10",
    "audio_start_ms": 100,
    "item_id": "item_1",
}
SPEECH_STOPPED: Json = {
    "type": "input_audio_buffer.speech_stopped",
    "event_id": "event_11",
    "audio_end_ms": 900,
    "item_id": "item_1",
}
COMMITTED: Json = {"type": "input_audio_buffer.committed", "event_id": "event_12", "item_id": "item_1"}
RESPONSE_CREATED: Json = {
    "type": "response.created",
    "event_id": "event_13",
    "response": {"object": "realtime.response", "id": "resp_1", "status": "in_progress", "output": []},
}
SOUND_STARTED: Json = {
    "type": "output_audio_buffer.started",
    "event_id": "event_14",
    "response_id": "resp_1",
}
"""The events of one turn, up to the answer's first sound."""


class Puppet:
    """One server. Use it as ``with puppet() as server_of_mine``."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.server = PeerServer(tls, port)
        self.server.track = lambda: _Mouth(self)
        self.sounds = False
        """Whether its track carries a tone; silence otherwise."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def endpoint(self) -> dict[str, str]:
        """The entry of a configuration that leads here."""
        return {"name": "puppet", "profile": "local", "url": self.server.url}

    def start(self) -> None:
        self._thread.start()
        self.run(self.server.__aenter__())

    def stop(self) -> None:
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the server's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)

    def say(self, *events: Json) -> None:
        """Send events on the newest call."""

        async def say_them() -> None:
            for event in events:
                self.server.call.say(event)

        self.run(say_them())

    def hang_up(self) -> None:
        """End the newest call as a polite server does."""
        self.run(self.server.call.close())

    def calls_made(self) -> int:
        """How often somebody called."""
        return self.server.paths().count("POST /v1/realtime/calls")

    def hang_ups(self) -> int:
        """How often a caller said goodbye."""
        return sum(path.endswith("/hangup") for path in self.server.paths())

    async def _end(self) -> None:
        await self.server.__aexit__()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_default_executor()


class _Mouth(Tone):
    """The track of a call: a tone while the puppet sounds."""

    def __init__(self, puppet: Puppet) -> None:
        super().__init__()
        self._puppet = puppet

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        if not self._puppet.sounds:
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
        return frame


@contextmanager
def puppet(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Puppet]:
    """Run a puppet for the length of the block."""
    server = Puppet(port, tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def never(_: web.Request) -> web.StreamResponse:
    """Take a request and leave it unanswered."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")


def answer(status: int, body: str = "", **headers: str) -> Answerer:
    """Answer every call with this, and with no session."""

    async def refuse(_: web.Request) -> web.StreamResponse:
        content_type = "application/json" if body.startswith("{") else "text/html"
        response = web.Response(status=status, text=body, content_type=content_type)
        response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return response

    return refuse


@contextmanager
def deaf_port() -> Iterator[Callable[[str], str]]:
    """Return an edit of SDP answers that leads ICE to a port where nothing answers.

    The password is spoiled as well: the server's own checks would show the caller another way to it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("", 0))
        port = nobody.getsockname()[1]
        candidate = re.compile(r"^(a=candidate:\S+ \d+ udp \d+ \S+) \d+ ", re.MULTILINE)
        password = re.compile(r"^a=ice-pwd:.*?(\r?)$", re.MULTILINE)
        yield lambda sdp: password.sub(rf"a=ice-pwd:{'x' * 22}\1", candidate.sub(rf"\1 {port} ", sdp))


def eventually(holds: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll until ``holds()`` is true. Fails the test after ``deadline_s``."""
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {deadline_s} s: {what}"
        time.sleep(0.01)
