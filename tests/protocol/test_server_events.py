"""The structs say what the public description says: these tables are typed from it, not from the code."""

from __future__ import annotations

import types
import typing

import msgspec
import pytest

from edge_agent.protocol import objects
from edge_agent.protocol.dialect import GA_SERVER_NAMES
from edge_agent.protocol.server_events import SERVER_EVENTS, ServerEvent, UnknownEvent

WHERE = "response_id: str, item_id: str, output_index: int, content_index: int"
TRANSCRIPTION = "conversation.item.input_audio_transcription"

SERVER_FIELDS = {
    "error": "error: ApiError",
    "session.created": "session: SessionObject",
    "session.updated": "session: SessionObject",
    "conversation.created": "conversation: Conversation",
    "conversation.item.added": "item: Item, previous_item_id: str?",
    "conversation.item.done": "item: Item, previous_item_id: str?",
    "conversation.item.retrieved": "item: Item",
    "conversation.item.deleted": "item_id: str",
    "conversation.item.truncated": "item_id: str, content_index: int, audio_end_ms: int",
    f"{TRANSCRIPTION}.delta": "item_id: str, content_index: int, delta: str, logprobs: LogProb[]?",
    f"{TRANSCRIPTION}.segment": "item_id: str, content_index: int, id: str, speaker: str, start: float,"
    " end: float, text: str",
    f"{TRANSCRIPTION}.completed": "item_id: str, content_index: int, transcript: str,"
    " usage: TranscriptionUsage?, logprobs: LogProb[]?, languages: TranscriptionLanguage[]?",
    f"{TRANSCRIPTION}.failed": "item_id: str, content_index: int, error: ApiError",
    "input_audio_buffer.committed": "item_id: str, previous_item_id: str?",
    "input_audio_buffer.cleared": "",
    "input_audio_buffer.speech_started": "audio_start_ms: int, item_id: str",
    "input_audio_buffer.speech_stopped": "audio_end_ms: int, item_id: str",
    "input_audio_buffer.timeout_triggered": "audio_start_ms: int, audio_end_ms: int, item_id: str",
    "input_audio_buffer.dtmf_event_received": "event: str, received_at: int",
    "output_audio_buffer.started": "response_id: str",
    "output_audio_buffer.stopped": "response_id: str",
    "output_audio_buffer.cleared": "response_id: str",
    "response.created": "response: Response",
    "response.done": "response: Response",
    "response.output_item.added": "response_id: str, output_index: int, item: Item",
    "response.output_item.done": "response_id: str, output_index: int, item: Item",
    "response.content_part.added": f"{WHERE}, part: ContentPart",
    "response.content_part.done": f"{WHERE}, part: ContentPart",
    "response.output_text.delta": f"{WHERE}, delta: str",
    "response.output_text.done": f"{WHERE}, text: str",
    "response.output_audio_transcript.delta": f"{WHERE}, delta: str",
    "response.output_audio_transcript.done": f"{WHERE}, transcript: str",
    "response.output_audio.delta": f"{WHERE}, delta: str",
    "response.output_audio.done": WHERE,
    "response.function_call_arguments.delta": "response_id: str, item_id: str, output_index: int,"
    " call_id: str, delta: str",
    "response.function_call_arguments.done": "response_id: str, item_id: str, output_index: int,"
    " call_id: str, name: str?, arguments: str",
    "response.mcp_call_arguments.delta": "response_id: str, item_id: str, output_index: int, delta: str",
    "response.mcp_call_arguments.done": "response_id: str, item_id: str, output_index: int, arguments: str",
    "response.mcp_call.in_progress": "item_id: str, output_index: int",
    "response.mcp_call.completed": "item_id: str, output_index: int",
    "response.mcp_call.failed": "item_id: str, output_index: int",
    "mcp_list_tools.in_progress": "item_id: str",
    "mcp_list_tools.completed": "item_id: str",
    "mcp_list_tools.failed": "item_id: str",
    "rate_limits.updated": "rate_limits: RateLimit[]",
}

OBJECT_FIELDS = {
    "ApiError": "type: str, message: str, code: str?, param: str?, event_id: str?",
    "Conversation": "id: str, object: str",
    "Item": "id: str, type: str, object: str?, status: str?, role: str?, content: ContentPart[],"
    " call_id: str?, name: str?, arguments: str?, output: str?, server_label: str?, tools: dict[]?,"
    " error: dict?, approval_request_id: str?, approve: bool?, reason: str?",
    "ContentPart": "type: str, text: str?, transcript: str?, audio: str?, image_url: str?, detail: str?",
    "Response": "id: str, object: str, status: str, status_details: ResponseStatusDetails?, output: Item[],"
    " conversation_id: str?, output_modalities: str[], audio: ResponseAudio?, max_output_tokens: int|str?,"
    " metadata: dict?, usage: Usage?",
    "ResponseStatusDetails": "type: str, reason: str?, error: ApiError?",
    "Usage": "total_tokens: int, input_tokens: int, output_tokens: int,"
    " input_token_details: InputTokenDetails?, output_token_details: OutputTokenDetails?",
    "InputTokenDetails": "text_tokens: int, audio_tokens: int, image_tokens: int, cached_tokens: int,"
    " cached_tokens_details: CachedTokenDetails?",
    "CachedTokenDetails": "text_tokens: int, audio_tokens: int, image_tokens: int",
    "OutputTokenDetails": "text_tokens: int, audio_tokens: int",
    "TranscriptionUsage": "type: str, seconds: float?, total_tokens: int?, input_tokens: int?,"
    " output_tokens: int?, input_token_details: InputTokenDetails?",
    "TranscriptionLanguage": "code: str",
    "LogProb": "token: str, logprob: float, bytes: int[]?",
    "RateLimit": "name: str, limit: int, remaining: int, reset_seconds: float",
    "SessionObject": "type: str?, object: str?, id: str?, model: str?, expires_at: int|float?,"
    " instructions: str?, output_modalities: str[]?, audio: SessionAudio?, tools: dict[]?,"
    " tool_choice: str|dict?, parallel_tool_calls: bool?, reasoning: dict?, max_output_tokens: int|str?,"
    " truncation: str|dict?, prompt: dict?, tracing: str|dict?, include: str[]?, temperature: float?",
}


def name_of(annotation: object) -> str:
    """Write a type as the tables above do: ``X[]`` for a tuple, ``X?`` for what may be None."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = typing.get_args(annotation)
        named = "|".join(name_of(part) for part in parts if part is not type(None))
        return named + "?" if type(None) in parts else named
    if typing.get_origin(annotation) is tuple:
        return name_of(typing.get_args(annotation)[0]) + "[]"
    origin = typing.get_origin(annotation) or annotation
    return str(getattr(origin, "__name__", origin))


def fields_of(struct: type[msgspec.Struct]) -> str:
    hints = typing.get_type_hints(struct)
    return ", ".join(f"{name}: {name_of(hints[name])}" for name in struct.__struct_fields__)


def test_all_46_types_of_the_union_are_known() -> None:
    beta_name_in_the_union = "conversation.item.created"
    assert set(SERVER_EVENTS) == set(SERVER_FIELDS)
    assert beta_name_in_the_union in GA_SERVER_NAMES
    assert len({*SERVER_EVENTS, beta_name_in_the_union}) == 46


@pytest.mark.parametrize("name", SERVER_FIELDS)
def test_an_event_has_every_field_of_the_description(name: str) -> None:
    expected = ", ".join(filter(None, [SERVER_FIELDS[name], "event_id: str?"]))
    assert fields_of(SERVER_EVENTS[name]) == expected


@pytest.mark.parametrize("name", OBJECT_FIELDS)
def test_an_object_has_every_field_of_the_description(name: str) -> None:
    assert fields_of(getattr(objects, name)) == OBJECT_FIELDS[name]


@pytest.mark.parametrize("event", SERVER_EVENTS.values(), ids=lambda event: event.__name__)
def test_every_event_is_frozen_and_has_neutral_defaults(event: type[ServerEvent]) -> None:
    bare = event()  # type: ignore[call-arg]  # UnknownEvent is the one with a required field, and not in the table
    assert bare.event_id is None
    with pytest.raises(AttributeError):
        bare.event_id = "event_1"  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("name", SERVER_EVENTS)
def test_a_struct_is_named_after_its_event(name: str) -> None:
    expected = "".join(word.capitalize() for word in name.replace(".", "_").split("_"))
    assert SERVER_EVENTS[name].__name__ == ("ErrorEvent" if name == "error" else expected)


def test_the_union_holds_every_event_and_the_unknown_one() -> None:
    assert set(typing.get_args(ServerEvent)) == {*SERVER_EVENTS.values(), UnknownEvent}
