"""Sessions over real WebSockets on loopback."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from edge_agent.audio.answer_stream import AnswerStream
from edge_agent.audio.downlink import Downlink
from edge_agent.core import liveness
from edge_agent.core.events import Event, LinkDown, LinkUp, ServerSaid
from edge_agent.core.faults import Fault, FaultKind
from edge_agent.core.playout.streamed import Note
from edge_agent.protocol.client_events import InputAudioBufferCommit, OutputAudioBufferClear
from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.profiles import PROFILES, Profile
from edge_agent.protocol.session_object import SessionWishes
from edge_agent.servers import PLAIN_SOUND
from edge_agent.session.endpoint import Deadlines, Endpoint, Secret
from edge_agent.session.session import RealtimeSession
from edge_agent.session.transport import EncodedPacket
from edge_agent.session.websocket import WebSocketTransport
from tests.certificates import FILE, self_signed
from tests.session.bench import KEY, QUICK, FakeSound, Packet
from tests.session.peer_server import Json, eventually
from tests.session.socket_server import Answer, SocketServer

OPENAI = PROFILES["openai"]
TONE_24K = b"\x00\x30" * 12 + b"\x00\xd0" * 12


class PlainRoad:
    """The loudspeaker's end of the sound road as it is, and a microphone with a lever."""

    def __init__(self) -> None:
        self.downlink = Downlink()
        self.deliver: Callable[[EncodedPacket], None] | None = None

    def connect_plain_microphone(self, deliver: Callable[[EncodedPacket], None]) -> None:
        self.deliver = deliver

    def disconnect_microphone(self) -> None:
        self.deliver = None

    def open_stream(self, tell: Callable[[Note], None]) -> AnswerStream:
        return self.downlink.open_stream(tell)

    def say(self, *payloads: bytes) -> None:
        """Be the capture thread."""
        assert self.deliver is not None
        speaker = threading.Thread(
            target=lambda deliver: [deliver(Packet(p, 0)) for p in payloads], args=[self.deliver]
        )
        speaker.start()
        speaker.join()


class Bench:
    """One session over a WebSocket, and all that can be seen of it."""

    def __init__(self, url: str, profile: Profile = OPENAI, deadlines: Deadlines = QUICK) -> None:
        self.events: list[Event] = []
        self.bug: Exception | None = None
        """Raised by whoever takes the events."""
        self.road = PlainRoad()
        endpoint = Endpoint("test", url, profile, "test-model", Secret(KEY), deadlines=deadlines)
        wishes = SessionWishes(voice="marin", input_format=PLAIN_SOUND, output_format=PLAIN_SOUND)
        self.session = RealtimeSession(
            7,
            endpoint,
            wishes,
            FakeSound(),
            self._post,
            new_transport=lambda endpoint, _: WebSocketTransport(endpoint, self.road),
        )
        self.task: asyncio.Task[None] | None = None

    def _post(self, event: Event) -> None:
        if self.bug is not None:
            raise self.bug
        self.events.append(event)

    async def up(self) -> None:
        self.task = asyncio.create_task(self.session.run())
        await eventually(lambda: self.events)
        assert isinstance(self.events[0], LinkUp), self.events
        self.session.take_sound()

    async def fault(self) -> Fault:
        """Wait until it is over and return why."""
        await (self.task or self.session.run())
        last = self.events[-1]
        assert isinstance(last, LinkDown)
        return last.fault

    def said(self) -> list[str]:
        return [event.event.wire_type for event in self.events if isinstance(event, ServerSaid)]

    def play(self, periods: int) -> bytes:
        """Be the playback thread."""
        return b"".join(self.road.downlink.pull(0.0) for _ in range(periods))


@pytest.fixture
async def server(nothing_left: None) -> AsyncIterator[SocketServer]:
    async with SocketServer() as running:
        yield running


@pytest.fixture
async def bench(server: SocketServer) -> AsyncIterator[Bench]:
    """A session that is up."""
    bench = Bench(server.url)
    await bench.up()
    yield bench
    await bench.session.hang_up()


def delta(pcm: bytes) -> Json:
    return {
        "type": "response.output_audio.delta",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(pcm).decode(),
    }


CREATED: Json = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
DONE: Json = {"type": "response.done", "response": {"id": "resp_1", "status": "completed"}}


async def test_the_call_names_model_and_key_and_the_settings_name_the_formats(server: SocketServer) -> None:
    bench = Bench(server.url)
    await bench.up()
    (request,) = server.requests
    assert request.path_qs == "/v1/realtime?model=test-model"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert "OpenAI-Beta" not in request.headers
    session = (await server.heard("session.update"))["session"]
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    await bench.session.hang_up()
    await eventually(lambda: server.socket.closed)


async def test_in_beta_the_formats_have_their_old_names(server: SocketServer) -> None:
    bench = Bench(server.url, replace(OPENAI, dialect=Dialect.BETA))
    await bench.up()
    session = (await server.heard("session.update"))["session"]
    assert (session["input_audio_format"], session["output_audio_format"]) == ("pcm16", "pcm16")
    await bench.session.hang_up()


async def test_tls_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None) -> None:
    tls = self_signed(tmp_path, "127.0.0.1")
    async with SocketServer(tls) as server:
        assert (await Bench(server.url).fault()).kind is FaultKind.TLS
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / FILE))
        bench = Bench(server.url)
        await bench.up()
        await bench.session.hang_up()


async def test_the_microphone_is_heard_in_order_with_the_events(server: SocketServer, bench: Bench) -> None:
    bench.road.say(b"on", b"e ")
    await eventually(lambda: server.sound() == b"one ")
    bench.session.send(InputAudioBufferCommit())
    await server.heard("input_audio_buffer.commit")
    kinds = [event["type"] for event in server.received]
    assert kinds[-3:] == ["input_audio_buffer.append"] * 2 + ["input_audio_buffer.commit"]
    assert bench.session.counters.packets_sent == 2
    assert bench.session.counters.bytes_sent == 4


async def test_an_answer_is_played_and_its_beginning_and_end_are_told(
    server: SocketServer, bench: Bench
) -> None:
    for event in (CREATED, delta(TONE_24K * 100), DONE):
        await server.say(event)
    await eventually(lambda: "response.done" in bench.said())
    assert "output_audio_buffer.started" not in bench.said()
    heard = bench.play(20)
    assert len(heard.rstrip(b"\0")) == pytest.approx(2 * 2 * len(TONE_24K) * 100 / 2, rel=0.02)
    await eventually(lambda: "output_audio_buffer.stopped" in bench.said())
    assert bench.said() == [
        "session.created",
        "session.updated",
        "response.created",
        "response.output_audio.delta",
        "response.done",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
    ]


async def test_a_flush_tells_the_server_what_was_heard(server: SocketServer, bench: Bench) -> None:
    await server.say(delta(TONE_24K * 1000))
    await eventually(lambda: "response.output_audio.delta" in bench.said())
    bench.play(10)
    bench.road.downlink.flush(0.0, ignore_s=0.3)
    truncate = await server.heard("conversation.item.truncate")
    assert truncate == {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 200,
    }
    await eventually(lambda: "output_audio_buffer.cleared" in bench.said())


async def test_clearing_the_servers_sound_clears_ours_and_is_not_sent(
    server: SocketServer, bench: Bench
) -> None:
    await server.say(delta(TONE_24K * 1000))
    await eventually(lambda: "response.output_audio.delta" in bench.said())
    bench.session.send(OutputAudioBufferClear())
    await server.heard("conversation.item.truncate")
    assert set(bench.play(4)) == {0}
    assert "output_audio_buffer.clear" not in server.types()


async def test_without_the_sound_nothing_is_sent_or_played(server: SocketServer, bench: Bench) -> None:
    bench.session.release_sound()
    assert bench.road.deliver is None
    await server.say(delta(TONE_24K * 100))
    await eventually(lambda: "response.output_audio.delta" in bench.said())
    assert set(bench.play(4)) == {0}


# -- how it fails --------------------------------------------------------------------------------------


def answer(status: int, **headers: str) -> Answer:
    async def refuse(_: web.Request) -> web.StreamResponse:
        error = {"error": {"message": f"no, {KEY}", "code": "a_code", "type": "a_type"}}
        return web.json_response(
            error, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return refuse


@pytest.mark.parametrize("status", [401, 404, 429, 500, 200])
async def test_a_refused_handshake_is_the_fault_that_http_has(server: SocketServer, status: int) -> None:
    server.answer = answer(status, Retry_After="7")
    fault = await Bench(server.url).fault()
    assert (fault.kind, fault.http_status) == (FaultKind.HTTP_STATUS, status)
    assert (fault.code, fault.error_type, fault.retry_after_s) == ("a_code", "a_type", 7.0)
    assert KEY not in fault.message


async def test_a_redirect_is_never_followed(server: SocketServer) -> None:
    async with SocketServer() as other:
        server.answer = answer(307, Location=other.url + "/v1/realtime")
        fault = await Bench(server.url).fault()
        assert fault.http_status == 307
        assert "never followed" in fault.message
        assert other.requests == []


async def test_a_server_that_is_none_is_told_from_one_that_is_not_there(nothing_left: None) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(babble, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        assert (await Bench(url).fault()).kind is FaultKind.BAD_ANSWER
    assert (await Bench(url).fault()).kind is FaultKind.NETWORK


async def test_a_handshake_that_is_not_answered_ends_in_time(server: SocketServer) -> None:
    over = asyncio.Event()

    async def wait(_: web.Request) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    server.answer = wait
    fault = await Bench(server.url, deadlines=replace(QUICK, connect_s=0.3)).fault()
    over.set()
    assert fault.kind is FaultKind.TIMEOUT


async def test_the_key_goes_by_tls_or_to_this_machine_alone(nothing_left: None) -> None:
    fault = await Bench("http://192.0.2.1").fault()
    assert fault.kind is FaultKind.SETUP_REFUSED
    assert "key is not sent" in fault.message


async def test_a_goodbye_is_told_with_its_reason(server: SocketServer, bench: Bench) -> None:
    await server.socket.close(code=1001, message=b"maintenance")
    fault = await bench.fault()
    assert (fault.kind, fault.message) == (
        FaultKind.CLOSED,
        "the server ended the connection (code 1001, maintenance)",
    )


async def test_a_cut_connection_is_lost(server: SocketServer, bench: Bench) -> None:
    server.drop()
    assert (await bench.fault()).kind is FaultKind.LOST


async def test_a_server_that_answers_nothing_any_more_is_noticed(
    server: SocketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CHECK_AFTER_S", "DOUBT_AFTER_S", "PEER_DEAD_AFTER_S"):
        monkeypatch.setattr(liveness, name, getattr(liveness, name) / 4)
    bench = Bench(server.url)
    await bench.up()
    await eventually(lambda: server.pings > 3, "checks of a server that has nothing to say")
    assert len(bench.events) == 3, "a server that answers pings is there"
    server.answers_pings = False
    assert (await bench.fault()).kind is FaultKind.PEER_DEAD


async def test_odd_messages_are_counted_and_the_session_lives(server: SocketServer, bench: Bench) -> None:
    await server.socket.send_str("no JSON")
    await server.socket.send_frame(b'{"type":"\xff\xfe"}', web.WSMsgType.TEXT)
    await server.say({"type": "brand.new"})
    await eventually(lambda: bench.session.malformed == 2 and len(bench.said()) == 3)


async def test_a_fault_of_who_takes_the_events_is_not_hidden(server: SocketServer, bench: Bench) -> None:
    bench.bug = RuntimeError("nobody takes it")
    await server.say({"type": "input_audio_buffer.cleared"})
    assert bench.task is not None
    with pytest.raises(RuntimeError, match="nobody takes it"):
        await bench.task


async def test_a_message_that_is_far_too_large_ends_the_session(server: SocketServer, bench: Bench) -> None:
    await server.socket.send_str('{"type":"x","y":"' + "z" * 5_000_000 + '"}')
    assert (await bench.fault()).kind in (FaultKind.LOST, FaultKind.CLOSED)
