"""A call over WebRTC: a peer connection, one channel for events, and sound both ways as Opus."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, AudioResampler
from av.frame import Frame
from av.packet import Packet
from av.stream import Stream

from edge_agent.server.carrier import Caller
from edge_agent.server.microphone import BYTES_PER_MS
from edge_agent.server.output import Idle, OutputTrack
from edge_agent.server.peer_hooks import (
    cut_off,
    ignore_checks,
    offer_addresses,
    open_channels_late,
    send_text_bytes,
)
from edge_agent.server.vad import SAMPLE_RATE_HZ
from edge_agent.server.voice import Speech

SILENCE_AFTER_S = 0.200
"""Without RTP for so long, the person is taken to be silent: a client that mutes may stop sending."""

SILENCE_WAITS = 4
"""The time is waited for in so many parts. Of a loop that is held up one part passes, however long it takes,
and what has come meanwhile is there in the next."""


class BadOffer(ValueError):
    """The offer can't be answered. The text goes to the client."""


class DataChannel:
    """aiortc's channel, as a call wants it."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether events can be sent."""
        return self._channel.readyState == "open"

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the network."""
        return self._channel.bufferedAmount

    def send(self, message: str | bytes) -> None:
        """Send one message. Raises ValueError for one that is larger than the client takes."""
        self._channel.send(message)

    def send_as_text(self, data: bytes) -> None:
        """Send ``data`` as a text message, whatever it is and however large."""
        task = send_text_bytes(self._channel, data)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class PeerCarrier:
    """One peer connection. ``silence`` is the packet that is sent while there is nothing to say."""

    def __init__(self, call: Caller, silence: bytes, addresses: list[str] | None) -> None:
        self._call = call
        self._addresses = addresses
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = OutputTrack(silence, call.answer_started, call.answer_drained)
        self._opens_late_s = 0.0
        self._has_channel = False

    @property
    def packets_sent(self) -> int:
        """How many packets of sound have left."""
        return self._track.sent_packets

    async def answer(self, offer: str, *, is_dead: bool) -> str:
        """Return the SDP answer to ``offer``; with ``is_dead`` it leads nowhere. Raises BadOffer."""
        self._pc.on("track", self._on_track)
        self._pc.on("datachannel", self._on_channel)
        self._pc.on("connectionstatechange", self._on_connection)
        self._pc.addTrack(self._track)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            answer = await self._pc.createAnswer()
        except (ValueError, AssertionError, KeyError, IndexError) as error:  # what aiortc's parser raises
            raise BadOffer("Failed to parse offer.") from error
        if not self._pc.getTransceivers() or self._pc.sctp is None:
            raise BadOffer("The offer needs one audio section and one for data channels.")
        if self._addresses is not None:
            offer_addresses(self._pc, self._addresses)
        if self._opens_late_s:
            open_channels_late(self._pc, self._opens_late_s, self._call.keep_task)
        await self._pc.setLocalDescription(answer)
        if is_dead:
            cut_off(self._pc)
        return self._pc.localDescription.sdp

    def play(self, response_id: str, speech: Speech) -> None:
        """Send the sound of a response after what is being sent already."""
        self._track.buffer.load(response_id, speech)

    def stream(self, response_id: str, until_ms: int) -> bytes:
        """Nothing: RTP has a pace of its own."""
        return b""

    def stop_playing(self) -> None:
        """Throw away all sound that has not left."""
        self._track.buffer.clear()

    def set_idle(self, *, pauses: bool) -> None:
        """Send silence between answers, or nothing at all."""
        if self._track.idle is not Idle.STOPPED:
            self._track.idle = Idle.PAUSE if pauses else Idle.SILENCE

    def stop_sound(self) -> None:
        """Send no RTP any more."""
        self._track.idle = Idle.STOPPED

    def send_empty(self) -> None:
        """Send one RTP packet without payload."""
        self._track.spoils_next = True

    def ignore_checks(self) -> None:
        """Answer no more requests of STUN."""
        ignore_checks(self._pc)

    def open_late(self, delay_s: float) -> None:
        """Acknowledge the channel late; to be said before :meth:`answer`."""
        self._opens_late_s = delay_s

    def cut_off(self) -> None:
        """Send and hear nothing any more."""
        cut_off(self._pc)

    async def close(self) -> None:
        """End the connection."""
        await self._pc.close()

    def _on_connection(self) -> None:
        if self._pc.connectionState in ("closed", "failed"):
            self._call.carrier_lost()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._has_channel:
            return  # one channel is enough
        self._has_channel = True
        channel.on("message", self._call.message_came)
        self._call.channel_opened(DataChannel(channel))

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._call.keep(self._hear(track) if track.kind == "audio" else _drain(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        silence = bytes(int(SILENCE_AFTER_S * 1000) * BYTES_PER_MS)
        while True:
            try:
                frame = await next_frame(track)
            except MediaStreamError:
                return
            if frame is None:
                self._call.sound_came(silence)
            elif isinstance(frame, AudioFrame):
                self._call.frame_came()
                for part in resampler.resample(frame):
                    self._call.sound_came(bytes(part.planes[0])[: part.samples * 2])


async def next_frame(track: MediaStreamTrack) -> Frame | Packet[Stream] | None:
    """Return what comes next, or None after SILENCE_AFTER_S without anything.

    Raises MediaStreamError when the track has ended.
    """
    for _ in range(SILENCE_WAITS):
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE_AFTER_S / SILENCE_WAITS):
                return await track.recv()
    return None


async def _drain(track: MediaStreamTrack) -> None:
    """Read a track that nobody needs: aiortc keeps what is not read."""
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return
