"""Shapes of the two name generations: turning there and back loses nothing."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.protocol.dialect import (
    BETA_SERVER_NAMES,
    GA_ONLY_SERVER_EVENTS,
    GA_SERVER_NAMES,
    SESSION_FIELDS,
    Dialect,
    place,
    turn,
    turn_format,
    turn_item,
    turn_override,
    turn_response,
    turn_session,
)
from edge_agent.protocol.objects import JsonObject
from edge_agent.protocol.server_events import SERVER_EVENTS

VALUES = (
    st.none() | st.text() | st.integers() | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)


@st.composite
def ga_sessions(draw: st.DrawFn) -> JsonObject:
    """Session objects in the GA shape with any of the settings that both dialects have."""
    session: JsonObject = {}
    for field in draw(st.sets(st.sampled_from([f for f in SESSION_FIELDS if f.ga and f.beta]))):
        is_format = field.name.endswith("_format")
        value = draw(st.sampled_from([{"type": "audio/pcm", "rate": 24_000}, None]) if is_format else VALUES)
        assert field.ga is not None
        place(session, field.ga, value)
    return session


def test_every_server_event_has_one_name_in_each_dialect() -> None:
    assert set(GA_SERVER_NAMES.values()) <= set(SERVER_EVENTS)
    assert set(BETA_SERVER_NAMES) <= set(SERVER_EVENTS)
    assert set(SERVER_EVENTS) >= GA_ONLY_SERVER_EVENTS
    assert {GA_SERVER_NAMES[beta] for beta in BETA_SERVER_NAMES.values()} == set(BETA_SERVER_NAMES)
    assert not GA_ONLY_SERVER_EVENTS & set(BETA_SERVER_NAMES)


def test_a_beta_server_has_34_words() -> None:
    words = {BETA_SERVER_NAMES.get(name, name) for name in SERVER_EVENTS if name not in GA_ONLY_SERVER_EVENTS}
    assert len(words | {"transcription_session.updated"}) == 34


def test_no_two_settings_share_a_place() -> None:
    for dialect in Dialect:
        places = [field.path(dialect) for field in SESSION_FIELDS if field.path(dialect)]
        assert len(places) == len(set(places))


@settings(max_examples=200, deadline=None, database=None)
@given(ga_sessions())
def test_a_session_turned_there_and_back_is_the_same(session: JsonObject) -> None:
    before = copy.deepcopy(session)
    flat = turn_session(session, Dialect.BETA)
    assert "audio" not in flat
    assert turn_session(flat, Dialect.GA) == session
    assert session == before


@settings(max_examples=200, deadline=None, database=None)
@given(ga_sessions(), st.sampled_from(Dialect))
def test_what_has_the_shape_already_stays_as_it_is(session: JsonObject, dialect: Dialect) -> None:
    turned = turn_session(session, dialect)
    assert turn_session(turned, dialect) == turned


def test_ga_wins_where_a_server_says_both() -> None:
    session: JsonObject = {"voice": "old", "audio": {"output": {"voice": "new"}}}
    assert turn_session(session, Dialect.GA) == {"audio": {"output": {"voice": "new"}}}


def test_a_beta_session_has_no_type() -> None:
    assert turn_session({"type": "realtime", "model": "m"}, Dialect.BETA) == {"model": "m"}


def test_a_response_keeps_its_token_limit_and_turns_the_rest() -> None:
    beta: JsonObject = {
        "modalities": ["audio"],
        "voice": "alloy",
        "output_audio_format": "g711_alaw",
        "max_output_tokens": 9,
        "output": [{"role": "assistant", "content": [{"type": "audio", "transcript": "a"}]}, "odd"],
    }
    ga: JsonObject = {
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "alloy", "format": {"type": "audio/pcma"}}},
        "max_output_tokens": 9,
        "output": [{"role": "assistant", "content": [{"type": "output_audio", "transcript": "a"}]}, "odd"],
    }
    assert turn_response(beta, Dialect.GA) == ga
    assert turn_response(ga, Dialect.BETA) == beta


def test_an_override_renames_its_token_limit() -> None:
    assert turn_override({"max_output_tokens": 9}, Dialect.BETA) == {"max_response_output_tokens": 9}


@pytest.mark.parametrize("role", ["user", "system", None])
def test_only_an_assistants_content_types_differ(role: str | None) -> None:
    item: JsonObject = {"role": role, "content": [{"type": "text"}]}
    assert turn_item(item, Dialect.GA) == item


@pytest.mark.parametrize("content", [None, 5, "text", [5, None, {}, {"type": 5}, {"type": ["text"]}]])
def test_odd_content_stays_as_it_is(content: object) -> None:
    item: JsonObject = {"role": "assistant", "content": content}
    assert turn_item(item, Dialect.GA) == item


@pytest.mark.parametrize(
    ("beta", "ga"),
    [
        ("pcm16", {"type": "audio/pcm", "rate": 24_000}),
        ("g711_ulaw", {"type": "audio/pcmu"}),
        ("g711_alaw", {"type": "audio/pcma"}),
        (None, None),
        ("opus", "opus"),
    ],
)
def test_formats_have_a_name_in_each_dialect(beta: object, ga: object) -> None:
    assert turn_format(beta, Dialect.GA) == ga
    assert turn_format(ga, Dialect.BETA) == beta


@pytest.mark.parametrize("dialect", Dialect)
def test_a_format_that_the_dialect_writes_itself_stays_as_it_is(dialect: Dialect) -> None:
    value = {"type": "audio/pcm", "rate": 16_000} if dialect is Dialect.GA else "pcm16"
    assert turn_format(value, dialect) == value


def test_a_field_that_is_no_object_is_left_to_the_decoder() -> None:
    payload: JsonObject = {"session": 5, "other": {}}
    assert turn(payload, {"session": turn_session}, Dialect.GA) == payload


def test_a_value_is_not_placed_below_something_that_is_no_object() -> None:
    session: JsonObject = {"audio": None}
    place(session, ("audio", "output", "voice"), "alloy")
    assert session == {"audio": None}
