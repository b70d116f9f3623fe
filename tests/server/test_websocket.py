"""Whole sessions over a WebSocket on loopback; only the recogniser is told what to hear."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from edge_agent.protocol.dialect import Dialect
from tests.server.client import DEADLINE_S, speech, until
from tests.server.conftest import serving
from tests.server.socket_client import SocketClient
from tests.server.test_http import play, state

MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
ANSWER = "The answer is the number twelve."
LOUD = 500


async def state_until(http: aiohttp.ClientSession, url: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until what the server says of itself is so."""
    ends_at = time.monotonic() + DEADLINE_S
    while not holds(await state(http, url)):
        assert time.monotonic() < ends_at
        await asyncio.sleep(0.02)


async def test_a_spoken_question_is_answered_with_sound_in_events() -> None:
    async with serving("what is seven plus five") as server, SocketClient(server.url) as client:
        await client.wait("session.created")
        client.say("anything")
        done = await client.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == ANSWER
        expected_ms = len(speech(ANSWER)) // 32
        assert expected_ms * 0.5 < client.heard_ms < expected_ms * 1.5
        assert max(map(abs, memoryview(bytes(client.pcm)).cast("h"))) > LOUD
        assert not [kind for kind in client.types if kind.startswith("output_audio_buffer.")]
        last_delta = max(at for at, kind in enumerate(client.types) if kind == "response.output_audio.delta")
        assert last_delta < client.types.index("response.output_audio.done")


async def test_beta_sessions_use_beta_names() -> None:
    async with serving("stop", dialect=Dialect.BETA) as server, SocketClient(server.url) as client:
        client.say("anything")
        await client.wait("response.audio.delta")
        await client.wait("response.done")
        assert "response.output_audio.delta" not in client.types


async def test_a_voice_stops_the_making_and_the_client_says_what_was_heard() -> None:
    async with serving("what can you do", "thank you") as server, SocketClient(server.url) as client:
        client.say("anything")
        delta = await client.wait("response.output_audio.delta")
        client.say("thank you very much indeed")
        done = await client.wait("response.done")
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        heard_ms = client.heard_ms
        await client.wait("response.created")
        item = {"item_id": delta["item_id"], "content_index": 0}
        await client.send("conversation.item.truncate", **item, audio_end_ms=heard_ms + 1000)
        error = await client.wait("error")
        assert error["error"]["param"] == "audio_end_ms"
        await client.send("conversation.item.truncate", **item, audio_end_ms=heard_ms // 2)
        truncated = await client.wait("conversation.item.truncated")
        assert truncated["audio_end_ms"] == heard_ms // 2


async def test_push_to_talk() -> None:
    async with serving("stop") as server, SocketClient(server.url) as client:
        await client.wait("session.created")
        await client.send("session.update", session=MANUAL)
        await client.wait("session.updated")
        await client.send("input_audio_buffer.clear")
        await client.wait("input_audio_buffer.cleared")
        client.say("anything at all")
        await until(lambda: client.is_done, "the utterance")
        await client.send("input_audio_buffer.commit")
        await client.wait("input_audio_buffer.committed")
        await client.send("response.create")
        done = await client.wait("response.done")
        assert done["response"]["status"] == "completed"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"kind": "output_audio_buffer.clear"}, "invalid_event"),
        ({"kind": "input_audio_buffer.append", "audio": "no sound"}, "invalid_value"),
    ],
)
async def test_what_makes_no_sense_is_answered_with_an_error(event: dict[str, str], code: str) -> None:
    async with serving() as server, SocketClient(server.url) as client:
        await client.send(**event)
        assert (await client.wait("error"))["error"]["code"] == code


async def test_the_model_is_named_in_the_address() -> None:
    async with serving() as server, SocketClient(server.url, "?model=mine") as client:
        assert (await client.wait("session.created"))["session"]["model"] == "mine"


async def test_a_handshake_without_the_key_is_refused() -> None:
    async with serving(key="right") as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await SocketClient(server.url, key="wrong").__aenter__()
        assert refused.value.status == 401
        async with SocketClient(server.url, key="right") as client:
            await client.wait("session.created")


async def test_a_handshake_meets_the_faults_of_calls(http: aiohttp.ClientSession) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "http_status", "status": 429, "retry_after_s": 7, "times": 1})
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await SocketClient(server.url).__aenter__()
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "7"


async def test_a_session_is_closed_when_it_is_old() -> None:
    async with serving(max_session_s=0.5) as server, SocketClient(server.url) as client:
        assert (await client.wait("error"))["error"]["code"] == "session_expired"
        await asyncio.wait_for(client.is_closed.wait(), 10)


async def test_a_client_that_leaves_is_noticed(http: aiohttp.ClientSession) -> None:
    async with serving() as server:
        async with SocketClient(server.url) as client:
            await client.wait("session.created")
            assert len((await state(http, server.url))["calls"]) == 1
        await state_until(http, server.url, lambda found: not found["calls"])


async def test_a_server_vanishes_without_a_word(http: aiohttp.ClientSession) -> None:
    async with serving("stop") as server, SocketClient(server.url) as client:
        await client.wait("session.created")
        await play(http, server.url, {"fault": "vanish"})
        await state_until(http, server.url, lambda found: all(found["faults_taken"]))
        before = len(client.events)
        client.say("anything")
        await client.ping()
        await asyncio.sleep(1.5)
        assert len(client.events) == before
        assert not client.is_closed.is_set()
