"""A call over a WebSocket: events as text messages, sound in them as Base64 (24 kHz mono s16le)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from aiohttp import WSMsgType, web
from av import AudioFrame, AudioResampler

from edge_agent.server.carrier import Caller
from edge_agent.server.vad import SAMPLE_RATE_HZ as HEARD_RATE_HZ
from edge_agent.server.voice import SAMPLE_RATE_HZ as SPOKEN_RATE_HZ
from edge_agent.server.voice import Speech

WIRE_RATE_HZ = 24_000
"""The only rate of ``audio/pcm`` (OpenAI's description of the session's formats)."""

WIRE_BYTES_PER_MS = WIRE_RATE_HZ // 1000 * 2

CLOSED_NORMALLY = 1000
"""RFC 6455 section 7.4.1."""


class SocketChannel:
    """The way out: messages wait until the network takes them. What waits is bounded by who sends."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._waiting: deque[tuple[bytes, WSMsgType]] = deque()
        self._waiting_bytes = 0
        self._changed = asyncio.Event()
        self.is_cut = False

    @property
    def is_open(self) -> bool:
        """Whether events can be sent."""
        return not self._socket.closed

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the network."""
        return self._waiting_bytes

    def send(self, message: str | bytes) -> None:
        """Send one message."""
        if isinstance(message, str):
            self.send_as_text(message.encode())
        else:
            self._put(message, WSMsgType.BINARY)

    def send_as_text(self, data: bytes) -> None:
        """Send ``data`` as a text message, whatever it is."""
        self._put(data, WSMsgType.TEXT)

    async def run(self) -> None:
        """Give the network what it takes, until it breaks."""
        with contextlib.suppress(ConnectionError):
            while True:
                while not self._waiting:
                    self._changed.clear()
                    await self._changed.wait()
                data, kind = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                if not self.is_cut:
                    await self._socket.send_frame(data, kind)

    def _put(self, data: bytes, kind: WSMsgType) -> None:
        self._waiting.append((data, kind))
        self._waiting_bytes += len(data)
        self._changed.set()


class SocketCarrier:
    """One WebSocket, which ``socket`` has accepted already."""

    def __init__(self, call: Caller, socket: web.WebSocketResponse) -> None:
        self._call = call
        self._socket = socket
        self._channel = SocketChannel(socket)
        self._opens_late_s = 0.0
        self._streams: dict[str, _Stream] = {}
        self._is_silent = False
        self.packets_sent = 0

    async def serve(self) -> None:
        """Open the channel, and read until the client goes or the call ends."""
        self._call.keep(self._channel.run())
        await asyncio.sleep(self._opens_late_s)
        self._call.channel_opened(self._channel)
        async for message in self._socket:
            if self._channel.is_cut:
                continue
            if message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._call.message_came(message.data)
        self._call.carrier_lost()

    def play(self, response_id: str, speech: Speech) -> None:
        """Take the sound of a response, to be given out by :meth:`stream`."""
        self._streams[response_id] = _Stream(resampled(speech.pcm, SPOKEN_RATE_HZ, WIRE_RATE_HZ))

    def stream(self, response_id: str, until_ms: int) -> bytes:
        """Return what of the response's sound has not been given out up to ``until_ms``."""
        stream = self._streams.get(response_id)
        if stream is None or self._is_silent:
            return b""
        pcm = stream.take(until_ms)
        self.packets_sent += bool(pcm)
        if stream.is_empty:
            del self._streams[response_id]
        return pcm

    def stop_playing(self) -> None:
        """Throw away all sound that has not left."""
        self._streams.clear()

    def set_idle(self, *, pauses: bool) -> None:
        """Between answers nothing is sent anyway."""

    def stop_sound(self) -> None:
        """Send no sound any more."""
        self._is_silent = True

    def send_empty(self) -> None:
        """An event without sound is nothing special."""

    def ignore_checks(self) -> None:
        """The library answers pings by itself."""

    def open_late(self, delay_s: float) -> None:
        """Say ``session.created`` late; to be said before :meth:`serve`."""
        self._opens_late_s = delay_s

    def cut_off(self) -> None:
        """Send and hear nothing any more; the connection stays."""
        self._channel.is_cut = True

    async def close(self) -> None:
        """Say goodbye."""
        if not self._channel.is_cut:
            await self._socket.close(code=CLOSED_NORMALLY)


class InputSound:
    """What a client appends, as a call hears it: one stream, whatever the pieces."""

    def __init__(self) -> None:
        self._resampler = AudioResampler(format="s16", layout="mono", rate=HEARD_RATE_HZ)

    def feed(self, pcm_24k: bytes) -> bytes:
        """Return the next sound at the rate of the voice detection."""
        frame = _frame(pcm_24k, WIRE_RATE_HZ)
        parts = [] if frame is None else self._resampler.resample(frame)
        return b"".join(bytes(part.planes[0])[: part.samples * 2] for part in parts)


class _Stream:
    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._given_bytes = 0

    @property
    def is_empty(self) -> bool:
        return self._given_bytes >= len(self._pcm)

    def take(self, until_ms: int) -> bytes:
        until = max(self._given_bytes, until_ms * WIRE_BYTES_PER_MS)
        pcm = self._pcm[self._given_bytes : until]
        self._given_bytes = until
        return pcm


def resampled(pcm: bytes, rate_hz: int, to_rate_hz: int) -> bytes:
    """Return a whole sound (mono, s16le) at another rate."""
    frame = _frame(pcm, rate_hz)
    if frame is None:
        return b""
    resampler = AudioResampler(format="s16", layout="mono", rate=to_rate_hz)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(bytes(part.planes[0])[: part.samples * 2] for part in parts)


def _frame(pcm: bytes, rate_hz: int) -> AudioFrame | None:
    samples = len(pcm) // 2
    if not samples:
        return None
    frame = AudioFrame(format="s16", layout="mono", samples=samples)
    frame.sample_rate = rate_hz
    plane = frame.planes[0]
    plane.update(pcm[: samples * 2].ljust(plane.buffer_size, b"\0"))
    return frame
