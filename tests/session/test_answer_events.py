from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from edge_agent.core.playout.streamed import Began, CutOff, Ended, Note, Piece, Unheard
from edge_agent.session.answer_events import AnswerEvents

LIMIT_BYTES = 1_000_000
ONE = Piece("resp_1", "item_1", 0)
SOUND = bytes(range(8))


class Stream:
    """A loudspeaker that writes down what it is told."""

    played_blocks = 0

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def begin(self, response_id: str) -> None:
        self.told.append(("begin", response_id))

    def put(self, piece: Piece, pcm_24k_mono: bytes) -> None:
        self.told.append((piece, pcm_24k_mono))

    def finish(self, response_id: str) -> None:
        self.told.append(("finish", response_id))

    def cut_off(self) -> None:
        self.told.append(("cut off",))

    def close(self) -> None:
        self.told.append(("close",))


class Table:
    """The events between a server and a session."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any] | str] = []
        self.asked: list[dict[str, Any]] = []
        self.stream = Stream()
        self.events = AnswerEvents(LIMIT_BYTES, self._hear, lambda text: self.asked.append(json.loads(text)))
        self.events.play_on(self.stream)

    def _hear(self, text: str) -> None:
        try:
            self.heard.append(json.loads(text))
        except ValueError:
            self.heard.append(text)

    def say(self, kind: str, **fields: object) -> None:
        self.events.server_said(json.dumps({"type": kind, **fields}))


@pytest.fixture
def table() -> Table:
    return Table()


def delta(sound: bytes = SOUND) -> dict[str, object]:
    audio = base64.b64encode(sound).decode()
    return {
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": audio,
    }


@pytest.mark.parametrize("name", ["response.output_audio.delta", "response.audio.delta"])
def test_sound_goes_to_the_loudspeaker_and_its_event_on_without_it(table: Table, name: str) -> None:
    table.say(name, **delta())
    assert table.stream.told == [(ONE, SOUND)]
    (event,) = table.heard
    assert isinstance(event, dict)
    assert (event["type"], event["response_id"], event["delta"]) == (name, "resp_1", "")


def test_the_loudspeaker_knows_when_an_answer_is_made(table: Table) -> None:
    table.say("response.created", response={"id": "resp_1"})
    table.say("response.done", response={"id": "resp_1", "status": "completed"})
    assert table.stream.told == [("begin", "resp_1"), ("finish", "resp_1")]
    assert len(table.heard) == 2


@pytest.mark.parametrize("audio", ["", "%", "AA==", None])
def test_sound_that_is_none_is_counted_and_not_played(table: Table, audio: str | None) -> None:
    table.say("response.output_audio.delta", **{**delta(), "delta": audio})
    assert table.stream.told == []
    assert table.events.deltas_empty == 1


@pytest.mark.parametrize("message", ["no JSON", '{"type": 7}', '{"type": "response.done", "response": 7}'])
def test_what_makes_no_sense_is_handed_on_to_who_says_so(table: Table, message: str) -> None:
    table.events.server_said(message)
    assert len(table.heard) == 1


def test_without_a_loudspeaker_sound_is_dropped(table: Table) -> None:
    table.events.play_on(None)
    table.say("response.output_audio.delta", **delta())
    table.say("response.done", response={"id": "resp_1"})
    assert table.stream.told == []
    assert len(table.heard) == 2


@pytest.mark.parametrize(
    ("note", "name"),
    [
        (Began("resp_1"), "output_audio_buffer.started"),
        (Ended("resp_1"), "output_audio_buffer.stopped"),
        (CutOff("resp_1"), "output_audio_buffer.cleared"),
    ],
)
def test_the_session_is_told_what_is_played(table: Table, note: Note, name: str) -> None:
    table.events.noted(note)
    assert table.heard == [{"type": name, "response_id": "resp_1"}]
    assert table.asked == []


def test_the_server_is_told_what_was_not_heard(table: Table) -> None:
    table.events.noted(Unheard(ONE, 1250))
    assert table.asked == [
        {
            "type": "conversation.item.truncate",
            "item_id": "item_1",
            "content_index": 0,
            "audio_end_ms": 1250,
        }
    ]
    assert table.heard == []


def test_an_item_without_a_name_can_not_be_truncated(table: Table) -> None:
    table.events.noted(Unheard(Piece("resp_1", "", 0), 1250))
    assert table.asked == []


def test_what_a_server_without_a_loudspeaker_is_asked_is_done_here(table: Table) -> None:
    assert table.events.takes('{"type":"output_audio_buffer.clear"}')
    assert table.stream.told == [("cut off",)]
    assert not table.events.takes('{"type":"response.cancel"}')
