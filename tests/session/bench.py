"""What a session is tested on: pretended sound, a list of what it posted, and quick deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import av

from edge_agent.core.events import Event, LinkDown, LinkUp, ServerSaid
from edge_agent.core.faults import Fault
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.protocol.profiles import PROFILES, Profile
from edge_agent.protocol.session_object import SessionWishes
from edge_agent.session.endpoint import Deadlines, Endpoint, Secret
from edge_agent.session.session import RealtimeSession
from edge_agent.session.transport import EncodedPacket
from tests.session.peer_server import PeerServer, eventually

KEY = "sk-canary-0123456789abcdef"

QUICK = Deadlines(
    http_s=10.0, connect_s=15.0, session_created_s=0.3, session_updated_s=0.3, hang_up_s=0.3, close_s=5.0
)
"""Short where a test waits for the deadline to pass, generous where it must not."""

OPENAI = PROFILES["openai"]
LOCAL = PROFILES["local"]
PACKET_SAMPLES = 960
PULL_S = 0.005


@dataclass(frozen=True)
class Packet:
    """One packet of microphone sound."""

    payload: bytes
    timestamp_samples: int
    duration_samples: int = PACKET_SAMPLES


class FakeSound:
    """Sound road with levers."""

    def __init__(self) -> None:
        self.deliver: Callable[[EncodedPacket], None] | None = None
        self.times_connected = 0
        self.times_disconnected = 0
        self.read: Callable[[], None] | None = None
        """Called every PULL_S, as the loudspeaker's thread does."""
        self.packets: list[RtpPacket] = []
        self.blocks: list[bytes] = []
        self.count_all_as_undecodable = False
        self.failure: Exception | None = None
        """Raised by receive() and play()."""

    def connect_microphone(self, deliver: Callable[[EncodedPacket], None]) -> None:
        self.times_connected += 1
        self.deliver = deliver

    def disconnect_microphone(self) -> None:
        self.times_disconnected += 1

    def connect_loudspeaker(self, read: Callable[[], None]) -> None:
        self.read = read
        self._pull()

    def disconnect_loudspeaker(self) -> None:
        self.read = None

    def _pull(self) -> None:
        if self.read is not None:
            self.read()
            asyncio.get_running_loop().call_later(PULL_S, self._pull)

    def receive(self, packet: RtpPacket) -> None:
        if self.failure is not None:
            raise self.failure
        self.packets.append(packet)

    @property
    def undecodable_packets(self) -> int:
        return len(self.packets) if self.count_all_as_undecodable else 0

    def play(self, pcm_48k_mono: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.blocks.append(pcm_48k_mono)


@dataclass
class Bench:
    """One session and all that can be seen of it."""

    server: PeerServer
    profile: Profile = OPENAI
    deadlines: Deadlines = QUICK
    wishes: SessionWishes = field(default_factory=lambda: SessionWishes(voice="marin"))
    epoch: int = 7
    base_url: str = ""
    sound: FakeSound = field(default_factory=FakeSound)
    events: list[Event] = field(default_factory=list)
    wire: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        endpoint = Endpoint(
            name="test",
            base_url=self.base_url or self.server.url,
            profile=self.profile,
            model="test-model",
            key=Secret(KEY),
            deadlines=self.deadlines,
        )
        self.session = RealtimeSession(
            self.epoch,
            endpoint,
            self.wishes,
            self.sound,
            self.events.append,
            on_wire=self.wire.append,
            on_malformed=self.malformed.append,
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Run the session in the background."""
        self.task = asyncio.create_task(self.session.run())
        return self.task

    async def up(self) -> LinkUp:
        """Start, and wait until it is up."""
        task = self.start()
        await eventually(lambda: self.events or task.done())
        if not self.events:
            await task
        first = self.events[0]
        assert isinstance(first, LinkUp), first
        self.session.take_sound()
        return first

    async def fault(self) -> Fault:
        """Wait until it is over and return why; holds that it was said exactly once, and last."""
        task = self.task or self.start()
        await task
        ends = [event for event in self.events if isinstance(event, LinkDown)]
        assert ends == self.events[-1:]
        assert ends[0].epoch == self.epoch
        return ends[0].fault

    def said(self) -> list[str]:
        """GA names of the server's events that were posted."""
        return [event.event.wire_type for event in self.events if isinstance(event, ServerSaid)]


def with_profile(profile: Profile, **changes: Any) -> Profile:
    """Return ``profile`` with changes."""
    return replace(profile, **changes)


def opus_packets(number: int) -> list[Packet]:
    """Encode a loud tone, 20 ms a packet."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    wave = (b"\x00\x30" * 24 + b"\x00\xd0" * 24) * 20
    packets: list[bytes] = []
    position = 0
    while len(packets) < number:
        frame = av.AudioFrame(format="s16", layout="mono", samples=PACKET_SAMPLES)
        frame.planes[0].update(wave[: frame.planes[0].buffer_size].ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts = 48_000, position
        position += PACKET_SAMPLES
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return [Packet(payload, index * PACKET_SAMPLES) for index, payload in enumerate(packets[:number])]


def loudness(pcm: bytes) -> int:
    """Return the largest sample of s16le sound."""
    return max((abs(sample) for sample in memoryview(pcm).cast("h")), default=0)
