"""Only what was wished for is written, and what a client wrote wrong is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.protocol.codec import Malformed
from edge_agent.protocol.dialect import SESSION_FIELDS, Dialect
from edge_agent.protocol.objects import JsonObject
from edge_agent.protocol.session_object import (
    DEFAULTS,
    NoiseReduction,
    SemanticVad,
    ServerVad,
    SessionWishes,
    Transcription,
    TurnDetection,
    effective_session,
    parse_session,
    session_object,
    turn_detection_update,
    unsayable,
    update_object,
)

EVERYTHING = SessionWishes(
    model="model-1",
    instructions="Be brief.",
    output_modalities=("audio",),
    input_format={"type": "audio/pcm", "rate": 24_000},
    transcription=Transcription(model="whisper-1", language="en", prompt="names"),
    noise_reduction=NoiseReduction(type="far_field"),
    turn_detection=ServerVad(threshold=0.5, silence_duration_ms=500, create_response=False),
    output_format={"type": "audio/pcmu"},
    voice="marin",
    speed=1.25,
    tools=({"type": "function", "name": "time"},),
    tool_choice="auto",
    parallel_tool_calls=True,
    reasoning={"effort": "low"},
    max_output_tokens=200,
    truncation={"type": "retention_ratio", "retention_ratio": 0.8},
    temperature=0.8,
    prompt={"id": "pmpt_1"},
    tracing="auto",
    include=("item.input_audio_transcription.logprobs",),
)

GA_SESSION: JsonObject = {
    "type": "realtime",
    "model": "model-1",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "whisper-1", "language": "en", "prompt": "names"},
            "noise_reduction": {"type": "far_field"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "silence_duration_ms": 500,
                "create_response": False,
            },
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.25},
    },
    "tools": [{"type": "function", "name": "time"}],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "low"},
    "max_output_tokens": 200,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
    "prompt": {"id": "pmpt_1"},
    "tracing": "auto",
    "include": ["item.input_audio_transcription.logprobs"],
}

BETA_SESSION: JsonObject = {
    "model": "model-1",
    "instructions": "Be brief.",
    "modalities": ["audio"],
    "input_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "names"},
    "input_audio_noise_reduction": {"type": "far_field"},
    "turn_detection": {
        "type": "server_vad",
        "threshold": 0.5,
        "silence_duration_ms": 500,
        "create_response": False,
    },
    "output_audio_format": "g711_ulaw",
    "voice": "marin",
    "speed": 1.25,
    "tools": [{"type": "function", "name": "time"}],
    "tool_choice": "auto",
    "max_response_output_tokens": 200,
    "temperature": 0.8,
    "prompt": {"id": "pmpt_1"},
    "tracing": "auto",
    "include": ["item.input_audio_transcription.logprobs"],
}


def as_json(value: object) -> object:
    return json.loads(json.dumps(value))


# Writing


def test_every_setting_has_a_wish_and_a_place() -> None:
    assert {field.name for field in SESSION_FIELDS} | {"extra"} == set(SessionWishes.__struct_fields__)


def test_every_wish_is_written_at_its_ga_place() -> None:
    assert as_json(session_object(EVERYTHING, Dialect.GA)) == GA_SESSION


def test_every_wish_is_written_at_its_beta_place() -> None:
    assert as_json(session_object(EVERYTHING, Dialect.BETA)) == BETA_SESSION


def test_no_wishes_write_nothing_but_the_type() -> None:
    assert session_object(SessionWishes(), Dialect.GA) == {"type": "realtime"}
    assert session_object(SessionWishes(), Dialect.BETA) == {}


def test_wishes_without_a_word_are_named() -> None:
    assert unsayable(EVERYTHING, Dialect.GA) == ("temperature",)
    assert unsayable(EVERYTHING, Dialect.BETA) == ("parallel_tool_calls", "reasoning", "truncation")
    assert unsayable(SessionWishes(), Dialect.BETA) == ()


@pytest.mark.parametrize("name", ["turn_detection", "transcription", "noise_reduction"])
def test_off_is_null_and_not_said_is_absent(name: str) -> None:
    off = session_object(SessionWishes(**{name: None}), Dialect.GA)  # type: ignore[arg-type]  # one of the three
    assert off == {"type": "realtime", "audio": {"input": {name: None}}}


def test_no_null_is_written_but_for_off() -> None:
    for dialect in Dialect:
        assert "null" not in json.dumps(session_object(EVERYTHING, dialect))


def test_an_update_leaves_the_model_alone() -> None:
    assert update_object(SessionWishes(model="m", voice="marin")) == {
        "type": "realtime",
        "audio": {"output": {"voice": "marin"}},
    }


def test_extra_keys_are_added_and_win() -> None:
    wishes = SessionWishes(voice="marin", extra={"audio": {"output": {"voice": "x", "y": 1}}, "z": None})
    assert session_object(wishes) == {
        "type": "realtime",
        "audio": {"output": {"voice": "x", "y": 1}},
        "z": None,
    }


@pytest.mark.parametrize(
    ("dialect", "turn_detection", "expected"),
    [
        (Dialect.GA, None, {"type": "realtime", "audio": {"input": {"turn_detection": None}}}),
        (Dialect.BETA, None, {"turn_detection": None}),
        (
            Dialect.BETA,
            SemanticVad(eagerness="low"),
            {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
        ),
    ],
)
def test_turn_detection_is_switched_by_itself(
    dialect: Dialect, turn_detection: TurnDetection | None, expected: JsonObject
) -> None:
    assert turn_detection_update(turn_detection, dialect) == expected


# Reading


def test_what_is_written_is_read_back() -> None:
    ga_only = SessionWishes(**{**fields_of(EVERYTHING), "temperature": None})
    assert parse_session(GA_SESSION, Dialect.GA, SessionWishes(turn_detection=ServerVad())) == ga_only
    beta = parse_session(BETA_SESSION, Dialect.BETA, SessionWishes(turn_detection=ServerVad()))
    assert as_json(session_object(beta, Dialect.BETA)) == BETA_SESSION


def fields_of(wishes: SessionWishes) -> dict[str, Any]:
    return {name: getattr(wishes, name) for name in wishes.__struct_fields__}


def test_what_is_absent_stays() -> None:
    assert parse_session({"type": "realtime"}) == DEFAULTS
    changed = parse_session({"type": "realtime", "audio": {"output": {"voice": "marin"}}}, current=EVERYTHING)
    assert fields_of(changed) == fields_of(EVERYTHING)


def test_settings_of_turn_detection_change_one_by_one_while_the_type_stays() -> None:
    update = turn_detection_update(ServerVad(threshold=0.9))
    assert parse_session(update).turn_detection == ServerVad(
        threshold=0.9,
        prefix_padding_ms=300,
        silence_duration_ms=500,
        create_response=True,
        interrupt_response=True,
    )


def test_turn_detection_of_another_type_begins_with_its_defaults() -> None:
    changed = parse_session(turn_detection_update(SemanticVad(create_response=False)))
    assert changed.turn_detection == SemanticVad(
        eagerness="auto", create_response=False, interrupt_response=True
    )


def test_turn_detection_can_be_turned_off_and_on() -> None:
    off = parse_session(turn_detection_update(None))
    assert off.turn_detection is None
    on = parse_session(turn_detection_update(ServerVad()), current=off)
    assert on == DEFAULTS


def test_in_beta_the_type_of_turn_detection_may_be_left_out() -> None:
    changed = parse_session({"turn_detection": {"threshold": 0.1}}, Dialect.BETA)
    assert isinstance(changed.turn_detection, ServerVad)
    assert changed.turn_detection.threshold == 0.1


def test_null_clears_what_can_be_off() -> None:
    session: JsonObject = {
        "type": "realtime",
        "audio": {"input": {"turn_detection": None, "transcription": None, "noise_reduction": None}},
        "tracing": None,
        "prompt": None,
        "include": None,
    }
    changed = parse_session(session, current=EVERYTHING)
    assert (changed.turn_detection, changed.transcription, changed.noise_reduction) == (None, None, None)
    assert (changed.tracing, changed.prompt, changed.include) == (None, None, None)


VAD = "session.audio.input.turn_detection"


def ga(**settings: object) -> JsonObject:
    return {"type": "realtime", **settings}


def ga_vad(**settings: object) -> JsonObject:
    return ga(audio={"input": {"turn_detection": settings}})


GA_MISTAKES: list[tuple[object, str, str]] = [
    (None, "invalid_type", "session"),
    ([], "invalid_type", "session"),
    ({}, "missing_required_parameter", "session.type"),
    ({"voice": "x"}, "missing_required_parameter", "session.type"),
    ({"type": 5}, "invalid_type", "session.type"),
    ({"type": "transcription"}, "invalid_value", "session.type"),
    (ga(voice="marin"), "unknown_parameter", "session.voice"),
    (ga(id="sess_1"), "unknown_parameter", "session.id"),
    (ga(audio={"input": {"gain": 1}}), "unknown_parameter", "session.audio.input.gain"),
    (ga(audio=None), "invalid_type", "session.audio"),
    (ga(audio={"output": []}), "invalid_type", "session.audio.output"),
    (ga(instructions=None), "invalid_type", "session.instructions"),
    (ga(instructions=5), "invalid_type", "session.instructions"),
    (ga(tools={}), "invalid_type", "session.tools"),
    (ga(tools=["time"]), "invalid_type", "session.tools[0]"),
    (ga(output_modalities=["smell"]), "invalid_value", "session.output_modalities[0]"),
    (ga(max_output_tokens=0), "invalid_value", "session.max_output_tokens"),
    (ga(max_output_tokens="endless"), "invalid_value", "session.max_output_tokens"),
    (ga(max_output_tokens=1.5), "invalid_type", "session.max_output_tokens"),
    (ga(temperature=0.8), "unknown_parameter", "session.temperature"),
    (ga(audio={"output": {"speed": 4}}), "invalid_value", "session.audio.output.speed"),
    (ga(audio={"output": {"speed": True}}), "invalid_type", "session.audio.output.speed"),
    (
        ga(audio={"input": {"noise_reduction": {}}}),
        "missing_required_parameter",
        "session.audio.input.noise_reduction.type",
    ),
    (ga_vad(threshold=0.5), "missing_required_parameter", f"{VAD}.type"),
    (ga_vad(type="none"), "invalid_value", f"{VAD}.type"),
    (ga_vad(type=None), "invalid_type", f"{VAD}.type"),
    (ga_vad(type="server_vad", threshold=2), "invalid_value", f"{VAD}.threshold"),
    (ga_vad(type="server_vad", create_response=None), "invalid_type", f"{VAD}.create_response"),
    (ga_vad(type="server_vad", eagerness="low"), "unknown_parameter", f"{VAD}.eagerness"),
    (ga_vad(type="semantic_vad", eagerness="soon"), "invalid_value", f"{VAD}.eagerness"),
    (ga_vad(type="server_vad", idle_timeout_ms=10), "invalid_value", f"{VAD}.idle_timeout_ms"),
]

BETA_MISTAKES: list[tuple[object, str, str]] = [
    ({"type": "realtime"}, "unknown_parameter", "session.type"),
    ({"audio": {}}, "unknown_parameter", "session.audio"),
    ({"output_modalities": ["text"]}, "unknown_parameter", "session.output_modalities"),
    ({"truncation": "auto"}, "unknown_parameter", "session.truncation"),
    ({"temperature": 2}, "invalid_value", "session.temperature"),
    (
        {"input_audio_transcription": {"enabled": True}},
        "unknown_parameter",
        "session.input_audio_transcription.enabled",
    ),
    ({"turn_detection": {"threshold": "x"}}, "invalid_type", "session.turn_detection.threshold"),
    ({"max_response_output_tokens": 5000}, "invalid_value", "session.max_response_output_tokens"),
    ({"input_audio_format": "mp3"}, "invalid_type", "session.input_audio_format"),
]


@pytest.mark.parametrize(("session", "code", "param"), GA_MISTAKES)
def test_a_mistake_in_a_ga_session_is_named(session: object, code: str, param: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_session(session, Dialect.GA)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert param in str(caught.value)


@pytest.mark.parametrize(("session", "code", "param"), BETA_MISTAKES)
def test_a_mistake_in_a_beta_session_is_named(session: object, code: str, param: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_session(session, Dialect.BETA)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_a_mistake_is_told_in_the_words_of_the_protocol() -> None:
    for session, text in (
        ({}, "Missing required parameter: 'session.type'."),
        (ga(voice="x"), "Unknown parameter: 'session.voice'."),
        (ga(tools=5), "Invalid type for 'session.tools': expected array or null, but got int instead."),
        (ga(max_output_tokens=0), "Invalid value for 'session.max_output_tokens': expected int >= 1."),
        (ga_vad(type="my secret"), f"Invalid value for '{VAD}.type'."),
    ):
        with pytest.raises(Malformed) as caught:
            parse_session(session)
        assert str(caught.value) == text


def test_an_endless_parameter_name_is_cut() -> None:
    with pytest.raises(Malformed) as caught:
        parse_session({"type": "realtime", "x" * 100_000: 1})
    assert len(str(caught.value)) < 200


STEPS = {step for field in SESSION_FIELDS for path in (field.ga, field.beta) for step in path or ()}
KEYS = st.sampled_from(sorted(STEPS | {"type", "threshold", "eagerness", "create_response", "x"}))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["server_vad", "auto", "pcm16"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None, database=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.sampled_from(Dialect))
def test_any_object_is_a_session_or_malformed(session: JsonObject, dialect: Dialect) -> None:
    found = {"type": "realtime", **session} if dialect is Dialect.GA else session
    outcome = wishes_or_param(found, dialect)
    assert isinstance(outcome, SessionWishes) or outcome.startswith("session")


def wishes_or_param(session: JsonObject, dialect: Dialect) -> SessionWishes | str:
    try:
        wishes = parse_session(session, dialect)
    except Malformed as error:
        return error.param or ""
    effective_session(wishes, "sess_1")
    return wishes


# Telling


def test_the_effective_session_says_everything_that_is_known() -> None:
    session = effective_session(DEFAULTS, "sess_1", expires_at=1756324625)
    assert (session.type, session.object, session.id) == ("realtime", "realtime.session", "sess_1")
    assert session.expires_at == 1756324625
    assert session.audio is not None
    assert session.audio.input is not None
    assert session.audio.input.transcription is None
    assert session.audio.input.turn_detection == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
    }
