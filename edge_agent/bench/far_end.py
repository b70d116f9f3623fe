"""The sender of all stacks: one peer connection to each, the same packets and the same fate for all.

The impairment sits where aiortc hands datagrams to ICE, below RTP and encryption, as a network's would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from fractions import Fraction

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from edge_agent.bench.impairments import LOST, Schedule
from edge_agent.bench.speech import Speech

TIME_BASE = Fraction(1, 48_000)

RTCP_TYPES = range(192, 224)
"""RFC 5761 section 4: the second byte tells RTCP from RTP where both share a port."""

SendDatagram = Callable[[bytes], Awaitable[None]]


class FarEnd:
    """One peer connection that sends ``speech`` as ``schedule`` says."""

    def __init__(self, speech: Speech, schedule: Schedule) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = _ScheduledTrack(speech, schedule)
        self._schedule = schedule
        self._path: _Path | None = None
        self._is_connected = asyncio.Event()
        self._connection.on("connectionstatechange", self._state_changed)

    @property
    def sent_at_s(self) -> list[float]:
        """When each packet left (monotonic), before anything happened to it on its way."""
        assert self._path is not None
        left = self._path.left_at_s
        return [left.get(index, at_s) for index, at_s in enumerate(self._track.made_at_s)]

    async def connected(self) -> None:
        """Wait until packets would arrive. No deadline of its own."""
        await self._is_connected.wait()

    def _state_changed(self) -> None:
        if self._connection.connectionState == "connected":
            self._is_connected.set()

    async def answer(self, offer_sdp: str) -> str:
        """Take a stack's offer and return the complete answer; the impairment is in place."""
        # As the DTLS client, aiortc knows no cipher for GStreamer's RSA certificate: let every stack be it.
        offer_sdp = offer_sdp.replace("a=setup:actpass", "a=setup:active")
        await self._connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
        sender = self._connection.addTrack(self._track)
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        ice = sender.transport.transport
        self._path = _Path(ice._send, self._schedule)
        ice._send = self._path.send
        return self._connection.localDescription.sdp

    def begin(self, at_s: float) -> None:
        """Send the first packet at ``at_s`` (monotonic)."""
        self._track.begin(at_s)

    async def sent(self) -> None:
        """Wait until the last packet was handed over."""
        await self._track.is_done.wait()

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


class _ScheduledTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, speech: Speech, schedule: Schedule) -> None:
        super().__init__()
        self._speech = speech
        self._schedule = schedule
        self._begins_at_s: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.made_at_s: list[float] = []
        self.is_done = asyncio.Event()

    def begin(self, at_s: float) -> None:
        self._begins_at_s.set_result(at_s)

    async def recv(self) -> av.Packet[av.stream.Stream]:
        begins_at_s = await asyncio.shield(self._begins_at_s)
        index = len(self.made_at_s)
        if index == len(self._speech.packets):
            self.is_done.set()
            raise MediaStreamError
        wait_s = begins_at_s + self._schedule.due_s[index] - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        packet = av.Packet(self._speech.packets[index])
        packet.pts = self._schedule.timestamp_samples(index)
        packet.time_base = TIME_BASE
        self.made_at_s.append(time.monotonic())
        return packet


class _Path:
    """Loses and delays RTP as the schedule says; everything else passes."""

    def __init__(self, send: SendDatagram, schedule: Schedule) -> None:
        self._send = send
        self._fates = schedule.fates
        count = len(schedule.fates)
        self._index_of = {schedule.timestamp_samples(index): index for index in range(count)}
        self._first_timestamp: int | None = None
        self._late: set[asyncio.Task[None]] = set()
        self.left_at_s: dict[int, float] = {}

    async def send(self, data: bytes) -> None:
        is_rtp = 128 <= data[0] < 192 and data[1] not in RTCP_TYPES
        fate = self._fate_of(data) if is_rtp else 0.0
        if fate is LOST:
            return
        if fate <= 0.0:
            await self._send(data)
            return
        late = asyncio.create_task(self._send_late(data, fate))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    async def _send_late(self, datagram: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            await self._send(datagram)
        except ConnectionError:
            return  # the case is over

    def _fate_of(self, datagram: bytes) -> float | None:
        timestamp = int.from_bytes(datagram[4:8])
        if self._first_timestamp is None:
            self._first_timestamp = timestamp
        index = self._index_of.get((timestamp - self._first_timestamp) & 0xFFFFFFFF)
        if index is None:
            return 0.0
        self.left_at_s[index] = time.monotonic()
        return self._fates[index]
