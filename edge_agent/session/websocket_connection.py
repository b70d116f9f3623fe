"""One WebSocket (RFC 6455). The only file that knows the library: https://websockets.readthedocs.io.

Name lookup, the race between addresses and TLS are ours, as for HTTP. Redirects are not followed, proxies
not used, nothing is compressed; messages are bounded. It is imported when the first WebSocket is opened.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.session import tcp_connection
from edge_agent.session.daemon_thread import in_daemon_thread
from edge_agent.session.http_answers import Reply, shown
from edge_agent.session.http_request import DEFAULT_PORTS, Fields, NotHttp, NotSendable, new_tls_context

logger = logging.getLogger(__name__)

MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024
"""Largest message that is received: over half a minute of sound in one piece. Servers send 0.1 to 1 s."""

UNSENT_LIMIT_BYTES = 32 * 1024
"""What the system may hold back of our sound, half a second: more would only be late (tcp(7),
TCP_NOTSENT_LOWAT)."""

CLOSE_WAIT_S = 0.5
"""For the other side's goodbye; the caller's limit counts as well."""


_SILENT = logging.Logger("websockets", logging.CRITICAL + 1)
"""The library writes what it sends, keys and sound included, to its logger."""


class Refused(Exception):
    """The server answered the handshake with something else than a WebSocket."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"status {reply.status}")
        self.reply = reply


class Ended(Exception):
    """The connection has ended; ``fault`` says how."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class WebSocketConnection:
    """An open connection, made by :meth:`open`. For one loop, one receiver and one sender."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str, headers: Mapping[str, str]) -> WebSocketConnection:
        """Connect to ``url`` (http or https, as the rest of the API) with ``headers``. Has no deadline.

        Raises Refused, NotSendable, NotHttp, NameNotResolved, NotConnected, ssl.SSLError, and OSError for a
        connection that was cut.
        """
        host, port, is_tls = _taken_apart(url)
        context = await in_daemon_thread("trust-store", new_tls_context) if is_tls else None
        wire = await tcp_connection.connect(host, port)
        with ExitStack() as unused:
            unused.enter_context(wire)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT_BYTES)
            connection = await _shake_hands(url, headers, wire, context)
            unused.pop_all()
        return cls(connection)

    @property
    def chunks_received(self) -> int:
        """How often bytes have come, answers to pings included; only grows."""
        return self._connection.chunks_received

    @property
    def local_address(self) -> str | None:
        """The address of this machine from which it goes out; None once it has ended."""
        name = self._connection.local_address
        return str(name[0]) if name else None

    @property
    def is_stuck(self) -> bool:
        """Whether what was sent has been sent again and is not acknowledged yet."""
        wire = self._connection.transport.get_extra_info("socket")
        return wire is not None and tcp_connection.is_stuck(wire)

    async def receive(self) -> str:
        """Return the next message; text that is not UTF-8 has what is wrong marked in it. Raises Ended."""
        try:
            data = await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise Ended(_fault_of(closed)) from closed
        return data.decode(errors="surrogateescape")

    async def send(self, text: bytes) -> None:
        """Send one message, and wait while the network takes no more. Raises Ended."""
        try:
            await self._connection.send(text, text=True)
        except ConnectionClosed as closed:
            raise Ended(_fault_of(closed)) from closed

    async def ping(self) -> None:
        """Ask the other side for a sign of life, which shows in ``chunks_received``. Raises Ended."""
        try:
            await self._connection.ping()
        except ConnectionClosed as closed:
            raise Ended(_fault_of(closed)) from closed

    async def close(self, limit_s: float) -> None:
        """Say goodbye and let go of the socket, within ``limit_s``."""
        try:
            async with asyncio.timeout(min(limit_s, CLOSE_WAIT_S)):
                await self._connection.close()
        except TimeoutError:
            logger.debug("the server did not say goodbye in time")
        finally:
            self._connection.transport.abort()


class _Connection(ClientConnection):
    """The library's own, with a count of what came."""

    chunks_received = 0

    def data_received(self, data: bytes) -> None:
        self.chunks_received += 1
        super().data_received(data)


class _Connect(connect):
    """The library's own, which follows no redirect: the key goes to one server only."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _taken_apart(url: str) -> tuple[str, int, bool]:
    """Return host, port, and whether it is TLS. Raises NotSendable."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise NotSendable("this is no URL of HTTP") from None
    if not host or "@" in parts.netloc:
        raise NotSendable("a URL names a server, and no user")
    return host, port, parts.scheme == "https"


async def _shake_hands(
    url: str, headers: Mapping[str, str], wire: socket.socket, context: ssl.SSLContext | None
) -> _Connection:
    secure: dict[str, Any] = (
        {} if context is None else {"ssl": context, "server_hostname": urlsplit(url).hostname}
    )
    try:
        connection = await _Connect(
            url.replace("http", "ws", 1),
            sock=wire,
            additional_headers=headers,
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=CLOSE_WAIT_S,
            max_size=MESSAGE_LIMIT_BYTES,
            create_connection=_Connection,
            logger=_SILENT,
            **secure,
        )
    except InvalidStatus as refused:
        answer = refused.response
        reply = Reply(answer.status_code, Fields(answer.headers.raw_items()), bytes(answer.body or b""))
        raise Refused(reply) from refused
    except InvalidURI as error:
        raise NotSendable("this is no URL of a WebSocket") from error
    except InvalidHandshake as error:
        raise NotHttp("this is no handshake of a WebSocket") from error
    assert isinstance(connection, _Connection)
    return connection


def _fault_of(closed: ConnectionClosed) -> Fault:
    """Say how it ended: with a goodbye, by our own doing, or without a word (RFC 6455 section 7.1.5)."""
    goodbye = closed.rcvd
    if goodbye is not None:
        reason = f", {shown(goodbye.reason)}" if goodbye.reason else ""
        return Fault(FaultKind.CLOSED, f"the server ended the connection (code {goodbye.code}{reason})")
    if closed.sent is not None:
        reason = shown(closed.sent.reason) or str(closed.sent.code)
        return Fault(FaultKind.LOST, f"the connection was given up: {reason}")
    return Fault(FaultKind.LOST, "the connection was cut")
