"""The microphone's packets from the capture thread straight to the socket.

The only file that knows the inside of aiortc's sender. aiortc sends in the event loop: each packet wakes the
loop's thread, then a task, and waits for whatever the loop does. Here the thread that encoded a packet also
encrypts it and writes it to the socket, which spares a fifth of a session's work, and a busy loop does not
delay the voice. Everything else stays aiortc's: ICE, keys, RTCP. Its sender reports tell what was sent here.

All this is private to aiortc. An aiortc that does not look as expected gets the packets through the public
track (:mod:`edge_agent.session.microphone_track`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import random
import socket
import struct
import threading
import time
from typing import Any

import aiortc
import aiortc.clock
import aiortc.rtcdtlstransport
import aiortc.rtp
import pylibsrtp

from edge_agent.core.lapse import Reception
from edge_agent.session.shared_srtp import SharedSrtp
from edge_agent.session.transport import EncodedPacket

logger = logging.getLogger(__name__)

COMPONENT = 1
"""RTP's number among the components of ICE (RFC 8445 section 4); RTCP shares it (RFC 5761)."""

CLOCK_EVERY_PACKETS = 25
"""How often the two clocks of sender reports are read: every half second, where a report goes out about every
second."""

_HEADER = struct.Struct("!BBHII")
"""RTP's header up to the SSRC (RFC 3550 section 5.1)."""

# Private attributes of aiortc.RTCRtpSender,
_SSRC = "_ssrc"
_MID = "_RTCRtpSender__mid"
_EXTENSIONS = "_RTCRtpSender__rtp_header_extensions_map"
_NTP_TIMESTAMP = "_RTCRtpSender__ntp_timestamp"
_RTP_TIMESTAMP = "_RTCRtpSender__rtp_timestamp"
_PACKETS = "_RTCRtpSender__packet_count"
_BYTES = "_RTCRtpSender__octet_count"
_HANDLE_RTCP = "_handle_rtcp_packet"

# of aiortc.RTCDtlsTransport, and of aioice.Connection.
_STATE = "_state"  # the public one is made of text, for each packet
_SRTP = "_tx_srtp"
_PAIRS = "_nominated"

_CONNECTED = getattr(getattr(aiortc.rtcdtlstransport, "State", None), "CONNECTED", None)


class DirectSender:
    """Sends while the connection is up. The constructor and :meth:`close` belong to the event loop's thread.

    A packet that the socket does not take at once, or for which there is no path, is dropped and counted:
    sound that waits is late.
    """

    def __init__(self, transceiver: aiortc.RTCRtpTransceiver) -> None:
        transport: Any = transceiver.sender.transport
        self._transport = transport
        self._pairs = getattr(transport.transport._connection, _PAIRS)
        self._srtp = SharedSrtp(getattr(transport, _SRTP))
        setattr(transport, _SRTP, self._srtp)
        self._report = vars(transceiver.sender)
        self._payload_type = int(transceiver._codecs[0].payloadType or 0)
        header = self._header()
        self._first_byte, self._extension = header[0], header[_HEADER.size :]
        # RFC 3550 section 5.1 wants both at random; the sequence number in the lower half, because an early
        # wrap confuses receivers that missed the first packets (RFC 3711 section 3.3.1).
        self._first_sequence_number = self._next_sequence_number = random.randrange(2**15)
        self._first_timestamp = random.randrange(2**32)
        self._expected_samples = -1
        self._loop = asyncio.get_running_loop()
        self._path: _Path | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self.packets_sent = 0
        self.packets_dropped = 0
        self.bytes_sent = 0
        """Payload alone."""
        self.first_packet_at: float | None = None
        """When the first was sent (monotonic seconds)."""
        self.reception: Reception | None = None
        """What the other side's newest report says of it (RFC 3550 section 6.4.1), if it sends any."""
        self._handle_rtcp = getattr(transceiver.sender, _HANDLE_RTCP)
        setattr(transceiver.sender, _HANDLE_RTCP, self._read_report)

    def deliver(self, packet: EncodedPacket) -> None:
        """Send one packet. Any thread may call; never blocks, never raises."""
        with self._lock:
            # An empty RTP payload would stop a decoder like FFmpeg's for good.
            if packet.payload and not self._is_closed and self._send(packet):
                self.first_packet_at = self.first_packet_at or time.monotonic()
                self.packets_sent += 1
                self.bytes_sent += len(packet.payload)
            else:
                self.packets_dropped += 1

    def close(self) -> None:
        """Send nothing any more."""
        with self._lock:
            self._is_closed = True
            if self._path is not None:
                self._path.close()

    async def _read_report(self, packet: Any) -> None:
        """Take a packet of RTCP before aiortc does."""
        for report in getattr(packet, "reports", ()):
            if report.ssrc == self._report[_SSRC]:
                self.reception = Reception(
                    report.highest_sequence - self._first_sequence_number + 1, report.packets_lost
                )
        await self._handle_rtcp(packet)

    def _send(self, packet: EncodedPacket) -> bool:
        pair = self._pairs.get(COMPONENT)
        if pair is None or getattr(self._transport, _STATE) is not _CONNECTED:
            return False
        timestamp = (self._first_timestamp + packet.timestamp_samples) % 2**32
        try:
            self._path_of(pair).send(self._srtp.protect(self._rtp(packet, timestamp)))
        except (OSError, pylibsrtp.Error, ValueError) as error:  # the last: too long for pylibsrtp
            logger.debug("a packet of the microphone was not sent: %s", error)
            return False
        finally:
            # A packet that was not sent is a lost one, and the next number is free in any case: libsrtp has
            # seen this one.
            self._next_sequence_number = (self._next_sequence_number + 1) % 2**16
            self._expected_samples = packet.timestamp_samples + packet.duration_samples
        self._count(packet, timestamp)
        return True

    def _path_of(self, pair: Any) -> _Path:
        if self._path is None or self._path.pair is not pair:
            if self._path is not None:
                self._path.close()
            self._path = _Path(pair, self._loop)
        return self._path

    def _rtp(self, packet: EncodedPacket, timestamp: int) -> bytes:
        # The first of a spurt is marked (RFC 7587 section 4.1).
        is_marked = packet.timestamp_samples != self._expected_samples
        second_byte = self._payload_type | (0x80 if is_marked else 0)
        number = self._next_sequence_number
        header = _HEADER.pack(self._first_byte, second_byte, number, timestamp, self._report[_SSRC])
        return header + self._extension + packet.payload

    def _header(self) -> bytes:
        """Return the header of all packets, as aiortc writes it: with the extensions that were negotiated."""
        rtp = aiortc.rtp.RtpPacket(payload_type=self._payload_type)
        rtp.extensions.mid = self._report[_MID]
        return rtp.serialize(self._report[_EXTENSIONS])

    def _count(self, packet: EncodedPacket, timestamp: int) -> None:
        """Note what the next sender report says (RFC 3550 section 6.4.1)."""
        if self.packets_sent % CLOCK_EVERY_PACKETS == 0:
            self._report[_NTP_TIMESTAMP] = aiortc.clock.current_ntp_time()
            self._report[_RTP_TIMESTAMP] = timestamp
        self._report[_PACKETS] += 1
        self._report[_BYTES] += len(packet.payload)


def direct_sender(transceiver: aiortc.RTCRtpTransceiver) -> DirectSender | None:
    """Return a sender for a transceiver whose connection is up, or None if this aiortc is not known.

    Nothing else may send on that transceiver.
    """
    if not _is_known(transceiver):
        logger.info(
            "aiortc %s is not known from the inside: the microphone goes through the event loop",
            aiortc.__version__,
        )
        return None
    return DirectSender(transceiver)


def _is_known(transceiver: aiortc.RTCRtpTransceiver) -> bool:
    sender, transport = transceiver.sender, transceiver.sender.transport
    wanted = {_SSRC, _MID, _EXTENSIONS, _NTP_TIMESTAMP, _RTP_TIMESTAMP, _PACKETS, _BYTES}
    handle: Any = getattr(sender, _HANDLE_RTCP, None)
    if not (inspect.iscoroutinefunction(handle) and list(inspect.signature(handle).parameters) == ["packet"]):
        return False
    if not wanted <= vars(sender).keys() or not getattr(transceiver, "_codecs", None):
        return False
    if _CONNECTED is None or type(getattr(transport, _STATE, None)) is not type(_CONNECTED):
        return False
    pairs = getattr(getattr(transport.transport, "_connection", None), _PAIRS, None)
    srtp = getattr(transport, _SRTP, None)
    return isinstance(pairs, dict) and isinstance(srtp, pylibsrtp.Session | SharedSrtp)


class _Path:
    """One pair of addresses that ICE has chosen.

    A socket of asyncio belongs to the loop, but for UDP the kernel takes packets from any thread: so we have
    a descriptor of our own for it. What has no socket of its own, a relay, is sent to in the loop.
    """

    def __init__(self, pair: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.pair = pair
        self._address = pair.remote_addr
        self._loop = loop
        endpoint = pair.protocol.transport.get_extra_info("socket")
        self._socket: socket.socket | None = None if endpoint is None else endpoint.dup()

    def send(self, datagram: bytes) -> None:
        """Send, or raise OSError."""
        if self._socket is not None:
            self._socket.sendto(datagram, self._address)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(self.pair.protocol.transport.sendto, datagram, self._address)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._socket is not None:
            self._socket.close()
