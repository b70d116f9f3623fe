"""One WebRTC peer connection: offer, answer, one event channel, sound both ways, an end. Knows no HTTP.

The only file with aiortc's peer connection. What it has to know of aiortc 1.16: a handler that raises closes
the whole connection, so every handler here is one guarded call; so does text that is not UTF-8, which is
therefore marked; a remote track that nobody reads grows without bound, so it is always read; ``disconnected``
does not exist, and an end may show as any of: channel closed, track ended, a state of ICE or DTLS.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import aioice.ice
import av
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.sdp import SessionDescription

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.errors import SignalingError
from edge_agent.protocol.profiles import EVENTS_CHANNEL_LABEL
from edge_agent.session.direct_receiver import DirectReceiver, direct_receiver
from edge_agent.session.direct_sender import DirectSender, direct_sender
from edge_agent.session.endpoint import IceServer
from edge_agent.session.ice_consent import IceConsent, nominate_in_consent_checks
from edge_agent.session.message_queue import MessageQueue
from edge_agent.session.microphone_track import MicrophoneTrack
from edge_agent.session.rtp_tap import ShortCut, take_short_cut, tap
from edge_agent.session.transport import SoundRoad, TransportCounters

logger = logging.getLogger(__name__)

FOREIGN_CHANNELS_LIMIT = 4
"""Channels that the server may open beside ours; they are ignored, and more are closed at once."""

SEND_BUFFER_LIMIT_BYTES = 1024 * 1024
"""Events that may wait for a path that does not carry them. Overflow rule: the newest is refused."""

SOCKETS_LIMIT_S = 0.5
"""Opening a socket for each address of this machine is a matter of milliseconds."""

WEBRTC_STRING = 51
"""Payload protocol identifier of text messages (RFC 8831 section 8)."""

SAMPLE_RATE_HZ = 48_000
SAMPLE_BYTES = 2

_UNUSABLE_SDP = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What aiortc's SDP parser and setRemoteDescription raise for answers that they can't use."""


class Peer:
    """One connection, used once. All methods are called in the event loop's thread."""

    def __init__(self, ice_servers: tuple[IceServer, ...], sound: SoundRoad) -> None:
        self._sound = sound
        self._loop = asyncio.get_running_loop()
        self._messages = MessageQueue()
        self._open_or_ended = asyncio.Event()
        self._was_open = False
        self._frames_played = 0
        self._foreign_channels = 0
        self._readers: list[asyncio.Task[None]] = []
        self._gathering: asyncio.Task[None] | None = None
        # An empty list means no STUN at all; None would mean a public STUN server of somebody else.
        self._connection = _Connection(
            RTCConfiguration(
                iceServers=[_ice_server(server) for server in ice_servers],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self._connection.on("track", self._track_offered)
        self._connection.on("datachannel", self._channel_offered)
        self._connection.on("connectionstatechange", self._state_changed)
        self._connection.on("iceconnectionstatechange", self._state_changed)
        self._microphone = MicrophoneTrack()
        self._has_sound = False
        self._sender: DirectSender | None = None
        self._receiver: DirectReceiver | None = None
        self._add_microphone()
        self._tap = tap(self._connection.getReceivers()[0], self._take)
        self._short_cut: ShortCut | None = None
        self._consent: IceConsent | None = None
        self._undecodable_before = sound.undecodable_packets
        # Before the offer, so that it is part of it, and with its handlers in the same breath, because the
        # first event may arrive in the same turn of the loop as "open".
        self._channel = self._connection.createDataChannel(EVENTS_CHANNEL_LABEL)
        _take_text_that_is_none(self._connection.sctp)
        self._channel.on("message", self._messages.put)
        self._channel.on("open", self._channel_open)
        self._channel.on("close", self._channel_closed)

    @property
    def counters(self) -> TransportCounters:
        """How far it got, with what has come and was not asked for yet."""
        if self._receiver is not None:
            self._receiver.read()
        outgoing = self._microphone if self._sender is None else self._sender
        datagrams_received, datagram_at = self._datagrams
        return TransportCounters(
            messages_received=self._messages.received,
            messages_dropped=self._messages.dropped,
            sound_packets_received=self._frames_played if self._tap is None else self._tap.packets_received,
            sound_packets_empty=0 if self._tap is None else self._tap.packets_empty,
            sound_packets_undecodable=self._sound.undecodable_packets - self._undecodable_before,
            datagrams_received=datagrams_received,
            datagram_at=datagram_at,
            packets_sent=outgoing.packets_sent,
            packets_dropped=outgoing.packets_dropped,
            bytes_sent=outgoing.bytes_sent,
            first_packet_at=None if self._sender is None else self._sender.first_packet_at,
            reception=None if self._sender is None else self._sender.reception,
        )

    @property
    def _datagrams(self) -> tuple[int | None, float | None]:
        """How many have come, and when the newest did, if that is seen."""
        if self._short_cut is None or self._short_cut.datagrams_received is None:
            return None, None
        others, newest_at = self._short_cut.datagrams_received, self._short_cut.datagram_at
        if self._receiver is None or self._receiver.datagram_at is None:
            return others, newest_at
        return others + self._receiver.datagrams_received, max(newest_at or 0.0, self._receiver.datagram_at)

    async def make_offer(self) -> str:
        """Gather candidates and return the complete offer.

        Raises SignalingError (NETWORK) if this machine has no address to offer.
        """
        description = await self._connection.createOffer()
        self._gathering = asyncio.create_task(
            self._connection.setLocalDescription(description), name="gather"
        )
        await asyncio.shield(self._gathering)
        offer = self._connection.localDescription.sdp
        if "a=candidate:" not in offer:
            raise SignalingError(Fault(FaultKind.NETWORK, "this machine has no network address"))
        return offer

    async def accept(self, answer_sdp: str) -> None:
        """Take the server's answer and begin to connect. Raises SignalingError (BAD_ANSWER)."""
        try:
            _check_answer(answer_sdp)
            await self._connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))
        except _UNUSABLE_SDP as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            message = f"the server's SDP answer can't be used ({reason})"
            raise SignalingError(Fault(FaultKind.BAD_ANSWER, message)) from error
        receiver = self._connection.getReceivers()[0]
        if self._tap is not None:
            self._short_cut = take_short_cut(receiver, self._tap)
        self._consent = nominate_in_consent_checks(_ice_connection(receiver))

    async def opened(self) -> None:
        """Wait until the event channel is open. No deadline of its own.

        Raises SignalingError if the connection fails or ends before.
        """
        await self._open_or_ended.wait()
        if self._messages.ended is not None:
            raise SignalingError(self._messages.ended)

    def take_sound(self) -> None:
        """Send what the microphone delivers, and play what the server sends, from now on. Once only."""
        self._has_sound = True
        (transceiver,) = self._connection.getTransceivers()
        self._sender = direct_sender(transceiver)
        outgoing = self._microphone if self._sender is None else self._sender
        self._sound.connect_microphone(outgoing.deliver)
        if self._short_cut is not None:
            connection = _ice_connection(transceiver.receiver)
            self._receiver = direct_receiver(connection, self._short_cut)
        if self._receiver is not None:
            self._sound.connect_loudspeaker(self._receiver.read)

    def release_sound(self) -> None:
        """Send nothing any more, and drop what the server sends."""
        if self._has_sound:
            self._has_sound = False
            self._sound.disconnect_microphone()
            if self._receiver is not None:
                self._sound.disconnect_loudspeaker()
                self._receiver.close()

    def send(self, text: str) -> bool:
        """Queue one message; False if the channel is not open, is stuck, or does not take its size."""
        if self._channel.readyState != "open" or self._channel.bufferedAmount > SEND_BUFFER_LIMIT_BYTES:
            return False
        try:
            self._channel.send(text)
        except ValueError:  # larger than the server's max-message-size (RFC 8841 section 6)
            return False
        return True

    async def receive(self) -> str | bytes | Fault:
        """Return the next message, or why the connection ended.

        Raises what the sound road raised, if it did.
        """
        return await self._messages.get()

    async def forward(self, take: Callable[[str | bytes], None]) -> Fault:
        """Hand every message to ``take`` as it comes, and return why the connection ended.

        Raises what the sound road raised, if it did, and what ``take`` raises.
        """
        return await self._messages.forward(take)

    @property
    def has_path(self) -> bool:
        """Whether packets get through to the server."""
        return self._connection.iceConnectionState == "completed"

    @property
    def local_address(self) -> str | None:
        """The address of this machine from which it sends, None while or where that is not known."""
        return None if self._consent is None else self._consent.local_address

    async def check(self) -> bool:
        """Ask the other side for a sign of life; an answer counts among ``datagrams_received``."""
        return self._consent is not None and await self._consent.check()

    def what_is_missing(self) -> str:
        """Say what connecting waits for, for the message of a missed deadline."""
        if not self.has_path:
            return "no answer to connectivity checks: is outgoing UDP blocked?"
        if self._connection.connectionState != "connected":
            return "the DTLS handshake is not complete"
        return "the event channel is not open"

    async def close(self, limit_s: float) -> None:
        """Release sockets, the decoder's thread and all tasks, within ``limit_s``."""
        self._messages.end(Fault(FaultKind.CLOSED, "we closed the connection"))
        self._microphone.stop()
        if self._sender is not None:
            self._sender.close()
        if self._tap is not None:
            self._tap.close()
        for reader in self._readers:
            reader.cancel()
        try:
            self.release_sound()
        finally:
            await self._close_connection(limit_s)

    async def _close_connection(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._finish_gathering()
                await self._connection.close()
        except TimeoutError:
            logger.warning("the peer connection did not close within %.1f s", limit_s)
        if self._readers:
            await asyncio.wait(self._readers)

    async def _finish_gathering(self) -> None:
        """Wait until the sockets are open: aioice loses those that it has opened if it is broken off before.

        Servers for STUN and TURN are not waited for any longer: they are asked when all sockets are known.
        """
        if self._gathering is None or self._gathering.done():
            return
        await asyncio.wait({self._gathering}, timeout=SOCKETS_LIMIT_S)
        self._gathering.cancel()
        await asyncio.wait({self._gathering})

    def _add_microphone(self) -> None:
        """Offer one audio section, sendrecv, with Opus alone: our packets hold nothing else."""
        self._connection.addTrack(self._microphone)
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        opus = [codec for codec in codecs if codec.mimeType.lower() == "audio/opus"]
        for transceiver in self._connection.getTransceivers():
            transceiver.setCodecPreferences(opus)

    def _take(self, packet: RtpPacket) -> None:
        """Hand one packet to the loudspeaker's side, in any thread, and pass a bug of ours on."""
        if not self._has_sound:
            return
        try:
            self._sound.receive(packet)
        except BaseException as error:
            self._loop.call_soon_threadsafe(self._taking_failed, error)
            raise

    def _taking_failed(self, error: BaseException) -> None:
        self._messages.fail(error)
        self._end_seen("its sound could not be taken")

    def _track_offered(self, track: MediaStreamTrack) -> None:
        """Read every track, play the first with sound. An answer can't hold more than our offer."""
        is_ours = track.kind == "audio" and not self._readers
        reader = asyncio.create_task(self._play(track) if is_ours else _drain(track), name="remote track")
        reader.add_done_callback(self._reader_done)
        self._readers.append(reader)

    def _channel_offered(self, channel: RTCDataChannel) -> None:
        self._foreign_channels += 1
        logger.debug("the server opened a channel of its own; it is ignored")
        if self._foreign_channels > FOREIGN_CHANNELS_LIMIT:
            channel.close()

    async def _play(self, track: MediaStreamTrack) -> None:
        """Hand the server's sound to the loudspeaker as it comes, until it ends.

        With a tap nothing comes, and its end is one of the signs that the connection ends.
        """
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        try:
            while True:
                frame = await track.recv()
                if not isinstance(frame, av.AudioFrame):
                    continue
                for block in to_mono.resample(frame):
                    if self._has_sound:
                        self._sound.play(bytes(block.planes[0])[: block.samples * SAMPLE_BYTES])
                self._frames_played += 1
        except MediaStreamError:
            self._end_seen("its sound ended")

    def _reader_done(self, reader: asyncio.Task[None]) -> None:
        """Pass a bug of ours on, instead of letting a track that nobody reads fill the memory."""
        if not reader.cancelled() and (error := reader.exception()) is not None:
            self._messages.fail(error)
            self._end_seen("its sound could not be played")

    def _channel_open(self) -> None:
        self._was_open = True
        self._open_or_ended.set()

    def _channel_closed(self) -> None:
        self._end_seen("the event channel was closed")

    def _state_changed(self) -> None:
        states = (self._connection.connectionState, self._connection.iceConnectionState)
        if "failed" in states or "closed" in states:
            self._end_seen("the connection failed")

    def _end_seen(self, what: str) -> None:
        """Note the first sign of the end, which is the one that tells how it came.

        A server that closes shows first as a closed channel or an ended track while ICE still stands. If ICE
        falls first, nobody answered the consent checks any more (RFC 7675).
        """
        ice_fell = self._connection.iceConnectionState in ("failed", "closed")
        if ice_fell and not self._was_open:
            fault = Fault(FaultKind.NO_PATH, "no path to the server: its addresses did not answer")
        elif ice_fell:
            fault = Fault(FaultKind.LOST, "the server no longer answers")
        elif self._connection.connectionState == "failed":
            fault = Fault(FaultKind.TLS, "the DTLS handshake failed")
        else:
            fault = Fault(FaultKind.CLOSED, f"the server ended the connection ({what})")
        self._messages.end(fault)
        self._open_or_ended.set()


class _Connection(RTCPeerConnection):
    """aiortc's own, with somebody to see how its connecting ends: it starts a task that nobody awaits."""

    async def _RTCPeerConnection__connect(self) -> None:
        try:
            await super()._RTCPeerConnection__connect()  # type: ignore[misc]  # private, by its mangled name
        except InvalidStateError as error:
            # The connection was closed in the middle of it; whoever did that knows.
            logger.debug("connecting was broken off: %s", error)


def _ice_connection(receiver: Any) -> Any:
    """What aiortc's transports stand on; None if it is not where it is expected."""
    return getattr(receiver.transport.transport, "_connection", None)


def _take_text_that_is_none(sctp: Any) -> None:
    """Hand on text messages that are not UTF-8 with what is wrong marked in them, for the decoder to refuse.

    aiortc decodes them where nothing catches the error, which would close the connection.
    """
    receive = sctp._data_channel_receive

    async def receive_any_text(stream_id: int, protocol: int, data: bytes) -> None:
        channel = sctp._data_channels.get(stream_id)
        if protocol != WEBRTC_STRING or channel is None or _is_utf_8(data):
            await receive(stream_id, protocol, data)
        else:
            channel.emit("message", data.decode(errors="surrogateescape"))

    sctp._data_channel_receive = receive_any_text


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


async def _drain(track: MediaStreamTrack) -> None:
    try:
        while True:
            await track.recv()
    except MediaStreamError:
        return


def _ice_server(server: IceServer) -> RTCIceServer:
    credential = None if server.credential is None else server.credential()
    return RTCIceServer(urls=server.url, username=server.username, credential=credential)


def _check_answer(answer_sdp: str) -> None:
    """Find what aiortc would notice too late, in a task that nobody awaits. Raises ValueError."""
    for media in SessionDescription.parse(answer_sdp).media:
        if media.port == 0:
            raise ValueError(f"the server refused the {media.kind} section")
        if media.dtls is None or not media.dtls.fingerprints:
            raise ValueError(f"no DTLS fingerprint for the {media.kind} section")


_find_host_addresses = aioice.ice.get_host_addresses


def _host_addresses_or_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """Offer 127.0.0.1 if this machine has no other address, so that a server on it can be reached offline.

    aioice never offers it. Any other address makes it unnecessary, and nobody else is told of it.
    """
    return _find_host_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]


aioice.ice.get_host_addresses = _host_addresses_or_loopback
