"""A stock aiortc application in a session: 20 ms frames of a WAV file as its microphone, the answer drained.

It makes the same call over HTTP as the daemon. usage: aiortc_session URL MICROPHONE.wav
It says ``{"connected": true}`` and ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import sys
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
RATE_HZ = 48_000


class WavTrack(MediaStreamTrack):
    """A microphone as applications make it: one frame of 20 ms, then sleep."""

    kind = "audio"

    def __init__(self, path: Path) -> None:
        super().__init__()
        with wave.open(str(path)) as sound:
            self._pcm = sound.readframes(sound.getnframes())
        self._count = 0
        self._began_s = time.monotonic()

    async def recv(self) -> av.AudioFrame:
        """Return the next frame when it is due."""
        await asyncio.sleep(max(0.0, self._began_s + self._count * 0.02 - time.monotonic()))
        size = FRAME_SAMPLES * 2
        at = self._count * size % (len(self._pcm) - size)
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(self._pcm[at : at + size])
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._count * FRAME_SAMPLES
        self._count += 1
        return frame


async def run(url: str, microphone: Path) -> None:
    """Hold the session until the bench has gone."""
    wire = await Wire.open()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTrack(WavTrack(microphone))
    channel = connection.createDataChannel("oai-events")
    draining: list[asyncio.Task[None]] = []

    @connection.on("track")
    def _(track: MediaStreamTrack) -> None:
        draining.append(asyncio.create_task(_drain(track)))

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


async def _drain(track: MediaStreamTrack) -> None:
    try:
        while True:
            await track.recv()
    except MediaStreamError:
        return


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2])))
