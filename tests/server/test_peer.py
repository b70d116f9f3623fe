from __future__ import annotations

import asyncio
import time

from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from edge_agent.server.peer import SILENCE_AFTER_S, next_frame

TURNS = 10
"""Of the loop, between a datagram and its frame: more than it takes to notice that a time is over."""


class Track(MediaStreamTrack):
    """A client's sound, as a test hands it over."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.frames: asyncio.Queue[AudioFrame] = asyncio.Queue()

    async def recv(self) -> AudioFrame:
        return await self.frames.get()


async def test_a_client_that_sends_nothing_is_silent() -> None:
    assert await next_frame(Track()) is None


async def test_sound_that_came_while_the_server_was_held_up_is_no_silence() -> None:
    track, frame = Track(), AudioFrame(format="s16", layout="mono", samples=960)
    hearing = asyncio.create_task(next_frame(track))
    await asyncio.sleep(0)
    time.sleep(SILENCE_AFTER_S + 0.1)  # noqa: ASYNC251 - the stall of the event loop that this is about
    for _ in range(TURNS):
        await asyncio.sleep(0)
    track.frames.put_nowait(frame)
    assert await hearing is frame
