"""The configuration as text."""

from __future__ import annotations

import json

import pytest

from edge_agent.config.export import as_json, as_yaml, json_schema
from edge_agent.config.loader import parse_config
from edge_agent.config.schema import Config

UNUSUAL = """
mode: button
endpoints:
  - {name: a, profile: custom, url: 'https://a.example', key: {file: /a}, overrides: {auth_scheme: ''}}
  - {name: b, profile: local, url: 'https://b.example', overrides: {answer_path: []}}
session:
  instructions: "two\\nlines: of 'text' — on"
  turn_detection: {type: semantic_vad}
  truncation: {type: retention_ratio, retention_ratio: 0.5}
  transcription: {model: m, language: no}
  extra: {a: "null", b: null, c: "1", d: [on, 1.0, 1e30]}
sound: {input: null}
leds: [{type: rgbled, red: 1, green: 2, blue: 3}]
buttons: [{name: talk, pin: 17}]
"""


@pytest.mark.parametrize("text", ["mode: always-on", UNUSUAL])
def test_what_is_shown_loads_as_the_same(text: str) -> None:
    config = parse_config(text, "f")
    assert parse_config(as_yaml(config), "shown") == config
    assert parse_config(as_json(config), "shown") == config


def test_what_is_shown_has_every_default() -> None:
    shown = json.loads(as_json(Config()))
    assert shown["sound"]["opus"] == {
        "frame_ms": 20,
        "application": "auto",
        "bitrate_bps": None,
        "bandwidth_hz": 8_000,
        "complexity": None,
        "fec": False,
        "expected_loss_percent": 0,
        "dtx": False,
    }
    assert shown["session"]["instructions"] is None


def test_the_schema_describes_keys_ranges_and_choices() -> None:
    schema = json.loads(json_schema())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    opus = schema["$defs"]["Opus"]
    assert opus["additionalProperties"] is False
    bitrate = opus["properties"]["bitrate_bps"]
    (number,) = [choice for choice in bitrate["anyOf"] if choice["type"] == "integer"]
    assert (number["minimum"], number["maximum"], bitrate["default"]) == (6000, 128000, None)
    assert sorted(schema["$defs"]["Sound"]["properties"]["duplex"]["enum"]) == ["auto", "full", "half"]


def test_the_schema_describes_every_key() -> None:
    schema = json.loads(json_schema())
    undescribed = [
        f"{name}.{key}"
        for name, struct in schema["$defs"].items()
        for key, value in struct["properties"].items()
        if "description" not in value and key != "type"
    ]
    assert undescribed == []
