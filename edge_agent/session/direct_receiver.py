"""The server's sound from the socket straight to the thread that plays it.

asyncio wakes the event loop for each datagram, which costs more than all that is done with a packet of sound.
So the kernel sorts: beside each of ICE's sockets stands a second one with the same address, and a filter of
nine instructions puts RTP into that one, where it waits, with the time of its arrival, until the
loudspeaker's thread asks for sound. The loop is not woken, and one that is busy delays no voice. All else
goes on to ICE's socket: STUN, DTLS, RTCP. So does RTP if the second socket is gone.

What comes is looked at as it is in the loop (:mod:`edge_agent.session.rtp_tap`); the first packet of a source
is handed on to there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import socket
import struct
import threading
import time
from array import array
from typing import Any

from edge_agent.session.rtp_tap import LARGEST_DATAGRAM_BYTES, ShortCut

logger = logging.getLogger(__name__)

READ_LIMIT_PACKETS = 300
"""What is read at a time: more than a socket holds of a voice, so that a flood can't keep a thread."""

CLOCK_STEP_S = 0.001
"""By how much the wall clock and the monotonic one may part between two packets: both are slewed alike, and
part only where the wall clock is set. Arrivals are stamped by the wall clock, and a stamp from before such a
step means nothing after it."""

LONGEST_WAIT_S = 1.0
"""A packet that has waited for longer than this has not: nothing here is as slow."""

# Linux, asm-generic/socket.h; the same number asks for time stamps and marks them.
_SO_TIMESTAMPNS = 35
_SO_ATTACH_REUSEPORT_CBPF = 51

_TIMESPEC = struct.Struct("@qq")
_STAMP_SPACE_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)

# Classic BPF as in socket(7) and linux/filter.h: code, jump if true, jump if false, operand.
_INSTRUCTION = struct.Struct("@HBBI")
_PROGRAM = struct.Struct("@HP")
_LOAD_BYTE, _AND, _JUMP_GE, _RETURN = 0x30, 0x54, 0x35, 0x06
_ICE_SOCKET, _SOUND_SOCKET = 0, 1
"""The numbers of both in their group, in the order in which they joined it."""

_SORT = b"".join(
    _INSTRUCTION.pack(*instruction)
    for instruction in (
        (_LOAD_BYTE, 0, 0, 0),  # of the datagram; one that is too short ends here, with 0
        (_JUMP_GE, 0, 6, 128),  # 128 to 191: RTP or RTCP (RFC 7983 section 7)
        (_JUMP_GE, 5, 0, 192),
        (_LOAD_BYTE, 0, 0, 1),
        (_AND, 0, 0, 127),
        (_JUMP_GE, 0, 1, 64),  # 64 to 95: RTCP (RFC 5761 section 4)
        (_JUMP_GE, 0, 1, 96),
        (_RETURN, 0, 0, _SOUND_SOCKET),
        (_RETURN, 0, 0, _ICE_SOCKET),
    )
)


class DirectReceiver:
    """Reads what the kernel has put aside. Made and closed in the event loop's thread.

    Overflow rule: the kernel's, which drops what finds its buffer full, after some seconds of sound that
    nobody has read.
    """

    def __init__(self, protocols: list[Any], short_cut: ShortCut) -> None:
        """Stand beside the sockets of ``protocols``. Raises OSError if the kernel does not sort."""
        self._short_cut = short_cut
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._lead_s = time.time() - time.monotonic()
        self.datagrams_received = 0
        """Those of sources that were known."""
        self.datagram_at: float | None = None
        """When the newest of them came (monotonic seconds)."""
        self._inlets: dict[int, tuple[socket.socket, Any]] = {}
        """By descriptor: a socket for sound, and whom its datagrams go to that are none."""
        self._poll = select.poll()
        short_cut.share()
        try:
            for protocol in protocols:
                beside = protocol.transport.get_extra_info("socket")
                if beside is not None:  # a relay has none of its own
                    inlet = _sound_socket(beside)
                    self._inlets[inlet.fileno()] = inlet, protocol
                    self._poll.register(inlet, select.POLLIN)
        except OSError:
            self.close()
            raise

    def read(self) -> None:
        """Hand on what has come, in the order of its arrival. Any thread may call; never blocks.

        Raises what the tap's ``deliver`` raises.
        """
        with self._lock:
            for _ in range(READ_LIMIT_PACKETS):
                ready = self._poll.poll(0)
                if not ready:
                    return
                for descriptor, _ in ready:
                    self._read_one(*self._inlets[descriptor])

    def close(self) -> None:
        """Hand nothing on any more, and leave all datagrams to ICE's sockets."""
        with self._lock:
            for inlet, _ in self._inlets.values():
                self._poll.unregister(inlet)
                inlet.close()
            self._inlets.clear()

    def _read_one(self, inlet: socket.socket, protocol: Any) -> None:
        try:
            # One byte more than is wanted, or what is too long would be cut to fit.
            data, ancillary, _, address = inlet.recvmsg(LARGEST_DATAGRAM_BYTES + 1, _STAMP_SPACE_BYTES)
        except OSError as error:  # its checksum was wrong, for instance
            logger.debug("a datagram was not read: %s", error)
            return
        arrived_at = self._arrival(ancillary)
        if self._short_cut.takes(data, arrived_at):
            self.datagrams_received += 1
            self.datagram_at = arrived_at
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(protocol.datagram_received, data, address)

    def _arrival(self, ancillary: list[tuple[int, int, bytes]]) -> float:
        """Return when a datagram with this stamp came (monotonic seconds); now, if the stamp says nothing."""
        now = time.monotonic()
        lead_s = time.time() - now
        was_set = not -CLOCK_STEP_S < lead_s - self._lead_s < CLOCK_STEP_S
        self._lead_s = lead_s
        if was_set or not ancillary:
            return now
        seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
        arrived_at: float = seconds + nanoseconds * 1e-9 - lead_s
        return arrived_at if now - LONGEST_WAIT_S < arrived_at < now else now


def direct_receiver(connection: Any, short_cut: ShortCut) -> DirectReceiver | None:
    """Return who reads the sound that comes to ``connection`` (aioice's), or None if the kernel refuses.

    To be called when DTLS is connected.
    """
    protocols = list(getattr(connection, "_protocols", ()))
    try:
        return DirectReceiver(protocols, short_cut)
    except OSError as error:
        logger.info("the kernel does not sort (%s): each packet of sound wakes the event loop", error)
        return None


def _sound_socket(ice: Any) -> socket.socket:
    """Return a socket with the address of ``ice``, into which the kernel puts RTP. Raises OSError."""
    sound = socket.socket(ice.family, socket.SOCK_DGRAM)
    try:
        sound.setblocking(False)
        # As much as ICE's; what is read is twice what was set (socket(7)).
        capacity_bytes = ice.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
        sound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, capacity_bytes)
        sound.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        for each in (ice, sound):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sound.bind(ice.getsockname())
        # From here to the next call either socket may get anything, and whoever reads sound hands it on.
        program = array("B", _SORT)
        address, length = program.buffer_info()
        filtered = _PROGRAM.pack(length // _INSTRUCTION.size, address)
        sound.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, filtered)
    except OSError:
        sound.close()
        raise
    return sound
