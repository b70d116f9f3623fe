"""The server's sound as RTP packets, taken out of aiortc before its jitter buffer.

The only file that knows the inside of aiortc's receiver. Its public track is late by 80 ms, falls silent for
320 ms after one lost packet and stays 200 ms behind from then on, and conceals nothing. So a tap stands where
the receiver would put a packet into its jitter buffer. What comes before stays aiortc's: decryption, routing,
reception statistics and receiver reports, RTCP BYE. What comes after gets nothing: no frame is ever complete,
the decoder's thread sleeps, and the track does nothing but end.

A short cut leads there from the socket. aiortc puts each datagram into a queue, wakes a task for it, and has
it go through many hands; for a packet of a source that is known already, only decryption and statistics
matter. The rest is a tenth of a session's work. The first packet of each source, and all but RTP, go aiortc's
way. Another thread may take it too, with what it has read itself (:mod:`edge_agent.session.direct_receiver`).

All this is private to aiortc. An aiortc that does not look as expected is left alone.
"""

from __future__ import annotations

import functools
import inspect
import logging
import struct
import threading
import time
import typing
from collections.abc import Callable
from typing import Any

import aiortc
import aiortc.rtp
import pylibsrtp
from aiortc.rtcrtpreceiver import StreamStatistics

from edge_agent.core.pcm import SAMPLE_RATE_HZ
from edge_agent.core.playout.packet import RtpPacket
from edge_agent.session.shared_srtp import SharedSrtp

logger = logging.getLogger(__name__)

STREAMS_LIMIT = 4
"""Sources (SSRC) that are reported on: the newest. A receiver report has room for 31 (RFC 3550 section
6.4.2), aiortc never forgets one, and a server may well begin a new one with each answer."""

RTP_HEADER_BYTES = 12
LARGEST_DATAGRAM_BYTES = 1500
"""What pylibsrtp takes; aiortc's session ends if it is given more, or nothing at all."""

# Private attributes of aiortc.RTCRtpReceiver,
_JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_STATISTICS = "_RTCRtpReceiver__remote_streams"
_CODECS = "_RTCRtpReceiver__codecs"

# of aiortc.RTCDtlsTransport,
_SRTP = "_rx_srtp"
_BYTES_RECEIVED = "_RTCDtlsTransport__rx_bytes"
_PACKETS_RECEIVED = "_RTCDtlsTransport__rx_packets"

# of aioice.Connection, and of its sockets.
_DATA_RECEIVED = "data_received"
_PROTOCOLS = "_protocols"
_DATAGRAM_RECEIVED = "datagram_received"

_COUNTED = {"packets_received", "max_seq", "cycles", "_last_arrival", "_last_timestamp", "_jitter_q4"}
"""What of a ``StreamStatistics`` a packet may change, once there was a first one."""

_SSRC = struct.Struct("!8xL")
"""Where the source stands in RTP; SRTP leaves the header readable (RFC 3711 section 3.1)."""


class RtpTap:
    """Stands in for the jitter buffer of one receiver. ``take`` may be called by any thread."""

    def __init__(self, statistics: dict[int, Any], deliver: Callable[[RtpPacket], None]) -> None:
        self._statistics = statistics
        self._deliver = deliver
        self._lock = threading.Lock()
        self.packets_received = 0
        """Packets with sound."""
        self.packets_empty = 0
        """Packets without payload, or of padding alone: libopus would take them for lost ones."""

    def close(self) -> None:
        """Hand nothing on from now on."""
        with self._lock:
            self._deliver = lambda _: None

    def add(self, packet: aiortc.rtp.RtpPacket) -> tuple[bool, None]:
        """Hand on one packet. Answers like aiortc's JitterBuffer: no picture to ask for, no whole frame."""
        while len(self._statistics) > STREAMS_LIMIT:
            del self._statistics[next(iter(self._statistics))]
        arrived_at = time.monotonic()
        self.take(
            RtpPacket(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload, arrived_at)
        )
        return False, None

    def take(self, packet: RtpPacket) -> None:
        """Hand on one packet if there is sound in it."""
        with self._lock:
            if packet.payload:
                self.packets_received += 1
                self._deliver(packet)
            else:
                self.packets_empty += 1


def tap(receiver: aiortc.RTCRtpReceiver, deliver: Callable[[RtpPacket], None]) -> RtpTap | None:
    """Give every packet of ``receiver`` that has sound in it to ``deliver``, in the event loop's thread.

    The payload is of the codec that was negotiated. Duplicates do not come (SRTP refuses them); anything
    else may: late, reordered, another SSRC. What ``deliver`` raises ends the connection. None if this aiortc
    is not known: then sound comes out of the public track.
    """
    if not _is_known(receiver):
        _tell_unknown(aiortc.__version__)
        return None
    tap = RtpTap(getattr(receiver, _STATISTICS), deliver)
    setattr(receiver, _JITTER_BUFFER, tap)
    return tap


def take_short_cut(receiver: aiortc.RTCRtpReceiver, tap: RtpTap) -> ShortCut | None:
    """Let the receiver's packets come straight from the socket. None, and no change, if aiortc is not known.

    To be called when the receiver's transport is settled, after setRemoteDescription.
    """
    transport: Any = receiver.transport
    connection = getattr(transport.transport, "_connection", None)
    receive: Any = getattr(connection, _DATA_RECEIVED, None)
    takes = list(inspect.signature(receive).parameters) if callable(receive) else []
    attributes = vars(transport).keys() | vars(receiver).keys()
    wanted = {_SRTP, _BYTES_RECEIVED, _PACKETS_RECEIVED, _CODECS, _STATISTICS}
    counts = vars(StreamStatistics(SAMPLE_RATE_HZ)).keys() >= _COUNTED
    if takes != ["data", "component"] or not wanted <= attributes or not counts:
        logger.info(
            "aiortc %s is not known from the inside: each packet takes a turn of the loop more",
            aiortc.__version__,
        )
        return None
    short_cut = ShortCut(receiver, tap, receive)
    short_cut.stand_before(connection)
    return short_cut


class ShortCut:
    """Takes the place of the methods by which a socket hands over what it reads, and what is not STUN."""

    def __init__(self, receiver: Any, tap: RtpTap, go_on: Callable[[bytes, int], None]) -> None:
        self.datagrams_received: int | None = None
        """Everything that the sockets have read since: STUN, DTLS, RTP, RTCP; None if that is not seen."""
        self.datagram_at: float | None = None
        """When the newest of them came (monotonic seconds)."""
        self._transport = vars(receiver.transport)
        self._codecs = getattr(receiver, _CODECS)
        self._statistics = getattr(receiver, _STATISTICS)
        self._tap = tap
        self._go_on = go_on
        self._lead_s = time.time() - time.monotonic()
        """aiortc counts the first packet of a source by the wall clock. If that was set in the meantime, the
        jitter of the next reports is wrong, no more."""

    def stand_before(self, connection: Any) -> None:
        """Be asked first, for all datagrams of the connection; by its sockets before they look for STUN."""
        setattr(connection, _DATA_RECEIVED, self.data_received)
        for protocol in getattr(connection, _PROTOCOLS, ()):
            read: Any = getattr(protocol, _DATAGRAM_RECEIVED, None)
            if callable(read) and list(inspect.signature(read).parameters) == ["data", "addr"]:
                setattr(protocol, _DATAGRAM_RECEIVED, self._before(read))
                self.datagrams_received = 0

    def data_received(self, data: bytes, component: int) -> None:
        """Take one datagram that is no STUN."""
        if 0 < len(data) <= LARGEST_DATAGRAM_BYTES and not self.takes(data, time.monotonic()):
            self._go_on(data, component)

    def share(self) -> None:
        """Let another thread call :meth:`takes`, too. To be called when DTLS is connected."""
        if not isinstance(self._transport[_SRTP], SharedSrtp):
            self._transport[_SRTP] = SharedSrtp(self._transport[_SRTP])

    def takes(self, data: bytes, arrived_at: float) -> bool:
        """Handle a datagram if it is a packet of a source that is known."""
        if not RTP_HEADER_BYTES <= len(data) <= LARGEST_DATAGRAM_BYTES:
            return False
        # The first byte tells RTP from DTLS (RFC 7983 section 7). The second holds the payload type, which
        # RTCP has not among those that were negotiated (RFC 5761 section 4).
        if not (127 < data[0] < 192 and data[1] & 127 in self._codecs):
            return False
        statistics = self._statistics.get(_SSRC.unpack_from(data)[0])
        if statistics is None:
            return False
        self._take(data, statistics, arrived_at)
        return True

    def _before(self, read: Callable[[bytes, Any], None]) -> Callable[[bytes, Any], None]:
        def datagram_received(data: bytes, addr: Any) -> None:
            self.datagrams_received = (self.datagrams_received or 0) + 1
            self.datagram_at = arrived_at = time.monotonic()
            if not self.takes(data, arrived_at):
                read(data, addr)

        return datagram_received

    def _take(self, data: bytes, statistics: Any, arrived_at: float) -> None:
        self._transport[_BYTES_RECEIVED] += len(data)
        self._transport[_PACKETS_RECEIVED] += 1
        try:
            packet = RtpPacket.parse(self._transport[_SRTP].unprotect(data), arrived_at)
        except (pylibsrtp.Error, ValueError):
            return  # forged, repeated, or no RTP
        _count(packet, statistics, self._lead_s)
        self._tap.take(packet)


def _count(packet: RtpPacket, statistics: Any, lead_s: float) -> None:
    """Count a packet as ``StreamStatistics.add`` does (RFC 3550 appendices A.1 and A.8), but by when it came,
    not by when it is counted, and in 32 bits: aiortc takes a timestamp that wraps for a day of jitter."""
    statistics.packets_received += 1
    sequence_number, newest = packet.sequence_number, statistics.max_seq
    if not 0 < (sequence_number - newest & 0xFFFF) < 0x8000:
        return  # not in order
    if sequence_number < newest:
        statistics.cycles += 0x10000
    statistics.max_seq = sequence_number
    arrival, timestamp = int((packet.arrived_at + lead_s) * SAMPLE_RATE_HZ), packet.timestamp
    if timestamp != statistics._last_timestamp:
        jump = arrival - statistics._last_arrival - timestamp + statistics._last_timestamp
        jump = abs((jump + 2**31 & 2**32 - 1) - 2**31)
        statistics._jitter_q4 += jump - (statistics._jitter_q4 + 8 >> 4)
    statistics._last_arrival, statistics._last_timestamp = arrival, timestamp


def _is_known(receiver: aiortc.RTCRtpReceiver) -> bool:
    """Whether the jitter buffer is asked and answers as it does in aiortc 1.16."""
    add = getattr(getattr(receiver, _JITTER_BUFFER, None), "add", None)
    if add is None or not isinstance(getattr(receiver, _STATISTICS, None), dict):
        return False
    try:
        types = typing.get_type_hints(add)
    except (NameError, TypeError):
        return False
    answer = typing.get_args(types.pop("return", None))
    return types == {"packet": aiortc.rtp.RtpPacket} and len(answer) == 2 and answer[0] is bool


@functools.cache
def _tell_unknown(version: str) -> None:
    """Say it once in the life of the process: sessions come and go, the library stays."""
    logger.warning(
        "aiortc %s is not known from the inside: sound comes through its own receiver, at least 80 ms later "
        "and with every lost packet to be heard; install aiortc 1.16 to have it directly",
        version,
    )
