"""A plain client of the embedded server: aiortc, aiohttp and JSON, nothing of edge-agent."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import time
import wave
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from functools import cache
from typing import Any

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

Event = dict[str, Any]

DEADLINE_S = 20.0
"""Longest wait for anything: generous, so that a busy machine breaks nothing."""

RATE_HZ = 16_000
FRAME_BYTES = RATE_HZ // 50 * 2


@cache
def speech(text: str, voice: str = "slt") -> bytes:
    """Return ``text`` spoken by flite: 16 kHz mono s16le."""
    command = ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"]
    wav = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    with wave.open(io.BytesIO(wav)) as sound:
        assert sound.getframerate() == RATE_HZ
        pcm: bytes = sound.readframes(sound.getnframes())
        return pcm


class Microphone(MediaStreamTrack):
    """Sends what is said, silence otherwise, 20 ms at a time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pcm = bytearray()
        self._sent_frames = 0
        self._began_at = 0.0
        self.silent_since = 0.0

    def say(self, pcm: bytes) -> None:
        self._pcm += pcm

    @property
    def is_done(self) -> bool:
        return not self._pcm

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._began_at = self._began_at or time.monotonic()
        due = self._began_at + self._sent_frames * 0.020
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        pcm = bytes(self._pcm[:FRAME_BYTES])
        del self._pcm[:FRAME_BYTES]
        if pcm and not self._pcm:
            self.silent_since = time.monotonic()
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES // 2)
        frame.planes[0].update(pcm + bytes(FRAME_BYTES - len(pcm)))
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._sent_frames * FRAME_BYTES // 2
        self._sent_frames += 1
        return frame


class Client:
    """One call. Collects all events and all sound; ``async with`` opens and closes it."""

    def __init__(self, url: str, path: str = "/v1/realtime/calls", key: str | None = None) -> None:
        self.events: list[Event] = []
        self.arrived_at: list[float] = []
        self.raw: list[str | bytes] = []
        self.pcm_48k = bytearray()
        self.frames: list[tuple[float, int]] = []  # when, loudest sample
        self.location: str | None = None
        self.is_closed = asyncio.Event()
        self.microphone = Microphone()
        self._url = url
        self._path = path
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel = self._pc.createDataChannel("oai-events")
        self._channel.on("message", self._on_message)
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._seen = 0

    async def __aenter__(self) -> Client:
        await self.dial()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def dial(self, session: Event | None = None) -> None:
        """Call as raw SDP, or as multipart with a session."""
        self._pc.addTrack(self.microphone)
        self._pc.on("track", lambda track: self._tasks.append(asyncio.create_task(self._listen(track))))
        self._pc.on("connectionstatechange", self._on_state)
        await self._pc.setLocalDescription(await self._pc.createOffer())
        async with (
            aiohttp.ClientSession() as http,
            http.post(self._url + self._path, **self._body(session)) as response,
        ):
            text = await response.text()
            assert response.status == 201, (response.status, text)
            assert response.content_type == "application/sdp"
            self.location = response.headers.get("Location")
        await self._pc.setRemoteDescription(RTCSessionDescription(text, "answer"))

    def _body(self, session: Event | None) -> dict[str, Any]:
        sdp = self._pc.localDescription.sdp
        if session is None:
            return {"data": sdp, "headers": {**self._headers, "Content-Type": "application/sdp"}}
        form = aiohttp.FormData()
        form.add_field("sdp", sdp, content_type="application/sdp")
        form.add_field("session", json.dumps(session), content_type="application/json")
        return {"data": form, "headers": self._headers}

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pc.close()

    def send(self, kind: str, **fields: Any) -> None:
        self._channel.send(json.dumps({"type": kind, **fields}))

    def send_text(self, text: str | bytes) -> None:
        self._channel.send(text)

    async def wait(self, kind: str, matches: Callable[[Event], bool] = lambda _: True) -> Event:
        """Return the next event of that type after those that were waited for, and pass over the others."""
        return await self.wait_for(lambda event: event["type"] == kind and matches(event), kind)

    async def wait_for(self, matches: Callable[[Event], bool], what: str = "an event") -> Event:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    while self._seen < len(self.events):
                        self._seen += 1
                        if matches(self.events[self._seen - 1]):
                            return self.events[self._seen - 1]
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {what}; there were {self.types}") from None

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    async def ask(self, question: str) -> str:
        """Say ``question``, wait until the answer has been heard, and return its words."""
        self.microphone.say(speech(question))
        done = await self.wait("response.done")
        await self.wait("output_audio_buffer.stopped")
        return str(done["response"]["output"][0]["content"][0]["transcript"])

    def _on_message(self, message: str | bytes) -> None:
        self.raw.append(message)
        with suppress(ValueError, RecursionError):
            event = json.loads(message)
            if isinstance(event, dict) and isinstance(message, str):
                self.events.append(event)
                self.arrived_at.append(time.monotonic())
        self._changed.set()

    def _on_state(self) -> None:
        if self._pc.connectionState == "closed":
            self.is_closed.set()

    async def _listen(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                stereo = memoryview(bytes(frame.planes[0])[: frame.samples * 4]).cast("h")
                mono = bytes(stereo[::2])
                self.pcm_48k += mono
                self.frames.append((time.monotonic(), max(map(abs, memoryview(mono).cast("h")))))


async def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until ``condition`` holds."""
    ends_at = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends_at, f"{what} did not hold within {DEADLINE_S} s"
        await asyncio.sleep(0.02)
