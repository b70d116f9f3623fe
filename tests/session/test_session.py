"""Whole sessions against a real server: set-up, order of events, ends, leftovers."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable

import pytest
from aiohttp import web

from edge_agent.core.events import LinkDown, LinkUp, ServerSaid
from edge_agent.core.faults import FaultKind
from edge_agent.protocol.client_events import RawEvent, ResponseCreate
from edge_agent.protocol.profiles import PROFILES, Handshake, Hangup, TokenStyle
from edge_agent.protocol.server_events import ConversationItemAdded, SessionCreated
from edge_agent.session.endpoint import Deadlines
from edge_agent.session.session import Phase
from edge_agent.session.transport import TransportCounters
from tests.session.bench import KEY, LOCAL, OPENAI, QUICK, Bench, with_profile
from tests.session.peer_server import (
    Call,
    Json,
    PeerServer,
    confirm,
    created,
    error,
    eventually,
    parts_of,
    quick_consent,
    silent,
    updated,
)
from tests.system.puppet import deaf_port

PATIENT = Deadlines()


async def test_reports_up_first_and_then_what_was_said_before(server: PeerServer) -> None:
    server.greeting = [created(), {"type": "conversation.created", "conversation": {"id": "conv_1"}}]
    bench = Bench(server, LOCAL, PATIENT)
    up = await bench.up()
    await eventually(lambda: len(bench.events) == 4)
    assert up == LinkUp(7, "sess_1", None)
    assert bench.said() == ["session.created", "conversation.created", "session.updated"]
    assert bench.wire == bench.said()
    assert server.call.types() == ["session.update"]
    await bench.session.hang_up()


async def test_session_that_went_with_the_call_needs_no_update(server: PeerServer) -> None:
    bench = Bench(server, OPENAI)
    await bench.up()
    assert server.call.types() == []
    (request,) = server.requests
    parts = parts_of(request.headers["Content-Type"], request.body)
    assert parts["session"][0] == "application/json"
    assert json.loads(parts["session"][1])["model"] == "test-model"
    await bench.session.hang_up()


async def test_raw_offer_without_token_is_followed_by_an_update_without_the_model(server: PeerServer) -> None:
    bench = Bench(server, with_profile(OPENAI, handshake=Handshake.RAW_SDP))
    await bench.up()
    (update,) = server.call.received
    assert update["session"] == {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    await bench.session.hang_up()


async def test_token_carries_the_session(server: PeerServer) -> None:
    bench = Bench(server, PROFILES["azure"])
    await bench.up()
    token, call = server.requests
    assert token.path == "/openai/v1/realtime/client_secrets"
    assert token.headers["api-key"] == KEY
    assert json.loads(token.body)["session"]["audio"]["output"]["voice"] == "marin"
    assert call.headers["Authorization"] == "Bearer ek_test_0123456789"
    assert "api-key" not in call.headers
    assert server.call.types() == []
    await bench.session.hang_up()
    assert server.requests[-1].headers["api-key"] == KEY


async def test_beta_token_and_beta_names(server: PeerServer) -> None:
    async def flat_token(_: web.Request) -> web.StreamResponse:
        return web.json_response({"client_secret": {"value": "ek_beta_0123456789", "expires_at": 1}})

    server.answer_token = flat_token
    server.greeting = [created(), {"type": "conversation.item.created", "item": {"id": "item_1"}}]
    profile = with_profile(
        PROFILES["azure-preview"], calls_path="/v1/realtimertc", token_style=TokenStyle.BETA_SESSION
    )
    bench = Bench(server, profile)
    await bench.up()
    await eventually(lambda: len(bench.events) == 3)
    token, call = server.requests
    assert json.loads(token.body)["voice"] == "marin"
    assert call.path == "/v1/realtimertc?model=test-model"
    assert isinstance(bench.events[2], ServerSaid)
    assert isinstance(bench.events[2].event, ConversationItemAdded)
    assert bench.wire[1] == "conversation.item.created"
    await bench.session.hang_up()


async def test_json_handshake(server: PeerServer) -> None:
    server.sdp_path = ("transport", "sdp")
    server.status = 200
    profile = with_profile(OPENAI, handshake=Handshake.JSON, answer_path=("transport", "sdp"))
    bench = Bench(server, profile)
    await bench.up()
    sent = json.loads(server.requests[0].body)
    assert sent["model"] == sent["session"]["model"] == "test-model"
    assert sent["sdp"].endswith("\r\n")
    await bench.session.hang_up()


async def test_update_in_beta_is_flat(server: PeerServer) -> None:
    bench = Bench(server, PROFILES["speaches"])
    wrapped = json.dumps({"id": "1", "type": "full_message", "data": "eyJ0eXBlIjoic2Vzc2lvbi5jcmVhdGVkIn0="})
    server.greeting = [json.loads(wrapped)]
    await bench.up()
    assert bench.wire[0] == "session.created"
    assert server.call.received[0]["session"] == {"voice": "marin"}
    await bench.session.hang_up()


async def test_call_id_stands_in_for_a_session_without_a_name(server: PeerServer) -> None:
    server.greeting = [created(id=None)]
    bench = Bench(server)
    assert (await bench.up()).session_id == "rtc_u1_test"
    await bench.session.hang_up()


async def test_no_location_means_no_farewell(server: PeerServer) -> None:
    server.location = None
    bench = Bench(server)
    await bench.up()
    await bench.session.hang_up()
    assert server.paths() == ["POST /v1/realtime/calls"]


@pytest.mark.parametrize(("left_s", "expected"), [(600.0, True), (-5.0, False), (400 * 24 * 3600.0, False)])
async def test_lifetime_is_told_unless_a_clock_is_wrong(
    server: PeerServer, left_s: float, expected: bool
) -> None:
    server.greeting = [created(expires_at=int(time.time() + left_s))]
    bench = Bench(server, LOCAL, PATIENT)
    lifetime_s = (await bench.up()).lifetime_s
    assert (lifetime_s is not None) is expected
    if lifetime_s is not None:
        assert 0 < lifetime_s <= left_s
    await bench.session.hang_up()


async def test_a_server_that_does_not_tell_lives_as_long_as_its_profile_knows(server: PeerServer) -> None:
    bench = Bench(server, OPENAI)
    assert (await bench.up()).lifetime_s == OPENAI.max_session_s
    await bench.session.hang_up()


async def test_lifetime_survives_an_update_that_does_not_repeat_it(server: PeerServer) -> None:
    server.greeting = [created(expires_at=int(time.time() + 600))]
    bench = Bench(server, LOCAL, PATIENT)
    up = await bench.up()
    assert up.session_id == "sess_1"
    assert up.lifetime_s is not None
    await bench.session.hang_up()


# Set-up that fails


def refuse_naming(name: Callable[[Json], str | None]) -> Callable[[Call, Json], None]:
    def answer(call: Call, event: Json) -> None:
        call.say(
            error("invalid_value", "no such voice", param="session.audio.output.voice", event_id=name(event))
        )

    return answer


@pytest.mark.parametrize("names_event", [True, False])
async def test_refused_settings(server: PeerServer, names_event: bool) -> None:
    server.on_message = refuse_naming(lambda event: event["event_id"] if names_event else None)
    fault = await Bench(server, LOCAL).fault()
    assert fault.kind is FaultKind.SETUP_REFUSED
    assert (fault.code, fault.param) == ("invalid_value", "session.audio.output.voice")
    assert "no such voice" in fault.message
    assert server.paths()[-1] == "POST /v1/realtime/calls/rtc_u1_test/hangup"


async def test_error_about_something_else_does_not_stop_the_set_up(server: PeerServer) -> None:
    def answer(call: Call, event: Json) -> None:
        call.say(error("other", event_id="event_of_somebody"))
        confirm(call, event)

    server.on_message = answer
    bench = Bench(server, LOCAL, PATIENT)
    await bench.up()
    await eventually(lambda: bench.said() == ["session.created", "error", "session.updated"])
    await bench.session.hang_up()


async def test_silent_channel(server: PeerServer) -> None:
    server.greeting = []
    fault = await Bench(server).fault()
    assert fault.kind is FaultKind.TIMEOUT
    assert "session.created" in fault.message


async def test_only_an_error_for_a_greeting(server: PeerServer) -> None:
    server.greeting = [error("insufficient_quota", "pay first")]
    fault = await Bench(server).fault()
    assert (fault.kind, fault.code) == (FaultKind.TIMEOUT, "insufficient_quota")
    assert "pay first" in fault.message


async def test_server_that_does_not_greet_but_speaks(server: PeerServer) -> None:
    server.greeting = [{"type": "rate_limits.updated", "rate_limits": []}]
    bench = Bench(server, LOCAL)
    up = await bench.up()
    assert up.session_id == "rtc_u1_test"
    assert server.call.types() == ["session.update"]
    await bench.session.hang_up()


async def test_settings_that_nobody_confirms(server: PeerServer) -> None:
    server.on_message = silent
    fault = await Bench(server, LOCAL).fault()
    assert fault.kind is FaultKind.TIMEOUT
    assert "session.updated" in fault.message


async def test_close_during_set_up_says_what_the_server_said(server: PeerServer) -> None:
    server.greeting = [error("invalid_api_key", "wrong key")]
    bench = Bench(server, LOCAL, PATIENT)
    bench.start()
    await eventually(lambda: server.calls and bench.wire)
    await server.call.close()
    fault = await bench.fault()
    assert (fault.kind, fault.code) == (FaultKind.CLOSED, "invalid_api_key")


async def test_answer_that_leads_nowhere(server: PeerServer) -> None:
    server.edit_answer = nowhere
    bench = Bench(server, deadlines=Deadlines(connect_s=0.5, hang_up_s=0.3))
    fault = await bench.fault()
    assert fault.kind is FaultKind.NO_PATH
    assert "UDP" in fault.message
    assert server.paths()[-1].endswith("/hangup")


async def test_wrong_dtls_fingerprint(server: PeerServer) -> None:
    def other(sdp: str) -> str:
        lines = sdp.split("\r\n")
        return "\r\n".join(line[:-2] + "00" if line.startswith("a=fingerprint") else line for line in lines)

    server.edit_answer = other
    fault = await Bench(server, deadlines=PATIENT).fault()
    assert fault.kind is FaultKind.TLS
    assert "DTLS" in fault.message


# Ends


async def test_clean_close(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    await server.call.close()
    assert (await bench.fault()).kind is FaultKind.CLOSED
    assert server.paths() == ["POST /v1/realtime/calls"]
    assert bench.session.phase is Phase.OVER


async def test_closed_channel_is_an_end(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    assert server.call.channel is not None
    server.call.channel.close()
    assert (await bench.fault()).kind is FaultKind.CLOSED


async def test_ended_track_is_an_end(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    await eventually(lambda: bench.sound.packets)
    await server.call.connection.getSenders()[0].stop()
    assert (await bench.fault()).kind is FaultKind.CLOSED


async def test_vanished_server(server: PeerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    quick_consent(monkeypatch)
    bench = Bench(server)
    await bench.up()
    server.call.vanish()
    assert (await bench.fault()).kind is FaultKind.LOST


async def test_expired_session(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    server.call.say(error("session_expired", "Your session hit the maximum duration of 60 minutes."))
    await eventually(lambda: "error" in bench.said())
    await server.call.close()
    fault = await bench.fault()
    assert (fault.kind, fault.code) == (FaultKind.EXPIRED, "session_expired")


async def test_last_words_before_the_close_are_heard(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    server.call.say({"type": "response.done", "response": {"id": "resp_1", "status": "failed"}})
    await eventually(lambda: bench.session.counters.messages_received == 2)
    await server.call.close()
    await bench.fault()
    assert bench.said() == ["session.created", "response.done"]


# Messages


async def test_text_that_is_not_utf_8_is_counted_and_the_session_lives(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    channel = server.call.channel
    assert channel is not None
    channel.transport._data_channel_queue.append((channel, 51, b'{"type":"\xff\xfe"}'))
    await channel.transport._data_channel_flush()
    server.call.say({"type": "input_audio_buffer.cleared"})
    await eventually(lambda: bench.said() == ["session.created", "input_audio_buffer.cleared"])
    assert bench.session.malformed == 1
    assert bench.malformed == ["not Unicode text"]
    await bench.session.hang_up()


async def test_odd_messages_are_counted_and_the_session_lives(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    odd: list[str | bytes] = [
        b"\x00\x01",
        "{",
        "",
        b"",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps({"type": "response.done", "response": 7}),
        json.dumps({"type": "x", "padding": "y" * 262_000}) + " " * 262_000,
    ]
    for message in odd[:-1]:
        server.call.say_raw(message)
    assert server.call.channel is not None
    server.call.channel.transport._remote_max_message_size = 1_000_000
    server.call.say_raw(odd[-1])
    server.call.say({"type": "brand.new", "field": 1})
    await eventually(lambda: "brand.new" in bench.wire)
    assert bench.session.malformed == len(odd)
    assert len(bench.malformed) == 1
    assert bench.session.phase is Phase.UP
    assert bench.session.counters.messages_received == len(odd) + 2
    await bench.session.hang_up()


async def test_sends_events_and_raw_events(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    bench.session.send(ResponseCreate(event_id="mine"))
    bench.session.send(RawEvent(payload={"type": "no.such", "n": 1}))
    await eventually(lambda: len(server.call.received) == 2)
    assert server.call.received[0] == {"type": "response.create", "event_id": "mine"}
    assert server.call.received[1] == {"type": "no.such", "n": 1}
    await bench.session.hang_up()


async def test_events_that_can_not_be_sent_are_dropped(
    server: PeerServer, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(server)
    bench.session.send(ResponseCreate())
    await bench.up()
    bench.session.send(RawEvent(payload={"type": "huge", "text": "x" * 300_000}))
    bench.session.send(RawEvent(payload={"type": "\ud800"}))
    assert [record.levelname for record in caplog.records].count("WARNING") == 2
    await bench.session.hang_up()
    bench.session.send(ResponseCreate())
    assert server.call.received == []


async def test_channels_of_the_server_are_ignored(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    channels = [server.call.connection.createDataChannel(f"extra-{number}") for number in range(10)]
    await eventually(lambda: [channel.readyState for channel in channels].count("closed") == 6)
    for channel in channels[:4]:
        channel.send("hello")
    server.call.say({"type": "still.here"})
    await eventually(lambda: "still.here" in bench.wire)
    assert bench.wire == ["session.created", "still.here"]
    await bench.session.hang_up()


# Hanging up and being cancelled


@pytest.mark.parametrize(
    ("hangup", "farewell"),
    [
        (Hangup.POST_HANGUP, "POST /v1/realtime/calls/rtc_u1_test/hangup"),
        (Hangup.DELETE_LOCATION, "DELETE /v1/realtime/calls/rtc_u1_test"),
        (Hangup.NONE, "POST /v1/realtime/calls"),
    ],
)
async def test_hang_up_as_the_profile_says(server: PeerServer, hangup: Hangup, farewell: str) -> None:
    bench = Bench(server, with_profile(OPENAI, hangup=hangup))
    await bench.up()
    await bench.session.hang_up()
    assert server.paths()[-1] == farewell
    await eventually(lambda: server.call.ended)
    assert not any(isinstance(event, LinkDown) for event in bench.events)


async def test_hang_up_does_not_wait_for_a_slow_server(server: PeerServer) -> None:
    gone = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await gone.wait()
        return web.Response()

    server.answer_hang_up = slow
    bench = Bench(server)
    await bench.up()
    await bench.session.hang_up()
    gone.set()
    assert bench.session.phase is Phase.OVER


async def test_nothing_is_posted_after_hang_up(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    await eventually(lambda: len(bench.events) == 2)
    server.call.say({"type": "too.late"})
    await eventually(lambda: "too.late" in bench.wire)
    posted = list(bench.events)
    hanging_up = asyncio.create_task(bench.session.hang_up())
    server.call.say({"type": "too.late.as.well"})
    await hanging_up
    await server.call.close()
    assert bench.task is not None
    await bench.task
    assert [event for event in bench.events if event not in posted] == []
    assert bench.sound.times_disconnected == 1


async def test_hang_up_before_it_ran_and_twice(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.session.hang_up()
    await bench.session.run()
    await bench.session.hang_up()
    assert bench.events == []
    assert server.requests == []
    assert bench.session.counters == TransportCounters()


def nowhere(sdp: str) -> str:
    """Take the addresses out of an answer, and make it refuse the client's checks."""
    lines = [line for line in sdp.split("\r\n") if not line.startswith("a=candidate")]
    return "\r\n".join(lines).replace("a=ice-pwd:", "a=ice-pwd:x")


async def stop(bench: Bench, by_hang_up: bool) -> None:
    assert bench.task is not None
    if by_hang_up:
        await bench.session.hang_up()
        await bench.task
    else:
        bench.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bench.task
    assert not any(isinstance(event, LinkDown) for event in bench.events)
    assert bench.session.phase is Phase.OVER


def make_stay(server: PeerServer, step: str, released: asyncio.Event) -> Callable[[], object]:
    """Let ``server`` not go on after ``step``; return what tells that it has come so far."""

    async def hold(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    match step:
        case "call":
            server.answer_call = hold
            return lambda: server.requests
        case "connectivity":
            server.edit_answer = nowhere
            return lambda: server.calls and server.call.connection.iceConnectionState == "checking"
        case "greeting":
            server.greeting = []
            return lambda: server.calls and server.call.channel
        case _:
            server.on_message = silent
            return lambda: server.calls and server.call.received


@pytest.mark.parametrize("by_hang_up", [True, False])
@pytest.mark.parametrize("step", ["call", "connectivity", "greeting", "confirmation"])
async def test_stopping_at_each_step_leaves_nothing(server: PeerServer, step: str, by_hang_up: bool) -> None:
    """The fixture counts tasks, threads and descriptors afterwards."""
    released = asyncio.Event()
    is_there = make_stay(server, step, released)
    bench = Bench(server, LOCAL, PATIENT)
    bench.start()
    await eventually(is_there)
    await stop(bench, by_hang_up)
    released.set()
    assert bench.events == []


@pytest.mark.parametrize("by_hang_up", [True, False])
async def test_stopping_at_any_moment_leaves_nothing(server: PeerServer, by_hang_up: bool) -> None:
    """Thirty moments, closer together than the steps; the fixture counts what is left."""
    for moment in range(30):
        bench = Bench(server, LOCAL, PATIENT, epoch=moment)
        bench.start()
        for _ in range(moment * 4):
            await asyncio.sleep(0 if moment < 10 else 0.0005)
        await stop(bench, by_hang_up or bench.session.phase is Phase.NEW)


async def test_being_cancelled_twice_still_closes(server: PeerServer) -> None:
    bench = Bench(server)
    task = bench.start()
    await eventually(lambda: bench.session.phase is Phase.UP)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.session.phase is Phase.OVER
    await eventually(lambda: server.call.ended)


async def test_two_sessions_at_once_do_not_know_each_other(server: PeerServer) -> None:
    first, second = Bench(server, epoch=1), Bench(server, epoch=2)
    await first.up()
    await second.up()
    await first.session.hang_up()
    server.call.say({"type": "still.here"})
    await eventually(lambda: "still.here" in second.wire)
    assert second.sound.times_disconnected == 0
    await second.session.hang_up()


async def test_microphone_and_loudspeaker_are_with_who_took_them(server: PeerServer) -> None:
    first, second = Bench(server, epoch=1), Bench(server, epoch=2)
    await first.up()
    first_call = server.call
    second.start()
    await eventually(lambda: second.session.phase is Phase.UP)
    await eventually(lambda: first.sound.packets)
    assert second.sound.times_connected == 0
    assert not second.sound.packets, "who has not taken the loudspeaker is not heard"
    first.session.release_sound()
    second.session.take_sound()
    assert first.sound.times_disconnected == 1
    await eventually(lambda: second.sound.packets)
    heard = len(first.sound.packets)
    first_call.say({"type": "still.here"})
    await eventually(lambda: "still.here" in first.wire)
    assert len(first.sound.packets) == heard, "who has released it is not heard any more"
    await first.session.hang_up()
    assert first.sound.times_disconnected == 1
    await second.session.hang_up()


async def test_a_session_that_is_not_up_takes_no_sound(server: PeerServer) -> None:
    bench = Bench(server)
    bench.session.take_sound()
    bench.session.release_sound()
    await bench.up()
    await bench.session.hang_up()
    bench.session.take_sound()
    assert (bench.sound.times_connected, bench.sound.times_disconnected) == (1, 1)


# Secrets


async def test_no_log_holds_a_secret_or_a_content(
    server: PeerServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        sent = request.headers["Authorization"]
        return web.json_response({"error": {"message": f"bad header {sent}", "code": KEY}}, status=401)

    with caplog.at_level(logging.DEBUG, logger="edge_agent"):
        bench = Bench(server)
        await bench.up()
        server.call.say({"type": "response.output_text.delta", "delta": "whispered"})
        await eventually(lambda: len(bench.wire) == 2)
        await bench.session.hang_up()
        server.answer_call = echo
        fault = await Bench(server).fault()
    everything = caplog.text + repr(fault) + repr(bench.session) + repr(bench)
    assert KEY not in everything
    assert "whispered" not in caplog.text
    assert "< response.output_text.delta" in caplog.text
    assert "> offer" in caplog.text


# Sound


async def test_a_fault_of_our_own_sound_road_is_not_hidden(server: PeerServer) -> None:
    bench = Bench(server)
    bench.sound.failure = RuntimeError("no loudspeaker")
    await bench.up()
    assert bench.task is not None
    with pytest.raises(RuntimeError, match="no loudspeaker"):
        await bench.task
    assert bench.session.phase is Phase.OVER
    assert not any(isinstance(event, LinkDown) for event in bench.events)


class Choosy(list[str]):
    """Raises what a bug might at one event."""

    def append(self, name: str) -> None:
        if name == "input_audio_buffer.cleared":
            raise RuntimeError("nobody takes it")


async def test_a_fault_of_who_takes_the_events_is_not_hidden(server: PeerServer) -> None:
    bench = Bench(server, wire=Choosy())
    await bench.up()
    server.call.say({"type": "input_audio_buffer.cleared"})
    assert bench.task is not None
    with pytest.raises(RuntimeError, match="nobody takes it"):
        await bench.task
    assert bench.session.phase is Phase.OVER
    assert not any(isinstance(event, LinkDown) for event in bench.events)


async def test_decoder_threads_end_with_the_session(server: PeerServer) -> None:
    bench = Bench(server)
    await bench.up()
    await eventually(lambda: bench.sound.packets)
    assert any("decoder" in thread.name for thread in threading.enumerate())
    await bench.session.hang_up()
    await eventually(lambda: server.call.ended)
    await server.call.close()
    assert not any("decoder" in thread.name for thread in threading.enumerate())


def test_greeting_helpers_are_events() -> None:
    assert created()["type"] == SessionCreated.wire_type
    assert updated()["type"] == "session.updated"
    assert QUICK.http_s > 1


@pytest.mark.parametrize(("path_s", "after_s"), [(None, "2"), (0.5, "0.5")])
async def test_a_call_without_a_path_for_packets_is_told_from_a_slow_one(
    server: PeerServer, path_s: float | None, after_s: str
) -> None:
    with deaf_port() as edit:
        server.edit_answer = edit
        bench = Bench(server, deadlines=Deadlines(connect_s=2.0, path_s=path_s))
        fault = await bench.fault()
    assert fault.kind is FaultKind.NO_PATH
    assert fault.message.startswith(f"not connected after {after_s} s: no answer to connectivity checks")


async def test_a_path_that_is_found_in_time_leaves_time_for_the_rest(server: PeerServer) -> None:
    bench = Bench(server, deadlines=Deadlines(path_s=10.0))
    await bench.up()
    await bench.session.hang_up()
