"""One HTTP/1.1 exchange on a connection of its own (RFC 9112). The only file that knows the HTTP library.

Redirects are not followed, proxies not used, cookies not kept, bodies not decompressed. Nothing here has a
deadline: the caller's counts, and when it cancels, the connection is gone at once. How much of a body is
read is the caller's choice as well.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPMethod
from urllib.parse import quote, urlsplit

import h11

from edge_agent.session.daemon_thread import in_daemon_thread
from edge_agent.session.tcp_connection import NotConnected, connect

HEAD_LIMIT_BYTES = 64 * 1024
"""Status line and header of an answer. Servers in the field send 1 to 3 KiB, most of it cookies."""

READ_BYTES = 16 * 1024
"""Taken from the connection at a time; one TLS record (RFC 8446 section 5.1)."""

DEFAULT_PORTS = {"http": 80, "https": 443}

TARGET_LETTERS = "!$%&'()*+,-./:;=?@_~"
"""What stays as it is in a request target beside letters and digits (RFC 3986 sections 3.3 and 3.4)."""

HTTP_BEGIN = b"HTTP/1."
"""What every answer begins with (RFC 9112 section 4)."""

HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""By such names OpenSSL finds certificates in a folder (openssl-rehash(1))."""


class NotHttp(Exception):
    """What the other side sends is not HTTP/1.1, or its header is too long."""


class NotSendable(ValueError):
    """The URL or a header can't be put into a request."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What to send. ``headers`` hold keys, so there is no ``repr``.

    ``Host``, ``Connection: close`` and ``Content-Length`` are added unless ``headers`` name them.
    """

    method: HTTPMethod
    url: str
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. ``body`` gives the content, its transfer coding taken off, as it arrives.

    ``body`` raises NotHttp for what breaks the rules and OSError for a connection that ends too early.
    """

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class Fields(Mapping[str, str]):
    """Header fields, found by name in any case (RFC 9110 section 5.1).

    Of several fields of one name the first counts: no field that is read here is a list.
    """

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._fields: dict[str, str] = {}
        for name, value in fields:
            self._fields.setdefault(name.lower(), value)

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@asynccontextmanager
async def exchange(request: Request) -> AsyncIterator[Response]:
    """Send ``request`` and give the response, with its body still to be read. Leaving cuts the connection.

    Raises NotSendable, NotHttp, NameNotResolved, NotConnected, ssl.SSLError (also as
    ssl.SSLCertVerificationError) and OSError for a connection that was cut. TLS is as strict as Python's
    default context.
    """
    target = _Target.of(request.url)
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT_BYTES)
    content = _serialized(wire, request, target)
    reader, writer = await _connected(target)
    try:
        # Not drained: a server may answer, and stop reading, before it has read everything.
        writer.write(content)
        yield await _response(_Conversation(wire, reader))
    finally:
        writer.transport.abort()  # a polite end of TLS would wait for the other side


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL taken apart (RFC 9112 section 3.2)."""

    is_tls: bool
    host: str
    port: int
    authority: str
    """For ``Host``: without the scheme's own port (RFC 9110 section 7.2)."""
    path: str
    """Path and query: the origin form."""

    @classmethod
    def of(cls, url: str) -> _Target:
        """Raises NotSendable."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").encode("idna").decode()
            default_port = DEFAULT_PORTS[parts.scheme]
            port = parts.port or default_port
        except (ValueError, KeyError):
            raise NotSendable("this is no URL of HTTP") from None
        if not host or "@" in parts.netloc:
            raise NotSendable("a URL names a server, and no user")
        name = f"[{host}]" if ":" in host else host
        authority = name if port == default_port else f"{name}:{port}"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme == "https", host, port, authority, quote(path, safe=TARGET_LETTERS))


class _Conversation:
    """What the other side says, event by event."""

    def __init__(self, wire: h11.Connection, reader: asyncio.StreamReader) -> None:
        self._wire = wire
        self._reader = reader
        self._has_begun = False
        self._has_ended = False

    async def next_event(self) -> object:
        """Return h11's next event. Raises NotHttp, and OSError if the connection ends too early."""
        while True:
            try:
                event = self._wire.next_event()
            except h11.RemoteProtocolError as error:
                if self._has_ended:
                    raise ConnectionResetError("the connection ended before the answer did") from error
                raise NotHttp("this breaks the rules of HTTP") from error
            if event is not h11.NEED_DATA:
                return event
            await self._receive()

    async def _receive(self) -> None:
        data = await self._reader.read(READ_BYTES)
        if data and not self._has_begun and data[: len(HTTP_BEGIN)] != HTTP_BEGIN[: len(data)]:
            raise NotHttp("this is another protocol")  # h11 would wait for the end of a header
        self._has_begun = True
        self._has_ended = not data
        self._wire.receive_data(data)


class _Body(AsyncIterator[bytes]):
    """The content, piece by piece. No generator: one that is left half way would end some time later."""

    def __init__(self, conversation: _Conversation) -> None:
        self._conversation = conversation

    async def __anext__(self) -> bytes:
        event = await self._conversation.next_event()
        if not isinstance(event, h11.Data):
            raise StopAsyncIteration
        return bytes(event.data)


def _serialized(wire: h11.Connection, request: Request, target: _Target) -> bytes:
    """Return the bytes of a request. Raises NotSendable, which does not repeat what is wrong."""
    own = {"Host": target.authority, "Connection": "close", "Content-Length": str(len(request.content))}
    given = Fields(request.headers.items())
    headers = [*request.headers.items(), *(field for field in own.items() if field[0] not in given)]
    try:
        head = h11.Request(
            method=request.method.value,
            target=target.path,
            headers=[(name.encode(), value.encode()) for name, value in headers],
        )
        events = (head, h11.Data(request.content), h11.EndOfMessage())
        return b"".join(wire.send(event) or b"" for event in events)
    except (h11.LocalProtocolError, UnicodeError):
        raise NotSendable("the URL or a header holds what HTTP has no place for") from None


async def _connected(target: _Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises what ``exchange`` raises for lookup, connection and TLS."""
    context = await in_daemon_thread("trust-store", new_tls_context) if target.is_tls else None
    with ExitStack() as on_failure:
        connection = await connect(target.host, target.port)
        on_failure.callback(connection.close)
        name = target.host if target.is_tls else None
        try:
            streams = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=name)
        except ssl.SSLError:
            raise
        except OSError as error:
            raise NotConnected(*error.args) from error
        on_failure.pop_all()
        return streams


def new_tls_context() -> ssl.SSLContext:
    """Return what trusts the system's authorities.

    Made anew each time: a session needs it a second, and a renewed list of authorities counts at once.
    """
    context = ssl.create_default_context(capath=_authorities_folder())
    context.set_alpn_protocols(["http/1.1"])  # RFC 7301 section 6
    return context


def _authorities_folder() -> str | None:
    """Return the system's folder of authorities, of which OpenSSL reads only those that it needs.

    The same list as one file, Python's default, costs 3 MiB that are never given back, and 50 ms on a PC.
    None leaves it at that: the folder is not hashed, or the environment names other authorities.
    """
    paths = ssl.get_default_verify_paths()
    is_chosen = {paths.openssl_cafile_env, paths.openssl_capath_env} & os.environ.keys()
    if is_chosen or paths.capath is None:
        return None
    is_hashed = any(HASHED_NAME.fullmatch(name) for name in os.listdir(paths.capath))
    return paths.capath if is_hashed else None


async def _response(conversation: _Conversation) -> Response:
    """Wait for the final answer; those that only announce it are skipped (RFC 9110 section 15.2)."""
    while True:
        event = await conversation.next_event()
        match event:
            case h11.InformationalResponse():
                continue
            case h11.Response():
                texts = ((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers)
                return Response(event.status_code, Fields(texts), _Body(conversation))
            case _:
                raise ConnectionResetError("the connection ended without an answer")
