"""What a server's usage costs: tokens by kind, minutes and sessions, at the prices of its endpoint.

Money is whole micro-units (millionths) of the configured currency, and every amount is rounded up. No price
is built in.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.protocol.objects import InputTokenDetails, TranscriptionUsage, Usage

MICROS = 1_000_000
"""Micro-units of one unit of money."""

MS_PER_MINUTE = 60_000

MS_PER_TOKEN = 100
"""One token for 100 ms of a person's voice (OpenAI's guide to Realtime costs): what a transcription that is
told in seconds is taken for where only tokens have prices."""


class TokenKind(enum.Enum):
    """What a token is of. ``other`` is what a server did not break down."""

    TEXT_INPUT = "text_input"
    TEXT_CACHED_INPUT = "text_cached_input"
    AUDIO_INPUT = "audio_input"
    AUDIO_CACHED_INPUT = "audio_cached_input"
    IMAGE_INPUT = "image_input"
    IMAGE_CACHED_INPUT = "image_cached_input"
    OTHER_INPUT = "other_input"
    TRANSCRIPTION_INPUT = "transcription_input"
    TEXT_OUTPUT = "text_output"
    AUDIO_OUTPUT = "audio_output"
    OTHER_OUTPUT = "other_output"
    TRANSCRIPTION_OUTPUT = "transcription_output"

    @property
    def is_input(self) -> bool:
        """Whether the model reads it."""
        return self.value.endswith("_input")


Tokens = dict[TokenKind, int]
"""Counts by kind; a kind that is not there is 0."""

UNCACHED = {
    TokenKind.TEXT_CACHED_INPUT: TokenKind.TEXT_INPUT,
    TokenKind.AUDIO_CACHED_INPUT: TokenKind.AUDIO_INPUT,
    TokenKind.IMAGE_CACHED_INPUT: TokenKind.IMAGE_INPUT,
}


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one endpoint in micro-units.

    ``per_million`` holds tokens by kind. ``per_minute`` is for an open session, ``per_session`` for opening
    it, ``per_transcribed_minute`` for speech that is written down and told in seconds.
    """

    per_million: Mapping[TokenKind, int] = field(default_factory=dict)
    per_minute: int = 0
    per_session: int = 0
    per_transcribed_minute: int | None = None

    @property
    def are_known(self) -> bool:
        """Whether anything costs something."""
        amounts = (self.per_minute, self.per_session, self.per_transcribed_minute or 0)
        return any(self.per_million.values()) or any(amounts)

    def per_million_of(self, kind: TokenKind) -> int:
        """Return the price of a million tokens of ``kind``.

        Cached tokens without a price cost what others of their kind do; anything else without one the dearest
        of its direction.
        """
        for known in (kind, UNCACHED.get(kind, kind)):
            if known in self.per_million:
                return self.per_million[known]
        return max((price for other, price in self.per_million.items() if _go_alike(other, kind)), default=0)

    def of_tokens(self, tokens: Tokens) -> int:
        """Return what they cost together."""
        millionths = sum(count * self.per_million_of(kind) for kind, count in tokens.items())
        return -(-millionths // 1_000_000)

    def of_open_ms(self, open_ms: int) -> int:
        """Return what an open session costs for so long."""
        return -(-open_ms * self.per_minute // MS_PER_MINUTE)

    def of_transcribed_ms(self, transcribed_ms: int) -> int:
        """Return what writing down so much speech costs."""
        if self.per_transcribed_minute is not None:
            return -(-transcribed_ms * self.per_transcribed_minute // MS_PER_MINUTE)
        return self.of_tokens({TokenKind.OTHER_INPUT: -(-transcribed_ms // MS_PER_TOKEN)})


def tokens_of(usage: Usage) -> Tokens:
    """Return what a response used, by kind. What the details don't explain is of the kind ``other``."""
    found = _input_tokens(usage.input_token_details)
    _put(found, TokenKind.OTHER_INPUT, usage.input_tokens - sum(found.values()))
    details = usage.output_token_details
    written, spoken = (details.text_tokens, details.audio_tokens) if details else (0, 0)
    _put(found, TokenKind.TEXT_OUTPUT, written)
    _put(found, TokenKind.AUDIO_OUTPUT, spoken)
    _put(found, TokenKind.OTHER_OUTPUT, usage.output_tokens - max(0, written) - max(0, spoken))
    return found


def tokens_of_transcription(usage: TranscriptionUsage) -> Tokens:
    """Return the tokens of one transcription; none if it is told in seconds."""
    found: Tokens = {}
    _put(found, TokenKind.TRANSCRIPTION_INPUT, usage.input_tokens or 0)
    _put(found, TokenKind.TRANSCRIPTION_OUTPUT, usage.output_tokens or 0)
    return found


def transcribed_ms(usage: TranscriptionUsage) -> int:
    """Return how much speech one transcription is billed for, 0 if it is told in tokens."""
    seconds = usage.seconds or 0.0
    return math.ceil(seconds * 1000) if 0 < seconds < math.inf else 0


def _input_tokens(details: InputTokenDetails | None) -> Tokens:
    if details is None:
        return {}
    cached = details.cached_tokens_details
    found: Tokens = {}
    for plain, cheap, count, discounted in (
        (
            TokenKind.TEXT_INPUT,
            TokenKind.TEXT_CACHED_INPUT,
            details.text_tokens,
            cached and cached.text_tokens,
        ),
        (
            TokenKind.AUDIO_INPUT,
            TokenKind.AUDIO_CACHED_INPUT,
            details.audio_tokens,
            cached and cached.audio_tokens,
        ),
        (
            TokenKind.IMAGE_INPUT,
            TokenKind.IMAGE_CACHED_INPUT,
            details.image_tokens,
            cached and cached.image_tokens,
        ),
    ):
        cheaper = min(max(0, discounted or 0), max(0, count))
        _put(found, cheap, cheaper)
        _put(found, plain, count - cheaper)
    return found


def _put(tokens: Tokens, kind: TokenKind, count: int) -> None:
    """Note a count; a server's negative number is none."""
    if count > 0:
        tokens[kind] = count


def _go_alike(one: TokenKind, other: TokenKind) -> bool:
    return one.is_input == other.is_input
