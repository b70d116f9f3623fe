"""The call over HTTP, held against a real server that misbehaves."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from edge_agent.core.faults import Fault, FaultKind
from edge_agent.errors import SignalingError
from edge_agent.protocol.profiles import Handshake, Hangup, Profile, TokenStyle
from edge_agent.session import signaling
from edge_agent.session.endpoint import Deadlines, Endpoint, Secret
from edge_agent.session.signaling import Answer, Signaling
from tests.certificates import self_signed
from tests.session.bench import KEY, OPENAI, with_profile
from tests.session.peer_server import Answerer, PeerServer, eventually, parts_of

OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\n"
SDP = "v=0\r\nanswer\r\n"


def signaling_for(url: str, profile: Profile = OPENAI, **fields: Any) -> Signaling:
    settings: dict[str, Any] = {"key": Secret(KEY), "model": "m o/d&el", **fields}
    return Signaling(Endpoint("test", url, profile, **settings))


def answers(
    body: str | bytes = SDP, status: int = 201, content_type: str = "application/sdp", **headers: str
) -> Answerer:
    async def answer(_: web.Request) -> web.StreamResponse:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body.encode() if isinstance(body, str) else body
        return web.Response(status=status, body=content, content_type=content_type, headers=fields)

    return answer


async def call(signaling: Signaling) -> Answer:
    await signaling.authorize({"type": "realtime"})
    return await signaling.call(OFFER, {"type": "realtime"})


async def refusal(signaling: Signaling) -> Fault:
    with pytest.raises(SignalingError) as caught:
        await call(signaling)
    assert KEY not in repr(caught.value.fault)
    assert KEY not in str(caught.value)
    return caught.value.fault


async def test_multipart_has_a_type_for_each_part_and_the_offer_to_the_last_byte(server: PeerServer) -> None:
    server.answer_call = answers(Location="/v1/realtime/calls/rtc_1")
    answer = await call(signaling_for(server.url, extra_headers={"OpenAI-Safety-Identifier": "abc"}))
    assert answer == Answer(SDP, "rtc_1", session_sent=True)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/realtime/calls")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["OpenAI-Safety-Identifier"] == "abc"
    assert request.headers["Accept-Encoding"] == "identity"
    assert b"filename" not in request.body
    assert parts_of(request.headers["Content-Type"], request.body) == {
        "sdp": ("application/sdp", OFFER.encode()),
        "session": ("application/json", b'{"type": "realtime"}'),
    }


async def test_raw_offer_with_query(server: PeerServer) -> None:
    server.answer_call = answers(status=200, content_type="text/plain")
    profile = with_profile(OPENAI, handshake=Handshake.RAW_SDP, calls_query={"model": "{model}", "a": "b"})
    answer = await call(signaling_for(server.url + "/", profile))
    assert answer == Answer(SDP, None, session_sent=False)
    (request,) = server.requests
    assert request.path == "/v1/realtime/calls?model=m+o/d%26el&a=b"
    assert request.headers["Content-Type"] == "application/sdp"
    assert request.body == OFFER.encode()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_statuses_become_faults(server: PeerServer, status: int) -> None:
    error = '{"error": {"message": "told why", "code": "c", "type": "t", "param": "p"}}'
    server.answer_call = answers(error, status, "application/json", Retry_After="12")
    fault = await refusal(signaling_for(server.url))
    assert (fault.kind, fault.http_status, fault.retry_after_s) == (FaultKind.HTTP_STATUS, status, 12.0)
    assert (fault.code, fault.error_type, fault.param) == ("c", "t", "p")
    assert "told why" in fault.message


async def test_html_status_is_told_as_such(server: PeerServer) -> None:
    server.answer_call = answers("<html>" + "x" * 9000, 502, "text/html")
    assert "HTML page" in (await refusal(signaling_for(server.url))).message


async def test_html_as_an_answer(server: PeerServer) -> None:
    server.answer_call = answers("<html>log in</html>", 200, "text/html")
    fault = await refusal(signaling_for(server.url))
    assert fault.kind is FaultKind.BAD_ANSWER
    assert "HTML" in fault.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(server: PeerServer, status: int) -> None:
    async with PeerServer() as elsewhere:
        server.answer_call = answers("", status, Location=f"{elsewhere.url}/v1/realtime/calls")
        fault = await refusal(signaling_for(server.url))
        assert (fault.kind, fault.http_status) == (FaultKind.HTTP_STATUS, status)
        assert elsewhere.requests == []
    assert len(server.requests) == 1


async def test_slow_answer_meets_the_deadline(server: PeerServer) -> None:
    enough = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201)
        await response.prepare(request)
        while not enough.is_set():
            await response.write(b"v")
            await asyncio.sleep(0.05)
        return response

    server.answer_call = drip
    fault = await refusal(signaling_for(server.url, deadlines=Deadlines(http_s=0.4)))
    enough.set()
    assert fault.kind is FaultKind.TIMEOUT
    assert "0.4 s" in fault.message


@pytest.mark.parametrize(("status", "kind"), [(201, FaultKind.BAD_ANSWER), (500, FaultKind.HTTP_STATUS)])
async def test_endless_body_is_cut(server: PeerServer, status: int, kind: FaultKind) -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while True:
            await response.write(b"v=0 " * 2048)
            sent += 8192

    server.answer_call = flood
    assert (await refusal(signaling_for(server.url))).kind is kind
    assert sent < 16 * 1024 * 1024


async def test_error_whose_body_does_not_come_is_told_all_the_same(
    server: PeerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signaling, "ERROR_BODY_S", 0.1)
    enough = asyncio.Event()

    async def hesitate(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=429, headers={"Retry-After": "3", "Content-Length": "100"})
        await response.prepare(request)
        await enough.wait()
        return response

    server.answer_call = hesitate
    fault = await refusal(signaling_for(server.url))
    enough.set()
    assert (fault.http_status, fault.retry_after_s) == (429, 3.0)


async def test_cut_connection(server: PeerServer) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.answer_call = cut
    assert (await refusal(signaling_for(server.url))).kind is FaultKind.NETWORK


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fault = await refusal(signaling_for(f"http://127.0.0.1:{port}"))
    assert fault.kind is FaultKind.NETWORK


async def test_something_else_than_http_listens() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        fault = await refusal(signaling_for(f"http://127.0.0.1:{port}"))
    assert fault.kind in (FaultKind.BAD_ANSWER, FaultKind.NETWORK)


async def test_compressed_answer_is_not_blown_up(server: PeerServer) -> None:
    server.answer_call = answers(b"\x1f\x8b" + b"\0" * 100, Content_Encoding="gzip")
    assert (await refusal(signaling_for(server.url))).kind is FaultKind.BAD_ANSWER


# Keys and where they go


@pytest.mark.parametrize("url", ["http://192.0.2.7", "http://localhost.evil.example:1"])
async def test_plain_http_is_for_this_machine_alone(url: str) -> None:
    fault = await refusal(signaling_for(url))
    assert fault.kind is FaultKind.SETUP_REFUSED
    assert "https" in fault.message


@pytest.mark.parametrize("key", ["", "a\r\nX-Evil: 1", "schlüssel", "two words"])
async def test_unfit_key_is_never_sent(server: PeerServer, key: str) -> None:
    fault = await refusal(signaling_for(server.url, key=lambda: key))
    assert fault.kind is FaultKind.SETUP_REFUSED
    assert server.requests == []
    assert not key or key not in fault.message


async def test_missing_key(server: PeerServer) -> None:
    fault = await refusal(signaling_for(server.url, key=None))
    assert fault.kind is FaultKind.SETUP_REFUSED
    assert "needs an API key" in fault.message


async def test_server_without_key_gets_none(server: PeerServer) -> None:
    server.answer_call = answers()
    await call(signaling_for(server.url, with_profile(OPENAI, needs_key=False), key=None))
    assert "Authorization" not in server.requests[0].headers


async def test_farewell_goes_to_the_same_server_alone(server: PeerServer) -> None:
    async with PeerServer() as elsewhere:
        server.answer_call = answers(Location=f"{elsewhere.url}/v1/realtime/calls/rtc_9")
        caller = signaling_for(server.url)
        assert (await call(caller)).call_id == "rtc_9"
        await caller.hang_up()
        assert elsewhere.requests == []
    assert len(server.requests) == 1


async def test_hang_up_once_with_the_key(server: PeerServer) -> None:
    server.answer_call = answers(Location="rtc_3")
    server.answer_hang_up = answers("nope", 404)
    caller = signaling_for(server.url, with_profile(OPENAI, hangup=Hangup.DELETE_LOCATION))
    await call(caller)
    await caller.hang_up()
    await caller.hang_up()
    assert server.paths() == ["POST /v1/realtime/calls", "DELETE /v1/realtime/rtc_3"]
    assert server.requests[1].headers["Authorization"] == f"Bearer {KEY}"


async def test_token_refused(server: PeerServer) -> None:
    server.answer_token = answers('{"error": {"code": "invalid_api_key"}}', 401, "application/json")
    profile = with_profile(
        OPENAI, token_style=TokenStyle.CLIENT_SECRET, token_path="/v1/realtime/client_secrets"
    )
    fault = await refusal(signaling_for(server.url, profile))
    assert (fault.code, fault.http_status) == ("invalid_api_key", 401)
    assert "token request" in fault.message


async def test_token_from_another_address(server: PeerServer) -> None:
    server.answer_call = answers()
    async with PeerServer() as broker:
        profile = with_profile(
            OPENAI, token_style=TokenStyle.CLIENT_SECRET, token_path=f"{broker.url}/client_secrets?device=7"
        )
        answer = await call(signaling_for(server.url, profile))
        assert broker.requests[0].path == "/client_secrets?device=7"
    assert answer.session_sent
    assert server.requests[0].headers["Authorization"] == "Bearer ek_test_0123456789"


# TLS


async def test_certificate_that_nobody_vouches_for_gets_no_header(tmp_path: Path) -> None:
    async with PeerServer(tls=self_signed(tmp_path)) as server:
        fault = await refusal(signaling_for(server.url.replace("127.0.0.1", "localhost")))
        assert fault.kind is FaultKind.TLS
        assert "certificate" in fault.message
        assert fault.code is None
        assert server.requests == []


async def test_https_to_a_server_without_tls(server: PeerServer) -> None:
    fault = await refusal(signaling_for(server.url.replace("http:", "https:")))
    assert fault.kind is FaultKind.TLS
    assert server.requests == []


# Names


async def test_localhost_is_this_machine_by_definition(server: PeerServer) -> None:
    server.answer_call = answers()
    await call(signaling_for(server.url.replace("127.0.0.1", "localhost")))
    assert server.paths() == ["POST /v1/realtime/calls"]


async def test_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    fault = await refusal(signaling_for("https://nowhere.example"))
    assert fault.kind is FaultKind.NETWORK
    assert "nowhere.example could not be resolved" in fault.message


async def test_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()

    def hang(*_: object, **__: object) -> object:
        answer.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    fault = await refusal(signaling_for("https://slow.example", deadlines=Deadlines(http_s=0.2)))
    assert fault.kind is FaultKind.TIMEOUT
    lookups = [thread for thread in threading.enumerate() if thread.name == "name-lookup"]
    assert [thread.daemon for thread in lookups] == [True]
    answer.set()
    await eventually(lambda: not lookups[0].is_alive())
