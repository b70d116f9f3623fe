"""Hears from the kernel at once when this machine gets an address or a way out (netlink(7), rtnetlink(7))."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

from edge_agent.network.route_messages import changes_in

logger = logging.getLogger(__name__)

GROUPS = 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE of <linux/rtnetlink.h>."""

DATAGRAM_BYTES = 65_536
DATAGRAMS_AT_ONCE = 16
"""So many are read in one turn of the loop; the rest waits for the next."""

KNOWN_LIMIT = 256
"""Addresses and routes that are remembered; beyond, all are forgotten, and may be told once more."""


class KernelWatch:
    """Calls ``tell`` with the name of each way into the network that was not there before.

    A router that repeats itself every few seconds is heard once. What the kernel could not deliver (ENOBUFS)
    may have been anything, and is told as a way of its own. All calls are made in the event loop's thread.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._known: set[str] = set()
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Listen from now on; without a word from the kernel where it does not let us."""
        listener = None
        try:
            listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            listener.setblocking(False)
            listener.bind((0, GROUPS))
        except OSError as error:
            if listener is not None:
                listener.close()
            logger.warning("changes of the network are noticed late: netlink: %s", error.strerror)
            return
        self._socket = listener
        self._loop.add_reader(listener, self._read)

    def close(self) -> None:
        """Listen no longer. May be called again."""
        listener, self._socket = self._socket, None
        if listener is not None:
            self._loop.remove_reader(listener)
            listener.close()

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                self._take(self._socket.recv(DATAGRAM_BYTES))
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    logger.warning("changes of the network are noticed late: netlink: %s", error.strerror)
                    self.close()
                    return
                self._known.clear()
                self._tell("more changes than the kernel could tell")

    def _take(self, datagram: bytes) -> None:
        for change in changes_in(datagram):
            if not change.is_there:
                self._known.discard(change.what)
            elif change.what not in self._known:
                if len(self._known) >= KNOWN_LIMIT:
                    self._known.clear()
                self._known.add(change.what)
                self._tell(change.what)
