"""Plausible token counts: what a provider would bill for the same conversation."""

from __future__ import annotations

import math

from edge_agent.protocol.objects import (
    CachedTokenDetails,
    InputTokenDetails,
    OutputTokenDetails,
    Usage,
)

MS_PER_INPUT_TOKEN = 100
"""One token for 100 ms of the person's voice (OpenAI's guide to Realtime costs)."""

MS_PER_OUTPUT_TOKEN = 50
"""One token for 50 ms of the assistant's voice (same guide)."""

CHARS_PER_TOKEN = 4
"""Rule of thumb for English text."""


def text_tokens(text: str) -> int:
    """Return how many tokens ``text`` amounts to."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


class Meter:
    """Counts. Every response takes the whole history as input; what it saw before is cached."""

    def __init__(self) -> None:
        self._text = 0
        self._audio = 0
        self._cached_text = 0
        self._cached_audio = 0

    def add_text(self, text: str) -> None:
        """Somebody wrote something into the history."""
        self._text += text_tokens(text)

    def add_voice(self, duration_ms: int) -> None:
        """The person said something."""
        self._audio += math.ceil(duration_ms / MS_PER_INPUT_TOKEN)

    def respond(self, text: str, duration_ms: int) -> Usage:
        """Return the usage of a response with ``text``, spoken for ``duration_ms`` (0: written only)."""
        text_out, audio_out = text_tokens(text), math.ceil(duration_ms / MS_PER_OUTPUT_TOKEN)
        cached = self._cached_text + self._cached_audio
        usage = Usage(
            total_tokens=self._text + self._audio + text_out + audio_out,
            input_tokens=self._text + self._audio,
            output_tokens=text_out + audio_out,
            input_token_details=InputTokenDetails(
                text_tokens=self._text,
                audio_tokens=self._audio,
                cached_tokens=cached,
                cached_tokens_details=CachedTokenDetails(self._cached_text, self._cached_audio),
            ),
            output_token_details=OutputTokenDetails(text_out, audio_out),
        )
        self._cached_text, self._cached_audio = self._text, self._audio
        self._text += text_out
        self._audio += audio_out
        return usage
