"""The profiles hold what the providers document."""

from __future__ import annotations

import pytest

from edge_agent.protocol.dialect import Dialect
from edge_agent.protocol.profiles import PROFILES, Handshake, Hangup, TokenStyle

NAMES = ["openai", "azure", "azure-preview", "huggingface", "speaches", "local", "custom"]


def test_every_provider_has_a_profile() -> None:
    assert list(PROFILES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_token_is_asked_for_somewhere_or_not_at_all(name: str) -> None:
    profile = PROFILES[name]
    assert (profile.token_path is None) == (profile.token_style is TokenStyle.NONE)


@pytest.mark.parametrize("name", NAMES)
def test_paths_are_below_the_address_or_whole_https_urls(name: str) -> None:
    profile = PROFILES[name]
    for path in filter(None, (profile.calls_path, profile.token_path, profile.websocket_path)):
        assert path.startswith(("/", "https://"))
        assert "?" not in path


@pytest.mark.parametrize("name", NAMES)
def test_a_session_that_the_call_can_not_carry_is_configured_afterwards(name: str) -> None:
    profile = PROFILES[name]
    call_carries_it = profile.handshake is not Handshake.RAW_SDP or profile.token_style is not TokenStyle.NONE
    assert profile.initial_update or call_carries_it


def test_what_each_provider_does_differently() -> None:
    table = {
        name: (p.handshake, p.token_style, p.hangup, p.dialect, p.needs_key) for name, p in PROFILES.items()
    }
    assert table == {
        "openai": (Handshake.MULTIPART, TokenStyle.NONE, Hangup.POST_HANGUP, Dialect.GA, True),
        "azure": (Handshake.RAW_SDP, TokenStyle.CLIENT_SECRET, Hangup.POST_HANGUP, Dialect.GA, True),
        "azure-preview": (Handshake.RAW_SDP, TokenStyle.BETA_SESSION, Hangup.NONE, Dialect.BETA, True),
        "huggingface": (Handshake.RAW_SDP, TokenStyle.NONE, Hangup.DELETE_LOCATION, Dialect.GA, False),
        "speaches": (Handshake.RAW_SDP, TokenStyle.NONE, Hangup.NONE, Dialect.BETA, False),
        "local": (Handshake.MULTIPART, TokenStyle.NONE, Hangup.POST_HANGUP, Dialect.GA, False),
        "custom": (Handshake.MULTIPART, TokenStyle.NONE, Hangup.POST_HANGUP, Dialect.GA, True),
    }


def test_where_each_provider_takes_a_websocket() -> None:
    model = {"model": "{model}"}
    assert {name: (p.websocket_path, dict(p.websocket_query)) for name, p in PROFILES.items()} == {
        **dict.fromkeys(NAMES, ("/v1/realtime", model)),
        "azure": ("/openai/v1/realtime", model),
        "azure-preview": (
            "/openai/realtime",
            {"api-version": "2025-04-01-preview", "deployment": "{model}"},
        ),
    }


def test_profiles_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        PROFILES["openai"] = PROFILES["local"]  # type: ignore[index]  # that is the point
