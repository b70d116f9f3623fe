from __future__ import annotations

import asyncio
import io
from typing import Any

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from edge_agent.protocol.dialect import Dialect
from edge_agent.server.settings import CannotServe, ServerSettings, ice_addresses, is_loopback
from tests.server.client import DEADLINE_S, Client
from tests.server.conftest import serving

CALLS = "/v1/realtime/calls"
SDP = {"Content-Type": "application/sdp"}
KEY = "sk-test-key"
BEARER = {"Authorization": f"Bearer {KEY}"}

Http = aiohttp.ClientSession


async def offer() -> str:
    """Return an offer that nobody will answer for."""
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.createDataChannel("oai-events")
    pc.addTransceiver("audio")
    await pc.setLocalDescription(await pc.createOffer())
    sdp: str = pc.localDescription.sdp
    await pc.close()
    return sdp


async def play(http: Http, url: str, *faults: dict[str, Any]) -> None:
    async with http.post(f"{url}/control/scenario", json={"faults": faults}) as response:
        assert response.status == 200, await response.text()


async def state(http: Http, url: str) -> dict[str, Any]:
    async with http.get(f"{url}/control/state") as response:
        found: dict[str, Any] = await response.json()
        return found


async def error_of(response: aiohttp.ClientResponse) -> dict[str, Any]:
    error: dict[str, Any] = (await response.json())["error"]
    assert set(error) == {"message", "type", "code", "param"}
    return error


# Calls


async def test_an_offer_is_answered_with_sdp_and_a_location(http: Http) -> None:
    async with (
        serving() as server,
        http.post(server.url + CALLS, data=await offer(), headers=SDP) as response,
    ):
        assert response.status == 201
        assert response.content_type == "application/sdp"
        location = response.headers["Location"]
        assert location.startswith(f"{CALLS}/rtc_")
        answer = await response.text()
        assert answer.startswith("v=0")
        assert "typ host" in answer
        candidates = [line for line in answer.splitlines() if "a=candidate" in line]
        assert all(" 127.0.0.1 " in line for line in candidates)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("", SDP, 400),
        ("nonsense\r\n", SDP, 400),
        ("v=0", SDP, 400),
        ("{}", {"Content-Type": "application/json"}, 400),
        ("[]", {"Content-Type": "application/json"}, 400),
        ("v=0\r\n", {"Content-Type": "text/plain"}, 415),
        ("x" * (2 << 20), SDP, 413),
    ],
)
async def test_a_bad_offer_is_refused(http: Http, body: str, headers: dict[str, str], status: int) -> None:
    data = io.BytesIO(body.encode())
    async with serving() as server, http.post(server.url + CALLS, data=data, headers=headers) as response:
        assert response.status == status
        assert (await error_of(response))["message"]


async def test_an_offer_without_its_last_line_end_is_refused_as_openai_does(http: Http) -> None:
    sdp = (await offer()).strip()
    async with serving() as server, http.post(server.url + CALLS, data=sdp, headers=SDP) as response:
        assert response.status == 400
        assert "EOF" in (await error_of(response))["message"]


async def test_an_offer_needs_sound_and_a_channel(http: Http) -> None:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pc.addTransceiver("audio")
    await pc.setLocalDescription(await pc.createOffer())
    sdp = pc.localDescription.sdp
    await pc.close()
    async with serving() as server, http.post(server.url + CALLS, data=sdp, headers=SDP) as response:
        assert response.status == 400
        assert "data channels" in (await error_of(response))["message"]


async def test_an_offer_in_json_is_answered_in_json(http: Http) -> None:
    body = {"sdp": await offer(), "model": "m"}
    async with serving() as server, http.post(server.url + CALLS, json=body) as response:
        assert response.status == 201
        answer = await response.json()
        assert answer["sdp"].startswith("v=0")
        assert response.headers["Location"].endswith(answer["session_id"])


async def test_a_bad_session_is_refused_with_its_parameter(http: Http) -> None:
    form = aiohttp.FormData()
    form.add_field("sdp", await offer(), content_type="application/sdp")
    form.add_field("session", '{"type":"realtime","colour":1}', content_type="application/json")
    async with serving() as server, http.post(server.url + CALLS, data=form) as response:
        assert response.status == 400
        error = await error_of(response)
        assert (error["code"], error["param"]) == ("unknown_parameter", "session.colour")


async def test_a_session_that_is_no_json_is_refused(http: Http) -> None:
    form = aiohttp.FormData()
    form.add_field("sdp", await offer(), content_type="application/sdp")
    form.add_field("session", "[" * 100_000, content_type="application/json")
    async with serving() as server, http.post(server.url + CALLS, data=form) as response:
        assert response.status == 400


async def test_more_calls_than_allowed_are_refused(http: Http) -> None:
    async with serving(max_calls=1) as server:
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            location = response.headers["Location"]
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 429
        async with http.delete(server.url + location) as response:
            assert response.status == 200
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 201


@pytest.mark.parametrize(("method", "suffix"), [("POST", "/hangup"), ("DELETE", "")])
async def test_a_call_is_hung_up_once(http: Http, method: str, suffix: str) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        url = f"{server.url}{client.location}{suffix}"
        async with http.request(method, url) as response:
            assert response.status == 200
        await asyncio.wait_for(client.is_closed.wait(), DEADLINE_S)
        async with http.request(method, url) as response:
            assert response.status == 404
        found = await state(http, server.url)
        assert found["calls"] == []
        assert found["ended_calls"][0]["end_reason"] == "hung up by the client"


async def test_unknown_paths_and_methods_are_answered_in_json(http: Http) -> None:
    async with serving() as server:
        async with http.get(f"{server.url}/v1/nothing") as response:
            assert response.status == 404
            await error_of(response)
        async with http.get(server.url + CALLS) as response:
            assert response.status == 405
            await error_of(response)


# Keys and tokens


async def test_a_server_with_a_key_wants_it(http: Http) -> None:
    async with serving(key=KEY) as server:
        sdp = await offer()
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}):
            async with http.post(server.url + CALLS, data=sdp, headers={**SDP, **headers}) as response:
                assert response.status == 401
                await error_of(response)
        for headers in (BEARER, {"api-key": KEY}):
            async with http.post(server.url + CALLS, data=sdp, headers={**SDP, **headers}) as response:
                assert response.status == 201
        async with http.delete(f"{server.url}{CALLS}/rtc_x") as response:
            assert response.status == 401
        async with http.post(f"{server.url}/v1/realtime/client_secrets") as response:
            assert response.status == 401


async def test_a_token_opens_calls_with_its_session(http: Http) -> None:
    body = {"expires_after": {"anchor": "created_at", "seconds": 10}, "session": session(instructions="Hum.")}
    async with serving(key=KEY) as server:
        url = f"{server.url}/v1/realtime/client_secrets"
        async with http.post(url, json=body, headers=BEARER) as response:
            assert response.status == 200
            token = await response.json()
        assert token["value"].startswith("ek_")
        assert token["session"]["instructions"] == "Hum."
        async with http.post(url, headers={"Authorization": f"Bearer {token['value']}"}) as response:
            assert response.status == 401  # a token opens calls and nothing else
        async with Client(server.url, key=token["value"]) as client:
            created = await client.wait("session.created")
            assert created["session"]["instructions"] == "Hum."


def session(**settings: object) -> dict[str, object]:
    return {"type": "realtime", **settings}


async def test_a_token_that_nobody_made_opens_nothing(http: Http) -> None:
    headers = {**SDP, "Authorization": "Bearer ek_0000"}
    async with (
        serving() as server,
        http.post(server.url + CALLS, data=await offer(), headers=headers) as response,
    ):
        assert response.status == 401


@pytest.mark.parametrize("seconds", [9, 7201, "60", None, 1.5])
async def test_a_token_lives_for_ten_seconds_to_two_hours(http: Http, seconds: object) -> None:
    body = {"expires_after": {"anchor": "created_at", "seconds": seconds}}
    async with (
        serving() as server,
        http.post(f"{server.url}/v1/realtime/client_secrets", json=body) as response,
    ):
        assert response.status == 400
        assert (await error_of(response))["param"] == "expires_after.seconds"


async def test_beta_tokens_and_calls_have_beta_shapes(http: Http) -> None:
    async with serving() as server:
        wishes = {"model": "m", "voice": "slt", "modalities": ["audio", "text"]}
        async with http.post(f"{server.url}/v1/realtime/sessions", json=wishes) as response:
            made = await response.json()
        assert made["modalities"] == ["audio", "text"]
        key = made["client_secret"]["value"]
        async with Client(server.url, "/v1/realtime?model=m", key=key) as client:
            created = await client.wait("session.created")
            await client.wait("conversation.created")
        assert created["session"]["model"] == "m"
        assert "audio" not in created["session"]
        assert created["session"]["turn_detection"]["type"] == "server_vad"


async def test_the_ga_path_speaks_beta_when_told_to() -> None:
    async with serving(dialect=Dialect.BETA) as server, Client(server.url) as client:
        created = await client.wait("session.created")
        assert "voice" in created["session"]


# Control


async def test_control_shows_requests_calls_and_events(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        client.send("session.update", session={"type": "realtime"})
        await client.wait("session.updated")
        found = await state(http, server.url)
        assert found["counters"] == {"attempts": 1, "calls": 1}
        assert found["attempts"][0]["path"] == CALLS
        assert found["attempts"][0]["status"] == 201
        (call,) = found["calls"]
        assert call["state"] == "open"
        assert call["events_received"] == {"session.update": 1}
        assert call["events_sent"] == {"session.created": 1, "session.updated": 1}


@pytest.mark.parametrize("path", ["state", "scenario", "say"])
async def test_web_pages_have_no_control(http: Http, path: str) -> None:
    method = "GET" if path == "state" else "POST"
    async with (
        serving() as server,
        http.request(
            method, f"{server.url}/control/{path}", headers={"Origin": "http://evil.example"}, json={}
        ) as response,
    ):
        assert response.status == 403


@pytest.mark.parametrize("body", ["", "[]", '{"faults": [{"fault": "explode"}]}', '{"text": ""}', "{"])
async def test_bad_orders_are_refused(http: Http, body: str) -> None:
    async with serving() as server:
        for path in ("scenario", "say"):
            async with http.post(f"{server.url}/control/{path}", data=body) as response:
                assert response.status == 400
                await error_of(response)


# Faults of requests


@pytest.mark.parametrize(
    ("fault", "status", "content"),
    [
        ({"fault": "http_status", "status": 401, "code": "invalid_api_key"}, 401, "invalid_api_key"),
        ({"fault": "http_status", "status": 403}, 403, "invalid_request_error"),
        ({"fault": "http_status", "status": 404}, 404, "invalid_request_error"),
        ({"fault": "http_status", "status": 500}, 500, "server_error"),
        ({"fault": "http_status", "status": 502, "body": "html"}, 502, "<html>"),
        ({"fault": "http_status", "status": 503, "body": "empty"}, 503, ""),
        ({"fault": "html_page"}, 200, "<html>"),
    ],
)
async def test_a_request_is_refused_on_order_and_the_next_one_served(
    http: Http, fault: dict[str, Any], status: int, content: str
) -> None:
    async with serving() as server:
        await play(http, server.url, {**fault, "times": 1})
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == status
            assert content in await response.text()
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 201
        found = await state(http, server.url)
        assert found["faults_taken"] == [1]
        assert [attempt["status"] for attempt in found["attempts"]] == [status, 201]


async def test_a_refusal_says_when_to_come_again(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "http_status", "status": 429, "retry_after_s": 7})
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 429
            assert response.headers["Retry-After"] == "7"


async def test_a_redirect_leads_where_it_is_told(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "redirect", "location": "http://192.0.2.1/x"})
        async with http.post(
            server.url + CALLS, data=await offer(), headers=SDP, allow_redirects=False
        ) as response:
            assert response.status == 307
            assert response.headers["Location"] == "http://192.0.2.1/x"


async def test_a_call_may_be_without_a_name(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "no_location"})
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 201
            assert "Location" not in response.headers


async def test_an_answer_comes_slowly(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "slow_body", "bytes_per_s": 20})
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 201
            first = await response.content.readany()
            assert 0 < len(first) < 100
            assert response.content_length is not None
            assert response.content_length > 1000


async def test_an_answer_without_end_is_more_than_anybody_wants(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "endless_body"})
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert len(await response.content.readexactly(300_000)) == 300_000


async def test_no_answer_at_all(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "no_answer", "times": 1})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), http.post(server.url + CALLS, data="x", headers=SDP):
                pass
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 201


async def test_tokens_have_faults_of_their_own(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "http_status", "status": 403, "on": "token"})
        async with http.post(f"{server.url}/v1/realtime/client_secrets") as response:
            assert response.status == 403
        async with http.post(f"{server.url}/v1/realtime/sessions") as response:
            assert response.status == 403
        async with http.post(server.url + CALLS, data=await offer(), headers=SDP) as response:
            assert response.status == 201


# Where it may listen


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
def test_other_machines_are_served_only_with_a_key(host: str) -> None:
    with pytest.raises(CannotServe, match="set a key") as refused:
        ServerSettings(host=host).check()
    assert refused.value.exit_code == 2
    ServerSettings(host=host, key=KEY).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_is_served_without_a_key(host: str) -> None:
    ServerSettings(host=host).check()
    assert is_loopback(host)


def test_media_are_reached_where_the_server_listens() -> None:
    assert ice_addresses("127.0.0.1") == ice_addresses("localhost") == ["127.0.0.1"]
    assert ice_addresses("192.0.2.7") == ["192.0.2.7"]
    assert ice_addresses("0.0.0.0") is None
    assert ice_addresses("example.org") is None


async def test_a_port_that_is_taken_is_named() -> None:
    async with serving() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(CannotServe, match=f"port {port}: another program listens there.*--port"):
            async with serving(port=port):
                pass
