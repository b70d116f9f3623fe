from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.protocol import client_events as ce
from edge_agent.protocol import server_events as se
from edge_agent.protocol.objects import ContentPart, Item
from edge_agent.server.answer import TRANSITIONS, Answer, Manner, Phase, ResponseWishes
from edge_agent.server.brain import GREETING
from edge_agent.server.effects import Play, Speak
from edge_agent.server.scenario import FailResponse, SilentResponse
from tests.server.table import SPOKEN_S, Table, runs

LIGHT = {"type": "function", "name": "set_light", "parameters": {"type": "object"}}
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}


def call_of(table: Table) -> Item:
    return table.last(se.ResponseDone).response.output[0]


def test_only_one_response_is_made_at_a_time() -> None:
    table = Table()
    table.ask("hello")
    table.send(ce.ResponseCreate(event_id="mine"))
    assert table.errors() == [("conversation_already_has_active_response", None)]
    table.play()
    table.send(ce.ResponseCreate())
    assert len(table.errors()) == 1


def test_a_response_to_nothing_is_a_greeting() -> None:
    table = Table()
    table.send(ce.ResponseCreate())
    assert table.last_effect(Speak).text == GREETING


def test_instructions_can_say_what_to_say() -> None:
    table = Table()
    table.send(ce.ResponseCreate(response={"instructions": "Say good evening"}))
    assert table.last_effect(Speak).text == "Good evening."


@pytest.mark.parametrize("moment", ["thinking", "speaking"])
def test_a_client_cancels_a_response(moment: str) -> None:
    table = Table()
    table.ask("what can you do")
    response_id = (
        table.start_playing() if moment == "speaking" else table.last(se.ResponseCreated).response.id
    )
    table.send(ce.ResponseCancel(response_id=response_id))
    done = table.last(se.ResponseDone).response
    assert (done.id, done.status) == (response_id, "cancelled")
    assert done.status_details is not None
    assert done.status_details.reason == "client_cancelled"
    assert table.types[-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    table.send(ce.ResponseCancel())
    assert table.errors() == [("response_cancel_not_active", None)]


def test_only_the_active_response_can_be_cancelled() -> None:
    table = Table()
    table.ask("hello")
    table.send(ce.ResponseCancel(response_id="resp_other"))
    assert table.errors() == [("response_cancel_not_active", None)]
    assert "response.done" not in table.types


def test_after_a_cancel_the_sound_goes_on_until_it_is_cleared() -> None:
    table = Table()
    table.ask("what can you do")
    response_id = table.start_playing()
    table.wait(0.1)
    table.send(ce.ResponseCancel())
    assert "output_audio_buffer.cleared" not in table.types
    table.wait(0.4)
    table.send(ce.OutputAudioBufferClear())
    assert table.last(se.OutputAudioBufferCleared).response_id == response_id
    assert table.last(se.ConversationItemTruncated).audio_end_ms == 500


def test_clearing_silence_says_nothing() -> None:
    table = Table()
    table.forget()
    table.send(ce.OutputAudioBufferClear())
    assert table.events == []
    assert table.effects == []


def test_sound_that_waits_is_cleared_without_a_word_about_it() -> None:
    table = Table()
    table.ask("hello")
    first = table.start_playing()
    table.wait(1.0)
    table.ask("thank you")
    table.synthesise()
    table.wait(1.0)
    table.send(ce.OutputAudioBufferClear())
    assert [event.response_id for event in table.all(se.OutputAudioBufferCleared)] == [first]
    assert [event.audio_end_ms for event in table.all(se.ConversationItemTruncated)] == [2000, 0]


def test_words_never_end_after_the_sound() -> None:
    table = Table()
    table.ask("what can you do")
    response_id = table.start_playing()
    table.do(table.conversation.drained(response_id, table.now))
    assert table.types[-1] == "output_audio_buffer.stopped"
    assert "response.done" in table.types
    table.do(table.conversation.drained(response_id, table.now))
    assert table.types.count("output_audio_buffer.stopped") == 1


def test_a_written_response_has_no_sound() -> None:
    table = Table()
    table.ask("thank you", output_modalities=["text"])
    table.wait(1.0)
    assert runs(table.types)[-7:] == [
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    done = table.last(se.ResponseDone).response
    assert done.output_modalities == ("text",)
    assert done.output[0].content == (ContentPart(type="output_text", text="You are welcome."),)
    assert not any(isinstance(effect, Speak | Play) for effect in table.effects)


def test_metadata_come_back() -> None:
    table = Table()
    table.ask("hello", metadata={"turn": "1"})
    table.play()
    assert table.last(se.ResponseDone).response.metadata == {"turn": "1"}


def test_out_of_band_responses_leave_the_conversation_alone() -> None:
    table = Table()
    table.write("hello", item_id="a")
    question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "thank you"}]}
    table.send(ce.ResponseCreate(response={"conversation": "none", "input": [question]}))
    assert table.last_effect(Speak).text == "You are welcome."
    table.play()
    response = table.last(se.ResponseDone).response
    assert response.conversation_id is None
    table.send(ce.ConversationItemRetrieve(item_id=response.output[0].id))
    assert table.errors() == [("item_retrieve_invalid_item_id", "item_id")]


@pytest.mark.parametrize("given", [[], [{"type": 3}], [{"type": "item_reference", "id": "a"}]])
def test_input_without_a_question_is_greeted(given: list[dict[str, Any]]) -> None:
    table = Table()
    table.write("thank you", item_id="a")
    table.send(ce.ResponseCreate(response={"input": given}))
    assert table.last_effect(Speak).text == GREETING


def test_a_synthesis_that_fails_is_a_failed_response() -> None:
    table = Table()
    table.ask("hello")
    table.synthesise(None)
    done = table.last(se.ResponseDone).response
    assert done.status == "failed"
    assert done.status_details is not None
    assert done.status_details.error is not None
    assert done.status_details.error.type == "server_error"


# Function calls


def test_a_tool_is_called_and_its_result_spoken() -> None:
    table = Table(session={"tools": [LIGHT]})
    table.say("turn on the light")
    assert runs(table.types)[-7:] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    call = call_of(table)
    assert (call.type, call.name, json.loads(call.arguments or "")) == (
        "function_call",
        "set_light",
        {"on": True},
    )
    done = table.last(se.ResponseFunctionCallArgumentsDone)
    assert (done.name, done.call_id, done.arguments) == ("set_light", call.call_id, call.arguments)
    output = Item(type="function_call_output", call_id=call.call_id, output='{"light": "on"}')
    table.send(ce.ConversationItemCreate(item=output))
    table.send(ce.ResponseCreate())
    assert table.errors() == []
    assert table.last_effect(Speak).text == "The answer is: light is on."


def test_the_arguments_begin_empty_and_come_complete() -> None:
    table = Table(session={"tools": [LIGHT]})
    table.ask("turn off the light")
    begun = table.last(se.ResponseOutputItemAdded).item
    assert (begun.status, begun.arguments) == ("in_progress", "")
    assert table.last(se.ResponseOutputItemDone).item.status == "completed"


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("auto", "set_light"),
        ("required", "set_light"),
        ({"type": "function", "name": "get_weather"}, "get_weather"),
    ],
)
def test_the_choice_of_a_tool_is_respected(choice: object, name: str) -> None:
    table = Table(session={"tools": [LIGHT, WEATHER], "tool_choice": choice})
    table.ask("turn on the light")
    assert call_of(table).name == name


def test_a_required_tool_is_called_whatever_was_said() -> None:
    table = Table(session={"tools": [LIGHT], "tool_choice": "required"})
    table.ask("hello")
    assert call_of(table).name == "set_light"


def test_no_tool_is_called_when_none_is_wanted() -> None:
    table = Table(session={"tools": [LIGHT], "tool_choice": "none"})
    table.ask("turn on the light")
    assert table.last_effect(Speak).text == "Sorry, I did not understand that."


def test_a_response_may_bring_its_own_tools() -> None:
    table = Table(session={"tools": [LIGHT]})
    table.ask("what is the weather", tools=[WEATHER])
    assert call_of(table).name == "get_weather"


# Faults


def test_a_response_fails_on_order() -> None:
    table = Table(FailResponse(times=1, code="inference_rate_limit_exceeded"))
    table.ask("hello")
    done = table.last(se.ResponseDone).response
    assert done.status == "failed"
    assert done.status_details is not None
    assert done.status_details.error is not None
    assert done.status_details.error.code == "inference_rate_limit_exceeded"
    table.ask("hello")
    table.play()
    assert table.last(se.ResponseDone).response.status == "completed"


def test_a_response_is_incomplete_on_order() -> None:
    table = Table(FailResponse(times=1, status="incomplete"))
    table.ask("hello")
    done = table.last(se.ResponseDone).response
    assert done.status == "incomplete"
    assert done.status_details is not None
    assert done.status_details.reason == "content_filter"


def test_a_response_says_nothing_more_on_order_until_it_is_cancelled() -> None:
    table = Table(SilentResponse(times=1))
    table.say("hello")
    table.forget()
    table.wait(60.0)
    assert table.events == []
    table.send(ce.ResponseCancel())
    assert table.types == ["response.done"]
    table.ask("hello")
    table.play()
    assert table.last(se.ResponseDone).response.status == "completed"


# The machine


def test_moves_that_the_table_does_not_hold_are_bugs() -> None:
    manner = Manner.of(Table().conversation._state.wishes, ResponseWishes())
    answer = Answer("r", "c", manner)
    with pytest.raises(RuntimeError, match="hearing -> telling"):
        answer.tell(SPOKEN_S, 0.0)
    answer.think()
    with pytest.raises(RuntimeError, match="thinking -> stuck"):
        answer.get_stuck()


def test_every_stage_leads_to_the_end() -> None:
    assert all(Phase.OVER in after for stage, after in TRANSITIONS.items() if stage is not Phase.OVER)
    assert set(TRANSITIONS) == set(Phase)
