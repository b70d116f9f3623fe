"""The server's sound as RTP packets, taken out of aiortc before its jitter buffer.

The only file that knows the inside of aiortc's receiver. Its public track is late by 80 ms, falls silent for
320 ms after one lost packet and stays 200 ms behind from then on, and conceals nothing. So a tap stands where
the receiver would put a packet into its jitter buffer. What comes before stays aiortc's: decryption, routing,
reception statistics and receiver reports, RTCP BYE. What comes after gets nothing: no frame is ever complete,
the decoder's thread sleeps, and the track does nothing but end.

A short cut leads there: aiortc puts each datagram into a queue and wakes a task for it, which is a turn of
the loop for each packet and a tenth of a session's work. RTP is handled by the same code, but at once.

All this is private to aiortc. An aiortc that does not look as expected is left alone.
"""

from __future__ import annotations

import functools
import inspect
import logging
import time
import typing
from collections.abc import Callable, Coroutine
from typing import Any

import aiortc
import aiortc.rtp
import pylibsrtp

from edge_agent.core.playout.packet import RtpPacket

logger = logging.getLogger(__name__)

STREAMS_LIMIT = 4
"""Sources (SSRC) that are reported on: the newest. A receiver report has room for 31 (RFC 3550 section
6.4.2), aiortc never forgets one, and a server may well begin a new one with each answer."""

LARGEST_DATAGRAM_BYTES = 1500
"""What pylibsrtp takes; aiortc's session ends if it is given more, or nothing at all."""

# Private attributes of aiortc.RTCRtpReceiver,
_JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_STATISTICS = "_RTCRtpReceiver__remote_streams"

# of aiortc.RTCDtlsTransport,
_HANDLE_RTP = "_handle_rtp_data"
_SRTP = "_rx_srtp"
_BYTES_RECEIVED = "_RTCDtlsTransport__rx_bytes"
_PACKETS_RECEIVED = "_RTCDtlsTransport__rx_packets"

# and of aioice.Connection.
_DATA_RECEIVED = "data_received"


class RtpTap:
    """Stands in for the jitter buffer of one receiver. All calls are made in the event loop's thread."""

    def __init__(self, statistics: dict[int, Any], deliver: Callable[[RtpPacket], None]) -> None:
        self._statistics = statistics
        self._deliver = deliver
        self.packets_received = 0
        """Packets with sound."""
        self.packets_empty = 0
        """Packets without payload, or of padding alone: libopus would take them for lost ones."""

    def close(self) -> None:
        """Hand nothing on from now on."""
        self._deliver = lambda _: None

    def add(self, packet: aiortc.rtp.RtpPacket) -> tuple[bool, None]:
        """Hand on one packet. Answers like aiortc's JitterBuffer: no picture to ask for, no whole frame."""
        while len(self._statistics) > STREAMS_LIMIT:
            del self._statistics[next(iter(self._statistics))]
        self._take(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload)
        return False, None

    def _take(self, ssrc: int, sequence_number: int, timestamp: int, payload: bytes) -> None:
        if not payload:
            self.packets_empty += 1
            return
        self.packets_received += 1
        self._deliver(RtpPacket(ssrc, sequence_number, timestamp, payload, time.monotonic()))


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


def take_short_cut(receiver: aiortc.RTCRtpReceiver) -> bool:
    """Let the receiver's RTP come without a queue in between. False, and no change, if aiortc is not known.

    To be called when the receiver's transport is settled, after setRemoteDescription. RTCP, DTLS and STUN go
    their old way.
    """
    transport: Any = receiver.transport
    connection = getattr(transport.transport, "_connection", None)
    wanted = {_HANDLE_RTP: ["data", "arrival_time_ms"], _DATA_RECEIVED: ["data", "component"]}
    known = {
        name: _parameters(owner, name)
        for name, owner in ((_HANDLE_RTP, transport), (_DATA_RECEIVED, connection))
    }
    if wanted != known or not {_SRTP, _BYTES_RECEIVED, _PACKETS_RECEIVED} <= vars(transport).keys():
        logger.info(
            "aiortc %s is not known from the inside: each packet takes a turn of the loop more",
            aiortc.__version__,
        )
        return False
    setattr(connection, _DATA_RECEIVED, _ShortCut(transport, connection).data_received)
    return True


class _ShortCut:
    """From the socket to aiortc's handling of RTP."""

    def __init__(self, transport: Any, connection: Any) -> None:
        self._transport = transport
        self._connection = connection
        self._go_on = connection.data_received
        self._attributes = vars(transport)

    def data_received(self, data: bytes, component: int) -> None:
        """Take the place of the connection's method of this name: one datagram that is no STUN."""
        if not 0 < len(data) <= LARGEST_DATAGRAM_BYTES:
            return
        srtp = self._attributes[_SRTP]
        # The first byte tells RTP and RTCP from DTLS (RFC 7983 section 7).
        if srtp is None or not 127 < data[0] < 192 or aiortc.rtp.is_rtcp(data):
            self._go_on(data, component)
            return
        self._attributes[_BYTES_RECEIVED] += len(data)
        self._attributes[_PACKETS_RECEIVED] += 1
        try:
            packet = srtp.unprotect(data)
        except pylibsrtp.Error:
            return  # forged, damaged, or repeated
        self._run_at_once(self._transport._handle_rtp_data(packet, arrival_time_ms=0))

    def _run_at_once(self, handling: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that never waits, without a task of its own."""
        try:
            handling.send(None)
        except StopIteration:
            return
        handling.close()
        delattr(self._connection, _DATA_RECEIVED)
        logger.warning("aiortc %s waits while it handles a packet: no short cut", aiortc.__version__)


def _parameters(owner: Any, name: str) -> list[str]:
    method = getattr(owner, name, None)
    return list(inspect.signature(method).parameters) if callable(method) else []


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
