"""Whole calls over HTTP, ICE, DTLS, SRTP and SCTP on loopback; only the recogniser is told what to hear."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from edge_agent.protocol.dialect import Dialect
from tests.server.client import DEADLINE_S, Client, speech, until
from tests.server.conftest import serving
from tests.server.table import runs
from tests.server.test_http import play, state

LOUD = 500
"""Samples of speech are louder."""

SILENT_S = 0.5

STARTED = "output_audio_buffer.started"
"""Comes with the first packet of sound, after a word or two."""

Http = aiohttp.ClientSession
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


def write(client: Client, text: str, **response: object) -> None:
    """Ask in writing."""
    content = [{"type": "input_text", "text": text}]
    client.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    client.send("response.create", **({"response": response} if response else {}))


def loud_since(client: Client, at: float) -> int:
    return sum(loudest > LOUD for when, loudest in client.frames if when > at)


def is_silent(client: Client) -> bool:
    """Whether no packet has come for so long that none is under way or in the jitter buffer."""
    return time.monotonic() - client.frames[-1][0] > SILENT_S


async def answered(client: Client, text: str = "stop") -> str:
    """Ask in writing, wait for the end of the answer, and return its words."""
    write(client, text)
    done = await client.wait("response.done")
    assert done["response"]["status"] == "completed"
    await client.wait("output_audio_buffer.stopped")
    return str(done["response"]["output"][0]["content"][0]["transcript"])


# Conversation


async def test_a_spoken_question_is_answered_with_sound() -> None:
    async with serving("what is seven plus five") as server, Client(server.url) as client:
        await client.wait("session.created")
        assert await client.ask("anything") == "The answer is the number twelve."
        started = client.of("output_audio_buffer.started")[0]["response_id"]
        assert client.of("output_audio_buffer.stopped")[0]["response_id"] == started
        assert loud_since(client, 0.0) > 20


async def test_beta_calls_use_beta_names() -> None:
    async with serving("stop", dialect=Dialect.BETA) as server, Client(server.url) as client:
        await client.wait("session.created")
        client.microphone.say(speech("anything"))
        done = await client.wait("response.done")
        await client.wait("output_audio_buffer.stopped")
    assert done["response"]["output"][0]["content"] == [{"type": "audio", "transcript": "All right."}]
    first_word_at, began_at, ended_at = (
        client.types.index(name)
        for name in ("response.audio_transcript.delta", STARTED, "output_audio_buffer.stopped")
    )
    assert first_word_at < began_at < ended_at
    assert client.types.count(STARTED) == 1
    assert runs([name for name in client.types if name != STARTED]) == [
        "session.created",
        "conversation.created",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio_transcript.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "output_audio_buffer.stopped",
    ]


async def test_a_voice_stops_the_answer() -> None:
    async with serving("stop") as server, Client(server.url) as client:
        await client.wait("session.created")
        write(client, "what can you do")
        started = await client.wait("output_audio_buffer.started")
        client.microphone.say(speech("stop it please"))
        cleared = await client.wait("output_audio_buffer.cleared")
        cleared_at = time.monotonic()
        assert cleared["response_id"] == started["response_id"]
        truncated = await client.wait("conversation.item.truncated")
        assert 0 < truncated["audio_end_ms"] < 5000
        await client.wait("input_audio_buffer.speech_stopped")
        # What was under way is 100 ms; after that there is nothing until the next answer.
        await client.wait("output_audio_buffer.started")
        next_at = time.monotonic()
        between = [loudest for at, loudest in client.frames if cleared_at + 0.6 < at < next_at - 0.05]
        assert between
        assert max(between) < LOUD


async def test_push_to_talk() -> None:
    async with serving("thank you") as server, Client(server.url) as client:
        await client.wait("session.created")
        client.send("session.update", session=MANUAL)
        await client.wait("session.updated")
        client.send("input_audio_buffer.commit")
        client.send("input_audio_buffer.clear")
        await client.wait("input_audio_buffer.cleared")
        client.microphone.say(speech("anything"))
        await until(lambda: client.microphone.is_done)
        client.send("input_audio_buffer.commit")
        await client.wait("input_audio_buffer.committed")
        client.send("response.create")
        done = await client.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You are welcome."
        assert "input_audio_buffer.speech_started" not in client.types


async def test_cancel_and_clear_stop_an_answer() -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        write(client, "what can you do")
        await client.wait("output_audio_buffer.started")
        client.send("response.cancel")
        done = await client.wait("response.done")
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        client.send("output_audio_buffer.clear")
        await client.wait("output_audio_buffer.cleared")
        assert await answered(client) == "All right."


async def test_a_function_is_called_and_its_result_spoken() -> None:
    tool = {"type": "function", "name": "set_light", "parameters": {"type": "object"}}
    async with serving() as server:
        client = Client(server.url)
        try:
            await client.dial({"type": "realtime", "tools": [tool]})
            created = await client.wait("session.created")
            assert created["session"]["tools"] == [tool]
            write(client, "turn on the light")
            (call,) = (await client.wait("response.done"))["response"]["output"]
            assert (call["name"], json.loads(call["arguments"])) == ("set_light", {"on": True})
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "the light is on"}
            client.send("conversation.item.create", item=output)
            client.send("response.create")
            done = await client.wait("response.done")
            said = done["response"]["output"][0]["content"][0]["transcript"]
            assert said == "The answer is: the light is on."
        finally:
            await client.close()


async def test_bad_messages_are_answered_with_an_error_and_nothing_else_happens(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        bad = (
            "",
            "{",
            "[]",
            '{"type": 1}',
            '{"type": "sing"}',
            b"\x00\xff",
            "[" * 5000,
            '{"type":"response.cancel"',
        )
        for message in bad:
            client.send_text(message)
            await client.wait("error")
        assert await answered(client) == "All right."
        (call,) = (await state(http, server.url))["calls"]
        assert call["events_malformed"] == len(bad) - 1  # one was an event, of an unknown type


async def test_a_client_that_stops_sending_is_silent() -> None:
    async with serving("stop") as server, Client(server.url) as client:
        await client.wait("session.created")
        client.microphone.say(speech("what time is it"))
        await client.wait("input_audio_buffer.speech_started")
        await until(lambda: client.microphone.is_done)
        client.microphone.stop()
        await client.wait("input_audio_buffer.speech_stopped")
        await client.wait("output_audio_buffer.stopped")


async def test_what_nobody_asked_for_is_said_on_order(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        async with http.post(f"{server.url}/control/say", json={"text": "Dinner is ready."}) as response:
            assert await response.json() == {"calls": 1}
        done = await client.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Dinner is ready."


async def test_a_client_that_leaves_is_noticed(http: Http) -> None:
    async with serving() as server:
        async with Client(server.url) as client:
            await client.wait("session.created")
        found = await state(http, server.url)
        ends_at = time.monotonic() + DEADLINE_S
        while not found["ended_calls"] and time.monotonic() < ends_at:
            await asyncio.sleep(0.05)
            found = await state(http, server.url)
        assert found["ended_calls"][0]["end_reason"] == "closed by the client"


async def test_calls_at_the_same_time_have_their_own_conversations() -> None:
    async with serving() as server, Client(server.url) as one, Client(server.url) as other:
        await one.wait("session.created")
        await other.wait("session.created")
        write(one, "thank you")
        assert await answered(other) == "All right."
        done = await one.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You are welcome."


# Faults of calls


async def test_a_dead_answer_leads_nowhere(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "dead_answer", "times": 1})
        async with Client(server.url) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.wait("session.created"), 1.0)
        async with Client(server.url) as client:
            await client.wait("session.created")


async def test_a_channel_opens_late(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "slow_channel", "open_after_s": 1.0})
        began_at = time.monotonic()
        async with Client(server.url) as client:
            await client.wait("session.created")
            assert time.monotonic() - began_at >= 1.0
            assert await answered(client) == "All right."


async def test_events_come_late(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        await play(http, server.url, {"fault": "slow_channel", "delay_s": 0.5})
        began_at = time.monotonic()
        client.send("session.update", session={"type": "realtime"})
        await client.wait("session.updated")
        assert time.monotonic() - began_at >= 0.5


async def test_a_server_vanishes_without_a_word(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        await until(lambda: client.frames)
        await play(http, server.url, {"fault": "vanish"})
        await until(lambda: is_silent(client), "the end of its sound")
        frames = len(client.frames)
        client.send("session.update", session={"type": "realtime"})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.wait("session.updated"), 0.7)
        assert len(client.frames) == frames
        assert not client.is_closed.is_set()


async def test_a_call_is_closed_cleanly_after_a_time(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "close_call", "after_s": 0.5, "times": 1})
        async with Client(server.url) as client:
            await client.wait("session.created")
            await asyncio.wait_for(client.is_closed.wait(), DEADLINE_S)
        async with Client(server.url) as client:
            await client.wait("session.created")
            assert await answered(client) == "All right."


@pytest.mark.parametrize("announced", [True, False])
async def test_a_session_expires(http: Http, announced: bool) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "expire", "after_s": 1, "announced": announced})
        async with Client(server.url) as client:
            created = await client.wait("session.created")
            assert (created["session"]["expires_at"] < time.time() + 60) is announced
            error = await client.wait("error")
            assert error["error"]["code"] == "session_expired"
            await asyncio.wait_for(client.is_closed.wait(), DEADLINE_S)


async def test_a_running_session_expires_when_told_to(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        await play(http, server.url, {"fault": "expire", "after_s": 0.1})
        await client.wait("error")
        await asyncio.wait_for(client.is_closed.wait(), DEADLINE_S)


async def test_media_stop_while_events_go_on(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        await until(lambda: client.frames)
        await play(http, server.url, {"fault": "stop_media"})
        await until(lambda: is_silent(client), "the end of its sound")
        frames = len(client.frames)
        client.send("session.update", session={"type": "realtime"})
        await client.wait("session.updated")
        assert len(client.frames) == frames


async def test_rtp_pauses_between_utterances(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "pause_rtp"})
        async with Client(server.url) as client:
            await client.wait("session.created")
            await asyncio.sleep(0.5)
            assert client.frames == []
            await answered(client)
            assert loud_since(client, 0.0) > 5
            frames = len(client.frames)
            await asyncio.sleep(0.5)
            assert len(client.frames) <= frames + 5
            (call,) = (await state(http, server.url))["calls"]
            assert call["packets_sent"] < 60


async def test_output_events_are_left_out(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "no_output_events"})
        async with Client(server.url) as client:
            await client.wait("session.created")
            write(client, "stop")
            await client.wait("response.done")
            await until(lambda: loud_since(client, 0.0) > 5)
            assert not any(name.startswith("output_audio_buffer") for name in client.types)


async def test_the_end_of_an_old_answer_comes_after_the_beginning_of_the_next(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "late_stopped", "delay_s": 0.1})
        async with Client(server.url) as client:
            await client.wait("session.created")
            write(client, "stop")
            first = (await client.wait("output_audio_buffer.started"))["response_id"]
            await client.wait("response.done")
            await until(lambda: client.frames and loud_since(client, time.monotonic() - 0.4) == 0)
            write(client, "stop")
            second = (await client.wait("output_audio_buffer.started"))["response_id"]
            stopped = await client.wait("output_audio_buffer.stopped")
            assert stopped["response_id"] == first != second


async def test_an_error_that_nobody_asked_for(http: Http) -> None:
    async with serving() as server:
        await play(http, server.url, {"fault": "send_error", "after_s": 0.2, "times": 1})
        async with Client(server.url) as client:
            error = await client.wait("error")
            assert error["error"]["code"] == "insufficient_quota"
            assert await answered(client) == "All right."


@pytest.mark.parametrize("kind", ["unknown", "malformed", "binary", "deep", "oversized", "raw"])
async def test_bad_messages_are_sent_on_order(http: Http, kind: str) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        before = len(client.raw)
        fault = {"fault": "send_message", "kind": kind, "size_bytes": 400_000, "text": '{"type":"hm"}'}
        await play(http, server.url, fault)
        await until(lambda: len(client.raw) > before)
        message = client.raw[before]
        if kind == "oversized":
            assert len(message) == 400_000
        assert isinstance(message, bytes) is (kind == "binary")
        if kind in ("malformed", "deep"):
            with pytest.raises((ValueError, RecursionError)):
                json.loads(message)
        assert await answered(client) == "All right."


async def test_bytes_that_are_no_text_end_the_call_of_a_client_like_this_one(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        await play(http, server.url, {"fault": "send_message", "kind": "invalid_utf8"})
        await asyncio.wait_for(client.is_closed.wait(), DEADLINE_S)


async def test_an_update_is_rejected_and_the_next_one_taken(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        await play(
            http, server.url, {"fault": "reject_update", "times": 1, "code": "invalid_value", "param": "p"}
        )
        client.send("session.update", event_id="mine", session={"type": "realtime"})
        error: dict[str, Any] = (await client.wait("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == ("invalid_value", "p", "mine")
        client.send("session.update", session={"type": "realtime"})
        await client.wait("session.updated")


async def test_another_scenario_ends_the_faults_of_the_old_one(http: Http) -> None:
    async with serving() as server, Client(server.url) as client:
        await client.wait("session.created")
        await play(http, server.url, {"fault": "no_output_events"}, {"fault": "close_call", "after_s": 0.5})
        await play(http, server.url)
        assert await answered(client) == "All right."
        await asyncio.sleep(0.5)
        assert not client.is_closed.is_set()
