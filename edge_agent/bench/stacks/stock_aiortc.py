"""A stock aiortc application: it reads the remote track, and what it reads it would play."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from edge_agent.bench.stacks.wire import Recording, Wire

CHANNELS = 2
"""aiortc decodes Opus to stereo."""


async def run() -> None:
    """Talk to the bench until it has gone."""
    wire, recording = await Wire.open(), Recording(CHANNELS)
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    playing: list[asyncio.Task[None]] = []

    @connection.on("track")
    def _(track: MediaStreamTrack) -> None:
        playing.append(asyncio.create_task(_play(track, recording)))

    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    wire.say({"offer": connection.localDescription.sdp})
    while message := await wire.hear():
        if "answer" in message:
            await connection.setRemoteDescription(RTCSessionDescription(message["answer"], "answer"))
        elif message["do"] == "count":
            wire.say({"counters": {}})
        else:
            wire.say({"blocks": recording.write(Path(message["pcm"]))})
    await connection.close()


async def _play(track: MediaStreamTrack, recording: Recording) -> None:
    try:
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.AudioFrame)
            recording.add(time.monotonic(), bytes(frame.planes[0])[: frame.samples * 2 * CHANNELS])
    except MediaStreamError:
        return


if __name__ == "__main__":
    asyncio.run(run())
