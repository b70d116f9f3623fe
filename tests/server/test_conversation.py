from __future__ import annotations

from typing import Any

import pytest

from edge_agent.protocol import client_events as ce
from edge_agent.protocol import server_events as se
from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.malformed import Malformed
from edge_agent.protocol.objects import ContentPart, Item
from edge_agent.protocol.session_object import ServerVad
from edge_agent.server.conversation import MAX_ANNOUNCEMENTS
from edge_agent.server.effects import (
    ClearOutput,
    DetectTurns,
    EndCall,
    Forget,
    Listen,
    Play,
    Recognise,
    Speak,
)
from edge_agent.server.scenario import FailTranscription, IgnoreUpdate, RejectUpdate
from tests.server.table import MAX_SESSION_S, SPOKEN_S, Table, runs

MANUAL = {"audio": {"input": {"turn_detection": None}}}
TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "any"}}}}
UNINTERRUPTED = {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}}


# The session


def test_the_first_event_is_the_whole_session() -> None:
    table = Table()
    created = table.events[0]
    assert isinstance(created, se.SessionCreated)
    session = created.session
    assert (session.id, session.type, session.object) == ("sess_1", "realtime", "realtime.session")
    assert session.expires_at == 1_800_000_000
    assert session.model == "model"
    assert session.audio is not None
    assert session.audio.input is not None
    assert session.audio.input.turn_detection == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
    }
    assert isinstance(table.last_effect(DetectTurns).detection, ServerVad)


def test_a_beta_server_announces_its_conversation() -> None:
    assert Table(dialect=Dialect.BETA).types == ["session.created", "conversation.created"]


def test_every_event_has_an_id_of_its_own() -> None:
    table = Table()
    table.say("what time is it")
    table.play()
    ids = [event.event_id for event in table.events]
    assert None not in ids
    assert len(set(ids)) == len(ids)


def test_an_update_is_answered_with_the_whole_session() -> None:
    table = Table()
    table.update(instructions="Be brief.")
    session = table.last(se.SessionUpdated).session
    assert session.instructions == "Be brief."
    assert session.model == "model"
    assert session.expires_at == 1_800_000_000


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "realtime", "colour": "red"}, "unknown_parameter", "session.colour"),
        ({"type": "realtime", "instructions": 3}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "model": "other"}, "invalid_value", "session.model"),
        (
            {"type": "realtime", "audio": {"output": {"speed": 9}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
    ],
)
def test_a_bad_update_is_refused_whole(session: dict[str, Any], code: str, param: str) -> None:
    table = Table()
    table.send(ce.SessionUpdate(event_id="mine", session={"instructions": "new", **session}))
    error = table.last(se.ErrorEvent).error
    assert (error.type, error.code, error.param) == ("invalid_request_error", code, param)
    assert error.event_id == "mine"
    table.update()
    assert table.last(se.SessionUpdated).session.instructions is None


def test_the_voice_is_fixed_once_it_was_heard() -> None:
    table = Table()
    table.update(audio={"output": {"voice": "rms"}})
    assert table.errors() == []
    table.say("hello")
    assert table.last_effect(Speak).voice == "rms"
    table.play()
    table.update(audio={"output": {"voice": "awb"}})
    assert table.errors() == [("cannot_update_voice", "session.voice")]


def test_updates_are_rejected_or_ignored_on_order() -> None:
    table = Table(RejectUpdate(times=1, code="c", param="p"), IgnoreUpdate(times=1))
    table.update()  # ignored: silence is the stronger fault
    assert len(table.events) == 1
    table.update()
    assert table.errors() == [("c", "p")]
    table.update()
    assert table.types[-1] == "session.updated"


def test_a_session_expires() -> None:
    table = Table()
    table.wait(MAX_SESSION_S - 1)
    assert table.errors() == []
    table.wait(2)
    table.do(table.conversation.tick(table.now, 0))
    assert table.errors() == [("session_expired", None)]
    assert table.last_effect(EndCall) == EndCall("expired")


# Turns


def test_one_spoken_turn_has_all_events_in_order() -> None:
    table = Table(session=TRANSCRIBED)
    table.forget()
    table.say("what time is it")
    table.play()
    assert runs(table.types) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "rate_limits.updated",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "output_audio_buffer.started",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "output_audio_buffer.stopped",
    ]


def test_the_events_of_a_turn_belong_together() -> None:
    table = Table(session=TRANSCRIBED)
    table.say("hello")
    response_id = table.play()
    user_id = table.last(se.InputAudioBufferSpeechStarted).item_id
    assert table.last(se.InputAudioBufferSpeechStopped).item_id == user_id
    assert table.last(se.InputAudioBufferCommitted).item_id == user_id
    assert table.last(se.ConversationItemInputAudioTranscriptionCompleted).item_id == user_id
    assert table.last(se.OutputAudioBufferStarted).response_id == response_id
    assert table.last(se.OutputAudioBufferStopped).response_id == response_id
    done = table.last(se.ResponseDone).response
    assert (done.id, done.status) == (response_id, "completed")
    assistant = done.output[0]
    assert table.last(se.ConversationItemAdded).item.id == assistant.id
    assert table.last(se.ConversationItemAdded).previous_item_id == user_id
    said = "Hello. What can I do for you?"
    assert assistant.content == (ContentPart(type="output_audio", transcript=said),)
    deltas = table.all(se.ResponseOutputAudioTranscriptDelta)
    assert "".join(delta.delta for delta in deltas) == said
    assert done.usage is not None
    assert done.usage.input_tokens > 0
    assert done.usage.output_tokens > 0


def test_the_words_run_ahead_of_the_sound() -> None:
    table = Table()
    table.say("what can you do")
    table.start_playing()
    table.wait(SPOKEN_S / 2)
    assert table.types[-1] == "response.done"


def test_positions_are_those_of_the_session_audio() -> None:
    table = Table()
    table.audio_ms = 700
    table.begin_to_speak()
    table.finish_speaking(1500)
    assert table.last(se.InputAudioBufferSpeechStarted).audio_start_ms == 700
    assert table.last(se.InputAudioBufferSpeechStopped).audio_end_ms == 2200
    item_id = table.last(se.InputAudioBufferCommitted).item_id
    assert table.last_effect(Listen) == Listen(item_id, 700)
    assert table.last_effect(Recognise) == Recognise(item_id, 700, 2200)


def test_without_transcription_nobody_reads_what_was_said() -> None:
    table = Table()
    table.say("hello")
    assert not any("transcription" in name for name in table.types)


def test_a_transcription_is_billed_by_its_duration() -> None:
    table = Table(session=TRANSCRIBED)
    table.say("hello", length_ms=1250)
    completed = table.last(se.ConversationItemInputAudioTranscriptionCompleted)
    assert completed.transcript == "hello"
    assert completed.usage is not None
    assert (completed.usage.type, completed.usage.seconds) == ("duration", 1.25)


def test_what_was_not_recognised_in_time_is_a_failed_transcription_and_an_apology() -> None:
    table = Table(session=TRANSCRIBED)
    table.say(None)
    assert "conversation.item.input_audio_transcription.failed" in table.types
    assert table.last_effect(Speak).text == "Sorry, I did not understand that."


def test_a_transcription_fails_on_order_and_is_answered_all_the_same() -> None:
    table = Table(FailTranscription(times=1, code="odd"), session=TRANSCRIBED)
    table.say("thank you")
    assert table.last(se.ConversationItemInputAudioTranscriptionFailed).error.code == "odd"
    assert table.last_effect(Speak).text == "You are welcome."


def test_create_response_false_only_takes_down_what_was_said() -> None:
    detection = {"type": "server_vad", "create_response": False}
    table = Table(session={"audio": {"input": {"turn_detection": detection}}})
    table.say("hello")
    assert "response.created" not in table.types
    table.send(ce.ResponseCreate())
    assert table.last_effect(Speak).text == "Hello. What can I do for you?"


# Barge-in


def test_a_voice_stops_the_sound() -> None:
    table = Table()
    table.say("what can you do")
    response_id = table.start_playing()
    table.wait(1.2)
    table.forget()
    table.begin_to_speak()
    assert table.types == [
        "input_audio_buffer.speech_started",
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert table.last(se.OutputAudioBufferCleared).response_id == response_id
    assert table.last(se.ConversationItemTruncated).audio_end_ms == 1200
    assert ClearOutput() in table.effects
    table.do(table.conversation.drained(response_id, table.now))
    assert "output_audio_buffer.stopped" not in table.types


def test_a_voice_stops_a_response_that_is_being_made() -> None:
    table = Table()
    table.say("what can you do")
    response_id = table.start_playing()
    table.wait(0.2)
    table.forget()
    table.begin_to_speak()
    done = table.last(se.ResponseDone).response
    assert (done.id, done.status) == (response_id, "cancelled")
    assert done.status_details is not None
    assert done.status_details.reason == "turn_detected"
    assert done.output[0].status == "incomplete"
    assert table.types.index("response.done") < table.types.index("output_audio_buffer.cleared")
    assert table.last(se.ConversationItemTruncated).audio_end_ms == 200


@pytest.mark.parametrize("moment", ["unheard", "unspoken"])
def test_a_voice_stops_a_response_without_a_sound_yet(moment: str) -> None:
    table = Table()
    table.begin_to_speak()
    table.finish_speaking()
    if moment == "unspoken":
        table.be_heard("hello")
    first = table.last(se.ResponseCreated).response.id
    table.begin_to_speak()
    done = table.last(se.ResponseDone).response
    assert (done.id, done.status) == (first, "cancelled")
    assert "output_audio_buffer.cleared" not in table.types
    table.do(table.conversation.spoken(first, 1.0, table.now))
    assert not any(isinstance(effect, Play) for effect in table.effects)
    table.finish_speaking()
    table.be_heard("thank you")
    assert table.last_effect(Speak).text == "You are welcome."


def test_the_transcript_of_a_truncated_item_is_dropped() -> None:
    table = Table()
    table.say("what can you do")
    table.start_playing()
    table.wait(1.0)
    table.begin_to_speak()
    item_id = table.last(se.ConversationItemTruncated).item_id
    table.send(ce.ConversationItemRetrieve(item_id=item_id))
    assert table.last(se.ConversationItemRetrieved).item.content == (ContentPart(type="output_audio"),)


def test_interrupt_response_false_lets_it_talk() -> None:
    table = Table(session=UNINTERRUPTED)
    table.say("what can you do")
    table.start_playing()
    table.wait(1.0)
    table.forget()
    table.say("stop")
    assert "output_audio_buffer.cleared" not in table.types
    assert "response.created" in table.types


# Push-to-talk


def test_push_to_talk_takes_what_was_heard_between_clear_and_commit() -> None:
    table = Table()
    table.update(**MANUAL)
    assert table.last_effect(DetectTurns).detection is None
    table.audio_ms = 5000
    table.send(ce.InputAudioBufferClear())
    assert table.types[-1] == "input_audio_buffer.cleared"
    table.audio_ms = 6500
    table.forget()
    table.send(ce.InputAudioBufferCommit())
    assert table.types == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    recognised = table.last_effect(Recognise)
    assert (recognised.start_ms, recognised.end_ms) == (5000, 6500)
    table.send(ce.ResponseCreate())
    table.be_heard("thank you")
    assert table.last_effect(Speak).text == "You are welcome."


def test_the_words_may_come_before_the_response_is_asked_for() -> None:
    table = Table(session=MANUAL)
    table.audio_ms = 1000
    table.send(ce.InputAudioBufferCommit())
    table.be_heard("thank you")
    table.send(ce.ResponseCreate())
    assert table.last_effect(Speak).text == "You are welcome."


def test_an_empty_buffer_cannot_be_committed() -> None:
    table = Table(session=MANUAL)
    table.audio_ms = 5000
    table.send(ce.InputAudioBufferClear())
    table.audio_ms = 5099
    table.send(ce.InputAudioBufferCommit(event_id="mine"))
    assert table.errors() == [("input_audio_buffer_commit_empty", None)]
    assert table.last(se.ErrorEvent).error.event_id == "mine"
    table.audio_ms = 5100
    table.send(ce.InputAudioBufferCommit())
    assert table.types[-3] == "input_audio_buffer.committed"
    table.send(ce.InputAudioBufferCommit())
    assert table.errors()[1:] == [("input_audio_buffer_commit_empty", None)]


def test_a_commit_in_the_middle_of_a_turn_ends_the_turn() -> None:
    table = Table()
    table.begin_to_speak()
    table.audio_ms += 800
    table.send(ce.InputAudioBufferCommit())
    assert isinstance(table.last_effect(DetectTurns).detection, ServerVad)
    assert table.last(se.InputAudioBufferCommitted).item_id == table.last_effect(Listen).item_id
    table.forget()
    table.finish_speaking()
    assert table.types == []


def test_clearing_or_changing_the_rules_forgets_the_turn() -> None:
    for event in (ce.InputAudioBufferClear(), ce.SessionUpdate(session={"type": "realtime", **MANUAL})):
        table = Table()
        table.begin_to_speak()
        item_id = table.last_effect(Listen).item_id
        table.send(event)
        assert table.last_effect(Forget) == Forget(item_id)
        table.forget()
        table.finish_speaking()
        assert table.types == []


def test_other_settings_leave_a_turn_alone() -> None:
    table = Table()
    table.begin_to_speak()
    table.forget()
    table.update(instructions="Be brief.")
    assert not any(isinstance(effect, Forget | DetectTurns) for effect in table.effects)


# Items


def test_a_written_question_is_answered() -> None:
    table = Table()
    table.ask("what is seven plus five")
    assert table.last_effect(Speak).text == "The answer is the number twelve."
    table.play()
    assert table.last(se.ResponseDone).response.status == "completed"


def test_items_get_ids_and_a_place() -> None:
    table = Table()
    table.write("one", item_id="a")
    table.write("two")
    part = ContentPart(type="input_text", text="zero")
    first = Item(id="z", type="message", role="system", content=(part,))
    table.send(ce.ConversationItemCreate(item=first, previous_item_id="root"))
    added = table.all(se.ConversationItemAdded)
    assert [event.previous_item_id for event in added] == [None, "a", None]
    assert added[1].item.id.startswith("item_")
    assert added[0].item.status == "completed"
    assert table.types[-1] == "conversation.item.done"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (ce.ConversationItemRetrieve(item_id="x"), "item_retrieve_invalid_item_id"),
        (ce.ConversationItemDelete(item_id="x"), "item_delete_invalid_item_id"),
        (
            ce.ConversationItemTruncate(item_id="x", content_index=0, audio_end_ms=0),
            "item_truncate_invalid_item_id",
        ),
        (
            ce.ConversationItemTruncate(item_id="a", content_index=0, audio_end_ms=0),
            "unsupported_content_type",
        ),
        (
            ce.ConversationItemCreate(
                item=Item(type="message", role="user", content=(ContentPart(type="input_text", text=""),)),
                previous_item_id="x",
            ),
            "item_create_invalid_previous_item_id",
        ),
        (ce.ConversationItemCreate(item=Item(type="poem")), "invalid_value"),
        (ce.InputAudioBufferAppend(audio=""), "invalid_event"),
        (ce.RawEvent(payload={"type": "sing"}), "invalid_value"),
        (ce.ResponseCreate(response={"colour": "red"}), "unknown_parameter"),
        (ce.ResponseCreate(response={"max_output_tokens": 0}), "invalid_value"),
        (ce.ResponseCancel(), "response_cancel_not_active"),
    ],
)
def test_what_makes_no_sense_is_refused_and_the_session_goes_on(event: ce.ClientEvent, code: str) -> None:
    table = Table()
    table.write("hello", item_id="a")
    table.send(event)
    assert [error for error, _ in table.errors()] == [code]
    table.update()
    assert table.types[-1] == "session.updated"


def test_the_fault_is_named_by_the_id_of_the_event() -> None:
    table = Table()
    table.send(ce.RawEvent(payload={"type": "sing", "event_id": "mine"}))
    table.do(table.conversation.refuse(Malformed("not JSON", event_id="yours")))
    assert [event.error.event_id for event in table.all(se.ErrorEvent)] == ["mine", "yours"]


def test_items_are_retrieved_and_deleted() -> None:
    table = Table()
    table.write("hello", item_id="a")
    table.send(ce.ConversationItemRetrieve(item_id="a"))
    assert table.last(se.ConversationItemRetrieved).item.content[0].text == "hello"
    table.send(ce.ConversationItemDelete(item_id="a"))
    assert table.last(se.ConversationItemDeleted).item_id == "a"
    table.send(ce.ConversationItemDelete(item_id="a"))
    assert table.errors() == [("item_delete_invalid_item_id", "item_id")]


def test_a_client_may_truncate_an_answer_within_its_length() -> None:
    table = Table()
    table.ask("hello")
    table.play()
    item_id = table.last(se.ResponseDone).response.output[0].id
    table.send(ce.ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=9999))
    table.send(ce.ConversationItemTruncate(item_id=item_id, content_index=1, audio_end_ms=1))
    assert table.errors() == [("invalid_value", "audio_end_ms"), ("invalid_value", "content_index")]
    table.send(ce.ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=1500))
    assert table.last(se.ConversationItemTruncated).audio_end_ms == 1500


# Timers and other things that nobody asked for


def test_a_timer_is_announced_when_it_is_over() -> None:
    table = Table()
    table.ask("set a timer for five minutes")
    table.play()
    table.forget()
    table.wait(299.0 - SPOKEN_S)
    assert table.types == []
    table.wait(2.0)
    assert table.types[:2] == ["response.created", "rate_limits.updated"]
    assert table.last_effect(Speak).text == "Your timer for five minutes is finished."


def test_an_announcement_waits_until_nobody_speaks() -> None:
    table = Table()
    table.begin_to_speak()
    table.do(table.conversation.announce("Dinner is ready.", table.now))
    assert "response.created" not in table.types
    table.finish_speaking()
    table.be_heard("hello")
    table.start_playing()
    table.wait(1.0)
    assert table.last_effect(Speak).text == "Hello. What can I do for you?"
    table.do(table.conversation.drained(table.last_effect(Speak).response_id, table.now))
    assert table.last_effect(Speak).text == "Dinner is ready."


def test_announcements_and_timers_are_bounded() -> None:
    table = Table()
    table.begin_to_speak()
    for _ in range(MAX_ANNOUNCEMENTS + 5):
        table.do(table.conversation.announce("again", table.now))
    table.finish_speaking()
    table.be_heard("hello")
    heard = 0
    while table.types[-1] != "output_audio_buffer.stopped":
        table.play()
        heard += 1
    assert heard == MAX_ANNOUNCEMENTS + 1


def test_after_a_long_silence_it_asks_whether_somebody_is_there() -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 6000}
    table = Table(session={"audio": {"input": {"turn_detection": detection}}})
    table.wait(60.0)
    assert len(table.events) == 1  # it counts from the end of an answer
    table.say("hello")
    table.play()
    table.forget()
    table.audio_ms += 6000
    table.wait(5.9)
    assert table.types == []
    table.wait(0.2)
    assert table.types[:3] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
    ]
    assert table.last_effect(Speak).text == "Are you still there?"
    table.wait(60.0)
    assert table.types.count("input_audio_buffer.timeout_triggered") == 1


def test_an_error_is_sent_on_order() -> None:
    table = Table()
    table.do(table.conversation.complain("insufficient_quota", "insufficient_quota", "No money."))
    assert table.last(se.ErrorEvent).error.message == "No money."
