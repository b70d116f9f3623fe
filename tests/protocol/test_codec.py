"""What arrives is decoded or refused, and what is encoded is understood by the other side."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.protocol import client_events as ask
from edge_agent.protocol import objects
from edge_agent.protocol import server_events as said
from edge_agent.protocol.client_events import CLIENT_EVENTS, ClientEvent
from edge_agent.protocol.codec import (
    MAX_DEPTH,
    MAX_MESSAGE_BYTES,
    Dialect,
    Malformed,
    decode_client_event,
    decode_server_event,
    encode_client_event,
    encode_server_event,
)
from edge_agent.protocol.dialect import BETA_SERVER_NAMES, GA_ONLY_SERVER_EVENTS, GA_SERVER_NAMES
from edge_agent.protocol.server_events import SERVER_EVENTS, ServerEvent, UnknownEvent


def messages_of(name: str) -> list[str]:
    return Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()


SOURCE_EVENTS = messages_of("source_events.jsonl")
"""The eleven events of the source document in its own, beta names, with every field."""
GA_TWINS = messages_of("ga_events.jsonl")
"""The same eleven, line by line, as a GA server says them."""
TWINS = list(zip(SOURCE_EVENTS, GA_TWINS, strict=True))
PUBLISHED_EVENTS = messages_of("published_events.jsonl")
"""Examples that vendors published."""
EVENTS_WITH_NULLS = messages_of("nulls_events.jsonl")
"""What compatible servers send: null where the description knows a value, floats for integers, no ids."""
ALL_EVENTS = [*SOURCE_EVENTS, *GA_TWINS, *PUBLISHED_EVENTS, *EVENTS_WITH_NULLS]


def type_of(message: str) -> str:
    return str(json.loads(message)["type"])


def decoded(message: str) -> ServerEvent:
    return decode_server_event(message).event


SOURCE_TYPES = [type_of(message) for message in SOURCE_EVENTS]

# The eleven source events


def test_the_source_events_are_eleven_types() -> None:
    assert len(set(SOURCE_TYPES)) == 11


@pytest.mark.parametrize(("beta", "ga"), TWINS, ids=SOURCE_TYPES)
def test_both_generations_of_an_event_decode_to_the_same(beta: str, ga: str) -> None:
    assert decoded(beta) == decoded(ga)
    assert decode_server_event(beta).wire_type == type_of(beta)
    assert decode_server_event(ga).wire_type == type_of(ga)


@pytest.mark.parametrize(("beta", "ga"), TWINS, ids=SOURCE_TYPES)
def test_a_server_says_a_source_event_in_either_generation_without_losing_a_field(beta: str, ga: str) -> None:
    event = decoded(beta)
    for message, dialect in ((beta, Dialect.BETA), (ga, Dialect.GA)):
        (encoded,) = encode_server_event(event, dialect)
        assert without_nulls(json.loads(encoded)) == without_nulls(json.loads(message))


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value


def test_an_error_names_the_client_event_at_fault() -> None:
    event = decoded(SOURCE_EVENTS[0])
    assert isinstance(event, said.ErrorEvent)
    assert event.event_id == "event_890"
    assert event.error == objects.ApiError(
        type="invalid_request_error",
        message="The 'type' field is missing.",
        code="invalid_event",
        param=None,
        event_id="event_567",
    )


def test_a_beta_session_is_read_in_the_ga_shape() -> None:
    event = decoded(SOURCE_EVENTS[1])
    assert isinstance(event, said.SessionCreated)
    session = event.session
    assert (session.id, session.model, session.expires_at) == (
        "sess_1",
        "gpt-4o-realtime-preview",
        1756324625,
    )
    assert session.output_modalities == ("text", "audio")
    assert session.max_output_tokens == "inf"
    assert session.audio is not None
    assert session.audio.output == objects.AudioOutput(
        format={"type": "audio/pcmu"}, voice="alloy", speed=1.0
    )
    assert session.audio.input is not None
    assert session.audio.input.transcription == {"model": "whisper-1"}
    assert session.audio.input.noise_reduction is None


def test_a_session_tells_off_from_not_said() -> None:
    event = decoded(SOURCE_EVENTS[2])
    assert isinstance(event, said.SessionUpdated)
    assert event.session.audio is not None
    assert event.session.audio.input is not None
    assert event.session.audio.input.turn_detection is None
    assert event.session.audio.input.transcription is msgspec.UNSET


def test_a_beta_item_is_read_with_ga_content_types() -> None:
    event = decoded(SOURCE_EVENTS[3])
    assert isinstance(event, said.ConversationItemAdded)
    assert [part.type for part in event.item.content] == ["output_audio", "output_text"]


def test_a_failed_response_carries_its_error() -> None:
    event = decoded(PUBLISHED_EVENTS[13])
    assert isinstance(event, said.ResponseDone)
    assert event.response.status == "failed"
    assert event.response.status_details is not None
    assert event.response.status_details.error is not None
    assert event.response.status_details.error.code == "rate_limit_exceeded"


# Names


@pytest.mark.parametrize("beta", GA_SERVER_NAMES)
def test_a_beta_name_decodes_into_the_struct_of_its_ga_name(beta: str) -> None:
    result = decode_server_event(json.dumps({"type": beta}))
    assert result.event.wire_type == GA_SERVER_NAMES[beta]
    assert result.wire_type == beta


@pytest.mark.parametrize("name", SERVER_EVENTS)
def test_every_ga_name_decodes_even_when_all_fields_are_missing(name: str) -> None:
    result = decode_server_event(json.dumps({"type": name}))
    assert type(result.event) is SERVER_EVENTS[name]
    assert result.wire_type == name


@pytest.mark.parametrize("name", SERVER_EVENTS)
def test_every_field_may_be_null(name: str) -> None:
    fields = dict.fromkeys(SERVER_EVENTS[name].__struct_fields__)
    assert type(decoded(json.dumps({"type": name} | fields))) is SERVER_EVENTS[name]


@pytest.mark.parametrize("message", EVENTS_WITH_NULLS, ids=type_of)
def test_nulls_and_floats_of_compatible_servers_are_taken(message: str) -> None:
    assert not isinstance(decoded(message), UnknownEvent)


def test_what_is_null_has_its_neutral_value() -> None:
    event = decoded(EVENTS_WITH_NULLS[2])
    assert event == said.InputAudioBufferSpeechStarted(audio_start_ms=1020, item_id="", event_id="event_3")


def test_an_unknown_type_is_an_unknown_event() -> None:
    result = decode_server_event('{"type":"response.dance","step":[1,2]}')
    assert result.event == UnknownEvent(type="response.dance")
    assert result.wire_type == "response.dance"


def test_unknown_fields_are_ignored() -> None:
    plain = decoded('{"type":"response.output_text.delta","delta":"a"}')
    assert decoded('{"type":"response.output_text.delta","delta":"a","obfuscation":"xyz"}') == plain


# What is refused

NO_EVENTS: dict[str, str | bytes] = {
    "binary": b'{"type":"session.created"}',
    "empty": "",
    "no JSON": "hello",
    "half a message": '{"type":"response.done","response":{',
    "two messages": '{"type":"error"}{"type":"error"}',
    "NaN": '{"type":"error","x":NaN}',
    "array": '["error"]',
    "null": "null",
    "text": '"error"',
    "no type": '{"event_id":"event_1"}',
    "type null": '{"type":null}',
    "type number": '{"type":5}',
    "type endless": '{"type":"' + "x" * 1000 + '"}',
    "lone surrogate": '{"type":"error\ud800"}',
    "half an escaped character": '{"type":"error\\ud800"}',
    "too large": '{"type":"error","pad":"' + "x" * MAX_MESSAGE_BYTES + '"}',
    "too large in UTF-8": '{"type":"error","pad":"' + "€" * (MAX_MESSAGE_BYTES // 2) + '"}',
    "too deep": '{"type":"session.created","session":{"tools":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}}",
    "much too deep": '{"type":"error","x":' + "[" * 100_000,
    "deep and unknown": '{"type":"unheard.of","x":' + '{"x":' * 5000 + "1" + "}" * 5000 + "}",
}

SENSELESS_FIELDS = {
    "object that is text": '{"type":"error","error":"no"}',
    "id that is a number": '{"type":"output_audio_buffer.started","response_id":5}',
    "time that is a fraction": '{"type":"input_audio_buffer.speech_started","audio_start_ms":1.5}',
    "integer of 400 digits": '{"type":"session.created","session":{"expires_at":' + "9" * 400 + "}}",
    "integer of 5000 digits": '{"type":"session.created","session":{"expires_at":' + "9" * 5000 + "}}",
    "float out of range": '{"type":"session.created","session":{"expires_at":1e999}}',
    "half an escaped character": '{"type":"error","error":{"message":"\\ud800"}}',
}


@pytest.mark.parametrize("message", NO_EVENTS.values(), ids=NO_EVENTS)
def test_what_is_no_event_is_malformed_on_both_sides(message: str | bytes) -> None:
    with pytest.raises(Malformed):
        decode_server_event(message)
    with pytest.raises(Malformed):
        decode_client_event(message)


@pytest.mark.parametrize("message", SENSELESS_FIELDS.values(), ids=SENSELESS_FIELDS)
def test_an_event_with_a_senseless_field_is_malformed(message: str) -> None:
    with pytest.raises(Malformed):
        decode_server_event(message)


def test_a_reason_names_event_and_field_and_quotes_nothing() -> None:
    with pytest.raises(Malformed) as caught:
        decode_server_event('{"type":"error","error":{"message":["my secret"]}}')
    assert (
        str(caught.value) == "error: Invalid type for 'error.message': expected str, but got array instead."
    )
    assert (caught.value.code, caught.value.param) == ("invalid_type", "error.message")


def test_the_limit_counts_bytes_and_is_inclusive() -> None:
    message = '{"type":"error","pad":"€"}'
    size_bytes = len(message.encode())
    decode_server_event(message, limit_bytes=size_bytes)
    with pytest.raises(Malformed, match=f"more than {size_bytes - 1} bytes"):
        decode_server_event(message, limit_bytes=size_bytes - 1)


def test_nesting_up_to_the_limit_is_taken() -> None:
    levels = MAX_DEPTH - 1
    decode_server_event('{"type":"unheard.of","x":' + "[" * levels + "]" * levels + "}")
    decode_server_event('{"type":"error","x":[' + ",".join(["[]"] * 1000) + "]}")


def test_brackets_in_text_are_no_nesting() -> None:
    decode_server_event(json.dumps({"type": "error", "x": '[{"\\' * 1000}))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("pattern", ['\\"', '"', "[]", "{}[", '"\\', "\\", '"['])
def test_hostile_text_is_refused_in_linear_time(pattern: str) -> None:
    body = pattern * (MAX_MESSAGE_BYTES // len(pattern) - 20)
    with pytest.raises(Malformed):
        decode_server_event('{"a":["' + body)


# What clients say

CLIENT_MISTAKES = {
    '{"type":"conversation.item.delete","event_id":"e"}': ("missing_required_parameter", "item_id", "e"),
    '{"type":"conversation.item.truncate","item_id":"i","content_index":"0","audio_end_ms":1}': (
        "invalid_type",
        "content_index",
        None,
    ),
    '{"type":"session.update","session":null,"event_id":"e"}': ("invalid_type", "session", "e"),
    '{"type":"conversation.item.create","item":{"content":[{"text":5}]}}': (
        "invalid_type",
        "item.content[0].text",
        None,
    ),
    '{"event_id":"e"}': ("invalid_event", "type", None),
}


@pytest.mark.parametrize("message", CLIENT_MISTAKES)
def test_a_client_learns_what_was_wrong_with_its_event(message: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode_client_event(message)
    assert (caught.value.code, caught.value.param, caught.value.event_id) == CLIENT_MISTAKES[message]


def test_an_unknown_client_event_is_handed_on_whole() -> None:
    payload: objects.JsonObject = {"type": "dance.start", "event_id": "event_1", "steps": [1, None]}
    assert decode_client_event(json.dumps(payload)) == ask.RawEvent(payload=payload)


def test_a_beta_client_event_is_read_in_ga() -> None:
    event = decode_client_event(
        '{"type":"response.create","response":{"modalities":["text"],"voice":"alloy","max_response_output_tokens":9,'
        '"input":[{"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}]}]}}'
    )
    assert event == ask.ResponseCreate(
        response={
            "output_modalities": ["text"],
            "audio": {"output": {"voice": "alloy"}},
            "max_output_tokens": 9,
            "input": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
            ],
        }
    )


def test_a_beta_transcription_update_is_a_session_update() -> None:
    event = decode_client_event('{"type":"transcription_session.update","session":{"turn_detection":null}}')
    assert event == ask.SessionUpdate(session={"turn_detection": None})


def test_a_raw_event_is_sent_as_it_is() -> None:
    payload: objects.JsonObject = {"type": "input_audio_buffer.append", "audio": None}
    assert json.loads(encode_client_event(ask.RawEvent(payload=payload))) == payload


def test_absent_fields_are_not_sent() -> None:
    assert encode_client_event(ask.ResponseCreate()) == '{"type":"response.create"}'
    assert (
        encode_client_event(ask.ResponseCancel(event_id="e")) == '{"type":"response.cancel","event_id":"e"}'
    )


def test_a_null_within_a_session_is_sent() -> None:
    event = ask.SessionUpdate(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    assert '"turn_detection":null' in encode_client_event(event)


def test_numbers_that_json_does_not_know_are_not_sent() -> None:
    assert "NaN" not in encode_client_event(ask.RawEvent(payload={"type": "x", "n": float("nan")}))


# Round trips: what one side says, the other side hears

MESSAGE_ITEMS = {
    "system": objects.Item(
        type="message", role="system", content=(objects.ContentPart(type="input_text", text="Be brief."),)
    ),
    "user": objects.Item(
        id="item_1",
        object="realtime.item",
        type="message",
        status="completed",
        role="user",
        content=(
            objects.ContentPart(type="input_audio", audio="AAAA", transcript="hi"),
            objects.ContentPart(type="input_image", image_url="data:image/png;base64,AA", detail="auto"),
        ),
    ),
    "assistant": objects.Item(
        id="item_2",
        type="message",
        status="in_progress",
        role="assistant",
        content=(
            objects.ContentPart(type="output_audio", transcript=""),
            objects.ContentPart(type="output_text", text="Hello"),
        ),
    ),
    "empty": objects.Item(id="item_3", type="message", role="assistant"),
}
OTHER_ITEMS = {
    "function_call": objects.Item(type="function_call", call_id="call_1", name="time", arguments="{}"),
    "function_call_output": objects.Item(type="function_call_output", call_id="call_1", output=""),
    "mcp_list_tools": objects.Item(
        type="mcp_list_tools", server_label="home", tools=({"name": "light", "input_schema": {}},)
    ),
    "mcp_call": objects.Item(
        id="mcp_1",
        type="mcp_call",
        server_label="home",
        name="light",
        arguments="{}",
        error={"type": "http_error", "code": 500, "message": "no"},
        approval_request_id="mcpr_1",
    ),
    "mcp_approval_response": objects.Item(
        type="mcp_approval_response", approval_request_id="mcpr_1", approve=False, reason="no"
    ),
}
ITEMS = MESSAGE_ITEMS | OTHER_ITEMS

ERROR = objects.ApiError(
    type="server_error", message="no", code="oops", param="session.x", event_id="event_0"
)
USAGE = objects.Usage(
    3,
    2,
    1,
    objects.InputTokenDetails(1, 1, 0, 1, objects.CachedTokenDetails(1)),
    objects.OutputTokenDetails(0, 1),
)
AUDIO_OUTPUT = objects.AudioOutput(format={"type": "audio/pcmu"}, voice="alloy", speed=1.25)
FIELD_EXAMPLES: dict[str, object] = {
    "error": ERROR,
    "session": objects.SessionObject(
        type="realtime",
        object="realtime.session",
        id="sess_1",
        model="model-1",
        expires_at=1756324625,
        instructions="Be brief.",
        output_modalities=("audio",),
        audio=objects.SessionAudio(
            input=objects.AudioInput(
                format={"type": "audio/pcm", "rate": 24_000},
                transcription={"model": "whisper-1"},
                noise_reduction=None,
                turn_detection={"type": "server_vad", "idle_timeout_ms": None},
            ),
            output=AUDIO_OUTPUT,
        ),
        tools=({"type": "function", "name": "time"},),
        tool_choice={"type": "function", "name": "time"},
        parallel_tool_calls=False,
        reasoning={"effort": "low"},
        max_output_tokens=4096,
        truncation={"type": "retention_ratio", "retention_ratio": 0.8},
        prompt={"id": "pmpt_1"},
        tracing="auto",
        include=("item.input_audio_transcription.logprobs",),
        temperature=0.8,
    ),
    "conversation": objects.Conversation(id="conv_1"),
    "item": MESSAGE_ITEMS["assistant"],
    "previous_item_id": "item_0",
    "item_id": "item_1",
    "response_id": "resp_1",
    "call_id": "call_1",
    "output_index": 1,
    "content_index": 2,
    "audio_start_ms": 1000,
    "audio_end_ms": 2000,
    "received_at": 1756324625,
    "delta": "Hel",
    "text": "Hello",
    "transcript": "Hello",
    "arguments": '{"x":1}',
    "name": "time",
    "id": "seg_1",
    "speaker": "A",
    "start": 0.5,
    "end": 1.5,
    "event": "9",
    "part": objects.ContentPart(type="audio", transcript="Hello"),
    "logprobs": (objects.LogProb("Hel", -0.25, (72, 101, 108)),),
    "languages": (objects.TranscriptionLanguage("en"),),
    "usage": objects.TranscriptionUsage(type="duration", seconds=1.5),
    "rate_limits": (objects.RateLimit("tokens", 50_000, 49_950, 0.06),),
    "response": objects.Response(
        id="resp_1",
        status="failed",
        status_details=objects.ResponseStatusDetails(type="failed", reason="content_filter", error=ERROR),
        output=tuple(ITEMS.values()),
        conversation_id="conv_1",
        output_modalities=("audio",),
        audio=objects.ResponseAudio(output=AUDIO_OUTPUT),
        max_output_tokens="inf",
        metadata={"turn": "1"},
        usage=USAGE,
    ),
}


def full_event(name: str) -> ServerEvent:
    """Return an event with something in every field."""
    fields = {
        field: FIELD_EXAMPLES[field] for field in SERVER_EVENTS[name].__struct_fields__ if field != "event_id"
    }
    return msgspec.structs.replace(decoded(json.dumps({"type": name, "event_id": "event_1"})), **fields)


@pytest.mark.parametrize("name", SERVER_EVENTS)
def test_a_ga_server_event_arrives_as_it_was_said(name: str) -> None:
    event = full_event(name)
    (message,) = encode_server_event(event, Dialect.GA)
    assert type_of(message) == name
    assert decoded(message) == event


@pytest.mark.parametrize("name", sorted(SERVER_EVENTS.keys() - GA_ONLY_SERVER_EVENTS))
def test_a_beta_server_event_arrives_as_it_was_said(name: str) -> None:
    event = full_event(name)
    if isinstance(event, said.SessionCreated | said.SessionUpdated):
        event = msgspec.structs.replace(event, session=msgspec.structs.replace(event.session, type=None))
    if isinstance(event, said.ResponseFunctionCallArgumentsDone):
        event = msgspec.structs.replace(event, name=None)
    (message,) = encode_server_event(event, Dialect.BETA)
    assert type_of(message) == BETA_SERVER_NAMES.get(name, name)
    assert decoded(message) == event


@pytest.mark.parametrize("name", sorted(GA_ONLY_SERVER_EVENTS))
def test_a_beta_server_is_silent_where_it_has_no_word(name: str) -> None:
    assert encode_server_event(full_event(name), Dialect.BETA) == []


@pytest.mark.parametrize("name", SERVER_EVENTS)
@pytest.mark.parametrize("dialect", Dialect)
def test_a_bare_event_arrives_as_it_was_said(name: str, dialect: Dialect) -> None:
    event = decoded(json.dumps({"type": name}))
    for message in encode_server_event(event, dialect):
        assert decoded(message) == event


@pytest.mark.parametrize("kind", ITEMS)
@pytest.mark.parametrize("dialect", Dialect)
def test_every_kind_of_item_travels_both_ways(kind: str, dialect: Dialect) -> None:
    item = ITEMS[kind]
    (message,) = encode_server_event(said.ConversationItemAdded(item=item), dialect)
    assert decoded(message) == said.ConversationItemAdded(item=item)
    asked = encode_client_event(ask.ConversationItemCreate(item=item), dialect)
    assert decode_client_event(asked) == ask.ConversationItemCreate(item=item)


def test_an_item_holds_only_what_its_kind_has() -> None:
    (message,) = encode_server_event(said.ConversationItemAdded(item=OTHER_ITEMS["function_call_output"]))
    assert json.loads(message) == {
        "type": "conversation.item.added",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": ""},
        "previous_item_id": None,
    }


def test_a_message_has_content_even_when_it_is_empty() -> None:
    (message,) = encode_server_event(said.ConversationItemAdded(item=MESSAGE_ITEMS["empty"]))
    assert json.loads(message)["item"]["content"] == []


def test_a_beta_server_has_no_ga_words() -> None:
    ga_words = (
        "output_modalities",
        '"output_audio"',
        "output_text",
        '"audio":{',
        '"audio":null',
        "audio/pcm",
    )
    for name in sorted(SERVER_EVENTS.keys() - GA_ONLY_SERVER_EVENTS):
        for event in (full_event(name), decoded(json.dumps({"type": name}))):
            (message,) = encode_server_event(event, Dialect.BETA)
            assert not [word for word in ga_words if word in message]


def test_an_unknown_event_can_be_said() -> None:
    assert encode_server_event(UnknownEvent(type="a.b", event_id="e")) == ['{"type":"a.b","event_id":"e"}']


CLIENT_EXAMPLES: list[ClientEvent] = [
    ask.SessionUpdate(
        session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}, event_id="event_1"
    ),
    ask.InputAudioBufferAppend(audio="AAAA"),
    ask.InputAudioBufferCommit(event_id="event_1"),
    ask.InputAudioBufferClear(),
    ask.OutputAudioBufferClear(),
    ask.ConversationItemCreate(item=MESSAGE_ITEMS["assistant"], previous_item_id="root"),
    ask.ConversationItemRetrieve(item_id="item_1"),
    ask.ConversationItemDelete(item_id="item_1"),
    ask.ConversationItemTruncate(item_id="item_1", content_index=0, audio_end_ms=0),
    ask.ResponseCreate(
        response={"output_modalities": ["text"], "conversation": "none", "max_output_tokens": 5}
    ),
    ask.ResponseCancel(response_id="resp_1"),
    ask.RawEvent(payload={"type": "unheard.of", "x": [1, None]}),
]


@pytest.mark.parametrize("event", CLIENT_EXAMPLES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("dialect", Dialect)
def test_a_client_event_arrives_as_it_was_said(event: ClientEvent, dialect: Dialect) -> None:
    assert decode_client_event(encode_client_event(event, dialect)) == event


def test_the_examples_are_all_client_events() -> None:
    assert {type(event) for event in CLIENT_EXAMPLES} == {*CLIENT_EVENTS.values(), ask.RawEvent}


# Whatever arrives: an event or Malformed, nothing else

FIELD_NAMES = sorted(
    {name for event in (*SERVER_EVENTS.values(), *CLIENT_EVENTS.values()) for name in event.__struct_fields__}
    | {
        name
        for thing in (objects.SessionObject, objects.Response, objects.Item)
        for name in thing.__struct_fields__
    }
    | {"type", "input", "output", "format", "modalities", "voice", "turn_detection", "input_audio_format"}
)
WORDS = st.sampled_from(
    [*SERVER_EVENTS, *GA_SERVER_NAMES, *CLIENT_EVENTS, "message", "assistant", "audio", "text"]
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELD_NAMES) | st.text(), inner, max_size=5)
    ),
    max_leaves=25,
)
EVENT_LIKE = st.builds(
    lambda name, fields: {"type": name} | {key: value for key, value in fields.items() if key != "type"},
    st.sampled_from([*SERVER_EVENTS, *GA_SERVER_NAMES, *CLIENT_EVENTS]),
    st.dictionaries(st.sampled_from(FIELD_NAMES), JSON_VALUES, max_size=8),
)
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates included
THOROUGHLY = settings(max_examples=200, deadline=None, database=None)


def hear(message: str) -> ServerEvent | None:
    """Decode as both sides do. Anything but an event or Malformed fails the test."""
    with contextlib.suppress(Malformed):
        decode_client_event(message)
    try:
        return decode_server_event(message).event
    except Malformed:
        return None


@THOROUGHLY
@given(JSON_VALUES)
def test_any_json_is_an_event_or_malformed(value: object) -> None:
    hear(json.dumps(value))


@THOROUGHLY
@given(EVENT_LIKE)
def test_what_can_be_heard_can_be_said_again(payload: dict[str, object]) -> None:
    event = hear(json.dumps(payload))
    if event is not None and not isinstance(event, UnknownEvent):
        (message,) = encode_server_event(event, Dialect.GA)
        assert decoded(message) == event
        encode_server_event(event, Dialect.BETA)


@THOROUGHLY
@given(ANY_TEXT)
def test_any_text_is_an_event_or_malformed(text: str) -> None:
    hear(text)


@THOROUGHLY
@given(st.sampled_from(ALL_EVENTS), st.data())
def test_a_damaged_event_is_an_event_or_malformed(message: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, min(len(message), start + 12)))
    damage = data.draw(
        ANY_TEXT | st.sampled_from(['"', "{", "}", "[", "]", ",", "null", "-1", "1e400", "\\u"])
    )
    hear(message[:start] + damage + message[end:])


@THOROUGHLY
@given(st.sampled_from(ALL_EVENTS), st.data())
def test_an_event_with_a_foreign_value_somewhere_is_an_event_or_malformed(
    message: str, data: st.DataObject
) -> None:
    place = payload = json.loads(message)
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = data.draw(JSON_VALUES)
            break
        place = place[key]
    hear(json.dumps(payload))
