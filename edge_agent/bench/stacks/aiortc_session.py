"""A stock aiortc application in a session: 20 ms frames of a WAV file as its microphone, the answer played.

It makes the same call over HTTP as the daemon, and like any application with sound devices it has a thread
for each of them, which keep real time. usage: aiortc_session URL MICROPHONE.wav
It says ``{"connected": true}`` and ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
import wave
from fractions import Fraction
from pathlib import Path

import aiohttp
import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from edge_agent.bench.stacks.wire import Wire

FRAME_SAMPLES = 960
FRAME_S = 0.020
RATE_HZ = 48_000

QUEUE_FRAMES = 10
"""What may wait for a device; a frame that finds no room is dropped."""


class Microphone(MediaStreamTrack):
    """A microphone as applications make it: a thread reads 20 ms at a time and hands them to the loop."""

    kind = "audio"

    def __init__(self, path: Path) -> None:
        super().__init__()
        with wave.open(str(path)) as sound:
            self._pcm = sound.readframes(sound.getnframes())
        self._count = 0
        self._reader_loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_FRAMES)
        threading.Thread(target=self._read, daemon=True).start()

    async def recv(self) -> av.AudioFrame:
        """Return the next frame."""
        pcm = await self._frames.get()
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(pcm)
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._count * FRAME_SAMPLES
        self._count += 1
        return frame

    def _read(self) -> None:
        began_s = time.monotonic()
        size, read = FRAME_SAMPLES * 2, 0
        while not self._reader_loop.is_closed():
            read += 1
            time.sleep(max(0.0, began_s + read * FRAME_S - time.monotonic()))
            at = read * size % (len(self._pcm) - size)
            self._reader_loop.call_soon_threadsafe(self._put, self._pcm[at : at + size])

    def _put(self, pcm: bytes) -> None:
        if not self._frames.full():
            self._frames.put_nowait(pcm)


class Loudspeaker:
    """A loudspeaker that nobody hears: a thread takes a frame at a time and keeps real time."""

    def __init__(self) -> None:
        self._frames: queue.Queue[bytes] = queue.Queue(QUEUE_FRAMES)
        threading.Thread(target=self._play, daemon=True).start()

    async def play(self, track: MediaStreamTrack) -> None:
        """Play a track to its end."""
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                if not self._frames.full():
                    self._frames.put_nowait(bytes(frame.planes[0]))
        except MediaStreamError:
            return

    def _play(self) -> None:
        while True:
            self._frames.get()
            time.sleep(FRAME_S / 2)  # a card with a buffer takes the next one before the last has ended


async def run(url: str, microphone: Path) -> None:
    """Hold the session until the bench has gone."""
    wire = await Wire.open()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTrack(Microphone(microphone))
    channel = connection.createDataChannel("oai-events")
    loudspeaker = Loudspeaker()
    playing: list[asyncio.Task[None]] = []

    @connection.on("track")
    def _(track: MediaStreamTrack) -> None:
        playing.append(asyncio.create_task(loudspeaker.play(track)))

    @channel.on("open")
    def _() -> None:
        wire.say({"connected": True})

    await connection.setLocalDescription(await connection.createOffer())
    offer, headers = connection.localDescription.sdp, {"Content-Type": "application/sdp"}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/v1/realtime/calls", data=offer, headers=headers) as response,
    ):
        answer = await response.text()
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    while await wire.hear():
        pass
    await connection.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2])))
