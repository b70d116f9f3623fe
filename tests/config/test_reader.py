"""The reader agrees with msgspec on what is valid, and nothing that a file can hold breaks it."""

from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import inspect

from edge_agent.config.document import parse_document
from edge_agent.config.loader import parse_config
from edge_agent.config.reader import Reader
from edge_agent.config.schema import Config
from edge_agent.errors import ConfigError

FULL: dict[str, Any] = {
    "mode": "button",
    "endpoints": [
        {
            "name": "a",
            "profile": "custom",
            "url": "https://a.example",
            "model": "m",
            "key": {"env": "KEY"},
            "headers": {"X-A": "b"},
            "ice_servers": [{"url": "stun:s.example:3478"}],
            "deadlines": {"http_s": 1},
            "overrides": {"calls_query": {"model": "{model}"}, "answer_path": ["sdp"], "needs_key": False},
        }
    ],
    "session": {
        "turn_detection": {"type": "server_vad", "threshold": 0.5},
        "transcription": "none",
        "max_output_tokens": "inf",
        "truncation": {"type": "retention_ratio", "retention_ratio": 1},
        "extra": {"a": [1, {"b": None}]},
    },
    "sound": {"opus": {"complexity": 3}},
    "leds": [{"type": "pwmled", "pin": 1}, {"type": "rgbled", "red": 2, "green": 3, "blue": 4}],
    "buttons": [{"name": "b", "pin": 5, "tap": "none"}],
}

words = st.sampled_from(
    ["none", "auto", "inf", "server_vad", "led", "half", "on", "true", "1", "", "a b", "/x", "null"]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=4,
)


def places_in(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every value, those of sections included."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for step, one in inner for place in places_in(one, (*path, step)))]


PLACES = [place for place in places_in(FULL) if place]


def changed(place: tuple[str | int, ...], value: object) -> dict[str, Any]:
    config: Any = copy.deepcopy(FULL)
    holder = config
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    assert isinstance(config, dict)
    return config


@given(st.sampled_from(PLACES), values)
@example(("sound", "opus", "complexity"), True)
@example(("leds", 0), {"type": "led", "pin": 1, "brightness": 1})
@example(("session", "truncation"), {"type": "auto"})
@example(("session", "truncation", "type"), None)
@example(("endpoints", 0, "deadlines"), "")
@example(("session", "truncation"), {"retention_ratio": 1})
def test_the_reader_and_msgspec_agree(place: tuple[str | int, ...], value: object) -> None:
    written = changed(place, value)
    reader = Reader()
    read = reader.read(parse_document(json.dumps(written), "f"), inspect.type_info(Config))
    try:
        wanted = msgspec.convert(written, Config)
    except msgspec.ValidationError:
        assert reader.mistakes
    else:
        assert not reader.mistakes
        assert read == wanted


def mistakes_in(text: str) -> list[str]:
    """Return what is told about a configuration, nothing if it is good. Any other exception is a bug."""
    try:
        assert isinstance(parse_config(text, "f"), Config)
    except ConfigError as mistakes:
        return str(mistakes).splitlines() or ["no text"]
    return []


@given(st.sampled_from(PLACES), values)
def test_what_is_valid_loads_and_all_else_is_told(place: tuple[str | int, ...], value: object) -> None:
    assert all(line.startswith("f:") for line in mistakes_in(json.dumps(changed(place, value))))


@given(st.text(max_size=200))
@example("mode: &a [*a]")
@example("? ? ?")
@example("\ufeff")
@example("- - - -\n -")
@example('"\\uD800": 1')
def test_no_text_breaks_the_loader(text: str) -> None:
    assert all(line.startswith("f:") for line in mistakes_in(text))


@given(
    st.lists(st.sampled_from([*"{}[]:,-?&*!|>'\"%@#\n\t ~", "a", "mode", "leds", ": ", "\n  ", "- ", "<<"]))
)
def test_no_soup_of_yaml_breaks_the_loader(pieces: list[str]) -> None:
    assert all(line.startswith("f:") for line in mistakes_in("".join(pieces)))
