"""What is taken out of a text, and what is left in."""

from __future__ import annotations

import pytest

from edge_agent.redaction import Redaction


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-proj-AbC_123-xyz789 refused", "key sk-[redacted] refused"),
        ("ek_68af296e8e408191a1120ab6383263c2", "ek_[redacted]"),
        ("hf_AbCdEfGhIjKlMnOp", "hf_[redacted]"),
        ("Authorization: Bearer abc.def-ghi/jkl==", "Authorization: Bearer [redacted]"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic [redacted]"),
        ("api-key: 0123456789abcdef0123456789abcdef", "api-key: [redacted]"),
        ('{"api_key": "0123", "model": "m"}', '{"api_key": "[redacted]", "model": "m"}'),
        ("X-API-Key=abc", "X-API-Key=[redacted]"),
        ("http://h/p?token=abc&x=1", "http://h/p?token=[redacted]&x=1"),
        ("https://user:hunter2@host/path", "https://user:[redacted]@host/path"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJ[redacted]"),
        ("a=ice-pwd:By3Qx+fS0xcB/9h1", "a=ice-pwd:[redacted]"),
    ],
)
def test_what_looks_like_a_key_is_hidden(text: str, expected: str) -> None:
    assert Redaction().redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "session sess_0123456789abcdef is open",
        "response resp_abc: item item_def",
        "task-force and desk-mounted microphones",
        "the bearer of this message",
        "http://127.0.0.1:8765/v1/realtime/calls",
        "plughw:CARD=Device,DEV=0",
        "no key: set api key in the credential",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redaction().redacted(text) == text


def test_known_secrets_are_hidden_by_value_the_longest_first() -> None:
    redaction = Redaction(["azure-0123", "azure-0123-long"])
    assert redaction.redacted("azure-0123-long, azure-0123") == "[redacted], [redacted]"


def test_a_secret_too_short_to_be_one_is_not_looked_for() -> None:
    assert Redaction(["a", ""]).redacted("a banana") == "a banana"
