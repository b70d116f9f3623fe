"""What is taken for a secret, and what is not."""

from __future__ import annotations

import pytest

from edge_agent.config.leaks import is_secret_name, looks_secret, quoted, shown_key


@pytest.mark.parametrize(
    "text",
    [
        "sk-abcdefghijklmnop",
        "sk-proj-Ab3_xyzXYZ0123456789",
        "key is sk-abcdefghijklmnop!",
        "hf_AbcdefghijKlmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN RSA PRIVATE KEY-----",
        "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    ],
)
def test_keys_are_recognised(text: str) -> None:
    assert looks_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "gpt-realtime-2.1-mini",
        "risk-assessment-of-everything",
        "Donaudampfschifffahrtsgesellschaft",
        "You are a friendly voice in the kitchen of a family.",
        "/var/lib/edge-agent/some/long/path/0123456789",
        "plughw:CARD=seeed2micvoicec,DEV=0",
        "https://your-resource-0123456789.openai.azure.com",
        "OPENAI_API_KEY",
    ],
)
def test_ordinary_values_are_not_taken_for_keys(text: str) -> None:
    assert not looks_secret(text)


@pytest.mark.parametrize(
    "name", ["api_key", "API-Key", "apikey", "key", "Authorization", "x-auth-token", "Set-Cookie"]
)
def test_names_of_secrets_are_recognised(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["max_output_tokens", "OpenAI-Safety-Identifier", "keywords", "monkey", "key_frame"]
)
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_name(name)


def test_what_is_shown_is_short_and_printable() -> None:
    assert quoted("a" * 50) == '"' + "a" * 40 + '…"'
    assert quoted("\x1b[2J\u202e") == '"\\u001b[2J\\u202e"'
    assert shown_key("sk-abcdefghijklmnop") == "…"
