"""Whether there is a way to a server's machine at this moment, whatever the server itself does."""

from __future__ import annotations

import asyncio
import errno
import logging
from urllib.parse import urlsplit

from edge_agent.session.tcp_connection import (
    Address,
    NameNotResolved,
    NotConnected,
    addresses_of,
    by_turns,
    connect_to_first,
)

logger = logging.getLogger(__name__)

PROBE_LIMIT_S = 2.0
"""A TCP handshake with a server on the other side of the world takes 0.3 s; its first packet may be lost,
which costs a second (RFC 6298 section 2)."""

_DEFAULT_PORTS = {"https": 443, "http": 80}


class PathProbe:
    """Probes the way to the machine behind ``url``. Its name is looked up once, while names can be."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self._port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 443)
        self._addresses: list[Address] = []

    async def prepare(self) -> None:
        """Look the name up, so that probes depend on the way alone. A failure is made up for later."""
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                self._addresses = by_turns(await addresses_of(self.host, self._port))
        except (NameNotResolved, TimeoutError):
            logger.debug("the name %s can't be looked up now", self.host)

    async def is_open(self) -> bool:
        """Open a TCP connection and close it: tells whether anybody answered within PROBE_LIMIT_S.

        A refusal is an answer as well: packets come and go.
        """
        if not self._addresses:
            await self.prepare()
        if not self._addresses:
            return False
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                connection = await connect_to_first(self._addresses)
        except TimeoutError:
            return False
        except NotConnected as error:
            return error.errno == errno.ECONNREFUSED
        connection.close()
        return True
