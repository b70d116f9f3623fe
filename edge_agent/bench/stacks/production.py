"""edge-agent's own receive path: the session's peer, the downlink and the playback thread, as they are.

Only the loudspeaker is the bench's: it keeps the pace of the clock, holds nothing back, and notes for each
block when it was pulled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent import host
from edge_agent.audio.downlink import Downlink
from edge_agent.audio.machine import decoder_complexity_for, this_machine
from edge_agent.audio.null import NullOutput
from edge_agent.audio.playback import Playback
from edge_agent.bench.stacks.wire import Recording, Wire
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.session.peer import Peer
from edge_agent.session.transport import EncodedPacket

CHANNELS = 1
CLOSE_LIMIT_S = 1.0


class _Loudspeaker(NullOutput):
    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def write(self, block: bytes) -> None:
        self._recording.add(time.monotonic(), block)
        super().write(block)


class _Road:
    """The sound road of a session without a microphone."""

    def __init__(self, downlink: Downlink) -> None:
        self._downlink = downlink

    def connect_microphone(self, deliver: Callable[[EncodedPacket], None]) -> None:
        """Nothing is ever delivered."""

    def disconnect_microphone(self) -> None:
        """Nothing was."""

    def connect_loudspeaker(self, read: Callable[[], None]) -> None:
        self._downlink.connect(read)

    def disconnect_loudspeaker(self) -> None:
        self._downlink.disconnect()

    def receive(self, packet: RtpPacket) -> None:
        self._downlink.receive(packet)

    def play(self, pcm_48k_mono: bytes) -> None:
        self._downlink.play(pcm_48k_mono)

    @property
    def undecodable_packets(self) -> int:
        return self._downlink.undecodable_packets


async def run() -> None:
    """Talk to the bench until it has gone."""
    wire, recording = await Wire.open(), Recording(CHANNELS)
    downlink = Downlink(complexity=decoder_complexity_for(this_machine()))
    peer = Peer((), _Road(downlink))
    playback = Playback(lambda: _Loudspeaker(recording), downlink, lambda _: None, lambda _: None)
    host.settle()
    playback.start()
    wire.say({"offer": await peer.make_offer()})
    while message := await wire.hear():
        if "answer" in message:
            await peer.accept(message["answer"])
            await peer.opened()
            peer.take_sound()
        elif message["do"] == "count":
            wire.say({"counters": downlink.statistics.as_w3c()})
        else:
            wire.say({"blocks": recording.write(Path(message["pcm"]))})
    playback.stop(CLOSE_LIMIT_S)
    await peer.close(CLOSE_LIMIT_S)


if __name__ == "__main__":
    host.prepare()
    asyncio.run(run())
