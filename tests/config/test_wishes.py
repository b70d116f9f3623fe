"""From the configuration to the protocol's own settings."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import pytest
from msgspec import UNSET

from edge_agent.config import schema
from edge_agent.config.loader import parse_config
from edge_agent.config.sections.endpoints import ProfileName
from edge_agent.config.wishes import profile_of, wishes_of
from edge_agent.protocol import session_object as wish
from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.profiles import PROFILES, Handshake, Hangup, Profile, TokenStyle
from edge_agent.protocol.session_object import SessionWishes, session_object


def test_every_profile_can_be_named() -> None:
    names = msgspec.inspect.type_info(ProfileName)
    assert isinstance(names, msgspec.inspect.LiteralType)
    assert set(names.values) == set(PROFILES)


def test_every_setting_of_a_profile_can_be_overridden() -> None:
    overridable = {field.name for field in msgspec.structs.fields(schema.ProfileOverrides)}
    assert overridable == {field.name for field in fields(Profile)}


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_without_overrides_the_profile_is_as_it_is(name: ProfileName) -> None:
    assert profile_of(schema.Endpoint(name="a", profile=name, url="https://a.example")) is not None
    assert profile_of(schema.Endpoint(name="a", profile=name, url="https://a.example")) == PROFILES[name]


def test_overrides_become_the_profiles_own_types() -> None:
    config = parse_config(
        """
endpoints:
  - name: a
    profile: local
    url: https://a.example
    overrides:
      handshake: json
      token_style: beta_session
      hangup: none
      dialect: beta
      answer_path: [call, sdp]
      auth_scheme: ""
      max_session_s: 600
      takes_manual_turns: false
""",
        "f",
    )
    profile = profile_of(config.endpoints[0])
    assert profile == Profile(
        handshake=Handshake.JSON,
        token_style=TokenStyle.BETA_SESSION,
        hangup=Hangup.NONE,
        dialect=Dialect.BETA,
        answer_path=("call", "sdp"),
        auth_scheme="",
        max_session_s=600.0,
        takes_manual_turns=False,
        initial_update=True,
        needs_key=False,
    )


def test_nothing_said_is_nothing_asked_for() -> None:
    config = schema.Config()
    assert wishes_of(config, config.endpoints[0]) == SessionWishes()
    assert session_object(wishes_of(config, config.endpoints[0])) == {"type": "realtime"}


def test_everything_said_is_asked_for() -> None:
    config = parse_config(
        """
endpoints: [{name: a, profile: local, url: 'https://a.example', model: m, voice: v}]
session:
  instructions: Be brief.
  turn_detection: {type: server_vad, threshold: 0.7, interrupt_response: false}
  transcription: {model: t, language: de}
  noise_reduction: near_field
  max_output_tokens: 100
  speed: 1.25
  truncation: {type: retention_ratio, retention_ratio: 0.8}
  extra: {tool_choice: none, audio: {output: {voice: {id: own}}}}
""",
        "f",
    )
    assert session_object(wishes_of(config, config.endpoints[0])) == {
        "type": "realtime",
        "model": "m",
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "transcription": {"model": "t", "language": "de"},
                "noise_reduction": {"type": "near_field"},
                "turn_detection": {"type": "server_vad", "threshold": 0.7, "interrupt_response": False},
            },
            "output": {"voice": {"id": "own"}, "speed": 1.25},
        },
        "max_output_tokens": 100,
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
        "tool_choice": "none",
    }


def test_none_switches_off_and_null_says_nothing() -> None:
    text = "session: {turn_detection: {type: %s}, transcription: none, noise_reduction: none}"
    config = parse_config(text % "none" + "\nbuttons: [{name: a, pin: 1, hold: talk}]", "f")
    wishes = wishes_of(config, config.endpoints[0])
    assert (wishes.turn_detection, wishes.transcription, wishes.noise_reduction) == (None, None, None)
    config = parse_config("session: {turn_detection: null, transcription: null, noise_reduction: null}", "f")
    wishes = wishes_of(config, config.endpoints[0])
    assert {wishes.turn_detection, wishes.transcription, wishes.noise_reduction} == {UNSET}


def test_semantic_detection_keeps_its_own_settings() -> None:
    config = parse_config("session: {turn_detection: {type: semantic_vad, eagerness: low}}", "f")
    assert wishes_of(config, config.endpoints[0]).turn_detection == wish.SemanticVad(eagerness="low")
