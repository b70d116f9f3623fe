"""One HTTP exchange, held against raw sockets: what other HTTP servers and other protocols really send."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPMethod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.session.http_request import HEAD_LIMIT_BYTES, Fields, NotHttp, NotSendable, Request, exchange
from edge_agent.session.tcp_connection import NotConnected
from tests.certificates import self_signed
from tests.session.peer_server import PATIENCE_S, eventually

EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class RawServer:
    """Says what it is told to, byte by byte, whatever it is asked."""

    url: str = ""
    heard: bytes = b""
    is_left: asyncio.Event = field(default_factory=asyncio.Event)
    """The client's end is closed."""


@asynccontextmanager
async def raw_server(
    *says: bytes, stays: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Answer one request with ``says``, then close the connection, or with ``stays`` wait for the client."""
    server = RawServer()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server.heard = await reader.readuntil(b"\r\n\r\n")
            for part in says:
                writer.write(part)
                await writer.drain()
            while stays and await reader.read(1024):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has cut the connection, as it does
        finally:
            server.is_left.set()
            writer.transport.abort() if stays else writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    async with listening, asyncio.timeout(PATIENCE_S):
        yield server


async def ask(
    url: str,
    *,
    method: HTTPMethod = HTTPMethod.POST,
    headers: dict[str, str] | None = None,
    content: bytes = b"",
) -> tuple[int, bytes]:
    async with exchange(Request(method, url, headers or {}, content)) as response:
        return response.status, b"".join([part async for part in response.body])


async def answer_to(*says: bytes, stays: bool = False) -> tuple[int, bytes]:
    async with raw_server(*says, stays=stays) as server:
        return await ask(server.url)


# What is sent


async def test_request_as_it_goes_over_the_wire() -> None:
    async with raw_server(EMPTY) as server:
        await ask(
            f"{server.url}/a b/%2F/ü?q=1&r=[x]#part",
            headers={"X-One": "grün"},
            content=b"",
            method=HTTPMethod.DELETE,
        )
    authority = server.url.removeprefix("http://")
    assert server.heard.split(b"\r\n") == [
        b"DELETE /a%20b/%2F/%C3%BC?q=1&r=%5Bx%5D HTTP/1.1",
        f"Host: {authority}".encode(),
        "X-One: grün".encode(),
        b"Connection: close",
        b"Content-Length: 0",
        b"",
        b"",
    ]


async def test_content_goes_with_its_length() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 300000\r\n" in head
        content = await reader.readexactly(300_000)
        writer.write(OK + b"\r\n" + content[-3:])
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE_S):
        port = server.sockets[0].getsockname()[1]
        found = await ask(f"http://127.0.0.1:{port}", content=b"a" * 299_997 + b"end")
    assert found == (200, b"end")


async def test_a_given_host_replaces_ours() -> None:
    async with raw_server(EMPTY) as server:
        await ask(server.url, headers={"host": "other.example"})
    assert server.heard.lower().count(b"host:") == 1
    assert b"host: other.example\r\n" in server.heard


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "ftp://127.0.0.1",
        "ftp://127.0.0.1:80",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://user:word@127.0.0.1",
        f"http://{'a' * 70}.example",
    ],
)
async def test_a_url_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(NotSendable) as caught:
        await ask(url)
    assert "127" not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "one\r\nEvil: yes"},
        {"X Y": "1"},
        {"": "1"},
        {"X": "\0"},
        {"Content-Length": "7"},
        {"X": "\ud800"},
    ],
)
async def test_a_header_that_would_break_the_request_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotSendable):
        await ask("http://127.0.0.1:1", headers=headers)


# What comes back


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"content-length:5\r\n\r\nhello and more that nobody asked for",
        b"\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
    ],
    ids=["counted", "with more behind it", "until the end", "chunked"],
)
@pytest.mark.parametrize("step_bytes", [1, 7, 10_000])
async def test_body(body: bytes, step_bytes: int) -> None:
    whole = OK + body
    pieces = [whole[start : start + step_bytes] for start in range(0, len(whole), step_bytes)]
    assert await answer_to(*pieces) == (200, b"hello")


async def test_a_body_is_over_before_the_connection_is() -> None:
    assert await answer_to(OK, b"Content-Length: 2\r\n\r\nhi", stays=True) == (200, b"hi")


async def test_http_1_0_is_understood() -> None:
    assert await answer_to(b"HTTP/1.0 200 OK\r\n\r\nold") == (200, b"old")


async def test_announcements_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert await answer_to(interim, EMPTY) == (204, b"")


async def test_compressed_content_stays_as_it_is() -> None:
    content = gzip.compress(b"text")
    assert await answer_to(OK, b"Content-Encoding: gzip\r\n\r\n", content) == (200, content)


async def test_headers_are_found_by_name_in_any_case() -> None:
    async with (
        raw_server(OK + b"lOCATION: /a\r\nLocation: /b\r\nX: \xe9\r\n\r\n") as server,
        exchange(Request(HTTPMethod.GET, server.url, {})) as response,
    ):
        assert response.headers.get("Location") == "/a"
        assert response.headers["x"] == "é"
        assert response.headers.get("Retry-After") is None


@given(st.dictionaries(st.from_regex(r"[a-z-]{1,8}", fullmatch=True), st.text()))
def test_fields_are_a_mapping(fields: dict[str, str]) -> None:
    found = Fields((name.upper(), value) for name, value in fields.items())
    assert found == fields
    assert all(found[name.title()] == value for name, value in fields.items())


# What is no answer


@pytest.mark.parametrize(
    "says",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nnot hex\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
)
async def test_what_breaks_the_rules_is_noticed_at_once(says: bytes) -> None:
    with pytest.raises(NotHttp):
        await answer_to(says, stays=True)


@pytest.mark.parametrize(
    "head", [b"X: " + b"a" * HEAD_LIMIT_BYTES, b"X: a\r\n" * (HEAD_LIMIT_BYTES // 6 + 1)]
)
async def test_a_header_without_end_is_refused(head: bytes) -> None:
    with pytest.raises(NotHttp):
        await answer_to(OK, head, b"b" * 16 * 1024, stays=True)


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"HTTP/1",
        OK + b"Content-Le",
        OK + b"Content-Length: 10\r\n\r\nhalf",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_an_answer_that_ends_in_the_middle_is_a_cut_connection(says: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        await answer_to(says)


# The end


@pytest.mark.parametrize("says", [b"", OK + b"Content-Length: 9\r\n\r\nhalf"])
async def test_cancelling_closes_the_connection(says: bytes) -> None:
    async with raw_server(says, stays=True) as server:
        asking = asyncio.create_task(ask(server.url))
        await eventually(lambda: server.heard, "the request is under way")
        asking.cancel()
        await server.is_left.wait()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_cancelling_closes_a_connection_whose_tls_never_begins() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            asking = asyncio.create_task(ask(f"https://127.0.0.1:{silent.getsockname()[1]}"))
            connection, _ = await loop.sock_accept(silent)
            with connection:
                assert (
                    await loop.sock_recv(connection, 1) == b"\x16"
                )  # the client's greeting: RFC 8446 section 5.1
                asking.cancel()
                while await loop.sock_recv(connection, 4096):
                    pass
            with pytest.raises(asyncio.CancelledError):
                await asking


async def test_leaving_early_does_not_wait_for_the_rest() -> None:
    async with raw_server(OK + b"Content-Length: 1000000\r\n\r\nbegin", stays=True) as server:
        async with exchange(Request(HTTPMethod.GET, server.url, {})) as response:
            assert await anext(response.body) == b"begin"
        await server.is_left.wait()


# TLS


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for ``localhost`` that this test alone vouches for."""
    context = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    return context


async def test_exchange_by_tls(trusted: ssl.SSLContext) -> None:
    async with raw_server(EMPTY, tls=trusted) as server:
        assert await ask(server.url) == (204, b"")


@pytest.mark.parametrize("is_hashed", [True, False])
async def test_authorities_come_from_a_folder_if_it_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_hashed: bool
) -> None:
    tls = self_signed(tmp_path)
    if is_hashed:
        await (await asyncio.create_subprocess_exec("openssl", "rehash", str(tmp_path))).wait()
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    paths = ssl.get_default_verify_paths()._replace(capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    async with raw_server(EMPTY, tls=tls) as server:
        if is_hashed:
            assert await ask(server.url) == (204, b"")
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                await ask(server.url)


async def test_leaving_does_not_wait_for_a_polite_end_of_tls(trusted: ssl.SSLContext) -> None:
    async with raw_server(OK + b"Content-Length: 2\r\n\r\nhi", stays=True, tls=trusted) as server:
        assert await ask(server.url) == (200, b"hi")
        await server.is_left.wait()


async def test_a_certificate_for_another_name_gets_no_request(trusted: ssl.SSLContext) -> None:
    async with raw_server(EMPTY, tls=trusted) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(server.url.replace("localhost", "127.0.0.1"), headers={"Authorization": "secret"})
        assert server.heard == b""


async def test_a_certificate_that_nobody_vouches_for_gets_no_request(tmp_path: Path) -> None:
    async with raw_server(EMPTY, tls=self_signed(tmp_path)) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(server.url)
        assert server.heard == b""


async def test_a_connection_that_is_cut_during_the_handshake_is_none() -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE_S):
        with pytest.raises(NotConnected):
            await ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
