"""The agent's side of the control socket, seen from the other one."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent import __version__
from edge_agent.control.client import ControlClient, ask_for_statistics
from edge_agent.control.connection import QUEUE_LIMIT
from edge_agent.control.lines import MAX_LINE_BYTES
from edge_agent.control.listener import MAX_CLIENTS, ControlSettings, ControlSocket
from edge_agent.control.messages import (
    Hello,
    LedShown,
    Level,
    Message,
    Mute,
    NoticeTold,
    Press,
    Refused,
    Release,
    Request,
    SendRaw,
    ShowStatistics,
    StateShown,
    StatisticsShown,
    Transcript,
    TurnAnswered,
    Volume,
    WireEvent,
)
from edge_agent.errors import ControlError, ControlTaken

DEADLINE_S = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@asynccontextmanager
async def listening(
    path: Path,
    on_request: Callable[[Request], None] = lambda _request: None,
    *,
    transcripts: bool = True,
    raw_events: bool = True,
) -> AsyncIterator[ControlSocket]:
    control = ControlSocket(ControlSettings(path, transcripts, raw_events), on_request)
    await control.start()
    try:
        yield control
    finally:
        await control.close()


async def greeted(path: Path) -> ControlClient:
    """Connect, and read the hello, so that the agent knows the client from here on."""
    client = await ControlClient.connect(path)
    assert isinstance(await receive(client), Hello)
    return client


async def receive(client: ControlClient) -> Message | None:
    async with asyncio.timeout(DEADLINE_S):
        return await client.receive()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  the other side has no event to wait for
            await asyncio.sleep(0.005)


async def test_a_new_client_hears_what_is_shown_now(path: Path) -> None:
    async with listening(path) as control:
        control.publish(StateShown("ready", 1.5))
        control.publish(LedShown("green-steady", 1.5))
        async with await ControlClient.connect(path) as client:
            hello = await receive(client)
            assert isinstance(hello, Hello)
            assert (hello.version, hello.state, hello.led) == (__version__, "ready", "green-steady")
            assert hello.since_start_s >= 0.0


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (StateShown("ready", 1.5), {"type": "state", "name": "ready", "at_s": 1.5}),
        (LedShown("green-steady", 1.5), {"type": "led", "name": "green-steady", "at_s": 1.5}),
        (WireEvent("response.done"), {"type": "event", "name": "response.done"}),
        (
            Transcript("user", "item_1", "hello", True),
            {"type": "transcript", "role": "user", "item_id": "item_1", "text": "hello", "final": True},
        ),
        (Level(-20.5, None), {"type": "level", "input_dbfs": -20.5, "output_dbfs": None}),
        (
            StatisticsShown(1.5, {"cpu": {"process": 0.05, "loop": None}}),
            {"type": "statistics", "at_s": 1.5, "groups": {"cpu": {"process": 0.05, "loop": None}}},
        ),
        (TurnAnswered(812.0), {"type": "turn", "voice_to_voice_ms": 812.0}),
        (
            NoticeTold("parked", "error", "no key"),
            {"type": "notice", "notice": "parked", "severity": "error", "text": "no key"},
        ),
    ],
)
async def test_messages_are_one_json_object_a_line(
    path: Path, message: Message, line: dict[str, Any]
) -> None:
    async with listening(path) as control:
        reader, writer = await asyncio.open_unix_connection(str(path))
        async with asyncio.timeout(DEADLINE_S):
            assert json.loads(await reader.readline())["type"] == "hello"
            control.publish(message)
            assert json.loads(await reader.readline()) == line
        writer.close()
        await writer.wait_closed()


async def test_every_client_gets_every_message(path: Path) -> None:
    async with listening(path) as control, await greeted(path) as one, await greeted(path) as other:
        for number in range(5):
            control.publish(WireEvent(str(number)))
        for client in (one, other):
            assert [await receive(client) for _ in range(5)] == [WireEvent(str(n)) for n in range(5)]


async def test_digital_silence_is_sent_as_null(path: Path) -> None:
    async with listening(path) as control, await greeted(path) as client:
        control.publish(Level(float("-inf"), -3.0))
        assert await receive(client) == Level(None, -3.0)


async def test_transcripts_are_shown_only_if_allowed(path: Path) -> None:
    async with listening(path, transcripts=False) as control, await greeted(path) as client:
        control.publish(Transcript("user", "item_1", "a secret", final=True))
        control.publish(WireEvent("response.done"))
        assert await receive(client) == WireEvent("response.done")


async def test_requests_arrive_in_order(path: Path) -> None:
    taken: list[Request] = []
    asked: list[Request] = [
        Press("talk"),
        Release("talk"),
        Mute(True),
        Volume(60),
        SendRaw({"type": "response.create", "n": 1}),
    ]
    async with listening(path, taken.append), await greeted(path) as client:
        for request in asked:
            await client.send(request)
        await until(lambda: len(taken) == len(asked))
    assert taken == asked


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"do":"explode"}',
        b'{"do":"press"}',
        b'{"do":"press","button":7}',
        b'{"do":"mute","on":"yes"}',
        b'{"do":"send","event":[]}',
        b"\xff\xfe",
        b'{"do":"send","event":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
        b'{"do":"send","event":{"a":' + b"[" * 70 + b"]" * 70 + b"}}",
        b'{"do":"send","event":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    ],
)
async def test_a_bad_line_is_answered_and_the_next_one_is_taken(path: Path, line: bytes) -> None:
    taken: list[Request] = []
    async with listening(path, taken.append), await greeted(path) as client:
        await client.send_line(line)
        assert isinstance(await receive(client), Refused)
        await client.send(Press("talk"))
        await until(lambda: taken == [Press("talk")])


async def test_a_line_that_is_too_long_is_skipped_as_a_whole(path: Path) -> None:
    taken: list[Request] = []
    async with listening(path, taken.append), await greeted(path) as client:
        await client.send_line(b"x" * (3 * MAX_LINE_BYTES) + b'{"do":"press","button":"hidden"}')
        answer = await receive(client)
        assert isinstance(answer, Refused)
        assert str(MAX_LINE_BYTES) in answer.text
        await client.send(Release("talk"))
        await until(lambda: taken == [Release("talk")])


async def test_sending_events_has_to_be_allowed(path: Path) -> None:
    taken: list[Request] = []
    async with listening(path, taken.append, raw_events=False), await greeted(path) as client:
        await client.send(SendRaw({"type": "response.create"}))
        answer = await receive(client)
        assert isinstance(answer, Refused)
        assert "control.raw_events" in answer.text
        assert taken == []


async def test_a_client_that_reads_nothing_loses_the_oldest_and_holds_up_nobody(path: Path) -> None:
    text = "x" * 10_000
    async with listening(path) as control, await greeted(path) as slow, await greeted(path) as quick:
        count = 4 * QUEUE_LIMIT
        for number in range(count):
            control.publish(Transcript("user", str(number), text, final=True))
            assert await receive(quick) == Transcript("user", str(number), text, final=True)
        numbers = [int(message.item_id) async for message in transcripts_until(slow, str(count - 1))]
        assert len(numbers) < count
        assert numbers == sorted(numbers)
        assert numbers[-QUEUE_LIMIT // 2 :] == list(range(count - QUEUE_LIMIT // 2, count))


async def transcripts_until(client: ControlClient, last_item_id: str) -> AsyncIterator[Transcript]:
    while True:
        message = await receive(client)
        assert isinstance(message, Transcript)
        yield message
        if message.item_id == last_item_id:
            return


async def test_a_client_may_vanish_at_any_time(path: Path) -> None:
    async with listening(path) as control, await greeted(path) as other:
        for _ in range(3 * MAX_CLIENTS):
            client = await greeted(path)
            control.publish(WireEvent("response.done"))
            await client.close()
            assert await receive(other) == WireEvent("response.done")
        control.publish(WireEvent("error"))
        assert await receive(other) == WireEvent("error")


async def test_too_many_clients_are_turned_away(path: Path) -> None:
    async with listening(path):
        clients = [await greeted(path) for _ in range(MAX_CLIENTS)]
        async with await ControlClient.connect(path) as another:
            assert isinstance(await receive(another), Refused)
            assert await receive(another) is None
        await clients.pop().close()
        async with asyncio.timeout(DEADLINE_S):
            while not await is_welcome(path):  # noqa: ASYNC110  that a place is free is no event
                await asyncio.sleep(0.05)
        for client in clients:
            await client.close()


async def is_welcome(path: Path) -> bool:
    async with await ControlClient.connect(path) as another:
        return isinstance(await receive(another), Hello)


async def test_only_the_owner_may_connect(path: Path) -> None:
    async with listening(path):
        assert mode_of(path) == 0o600


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_closing_disconnects_and_removes_the_file(path: Path) -> None:
    async with listening(path) as control:
        client = await greeted(path)
        await control.close()
        await control.close()
        assert await receive(client) is None
        assert path.name not in os.listdir(path.parent)
        await client.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_file_that_took_the_place_of_the_socket_is_left_alone(path: Path) -> None:
    async with listening(path) as control:
        os.unlink(path)
        put_file(path)
        await control.close()
    assert is_that_file(path)


def put_file(path: Path) -> None:
    path.write_text("precious")


def is_that_file(path: Path) -> bool:
    return path.read_text() == "precious"


async def test_the_socket_of_a_dead_process_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    async with listening(path), await greeted(path):
        pass


async def test_the_socket_of_a_living_process_is_left_alone(path: Path) -> None:
    async with listening(path):
        with pytest.raises(ControlTaken, match="another edge-agent listens on"):
            await ControlSocket(ControlSettings(path), lambda _request: None).start()
        async with await greeted(path):
            pass


async def test_a_path_that_is_no_socket_is_refused(path: Path) -> None:
    put_file(path)
    with pytest.raises(ControlError, match="is not a socket"):
        await ControlSocket(ControlSettings(path), lambda _request: None).start()
    assert is_that_file(path)


@pytest.mark.parametrize("name", ["missing/control.sock", "x" * 200])
async def test_a_path_that_cannot_be_made_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(ControlError, match=r"control\.socket: can't open"):
        await ControlSocket(ControlSettings(path), lambda _request: None).start()


async def test_a_client_without_an_agent_is_told_so(path: Path) -> None:
    with pytest.raises(ControlError, match=f"no agent answers at {path}"):
        await ControlClient.connect(path)


async def test_a_client_of_another_version_is_told_so(path: Path) -> None:
    async def speak_otherwise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"type":"smell"}\n')
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(speak_otherwise, str(path))
    async with await ControlClient.connect(path) as client:
        with pytest.raises(ControlError, match="another version"):
            await receive(client)
    server.close()


async def test_a_bug_behind_a_request_is_not_hidden(path: Path) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))

    def stumble(_request: Request) -> None:
        raise ZeroDivisionError

    async with listening(path, stumble), await greeted(path) as client:
        await client.send(Press("talk"))
        await until(lambda: bool(told))
        assert isinstance(told[0]["exception"], ZeroDivisionError)
        assert await receive(client) is None


async def test_no_descriptor_is_left(path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        async with listening(path), await greeted(path):
            pass
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1


async def test_who_asks_gets_the_statistics(path: Path) -> None:
    groups: dict[str, dict[str, float | None]] = {"cpu": {"process": 0.05}}

    def answer(request: Request) -> None:
        assert request == ShowStatistics()
        control.publish(WireEvent("something else"))
        control.publish(StatisticsShown(1.0, groups))

    async with listening(path, answer) as control:
        assert await ask_for_statistics(path) == groups


async def test_who_asks_nobody_is_told_so(path: Path) -> None:
    with pytest.raises(ControlError, match="no agent answers at"):
        await ask_for_statistics(path)


async def test_who_asks_an_agent_that_says_nothing_does_not_wait_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.control.client.CONNECT_LIMIT_S", 0.2)
    async with listening(path):
        with pytest.raises(ControlError, match=r"within 0\.2 s"):
            await ask_for_statistics(path)


async def test_nothing_need_be_measured_while_nobody_is_connected(path: Path) -> None:
    async with listening(path) as control:
        waiting = asyncio.create_task(control.wait_for_client())
        await asyncio.sleep(0)
        assert not waiting.done()
        async with await greeted(path), asyncio.timeout(DEADLINE_S):
            await waiting
        async with asyncio.timeout(DEADLINE_S):
            while await is_watched(control):  # noqa: ASYNC110  that a client has gone is no event
                await asyncio.sleep(0.005)


async def is_watched(control: ControlSocket) -> bool:
    waiting = asyncio.create_task(control.wait_for_client())
    await asyncio.sleep(0)
    is_done = waiting.done()
    waiting.cancel()
    return is_done
